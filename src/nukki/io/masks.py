"""Alphas and masks that lie in files: grey masks and cut-outs."""

from __future__ import annotations

from os import PathLike
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture, Source
from nukki.types import Alpha, Mask

__all__ = ["MaskSource", "alpha_of", "read_mask"]

MaskSource: TypeAlias = Source | Picture | NDArray[np.bool_]

_LABELS = 8  # bytes up to here are numbers of classes, not levels of grey
_TINT = 0.25  # channels that differ by less are a grey that a lossy file has tinted


def alpha_of(name: str, picture: Picture, *, white: str = "the subject") -> Alpha:
    """The alpha that a mask holds.

    A grey picture is the alpha itself, black to white; of a cut-out (a picture with transparency)
    it is the transparency.

    Args:
        name: Of the file, for errors.
        picture: What was read from it.
        white: What white stands for, for hints.

    Returns:
        (H, W) float32, 0..1.

    Raises:
        InputError: If it is in colours, or holds numbers of classes.
    """
    if picture.alpha is not None:
        return np.asarray(picture.alpha / np.float32(np.iinfo(picture.alpha.dtype).max), np.float32)
    full = float(np.iinfo(picture.pixels.dtype).max)
    if np.ptp(picture.pixels, axis=2).max() / full > _TINT:
        message = f"`{name}` must be a grey mask, black to white, but it has colours"
        raise InputError(message, hint=f"save the mask as grey: white is {white}")
    top = int(picture.pixels.max())
    if 0 < top <= _LABELS:
        message = f"`{name}` must be a grey mask, black to white, but its largest value is {top}"
        raise InputError(message, hint=f"numbers of classes are no mask: make {white} white")
    return np.asarray(picture.pixels.mean(axis=2, dtype=np.float64) / full, np.float32)


def read_mask(
    source: MaskSource, *, max_pixels: int | None = None, white: str = "the subject"
) -> Mask:
    """A mask from a grey picture, a cut-out (its transparency) or an array.

    Args:
        source: A path, bytes, a binary file, a PIL image, a `Picture`, or an array (H, W) of bool,
            uint8 or uint16.
        max_pixels: Refuse larger masks before they are decoded; None means 200 million.
        white: What white stands for, for hints.

    Returns:
        (H, W) bool, True where the picture is lighter than half grey, or covers more than half.

    Raises:
        InputError: If it is no picture, in colours, holds numbers of classes, or is an array of
            another kind.
        LimitExceeded: If it has more than `max_pixels`.
    """
    if isinstance(source, np.ndarray):
        if source.ndim != 2 or not source.size or source.dtype not in (bool, np.uint8, np.uint16):
            message = f"`mask` must be (H, W) of bool or uint8, got {source.shape} {source.dtype}"
            raise InputError(message, hint=f"give an array that is True at {white}")
        if source.dtype == np.bool_:
            return np.asarray(source, np.bool_)
    name = str(source) if isinstance(source, str | PathLike) else "mask"
    if not isinstance(source, Picture):
        # A mask that ends early would leave things standing unseen: it is never taken.
        source = images.read(source, max_pixels=max_pixels)  # type: ignore[arg-type]
    return np.asarray(alpha_of(name, source, white=white) > 0.5)
