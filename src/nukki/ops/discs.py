"""Masks grown by discs."""

from __future__ import annotations

import math

import numpy as np

from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["dilated"]


def dilated(mask: Mask, radius: int) -> Mask:
    """Every pixel whose centre is within `radius` and half a pixel of one of the mask."""
    height, width = mask.shape
    found = tight_box(mask, Box(0, 0, width, height))
    result = np.zeros_like(mask)
    if found is None:
        return result
    part = found.grown(radius, height, width).slices()
    inside, seen = mask[part], result[part]
    rows, columns = inside.shape
    wide, reach = inside.copy(), 0
    # From the top of the disc to its middle: each row of it is at least as wide as the one before.
    for offset in range(min(radius, rows - 1), -1, -1):
        half = min(int(math.sqrt((radius + 0.5) ** 2 - offset * offset)), columns - 1)
        while reach < half:
            more = min(half - reach, reach + 1)  # beside the rim half of a row is cut off
            before = wide.copy()
            wide[:, more:] |= before[:, :-more]
            wide[:, :-more] |= before[:, more:]
            reach += more
        seen[offset:] |= wide[: rows - offset]
        if offset:
            seen[:-offset] |= wide[offset:]
    return result
