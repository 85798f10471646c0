"""Bilinear sampling at pixel centres, of any part of a picture at any scale, without averaging."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import row_blocks
from nukki.types import Box, Mask

__all__ = ["Span", "above", "magnified", "places", "sampled", "span"]

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
    return places((np.arange(start, stop) + 0.5) * step - 0.5, size)


def places(at: NDArray[np.floating[Any]], size: int) -> Span:
    """The neighbours of places along an axis of `size` pixels, 0 at the first pixel's centre.

    Places outside are clipped to the axis.
    """
    at = np.clip(at, 0, size - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)


def sampled(planes: NDArray[Any], rows: Span, columns: Span) -> NDArray[np.float32]:
    """Sample (..., H, W) planes; gives (..., rows, columns) float32."""
    # Columns first, while there are few rows: gathering single values is what costs.
    top, bottom = rows[0][0], rows[1][-1] + 1
    wide = _between(planes[..., top:bottom, :], columns, -1)
    return _between(wide, (rows[0] - top, rows[1] - top, rows[2][:, None]), -2)


def magnified(planes: NDArray[Any], factor: int, box: Box) -> NDArray[np.float32]:
    """The part of planes enlarged by a whole factor that a box shows.

    What `sampled` gives at spans of steps 1 / factor, in a third of its time: the rows between two
    of the source differ from one of them by fixed shares of their difference.

    Args:
        planes: (C, H, W).
        factor: At least 1: each value becomes factor × factor.
        box: Of the enlarged planes.

    Returns:
        (C, height, width) float32 of the box.
    """
    first, last = box.top // factor, -(-box.bottom // factor)
    top, bottom = max(0, first - 1), min(planes.shape[1], last + 1)
    one, other, share = span(box.left, box.right, planes.shape[2], 1 / factor)
    left, right = one[0], other[-1] + 1
    # Only what is needed: numpy copies what it takes from, where that does not lie in one piece.
    narrow = planes[:, top:bottom, left:right]
    if last - first + 2 > bottom - top:  # the rim is repeated
        narrow = narrow.take(np.arange(first - 1, last + 1).clip(top, bottom - 1) - top, axis=1)
    wide = _between(narrow, (one - left, other - left, share), -1)
    steps, middle = wide[:, 1:] - wide[:, :-1], wide[:, 1:-1]
    result = np.empty((len(planes), last - first, factor, box.width), np.float32)
    for row in range(factor):
        away = (row + 0.5) / factor - 0.5  # from the source's row
        part = result[:, :, row]
        np.multiply(steps[:, 1:] if away > 0 else steps[:, :-1], np.float32(away), out=part)
        part += middle
    whole = result.reshape(len(planes), -1, box.width)
    return whole[:, box.top - first * factor : box.bottom - first * factor]


def above(plane: NDArray[Any], rows: Span, columns: Span, threshold: float) -> Mask:
    """Where the samples of a plane (H, W) reach a threshold; the samples never lie in memory.

    Returns:
        (rows, columns) bool.
    """
    height, width = len(rows[0]), len(columns[0])
    result = np.zeros((height, width), np.bool_)
    if width:
        for block in row_blocks(height, width):
            part = rows[0][block], rows[1][block], rows[2][block]
            np.greater_equal(sampled(plane, part, columns), threshold, out=result[block])
    return result


def _between(planes: NDArray[Any], where: Span, axis: int) -> NDArray[np.float32]:
    first, second, share = where
    base = planes.take(first, axis=axis).astype(np.float32, copy=False)
    result = planes.take(second, axis=axis).astype(np.float32, copy=False)
    result -= base
    result *= share
    result += base
    return np.asarray(result, np.float32)
