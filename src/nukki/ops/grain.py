"""The grain of a photo: how strong it is, fine and coarse, and the same for what is put into it.

Measured after Immerkær 1996 ("Fast noise variance estimation", Computer Vision and Image
Understanding 64): the difference of two Laplacians leaves noise and little else; here its lowest
quartile tells, which texture moves least. Once on the picture and once on sums of 2 × 2 pixels,
since what has passed through a JPEG is coarse. All sums are of whole numbers: the same on any
machine, however the picture lies in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.grid import enlarge
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Alpha, Box, Mask, Pixels

__all__ = ["Grain", "grain_of", "grained", "grainy", "missing"]

_LUMA, _UNIT = (54, 183, 19), 256  # Rec. 709's weights as whole numbers, and their sum
_QUARTILE = 0.3186  # of |z|: a quarter of a normal distribution lies within
_NORM = 6.0  # of the operator: what it makes of white noise of 1
_LEAST = 256  # pixels that must tell
_MOST = 12.0  # levels of 255: what is more is texture
_LOOKED_AT, _STRIPS = 2_250_000, 24  # pixels, in so many strips of a picture that has more
_DARKEST, _LIGHTEST = 6, 249  # levels of 255: blown and black pixels have no grain to be seen
_ENOUGH = 0.5  # of the photo's grain: what has so much is not seen to be smooth
_SEEN = 0.25  # levels: less grain is not seen, and lost in rounding
# The variances that coarse noise of 1, made at half size and enlarged, measures at either size.
_COARSE_AT_FULL, _COARSE_AT_HALF = 0.0039, 0.122

Plane = NDArray[np.int32]


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
        pixels: (H, W, 3) uint8 or uint16; of large ones strips all over are looked at.
        where: (H, W) bool, what counts; None takes all.

    Returns:
        None where too little counts.
    """
    level = _UNIT * (int(np.iinfo(pixels.dtype).max) // 255)  # of 255, in what `_luma` gives
    fine: list[Plane] = []
    coarse: list[Plane] = []
    for rows in _strips(pixels.shape[0], pixels.shape[1]):
        plane = _luma(pixels[rows])
        inside = (plane > _DARKEST * level) & (plane < _LIGHTEST * level)
        if where is not None:
            inside &= where[rows]
        fine.append(_left(plane, inside))
        four = _fours(inside)
        coarse.append(_left(np.add.reduce(_fours(plane)), np.logical_and.reduce(four)))
    strength, softer = _spread(fine, level), _spread(coarse, 4 * level)
    if strength is None or softer is None:
        return None
    return Grain(min(strength, _MOST), min(softer, _MOST))


def missing(own: Grain, target: Grain) -> Grain:
    """What must be added to one grain to have the other: variances add up. None is taken away."""
    return Grain(
        float(np.sqrt(max(0.0, target.fine**2 - own.fine**2))),
        float(np.sqrt(max(0.0, target.coarse**2 - own.coarse**2))),
    )


def grainy(pixels: Pixels, alpha: Alpha, grain: Grain, *, seed: int = 0) -> Pixels:
    """The picture with grain added, the same in all channels, where alpha is above 0."""
    coarse = max(0.0, grain.coarse**2 - grain.fine**2 / 4) / _COARSE_AT_HALF
    fine = max(0.0, grain.fine**2 - _COARSE_AT_FULL * coarse)
    if fine == 0 and coarse == 0:
        return pixels
    height, width = alpha.shape
    random = np.random.default_rng(seed)
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


def grained(image: RGB8, hole: Mask, photo: Grain | None, *, seed: int = 0) -> RGB8:
    """Add to a painted hole what it lacks of the photo's grain, where that is seen.

    Args:
        image: (H, W, 3) uint8, its hole painted.
        hole: (H, W) bool.
        photo: The grain of what lies around it; None where that is not known.
        seed: Of the noise.

    Returns:
        (H, W, 3), equal outside the hole; `image` itself where nothing is lacking.
    """
    own = None if photo is None else grain_of(image, hole)
    box = tight_box(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if own is None or photo is None or box is None or own.fine > _ENOUGH * photo.fine:
        return image
    lacking = missing(own, photo)
    if max(lacking.fine, lacking.coarse) < _SEEN:
        return image
    where = box.slices()
    result = image.copy()
    result[where] = grainy(image[where], hole[where].astype(np.float32), lacking, seed=seed)
    return result


def _strips(height: int, width: int) -> list[slice]:
    """Rows that are looked at: all of a small picture."""
    if height * width <= _LOOKED_AT:
        return [slice(0, height)]
    each = max(4, _LOOKED_AT // (_STRIPS * width) // 2 * 2)
    starts = np.linspace(0, max(0, height - each), _STRIPS).astype(int)
    return [slice(int(start), int(start) + each) for start in starts]


def _luma(pixels: Pixels) -> Plane:
    """(h, w) int32: lightness, `_UNIT` times as fine as the samples."""
    total = np.zeros(pixels.shape[:2], np.int32)
    for channel, weight in enumerate(_LUMA):
        total += pixels[..., channel].astype(np.int32) * np.int32(weight)
    return total


def _fours(plane: NDArray[Any]) -> list[NDArray[Any]]:
    """The four pixels of each 2 × 2; an odd row or column is left out."""
    rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:rows, :columns]
    return [even[::2, ::2], even[1::2, ::2], even[::2, 1::2], even[1::2, 1::2]]


def _left(plane: Plane, inside: Mask) -> Plane:
    """(n,): what the operator leaves of places that lie wholly inside, less its sign."""
    if min(plane.shape) < 3:
        return np.zeros(0, np.int32)
    rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    left = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    there = inside[:-2] & inside[1:-1] & inside[2:]
    there = there[:, :-2] & there[:, 1:-1] & there[:, 2:]
    return np.asarray(np.abs(left[there]))


def _spread(left: Sequence[Plane], level: int) -> float | None:
    """The noise that leaves this, in levels of 255; None where there is too little of it."""
    every = np.concatenate(left)
    if len(every) < _LEAST:
        return None
    return float(np.quantile(every, 0.25)) / level / _QUARTILE / _NORM
