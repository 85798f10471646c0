# ruff: noqa: RUF009 (option() is dataclasses.field with words for a front end)
"""The options of what goes out of a photo: a part of the one table of options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypedDict

from nukki.errors import InputError
from nukki.pipelines.grammar import parse
from nukki.pipelines.option_values import one_of
from nukki.pipelines.options import EraseKeywords, option

__all__ = ["GoKeywords", "GoOptions", "WholeEraseKeywords"]

ShapeWord = Literal["auto", "mask", "box"]
ShadowWord = Literal["auto", "always", "never"]
PassWord = Literal["auto", "always", "never"]
_WIDEST = 10_000  # pixels


@dataclass(frozen=True, kw_only=True)
class GoOptions:
    """What goes, and how much around it."""

    what: str | None = option(
        None,
        "what goes: people, 2,3, dog,ball, at:640,360, … (docs/choosing.md); people take along "
        "what they hold and ride",
        metavar="WHAT",
    )
    except_: str | None = option(
        None, "what keeps every pixel of its own, likewise: main, 1, …", metavar="WHAT"
    )
    instances: str = option(
        "default",
        "network that finds people and things: maskrcnn-r50, mask2former-swin-t, yolox:FILE, …",
        metavar="NAME",
    )
    min_score: float | Literal["auto"] = option(
        "auto", "leave out what is less sure, 0 to 1; auto is the network's own", metavar="SCORE"
    )
    shape: ShapeWord = option(
        "auto",
        "take a thing's mask or its box; auto takes the box where the mask is doubtful",
        choices=("auto", "mask", "box"),
    )
    grow: float | Literal["auto"] = option(
        "auto",
        "pixels that go around it; auto by the sizes of thing and photo, 0 the mask itself",
        metavar="PX",
    )
    shadow: ShadowWord = option(
        "auto",
        "take shadows and reflections along: when they are sure, always, or never",
        choices=("auto", "always", "never"),
    )
    second_pass: PassWord = option(
        "auto",
        "look at the result again and take more where something is left; auto not with --mask",
        choices=("auto", "always", "never"),
    )

    def __post_init__(self) -> None:
        for name, value in (("what", self.what), ("except", self.except_)):
            if value is not None:
                parse(value, option=name)
        for name, words in (
            ("shape", ("auto", "mask", "box")),
            ("shadow", ("auto", "always", "never")),
            ("second_pass", ("auto", "always", "never")),
        ):
            one_of(name, getattr(self, name), words)
        self._check_numbers()

    def _check_numbers(self) -> None:
        grow: object = self.grow
        if grow != "auto" and not (_is_finite(grow) and 0 <= float(grow) <= _WIDEST):  # type: ignore[arg-type]
            message = f"`grow` must be auto or 0 to {_WIDEST} pixels, got {grow!r}"
            raise InputError(message, hint="give grow='auto', or 0 for the mask itself")
        score: object = self.min_score
        if score != "auto" and not (_is_finite(score) and 0 <= float(score) <= 1):  # type: ignore[arg-type]
            message = f"`min_score` must be auto or 0 to 1, got {score!r}"
            raise InputError(message, hint="0.5 is a usual value")


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(float(value))


class GoKeywords(TypedDict, total=False):
    """`GoOptions` but for `what` and `except_`, as keyword arguments; a test holds the two."""

    instances: str
    min_score: float | Literal["auto"]
    shape: ShapeWord
    grow: float | Literal["auto"]
    shadow: ShadowWord
    second_pass: PassWord


class WholeEraseKeywords(GoKeywords, EraseKeywords, total=False):
    """What `nukki.erase` takes besides: those, and who fills."""
