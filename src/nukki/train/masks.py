"""Alphas for training from what a set has: masks, trimaps, outlines, cut-outs."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError
from nukki.io.decode import Found, decode
from nukki.io.images import Picture, read
from nukki.ops.guided import guided_coefficients

__all__ = [
    "JPEG_QUALITY",
    "as_jpeg",
    "as_png",
    "banded",
    "opened",
    "picture_in",
    "size_of",
]

JPEG_QUALITY = 95
# Of the filter that fills the band of a trimap.
_RADIUS = 12
_EPS = 1e-4
_DOUBT = 1e-3
_FOREGROUND, _BACKGROUND, _BAND = 1, 2, 3


class _Named(io.BytesIO):
    """Bytes with a name for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def picture_in(name: str, data: bytes) -> Picture:
    """A picture as everything else in nukki sees it: upright.

    Raises:
        InputError: If the bytes are no whole picture.
    """
    return read(_Named(data, name))


def size_of(name: str, data: bytes) -> tuple[int, int]:
    """(width, height) of a picture that was decoded to its end.

    Raises:
        InputError: If the bytes are no whole picture.
    """
    found = _found(name, data)
    if found.image is not None:
        return found.image.size
    height, width = (0, 0) if found.array is None else found.array.shape[:2]
    return width, height


def opened(name: str, data: bytes) -> Image.Image:
    """A picture of 8 bit as its file holds it: not turned, in its own colours.

    Raises:
        InputError: If the bytes are no whole picture, or one of 16 bit.
    """
    image = _found(name, data).image
    if image is None:
        message = f"`{name}` has 16 bits a value, expected 8"
        raise InputError(message, hint="fetch the file again")
    return image


def _found(name: str, data: bytes) -> Found:
    return decode(name, data, max_pixels=None, allow_truncated=False)


def banded(image: Image.Image, trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The alpha of a trimap, its border band decided by colour.

    In the band the alpha is a guided filter's answer (He, Sun, Tang 2013, see `ops.guided`) whose
    local models from colour to alpha are learnt from the sure pixels on both sides.

    Args:
        image: Of the trimap's size.
        trimap: (H, W) uint8 as in the Oxford-IIIT pets: 1 foreground, 2 background, 3 the band.

    Returns:
        (H, W) uint8, 0 background to 255 foreground.
    """
    pixels = np.asarray(image.convert("RGB"), np.float32).transpose(2, 0, 1)
    guide = np.ascontiguousarray(pixels) / np.float32(255)
    sure = (trimap == _FOREGROUND).astype(np.float32)
    weight = np.where(trimap == _BAND, np.float32(_DOUBT), np.float32(1)).astype(np.float32)
    model = guided_coefficients(guide, sure, weight, _RADIUS, _EPS)
    alpha = np.clip((model[:3] * guide).sum(0) + model[3], 0, 1)
    return np.asarray(np.rint(np.where(trimap == _BAND, alpha, sure) * 255), np.uint8)


def as_jpeg(image: Image.Image) -> bytes:
    """A photo as JPEG, its colours at full resolution."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return out.getvalue()


def as_png(mask: Image.Image) -> bytes:
    """A mask as PNG."""
    out = io.BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()
