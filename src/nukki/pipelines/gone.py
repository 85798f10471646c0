"""What an erased photo says about itself: which parts the hole has, and what a second look saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nukki.ops.ground import Cast
from nukki.ops.segments import Segment

__all__ = ["SURE", "Look", "Part", "Shape"]

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
