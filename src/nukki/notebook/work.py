"""What is checked and painted on a photo, and what comes of it; knows nothing of browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np

from nukki import api, settings
from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.loading import load_filler, load_picker
from nukki.notebook.strokes import Kind, Stroke, marked, mixed_in, painted, some_of, stroke_of
from nukki.notebook.wishes import places
from nukki.ops.prompts import check_point
from nukki.pipelines import pick as picking
from nukki.pipelines.eraser import Plan, carry_out
from nukki.pipelines.option_values import one_of
from nukki.pipelines.results import Cutout, Erased, Instance, Segmentation
from nukki.types import RGB8, Box, Mask, Point

__all__ = ["MARKS", "Mark", "Options", "Who", "Work"]

Mark: TypeAlias = Literal["cut", "erase", "keep"]
Who: TypeAlias = int | str | Instance | Iterable[int | Instance]
Result = TypeVar("Result")

MARKS: tuple[Mark, ...] = get_args(Mark)
KINDS: tuple[Kind, ...] = get_args(Kind)
_LARGEST = 2000.0  # pixels of a brush's radius
_HALF = 128  # levels of a guard from which on a pixel is its own
_UNSURE = 10_000  # added to the numbers of candidates


@dataclass(frozen=True)
class Options:
    """How the work is done; see `Cutter`."""

    instances: str = "default"
    remove: Mapping[str, Any] = field(default_factory=dict)
    erase: Mapping[str, Any] = field(default_factory=dict)
    loading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class State:
    """What a user has said so far; never changed, so that undoing is going back to another one.

    Attributes:
        checked: Things by number that have each mark.
        strokes: In the order in which they were painted.
        picked: Things that were not found but shown, numbered on from those that were.
    """

    checked: Mapping[Mark, frozenset[int]] = field(
        default_factory=lambda: dict.fromkeys(MARKS, frozenset())
    )
    strokes: tuple[Stroke, ...] = ()
    picked: tuple[Instance, ...] = ()


class Work:
    """A photo, what was found in it, and what a user wants of it.

    Args:
        picture: The photo.
        options: How.

    Attributes:
        picture: The photo.
        found: All that was found in it.
    """

    def __init__(self, picture: Picture, options: Options) -> None:
        self.picture = picture
        self.options = options
        found = api.segment(picture, instances=options.instances, **options.loading)
        # What is picked takes the numbers after those that are listed.
        unsure = tuple(replace(one, number=one.number + _UNSURE) for one in found.candidates)
        self.found = replace(found, candidates=unsure)
        self._states = [State()]
        self._at = 0
        self._asked: picking.Asked | None = None
        self._made: dict[str, tuple[Any, Any]] = {}

    # --- what is said

    @property
    def state(self) -> State:
        """What is said now."""
        return self._states[self._at]

    @property
    def things(self) -> Segmentation:
        """All that can be checked: what was found, and what was picked."""
        return replace(self.found, instances=(*self.found.instances, *self.state.picked))

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return self._at < len(self._states) - 1

    def undo(self) -> bool:
        """Take back the last step; gives whether there was one."""
        done = self.can_undo
        self._at -= done
        return done

    def redo(self) -> bool:
        """Take the undone step again; gives whether there was one."""
        done = self.can_redo
        self._at += done
        return done

    def _say(self, **parts: Any) -> None:
        del self._states[self._at + 1 :]
        self._states.append(replace(self.state, **parts))
        self._at += 1

    def check(self, who: Who, mark: Mark, *, on: bool = True) -> tuple[int, ...]:
        """Check a box of things, or clear it; gives their numbers.

        What keeps every pixel cannot be erased: of these two marks the later one counts.

        Raises:
            InputError: If the mark is none, or a number is of no thing.
            NothingFound: If a choice means nothing.
        """
        one_of("mark", mark, MARKS)
        numbers = self._numbers(who)
        checked = dict(self.state.checked)
        checked[mark] = checked[mark] | numbers if on else checked[mark] - numbers
        against: dict[Mark, Mark] = {"erase": "keep", "keep": "erase"}
        if on and mark in against:
            checked[against[mark]] -= numbers
        if checked != self.state.checked:
            self._say(checked=checked)
        return tuple(sorted(numbers))

    def _numbers(self, who: Who) -> frozenset[int]:
        if isinstance(who, str):
            return frozenset(one.number for one in self.things.choose(who, option="who"))
        several = isinstance(who, Iterable) and not isinstance(who, Instance)
        given: list[Any] = list(who) if several else [who]  # type: ignore[arg-type]
        known = [one.number for one in self.things]
        numbers = []
        for one in given:
            number = one.number if isinstance(one, Instance) else one
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                message = f"`who` must be numbers of things or a choice in words, got {number!r}"
                raise InputError(message, hint='give 2, [1, 3] or "people"')
            if number not in known:
                message = f"`who` = {number} is the number of no thing"
                there = f"there are 1 to {known[-1]}" if known else "nothing was found"
                raise InputError(message, hint=f"{there}; pick(x, y) adds the thing at a place")
            numbers.append(int(number))
        return frozenset(numbers)

    def pick(
        self, points: Sequence[Point], box: Box | None = None, *, mark: Mark | None = None
    ) -> Instance:
        """Add the thing that is shown to the list, and check a box of it in the same step.

        Raises:
            InputError: If a place lies outside, or nothing is shown.
            NothingFound: If nothing is there.
        """
        number = max((one.number for one in self.things), default=0) + 1
        thing = replace(self._ask(points, box), number=number)
        checked = dict(self.state.checked)
        if mark is not None:
            one_of("mark", mark, MARKS)
            checked[mark] = checked[mark] | {number}
        self._say(picked=(*self.state.picked, thing), checked=checked)
        return thing

    def at(self, point: Point) -> Instance | None:
        """The smallest listed thing at a place; None where there is none.

        Raises:
            InputError: If the place lies outside.
        """
        check_point(point, self.picture.height, self.picture.width)
        x, y = round(point.x), round(point.y)
        here = [one for one in self.things if one.mask[max(y, 0), max(x, 0)]]
        return min(here, key=lambda one: one.area, default=None)

    def brush(
        self, points: Iterable[Any], kind: Kind, *, size: float = 20.0, snap: bool = True
    ) -> Stroke:
        """Paint a stroke; gives it as it counts.

        Raises:
            InputError: If the kind or the size is none, there are no points, or one lies outside.
        """
        one_of("kind", kind, KINDS)
        if not _is_size(size):
            message = f"`size` must be more than 0 and at most {_LARGEST:g} pixels, got {size!r}"
            raise InputError(message, hint="20 is a usual size")
        way = places(points)
        if not way:
            message = "`points` holds no point: a stroke needs one at least"
            raise InputError(message, hint="give points=[(x, y), …] along the stroke")
        shape = self.picture.height, self.picture.width
        for one in way:
            check_point(one, *shape)
        stroke = stroke_of(kind, way, float(size), shape)
        if stroke is None:
            message = f"`size` = {size} is so small that the stroke covers no pixel"
            raise InputError(message, hint="20 is a usual size")
        if snap:
            stroke = self._snapped(stroke, way)
        self._say(strokes=(*self.state.strokes, stroke))
        return stroke

    def _snapped(self, stroke: Stroke, way: Sequence[Point]) -> Stroke:
        try:
            shown = self._ask([replace(one, keep=True) for one in some_of(way)])
        except NothingFound:
            return stroke
        return stroke.on(shown, threads=self._threads)

    def _ask(self, points: Sequence[Point], box: Box | None = None) -> Instance:
        if self._asked is None:
            self._asked = load_picker(**self.options.loading).embed(self.picture.rgb8())
        return picking.pick(self.picture, _Looked(self._asked), points=points, box=box)

    # --- what comes of it

    @property
    def wants_erasing(self) -> bool:
        """Whether anything is checked or painted that goes."""
        marks = any(one.kind == "mark" for one in self.state.strokes)
        return marks or bool(self.state.checked["erase"])

    def cut_out(self) -> Cutout:
        """The cut-out as it is checked and painted now; made once.

        Nobody checked is everybody's guess: then the subject is found as `nukki.remove` does.
        """
        state = self.state
        strokes = tuple(one for one in state.strokes if one.kind in ("restore", "remove"))
        listed, picked = self._with("cut")
        key = (listed, picked, strokes)
        return self._once("cut", key, lambda: painted(self._unpainted(listed, picked), strokes))

    def _unpainted(self, listed: Sequence[Instance], picked: Sequence[Instance]) -> Cutout:
        numbers = ",".join(str(one.number) for one in listed)

        def served() -> Cutout:
            if picked and not listed:
                return picked[0].cut(threads=self._threads)
            options = {**self.options.remove, "instances": self.options.instances}
            if numbers:
                options["subject"] = numbers
            return api.remove(self.picture, **self.options.loading, **options)

        key = (numbers, tuple(picked[:1]) if not listed else ())
        return mixed_in(self._once("base", key, served), picked)

    def plan(self) -> Plan:
        """What would be erased.

        Raises:
            NothingFound: If nothing is checked or painted that goes.
            InputError: If nothing of the photo would be left to fill from.
        """
        state = self.state
        strokes = tuple(one for one in state.strokes if one.kind in ("mark", "unmark"))
        key = (state.checked["erase"], state.checked["keep"], state.picked, strokes)
        return self._once("plan", key, lambda: self._planned(strokes))

    def _planned(self, strokes: Sequence[Stroke]) -> Plan:
        listed, picked = self._with("erase")
        gone = (*listed, *picked)
        kept = tuple(one for some in self._with("keep") for one in some)
        into, out = marked(strokes, (self.picture.height, self.picture.width))
        options = {name: value for name, value in self.options.erase.items() if name not in _FILL}
        options["instances"] = self.options.instances
        call = {**self.options.loading, **options, "except_": kept or None}
        into &= ~out
        if not gone:
            if not into.any():
                message = "nothing is to be erased: no thing is checked and nothing is marked"
                raise NothingFound(message, hint='check(2, "erase"), or mark with the brush')
            # Exactly what was painted goes, unless a margin is asked for.
            return api.what_goes(self.picture, mask=into, **{"grow": 0, **call})
        others = tuple(one for one in self.things if one not in gone)
        what = replace(self.found, instances=gone, others=others)
        plan = api.what_goes(self.picture, what, **call)
        return _repainted(plan, into, out) if strokes else plan

    def erase(self) -> Erased:
        """The photo without what is checked and painted to go; made once.

        Raises:
            NothingFound, InputError: As `plan`.
        """
        plan = self.plan()

        def filled() -> Erased:
            how = {name: self.options.erase[name] for name in _FILL if name in self.options.erase}
            seed = how.pop("seed", 0)
            filler = load_filler(**{**self.options.loading, **how})
            return carry_out(plan, filler, seed=seed)

        return self._once("erased", plan, filled)

    def _with(self, mark: Mark) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
        """Things with a mark: those that were found, those that were picked."""
        numbers = self.state.checked[mark]
        listed = tuple(one for one in self.found if one.number in numbers)
        return listed, tuple(one for one in self.state.picked if one.number in numbers)

    @property
    def _threads(self) -> int:
        return int(self.options.loading.get("threads") or settings.threads())

    def _once(self, name: str, key: Any, make: Callable[[], Result]) -> Result:
        """The result that was last made by that name, if it was made of the same."""
        kept = self._made.get(name)
        if kept is None or kept[0] != key:
            self._made[name] = kept = (key, make())
        result: Result = kept[1]
        return result


_FILL = ("fill", "card", "seed")  # options of erasing that are about the filling


@dataclass(frozen=True)
class _Looked:
    """A picker that has looked at its photo before."""

    asked: picking.Asked

    def embed(self, image: RGB8) -> picking.Asked:  # noqa: ARG002
        """What was seen then."""
        return self.asked


def _repainted(plan: Plan, into: Mask, out: Mask) -> Plan:
    """A plan whose hole was painted on; what is painted off, or to be kept, keeps its pixels.

    Raises:
        NothingFound: If nothing is left of it.
        InputError: If it covers everything that is to be seen.
    """
    into = into & (plan.going.guard < _HALF)
    hole = (plan.going.hole | into) & ~out
    if not hole.any():
        message = "nothing is to be erased: all of it is unmarked"
        raise NothingFound(message, hint="undo the last stroke")
    known = ~hole if plan.picture.alpha is None else ~hole & (plan.picture.alpha > 0)
    if not known.any():
        message = "what goes covers all that is to be seen of the photo: nothing to fill from"
        raise InputError(message, hint="mark less")
    stays = (plan.going.stays & ~into) | out
    return replace(plan, going=replace(plan.going, hole=hole, stays=stays))


def _is_size(value: object) -> bool:
    return isinstance(value, Real) and 0 < float(value) <= _LARGEST
