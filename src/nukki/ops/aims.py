"""What is asked for about a place, as plain words and numbers; loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Aim", "Length", "Word"]

Word = Literal["start", "middle", "end", "mass"]


@dataclass(frozen=True)
class Length:
    """A length in pixels, or in shares of another one."""

    value: float
    share: bool = False

    def of(self, whole: float) -> float:
        """Pixels, where shares are of `whole`."""
        return self.value * whole if self.share else self.value


@dataclass(frozen=True)
class Aim:
    """What is asked for along one axis.

    Attributes:
        word: "start" (left, top), "middle", "end", "mass" (the centre of mass in the middle), or
            None: as in the photo.
        at: The middle of the box, a length along the canvas; instead of a word.
    """

    word: Word | None = None
    at: Length | None = None
