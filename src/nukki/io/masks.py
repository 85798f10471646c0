"""Alphas that lie in files: grey masks and cut-outs, to judge by and to train on."""

from __future__ import annotations

import numpy as np

from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.types import Alpha

__all__ = ["alpha_of"]

_LABELS = 8  # bytes up to here are numbers of classes, not levels of grey
_TINT = 0.25  # channels that differ by less are a grey that a lossy file has tinted


def alpha_of(name: str, picture: Picture) -> Alpha:
    """The alpha that a mask holds.

    A grey picture is the alpha itself, black to white; of a cut-out (a picture with transparency)
    it is the transparency.

    Args:
        name: Of the file, for errors.
        picture: What was read from it.

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
        raise InputError(message, hint="save the mask as grey: white is the subject")
    top = int(picture.pixels.max())
    if 0 < top <= _LABELS:
        message = f"`{name}` must be a grey mask, black to white, but its largest value is {top}"
        raise InputError(message, hint="numbers of classes are no mask: make the subject white")
    return np.asarray(picture.pixels.mean(axis=2, dtype=np.float64) / full, np.float32)
