"""A mask of holes taken apart: which are filled together, and what is looked at for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["parts"]

_MOST = 24  # holes that are looked at by themselves; more are put together by neighbourhood
_MARGIN = 64  # pixels around a hole, at least; a large one gets three quarters of its longer side
_ROOM = 2.0  # usable pixels around a hole, at least, for each of its own


def parts(hole: Mask, *, usable: Mask | None = None) -> list[Box]:
    """Where to work: boxes that hold each hole, and enough around it to fill it from.

    Args:
        hole: (H, W) bool.
        usable: (H, W) bool, what it may be filled from; None for all that is not hole.

    Returns:
        Boxes in reading order of the holes. Each pixel of the hole lies in exactly one of them.
    """
    usable = ~hole if usable is None else usable
    tight = _clusters(hole)
    grown = [_surroundings(box, hole, usable) for box in tight]
    while True:
        pair = _meeting(tight, grown)
        if pair is None:
            return grown
        one, two = pair
        tight[one] = _around(tight[one], tight[two])
        grown[one] = _surroundings(tight[one], hole, usable)
        del tight[two], grown[two]


def _clusters(hole: Mask) -> list[Box]:
    """Tight boxes of holes that lie apart, at most `_MOST`."""
    whole = Box(0, 0, hole.shape[1], hole.shape[0])
    cell = max(4, max(hole.shape) // 256)
    while True:
        rows, columns = (np.arange(0, side, cell) for side in hole.shape)
        coarse: NDArray[np.bool_] = np.logical_or.reduceat(hole, rows, axis=0)
        coarse = np.logical_or.reduceat(coarse, columns, axis=1)
        pieces = find_pieces(coarse)
        if pieces.count <= _MOST:
            break
        cell *= 2
    found = []
    for number in range(pieces.count):
        cells = pieces.mask(np.arange(pieces.count) == number)
        box = tight_box(cells, Box(0, 0, *cells.shape[::-1])) or whole
        wide = Box(box.left * cell, box.top * cell, box.right * cell, box.bottom * cell)
        wide = wide.within(whole)
        own = cells.repeat(cell, axis=0).repeat(cell, axis=1)[wide.slices()] & hole[wide.slices()]
        found.append(tight_box(own, wide) or wide)
    return found


def _surroundings(box: Box, hole: Mask, usable: Mask) -> Box:
    """The box with so much around it that it can be filled from that."""
    margin = max(_MARGIN, max(box.width, box.height) * 3 // 4)
    while True:
        grown = box.grown(margin, *hole.shape)
        where = grown.slices()
        enough = int(usable[where].sum()) >= _ROOM * int(hole[where].sum())
        if enough or grown.width * grown.height == hole.size:
            return grown
        margin *= 2


def _meeting(tight: list[Box], grown: list[Box]) -> tuple[int, int] | None:
    """The first two of which one would see the other's hole; None if there are none."""
    for one, box in enumerate(grown):
        for two, other in enumerate(tight):
            shared = box.within(other)
            if one != two and shared.width > 0 and shared.height > 0:
                return min(one, two), max(one, two)
    return None


def _around(one: Box, two: Box) -> Box:
    return Box(
        min(one.left, two.left),
        min(one.top, two.top),
        max(one.right, two.right),
        max(one.bottom, two.bottom),
    )
