"""Where plates with titles go on a photo, so that each can be read and is seen to be its thing's.

A large thing carries its plate in its thickest part. A plate that is larger than its thing stands
beside it if it is on nothing else there, else the thing carries its number alone; what is left goes
to the nearest free place, tied to its thing by a line. The thickest part of every other thing is
kept free for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nukki.ops.distance import nearest
from nukki.ops.segments import Segment
from nukki.types import Box

__all__ = ["Plate", "Side", "place_plates"]

Side = tuple[int, int]  # width and height
_SEEN = 96  # pixels of the longer side at which the thickest part is looked for
_CARRIED = 1.3  # a plate is carried by a thing that it is at most so many times as wide as
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


@dataclass(frozen=True)
class Plate:
    """A place for a title.

    Attributes:
        box: The plate.
        short: Whether it has room for the number alone.
        anchor: Column and row of the thing's thickest part.
        tied: Whether the plate lies apart from its thing.
    """

    box: Box
    short: bool
    anchor: tuple[int, int]
    tied: bool


def place_plates(
    segments: Sequence[Segment], full: Sequence[Side], short: Sequence[Side]
) -> list[Plate]:
    """Place the plates of some things.

    Args:
        segments: The things; earlier ones have the first choice.
        full: Size of each one's plate with its title.
        short: Size of each one's plate with its number.

    Returns:
        A plate each. They do not overlap, as long as the photo has room for them.
    """
    anchors = [_thickest(segment) for segment in segments]
    kept = [
        _around(anchor, side, segment.size)
        for anchor, side, segment in zip(anchors, short, segments, strict=True)
    ]
    plates: list[Plate] = []
    taken: list[Box] = []
    for place, segment in enumerate(segments):
        # What lies over the thing itself is beside it wherever the plate goes.
        others = [one.box for one in segments if not _meet(one.box, segment.box)]
        view = _View(segment, anchors[place], taken, kept[place + 1 :], others)
        plate = view.best(full[place], short[place])
        plates.append(plate)
        taken.append(plate.box)
    return plates


@dataclass(frozen=True, eq=False)
class _View:
    """A thing and what is in the way of its plate.

    Attributes:
        segment: The thing.
        anchor: Column and row of its thickest part.
        taken: Plates that are placed.
        kept: Places of things that are still to come.
        others: Boxes of things apart from it.
    """

    segment: Segment
    anchor: tuple[int, int]
    taken: Sequence[Box]
    kept: Sequence[Box]
    others: Sequence[Box]

    def best(self, full: Side, short: Side) -> Plate:
        """The first of the ways at the top of this file that is free."""
        box, photo, anchor = self.segment.box, self.segment.size, self.anchor
        home = _around(anchor, short, photo)
        # A place that is kept for another is no obstacle where this thing's own place meets it too.
        walls = [*self.taken, *(other for other in self.kept if not _meet(other, home))]
        if full[0] <= _CARRIED * box.width and full[1] <= box.height:
            for carried in _carried(self.segment, anchor, full):
                if _is_free(carried, walls):
                    return Plate(carried, False, anchor, False)
        for beside in _beside(box, anchor, full, photo):
            if _is_free(beside, [*walls, *self.others]):
                return Plate(beside, False, anchor, False)
        for near in (home, *_beside(box, anchor, short, photo)):
            if _is_free(near, walls):
                return Plate(near, True, anchor, False)
        for far in _farther(anchor, short, photo):
            if _is_free(far, walls):
                return Plate(far, True, anchor, not _meet(far, box))
        return Plate(home, True, anchor, False)


def _thickest(segment: Segment) -> tuple[int, int]:
    """Column and row of the pixel that is farthest from the thing's outside, about."""
    mask = segment.crop
    step = max(1, -(-max(mask.shape) // _SEEN))
    framed = np.pad(mask[::step, ::step], 1)
    if not framed.any():
        step, framed = 1, np.pad(mask, 1)
    distance, _, _ = nearest(~framed)
    row, column = np.unravel_index(int(distance.argmax()), framed.shape)
    return segment.box.left + (int(column) - 1) * step, segment.box.top + (int(row) - 1) * step


def _around(middle: tuple[int, int], side: Side, photo: tuple[int, int]) -> Box:
    """A box with that middle, moved into the photo; its left and top at 0 where it is larger."""
    wide, high = side
    left = max(0, min(middle[0] - wide // 2, photo[1] - wide))
    top = max(0, min(middle[1] - high // 2, photo[0] - high))
    return Box(left, top, left + wide, top + high)


def _carried(segment: Segment, anchor: tuple[int, int], side: Side) -> Iterator[Box]:
    """Places on a thing: its thickest part, then above and below it while its middle is inside."""
    yield _around(anchor, side, segment.size)
    crop, box = segment.crop, segment.box
    for step in range(1, box.height // side[1]):
        for down in (step * side[1], -step * side[1]):
            row, column = anchor[1] + down - box.top, anchor[0] - box.left
            if 0 <= row < box.height and crop[row, column]:
                yield _around((anchor[0], anchor[1] + down), side, segment.size)


def _beside(box: Box, anchor: tuple[int, int], side: Side, photo: tuple[int, int]) -> Iterator[Box]:
    """Places above, below, right and left of a box that lie in the photo."""
    wide, high = side
    middle = _around(anchor, side, photo)
    for top in (box.top - high, box.bottom):
        if top >= 0 and top + high <= photo[0]:
            yield Box(middle.left, top, middle.right, top + high)
    for left in (box.right, box.left - wide):
        if left >= 0 and left + wide <= photo[1]:
            yield Box(left, middle.top, left + wide, middle.bottom)


def _farther(anchor: tuple[int, int], side: Side, photo: tuple[int, int]) -> Iterator[Box]:
    """Places in rings around a point, as far as the photo goes."""
    rings = max(photo[0] // side[1], photo[1] // side[0]) + 1
    for ring in range(1, rings + 1):
        for across, down in _DIRECTIONS:
            left = anchor[0] - side[0] // 2 + across * ring * side[0]
            top = anchor[1] - side[1] // 2 + down * ring * side[1]
            if 0 <= left <= photo[1] - side[0] and 0 <= top <= photo[0] - side[1]:
                yield Box(left, top, left + side[0], top + side[1])


def _is_free(box: Box, walls: Sequence[Box]) -> bool:
    return not any(_meet(box, wall) for wall in walls)


def _meet(one: Box, other: Box) -> bool:
    shared = one.within(other)
    return shared.width > 0 and shared.height > 0
