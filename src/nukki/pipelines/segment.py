"""Telling the things of a photo apart: find → leave out what was cut away → number → choose."""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, Protocol

from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops.segments import Segment, in_order, segment_of
from nukki.pipelines.results import Instance, Segmentation
from nukki.types import RGB8
from nukki.zoo.cards import ModelCard

__all__ = ["Finder", "check_finder", "check_named", "segment"]

PEOPLE = "person"  # the label that every list has for them


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


def check_named(instances: str) -> None:
    """Refuse the default network, which is still to come.

    Raises:
        InputError: If none is named.
    """
    if instances == "default":
        message = "`instances` must name a network: nukki has none of its own for this yet"
        hint = "give maskrcnn-r50 or another of `nukki models list --task instances`"
        raise InputError(message, hint=hint)


def check_finder(card: ModelCard) -> None:
    """Refuse a network that does not tell things apart.

    Raises:
        InputError: If its task is another one.
    """
    if card.task not in ("instances", "semantic"):
        message = f"`{card.name}` must be a network for instances, got one for {card.task}"
        raise InputError(message, hint="choose one of `nukki models list --task instances`")


def segment(
    picture: Picture,
    finder: Finder,
    *,
    what: str = "all",
    min_score: float | Literal["auto"] = "auto",
) -> Segmentation:
    """Find the things of a photo and choose among them.

    Numbers are given before the choice: a thing keeps its number whatever is asked for.

    Args:
        picture: The photo.
        finder: Finds them.
        what: "all", "people", or labels between commas.
        min_score: Leave out what is less sure; "auto" is where the network's authors draw the line.

    Returns:
        What was asked for; empty where there is nothing of it.

    Raises:
        InputError: If `what` names a label that the network does not have.
    """
    wanted = _wanted(what, finder)
    usual = finder.card.classes.min_score if finder.card.classes is not None else 0.0
    least = usual if min_score == "auto" else min_score
    started = time.perf_counter()
    found = finder.predict(picture.rgb8(), min_score=least)
    found = in_order(_visible(found, picture))
    instances = [Instance(number, one) for number, one in enumerate(found, start=1)]
    return Segmentation(
        picture=picture,
        instances=tuple(one for one in instances if one.label in wanted),
        others=tuple(one for one in instances if one.label not in wanted),
        network=finder.card.name,
        min_score=least,
        seconds={"network": time.perf_counter() - started},
    )


def _visible(found: Iterable[Segment], picture: Picture) -> Iterable[Segment]:
    """The things less what the file had cut away."""
    if picture.alpha is None:
        yield from found
        return
    for one in found:
        there = one.crop & (picture.alpha[one.box.slices()] > 0)
        left = segment_of(
            there, one.box, one.size, label=one.label, score=one.score, corners=one.corners
        )
        if left is not None:
            yield left


def _wanted(what: str, finder: Finder) -> Collection[str]:
    """The labels that are meant."""
    known = {label for label in finder.labels if label}
    wanted: set[str] = set()
    for word in (part.strip() for part in what.split(",")):
        if word == "all":
            wanted |= known
        elif word == "people" and PEOPLE in known:
            wanted.add(PEOPLE)
        elif word in known:
            wanted.add(word)
        else:
            raise _unknown(word, known, finder.card.name)
    return wanted


def _unknown(word: str, known: Collection[str], network: str) -> InputError:
    message = f"`what` must be all, people or labels of `{network}`, got {word!r}"
    near = difflib.get_close_matches(word, known, n=2)
    if near:
        return InputError(message, hint=f"did you mean {' or '.join(near)}?")
    some = ", ".join(sorted(known)[:8])
    more = ", …" if len(known) > 8 else ""
    return InputError(message, hint=f"its labels are {some}{more}")
