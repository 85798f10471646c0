"""Trimaps: where the subject is, where it is not, and where a matting network has to look.

    alpha --from_alpha--> 0 background | 128 unknown | 255 foreground --network--> alpha

The unknown band is what is neither solid nor gone, and what lies near the border of the two: a
map from a coarse grid is wrong by a cell there, and hair reaches further than any map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.discs import dilated
from nukki.types import Alpha, Trimap

__all__ = [
    "BACKGROUND",
    "FOREGROUND",
    "UNKNOWN",
    "check_trimap",
    "from_alpha",
    "from_grey",
    "keep_known",
    "usual_radius",
]

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

SOLID = 0.95  # from here on a map is sure of the subject
GONE = 0.05  # and up to here of the background
BAND = 0.01  # of the longer side on either side of the border: 10 pixels of 1000
LEAST_BAND = 3


def usual_radius(height: int, width: int) -> int:
    """How far on either side of a border the unknown band reaches, in pixels."""
    return max(LEAST_BAND, round(BAND * max(height, width)))


def from_alpha(alpha: Alpha, radius: int, *, low: float = GONE, high: float = SOLID) -> Trimap:
    """The trimap of an alpha.

    Args:
        alpha: (H, W) float32 in 0..1.
        radius: Pixels; what is sure stays sure only where everything this near is sure of the same.
        low: Up to this the alpha is sure of the background.
        high: From this on it is sure of the subject.

    Returns:
        (H, W) uint8: 255 where all of the disc is at least `high`, 0 where all of it is at most
        `low`, 128 elsewhere. What lies outside the picture does not count.
    """
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[~dilated(alpha < high, radius)] = FOREGROUND
    trimap[~dilated(alpha > low, radius)] = BACKGROUND
    return trimap


def from_grey(grey: NDArray[np.uint8]) -> Trimap:
    """The trimap that somebody drew: black is background, white is foreground, the rest unknown.

    Args:
        grey: (H, W) uint8.

    Raises:
        InputError: If it has another shape or dtype.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8:
        message = f"`grey` must be (height, width) uint8, got {grey.shape} {grey.dtype}"
        raise InputError(message, hint="give one channel of bytes")
    known = (grey == BACKGROUND) | (grey == FOREGROUND)
    return np.where(known, grey, np.uint8(UNKNOWN))


def check_trimap(trimap: Trimap, size: tuple[int, int]) -> None:
    """Refuse what is no trimap of a picture.

    Args:
        trimap: Whatever was given.
        size: (height, width) of the picture.

    Raises:
        InputError: If it has another shape or dtype, or holds anything but 0, 128 and 255.
    """
    if trimap.shape != size or trimap.dtype != np.uint8:
        message = f"`trimap` must be {size} uint8, got {trimap.shape} {trimap.dtype}"
        raise InputError(message, hint="give a trimap of the picture's size")
    levels = (trimap == BACKGROUND) | (trimap == UNKNOWN) | (trimap == FOREGROUND)
    if not levels.all():
        other = int(trimap[~levels][0])
        message = f"`trimap` must hold nothing but 0, 128 and 255, got {other}"
        raise InputError(message, hint="make it with ops.trimap.from_grey or from_alpha")


def keep_known(alpha: Alpha, trimap: Trimap) -> Alpha:
    """An alpha that is exactly 1 and 0 where the trimap knows it."""
    known = np.where(trimap == FOREGROUND, np.float32(1), np.float32(0))
    return np.where(trimap == UNKNOWN, alpha, known)
