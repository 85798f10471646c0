"""Bilinear sampling at pixel centres, of any part of a picture at any scale, without averaging."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Span", "sampled", "span"]

# For each wanted pixel along one axis: its two neighbours, and the second one's share.
Span: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def span(start: int, stop: int, size: int, step: float) -> Span:
    """Where pixels start..stop of a scaled picture lie along an axis of the source.

    Args:
        start: First pixel wanted.
        stop: One past the last.
        size: Pixels of the source along the axis; places outside are clipped to it.
        step: Source pixels for one wanted pixel.
    """
    at = np.clip((np.arange(start, stop) + 0.5) * step - 0.5, 0, size - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)


def sampled(planes: NDArray[Any], rows: Span, columns: Span) -> NDArray[np.float32]:
    """Sample (..., H, W) planes; gives (..., rows, columns) float32."""
    # Columns first, while there are few rows: gathering single values is what costs.
    top, bottom = rows[0][0], rows[1][-1] + 1
    wide = _between(planes[..., top:bottom, :], columns, -1)
    return _between(wide, (rows[0] - top, rows[1] - top, rows[2][:, None]), -2)


def _between(planes: NDArray[Any], where: Span, axis: int) -> NDArray[np.float32]:
    first, second, share = where
    base = planes.take(first, axis=axis).astype(np.float32, copy=False)
    result = planes.take(second, axis=axis).astype(np.float32, copy=False)
    result -= base
    result *= share
    result += base
    return np.asarray(result, np.float32)
