# ruff: noqa: RUF009 (option() is dataclasses.field with words for a front end)
"""The options of putting a subject somewhere else: a part of the one table of options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypedDict

from nukki.errors import InputError
from nukki.pipelines.grammar import parse
from nukki.pipelines.known import check_known, names
from nukki.pipelines.option_values import one_of
from nukki.pipelines.options import CallKeywords, option
from nukki.pipelines.place_words import length_of, outline_of, place_of, scale_of, size_of

__all__ = ["AddOptions", "PlaceKeywords", "PlaceOptions", "ReplaceKeywords", "place_options"]

Fit = Literal["cover", "contain", "stretch", "tile"]
Shadow = Literal["none", "drop", "contact"]
_LARGEST = 10_000  # pixels of an offset or a softness


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where the subject goes and what it gets there. Lengths are pixels of the result."""

    fit: Fit = option(
        "cover",
        "how a background picture fills the canvas",
        choices=("cover", "contain", "stretch", "tile"),
    )
    blur: float | None = option(
        None, "radius of the background `blur` (default: 2% of the longer side)", metavar="PX"
    )
    size: str | tuple[int, int] | None = option(
        None,
        "the canvas (default: the photo's); the subject then fills it but for the margin",
        metavar="WxH",
        changes="size",
    )
    margin: str | float | None = option(
        None,
        "let the subject fill the canvas but for this, in pixels or % of its shorter side "
        "(default with --size: 5%); none where the photo cuts the subject off",
        metavar="PX|%",
        changes="place",
    )
    scale: str | float | None = option(
        None,
        "the subject's size: a factor, its height in px, or in % of the canvas",
        metavar="S|PX|%",
        changes="place",
    )
    place: str | tuple[float, float] | None = option(
        None,
        "left, right, top, bottom, center, mass, left-bottom, …, or the middle of the subject as "
        "X,Y in pixels or % (default: as in the photo)",
        metavar="WHERE",
        changes="place",
    )
    flip: bool = option(False, "mirror the subject left to right", changes="place")
    light_match: bool = option(
        False,
        "bring the subject's brightness and tint closer to the new background's",
        changes="colours",
    )
    linear: bool = option(False, "mix in linear light (default: as image editors do)")
    shadow: Shadow = option(
        "none",
        "on a wall behind the subject, or on the floor where it stands",
        choices=("none", "drop", "contact"),
    )
    shadow_offset: tuple[float, float] | None = option(
        None, "how far the shadow lies to the right and down, as RIGHT,DOWN", metavar="X,Y"
    )
    shadow_softness: float | None = option(
        None, "sigma of its edge (default: from the subject's height)", metavar="PX"
    )
    shadow_opacity: float | None = option(
        None, "how dark it is, 0 to 1 (default: 0.4, contact 0.75)", metavar="SHARE"
    )
    outline: str | tuple[float, Any] | None = option(
        None, "an outline as stickers have it: 12,white", metavar="PX,COLOUR"
    )

    def __post_init__(self) -> None:
        one_of("fit", self.fit, ("cover", "contain", "stretch", "tile"))
        one_of("shadow", self.shadow, ("none", "drop", "contact"))
        if self.size is not None:
            size_of(self.size)
        if self.margin is not None:
            length_of(self.margin, "margin")
        if self.scale is not None:
            scale_of(self.scale)
        if self.place is not None:
            place_of(self.place)
        if self.outline is not None:
            outline_of(self.outline)
        _within("blur", self.blur, 0, _LARGEST, open_=True)
        _within("shadow_softness", self.shadow_softness, 0, _LARGEST)
        _within("shadow_opacity", self.shadow_opacity, 0, 1)
        offset: object = self.shadow_offset
        if offset is not None:
            if not isinstance(offset, tuple | list) or len(offset) != 2:
                message = f"`shadow_offset` must be RIGHT,DOWN in pixels, got {offset!r}"
                raise InputError(message, hint="write --shadow-offset 8,12")
            for part in offset:
                _within("shadow_offset", part, -_LARGEST, _LARGEST)


@dataclass(frozen=True, kw_only=True)
class AddOptions:
    """How somebody else comes into the photo, with `--add`."""

    behind: str | None = option(
        None,
        "whom the cut-out goes behind: 2,3, left person, … (docs/choosing.md)",
        metavar="WHO",
    )
    match_head: bool = option(
        False,
        "make the cut-out as large as the people beside it, by the size of heads",
        changes="place",
    )
    grain_match: bool = option(False, "give the cut-out the photo's grain", changes="colours")

    def __post_init__(self) -> None:
        if self.behind is not None:
            parse(self.behind, option="behind")


class PlaceKeywords(TypedDict, total=False):
    """`PlaceOptions` as keyword arguments, for type checkers; a test holds the two together."""

    fit: Fit
    blur: float | None
    size: str | tuple[int, int] | None
    margin: str | float | None
    scale: str | float | None
    place: str | tuple[float, float] | None
    flip: bool
    light_match: bool
    linear: bool
    shadow: Shadow
    shadow_offset: tuple[float, float] | None
    shadow_softness: float | None
    shadow_opacity: float | None
    outline: str | tuple[float, Any] | None


class ReplaceKeywords(PlaceKeywords, CallKeywords, total=False):
    """Those, those of `AddOptions`, and whatever `nukki.remove` takes."""

    behind: str | None
    match_head: bool
    grain_match: bool


def place_options(given: Mapping[str, Any]) -> PlaceOptions:
    """The options of `over` as a checked table.

    Raises:
        InputError: If one is unknown (the hint has near matches) or its value is wrong.
    """
    check_known("over", given, names(PlaceOptions))
    return PlaceOptions(**given)


def _within(name: str, value: object, least: float, most: float, *, open_: bool = False) -> None:
    """Refuse what is no number between two others; None stands for "not given"."""
    if value is None:
        return
    number = float(value) if isinstance(value, Real) else math.nan
    if not least <= number <= most or (open_ and number == least):
        words = f"above {least:g} and at most {most:g}" if open_ else f"{least:g} to {most:g}"
        message = f"`{name}` must be {words}, got {value}"
        raise InputError(message, hint="leave it out for the usual value")
