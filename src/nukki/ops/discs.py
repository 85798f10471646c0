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
    for offset in range(min(radius, rows - 1) + 1):
        half = int(math.sqrt((radius + 0.5) ** 2 - offset * offset))
        wide = _spread(inside, min(half, columns - 1))
        seen[offset:] |= wide[: rows - offset]
        seen[: rows - offset] |= wide[offset:]
    return result


def _spread(mask: Mask, reach: int) -> Mask:
    """Every pixel with one of the mask within `reach` in its row, by doubled windows."""
    rows, columns = mask.shape
    window = np.zeros((rows, columns + 2 * reach), np.bool_)
    window[:, reach : reach + columns] = mask
    size, whole = 1, 2 * reach + 1
    while size * 2 <= whole:
        window = window[:, :-size] | window[:, size:]
        size *= 2
    return window[:, :columns] | window[:, whole - size : whole - size + columns]
