"""The words for places and lengths: `left-bottom`, `30%,80%`, `800px`, `1200x800`, `12,white`.

Nothing heavy is imported here, so that `nukki --help` stays quick.
"""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import Any

from nukki.errors import InputError
from nukki.ops.aims import Aim, Length, Word

__all__ = ["LARGEST_SIDE", "length_of", "outline_of", "place_of", "scale_of", "size_of"]

LARGEST_SIDE = 30_000
WIDEST_OUTLINE = 1000
_MOST_PIXELS = 200_000_000
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_ACROSS: dict[str, Word] = {"left": "start", "right": "end"}
_DOWN: dict[str, Word] = {"top": "start", "bottom": "end"}
_BOTH: dict[str, Word] = {
    "center": "middle",
    "centre": "middle",
    "middle": "middle",
    "mass": "mass",
}
_MOST_FACTOR = 100.0
_MOST_SHARE = 10.0


def size_of(value: object) -> tuple[int, int]:
    """(height, width) of a canvas, from "WxH" or (width, height).

    Raises:
        InputError: If it is neither, a side is 0, or it is too large.
    """
    pair: tuple[Any, ...] = ()
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d{1,9})\s*[x×]\s*(\d{1,9})\s*", value, re.IGNORECASE)
        pair = () if found is None else (int(found[1]), int(found[2]))
    elif isinstance(value, tuple | list):
        pair = tuple(value)
    if len(pair) != 2 or not all(isinstance(side, Integral) for side in pair):
        message = f"`size` must be WIDTHxHEIGHT in pixels, got {value!r}"
        raise InputError(message, hint="write --size 1200x1200")
    width, height = int(pair[0]), int(pair[1])
    if min(width, height) < 1:
        message = f"`size` must be at least 1 pixel each way, got {width}x{height}"
        raise InputError(message, hint="write --size 1200x1200")
    if max(width, height) > LARGEST_SIDE or width * height > _MOST_PIXELS:
        message = (
            f"`size` must be at most {LARGEST_SIDE} pixels each way and "
            f"{_MOST_PIXELS // 1_000_000} million in all, got {width}x{height}"
        )
        raise InputError(message, hint="give a smaller --size")
    return height, width


def length_of(value: object, option: str) -> Length:
    """A length of at least 0: "40", "40px", "5%" or a number of pixels.

    Raises:
        InputError: If it is none of these; shares are below one half.
    """
    found = _measure(value)
    if found is None or found[0] < 0 or not math.isfinite(found[0]):
        message = f"`{option}` must be pixels or per cent of at least 0, got {value!r}"
        raise InputError(message, hint=f"write --{option} 40 or --{option} 5%")
    number, unit = found
    if unit != "%":
        return Length(number)
    if number >= 50:
        message = f"`{option}` must be less than 50%, got {value}"
        raise InputError(message, hint="5% is a usual value")
    return Length(number / 100, share=True)


def scale_of(value: object) -> tuple[float | None, Length | None]:
    """(factor, None) of "1.5" or 1.5; (None, height) of "800px" and "80%".

    Raises:
        InputError: If it is none of these, 0, or larger than anything that can be seen.
    """
    found = _measure(value)
    if found is None or not math.isfinite(found[0]):
        message = f"`scale` must be a factor, pixels or per cent, got {value!r}"
        hint = "write --scale 1.5, --scale 800px or --scale 80% (of the height)"
        raise InputError(message, hint=hint)
    number, unit = found
    if number <= 0:
        message = f"`scale` must be above 0, got {value}"
        raise InputError(message, hint="1 keeps the subject's size")
    most = {"": _MOST_FACTOR, "px": float(LARGEST_SIDE), "%": _MOST_SHARE * 100}[unit]
    if number > most:
        message = f"`scale` must be at most {most:g}{unit}, got {value}"
        raise InputError(message, hint="1 keeps the subject's size")
    if unit == "":
        return number, None
    return None, Length(number / 100, share=True) if unit == "%" else Length(number)


def place_of(value: object) -> tuple[Aim, Aim]:
    """What is asked for across and down.

    Args:
        value: Words ("left", "left-bottom", "center", "mass"), or "x,y": the middle of the
            subject's box in pixels or per cent of the canvas; or (x, y) in pixels.

    Raises:
        InputError: If it is none of these, or lies outside whatever the canvas is.
    """
    if isinstance(value, tuple | list):
        value = ",".join(str(part) for part in value)
    text = str(value).strip().lower()
    numbers = text.split(",")
    if len(numbers) == 2 and not any(part.strip().isalpha() for part in numbers):
        return _at(numbers[0], value), _at(numbers[1], value)
    across: Word | None = None
    down: Word | None = None
    both: list[Word] = []
    for word in re.split(r"[\s,+-]+", text):
        if word in _ACROSS and across is None:
            across = _ACROSS[word]
        elif word in _DOWN and down is None:
            down = _DOWN[word]
        elif word in _BOTH and not both:
            both.append(_BOTH[word])
        else:
            raise _no_place(value)
    if both:
        return Aim(across or both[0]), Aim(down or both[0])
    return Aim(across), Aim(down)


def outline_of(value: object) -> tuple[float, tuple[int, int, int]]:
    """(width in pixels, colour) of "12,white", "12" (white) or (12, "white").

    Raises:
        InputError: If the width is not above 0, or the colour is none.
    """
    from nukki.pipelines.colours import parse_colour

    if isinstance(value, str):
        number, _, word = value.partition(",")
        colour: object = word.strip() or "white"
    elif isinstance(value, tuple | list) and len(value) == 2:
        number, colour = str(value[0]), value[1]
    else:
        number, colour = str(value), "white"
    found = _measure(number)
    if found is None or found[1] == "%":
        message = f"`outline` must be PIXELS,COLOUR, got {value!r}"
        raise InputError(message, hint="write --outline 12,white")
    width = found[0]
    if not 0 < width <= WIDEST_OUTLINE:
        message = f"`outline` must be above 0 and at most {WIDEST_OUTLINE} pixels, got {value}"
        raise InputError(message, hint="leave it out for none, or write --outline 12,white")
    if isinstance(colour, str):
        return width, parse_colour(colour, "outline")
    if isinstance(colour, tuple | list) and len(colour) == 3:
        red, green, blue = colour
        if all(isinstance(part, int) and 0 <= part <= 255 for part in (red, green, blue)):
            return width, (red, green, blue)
    message = f"`outline` must have a colour, got {colour!r}"
    raise InputError(message, hint="write --outline 12,white")


def _measure(value: object) -> tuple[float, str] | None:
    """A number and its unit: "", "px" or "%"; None where there is none."""
    if isinstance(value, Real):
        return float(value), ""
    if not isinstance(value, str):
        return None
    found = re.fullmatch(rf"\s*(-?){_NUMBER}\s*(px|%|)\s*", value.lower())
    return None if found is None else (float(found[1] + found[2]), found[3])


def _at(text: str, value: object) -> Aim:
    found = _measure(text)
    if found is None:
        raise _no_place(value)
    number, unit = found
    if number < 0 or (unit == "%" and number > 100):
        message = f"`place` must lie on the canvas, got {value}"
        raise InputError(message, hint="0 or 0% is its left or upper side, 100% the other one")
    return Aim(at=Length(number / 100, share=True) if unit == "%" else Length(number))


def _no_place(value: object) -> InputError:
    message = f"`place` must be words or X,Y, got {value!r}"
    hint = "use left, right, top, bottom, center, mass, left-bottom, …, or 640,360, or 30%,80%"
    return InputError(message, hint=hint)
