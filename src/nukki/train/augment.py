"""What a photo and its alpha go through before the network sees them.

Every step takes a picture (H, W, 3) uint8, an alpha (H, W) uint8 or float32, and a random
generator; all chance comes from that generator, so a sample is a function of its seed. The steps
stand for what people feed a cut-out tool: parts of photos, small and large subjects, dark, noisy,
blurred and much compressed pictures, screenshots of drawings.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nukki.ops.composite import compose
from nukki.ops.foreground import estimate_foreground
from nukki.types import RGB8

__all__ = ["Mask8", "backdrop", "crop", "degrade", "empty_part", "flip", "paste", "tone", "turn"]

Mask8 = NDArray[np.uint8]
Chance = np.random.Generator
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def flip(image: RGB8, mask: Mask8) -> tuple[RGB8, Mask8]:
    """The mirror picture."""
    return np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])


def crop(
    image: RGB8, mask: Mask8, chance: Chance, least: float, *, hold: float = 0.7
) -> tuple[RGB8, Mask8]:
    """A random part of the picture that keeps most of its subject.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8.
        chance: The source of randomness.
        least: The smallest part, as a share of the picture's area.
        hold: The share of the subject that the part's rows must keep, and its columns likewise
            (so it keeps at least 2 · hold - 1 of the subject, of a box hold²); after four misses
            the whole picture is given.
    """
    height, width = mask.shape
    # How much of the subject lies in a part is read off the corners of a table of sums.
    rows = mask.sum(axis=1, dtype=np.float64).cumsum()
    columns = mask.sum(axis=0, dtype=np.float64).cumsum()
    total = rows[-1]
    for _ in range(4):
        share = chance.uniform(least, 1.0)
        stretch = np.exp(chance.uniform(-0.2, 0.2))
        tall = min(height, max(8, round(height * np.sqrt(share) * stretch)))
        wide = min(width, max(8, round(width * np.sqrt(share) / stretch)))
        top = int(chance.integers(0, height - tall + 1))
        left = int(chance.integers(0, width - wide + 1))
        if total > 0:
            along = rows[top + tall - 1] - (rows[top - 1] if top else 0.0)
            across = columns[left + wide - 1] - (columns[left - 1] if left else 0.0)
            if along < hold * total or across < hold * total:
                continue
        part = slice(top, top + tall), slice(left, left + wide)
        return image[part], mask[part]
    return image, mask


def empty_part(image: RGB8, mask: Mask8, chance: Chance) -> RGB8 | None:
    """A part of at least a seventh of the photo with nothing of its subject, if one is found."""
    height, width = mask.shape
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = (mask > 10).cumsum(axis=0).cumsum(axis=1)
    for _ in range(12):
        tall = int(chance.integers(int(0.38 * height), height + 1))
        wide = int(chance.integers(int(0.38 * width), width + 1))
        top = int(chance.integers(0, height - tall + 1))
        left = int(chance.integers(0, width - wide + 1))
        low, right = top + tall, left + wide
        inside = sums[low, right] - sums[top, right] - sums[low, left] + sums[top, left]
        if inside == 0 and tall * wide >= height * width / 7:
            return np.ascontiguousarray(image[top:low, left:right])
    return None


def turn(image: RGB8, mask: Mask8, chance: Chance, degrees: float) -> tuple[RGB8, Mask8]:
    """Turn by up to `degrees` and cut away most of the empty corners."""
    angle = float(chance.uniform(-degrees, degrees))
    height, width = mask.shape
    bilinear = Image.Resampling.BILINEAR
    turned = Image.fromarray(image).rotate(angle, bilinear)
    turned_mask = Image.fromarray(mask).rotate(angle, bilinear)
    slack = abs(np.sin(np.radians(angle)))
    left, top = round(0.35 * slack * height), round(0.35 * slack * width)
    box = left, top, max(left + 8, width - left), max(top + 8, height - top)
    return np.asarray(turned.crop(box)), np.asarray(turned_mask.crop(box))


def backdrop(places: RGB8 | None, height: int, width: int, chance: Chance) -> RGB8:
    """Something to put a cut-out on: a part of a place, or a plain or graded colour.

    Args:
        places: A photo of a place; None gives a colour.
        height: Of the result.
        width: Of the result.
        chance: The source of randomness.
    """
    if places is not None:
        part, _ = crop(places, np.zeros(places.shape[:2], np.uint8), chance, 0.2)
        resized = Image.fromarray(np.ascontiguousarray(part)).resize((width, height))
        if chance.random() < 0.3:  # out of focus, as backgrounds of portraits are
            resized = resized.filter(ImageFilter.GaussianBlur(float(chance.uniform(1, 6))))
        return np.asarray(resized)
    ends = (
        chance.uniform(0, 255, (2, 3))
        if chance.random() < 0.6
        else np.full((2, 3), chance.uniform(150, 255))
    )
    if chance.random() < 0.5:
        ends[1] = ends[0]
    ramp = np.linspace(0, 1, height)[:, None, None]
    colour = ends[0] * (1 - ramp) + ends[1] * ramp
    return np.asarray(np.rint(np.broadcast_to(colour, (height, width, 3))), np.uint8)


def paste(image: RGB8, mask: Mask8, behind: RGB8, chance: Chance) -> tuple[RGB8, Mask8]:
    """Cut the subject out and put it over another background, at a random size and place.

    The subject's own colours are estimated first, so that no rim of the old background gives it
    away. Its size runs from a fifth of the background's side to all of it.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8.
        behind: (h, w, 3) uint8.
        chance: The source of randomness.

    Returns:
        A picture and an alpha of the background's size.
    """
    rows, columns = np.flatnonzero(mask.max(axis=1)), np.flatnonzero(mask.max(axis=0))
    if rows.size == 0:
        return behind, np.zeros(behind.shape[:2], np.uint8)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    tall, wide = mask[box].shape
    height, width = behind.shape[:2]
    scale = min(height / tall, width / wide) * float(chance.uniform(0.2, 1.0)) ** 0.7
    size = max(2, round(wide * scale)), max(2, round(tall * scale))
    small = np.asarray(Image.fromarray(np.ascontiguousarray(image[box])).resize(size))
    alpha = np.asarray(Image.fromarray(np.ascontiguousarray(mask[box])).resize(size))
    covered = alpha.astype(np.float32) / np.float32(255)
    colours = estimate_foreground(small, covered)
    # Feet, busts and the like stand on the lower rim as often as they float.
    free = height - size[1]
    top = free if chance.random() < 0.5 else int(chance.integers(0, free + 1))
    left = int(chance.integers(0, width - size[0] + 1))
    where = slice(top, top + size[1]), slice(left, left + size[0])
    result, truth = behind.copy(), np.zeros((height, width), np.uint8)
    result[where] = compose(colours, covered, np.ascontiguousarray(behind[where]))
    truth[where] = alpha
    return result, truth


def tone(image: RGB8, chance: Chance) -> RGB8:
    """Exposure, contrast, gamma and white balance within what cameras do, one table a channel."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    gains = np.exp(chance.normal(0, 0.06, (1, 3))).astype(np.float32) * np.float32(
        np.exp(chance.normal(0, 0.15))
    )
    contrast = np.float32(np.exp(chance.normal(0, 0.15)))
    gamma = np.float32(np.exp(chance.normal(0, 0.15)))
    table = np.clip((np.clip(ramp * gains, 0, 1) ** gamma - 0.5) * contrast + 0.5, 0, 1)
    return _looked_up(image, table)


def _looked_up(image: RGB8, table: NDArray[np.float32]) -> RGB8:
    bytes_ = np.rint(table * 255).astype(np.uint8)
    return np.stack([bytes_[image[..., c], c] for c in range(3)], axis=-1)


def _saturate(image: RGB8, amount: float) -> RGB8:
    """Blend with the grey picture: 0 is grey, 1 the picture, 2 garish."""
    grey = (image.astype(np.float32) @ _LUMA)[..., None]
    return np.asarray(
        np.clip(np.rint(grey + (image - grey) * np.float32(amount)), 0, 255), np.uint8
    )


def _grey(image: RGB8, chance: Chance) -> RGB8:
    """Black and white, sometimes sepia."""
    plain = _saturate(image, 0.0)
    if chance.random() < 0.3:
        tint = np.array([1.0, 0.87, 0.68], np.float32)
        return np.asarray(np.rint(plain * tint), np.uint8)
    return plain


def _dark(image: RGB8, chance: Chance) -> RGB8:
    """Low light: a few stops less, noise that grows in the shadows, sometimes a cast."""
    stops = chance.uniform(1.0, 3.0)
    cast = np.exp(chance.normal(0, 0.15, (1, 3))).astype(np.float32)
    linear = (np.linspace(0, 1, 256, dtype=np.float32)[:, None]) ** np.float32(2.2)
    table = np.clip(linear * cast * np.float32(0.5**stops), 0, 1) ** np.float32(1 / 2.2)
    return _noise(_looked_up(image, table), chance, (2.0, 9.0))


def _noise(image: RGB8, chance: Chance, strength: tuple[float, float] = (3.0, 20.0)) -> RGB8:
    sigma = chance.uniform(*strength)
    grain = chance.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.clip(np.rint(image + grain), 0, 255), np.uint8)


def _blur(image: RGB8, chance: Chance) -> RGB8:
    radius = float(chance.uniform(0.5, 2.5))
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def _shake(image: RGB8, chance: Chance) -> RGB8:
    """Motion blur: the mean of the picture moved along a line."""
    length = int(chance.integers(3, 10))
    angle = chance.uniform(0, np.pi)
    total = np.zeros(image.shape, np.float32)
    for step in range(length):
        offset = step - length // 2
        move = round(offset * np.sin(angle)), round(offset * np.cos(angle))
        total += np.roll(image, move, axis=(0, 1))
    return np.asarray(np.rint(total / length), np.uint8)


def _jpeg(image: RGB8, chance: Chance) -> RGB8:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(chance.integers(15, 70)))
    return np.asarray(Image.open(file))


def _coarse(image: RGB8, chance: Chance) -> RGB8:
    """A thumbnail blown up: a half to a quarter of the size and back."""
    height, width = image.shape[:2]
    factor = chance.uniform(2, 4)
    small = Image.fromarray(image).resize(
        (max(8, round(width / factor)), max(8, round(height / factor)))
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _drawing(image: RGB8, chance: Chance) -> RGB8:
    """Something like a cartoon: flat colours, sometimes with dark outlines, or a pencil sketch."""
    picture = Image.fromarray(image)
    smooth = picture.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.GaussianBlur(1))
    octree = Image.Quantize.FASTOCTREE
    flat = smooth.quantize(int(chance.integers(6, 24)), octree, dither=Image.Dither.NONE).convert(
        "RGB"
    )
    kind = chance.random()
    if kind < 0.4:
        return np.asarray(flat)
    lines = np.asarray(
        picture.convert("L").filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.CONTOUR)
    )
    if kind < 0.8:
        ink = np.where(lines < 200, np.uint8(40), np.uint8(255))
        return np.asarray(np.minimum(np.asarray(flat), ink[..., None]), np.uint8)
    return np.repeat(lines[..., None], 3, axis=2)


_RARE: tuple[tuple[float, Callable[[RGB8, Chance], RGB8]], ...] = (
    (0.04, _drawing),
    (0.05, _grey),
    (0.05, _dark),
    (0.05, _blur),
    (0.02, _shake),
    (0.03, _coarse),
    (0.07, _noise),
    (0.12, _jpeg),
)


def degrade(image: RGB8, chance: Chance) -> RGB8:
    """Colours as other cameras see them; rarely also something worse (each by its own chance)."""
    if chance.random() < 0.7:
        image = tone(image, chance)
    if chance.random() < 0.3:
        image = _saturate(image, chance.uniform(0.4, 1.6))
    for share, spoil in _RARE:
        if chance.random() < share:
            image = spoil(np.ascontiguousarray(image), chance)
    return image
