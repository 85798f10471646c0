"""Scenes with several people or things whose truth is known: cut-outs over a photo.

Cut-outs stand on one ground as a camera would see them: with the horizon at the row `v`, whoever
is `h` pixels tall in the picture has the feet at `v + c · h`, `c` the camera's height as a share
of that of a person (similar triangles). So heads are at about one height, nearer people are larger
and stand lower, and somebody whose photo ends at the waist is so near that the rest is below the
picture. Near ones hide far ones. All chance comes from the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from nukki.ops.composite import compose
from nukki.ops.foreground import estimate_foreground
from nukki.train import augment
from nukki.train.things import CAT, DOG, PERSON, Mask8, Thing, tight
from nukki.types import RGB8, Box

__all__ = ["Chances", "Cutout", "compose_scene", "how_many"]

Chance = np.random.Generator
Cutout: TypeAlias = tuple[RGB8, Mask8, int]

_COUNTS = (0.08, 0.20, 0.22, 0.20, 0.16, 0.14)  # of 1, 2, … 6 cut-outs
_LEAST_SHARE, _LEAST_PIXELS = 0.15, 100  # of a thing must be seen, or it is passed over
_CUT = 0.12  # share of a side of a cut-out's box that lies on its photo's rim, where that cut it
_NEAR_RIM = 2  # pixels from the rim at which it lies on the rim: masks were drawn by hand
# Heights as shares of a grown person's, from and to, by label; else `_OTHER`.
_HEIGHTS = {PERSON: (0.9, 1.06), CAT: (0.15, 0.3), DOG: (0.22, 0.5)}
_OTHER = (0.15, 0.8)
_SHOULDERS = 3.4  # a person's height over the width of head and shoulders


@dataclass(frozen=True)
class Chances:
    """How often what is done to a cut-out.

    Attributes:
        mirror: It is mirrored.
        tone: Its brightness and colours are changed.
        soften: It is a little out of focus.
        shadow: It darkens what is behind and below it.
    """

    mirror: float = 0.5
    tone: float = 0.5
    soften: float = 0.2
    shadow: float = 0.4


@dataclass(frozen=True)
class _Ground:
    """Where the camera stands: the horizon's row, its height, and a grown person's height."""

    horizon: float
    camera: float
    person: float


@dataclass(frozen=True, eq=False)
class _Piece:
    """A cut-out as it is to be pasted.

    Attributes:
        image: The part of its photo that holds it.
        mask: Its alpha there.
        label: As in `Thing`.
        cut: Whether its photo cut it at the left, top, right and bottom.
        box: Left, top, right, bottom in the scene; may lie outside in part.
        depth: Height in the scene that a grown person has beside it: large is near.
    """

    image: RGB8
    mask: Mask8
    label: int
    cut: tuple[bool, bool, bool, bool]
    box: Box
    depth: float


def how_many(chance: Chance) -> int:
    """Cut-outs for a scene: 1 to 6, mostly 2 to 5."""
    return 1 + int(chance.choice(len(_COUNTS), p=_COUNTS))


def compose_scene(
    behind: RGB8,
    cutouts: Sequence[Cutout],
    chance: Chance,
    *,
    there: Sequence[Thing] = (),
    chances: Chances | None = None,
) -> tuple[RGB8, tuple[Thing, ...]]:
    """Put cut-outs into a photo as if they had stood there.

    Args:
        behind: (H, W, 3) uint8.
        cutouts: Photo (h, w, 3) uint8, alpha (h, w) uint8 and label of each; those without a
            pixel of at least half alpha are left out.
        chance: The source of randomness.
        there: Things that are in the photo already; they are behind all cut-outs.
        chances: What is done to a cut-out, and how often.

    Returns:
        The scene (H, W, 3) uint8, and its things: those that were there, then the cut-outs from
        the farthest to the nearest, each with the alpha of what is seen of it and the box around
        that. Of whom less than 15 % or 100 pixels are seen, it is said to be passed over (`crowd`);
        who cannot be seen at all is left out.
    """
    chances = chances or Chances()
    height, width = behind.shape[:2]
    ground = _Ground(
        horizon=height * float(chance.uniform(0.25, 0.55)),
        camera=float(chance.uniform(0.8, 1.05)),
        person=height * float(np.exp(chance.uniform(np.log(0.3), np.log(1.4)))),
    )
    found = [_lifted(*one, chance, chances) for one in cutouts]
    pieces = [piece for piece in found if piece is not None]
    sized = [_sized(piece, ground, height, chance) for piece in pieces]
    placed = sorted(_spread(sized, width, chance), key=lambda piece: piece.depth)
    scene = behind
    layers: list[tuple[_Piece, Mask8, float]] = []
    for piece in placed:
        scene, alpha, whole = _pasted(scene, piece, chance, chances)
        layers.append((piece, alpha, whole))
    return scene, _truth(layers, there, (height, width))


# --- one cut-out


def _lifted(
    image: RGB8, mask: Mask8, label: int, chance: Chance, chances: Chances
) -> _Piece | None:
    """The part of a photo that holds the thing; None where there is none."""
    if chance.random() < chances.mirror:
        image, mask = augment.flip(image, mask)
    box = tight(mask)
    if box is None:
        return None
    left, top, right, bottom = (int(edge) for edge in box)
    inside = mask[top:bottom, left:right] >= 128
    height, width = mask.shape
    cut = (
        left <= _NEAR_RIM and bool(inside[:, 0].mean() > _CUT),
        top <= _NEAR_RIM and bool(inside[0].mean() > _CUT),
        right >= width - _NEAR_RIM and bool(inside[:, -1].mean() > _CUT),
        bottom >= height - _NEAR_RIM and bool(inside[-1].mean() > _CUT),
    )
    rim = Box(left, top, right, bottom).grown(4, height, width)  # soft rims reach beyond the box
    part = rim.slices()
    shape = Box(0, 0, rim.width, rim.height)
    return _Piece(image[part], mask[part], label, cut, shape, 0.0)


def _sized(piece: _Piece, ground: _Ground, height: int, chance: Chance) -> _Piece:
    """The piece at the size and the row where it belongs."""
    tall, wide = piece.mask.shape
    low, high = _HEIGHTS.get(piece.label, _OTHER)
    stature = float(np.exp(chance.uniform(np.log(low), np.log(high))))
    near = float(np.exp(chance.normal(0, 0.06)))
    if chance.random() < 0.25:
        near *= float(chance.uniform(1.2, 1.9))
    depth = ground.person * near
    # How much of the whole thing its photo shows: a person's is seen by the shoulders.
    shown = 1.0
    if piece.cut[3]:
        whole = _SHOULDERS * wide if piece.label == PERSON else 1.4 * tall
        shown = min(0.85, tall / whole)
        # So near that where the photo ends lies on or below the picture's lower rim.
        reach = ground.camera - stature * (1 - shown)
        least = (height - ground.horizon) / max(reach, 0.1)
        depth = max(depth, least * float(chance.uniform(1.0, 1.25)))
    size = max(8, round(depth * stature * shown))
    if piece.cut[3]:
        size = min(size, round(height * float(chance.uniform(0.6, 1.1))))
        if piece.cut[1]:
            size = max(size, height)
    broad = max(2, round(wide * size / tall))
    feet = ground.horizon + ground.camera * depth * float(np.exp(chance.normal(0, 0.02)))
    top = round(feet - depth * stature)
    if piece.cut[3]:
        top = max(top, height - size)
    if piece.cut[1]:
        top = min(top, 0)
    return replace(piece, box=Box(0, top, broad, top + size), depth=depth)


def _spread(pieces: Sequence[_Piece], width: int, chance: Chance) -> list[_Piece]:
    """Side by side with gaps and overlaps, or anywhere; what a side cut off stays at that side."""
    if not pieces:
        return []
    order = [pieces[place] for place in chance.permutation(len(pieces))]
    widths = np.array([piece.box.width for piece in order], np.float64)
    if chance.random() < 0.7:
        steps = (widths[1:] + widths[:-1]) / 2 * chance.uniform(0.35, 1.1, len(order) - 1)
        centres = np.concatenate(([0.0], np.cumsum(steps)))
        span = centres[-1] + widths[0] / 2 + widths[-1] / 2
        if span > 1.1 * width:
            centres *= 1.1 * width / span
            span = 1.1 * width
        free = width - span
        centres += widths[0] / 2 + free * float(chance.uniform(0, 1))
    else:
        centres = chance.uniform(0.02, 0.98, len(order)) * width
    return [_moved(piece, float(x), width) for piece, x in zip(order, centres, strict=True)]


def _moved(piece: _Piece, centre: float, width: int) -> _Piece:
    box = piece.box
    left = round(centre - box.width / 2)
    if piece.cut[0]:
        left = min(left, 0)
        left = max(left, -box.width // 2)
    if piece.cut[2]:
        left = max(left, width - box.width)
        left = min(left, width - box.width // 2) if not piece.cut[0] else left
    return replace(piece, box=Box(left, box.top, left + box.width, box.bottom))


def _pasted(
    scene: RGB8, piece: _Piece, chance: Chance, chances: Chances
) -> tuple[RGB8, Mask8, float]:
    """The scene with the piece in it, the piece's alpha (H, W), and that of all of it, summed."""
    height, width = scene.shape[:2]
    alpha = np.zeros((height, width), np.uint8)
    box, seen = piece.box, piece.box.within(Box(0, 0, width, height))
    shrink = box.width / piece.mask.shape[1], box.height / piece.mask.shape[0]
    whole = float(piece.mask.sum(dtype=np.float64)) * shrink[0] * shrink[1] / 255
    tone = chance.random() < chances.tone
    blur = float(chance.uniform(0.3, 1.2)) if chance.random() < chances.soften else 0.0
    shadow = float(chance.uniform(0.15, 0.5)) if chance.random() < chances.shadow else 0.0
    if seen.width <= 0 or seen.height <= 0:
        return scene, alpha, whole
    # Of a large piece only what will be seen is enlarged.
    part = (
        (seen.left - box.left) / shrink[0], (seen.top - box.top) / shrink[1],
        (seen.right - box.left) / shrink[0], (seen.bottom - box.top) / shrink[1],
    )  # fmt: skip
    size = seen.width, seen.height
    image, mask = (Image.fromarray(np.ascontiguousarray(one)) for one in (piece.image, piece.mask))
    bilinear = Image.Resampling.BILINEAR
    small = image.resize(size, bilinear, box=_bounded(part, image.size))
    cover = mask.resize(size, bilinear, box=_bounded(part, mask.size))
    if blur:
        small, cover = (one.filter(ImageFilter.GaussianBlur(blur)) for one in (small, cover))
    alpha[seen.slices()] = np.asarray(cover)
    share = np.asarray(cover, np.float32) / np.float32(255)
    colours = _cleaned(np.asarray(small), cover)
    if tone:
        colours = augment.tone(colours, chance)
    result = _shaded(scene, alpha, box, shadow, chance) if shadow else scene.copy()
    result[seen.slices()] = compose(colours, share, result[seen.slices()])
    return result, alpha, whole


def _cleaned(image: RGB8, cover: Image.Image) -> RGB8:
    """Colours without the old background: the rim's come from further in.

    Masks that were drawn by hand reach beyond the thing here and there, so the rim counts as mixed
    even where the mask says it is solid.
    """
    wide = np.asarray(cover.filter(ImageFilter.GaussianBlur(1.2)), np.float32) / np.float32(255)
    share = np.asarray(cover, np.float32) / np.float32(255)
    inner = np.minimum(share, np.clip(2 * wide - 1, 0, 1))
    return np.asarray(estimate_foreground(image, inner), np.uint8)


def _bounded(
    part: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A part of a picture, its last digits rounded so that it does not reach beyond."""
    return max(0.0, part[0]), max(0.0, part[1]), min(part[2], size[0]), min(part[3], size[1])


def _shaded(scene: RGB8, alpha: Mask8, box: Box, strength: float, chance: Chance) -> RGB8:
    """The scene darkened softly beside and below a thing."""
    move = round(box.width * float(chance.uniform(-0.25, 0.25))), round(0.02 * box.height)
    shape = Image.fromarray(alpha)
    moved = Image.new("L", shape.size)
    moved.paste(shape, move)
    soft = moved.filter(ImageFilter.GaussianBlur(max(1.0, 0.03 * box.height)))
    light = 1 - np.float32(strength) * np.asarray(soft, np.float32)[..., None] / np.float32(255)
    return np.asarray(np.rint(scene * light), np.uint8)


# --- what is seen


def _truth(
    layers: Sequence[tuple[_Piece, Mask8, float]],
    there: Sequence[Thing],
    shape: tuple[int, int],
) -> tuple[Thing, ...]:
    """What is seen of every thing, the nearest first hidden by nothing."""
    free = np.ones(shape, np.float32)  # share of each pixel that nothing nearer covers
    things: list[Thing] = []
    for piece, alpha, whole in reversed(layers):
        seen = np.asarray(np.rint(alpha * free), np.uint8)
        free = free * (1 - alpha.astype(np.float32) / np.float32(255))
        box = tight(seen)
        if box is not None:
            pixels = float(seen.sum(dtype=np.float64)) / 255
            hidden = pixels < _LEAST_PIXELS or pixels < _LEAST_SHARE * whole
            things.append(Thing(piece.label, box, seen, crowd=hidden))
    before = (_behind(thing, free) for thing in there)
    return (*(thing for thing in before if thing is not None), *reversed(things))


def _behind(thing: Thing, free: np.ndarray) -> Thing | None:
    """A thing of the photo when the scene is in front of it; None where all of it is hidden."""
    if thing.mask is None:
        left, top, right, bottom = (round(edge) for edge in thing.box)
        part = free[top : max(bottom, top + 1), left : max(right, left + 1)]
        left_over = float(part.mean()) if part.size else 0.0
        # Where half the box is covered, nobody knows where the rest of the thing ends.
        return None if left_over < 0.02 else replace(thing, crowd=thing.crowd or left_over < 0.5)
    seen = np.asarray(np.rint(thing.mask * free), np.uint8)
    if np.array_equal(seen, thing.mask):
        return thing
    box = tight(seen)
    if box is None:
        return None
    pixels = float(seen.sum(dtype=np.float64)) / 255
    whole = float(thing.mask.sum(dtype=np.float64)) / 255
    hidden = pixels < _LEAST_PIXELS or pixels < _LEAST_SHARE * whole
    return replace(thing, box=box, mask=seen, crowd=thing.crowd or hidden)
