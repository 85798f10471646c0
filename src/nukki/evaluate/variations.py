"""What phones do to photos, and whether the mask stays the same.

A photo is mirrored, halved, saved as a poor JPEG, and exposed a stop more and less; its mask and
those of the copies, brought back, should agree. No truth is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import numpy as np

from nukki.io import images
from nukki.io.encode import Encoding, encode
from nukki.ops.grid import enlarge
from nukki.ops.metrics import inside, iou
from nukki.ops.reduce import box_reduce
from nukki.types import RGB8, Alpha

__all__ = ["VARIATIONS", "agreement", "exposed", "half", "jpeg", "mirrored"]

_QUALITY = 40


def mirrored(photo: RGB8) -> RGB8:
    """Left and right exchanged."""
    return np.ascontiguousarray(photo[:, ::-1])


def half(photo: RGB8) -> RGB8:
    """At half its size, each pixel the mean of four."""
    return box_reduce(photo, 2)


def jpeg(photo: RGB8) -> RGB8:
    """Saved as JPEG of quality 40 and read again."""
    return images.read(encode(photo, "jpeg", encoding=Encoding(quality=_QUALITY))).rgb8()


def exposed(photo: RGB8, stops: float) -> RGB8:
    """With 2^stops times the light, clipped: in linear light, by the sRGB curve (IEC 61966-2-1)."""
    coded = np.arange(256) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    light = np.clip(light * 2**stops, 0, 1)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * 255).astype(np.uint8)[photo])


VARIATIONS: dict[str, Callable[[RGB8], RGB8]] = {
    "mirrored": mirrored,
    "half": half,
    "jpeg40": jpeg,
    "brighter": lambda photo: exposed(photo, 1),
    "darker": lambda photo: exposed(photo, -1),
}


def agreement(photo: RGB8, alpha_of: Callable[[RGB8], Alpha]) -> dict[str, float]:
    """IoU of a photo's mask with the mask of each copy, and their mean.

    Args:
        photo: (H, W, 3) uint8, sRGB.
        alpha_of: Gives the alpha of a picture, at its size.

    Returns:
        By the names of `VARIATIONS`, and "mean", 0..1. Two empty masks agree.
    """
    height, width = photo.shape[:2]
    mask = inside(alpha_of(photo))
    found = {}
    for name, vary in VARIATIONS.items():
        alpha = alpha_of(vary(photo))
        if name == "mirrored":
            alpha = alpha[:, ::-1]
        found[name] = iou(inside(enlarge(alpha, height, width)), mask)
    return {**found, "mean": fmean(found.values())}
