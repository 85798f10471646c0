"""Telling the things of a photo apart: find → leave out what was cut away → number → choose.

What falls just below the least score is kept as a candidate, so that nothing that was seen is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops.segments import Segment, in_order
from nukki.pipelines.grammar import parse
from nukki.pipelines.results import Instance, Segmentation
from nukki.types import RGB8
from nukki.zoo.cards import ModelCard

__all__ = [
    "Finder",
    "check_choices",
    "check_finder",
    "segment",
    "segmentation",
]

_JUST_BELOW = 0.2  # of the least score: what is less sure is not looked at
_MOST_CANDIDATES = 20


class Finder(Protocol):
    """What finds things: a network of `tasks.instances` or `tasks.semantic`."""

    @property
    def card(self) -> ModelCard:
        """What the network is."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """What it can find; empty texts stand for no thing."""
        ...

    def predict(self, image: RGB8, *, min_score: float = 0.0) -> list[Segment]:
        """The things of a photo."""
        ...

    def threshold(self, scores: Sequence[float]) -> float:
        """From which score on things count, given the scores of a photo's things."""
        ...


def check_finder(card: ModelCard) -> None:
    """Refuse a network that does not tell things apart.

    Raises:
        InputError: If its task is another one.
    """
    if card.task not in ("instances", "semantic", "detection"):
        message = f"`{card.name}` must be a network for instances, got one for {card.task}"
        raise InputError(message, hint="choose one of `nukki models list --task instances`")


def segment(
    picture: Picture,
    finder: Finder,
    *,
    what: str = "all",
    except_: str | None = None,
    min_score: float | Literal["auto"] = "auto",
    option: str = "what",
) -> Segmentation:
    """Find the things of a photo and choose among them.

    Numbers are given before the choice: a thing keeps its number whatever is asked for.

    Args:
        picture: The photo.
        finder: Finds them.
        what: What is meant, in the language of docs/choosing.md.
        except_: What is left out of it, likewise.
        min_score: Leave out what is less sure; "auto" is where the network's authors draw the line,
            or, of our own, what the photo's scores suggest.
        option: What `what` was given as, for errors.

    Returns:
        What was asked for. Where nothing at all was found, and all was asked for, it is empty.

    Raises:
        InputError: If a choice is none, names a label that the network does not have, or a number
            or a place that the photo does not have.
        NothingFound: If nothing is what was asked for.
    """
    check_choices(what, except_, finder.labels, option=option)  # before the work
    started = time.perf_counter()
    seen = finder.threshold(()) if min_score == "auto" else min_score
    found = finder.predict(picture.rgb8(), min_score=seen * _JUST_BELOW)
    least = finder.threshold([one.score for one in found]) if min_score == "auto" else min_score
    every = segmentation(
        picture,
        found,
        min_score=least,
        network=finder.card.name,
        labels=finder.labels,
        seconds={"network": time.perf_counter() - started},
    )
    return every.choose(what, except_=except_, option=option)


def check_choices(
    what: str, except_: str | None, labels: Sequence[str], *, option: str = "what"
) -> None:
    """Refuse choices that cannot be understood, before a photo is looked at.

    Args:
        what: What is meant.
        except_: What is left out of it.
        labels: What the network can find; empty texts stand for no thing.
        option: What `what` was given as, for errors.

    Raises:
        InputError: If one is no choice, or names a label that the network does not have.
    """
    parse(what, labels=labels, option=option)
    if except_ is not None:
        parse(except_, labels=labels, option="except")


def segmentation(
    picture: Picture,
    found: Iterable[Segment],
    *,
    min_score: float,
    network: str,
    labels: Sequence[str],
    seconds: Mapping[str, float],
) -> Segmentation:
    """All things of a photo, numbered: the surest is 1.

    Args:
        picture: The photo. What it has cut away itself is no part of a thing.
        found: The things, in any order.
        min_score: What is less sure becomes a candidate; the surest twenty of these are kept.
        network: Name of what found them.
        labels: What it can find.
        seconds: Time of each step.
    """
    ordered = in_order(_visible(found, picture))
    every = [Instance(number, one, picture) for number, one in enumerate(ordered, start=1)]
    sure = sum(one.score >= min_score for one in every)
    return Segmentation(
        picture=picture,
        instances=tuple(every[:sure]),
        candidates=tuple(every[sure : sure + _MOST_CANDIDATES]),
        network=network,
        labels=tuple(label for label in labels if label),
        min_score=min_score,
        seconds=seconds,
    )


def _visible(found: Iterable[Segment], picture: Picture) -> Iterator[Segment]:
    """The things less what the file had cut away."""
    if picture.alpha is None:
        yield from found
        return
    there = picture.alpha > 0
    for one in found:
        left = one.within(there)
        if left is not None:
            yield left
