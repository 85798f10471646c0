"""PNG's row filters on blocks of rows, in bytes (PNG Specification, third edition, section 9).

Every function takes the rows, the row above each of them, and the bytes of one pixel, and writes
the differences to `out`; all arrays are (rows, row bytes) uint8 and arithmetic is modulo 256.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

__all__ = ["FILTERS", "cost_by_row", "filter_by_row", "filter_of_block"]

Bytes: TypeAlias = NDArray[np.uint8]
NONE, SUB, UP, AVERAGE, PAETH = range(5)
_SAMPLE_EVERY = 8


def filter_of_block(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:
    """Up or Sub for all rows, whichever deflates every eighth smaller; `out` is (rows, 1 + bytes).

    Average and Paeth would save 2 % of the bytes for 1.6 times the time (benchmarks/README.md).
    """
    first = min(_SAMPLE_EVERY // 2, len(rows) // 2)
    some, some_above = rows[first::_SAMPLE_EVERY], above[first::_SAMPLE_EVERY]
    differences = np.empty_like(some)
    sizes = {}
    for kind in (UP, SUB):
        FILTERS[kind](some, some_above, pixel, differences)
        sizes[kind] = len(isal_zlib.compress(differences, 1))
    best = min(sizes, key=lambda kind: sizes[kind])
    out[:, 0] = best
    FILTERS[best](rows, above, pixel, out[:, 1:])


def filter_by_row(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:
    """For each row the filter with the least sum of absolute differences (section 12.7)."""
    least = np.full(len(rows), np.iinfo(np.uint64).max, np.uint64)
    differences = np.empty_like(rows)
    for kind in (UP, PAETH, SUB, AVERAGE, NONE):
        FILTERS[kind](rows, above, pixel, differences)
        costs = cost_by_row(differences)
        better = costs < least
        out[better, 0] = kind
        out[better, 1:] = differences[better]
        np.minimum(costs, least, out=least)


def cost_by_row(differences: Bytes) -> NDArray[np.uint64]:
    """Sum of each row's differences, taken as signed numbers, without their sign."""
    size = np.negative(differences)
    np.minimum(size, differences, out=size)
    sums: NDArray[np.uint64] = np.add.reduce(size, axis=1, dtype=np.uint64)
    return sums


def _none(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:  # noqa: ARG001
    out[...] = rows


def _sub(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:  # noqa: ARG001
    out[:, :pixel] = rows[:, :pixel]
    np.subtract(rows[:, pixel:], rows[:, :-pixel], out=out[:, pixel:])


def _up(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:  # noqa: ARG001
    np.subtract(rows, above, out=out)


def _average(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:
    left, up = rows[:, :-pixel], above[:, pixel:]
    # floor((left + up) / 2) without leaving eight bits
    guess = left ^ up
    guess >>= 1
    guess += left & up
    np.subtract(rows[:, pixel:], guess, out=out[:, pixel:])
    np.subtract(rows[:, :pixel], above[:, :pixel] >> 1, out=out[:, :pixel])


def _paeth(rows: Bytes, above: Bytes, pixel: int, out: Bytes) -> None:
    """Paeth's predictor without branches and without leaving eight bits.

    With low and high of left and up, estimate = low + high - corner. Where the corner is not
    between them the nearest is low (corner above) or high (corner below). Between them the
    distances are u = high - corner to low, v = corner - low to high, |u - v| to the corner, so low
    wins where 2u <= v and high where 2v <= u. Clipping u and v at 0 makes one rule of all cases.
    """
    left, up, corner = rows[:, :-pixel], above[:, pixel:], above[:, :-pixel]
    low, high = np.minimum(left, up), np.maximum(left, up)
    u = np.maximum(high, corner)
    u -= corner
    v = np.minimum(corner, low)
    np.subtract(corner, v, out=v)
    is_low = (u <= (v >> 1)).view(np.uint8)
    is_high = (v <= (u >> 1)).view(np.uint8)
    np.negative(is_low, out=is_low)  # 0 or 255: a mask
    np.negative(is_high, out=is_high)
    low ^= corner
    low &= is_low
    high ^= corner
    high &= is_high
    low ^= high
    low ^= corner
    np.subtract(rows[:, pixel:], low, out=out[:, pixel:])
    np.subtract(rows[:, :pixel], above[:, :pixel], out=out[:, :pixel])


FILTERS: tuple[Callable[[Bytes, Bytes, int, Bytes], None], ...] = (
    _none,
    _sub,
    _up,
    _average,
    _paeth,
)
