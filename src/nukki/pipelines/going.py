"""What goes and what stays: things chosen → what they hold → shapes → shadows → one hole.

* What goes takes along what it holds or rides (`pipelines.holding`), and what stays keeps its own.
* Each thing goes by its mask, grown beyond its soft edge (`ops.growing`), or by its box, where its
  mask is not to be trusted: the reason is kept.
* Its shadow and its reflection go with it when they are sure (`ops.cast_shadow`,
  `ops.reflections`), and always a rim around its foot, where the ground is dark.
* What beside the hole still has its colours goes too (`ops.leftover`).
* Who is excepted keeps every pixel of its own; so does what stands in front. A box and a shadow
  take nothing of anything that stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nukki.ops.cast_shadow import cast_shadow
from nukki.ops.components import find_pieces
from nukki.ops.discs import dilated
from nukki.ops.ground import Cast, ground_of
from nukki.ops.growing import grown_hole, usual_growth
from nukki.ops.leftover import leftover
from nukki.ops.reflections import reflection
from nukki.ops.segments import Segment
from nukki.ops.strays import without_strays
from nukki.pipelines.gone import SURE, Part, Shape
from nukki.pipelines.holding import HELD, RIDDEN, holders
from nukki.pipelines.results import Instance
from nukki.types import RGB8, Box, Mask

__all__ = ["DOUBTFUL", "Going", "How", "Thing", "along", "going"]

Grow = float | Literal["auto"]
Choice3 = Literal["auto", "always", "never"]

DOUBTFUL = 0.5  # a mask of a lower score is not trusted
_AGREED = 0.8  # IoU of the mask's bounds and the network's own box below which it is not either
_SMALL = 24  # pixels of a box's longer side: nothing is saved by a mask
_TOO_LARGE = 0.2  # of the photo: a box that is larger would cost more than it saves
_SURE_OTHERS = 0.5  # what is less sure stands in nobody's way
_BEHIND = 0.02  # of the photo's height: whose base is so much higher is farther back
_REACH, _LEAST_REACH = 0.1, 16  # of a thing's height, pixels: how far its hole may reach at most
_AROUND, _ROUNDS = 6, 2  # growths around a hole in which its colours are looked for, and how often
_ISLAND = 3  # growths: a square of ground within a thing that is no larger goes with it
_WORTH_TELLING = 0.1  # of a shadow: what is less sure is nothing
_NEAR_RIM = 0.02  # of its height: so near to the photo's lower rim a thing is cut off by it
_FOOT, _RIM = 0.06, 0.03  # of a thing's height: the foot, and what of the ground goes around it


@dataclass(frozen=True)
class How:
    """How things go.

    Attributes:
        shape: "mask", "box", or "auto" for what suits each.
        grow: Pixels, or "auto".
        shadow: Whether shadows and reflections go along: when they are sure, always, or never.
    """

    shape: Literal["auto", "mask", "box"] = "auto"
    grow: Grow = "auto"
    shadow: Choice3 = "auto"


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing and by which number it is called.

    Attributes:
        number: Its own; 0 of a part of a mask.
        segment: Where it is.
        holder: The number of who holds it, where it goes for that reason.
    """

    number: int
    segment: Segment
    holder: int | None = None


@dataclass(frozen=True, eq=False)
class Going:
    """What goes.

    Attributes:
        parts: The things, in the order of their numbers.
        hole: (H, W) bool.
        guard: (H, W) uint8: how much of each pixel belongs to what keeps its pixels; at 128 and
            more it is in no hole.
        stays: (H, W) bool: all that was found and stays: nothing is copied from it.
    """

    parts: tuple[Part, ...]
    hole: Mask
    guard: NDArray[np.uint8]
    stays: Mask


def along(
    everything: Sequence[Instance],
    chosen: Sequence[Instance],
    excepted: Sequence[Instance],
    candidates: Sequence[Instance] = (),
) -> tuple[list[Thing], list[Instance]]:
    """Who goes, with what they hold and ride; and who is excepted, likewise.

    Args:
        everything: All that was found.
        chosen: What is to go.
        excepted: What is to stay, whatever was chosen.
        candidates: What was seen less surely: of these only what is held and ridden counts.
    """
    every = [*everything, *(one for one in candidates if one.label in HELD | RIDDEN)]
    owner = holders([one.segment for one in every])
    held = {every[thing].number: every[person].number for thing, person in owner.items()}
    kept = {one.number for one in excepted}
    kept |= {thing for thing, person in held.items() if person in kept}
    gone = {one.number for one in chosen} - kept
    joined = {thing: person for thing, person in held.items() if person in gone}
    things = [
        Thing(one.number, one.segment, None if one.number in gone else joined[one.number])
        for one in every
        if one.number not in kept and (one.number in gone or one.number in joined)
    ]
    return things, [one for one in every if one.number in kept]


def going(
    image: RGB8,
    things: Sequence[Thing],
    others: Sequence[Segment],
    excepted: Sequence[Segment],
    how: How,
) -> Going:
    """The hole of some things.

    Args:
        image: (H, W, 3) uint8, sRGB.
        things: What goes.
        others: What was found besides and stays, less the excepted.
        excepted: What keeps every pixel.
        how: The options.
    """
    size = image.shape[0], image.shape[1]
    gone = [one.segment for one in things]
    excepted = [without_strays(one, gone) for one in excepted]
    sure = [without_strays(one, gone) for one in others if one.score >= _SURE_OTHERS]
    staying = [*excepted, *sure]
    canvas = _Canvas(size)
    parts = []
    for thing in things:
        front = [one for one in sure if _in_front(one, thing.segment)]
        among = [one.segment for one in things if one is not thing] + staying
        parts.append(_draw(canvas, image, thing, front, staying, among, how))
    for one in excepted:
        canvas.keep(one)
    stays = np.zeros(size, np.bool_)
    for one in staying:
        stays[one.box.slices()] |= one.crop
    return Going(tuple(parts), canvas.hole, canvas.guard, stays & ~canvas.hole)


def _draw(
    canvas: _Canvas,
    image: RGB8,
    thing: Thing,
    front: Sequence[Segment],
    staying: Sequence[Segment],
    among: Sequence[Segment],
    how: How,
) -> Part:
    """Draw what goes with a thing, and say what that is.

    Args:
        canvas: Gets it.
        image: The photo.
        thing: It.
        front: What stays and stands before it.
        staying: All that stays.
        among: All that was found but the thing itself.
        how: The options.
    """
    segment, size = without_strays(thing.segment, staying), canvas.size
    grow = usual_growth(segment.area, size) if how.grow == "auto" else round(how.grow)
    box, mask = grown_hole(segment.levels, segment.support, size, grow)
    if how.grow == "auto":
        box, mask = _with_leftover(image, segment, box, mask, grow, staying)
    canvas.add(box, mask, less=front)
    shape, reason, boxes = _shape(segment, how)
    for part in boxes:
        whole = part.grown(grow, *size)
        canvas.add(whole, np.ones((whole.height, whole.width), np.bool_), less=staying)
    casts: tuple[Cast, ...] = ()
    if how.shadow != "never" and _stands(segment):
        canvas.add(*_foot(segment, grow), less=staying)
        casts = _casts(image, segment, among)
    taken = tuple(one.confidence >= SURE or how.shadow == "always" for one in casts)
    for cast, goes in zip(casts, taken, strict=True):
        if goes:
            canvas.add(cast.box, cast.mask, less=staying)
    for one in front:
        canvas.keep(one)
    return Part(
        number=thing.number,
        segment=segment,
        shape=shape,
        reason=reason,
        grow=grow,
        holder=thing.holder,
        casts=casts,
        taken=taken,
    )


class _Canvas:
    """The hole while it is drawn.

    Attributes:
        size: (height, width) of the photo.
        hole: (H, W) bool.
        guard: (H, W) uint8: alpha of what keeps its pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.hole = np.zeros(size, np.bool_)
        self.guard = np.zeros(size, np.uint8)

    def add(self, box: Box, mask: Mask, *, less: Sequence[Segment]) -> None:
        """Add a mask that lies at `box`, less the masks of some things."""
        free = mask.copy()
        for one in less:
            meeting = one.box.within(box)
            if meeting.width > 0 and meeting.height > 0:
                free[_part_of(box, meeting)] &= ~one.crop[_part_of(one.box, meeting)]
        self.hole[box.slices()] |= free

    def keep(self, one: Segment) -> None:
        """Give a thing its pixels back; where it is soft it is mixed with what is filled in."""
        self.hole[one.box.slices()] &= ~one.crop
        target = self.guard[one.support.slices()]
        np.maximum(target, one.levels, out=target)


def _part_of(outer: Box, inner: Box) -> tuple[slice, slice]:
    return (
        slice(inner.top - outer.top, inner.bottom - outer.top),
        slice(inner.left - outer.left, inner.right - outer.left),
    )


def _in_front(one: Segment, thing: Segment) -> bool:
    """Whether something stands before a thing, as far as can be told: it is not farther back."""
    reach = max(_LEAST_REACH, round(_REACH * thing.box.height))
    near = one.support.within(thing.support.grown(reach, *thing.size))
    if near.width <= 0 or near.height <= 0:
        return False
    return one.box.bottom >= thing.box.bottom - _BEHIND * one.size[0]


def _shape(segment: Segment, how: How) -> tuple[Shape, str, tuple[Box, ...]]:
    """By what a thing goes and why, and the boxes that go besides its mask."""
    whole = _whole_box(segment)
    if how.shape != "auto":
        return how.shape, "as asked", (whole,) if how.shape == "box" else ()
    if max(whole.width, whole.height) <= _SMALL:
        return "box", "it is small", (whole,)
    agreed = _agreement(segment)
    small = whole.width * whole.height <= _TOO_LARGE * segment.size[0] * segment.size[1]
    if segment.score < DOUBTFUL:
        doubt = f"its mask is doubtful ({segment.score:.2f})"
        if small:
            return "box", doubt, (whole,)
        return "mask", f"{doubt}, but its box is a large part of the photo", ()
    if agreed < _AGREED:
        doubt = f"its mask and its box agree by {agreed:.2f} only"
        if small:
            return "box", doubt, (whole,)
        return "box", f"{doubt}: what of the box lies beyond the mask", _beyond(segment, whole)
    return "mask", f"its mask is sure ({segment.score:.2f}) and fills its box ({agreed:.2f})", ()


def _beyond(segment: Segment, whole: Box) -> tuple[Box, ...]:
    """The strips of a box that lie above, below, left and right of the mask's bounds."""
    box = segment.box
    strips = (
        Box(whole.left, whole.top, whole.right, box.top),
        Box(whole.left, box.bottom, whole.right, whole.bottom),
        Box(whole.left, whole.top, box.left, whole.bottom),
        Box(box.right, whole.top, whole.right, whole.bottom),
    )
    return tuple(one for one in strips if one.width > 0 and one.height > 0)


def _stands(segment: Segment) -> bool:
    """Whether a thing is sure enough, and its base is to be seen."""
    below = segment.size[0] - segment.box.bottom
    return segment.score >= DOUBTFUL and below > _NEAR_RIM * segment.box.height


def _whole_box(segment: Segment) -> Box:
    """The mask's bounds and the network's own box, together, in the photo."""
    left, top, right, bottom = segment.corners
    height, width = segment.size
    return Box(
        max(0, min(segment.box.left, math.floor(left))),
        max(0, min(segment.box.top, math.floor(top))),
        min(width, max(segment.box.right, math.ceil(right))),
        min(height, max(segment.box.bottom, math.ceil(bottom))),
    )


def _agreement(segment: Segment) -> float:
    """IoU of the mask's bounds and the network's own box."""
    left, top, right, bottom = segment.corners
    box = segment.box
    across = min(box.right, right) - max(box.left, left)
    down = min(box.bottom, bottom) - max(box.top, top)
    shared = max(across, 0) * max(down, 0)
    both = box.width * box.height + max(right - left, 0) * max(bottom - top, 0) - shared
    return shared / both if both > 0 else 0.0


def _with_leftover(
    image: RGB8, segment: Segment, box: Box, mask: Mask, grow: int, staying: Sequence[Segment]
) -> tuple[Box, Mask]:
    """A hole, what beside it still looks like its thing, and islands too small to say anything."""
    wide = box.grown(_AROUND * grow, *segment.size)
    hole = np.zeros((wide.height, wide.width), np.bool_)
    hole[_part_of(wide, box)] = mask
    own, stays = np.zeros_like(hole), np.zeros_like(hole)
    own[_part_of(wide, segment.box)] = segment.crop
    for one in staying:
        meeting = one.box.within(wide)
        if meeting.width > 0 and meeting.height > 0:
            stays[_part_of(wide, meeting)] |= one.crop[_part_of(one.box, meeting)]
    part = np.ascontiguousarray(image[wide.slices()])
    for _ in range(_ROUNDS):
        more = leftover(part, own, hole, grow, stays=stays)
        if not more.any():
            break
        hole |= dilated(more, grow) & ~stays
    islands = find_pieces(~hole, diagonal=False)
    small = ~islands.touching_rim() & (islands.areas() <= (_ISLAND * grow) ** 2)
    return wide, hole | (islands.mask(small) & ~stays)


def _foot(segment: Segment, grow: int) -> tuple[Box, Mask]:
    """The ground right around a thing's foot, where hardly any light gets."""
    height = segment.box.height
    rim = max(grow, round(_RIM * height))
    levels, support = segment.levels, segment.support
    low = support.bottom - max(1, round(_FOOT * height))
    place = Box(support.left, max(support.top, low), support.right, support.bottom)
    box, mask = grown_hole(levels[_part_of(support, place)], place, segment.size, rim)
    mask = mask.copy()
    mask[: max(0, place.top - box.top)] = False
    return box, mask


def _casts(image: RGB8, segment: Segment, among: Sequence[Segment]) -> tuple[Cast, ...]:
    """What a thing may throw on the ground, the surest first."""
    ground = ground_of(image, segment, among)
    if ground is None:
        return ()
    found = [one for one in (cast_shadow(ground), reflection(ground)) if one is not None]
    seen = [one for one in found if one.confidence >= _WORTH_TELLING]
    return tuple(sorted(seen, key=lambda one: -one.confidence))
