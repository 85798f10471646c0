"""Things drawn over their photo, numbered, so that a person can say which one is meant.

Each thing is tinted, has an outline in its colour and a plate with its title. Outlines and plates
grow with the photo; plates stand in the thickest part of their thing and move out of each other's
way.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nukki.ops.distance import nearest
from nukki.ops.segments import Segment
from nukki.ops.tiles import row_blocks
from nukki.types import RGB8, Box, Mask

__all__ = ["Drawn", "colour", "draw"]

_TINT = 3  # eighths of a thing's pixels that are its colour
_GOLDEN = 0.61803398875  # of the circle of hues: any few neighbours in number are far apart in hue
_OUTLINE = 400  # the photo's shorter side has this many widths of an outline
_TEXT = 34  # ... and this many heights of a letter
_LEAST_TEXT, _MOST_TEXT = 11, 72
_PLATE, _INK = (20, 20, 20), (255, 255, 255)
_SEEN = 96  # pixels of the longer side at which a plate's place is looked for


@dataclass(frozen=True, eq=False)
class Drawn:
    """A thing to draw.

    Attributes:
        segment: Where it is.
        title: What its plate says.
        number: What its colour is made from.
    """

    segment: Segment
    title: str
    number: int


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a number: bright, and unlike those of the numbers near it."""
    light = (0.95, 0.75)[number // 8 % 2]
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.85, light)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw(pixels: RGB8, things: Sequence[Drawn]) -> RGB8:
    """Draw things over a photo.

    Args:
        pixels: (H, W, 3) uint8.
        things: The surest first; it lies on top, and its plate has the first choice of places.

    Returns:
        (H, W, 3) uint8, another array.
    """
    result = pixels.copy()
    height, width = result.shape[:2]
    line = max(1, round(min(height, width) / _OUTLINE))
    for thing in reversed(things):
        mask = thing.segment.crop
        part = result[thing.segment.box.slices()]
        _tint(part, mask, _rim(mask, line), colour(thing.number))
    return _with_plates(result, things)


def _tint(part: NDArray[np.uint8], mask: Mask, rim: Mask, paint: tuple[int, int, int]) -> None:
    """Mix a colour into the pixels of a mask and cover its rim with it, in place."""
    share = np.array(paint, np.uint16) * _TINT
    for rows in row_blocks(*mask.shape):
        block, inside = part[rows], mask[rows]
        block[inside] = (block[inside] * np.uint16(8 - _TINT) + share) >> 3
        block[rim[rows]] = paint


def _rim(mask: Mask, width: int) -> Mask:
    """Pixels of a mask that lie at most `width` pixels from its outside, along rows and columns.

    What lies beyond the array counts as outside.
    """
    core = mask.copy()
    for axis in (0, 1):
        line = core if axis == 0 else core.T
        whole = line.copy()
        for step in range(1, min(width, len(line)) + 1):
            line[step:] &= whole[:-step]
            line[:-step] &= whole[step:]
            line[:step] = False
            line[-step:] = False
    return mask & ~core


def _with_plates(pixels: RGB8, things: Sequence[Drawn]) -> RGB8:
    height, width = pixels.shape[:2]
    size = min(_MOST_TEXT, max(_LEAST_TEXT, min(height, width) // _TEXT))
    font, pad = _font(size), max(2, size // 4)
    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    taken: list[Box] = []
    for thing in things:
        left, top, right, bottom = font.getbbox(thing.title)
        wide, high = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
        plate = _free(_plate_at(thing.segment, wide, high), taken, height)
        taken.append(plate)
        canvas.rectangle(
            (plate.left, plate.top, plate.right - 1, plate.bottom - 1),
            fill=_PLATE,
            outline=colour(thing.number),
            width=max(1, size // 10),
        )
        place = (plate.left + pad - left, plate.top + pad - top)
        canvas.text(place, thing.title, fill=_INK, font=font)
    return np.array(image)


def _plate_at(segment: Segment, wide: int, high: int) -> Box:
    """A plate centred on the thickest part of its thing, moved into the photo."""
    mask, photo = segment.crop, segment.size
    step = max(1, -(-max(mask.shape) // _SEEN))
    framed = np.pad(mask[::step, ::step], 1)
    distance, _, _ = nearest(~framed)
    row, column = np.unravel_index(int(distance.argmax()), framed.shape)
    top = segment.box.top + (int(row) - 1) * step - high // 2
    left = segment.box.left + (int(column) - 1) * step - wide // 2
    top = max(0, min(top, photo[0] - high))
    left = max(0, min(left, photo[1] - wide))
    return Box(left, top, left + wide, top + high)


def _free(plate: Box, taken: Sequence[Box], height: int) -> Box:
    """The plate, moved down, or else up, until it covers no other; where it was if none is free."""
    for direction in (1, -1):
        moved = plate
        while moved.top >= 0 and moved.bottom <= height:
            struck = [other for other in taken if _meet(moved, other)]
            if not struck:
                return moved
            top = (
                max(other.bottom for other in struck)
                if direction == 1
                else min(other.top for other in struck) - moved.height
            )
            moved = Box(moved.left, top, moved.right, top + moved.height)
    return plate


def _meet(one: Box, other: Box) -> bool:
    shared = one.within(other)
    return shared.width > 0 and shared.height > 0


@cache
def _font(size: int) -> Any:
    """Pillow's own font: it holds Latin letters."""
    return ImageFont.load_default(size)
