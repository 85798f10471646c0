"""Connected pieces of a mask, by runs of rows.

Rows are cut into runs of True pixels, runs of neighbouring rows that touch are joined, and the sets
that arise are found by hooking and pointer jumping (Shiloach & Vishkin 1982, "An O(log n) parallel
connectivity algorithm", J. Algorithms 3), which NumPy runs on whole arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.types import Mask

__all__ = ["Pieces", "find_pieces"]

Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a mask, as runs.

    Attributes:
        shape: (height, width) of the mask.
        starts: First pixel of each run, as an index into the flat mask.
        ends: One past its last pixel.
        owner: Number of the piece that each run belongs to, 0 … count - 1.
        count: How many pieces there are.
    """

    shape: tuple[int, int]
    starts: Integers
    ends: Integers
    owner: Integers
    count: int

    def areas(self) -> Integers:
        """Pixels of each piece."""
        weights = (self.ends - self.starts).astype(np.float64)
        return np.bincount(self.owner, weights, self.count).astype(np.intp)

    def touching_rim(self) -> NDArray[np.bool_]:
        """For each piece, whether it reaches the rim of the picture."""
        height, width = self.shape
        rows = self.starts // width
        rim = (rows == 0) | (rows == height - 1)
        rim |= (self.starts % width == 0) | (self.ends % width == 0)
        return np.bincount(self.owner, rim, self.count) > 0

    def largest(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Largest value of (H, W) `values` in each piece."""
        result = np.full(self.count, -np.inf, np.float32)
        if self.count:
            # Every second stretch between the bounds is a run; one value more ends the last one.
            flat = np.append(values.reshape(-1), np.float32(0))
            bounds = np.column_stack([self.starts, self.ends]).reshape(-1)
            np.maximum.at(result, self.owner, np.maximum.reduceat(flat, bounds)[::2])
        return result

    def mask(self, chosen: NDArray[np.bool_]) -> Mask:
        """(H, W) mask of the pieces for which `chosen` is True."""
        height, width = self.shape
        change = np.zeros(height * width + 1, np.int8)
        runs = chosen[self.owner]
        # Runs never touch inside a row, but one may end where the next row's begins.
        np.add.at(change, self.starts[runs], 1)
        np.add.at(change, self.ends[runs], -1)
        return np.cumsum(change[:-1], dtype=np.int8).astype(bool).reshape(height, width)


def find_pieces(mask: Mask, *, diagonal: bool = True) -> Pieces:
    """Find the connected pieces of a mask.

    Args:
        mask: (H, W) bool.
        diagonal: Whether pixels that share only a corner are connected.
    """
    height, width = mask.shape
    rows, starts, ends = _runs(mask)
    first, second = _contacts(rows, starts, ends, width, int(diagonal))
    roots = _join(len(starts), first, second)
    names, owner = np.unique(roots, return_inverse=True)
    base = rows * width
    return Pieces((height, width), base + starts, base + ends, owner, len(names))


def _runs(mask: Mask) -> tuple[Integers, Integers, Integers]:
    """Row, first column and one past the last column of each run of True."""
    height, width = mask.shape
    framed = np.zeros((height, width + 2), np.int8)
    framed[:, 1:-1] = mask
    change = np.diff(framed, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    return rows, starts, ends


def _contacts(
    rows: Integers, starts: Integers, ends: Integers, width: int, reach: int
) -> tuple[Integers, Integers]:
    """Pairs of runs in neighbouring rows that touch."""
    stride = width + 2
    below = (rows + 1) * stride
    # In the next row: the first run that ends after this one starts, to the last that starts
    # before this one ends. `reach` 1 lets corners touch.
    low = np.searchsorted(rows * stride + ends, below + starts - reach, side="right")
    high = np.searchsorted(rows * stride + starts, below + ends + reach, side="left")
    number = np.maximum(high - low, 0)
    first = np.repeat(np.arange(len(rows)), number)
    offset = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    return first, np.repeat(low, number) + offset


def _join(count: int, first: Integers, second: Integers) -> Integers:
    """Smallest member of the set that each of `count` runs belongs to."""
    parent = np.arange(count)
    while len(first):
        one, two = parent[first], parent[second]
        apart = one != two
        if not apart.any():
            break
        first, second = first[apart], second[apart]
        one, two = one[apart], two[apart]
        np.minimum.at(parent, np.maximum(one, two), np.minimum(one, two))
        while True:
            shorter = parent[parent]
            if np.array_equal(shorter, parent):
                break
            parent = shorter
    return parent
