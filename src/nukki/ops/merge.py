"""Several looks at one photo, from afar and from near, made into one answer.

A look from near sees small things better and large ones worse: it finds a thing twice that another
look found too, and parts of a thing (an arm, what the border of a tile left of a man) as things of
their own. Four rules decide, each about boxes of one class from different looks:

size      a look is believed about things of a size that it can see: what is small from afar goes to
          a nearer look at that place, unless it is sure; what is large from near to a farther one
cut       a box that a border inside the photo cut off goes where another look's box holds most of
          it: someone saw the whole
fragment  a box inside a larger one from farther away goes, if it is so large that it would have
          been seen from there as well, the larger one is about as sure, and the nearer look did not
          see both
double    of two boxes that overlap much the less sure one goes

What is left is a part of what went in, box by box, whatever the order of the looks. The rule of
size is SNIP's (Singh and Davis, CVPR 2018, arXiv 1711.08189).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.boxes import Boxes, joined
from nukki.types import Box

__all__ = ["Look", "cut_off", "merged"]

HELD = 0.6  # share of a box cut off that another box must hold to be the whole of it
INSIDE = 0.8  # share of a fragment that lies inside the larger box
AS_SURE = 0.5  # score of the larger box over that of its fragment, at least
SEEN = 40.0  # pixels of a look's tensor from which side on a thing is seen: √area
DOUBLE = 0.5  # overlap from which on two looks saw the same thing
TOUCHES = 2.0  # pixels of the tensor within which a box reaches the border of its look

SMALL = 128.0  # pixels of the tensor below which a nearer look sees a thing better: √area,
FITTING = 288.0  # where it has less than these there,
SURE = 0.6  # unless the look from afar is as sure as this: what is blurred is seen better so
LARGE = 384.0  # pixels of the tensor above which a look from farther away sees a thing better
ANOTHER = 1.2  # times the scale: looks that differ by less see the same

_NONE = np.zeros(0, np.bool_)
_ROUNDING = 1.0  # pixels
_ROWS = 128  # boxes that are compared with all at once


@dataclass(frozen=True, eq=False)
class Look:
    """What one look found.

    Attributes:
        boxes: In the photo's pixels.
        region: The part of the photo that was looked at.
        scale: Pixels of the network's tensor over pixels of the photo.
    """

    boxes: Boxes
    region: Box
    scale: float


def cut_off(look: Look, height: int, width: int) -> NDArray[np.bool_]:
    """Which boxes reach a border of their look that is no border of the (height, width) photo."""
    near = TOUCHES / look.scale
    region, corners = look.region, look.boxes.corners
    sides = (
        (region.left > 0) & (corners[:, 0] <= region.left + near),
        (region.top > 0) & (corners[:, 1] <= region.top + near),
        (region.right < width) & (corners[:, 2] >= region.right - near),
        (region.bottom < height) & (corners[:, 3] >= region.bottom - near),
    )
    return np.asarray(np.stack(sides).any(axis=0))


def merged(looks: Sequence[Look], height: int, width: int) -> Boxes:
    """One answer of several looks.

    Args:
        looks: In any order; doubles within a look are gone already.
        height: Of the photo.
        width: Of the photo.

    Returns:
        Some of the boxes, the surest first (`Boxes.in_order`).
    """
    looks = sorted(looks, key=lambda look: (look.scale, astuple(look.region)))
    pool = _pool(looks, height, width)
    believed = np.concatenate([_believed(look, looks) for look in looks] or [_NONE])
    pairs = _pairs(pool, believed)
    alive = believed & ~_cuts(pool, pairs)
    alive &= ~_fragments(pool, pairs)
    return pool.boxes.chosen(_without_doubles(pool, pairs, alive)).in_order()


def _believed(look: Look, looks: Sequence[Look]) -> NDArray[np.bool_]:
    """Which boxes of a look have a size that no other look sees better."""
    corners = look.boxes.corners
    side = np.sqrt(look.boxes.areas)  # in pixels of the photo
    result = np.ones(len(side), np.bool_)
    for other in looks:
        if other.scale >= ANOTHER * look.scale:
            seen = _inside(corners, other.region) & (look.boxes.scores < SURE)
            result &= ~(seen & (side * look.scale < SMALL) & (side * other.scale < FITTING))
        elif other.scale * ANOTHER <= look.scale:
            result &= ~(_inside(corners, other.region) & (side * look.scale > LARGE))
    return result


def _inside(corners: NDArray[np.float32], region: Box) -> NDArray[np.bool_]:
    """Which boxes lie in a region, but for what rounding does."""
    low = corners[:, :2] >= (region.left - _ROUNDING, region.top - _ROUNDING)
    high = corners[:, 2:] <= (region.right + _ROUNDING, region.bottom + _ROUNDING)
    return np.asarray((low & high).all(axis=1))


@dataclass(frozen=True, eq=False)
class _Pool:
    """All boxes with the look that each is from, its scale, and whether it is cut off."""

    boxes: Boxes
    look: NDArray[np.intp]
    scale: NDArray[np.float32]
    cut: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Boxes of one class and different looks that share an area; each pair is there twice."""

    one: NDArray[np.intp]
    other: NDArray[np.intp]
    shared: NDArray[np.float32]


def _pool(looks: Sequence[Look], height: int, width: int) -> _Pool:
    counts = [len(look.boxes) for look in looks]
    return _Pool(
        joined(look.boxes for look in looks),
        np.repeat(np.arange(len(looks)), counts),
        np.repeat(np.array([look.scale for look in looks], np.float32), counts),
        np.concatenate([_NONE, *(cut_off(one, height, width) for one in looks)]),
    )


def _pairs(pool: _Pool, believed: NDArray[np.bool_]) -> _Pairs:
    """Pairs of believed boxes."""
    left, top, right, bottom = pool.boxes.corners.T
    classes, look = pool.boxes.classes, pool.look
    found: list[NDArray[np.intp]] = []
    for start in range(0, len(pool.boxes), _ROWS):
        rows = slice(start, start + _ROWS)
        meet = (classes[rows, None] == classes) & believed[rows, None] & believed
        meet &= look[rows, None] != look
        meet &= left[rows, None] < right
        meet &= right[rows, None] > left
        meet &= top[rows, None] < bottom
        meet &= bottom[rows, None] > top
        found.append(np.argwhere(meet) + np.array([start, 0]))
    one, other = np.concatenate([np.empty((0, 2), np.intp), *found]).T
    across = np.minimum(right[one], right[other]) - np.maximum(left[one], left[other])
    down = np.minimum(bottom[one], bottom[other]) - np.maximum(top[one], top[other])
    return _Pairs(one, other, across * down)


def _cuts(pool: _Pool, pairs: _Pairs) -> NDArray[np.bool_]:
    """Which boxes are cut off and held by a box that is not."""
    one, other = pairs.one, pairs.other
    held = pairs.shared >= HELD * pool.boxes.areas[one]
    return _marked(pool, one[pool.cut[one] & ~pool.cut[other] & held])


def _fragments(pool: _Pool, pairs: _Pairs) -> NDArray[np.bool_]:
    """Which boxes are a part of something that was seen from farther away."""
    one, other = pairs.one, pairs.other
    area, score = pool.boxes.areas, pool.boxes.scores
    inside = (pairs.shared >= INSIDE * area[one]) & (area[one] < area[other])
    nearer = pool.scale[one] > pool.scale[other]
    visible = np.sqrt(area[one]) * pool.scale[other] >= SEEN
    sure = score[other] >= AS_SURE * score[one]
    # A look that saw the larger thing too is believed about what is inside of it.
    both = np.zeros((len(area), int(pool.look.max(initial=0)) + 1), np.bool_)
    double = _doubled(pool, pairs)
    both[one[double], pool.look[other[double]]] = True
    return _marked(pool, one[inside & nearer & visible & sure & ~both[other, pool.look[one]]])


def _doubled(pool: _Pool, pairs: _Pairs) -> NDArray[np.bool_]:
    """Which pairs overlap so much that both are the same thing."""
    areas = pool.boxes.areas
    return np.asarray(
        pairs.shared > DOUBLE * (areas[pairs.one] + areas[pairs.other] - pairs.shared)
    )


def _marked(pool: _Pool, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    marks = np.zeros(len(pool.boxes), np.bool_)
    marks[places] = True
    return marks


def _without_doubles(pool: _Pool, pairs: _Pairs, alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the boxes that are alive no surer one overlaps too much: greedy suppression."""
    one, other = pairs.one, pairs.other
    double = _doubled(pool, pairs) & alive[one] & alive[other]
    # Pairs come by their first box, so those of a box are one piece.
    one, other = one[double], other[double]
    starts = np.searchsorted(one, np.arange(len(pool.boxes) + 1))
    left = alive.copy()
    for place in pool.boxes.order():
        if left[place]:
            left[other[starts[place] : starts[place + 1]]] = False
    return left
