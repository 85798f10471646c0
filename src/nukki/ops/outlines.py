"""Outlines as COCO tells them, filled: x, y, x, y, … in pixels, 0 the left or upper edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nukki.ops.runs import from_runs, from_text

__all__ = ["Mask8", "drawn", "filled", "told_mask"]

Mask8: TypeAlias = NDArray[np.uint8]

_FINE = 4  # outlines are drawn so many times larger and reduced, which gives them soft rims


def told_mask(
    outlines: Sequence[Sequence[float]], runs: Sequence[int] | str | None, size: tuple[int, int]
) -> Mask8 | None:
    """The alpha that an annotation tells by outlines or by runs; None where it tells neither.

    Args:
        outlines: May be empty.
        runs: Lengths or their short form.
        size: (width, height).

    Returns:
        uint8 (H, W).

    Raises:
        ValueError: If the runs are not those of a mask of that size.
    """
    if outlines:
        return filled(outlines, size)
    if runs is None:
        return None
    lengths = from_text(runs) if isinstance(runs, str) else runs
    return from_runs(lengths, (size[1], size[0])).astype(np.uint8) * np.uint8(255)


def filled(outlines: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask8:
    """Outlines as an alpha, uint8 (H, W).

    They are drawn four times as large and reduced: Pillow draws the rim of an outline too, which
    would make small things a tenth larger than they are.

    Args:
        outlines: At least one; what lies outside the picture is cut off.
        size: (width, height).
    """
    width, height = size
    xs = [x for outline in outlines for x in outline[::2]]
    ys = [y for outline in outlines for y in outline[1::2]]
    left, top = (max(0, math.floor(min(values))) for values in (xs, ys))
    right = min(width, math.ceil(max(xs)))
    low = min(height, math.ceil(max(ys)))
    mask = np.zeros((height, width), np.uint8)
    if left >= right or top >= low:
        return mask
    # Pillow's whole numbers are the centres of pixels.
    moved = [
        [
            (value - (top if place % 2 else left)) * _FINE - 0.5
            for place, value in enumerate(outline)
        ]
        for outline in outlines
    ]
    fine = drawn(((right - left) * _FINE, (low - top) * _FINE), moved)
    mask[top:low, left:right] = np.asarray(fine.reduce(_FINE))
    return mask


def drawn(size: tuple[int, int], outlines: Sequence[Sequence[float]]) -> Image.Image:
    """Outlines filled white on black, as Pillow does it.

    Args:
        size: (width, height).
        outlines: Each x, y, x, y, …, whole numbers being the centres of pixels.
    """
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    for outline in outlines:
        pen.polygon(list(outline), fill=255)
    return mask
