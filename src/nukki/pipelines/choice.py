"""Choosing among the things of a photo: what the terms of `pipelines.terms` mean.

`main` is the person or thing that the photo is about, the one with the largest

    k · √a · exp(-2 d²) · (½ + s) · c

where k is 2.5 for people and 1 for things; a the share of the photo's area; d how far the middle of
its box is from the photo's, a corner being 1; s its sharpness beside the photo's (`ops.sharpness`,
½ where it is as sharp); c its score. So a person comes before a thing of the same score unless the
thing has more than six times the area, or is much nearer to the middle or much sharper.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from nukki.errors import NothingFound
from nukki.pipelines.grammar import parse, pointed
from nukki.pipelines.terms import (
    At,
    Best,
    Choice,
    Everything,
    Inside,
    Labelled,
    Measure,
    Numbers,
    People,
    Term,
    Things,
)
from nukki.types import Box, Mask

__all__ = ["PERSON", "Choice", "Thing", "choose", "parse", "prominence", "told"]

PERSON = "person"  # the label that every list has for people
_PEOPLE_FIRST = 2.5
_TOLD = 8  # things that an error names
_SIGNS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


class Thing(Protocol):
    """What can be chosen: an `Instance`, or anything like it."""

    @property
    def number(self) -> int:
        """From 1 on."""
        ...

    @property
    def label(self) -> str:
        """What it is."""
        ...

    @property
    def score(self) -> float:
        """0 to 1."""
        ...

    @property
    def area(self) -> int:
        """Pixels of its mask."""
        ...

    @property
    def box(self) -> Box:
        """Bounds of its mask."""
        ...

    @property
    def crop(self) -> Mask:
        """Its mask inside the box."""
        ...

    @property
    def title(self) -> str:
        """`1 person .98`."""
        ...


T = TypeVar("T", bound=Thing)
Sharpness = Callable[[Any], float]  # of a thing, 0 to 1


def choose(
    choice: Choice,
    things: Sequence[T],
    size: tuple[int, int],
    *,
    except_: Choice | None = None,
    sharpness: Sharpness | None = None,
) -> tuple[T, ...]:
    """The things that a choice means, less those that another one means.

    Args:
        choice: What is meant.
        things: All that were found, by number.
        size: (height, width) of the photo.
        except_: What is left out of it.
        sharpness: Of a thing, beside the photo's, 0 to 1; asked only where `main` is. None takes
            all as equally sharp.

    Returns:
        In the order of `things`, at least one.

    Raises:
        InputError: If a number is that of no thing, or a point or a box lies outside the photo;
            with a caret under the place.
        NothingFound: If nothing is meant; the message says what there is.
    """
    for one in (choice, *([] if except_ is None else [except_])):
        for term in one.terms:
            _check_place(one, term, size)
    if not things:
        message = "nothing was found in the photo"
        hint = "give a lower min_score to see what is less sure"
        raise NothingFound(message, hint=hint + _picked(choice))
    view = _View(things, size, sharpness)
    kept = view.meant(choice)
    if except_ is not None:
        kept -= view.meant(except_)
    if not kept:
        raise _nothing(choice, except_, things)
    return tuple(thing for place, thing in enumerate(things) if place in kept)


def prominence(thing: Thing, size: tuple[int, int], sharpness: float = 0.5) -> float:
    """How much a photo is about a thing: the formula at the top of this file.

    Args:
        thing: One of the photo's.
        size: (height, width) of the photo.
        sharpness: 0 to 1, ½ where the thing is as sharp as the photo.
    """
    height, width = size
    across, down = _middle(thing)
    distance = ((2 * across / width - 1) ** 2 + (2 * down / height - 1) ** 2) / 2
    first = _PEOPLE_FIRST if thing.label.casefold() == PERSON else 1.0
    share = thing.area / (height * width)
    return first * math.sqrt(share) * math.exp(-2 * distance) * (0.5 + sharpness) * thing.score


def told(things: Iterable[Thing]) -> str:
    """What there is, for a message: `there are 1 person .98, 2 dog .91`."""
    every = list(things)
    named = ", ".join(thing.title for thing in every[:_TOLD])
    more = f" and {len(every) - _TOLD} more" if len(every) > _TOLD else ""
    return f"there {'is' if len(every) == 1 else 'are'} {named}{more}"


class _View:
    """The things of one photo, asked term by term; answers are sets of places in the list."""

    def __init__(
        self, things: Sequence[Thing], size: tuple[int, int], sharpness: Sharpness | None
    ) -> None:
        self.things = things
        self.size = size
        self.sharpness = sharpness

    def meant(self, choice: Choice) -> set[int]:
        return set[int]().union(*(self._of(term, choice) for term in choice.terms))

    def _of(self, term: Term, choice: Choice) -> set[int]:
        match term:
            case Everything() | People() | Labelled():
                return self._named(term)
            case Best():
                return self._best(term)
            case Numbers():
                return self._numbered(term, choice)
            case Measure():
                return self._measured(term)
            case At():
                return self._covering(term)
            case Inside():
                return self._lying(term)

    def _named(self, term: Things) -> set[int]:
        if isinstance(term, Everything):
            return set(range(len(self.things)))
        label = PERSON if isinstance(term, People) else term.label
        return {
            place
            for place, thing in enumerate(self.things)
            if " ".join(thing.label.split()).casefold() == label
        }

    def _best(self, term: Best) -> set[int]:
        """The foremost; of several alike the one with the lowest number."""
        among = self._named(term.among)
        if not among:
            return set()
        return {max(among, key=lambda place: (self._rank(term.word, place), -place))}

    def _rank(self, word: str, place: int) -> float:
        thing = self.things[place]
        across, down = _middle(thing)
        match word:
            case "main":
                sharp = 0.5 if self.sharpness is None else self.sharpness(thing)
                return prominence(thing, self.size, sharp)
            case "largest" | "smallest":
                return thing.area if word == "largest" else -thing.area
            case "left" | "right":
                return across if word == "right" else -across
            case "top" | "bottom":
                return down if word == "bottom" else -down
        height, width = self.size
        return -math.hypot(across - width / 2, down - height / 2)

    def _numbered(self, term: Numbers, choice: Choice) -> set[int]:
        last = max(thing.number for thing in self.things)
        if term.last > last:
            many = f"there are {last} things" if last > 1 else "there is 1 thing"
            said = f"there is no number {term.last}, {many}"
            hint = told(self.things)
            raise pointed(choice.option, choice.text, term.start, said, hint=hint)
        return {
            place
            for place, thing in enumerate(self.things)
            if term.first <= thing.number <= term.last
        }

    def _measured(self, term: Measure) -> set[int]:
        holds, amount = _SIGNS[term.sign], term.amount / 100 if term.percent else term.amount
        pixels = self.size[0] * self.size[1] if term.percent else 1
        return {
            place
            for place, thing in enumerate(self.things)
            if holds(thing.score if term.what == "score" else thing.area / pixels, amount)
        }

    def _covering(self, term: At) -> set[int]:
        """The smallest thing whose mask has the point."""
        row, column = _pixel(term.y), _pixel(term.x)
        found = []
        for place, thing in enumerate(self.things):
            box = thing.box
            inside = box.left <= column < box.right and box.top <= row < box.bottom
            if inside and thing.crop[row - box.top, column - box.left]:
                found.append((thing.area, place))
        return {place for _, place in sorted(found)[:1]}

    def _lying(self, term: Inside) -> set[int]:
        """The things of which at least half lies in the box."""
        part = Box(
            math.ceil(term.left - 0.5),
            math.ceil(term.top - 0.5),
            math.ceil(term.right - 0.5),
            math.ceil(term.bottom - 0.5),
        )
        found = set()
        for place, thing in enumerate(self.things):
            shared = thing.box.within(part)
            if shared.width <= 0 or shared.height <= 0:
                continue
            rows = slice(shared.top - thing.box.top, shared.bottom - thing.box.top)
            columns = slice(shared.left - thing.box.left, shared.right - thing.box.left)
            if 2 * int(thing.crop[rows, columns].sum()) >= thing.area:
                found.add(place)
        return found


def _check_place(choice: Choice, term: Term, size: tuple[int, int]) -> None:
    """Refuse a point or a box that the photo does not have."""
    height, width = size
    if isinstance(term, At):
        outside = not (0 <= _pixel(term.x) < width and 0 <= _pixel(term.y) < height)
        what = "point"
    elif isinstance(term, Inside):
        outside = term.left >= width or term.top >= height or term.right <= 0 or term.bottom <= 0
        what = "box"
    else:
        return
    if outside:
        said = f"the {what} lies outside the photo, which has {width} × {height} pixels"
        hint = f"x goes from 0 to {width - 1}, y from 0 to {height - 1}"
        raise pointed(choice.option, choice.text, term.start, said, hint=hint)


def _nothing(choice: Choice, except_: Choice | None, things: Sequence[Thing]) -> NothingFound:
    less = "" if except_ is None else f" except `{except_}`"
    message = f"nothing is `{choice}`{less}: {told(things)}"
    hint = "choose among these by number or label, or give a lower min_score to see more"
    return NothingFound(message, hint=hint + _picked(choice))


def _picked(choice: Choice) -> str:
    """What is at a point but has no name is found by `pick`."""
    if any(isinstance(term, At) for term in choice.terms):
        return "; `nukki pick --at X,Y` finds what has no name, and --mask writes where it is"
    return ""


def _middle(thing: Thing) -> tuple[float, float]:
    box = thing.box
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def _pixel(coordinate: float) -> int:
    """The pixel that a coordinate lies in; the first one's centre is 0."""
    return math.floor(coordinate + 0.5)
