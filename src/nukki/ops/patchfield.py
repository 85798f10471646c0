"""For every patch of a hole the patch of the photo that it is most like: the field of matches.

Barnes, Shechtman, Finkelstein & Goldman, "PatchMatch: a randomized correspondence algorithm for
structural image editing", SIGGRAPH 2009: good matches are handed on to neighbours, and bettered by
random tries at shrinking distances. Here the whole field is handed on at once, over steps that
shrink as well (as in jump flooding, Rong & Tan 2006), so that each step is a few operations on
whole arrays and no order of pixels shows. Small fields are matched by trying all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import each
from nukki.types import Mask

__all__ = ["Field", "Places", "Sources", "exhaust", "search"]

Places: TypeAlias = NDArray[np.int32]

_BLOCK = 1 << 13  # patches in one piece of work
_PAIRS = 1 << 21  # distances in one piece of work
_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))
# A random match has to be so much better: fields of fewer and larger pieces, which blur less.
_GAIN = np.float32(0.5)


@dataclass(frozen=True, eq=False)
class Sources:
    """What may be copied.

    Attributes:
        allowed: (h, w) bool, by corners: patches of known pixels only.
        told: (h · w, D) float32, their descriptions.
    """

    allowed: Mask
    told: NDArray[np.float32]

    @cached_property
    def places(self) -> Places:
        """(n,): the allowed ones as indices into the flat picture of corners."""
        return np.flatnonzero(self.allowed).astype(np.int32)


@dataclass(eq=False)
class Field:
    """The patches that hold something of a hole, by their corners, and their matches.

    Attributes:
        rows: (n,) where they are.
        columns: (n,).
        from_rows: (n,) where their matches are, always allowed ones.
        from_columns: (n,).
        cost: (n,) float32, squared distance from the match when it was last looked at.
    """

    rows: Places
    columns: Places
    from_rows: Places
    from_columns: Places
    cost: NDArray[np.float32]

    def numbers(self, height: int, width: int) -> Places:
        """(height, width): which of the patches has its corner there; -1 for none."""
        result = np.full((height, width), -1, np.int32)
        result[self.rows, self.columns] = np.arange(len(self.rows), dtype=np.int32)
        return result


def search(
    field: Field,
    told: NDArray[np.float32],
    sources: Sources,
    random: np.random.Generator,
    *,
    steps: tuple[int, ...],
    reach: int,
    threads: int = 1,
) -> None:
    """Better a field: hand matches on over each of `steps`, then try at random.

    Args:
        field: The field, which is changed; its costs are computed anew.
        told: (n, D) descriptions of its patches as they are now.
        sources: What may be copied.
        random: Where the tries come from; as many numbers are drawn whatever the threads.
        steps: How far matches are handed on, in pixels.
        reach: The farthest try, in pixels, halved down to one; 0 for none.
        threads: How many threads may work.
    """
    height, width = sources.allowed.shape
    numbers = field.numbers(height, width)
    field.cost = _costs(told, sources, field.from_rows * width + field.from_columns, threads)
    for step in steps:
        for down, across in _AROUND:
            row, column = field.rows - down * step, field.columns - across * step
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            beside = numbers[np.where(inside, row, 0), np.where(inside, column, 0)]
            there = inside & (beside >= 0)
            row = field.from_rows[beside] + down * step
            column = field.from_columns[beside] + across * step
            _take(field, told, sources, (row, column, there), threads)
    while reach:
        apart = random.integers(-reach, reach, (2, len(field.rows)), np.int32, endpoint=True)
        row, column = field.from_rows + apart[0], field.from_columns + apart[1]
        everywhere = np.ones(len(row), np.bool_)
        _take(field, told, sources, (row, column, everywhere), threads, _GAIN)
        reach //= 2


def _take(
    field: Field,
    told: NDArray[np.float32],
    sources: Sources,
    offered: tuple[Places, Places, Mask],
    threads: int,
    gain: np.float32 = np.float32(1),  # noqa: B008 (a number)
) -> None:
    """Take the matches offered (rows, columns, whether there is one) where they are better."""
    height, width = sources.allowed.shape
    row, column, good = offered
    good = good & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    good &= (row != field.from_rows) | (column != field.from_columns)
    who = np.flatnonzero(good)
    at = row[who] * width + column[who]
    allowed = sources.allowed.reshape(-1)[at]
    who, at = who[allowed], at[allowed]
    cost = _costs(told[who], sources, at, threads)
    better = cost < field.cost[who] * gain
    who, at = who[better], at[better]
    field.from_rows[who], field.from_columns[who] = np.divmod(at, np.int32(width))
    field.cost[who] = cost[better]


def _costs(
    told: NDArray[np.float32], sources: Sources, at: Places, threads: int
) -> NDArray[np.float32]:
    """Squared distances of descriptions (n, D) from those of the sources at flat places (n,)."""
    result = np.empty(len(at), np.float32)

    def work(start: int) -> None:
        part = slice(start, start + _BLOCK)
        apart = sources.told.take(at[part], axis=0)
        apart -= told[part]
        np.einsum("nd,nd->n", apart, apart, out=result[part])

    each(work, range(0, len(at), _BLOCK), threads)
    return result


def exhaust(field: Field, told: NDArray[np.float32], sources: Sources, *, threads: int = 1) -> None:
    """Match a small field by trying every source; the arguments are those of `search`."""
    width = sources.allowed.shape[1]
    # Whole numbers in float64 add up exactly, in any order and on any number of threads.
    known = np.rint(sources.told[sources.places]).astype(np.float64)
    squares = np.einsum("nd,nd->n", known, known)
    block = max(1, _PAIRS // max(1, len(known)))

    def work(start: int) -> None:
        part = slice(start, start + block)
        own = np.rint(told[part]).astype(np.float64)
        best = (squares - 2 * (own @ known.T)).argmin(axis=1)
        rows, columns = np.divmod(sources.places[best], np.int32(width))
        field.from_rows[part], field.from_columns[part] = rows, columns
        apart = known[best] - own
        field.cost[part] = np.einsum("nd,nd->n", apart, apart)

    each(work, range(0, len(field.rows), block), threads)
