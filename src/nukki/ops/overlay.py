"""Things drawn over their photo, numbered, so that a person can say which one is meant.

Each thing is tinted, has an outline in its colour, dark on its inner side so that it shows on any
photo, and a plate with its title, or with its number alone where there is no room (`ops.plates`).
Outlines and plates grow with the photo; letters are smaller where things are.
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

from nukki.ops.plates import place_plates
from nukki.ops.segments import Segment
from nukki.ops.tiles import row_blocks
from nukki.types import RGB8, Box, Mask

__all__ = ["Drawn", "colour", "draw", "labelled"]

_TINT = 3  # eighths of a thing's pixels that are its colour
_GOLDEN = 0.61803398875  # of the circle of hues: any few neighbours in number are far apart in hue
_OUTLINE = 400  # the photo's shorter side has this many widths of an outline
_TEXT = 34  # ... and this many heights of a letter
_LEAST_TEXT, _MOST_TEXT = 11, 72
_PLATE, _INK = (20, 20, 20), (255, 255, 255)


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
        _tint(part, mask, _rim(mask, line), _rim(mask, 2 * line), colour(thing.number))
    return labelled(result, things)


def _tint(
    part: NDArray[np.uint8], mask: Mask, rim: Mask, dark: Mask, paint: tuple[int, int, int]
) -> None:
    """Mix a colour into a mask's pixels, darken the wide rim, cover the narrow one; in place."""
    share = np.array(paint, np.uint16) * _TINT
    for rows in row_blocks(*mask.shape):
        block, inside = part[rows], mask[rows]
        block[inside] = (block[inside] * np.uint16(8 - _TINT) + share) >> 3
        block[dark[rows]] >>= 1
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


def labelled(pixels: RGB8, things: Sequence[Drawn]) -> RGB8:
    """A photo with a plate for each thing, which says its title, and nothing else.

    Args:
        pixels: (H, W, 3) uint8.
        things: The first has the first choice of places.

    Returns:
        (H, W, 3) uint8, another array.
    """
    height, width = pixels.shape[:2]
    size = _letters(height, width, things)
    font, pad = _font(size), max(2, size // 4)

    def measured(text: str) -> tuple[int, int]:
        left, top, right, bottom = font.getbbox(text)
        return round(right - left) + 2 * pad, round(bottom - top) + 2 * pad

    plates = place_plates(
        [thing.segment for thing in things],
        [measured(thing.title) for thing in things],
        [measured(str(thing.number)) for thing in things],
    )
    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    line = max(1, size // 10)
    for thing, plate in zip(things, plates, strict=True):
        if plate.tied:
            ends = (*plate.anchor, *_middle(plate.box))
            canvas.line(ends, fill=_PLATE, width=3 * line)
            canvas.line(ends, fill=colour(thing.number), width=line)
    for thing, plate in zip(things, plates, strict=True):
        box, text = plate.box, str(thing.number) if plate.short else thing.title
        sides = (box.left, box.top, box.right - 1, box.bottom - 1)
        canvas.rectangle(sides, fill=_PLATE, outline=colour(thing.number), width=line)
        left, top, _, _ = font.getbbox(text)
        canvas.text((box.left + pad - left, box.top + pad - top), text, fill=_INK, font=font)
    return np.array(image)


def _letters(height: int, width: int, things: Sequence[Drawn]) -> int:
    """Height of the letters: by the photo's size, smaller where most things are small."""
    side = min(height, width)
    usual = min(_MOST_TEXT, max(_LEAST_TEXT, side // _TEXT))
    least = min(usual, max(_LEAST_TEXT, side // (2 * _TEXT)))
    heights = sorted(thing.segment.box.height for thing in things)
    middle = heights[len(heights) // 2] if heights else side
    return max(least, min(usual, middle // 4))


def _middle(box: Box) -> tuple[int, int]:
    return (box.left + box.right) // 2, (box.top + box.bottom) // 2


@cache
def _font(size: int) -> Any:
    """Pillow's own font: it holds Latin letters."""
    return ImageFont.load_default(size)
