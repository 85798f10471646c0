"""Taking something out of a photo: check the hole → fill it → back into the photo's own colours."""

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np

from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.composite import compose
from nukki.ops.depth import deepened
from nukki.ops.seams import feathered
from nukki.ops.tiles import tight_box
from nukki.pipelines.filling import Filler
from nukki.pipelines.results import Erased
from nukki.types import Alpha, Box, Mask

__all__ = ["WHITE", "check_hole", "erase"]

WHITE = "what goes"  # in a mask, for hints


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


def erase(
    picture: Picture,
    mask: Mask,
    filler: Filler,
    *,
    forbidden: Mask | None = None,
    seed: int = 0,
    feather: float = 0.0,
) -> Erased:
    """Fill a hole: its pixels and those of the feather change, in the photo's own space and depth.

    The filler sees and paints sRGB of 8 bits; in a photo of 16 bits what it painted gets values in
    between (`ops.depth`). The photo's own alpha stays as it is.

    Args:
        picture: The photo.
        mask: (H, W) bool, True at what goes.
        filler: Paints the hole.
        forbidden: (H, W) bool, what stays, pixel by pixel, and must not come again in the hole;
            the latter holds for what the photo itself hides, too.
        seed: See `Filler`.
        feather: Pixels around the hole over which the painting goes over into the photo, at most
            8; 0 changes exactly the mask.

    Returns:
        The photo without it.

    Raises:
        InputError: If the mask has another size than the photo, or leaves nothing to be seen of it.
        NothingFound: If it is empty.
        ModelOutputError: If the filler's answer is no picture.
    """
    check_hole(picture, mask)
    started = time.perf_counter()
    share = _feathered(picture, mask, forbidden, feather)
    hole = share > 0
    if picture.alpha is not None:
        hidden = picture.alpha == 0
        forbidden = hidden if forbidden is None else forbidden | hidden
    painted = filler.fill(picture.rgb8(), hole, forbidden=forbidden, seed=seed)
    filled = time.perf_counter()
    whole = Box(0, 0, picture.width, picture.height)
    where = (tight_box(hole, whole) or whole).slices()
    pixels = picture.pixels.copy()
    # Only the hole is converted: the rest could come back a level off.
    np.copyto(pixels[where], picture.as_own(painted[where]), where=hole[where][..., None])
    if pixels.dtype == np.uint16:
        pixels = deepened(pixels.astype(np.uint16, copy=False), hole)
    pixels[where] = compose(pixels[where], share[where], picture.pixels[where])
    kept = {field.name: getattr(picture, field.name) for field in fields(Picture)}
    return Erased(
        **{**kept, "pixels": pixels},
        hole=hole,
        network=filler.name,
        seconds={"fill": filled - started, "colours": time.perf_counter() - filled},
    )


def _feathered(picture: Picture, mask: Mask, stays: Mask | None, width: float) -> Alpha:
    """How much of the painting each pixel gets: nothing where something stays."""
    share = feathered(mask, width)
    if stays is not None:
        share[stays & ~mask] = 0
    known = share == 0 if picture.alpha is None else (share == 0) & (picture.alpha > 0)
    # A hole that leaves but a rim is filled from that rim.
    return share if known.any() else feathered(mask, 0)
