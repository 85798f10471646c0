"""Erasing from the choice to the second look: find → choose → plan the hole → fill → look again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError, NothingFound
from nukki.io.display import shown_png
from nukki.io.images import Picture
from nukki.ops.alpha import quantise
from nukki.ops.components import find_pieces
from nukki.ops.segments import Segment, segment_of, soft_segment_of
from nukki.pipelines.choice import choose
from nukki.pipelines.erase import check_hole, erase
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.filling import Filler
from nukki.pipelines.going import DOUBTFUL, Going, How, Thing, along, going
from nukki.pipelines.gone import Look
from nukki.pipelines.grammar import parse
from nukki.pipelines.preview import preview
from nukki.pipelines.results import Cutout, Erased, Instance, Segmentation
from nukki.pipelines.second_look import PASSES, look, widened
from nukki.pipelines.segment import Finder, check_choices, segment
from nukki.types import Box, Mask

__all__ = [
    "Layers",
    "Plan",
    "Who",
    "by_choice",
    "by_cutout",
    "by_mask",
    "carry_out",
    "needs_finder",
]

# What goes or stays: a choice (docs/choosing.md), a thing, or several.
Who: TypeAlias = str | Instance | Sequence[Instance] | Segmentation

MASK, SUBJECT = "mask", "subject"  # labels of what was given, not found
_MOST_PIECES = 64  # of a mask that are things by themselves
_MASK_GROWN = 0.003  # of the photo's shorter side: "auto" around a mask
_FEATHER = 4.0  # pixels; less where the hole grows by less
_VEIL = 128  # levels from which on a pixel is the guard's own


class Layers(NamedTuple):
    """A photo taken apart.

    Attributes:
        cutouts: Its subjects, each of the photo's size.
        plate: What is behind them.
    """

    cutouts: tuple[Cutout, ...]
    plate: Erased


@dataclass(frozen=True, eq=False)
class Plan:
    """What would go.

    Attributes:
        picture: The photo.
        things: What goes.
        going: The hole, and why it is as it is.
        others: What was found besides.
        looking: Who takes the second look; None for nobody.
        kinds: Labels of what is left over, should the second look see it; None for any.
        feather: Pixels around the hole over which the filling goes over into the photo.
        seconds: Time of each step.
    """

    picture: Picture
    things: tuple[Thing, ...]
    going: Going
    others: tuple[Segment, ...] = ()
    looking: Finder | None = None
    kinds: frozenset[str] | None = None
    feather: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def known(self, hole: Mask) -> Mask:
        """(H, W) bool: what was found and stays, sure or not, outside a hole."""
        result = self.going.stays & ~hole
        for one in self.others:
            result[one.box.slices()] |= one.crop & ~hole[one.box.slices()]
        return result

    def crowd(self) -> dict[str, float]:
        """By label, how sure the surest is of what stays and is not sure."""
        doubtful = [one for one in self.others if one.score < DOUBTFUL]
        return {
            label: max(one.score for one in doubtful if one.label == label)
            for label in {one.label for one in doubtful}
        }

    def preview(self) -> Picture:
        """The photo with what would go; see `pipelines.preview`."""
        return preview(self.picture, self.going, self.things)

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the preview, small."""
        return shown_png(lambda: (self.preview().pixels, None, None))


def needs_finder(what: Who | None, except_: Who | None, wish: GoOptions) -> bool:
    """Whether things have to be found: words have to be understood, or the result looked at."""
    if isinstance(what, str) or isinstance(except_, str):
        return True
    # A mask, which is no choice, is only looked at again when that is asked for.
    looks = ("always",) if what is None else ("auto", "always")
    return wish.second_pass in looks


def by_choice(
    picture: Picture, what: Who, wish: GoOptions, finder: Finder | None, *, except_: Who | None
) -> Plan:
    """Plan to erase things.

    Args:
        picture: The photo.
        what: What goes.
        wish: How; its `what` and `except_` do not matter here.
        finder: Finds things; None where all that is named was found before and nobody looks again.
        except_: What keeps every pixel.

    Raises:
        InputError: If a choice is none, or the hole would cover all that is to be seen.
        NothingFound: If nothing goes.
    """
    started = time.perf_counter()
    everything, candidates = _everything(picture, what, except_, wish, finder)
    size = picture.height, picture.width
    chosen = _meant(what, everything, size, "what", less=except_)
    excepted = () if except_ is None else _meant(except_, everything, size, "except", empty=True)
    found = time.perf_counter()
    things, kept = along(everything, chosen, excepted, candidates)
    if not things:
        message = "nothing goes: all that is meant is excepted"
        raise NothingFound(message, hint="leave some of it out of `except`")
    plan = _planned(picture, things, everything, kept, _how(wish))
    seconds = {"find": found - started, "plan": time.perf_counter() - found}
    looking = finder if wish.second_pass in ("auto", "always") else None
    kinds = frozenset(one.segment.label for one in things)
    feather = _FEATHER if wish.grow == "auto" else min(_FEATHER, wish.grow)
    return replace(plan, looking=looking, kinds=kinds, feather=feather, seconds=seconds)


def by_mask(
    picture: Picture, mask: Mask, wish: GoOptions, finder: Finder | None, *, except_: Who | None
) -> Plan:
    """Plan to erase exactly a mask and `grow` pixels around it.

    Box, shadow and second look only come into it if `wish` asks for them by name.

    Args:
        picture: The photo.
        mask: (H, W) bool.
        wish: How.
        finder: Finds who is excepted, and looks again; None where neither is wished.
        except_: What keeps every pixel.

    Raises:
        InputError: If the mask has another size, or the hole would cover all that is to be seen.
        NothingFound: If it is empty.
    """
    check_hole(picture, mask)
    started = time.perf_counter()
    kept: list[Instance] = []
    if except_ is not None:
        everything, _ = _everything(picture, except_, None, wish, finder)
        size = picture.height, picture.width
        kept = list(_meant(except_, everything, size, "except", empty=True))
    found = time.perf_counter()
    usual = max(1, round(_MASK_GROWN * min(picture.height, picture.width)))
    how = How(
        shape="box" if wish.shape == "box" else "mask",
        grow=usual if wish.grow == "auto" else wish.grow,
        shadow="always" if wish.shadow == "always" else "never",
    )
    apart = how.shape == "box" or how.shadow == "always"
    things = [Thing(0, one) for one in _pieces(mask, apart=apart)]
    plan = _planned(picture, things, kept, kept, how)
    seconds = {"find": found - started, "plan": time.perf_counter() - found}
    looking = finder if wish.second_pass not in ("auto", "never") else None
    feather = min(_FEATHER, usual) if wish.grow == "auto" else 0.0  # exactly what was asked for
    return replace(plan, looking=looking, feather=feather, seconds=seconds)


def by_cutout(cutout: Cutout) -> Plan:
    """Plan to erase a subject that was cut out, with its shadow where that is sure.

    Args:
        cutout: Of the whole photo, not cropped.

    Raises:
        InputError: If it covers all that is to be seen.
        NothingFound: If it is empty.
    """
    levels = quantise(cutout.alpha)
    size = levels.shape[0], levels.shape[1]
    whole = Box(0, 0, size[1], size[0])
    subject = soft_segment_of(levels, whole, size, label=SUBJECT, score=1.0)
    if subject is None:
        message = "there is no subject: nothing to erase"
        raise NothingFound(message, hint="choose by --subject, or give a mask to `nukki erase`")
    plan = _planned(cutout.picture, [Thing(0, subject)], (), (), How())
    return replace(plan, feather=_FEATHER)


def carry_out(plan: Plan, filler: Filler, *, seed: int = 0) -> Erased:
    """Fill the hole of a plan, look at the result, and take more where something is left.

    Args:
        plan: What goes.
        filler: Paints the hole.
        seed: See `Filler`.

    Raises:
        ModelOutputError: If the filler's answer is no picture, or the finder's none.
    """
    hole, looks = plan.going.hole, list[Look]()
    seconds = dict(plan.seconds)
    grow = max((part.grow for part in plan.going.parts), default=1)
    while True:
        made = erase(
            plan.picture,
            hole,
            filler,
            forbidden=plan.going.stays,
            seed=seed,
            feather=plan.feather,
        )
        made = _veiled(made, plan)
        _add(seconds, made.seconds)
        if plan.looking is None:
            break
        started = time.perf_counter()
        known = plan.known(hole)
        seen = look(made.rgb8(), hole, plan.looking, plan.kinds, known, crowd=plan.crowd())
        _add(seconds, {"look": time.perf_counter() - started})
        wider = hole
        if seen.left and len(looks) < PASSES:
            wider = widened(hole, seen, max(1, grow), plan.going.stays, boxes=bool(looks))
        more = int(np.count_nonzero(wider)) > int(np.count_nonzero(hole))
        more = more and _leaves_something(plan.picture, wider)
        done = ("box" if looks else "wider") if more else ""
        looks.append(seen.told(len(looks) + 1, done))
        if not more:
            break
        hole = wider
    return replace(made, parts=plan.going.parts, passes=tuple(looks), seconds=seconds)


def _planned(
    picture: Picture,
    things: Sequence[Thing],
    everything: Sequence[Instance],
    kept: Sequence[Instance],
    how: How,
) -> Plan:
    """A plan whose hole is neither empty nor everything."""
    gone = {one.number for one in things} | {one.number for one in kept}
    others = [one.segment for one in everything if one.number not in gone]
    whole = going(picture.rgb8(), things, others, [one.segment for one in kept], how)
    if not whole.hole.any():
        message = "nothing goes: what is meant lies under what keeps its pixels"
        raise NothingFound(message, hint="leave some of it out of `except`")
    if not _leaves_something(picture, whole.hole):
        message = "what goes covers all that is to be seen of the photo: nothing to fill from"
        raise InputError(message, hint="choose less, or give a smaller `grow`")
    return Plan(picture, tuple(things), whole, tuple(others))


def _leaves_something(picture: Picture, hole: Mask) -> bool:
    """Whether there is anything left to fill from."""
    known = ~hole if picture.alpha is None else ~hole & (picture.alpha > 0)
    return bool(known.any())


def _how(wish: GoOptions) -> How:
    return How(shape=wish.shape, grow=wish.grow, shadow=wish.shadow)


def _everything(
    picture: Picture, what: Who, except_: Who | None, wish: GoOptions, finder: Finder | None
) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
    """All things of the photo, found before or now; and what was seen less surely."""
    known = _known(picture, what) | _known(picture, except_)
    words = [one for one in (what, except_) if isinstance(one, str)]
    if known and words:
        message = "`what` and `except_` must both be words, or both be things that were found"
        raise InputError(message, hint="choose by found.choose(…), or give words for both")
    if not words:
        seen = what.candidates if isinstance(what, Segmentation) else ()
        return tuple(known[number] for number in sorted(known)), seen
    if finder is None:
        message = "`what` in words needs a network that finds things"
        raise InputError(message, hint="give things that were found")
    check_choices(words[0], words[1] if len(words) > 1 else None, finder.labels)
    found = segment(picture, finder, what="all", min_score=wish.min_score)
    return found.everything, found.candidates


def _known(picture: Picture, who: Who | None) -> dict[int, Instance]:
    """Things that were found before, and all that were found with them, by number.

    Raises:
        InputError: If they are of a photo of another size.
    """
    if who is None or isinstance(who, str):
        return {}
    things = (who,) if isinstance(who, Instance) else tuple(who)
    if isinstance(who, Segmentation):
        things = who.everything
    for one in things:
        height, width = one.segment.size
        if (height, width) != (picture.height, picture.width):
            message = (
                f"`what` must be of the photo's size, {picture.width} × {picture.height}, "
                f"got {width} × {height}"
            )
            raise InputError(message, hint="find the things in this very photo")
    return {one.number: one for one in things}


def _meant(
    who: Who,
    everything: Sequence[Instance],
    size: tuple[int, int],
    option: str,
    *,
    less: Who | None = None,
    empty: bool = False,
) -> tuple[Instance, ...]:
    """The things that are meant; with `empty` it may be nothing."""
    if isinstance(who, str):
        choice = parse(who, option=option)
        without = parse(less, option="except") if isinstance(less, str) else None
        try:
            return choose(choice, everything, size, except_=without)
        except NothingFound:
            if empty:
                return ()
            raise
    if isinstance(who, Instance):
        return (who,)
    meant = tuple(who)
    if not meant and not empty:
        message = f"`{option}` holds no thing: nothing to erase"
        raise NothingFound(message, hint="choose something that is there")
    return meant


def _pieces(mask: Mask, *, apart: bool) -> list[Segment]:
    """A mask as one thing, or as one a piece."""
    size = mask.shape[0], mask.shape[1]
    whole = Box(0, 0, size[1], size[0])
    masks: list[NDArray[np.bool_]] = [mask]
    if apart:
        pieces = find_pieces(mask)
        if pieces.count <= _MOST_PIECES:
            numbers = np.arange(pieces.count)
            masks = [pieces.mask(numbers == number) for number in numbers]
    made = (segment_of(one, whole, size, label=MASK, score=1.0) for one in masks)
    return [one for one in made if one is not None]


def _veiled(made: Erased, plan: Plan) -> Erased:
    """The soft edges of what keeps its pixels, mixed over what was filled in behind them."""
    guard = plan.going.guard
    where = made.hole & (guard > 0) & (guard < _VEIL)
    if not where.any():
        return made
    share = guard[where].astype(np.float64)[:, None] / 255
    pixels = made.pixels.copy()
    mixed = pixels[where] * (1 - share) + plan.picture.pixels[where] * share
    pixels[where] = np.rint(mixed).astype(pixels.dtype)
    return replace(made, pixels=pixels)


def _add(total: dict[str, float], more: Mapping[str, float]) -> None:
    for step, value in more.items():
        total[step] = total.get(step, 0.0) + value
