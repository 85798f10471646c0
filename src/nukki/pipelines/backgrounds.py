"""What may stand behind a subject, in whatever form it was named."""

from __future__ import annotations

from os import PathLike
from typing import Any, BinaryIO, TypeAlias

from PIL import Image, ImageColor

from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture
from nukki.types import Pixels

__all__ = ["Background", "Colour", "Source", "background_of"]

Colour: TypeAlias = tuple[int, int, int]
Source: TypeAlias = str | PathLike[str] | bytes | BinaryIO | Image.Image | Pixels | Picture
Background: TypeAlias = Colour | Picture


def background_of(value: Source | Colour) -> Background:
    """A colour or a picture.

    Args:
        value: A colour's name or CSS notation ("white", "#ff8800"), (red, green, blue) in 0..255,
            or whatever `io.images.read` takes.

    Raises:
        InputError: If it is none of these.
    """
    if isinstance(value, tuple | list):
        return _colour(tuple(value))
    if not isinstance(value, str):
        return _picture(value)
    try:
        red, green, blue = ImageColor.getrgb(value)[:3]
    except ValueError:
        return _picture(value)
    return red, green, blue


def _colour(value: tuple[Any, ...]) -> Colour:
    if len(value) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in value):
        message = f"`background` must be (red, green, blue) in 0..255, got {value!r}"
        raise InputError(message, hint='use a name such as "white", or a picture')
    red, green, blue = value
    return red, green, blue


def _picture(value: Source) -> Picture:
    """What is no colour must be a picture."""
    if isinstance(value, Picture):
        return value
    try:
        return images.read(value)
    except InputError as error:
        given = value if isinstance(value, str) else type(value).__name__
        message = f"`background` must be a colour or a picture file, got {given!r}"
        hint = f"try white, #ff8800 or the path of a picture ({error.message})"
        raise InputError(message, hint=hint) from error
