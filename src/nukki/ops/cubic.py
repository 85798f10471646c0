"""Cubic sampling at pixel centres, without averaging, as OpenCV's `INTER_CUBIC` does it.

Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 29 (1981), with
OpenCV's parameter of -0.75 (Pillow's is -0.5, and Pillow averages where it reduces). Networks whose
authors resized with OpenCV get their very pixels this way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["resized"]

PARAMETER = -0.75


def resized(planes: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Resize (..., H, W) planes to (..., height, width) float32; values may leave their range."""
    wide = _along(planes, width, -1)
    return _along(wide, height, -2)


def _along(planes: NDArray[Any], count: int, axis: int) -> NDArray[np.float32]:
    size = planes.shape[axis]
    at = (np.arange(count) + 0.5) * (size / count) - 0.5
    first = np.floor(at)
    shape = (-1, 1) if axis == -2 else (-1,)
    shares = [share.astype(np.float32).reshape(shape) for share in _kernel(at - first)]
    result = np.zeros((), np.float32)
    for tap, share in enumerate(shares, start=-1):
        where = np.clip(first + tap, 0, size - 1).astype(np.intp)
        result = result + planes.take(where, axis=axis) * share
    return np.asarray(result, np.float32)


def _kernel(past: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Shares of the four pixels around a place that lies `past` the second; they sum to 1."""
    a = PARAMETER
    far = 1 + past
    first = a * (far**3 - 5 * far**2 + 8 * far - 4)
    second = (a + 2) * past**3 - (a + 3) * past**2 + 1
    third = (a + 2) * (1 - past) ** 3 - (a + 3) * (1 - past) ** 2 + 1
    return first, second, third, 1 - first - second - third
