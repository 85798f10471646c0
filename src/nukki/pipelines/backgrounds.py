"""What may stand behind a subject, in whatever form it was named."""

from __future__ import annotations

from os import PathLike
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import numpy as np
from PIL import Image

from nukki.errors import InputError
from nukki.io import images
from nukki.io.colour import is_srgb, to_eight_bits
from nukki.io.images import Picture
from nukki.pipelines.colours import as_colour, near_names
from nukki.types import Pixels

__all__ = ["Background", "Colour", "Source", "Special", "background_of", "converted"]

Colour: TypeAlias = tuple[int, int, int]
Source: TypeAlias = str | PathLike[str] | bytes | BinaryIO | Image.Image | Pixels | Picture
# The photo's own background out of focus, and none at all.
Special: TypeAlias = Literal["blur", "transparent"]
Background: TypeAlias = Colour | Picture | Special


def background_of(value: Source | Colour, name: str = "background") -> Background:
    """A colour, a picture, or one of the special ones.

    Args:
        value: A colour's name or CSS notation ("white", "#ff8800"), (red, green, blue) in 0..255,
            "blur", "transparent", or whatever `io.images.read` takes; "./blur" is a file.
        name: What errors call it.

    Raises:
        InputError: If it is none of these.
    """
    if isinstance(value, tuple | list):
        return _colour(tuple(value), name)
    if not isinstance(value, str):
        return _picture(value, name)
    if value in ("blur", "transparent"):
        return cast("Special", value)
    colour = as_colour(value)
    return _picture(value, name) if colour is None else colour


def converted(picture: Picture, pixels: Pixels, target: Picture) -> Pixels:
    """Pixels of one picture in the colour space and the depth of another.

    Args:
        picture: Whose space and depth they have; its own alpha counts as nothing here.
        pixels: (h, w, 3), of any size.
        target: Whose space and depth they get. Between different spaces they pass through 8 bits.
    """
    own, other = (_profile(one.icc_profile) for one in (picture, target))
    if own != other:
        return target.as_own(Picture(pixels, icc_profile=picture.icc_profile).rgb8())
    if pixels.dtype == target.pixels.dtype:
        return pixels
    if target.pixels.dtype == np.uint8:
        return to_eight_bits(pixels)
    return pixels.astype(np.uint16) * np.uint16(257)


def _profile(profile: bytes | None) -> bytes | None:
    return None if profile is None or is_srgb(profile) else profile


def _colour(value: tuple[Any, ...], name: str) -> Colour:
    if len(value) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in value):
        message = f"`{name}` must be (red, green, blue) in 0..255, got {value!r}"
        raise InputError(message, hint='use a name such as "white", or a picture')
    red, green, blue = value
    return red, green, blue


def _picture(value: Source, name: str) -> Picture:
    """What is no colour must be a picture."""
    if isinstance(value, Picture):
        return value
    try:
        return images.read(value)
    except InputError as error:
        given = value if isinstance(value, str) else type(value).__name__
        message = f"`{name}` must be a colour or a picture file, got {given!r}"
        near = near_names(value) if isinstance(value, str) else ()
        hint = f"try white, #ff8800 or the path of a picture ({error.message})"
        if near:
            hint = f"did you mean {' or '.join(near)}? Else the path of a picture ({error.message})"
        raise InputError(message, hint=hint) from error
