"""Colours in words: the one place that reads `white`, `#ff8800` and `rgb(255, 136, 0)`."""

from __future__ import annotations

import difflib

from PIL import ImageColor

from nukki.errors import InputError

__all__ = ["as_colour", "near_names", "parse_colour"]

_LIKELY = 0.6  # names less alike than this are no help


def parse_colour(text: str, option: str) -> tuple[int, int, int]:
    """The sRGB colour that a word names.

    Args:
        text: A name of CSS ("white"), "#rgb", "#rrggbb", or CSS notation such as
            "rgb(255, 136, 0)" and "hsl(30, 100%, 50%)"; an opacity behind it is not looked at.
        option: What the word was given for, for errors.

    Returns:
        Red, green and blue in 0..255.

    Raises:
        InputError: If it is none of these; the hint has near names.
    """
    colour = as_colour(text)
    if colour is not None:
        return colour
    message = f"`{option}` must be a colour, got {text!r}"
    if text.strip().startswith("#"):
        raise InputError(message, hint="write three or six digits 0-9 and a-f: #f80 or #ff8800")
    near = near_names(text)
    hint = f"did you mean {' or '.join(near)}?" if near else "try white, or #ff8800"
    raise InputError(message, hint=hint)


def as_colour(text: str) -> tuple[int, int, int] | None:
    """Like `parse_colour`; None where the word is no colour."""
    try:
        colour = ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        return None
    # Pillow takes rgb(300, 0, 0) as it stands.
    red, green, blue = colour
    return (red, green, blue) if max(colour) <= 255 and min(colour) >= 0 else None


def near_names(text: str) -> tuple[str, ...]:
    """Up to two names of colours that are spelt much like `text`, the nearest first."""
    word = text.strip().casefold().replace(" ", "")
    return tuple(difflib.get_close_matches(word, ImageColor.colormap, 2, _LIKELY))
