"""What users do to an alpha: levels, holes, specks, growing, feathering. Nothing is modified."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.discs import largest_within
from nukki.ops.grid import enlarge
from nukki.ops.tiles import tight_box
from nukki.types import Alpha, Box

__all__ = [
    "bounds",
    "drop_specks",
    "feather",
    "fill_holes",
    "gaussian",
    "grow",
    "keep_largest",
    "levels",
    "quantise",
]

NEARLY_SOLID = 0.98  # a soft rim below this still belongs to what lies outside it
NEARLY_GONE = 0.02
EXACT, LARGE = 8, 128  # radii: see `grow`
SPECK = 0.01  # pieces below this share of the largest one are specks


def quantise(alpha: Alpha) -> NDArray[np.uint8]:
    """Round 0..1 to bytes, to the nearest, never down."""
    rounded = np.rint(np.clip(alpha, 0.0, 1.0) * np.float32(255))
    return np.asarray(rounded, np.uint8)


def levels(alpha: Alpha, low: float, high: float) -> Alpha:
    """Alpha below `low` becomes 0, above `high` 1, linear between; equal bounds split there."""
    if low == high:
        return (alpha > low).astype(np.float32)
    stretched = (alpha - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(stretched, 0, 1), np.float32)


def fill_holes(alpha: Alpha) -> Alpha:
    """Make everything solid that the subject encloses, soft rims of the holes included."""
    pieces = find_pieces(alpha < NEARLY_SOLID, diagonal=False)
    holes = pieces.mask(~pieces.touching_rim())
    return np.where(holes, np.float32(1), alpha)


def drop_specks(alpha: Alpha, share: float = SPECK) -> Alpha:
    """Remove pieces whose area is below `share` of the largest piece's."""
    pieces = find_pieces(alpha > NEARLY_GONE)
    if pieces.count == 0:
        return alpha.copy()
    areas = pieces.areas()
    return np.where(pieces.mask(areas >= share * areas.max()), alpha, np.float32(0))


def keep_largest(alpha: Alpha) -> Alpha:
    """Keep the piece with the largest area only."""
    pieces = find_pieces(alpha > NEARLY_GONE)
    if pieces.count == 0:
        return alpha.copy()
    areas = pieces.areas()
    chosen = np.arange(pieces.count) == areas.argmax()
    return np.where(pieces.mask(chosen), alpha, np.float32(0))


def bounds(alpha: Alpha, least: float = 0.5 / 255) -> Box | None:
    """Box of the pixels above `least`; None where there are none."""
    return tight_box(alpha > least, Box(0, 0, alpha.shape[1], alpha.shape[0]))


def grow(alpha: Alpha, pixels: float) -> Alpha:
    """Grow the subject by a disc of `pixels` radius; shrink it where `pixels` is negative.

    Grey dilation, so a soft edge stays as soft as it was. Parts of a pixel blend the two nearest
    whole radii. Radii above 8 are exact within a 65,535th; above 128 it is done on the plane
    averaged down, so that a hard edge gets as soft as a 128th of the radius.
    """
    if pixels < 0:
        return 1 - grow(1 - alpha, -pixels)
    if pixels > LARGE:
        height, width = alpha.shape
        factor = math.ceil(pixels / LARGE)
        small = enlarge(alpha, max(1, height // factor), max(1, width // factor))
        grown = enlarge(grow(small, pixels / factor), height, width)
        return np.maximum(grown, alpha)
    low = math.floor(pixels)
    share = np.float32(pixels - low)
    small = _dilate(alpha, low)
    if share == 0:
        return small
    return small + share * (_dilate(alpha, low + 1) - small)


def _dilate(alpha: Alpha, radius: int) -> Alpha:
    """Largest value within a disc of `radius` pixels."""
    if radius == 0:
        return alpha.copy()
    if radius <= EXACT:
        return largest_within(alpha, radius)
    # Whole numbers are quicker by more than the two times that they are smaller.
    whole = np.rint(np.clip(alpha, 0, 1) * np.float32(65535)).astype(np.uint16)
    grown = largest_within(whole, radius) * np.float32(1 / 65535)
    return np.maximum(np.minimum(grown, 1, out=grown), alpha)


def feather(alpha: Alpha, sigma: float, *, outwards: bool = False) -> Alpha:
    """Soften the edge with a Gaussian of `sigma` pixels.

    Args:
        alpha: (H, W) float32.
        sigma: Standard deviation in pixels.
        outwards: Keep what is solid solid: the edge first moves out by two sigma.
    """
    if sigma <= 0:
        return alpha.copy()
    if outwards:
        return np.maximum(alpha, gaussian(grow(alpha, 2 * sigma), sigma))
    return gaussian(alpha, sigma)


def gaussian(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Convolve a plane with a Gaussian cut off at three sigma; the rim is repeated outwards.

    Beyond a sigma of 8 this is done on a plane averaged down first: within a level of 255, and
    four near the rim of the plane.
    """
    if sigma <= 8:
        return _blurred(plane, sigma, sigma)
    height, width = plane.shape
    factor = int(sigma / 4)
    small = enlarge(plane, max(1, height // factor), max(1, width // factor))
    down = _remaining(sigma, height / small.shape[0])
    along = _remaining(sigma, width / small.shape[1])
    return enlarge(_blurred(small, down, along), height, width)


def _remaining(sigma: float, scale: float) -> float:
    """Sigma on a plane `scale` times smaller, less what its two bilinear resamplings blur.

    Each of them convolves with a triangle, whose variance is scale² / 6.
    """
    return math.sqrt(sigma**2 - scale**2 / 3) / scale


def _blurred(plane: NDArray[np.float32], down: float, along: float) -> NDArray[np.float32]:
    """Convolve with a Gaussian of sigma `down` the columns and `along` the rows."""
    result = plane
    for axis, sigma in enumerate((down, along)):
        if plane.shape[axis] == 1:  # the rim repeated outwards: nothing changes
            continue
        reach = math.ceil(3 * sigma)
        offsets = np.arange(-reach, reach + 1)
        kernel = np.exp(-(offsets**2) / (2 * sigma**2))
        result = _convolve(result, (kernel / kernel.sum()).astype(np.float32), axis)
    return plane.copy() if result is plane else result


def _convolve(
    plane: NDArray[np.float32], kernel: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Convolution with a symmetric kernel along one axis."""
    reach = len(kernel) // 2
    around = [(0, 0), (0, 0)]
    around[axis] = (reach, reach)
    padded = np.pad(plane, around, mode="edge")
    length = plane.shape[axis]

    def shifted(by: int) -> NDArray[np.float32]:
        cut = slice(by, by + length)
        return padded[cut] if axis == 0 else padded[:, cut]

    result = shifted(reach) * kernel[reach]
    for offset in range(reach):
        result += (shifted(offset) + shifted(2 * reach - offset)) * kernel[offset]
    return np.asarray(result, np.float32)
