"""A mask marked on a photo, to be seen on any: stripes of a colour, and a triple outline."""

from __future__ import annotations

import numpy as np

from nukki.ops.discs import dilated
from nukki.types import RGB8, Box, Mask

__all__ = ["marked", "outlined"]

Colour = tuple[int, int, int]

_OUTLINE = 500  # the photo's shorter side has this many widths of a line
_STRIPES = 8  # widths of a line from stripe to stripe
_DARK, _LIGHT = (0, 0, 0), (255, 255, 255)
_LESS, _MORE = 0.25, 0.6  # share of the colour between the stripes and on them
_DASH = 10  # widths of a line that a dash is long


def marked(pixels: RGB8, mask: Mask, box: Box, colour: Colour) -> None:
    """Fill a mask with stripes of a colour and draw its outline, in place.

    Args:
        pixels: (H, W, 3) uint8, written to.
        mask: (box.height, box.width) bool.
        box: Where that lies in the photo.
        colour: Of the stripes.
    """
    line = _line(pixels)
    part = pixels[box.slices()]
    rows, columns = np.arange(box.height)[:, None], np.arange(box.width)
    stripe = (rows + box.top + columns + box.left) % (_STRIPES * line) < _STRIPES * line // 2
    share = np.where(stripe, np.float32(_MORE), np.float32(_LESS))[mask][:, None]
    mixed = part[mask] * (1 - share) + np.array(colour, np.float32) * share
    part[mask] = np.rint(mixed).astype(np.uint8)
    outlined(pixels, mask, box, colour)


def outlined(pixels: RGB8, mask: Mask, box: Box, colour: Colour, *, dashed: bool = False) -> None:
    """Draw the outline of a mask in place: its colour between a dark and a light line.

    Args:
        pixels: (H, W, 3) uint8, written to.
        mask: (box.height, box.width) bool.
        box: Where that lies in the photo.
        colour: Of the line.
        dashed: Whether it is broken.
    """
    line = _line(pixels)
    height, width = pixels.shape[:2]
    around = box.grown(3 * line, height, width)
    inside = np.zeros((around.height, around.width), np.bool_)
    inside[
        box.top - around.top : box.bottom - around.top,
        box.left - around.left : box.right - around.left,
    ] = mask
    part = pixels[around.slices()]
    drawn = np.ones_like(inside)
    if dashed:
        rows, columns = np.arange(around.height)[:, None], np.arange(around.width)
        drawn = (rows + columns) // (_DASH * line) % 2 == 0
    core = ~dilated(~inside, line)
    outer, far = dilated(inside, line), dilated(inside, 2 * line)
    part[inside & ~core & drawn] = _DARK
    part[outer & ~inside & drawn] = colour
    part[far & ~outer & drawn] = _LIGHT


def _line(pixels: RGB8) -> int:
    height, width = pixels.shape[:2]
    return max(1, round(min(int(height), int(width)) / _OUTLINE))
