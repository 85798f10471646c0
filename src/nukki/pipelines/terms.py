"""The terms of the language for choosing things, and how each is written.

`pipelines.grammar` reads them, `pipelines.choice` says what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

__all__ = [
    "ALIASES",
    "BEST",
    "MEASURES",
    "PLACES",
    "PLAIN",
    "WORDS",
    "At",
    "Best",
    "Choice",
    "Everything",
    "Inside",
    "Labelled",
    "Measure",
    "Numbers",
    "People",
    "Sign",
    "Term",
    "Things",
    "Word",
]

Word = Literal["main", "largest", "smallest", "left", "right", "top", "bottom", "center"]
Sign = Literal[">", ">=", "<", "<="]

BEST = get_args(Word)
ALIASES = {"centre": "center"}
MEASURES = ("score", "area")
PLACES = {"at": 2, "box": 4}  # and how many numbers follow
WORDS = ("all", "people", *BEST, *ALIASES, *MEASURES, *PLACES)
PLAIN = re.compile(r"[^,<>=:\"]*")  # what a label without quotes is made of


@dataclass(frozen=True)
class Place:
    """Where a term stands in its text: for errors, no part of what it says."""

    start: int = field(default=0, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Everything(Place):
    """`all`."""

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True)
class People(Place):
    """`people`."""

    def __str__(self) -> str:
        return "people"


@dataclass(frozen=True)
class Labelled(Place):
    """A label: `dog`, `sports ball`, `"left"`. Lower case, one space between its words."""

    label: str

    def __str__(self) -> str:
        plain = PLAIN.fullmatch(self.label) and self.label[:1].isalpha()
        first = self.label.partition(" ")[0]
        if plain and self.label not in WORDS and first not in (*BEST, *ALIASES):
            return self.label
        return f'"{self.label}"'


Things: TypeAlias = Everything | People | Labelled


@dataclass(frozen=True)
class Best(Place):
    """The one thing that is foremost in a way: `main`, `largest dog`, `left people`."""

    word: Word
    among: Things = Everything()

    def __str__(self) -> str:
        return self.word if isinstance(self.among, Everything) else f"{self.word} {self.among}"


@dataclass(frozen=True)
class Numbers(Place):
    """A number or a range of them, both ends included: `3`, `2-4`."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Measure(Place):
    """A bound: `score>.8`, `area>=1%`, `area<5000` (pixels)."""

    what: Literal["score", "area"]
    sign: Sign
    amount: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.what}{self.sign}{_shown(self.amount)}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class At(Place):
    """A point of the photo, (0, 0) its first pixel: `at:640,360`."""

    x: float
    y: float

    def __str__(self) -> str:
        return f"at:{_shown(self.x)},{_shown(self.y)}"


@dataclass(frozen=True)
class Inside(Place):
    """A part of the photo, left, top, right and bottom: `box:10,20,200,400`."""

    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        sides = (self.left, self.top, self.right, self.bottom)
        return f"box:{','.join(_shown(side) for side in sides)}"


Term: TypeAlias = Things | Best | Numbers | Measure | At | Inside


@dataclass(frozen=True)
class Choice:
    """What is chosen: everything that one of the terms means.

    Attributes:
        terms: At least one.
        text: What was written, for errors.
        option: The option that it was written for, for errors.
    """

    terms: tuple[Term, ...]
    text: str = field(default="", compare=False, repr=False)
    option: str = field(default="what", compare=False, repr=False)

    def __str__(self) -> str:
        return ",".join(str(term) for term in self.terms)


def _shown(number: float) -> str:
    """A number without an exponent, which reads back as the same."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")
