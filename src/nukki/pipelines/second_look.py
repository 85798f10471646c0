"""A second look at an erased photo: does something that is like what went still show?

The finder is shown the filled hole and its surroundings; what it sees there of the kinds that went,
or of what people hold and ride, mostly within the hole or hanging on to it, is left over: a
snowboard, a leg, or what the filler has painted again; but not more of a crowd in the background
that is seen as little beside the hole. Then the hole becomes wider by it, and, should that not do,
by its box.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nukki.ops.discs import dilated
from nukki.ops.growing import grown_hole
from nukki.ops.leftover import seam
from nukki.ops.segments import Segment
from nukki.ops.tiles import tight_box
from nukki.pipelines.gone import Look
from nukki.pipelines.holding import HELD, PERSON, RIDDEN
from nukki.pipelines.segment import Finder
from nukki.types import RGB8, Box, Mask

__all__ = ["PASSES", "Seen", "look", "widened"]

PASSES = 2  # times that a hole is widened, at most

_AROUND, _LEAST_AROUND = 0.5, 64  # of the hole's longer side, and pixels: what is seen beside it
_WITHIN = 0.5  # share of a thing's mask that lies in the hole
_RELAXED = 0.6  # of the least score: what hangs on to the hole may be so much less sure
_KNOWN = 0.3  # share of a mask that is something that was found before and stays
_TOUCH, _CONTACT = 2, 0.5  # pixels; of the side of a square as large as the thing
_TINY = 0.01  # of the hole: what is smaller is no thing
_FAR = 2  # growths: how much farther the hole reaches around what is left


@dataclass(frozen=True, eq=False)
class Seen:
    """What a look has found.

    Attributes:
        left: What is left over, in the crop's pixels.
        crop: The part of the photo that was looked at.
        seam: See `gone.Look`.
    """

    left: tuple[Segment, ...]
    crop: Box
    seam: float

    def told(self, number: int, done: str) -> Look:
        """As a record.

        Args:
            number: Of the filling that was looked at.
            done: "", "wider" or "box".
        """
        titles = tuple(f"{one.label} {one.score:.2f}".replace(" 0.", " .") for one in self.left)
        if not titles:
            reason = "nothing like what went is seen"
        elif done:
            reason = f"{', '.join(titles)} is seen: the hole becomes {_DONE[done]}"
        else:
            reason = f"{', '.join(titles)} is seen still"
        return Look(number=number, left=titles, seam=self.seam, widened=done, reason=reason)


_DONE = {"wider": "wider by it", "box": "wider by its box"}


def look(
    image: RGB8,
    hole: Mask,
    finder: Finder,
    labels: Collection[str] | None,
    known: Mask,
    *,
    crowd: Mapping[str, float] = MappingProxyType({}),
) -> Seen:
    """Look at a filled hole.

    Args:
        image: (H, W, 3) uint8, sRGB, filled.
        hole: (H, W) bool.
        finder: Looks.
        labels: Of what went; None for any.
        known: (H, W) bool: what was found before and stays.
        crowd: By label, how sure the surest was of what is hardly seen and stays, such as people of
            an audience: what is seen in the hole that is no surer than that belongs to it.

    Raises:
        ModelOutputError: As the finder does.
    """
    whole = Box(0, 0, hole.shape[1], hole.shape[0])
    tight = tight_box(hole, whole) or whole
    margin = max(_LEAST_AROUND, round(_AROUND * max(tight.width, tight.height)))
    crop = tight.grown(margin, *hole.shape)
    part = np.ascontiguousarray(image[crop.slices()])
    inside, other = hole[crop.slices()], known[crop.slices()]
    found = finder.predict(part, min_score=_RELAXED * finder.threshold(()))
    least = finder.threshold([one.score for one in found])
    left = tuple(
        one
        for one in found
        if one.score > crowd.get(one.label, 0.0)
        and _is_left(one, inside, other, _least(one.label, labels, least))
    )
    return Seen(left, crop, round(seam(part, inside), 3))


def _least(label: str, labels: Collection[str] | None, least: float) -> tuple[float, float]:
    """How sure a thing of a kind must be in the hole, and beside it; beyond 1 it never is."""
    if labels is None or label in labels:
        # A leg without its body is seen less surely than a person is.
        return least, _RELAXED * least
    held = PERSON in labels and label in HELD | RIDDEN
    return (least, least) if held else (math.inf, math.inf)


def _is_left(one: Segment, hole: Mask, known: Mask, least: tuple[float, float]) -> bool:
    """Whether a thing is a rest of what went: it lies in the hole, or hangs on to it."""
    if one.score < least[1]:
        return False
    size = np.count_nonzero(hole)
    if not _TINY * size <= one.area <= size:
        return False
    where = one.box.slices()
    if np.count_nonzero(one.crop & known[where]) > _KNOWN * one.area:
        return False
    if np.count_nonzero(one.crop & hole[where]) >= _WITHIN * one.area:
        return one.score >= least[0]
    near = one.box.grown(_TOUCH, *hole.shape)
    grown = np.zeros((near.height, near.width), np.bool_)
    top, left = one.box.top - near.top, one.box.left - near.left
    grown[top : top + one.box.height, left : left + one.box.width] = one.crop
    contact = np.count_nonzero(dilated(grown, _TOUCH) & hole[near.slices()])
    return bool(contact >= _CONTACT * math.sqrt(one.area))


def widened(hole: Mask, seen: Seen, grow: int, stays: Mask, *, boxes: bool) -> Mask:
    """A hole and what was left over of it.

    Args:
        hole: (H, W) bool.
        seen: What a look has found.
        grow: Pixels that the hole reached beyond its things.
        stays: (H, W) bool: what is never taken.
        boxes: Whether the boxes of what is left go too, not the masks alone.
    """
    result = hole.copy()
    part = result[seen.crop.slices()]
    for one in seen.left:
        box, mask = grown_hole(one.levels, one.support, one.size, _FAR * grow)
        part[box.slices()] |= mask
        if boxes:
            part[one.box.grown(grow, *one.size).slices()] = True
    return result & ~(stays & ~hole)
