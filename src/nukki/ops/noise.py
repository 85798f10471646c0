"""The grain of a photo: how strong it is, fine and coarse, and the same for what is put into it.

Measured after Immerkær 1996 ("Fast noise variance estimation", Computer Vision and Image
Understanding 64): the difference of two Laplacians leaves noise and little else; here its lowest
quartile tells, which texture moves least. Once on the picture and once on means of 2 × 2 pixels,
since what has passed through a JPEG is coarse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.grid import enlarge
from nukki.types import Alpha, Mask, Pixels

__all__ = ["Grain", "grain_of", "grainy", "missing"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_QUARTILE = 0.3186  # of |z|: a quarter of a normal distribution lies within
_NORM = 6.0  # of the operator: what it makes of white noise of 1
_LEAST = 256  # pixels that must tell
_MOST = 12.0  # levels of 255: what is more is texture
_SIDE = 1500  # pixels of a side that are looked at
# The variances that coarse noise of 1, made at half size and enlarged, measures at either size.
_COARSE_AT_FULL, _COARSE_AT_HALF = 0.0039, 0.122

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Grain:
    """Standard deviations in levels of 255.

    Attributes:
        fine: Measured on the picture.
        coarse: Measured on means of 2 × 2 pixels; half of `fine` where noise is white.
    """

    fine: float
    coarse: float


def grain_of(pixels: Pixels, where: Mask | None = None) -> Grain | None:
    """The grain of a picture or of a part of it.

    Args:
        pixels: (H, W, 3) uint8 or uint16; of large ones the middle is looked at.
        where: (H, W) bool, what counts; None takes all.

    Returns:
        None where too little counts.
    """
    height, width = pixels.shape[:2]
    down, across = max(0, (height - _SIDE) // 2), max(0, (width - _SIDE) // 2)
    part = np.s_[down : down + _SIDE, across : across + _SIDE]
    plane = pixels[part].astype(np.float32) @ _LUMA
    plane *= np.float32(255 / np.iinfo(pixels.dtype).max)
    inside = np.ones(plane.shape, np.bool_) if where is None else where[part]
    # Blown and black pixels have no grain that could be seen.
    inside = inside & (plane > 6) & (plane < 249)
    fine = _measured(plane, inside)
    coarse = _measured(_halved(plane), _halved(inside.astype(np.float32)) > 0.99)
    if fine is None or coarse is None:
        return None
    return Grain(min(fine, _MOST), min(coarse, _MOST))


def missing(own: Grain, target: Grain) -> Grain:
    """What must be added to one grain to have the other: variances add up. None is taken away."""
    return Grain(
        float(np.sqrt(max(0.0, target.fine**2 - own.fine**2))),
        float(np.sqrt(max(0.0, target.coarse**2 - own.coarse**2))),
    )


def grainy(pixels: Pixels, alpha: Alpha, grain: Grain) -> Pixels:
    """The picture with grain added, the same in all channels, where alpha is above 0."""
    coarse = max(0.0, grain.coarse**2 - grain.fine**2 / 4) / _COARSE_AT_HALF
    fine = max(0.0, grain.fine**2 - _COARSE_AT_FULL * coarse)
    if fine == 0 and coarse == 0:
        return pixels
    height, width = alpha.shape
    random = np.random.default_rng(0)
    field = random.standard_normal((height, width), np.float32) * np.float32(np.sqrt(fine))
    small = random.standard_normal((-(-height // 2), -(-width // 2)), np.float32)
    field += enlarge(small, height, width) * np.float32(np.sqrt(coarse))
    field *= alpha > 0
    top = np.iinfo(pixels.dtype).max
    field *= np.float32(top / 255)
    result = np.empty_like(pixels)
    for channel in range(3):
        result[..., channel] = np.rint(np.clip(pixels[..., channel] + field, 0, top))
    return result


def _measured(plane: Plane, inside: Mask) -> float | None:
    if min(plane.shape) < 3:
        return None
    rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    left = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    there = inside[:-2] & inside[1:-1] & inside[2:]
    there = there[:, :-2] & there[:, 1:-1] & there[:, 2:]
    if np.count_nonzero(there) < _LEAST:
        return None
    return float(np.quantile(np.abs(left[there]), 0.25)) / _QUARTILE / _NORM


def _halved(plane: Plane) -> Plane:
    """Means of 2 × 2 pixels; an odd row or column is left out."""
    rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:rows, :columns]
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return np.asarray(total / 4, np.float32)
