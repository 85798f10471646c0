"""The exact Euclidean distance transform: how far each pixel is from a mask, and the pixel there.

Columns first: the nearest row of the mask in each. Then every row by itself is the lower envelope
of parabolas, one a column (Felzenszwalb & Huttenlocher, "Distance transforms of sampled
functions", Theory of Computing 8, 2012). The envelopes of all rows are built side by side, so the
only loop is over columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.tiles import row_blocks
from nukki.types import Mask

__all__ = ["nearest"]

Places = NDArray[np.intp]


def nearest(mask: Mask) -> tuple[NDArray[np.float64], Places, Places]:
    """The nearest pixel of a mask, for every pixel.

    Args:
        mask: (H, W) bool, at least one True.

    Returns:
        The distances, (H, W) float64, 0 on the mask; and the rows and the columns of the nearest
        pixels, (H, W). Of several equally near, always the same one.

    Raises:
        InputError: If the mask is empty.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if not columns.size:
        message = "`mask` must hold a pixel, got none"
        raise InputError(message, hint="ask for distances only where there is something")
    height, width = mask.shape
    beside = _nearest_rows(mask[:, columns])
    away = np.square(beside - np.arange(height)[:, None]).astype(np.float64)
    found = np.empty((height, width), np.intp)
    for rows in row_blocks(height, width, 1 << 20):
        found[rows] = _envelope(away[rows].T, columns, width).T
    down, across = np.arange(height)[:, None], np.arange(width)
    rows_there, columns_there = beside[down, found], columns[found]
    distance = np.sqrt(away[down, found] + np.square(columns_there - across))
    return distance, rows_there, columns_there


def _nearest_rows(mask: Mask) -> Places:
    """For every pixel the nearest True row in its column; every column has one."""
    height = mask.shape[0]
    row = np.arange(height)[:, None]
    far = 3 * height  # farther than any other
    above = np.maximum.accumulate(np.where(mask, row, -far), axis=0)
    below = np.minimum.accumulate(np.where(mask, row, far)[::-1], axis=0)[::-1]
    return np.asarray(np.where(row - above <= below - row, above, below))


def _envelope(away: NDArray[np.float64], columns: Places, width: int) -> Places:
    """Which parabola is lowest at each place.

    Args:
        away: (C, R) squared heights of the parabolas in each of R rows.
        columns: (C,) where the parabolas stand, ascending.
        width: Places are 0 to width - 1.

    Returns:
        (width, R), numbers of parabolas.
    """
    count, rows = away.shape
    raised = away + np.square(columns.astype(np.float64))[:, None]
    every = np.arange(rows)
    who = np.zeros((count, rows), np.intp)  # the envelope's parabolas, from the left
    start = np.full((count, rows), np.inf)  # where each begins to be the lowest
    top = np.zeros(rows, np.intp)
    start[0] = -np.inf
    for number in range(1, count):
        left, begins = every, np.empty(rows)
        while left.size:  # rows whose last parabola may be hidden by the new one
            last = top[left]
            rival = who[last, left]
            meet = raised[number, left] - raised[rival, left]
            meet /= 2 * (columns[number] - columns[rival])
            begins[left] = meet
            left = left[meet <= start[last, left]]
            top[left] -= 1
        top += 1
        who[top, every], start[top, every] = number, begins
    return _lowest(who, start, top, width)


def _lowest(who: Places, start: NDArray[np.float64], top: Places, width: int) -> Places:
    """Spread each parabola of the envelopes over the places where it is the lowest."""
    part = np.arange(len(who))[:, None]
    # The first whole place of each part; parts that were taken back or begin beyond lie outside.
    first = np.clip(np.ceil(np.minimum(start, width)), 0, width).astype(np.intp)
    first[part > top] = width
    shown = np.zeros((width + 1, who.shape[1]), np.intp)
    # Where parts share their first place, the last one is written last and stays.
    shown[first, np.broadcast_to(np.arange(who.shape[1]), first.shape)] = part
    parts = np.maximum.accumulate(shown[:width], axis=0)
    return np.asarray(np.take_along_axis(who, parts, axis=0))
