"""Trimaps that lie in files: read, checked against the photo, written."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io import images
from nukki.io.encode import encode
from nukki.io.files import write
from nukki.io.images import Picture
from nukki.io.masks import MaskSource
from nukki.ops.trimap import snapped
from nukki.types import Trimap

__all__ = ["read_trimap", "save_trimap"]

_TINT = 64  # levels by which channels may differ in a grey that a lossy file has tinted


def read_trimap(
    source: MaskSource, picture: Picture, *, max_pixels: int | None = None
) -> tuple[Trimap, str | None]:
    """The trimap of a photo, from a file or an array.

    Args:
        source: A path, bytes, a binary file, a PIL image, a `Picture` or an array (H, W) of uint8:
            black, middle grey and white.
        picture: The photo.
        max_pixels: Refuse larger ones before they are decoded.

    Returns:
        (H, W) uint8 of 0, 128 and 255, and a note where values were near these and not the same.

    Raises:
        InputError: If it is no picture, in colours, of another size than the photo, not of three
            values, or without foreground or background.
    """
    if not isinstance(source, np.ndarray | Picture):
        source = images.read(source, max_pixels=max_pixels)
    grey: NDArray[Any] = _grey(source) if isinstance(source, Picture) else source
    size = (picture.height, picture.width)
    if grey.shape != size:
        theirs = " × ".join(str(side) for side in reversed(grey.shape))
        message = f"`trimap` must be {size[1]} × {size[0]} pixels like the photo, got {theirs}"
        raise InputError(message, hint="save the trimap at the photo's size, and as upright as it")
    return snapped(grey)


def save_trimap(trimap: Trimap, target: str | PathLike[str]) -> None:
    """Write a trimap as a grey PNG.

    Raises:
        OutputError: If it could not be written.
    """
    write(Path(target), encode(trimap, "png"))


def _grey(picture: Picture) -> Trimap:
    pixels = picture.rgb8()
    if int(np.ptp(pixels, axis=2).max()) > _TINT:
        message = "`trimap` must be black, grey and white, but it has colours"
        raise InputError(message, hint="save it as a grey picture")
    return np.asarray(pixels[..., 1])
