"""An erased photo, and what it says: which parts the hole has, and what a second look saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nukki.io.images import Picture
from nukki.ops.ground import Cast
from nukki.ops.segments import Segment
from nukki.types import Mask

__all__ = ["SURE", "Erased", "Look", "Part", "Shape"]

Shape = Literal["mask", "box"]

SURE = 0.5  # a shadow or a reflection that is as sure as this goes with its thing


@dataclass(frozen=True, eq=False)
class Part:
    """A thing that goes.

    Attributes:
        number: The thing's; 0 of a part of a mask that was given.
        segment: Where it is and what; a part of a mask has the label "mask", a cut-out "subject".
        holder: The number of who holds or rides it, where it goes for that reason.
        shape: Whether its mask or its box is taken out.
        reason: Why, in words.
        grow: Pixels that the hole reaches beyond that.
        casts: What it may throw on the ground, the surest first.
        taken: Which of these go with it.
    """

    number: int
    segment: Segment = field(repr=False)
    shape: Shape
    reason: str
    grow: int
    holder: int | None = None
    casts: tuple[Cast, ...] = field(default=(), repr=False)
    taken: tuple[bool, ...] = ()

    @property
    def title(self) -> str:
        """`2 dog .91`."""
        if not self.number:
            return self.segment.label
        score = f"{self.segment.score:.2f}".removeprefix("0")
        return f"{self.number} {self.segment.label} {score}"


@dataclass(frozen=True)
class Look:
    """What was seen when the result was looked at again.

    Attributes:
        number: 1 for the first filling.
        left: Titles of what was found in the hole that is like what went.
        seam: How much stronger the step across the hole's border is than steps beside it; 1 is as
            strong.
        widened: What was done: "" (nothing), "wider" (by what was left) or "box" (by its box).
        reason: In words.
    """

    number: int
    left: tuple[str, ...]
    seam: float
    widened: str
    reason: str


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Erased(Picture):
    """A photo from which something is gone: a picture like the photo, which can be saved as one.

    Attributes:
        hole: (H, W) bool: outside it every pixel is bit-identical to the photo's.
        network: Name of what filled it.
        seconds: Time of each step.
        parts: The things that went, and why the hole is as it is.
        passes: What was seen when the result was looked at again; nothing where nobody looked.
    """

    hole: Mask
    network: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    passes: tuple[Look, ...] = ()
