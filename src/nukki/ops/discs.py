"""Masks and planes grown by discs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["dilated", "largest_within"]


def dilated(mask: Mask, radius: int) -> Mask:
    """Every pixel whose centre is within `radius` and half a pixel of one of the mask."""
    height, width = mask.shape
    found = tight_box(mask, Box(0, 0, width, height))
    result = np.zeros_like(mask)
    if found is not None:
        part = found.grown(radius, height, width).slices()
        result[part] = largest_within(mask[part], radius)
    return result


def largest_within(plane: NDArray[Any], radius: int) -> NDArray[Any]:
    """The largest value of a plane (H, W) within `radius` and half a pixel of each pixel's centre.

    Takes about five passes a pixel of radius.
    """
    rows, columns = plane.shape
    wide, reach = plane.copy(), 0
    result = np.zeros_like(plane)
    # From the top of the disc to its middle: each row of it is at least as wide as the one before.
    for offset in range(min(radius, rows - 1), -1, -1):
        half = min(int(math.sqrt((radius + 0.5) ** 2 - offset * offset)), columns - 1)
        while reach < half:
            more = min(half - reach, reach + 1)  # beside the rim half of a row is cut off
            before = wide.copy()
            np.maximum(wide[:, more:], before[:, :-more], out=wide[:, more:])
            np.maximum(wide[:, :-more], before[:, more:], out=wide[:, :-more])
            reach += more
        np.maximum(result[offset:], wide[: rows - offset], out=result[offset:])
        if offset:
            np.maximum(result[:-offset], wide[offset:], out=result[:-offset])
    return result
