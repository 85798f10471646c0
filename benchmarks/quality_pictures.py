"""What is hard about a photo, and photos made worse: the pictures behind `quality.py`.

Everything here is a function of pixels alone, so that every run sees the same pictures.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nukki.evaluate.variations import exposed
from nukki.ops.components import find_pieces
from nukki.ops.contours import within
from nukki.types import RGB8, Mask

__all__ = ["HOLES", "LOW", "SMALL", "THIN", "WORSE", "hole_share", "lab", "marks"]
__all__ += ["rim_contrast", "thin_share"]

# --- what is hard

THIN = 0.04  # of the subject, at least, is thinner than the disc of `thin_share`
HOLES = 0.02  # of the subject's size, at least, is background that it encloses
SMALL = 0.05  # of the picture, at most, is subject
LOW = 20.0  # CIELAB units, at most, between the two sides of the rim

_DISC = 0.01  # radius, of the diagonal
_BAND = 0.02  # width on either side of the rim, of the diagonal
_CELLS = 8  # along each side of the picture
_FEW = 20  # pixels: with fewer on one side a cell does not count
_SPECK = 0.0002  # of the picture: smaller holes are faults of the mask


def marks(photo: RGB8, mask: Mask) -> tuple[str, ...]:
    """What is hard about a photo: "thin parts or holes", "small", "low contrast".

    Args:
        photo: (H, W, 3) uint8, sRGB.
        mask: (H, W) bool; an empty one is not hard.
    """
    if not mask.any():
        return ()
    found = {
        "thin parts or holes": thin_share(mask) >= THIN or hole_share(mask) >= HOLES,
        "small": mask.mean() <= SMALL,
        "low contrast": rim_contrast(photo, mask) <= LOW,
    }
    return tuple(name for name, applies in found.items() if applies)


def thin_share(mask: Mask) -> float:
    """Share of the subject where a disc with a radius of 1 % of the diagonal does not fit, 0..1.

    What an opening (Serra, "Image analysis and mathematical morphology", 1982) takes away. Beyond
    the picture's rim the subject goes on.

    Args:
        mask: (H, W) bool, not empty.
    """
    reach = math.ceil(_DISC * math.hypot(*mask.shape))
    opened = within(~within(~mask, reach), reach) & mask
    return 1 - np.count_nonzero(opened) / np.count_nonzero(mask)


def hole_share(mask: Mask) -> float:
    """Pixels of the background that the subject encloses, as a share of the subject's pixels.

    Args:
        mask: (H, W) bool, not empty.
    """
    pieces = find_pieces(~mask, diagonal=False)
    areas = pieces.areas()
    enclosed = areas[~pieces.touching_rim() & (areas >= _SPECK * mask.size)]
    return float(enclosed.sum() / np.count_nonzero(mask))


def rim_contrast(photo: RGB8, mask: Mask) -> float:
    """Mean difference of colour between the two sides of the rim, in CIELAB units (ΔE, CIE 1976).

    The picture is cut into 8 × 8 cells. In each, the mean colours of the subject and of the
    background within 2 % of the diagonal of the rim are compared; cells count by their pixels.

    Args:
        photo: (H, W, 3) uint8, sRGB.
        mask: (H, W) bool.

    Returns:
        NaN where there is no rim.
    """
    reach = math.ceil(_BAND * math.hypot(*mask.shape))
    rows = np.arange(mask.shape[0])[:, None] * _CELLS // mask.shape[0]
    cells = rows * _CELLS + np.arange(mask.shape[1]) * _CELLS // mask.shape[1]
    colours = lab(photo)
    counts, means = [], []
    for band in (mask & within(~mask, reach), ~mask & within(mask, reach)):
        place = cells[band]
        count = np.bincount(place, minlength=_CELLS**2)
        sums = [np.bincount(place, plane[band], _CELLS**2) for plane in np.moveaxis(colours, 2, 0)]
        counts.append(count)
        means.append(np.stack(sums) / np.maximum(count, 1))
    weights = np.minimum(*counts)
    weights[weights < _FEW] = 0
    if not weights.any():
        return float("nan")
    return float(np.average(np.linalg.norm(means[0] - means[1], axis=0), weights=weights))


def lab(photo: RGB8) -> NDArray[np.float64]:
    """(H, W, 3) float64 CIELAB of an sRGB picture (IEC 61966-2-1, D65; CIE 15)."""
    coded = np.arange(256) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    ratio = light[photo] @ (to_xyz / to_xyz.sum(axis=1, keepdims=True)).T  # to white, which is 1
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, 2, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=2)


# --- made worse


def drawing(photo: RGB8, _seed: int) -> RGB8:
    """Six levels a channel after three median filters of 5 × 5, black where brightness jumps."""
    smooth = Image.fromarray(photo)
    for _ in range(3):
        smooth = smooth.filter(ImageFilter.MedianFilter(5))
    flat = np.rint(np.asarray(smooth, np.float32) / 51) * 51
    grey = np.asarray(smooth.convert("L"), np.float32)
    down, across = np.gradient(grey)
    flat[np.hypot(down, across) > 16] = 0
    return flat.astype(np.uint8)


def dark(photo: RGB8, seed: int) -> RGB8:
    """Three stops less light, and noise with a standard deviation of 6 levels."""
    return _noisy(exposed(photo, -3), 6, seed)


def blurred(photo: RGB8, _seed: int) -> RGB8:
    """Out of focus: a Gaussian with a standard deviation of .6 % of the diagonal."""
    radius = 0.006 * math.hypot(*photo.shape[:2])
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


def noisy(photo: RGB8, seed: int) -> RGB8:
    """Noise with a standard deviation of 30 levels in each channel."""
    return _noisy(photo, 30, seed)


def jpeg(photo: RGB8, _seed: int) -> RGB8:
    """Saved as JPEG of quality 10, colours at half the resolution."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=10, subsampling="4:2:0")
    return np.asarray(Image.open(file))


def low_resolution(photo: RGB8, _seed: int) -> RGB8:
    """Reduced to 160 pixels on the longer side."""
    height, width = photo.shape[:2]
    scale = 160 / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BOX))


def _noisy(photo: RGB8, sigma: float, seed: int) -> RGB8:
    noise = np.random.default_rng(seed).normal(0, sigma, photo.shape)
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


WORSE: dict[str, Callable[[RGB8, int], RGB8]] = {
    "drawings": drawing,
    "dark": dark,
    "blurred": blurred,
    "noisy": noisy,
    "JPEG": jpeg,
    "low resolution": low_resolution,
}
