"""The subject of a photo as a coarse map: by the salient network, by what was found, or by both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nukki.errors import NothingFound
from nukki.io.images import Picture
from nukki.ops.segments import Segment
from nukki.ops.silhouettes import Silhouettes
from nukki.pipelines.finding import OwnFinder
from nukki.pipelines.holding import PERSON, holders
from nukki.pipelines.roads import DOUBTFUL, decide
from nukki.pipelines.segment import Finder, segment
from nukki.types import RGB8, Alpha

__all__ = ["JOINED", "Subject", "by_auto", "by_choice"]

# Who takes along what is held and ridden; a choice by number or label means just that.
JOINED = ("people", "main")
_SIDE = 768  # cells of the longer side of a union


@dataclass(frozen=True, eq=False)
class Subject:
    """What is cut out.

    Attributes:
        map: (h, w) float32 in 0..1, spread over the whole photo.
        found: Whether there is a subject.
        confidence: How sure, 0 to 1.
        road: "salient", "people", "both", "chosen", "key" or "trimap".
        reason: Why this road, in words.
    """

    map: Alpha
    found: bool
    confidence: float
    road: str
    reason: str = ""


def by_auto(salient: Subject, small: Callable[[], RGB8], finder: Finder) -> Subject:
    """The road that suits the photo; see `pipelines.roads`.

    Args:
        salient: What the salient network says.
        small: Gives the photo, or the photo reduced, for the finder.
        finder: Finds people and things.
    """
    if isinstance(finder, OwnFinder):
        things = finder.around_people(small(), min_score=DOUBTFUL)
    else:
        things = finder.predict(small(), min_score=DOUBTFUL)
    decision = decide(salient.map, salient.found, things)
    if decision.road == "salient":
        return Subject(salient.map, salient.found, salient.confidence, "salient", decision.reason)
    scores = [things[place].score for place in decision.chosen]
    return Subject(decision.map, True, max(scores), decision.road, decision.reason)


def by_choice(picture: Picture, what: str, finder: Finder) -> Subject:
    """The things of a photo that a choice means.

    "people" and "main" take along what is held and ridden.

    Args:
        picture: The photo.
        what: In the language of docs/choosing.md.
        finder: Finds people and things.

    Raises:
        InputError: If the choice is none, or names what the photo or the network does not have.
    """
    try:
        found = segment(picture, finder, what=what, option="subject")
    except NothingFound as error:
        return _nothing(picture, error.message)
    if not found:
        return _nothing(picture, "nothing was found in the photo")
    everything = [one.segment for one in found.everything]
    chosen = {one.number - 1 for one in found}
    if what.strip().casefold() in JOINED:
        held = holders(everything)
        chosen |= {thing for thing, person in held.items() if person in chosen}
    meant = [everything[place] for place in sorted(chosen)]
    best = max(one.score for one in meant)
    return Subject(_union(meant), True, best, "chosen", f"{_counted(meant)} chosen by {what}")


def _union(meant: Sequence[Segment]) -> Alpha:
    return Silhouettes.of(meant, _SIDE).union(range(len(meant)))


def _nothing(picture: Picture, reason: str) -> Subject:
    shape = max(1, picture.height // 8), max(1, picture.width // 8)
    return Subject(np.zeros(shape, np.float32), False, 0.0, "chosen", reason)


def _counted(meant: Sequence[Segment]) -> str:
    people = sum(one.label == PERSON for one in meant)
    things = len(meant) - people
    words = [f"{people} {'person' if people == 1 else 'people'}"] if people else []
    words += [f"{things} {'thing' if things == 1 else 'things'}"] if things else []
    return " and ".join(words)
