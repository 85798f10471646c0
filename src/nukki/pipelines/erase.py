"""Taking something out of a photo: check the hole → fill it → back into the photo's own colours."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Protocol

import numpy as np

from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.tiles import tight_box
from nukki.pipelines.results import Erased
from nukki.types import RGB8, Box, Mask
from nukki.zoo.cards import ModelCard

__all__ = ["WHITE", "Filler", "check_hole", "check_named", "erase"]

WHITE = "what goes"  # in a mask, for hints


class Filler(Protocol):
    """What paints holes: `tasks.inpainting.Inpainting`, or anything that takes a mask."""

    @property
    def card(self) -> ModelCard:
        """What the network is."""
        ...

    def fill(self, image: RGB8, mask: Mask) -> RGB8:
        """The picture with its hole painted."""
        ...


def check_named(fill: str) -> None:
    """Refuse the default filler, which is still to come.

    Raises:
        InputError: If none is named.
    """
    if fill == "default":
        message = "`fill` must name a network: nukki has none of its own for this yet"
        raise InputError(message, hint="give lama, aotgan, deepfillv2 or migan")


def check_hole(picture: Picture, mask: Mask) -> None:
    """Refuse a mask by which nothing can be erased.

    Raises:
        InputError: If it has another size than the photo, or leaves nothing to be seen of it.
        NothingFound: If it is empty.
    """
    height, width = picture.height, picture.width
    if mask.shape != (height, width):
        message = (
            f"`mask` must have the photo's size, {width} × {height}, "
            f"got {mask.shape[1]} × {mask.shape[0]}"
        )
        raise InputError(message, hint="draw the mask on the photo itself")
    if not mask.any():
        message = "`mask` is empty: nothing to erase"
        raise NothingFound(message, hint=f"make {WHITE} white")
    known = ~mask if picture.alpha is None else ~mask & (picture.alpha > 0)
    if not known.any():
        message = "`mask` covers all that is to be seen of the photo: nothing to fill from"
        raise InputError(message, hint="leave some of the photo out of the mask")


def erase(picture: Picture, mask: Mask, filler: Filler) -> Erased:
    """Fill a hole: exactly the pixels of the mask change, in the photo's own space and depth.

    The filler sees and paints sRGB of 8 bits. The photo's own alpha stays as it is.

    Args:
        picture: The photo.
        mask: (H, W) bool, True at what goes.
        filler: Paints the hole.

    Returns:
        The photo without it.

    Raises:
        InputError: If the mask has another size than the photo, or leaves nothing to be seen of it.
        NothingFound: If it is empty.
        ModelOutputError: If the filler's answer is no picture.
    """
    check_hole(picture, mask)
    started = time.perf_counter()
    painted = filler.fill(picture.rgb8(), mask)
    filled = time.perf_counter()
    whole = Box(0, 0, picture.width, picture.height)
    where = (tight_box(mask, whole) or whole).slices()
    pixels = picture.pixels.copy()
    # Only the hole is converted: the rest could come back a level off.
    np.copyto(pixels[where], picture.as_own(painted[where]), where=mask[where][..., None])
    kept = {field.name: getattr(picture, field.name) for field in fields(Picture)}
    return Erased(
        **{**kept, "pixels": pixels},
        hole=mask.copy(),
        network=filler.card.name,
        seconds={"network": filled - started, "colours": time.perf_counter() - filled},
    )
