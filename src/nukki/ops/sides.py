"""How large a picture becomes whose shortest side gets a given length: four houses' rules.

All scale both sides alike and hold the longest within a bound; they differ in how they come to
whole pixels, which moves every box and mask by up to a pixel:

nearest       Detectron2's `ResizeShortestEdge`: both sides rounded, halves upwards
down          torchvision's `resize`: the shortest side exact, the other one rounded down
down-float32  torchvision's detection networks: one factor in single precision, both rounded down
down-to-32    MODNet's demo: the shortest side exact, the other one rounded down, and both down to
              multiples of 32, which moves the aspect ratio; a picture with one side below and one
              above the length keeps its size but for that
"""

from __future__ import annotations

import math

import numpy as np

from nukki.types import Rounding

__all__ = ["nearest", "shortest_edge"]


def nearest(length: float) -> int:
    """A length in whole pixels, halves upwards."""
    return math.floor(length + 0.5)


def shortest_edge(
    height: int, width: int, shortest: int, longest: int, rounding: Rounding
) -> tuple[int, int]:
    """The size of a picture whose shortest side is `shortest`, or its longest `longest`.

    Args:
        height: Rows of the picture.
        width: Its columns.
        shortest: What the shortest side becomes ...
        longest: ... unless the longest would become longer than this.
        rounding: Whose rule (see the module).

    Returns:
        (height, width), at least 1 × 1: where the houses would come to 0, the side is 1.
    """
    short, long = min(height, width), max(height, width)
    sides = _RULES[rounding](short, long, shortest, longest)
    new_short, new_long = (max(1, side) for side in sides)
    return (new_short, new_long) if height <= width else (new_long, new_short)


def _rounded(short: int, long: int, shortest: int, longest: int) -> tuple[int, int]:
    new_short, new_long = float(shortest), long * (shortest / short)
    if new_long > longest:
        shrink = longest / new_long
        new_short, new_long = new_short * shrink, new_long * shrink
    return nearest(new_short), nearest(new_long)


def _exact_then_down(short: int, long: int, shortest: int, longest: int) -> tuple[int, int]:
    new_short, new_long = shortest, int(shortest * long / short)
    if new_long > longest:
        new_short, new_long = int(longest * new_short / new_long), longest
    return new_short, new_long


def _down_in_float32(short: int, long: int, shortest: int, longest: int) -> tuple[int, int]:
    ratios = np.float32(shortest) / np.float32(short), np.float32(longest) / np.float32(long)
    factor = float(min(ratios))
    return math.floor(short * factor), math.floor(long * factor)


def _down_to_32(short: int, long: int, shortest: int, longest: int) -> tuple[int, int]:
    if short <= shortest <= long <= longest:
        new_short, new_long = short, long
    else:
        new_short, new_long = _exact_then_down(short, long, shortest, longest)
    return max(32, new_short - new_short % 32), max(32, new_long - new_long % 32)


_RULES = {
    "nearest": _rounded,
    "down": _exact_then_down,
    "down-float32": _down_in_float32,
    "down-to-32": _down_to_32,
}
