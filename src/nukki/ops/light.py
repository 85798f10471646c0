"""Light: sRGB's transfer function both ways, and one picture's light brought to another's.

The transfer function is that of IEC 61966-2-1:1999,

    linear = s / 12.92                     where s <= 0.04045
             ((s + 0.055) / 1.055) ** 2.4  elsewhere,

tabulated once for every level of 8 and of 16 bits. Brightness is matched after Reinhard, Ashikhmin,
Gooch & Shirley 2001 ("Color transfer between images", IEEE CG&A 21), by mean and spread of
logarithms, of linear luminance in stops; and only as far as a photographer would correct. The tint
is not the mean's: skin and red coats are no red light. It is that of the two lights, estimated
from the whole photos by "shades of grey" (Finlayson & Trezzi 2004, Minkowski norm 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nukki.types import Alpha, Pixels

__all__ = [
    "NEUTRAL",
    "Light",
    "Tint",
    "from_linear",
    "light_of",
    "match_curves",
    "relit",
    "tint_of",
    "to_linear",
]

_KNEE, _SLOPE = 0.04045, 12.92
_FLOOR = 1 / 256  # of white: what is darker says little about the light that falls on it
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709, linear
_SAMPLES = 400  # rows and columns that are looked at, about
_LEAST_WEIGHT = 16.0  # pixels; fewer have no light of their own

_NORM = 6  # Minkowski's, the paper's best

# How much of a difference is taken over, and at most how many stops.
_BRIGHTER, _MOST_BRIGHTER = 0.6, 1.0
_TINT, _MOST_TINT = 0.6, 0.3
_SPREAD = (0.85, 1.15)

Planes = NDArray[np.float32]
Tint = tuple[float, float, float]
NEUTRAL: Tint = (0.0, 0.0, 0.0)


def to_linear(pixels: Pixels) -> Planes:
    """Linear light 0..1, float32 of the same shape, of uint8 or uint16 levels of sRGB."""
    return _table(np.iinfo(pixels.dtype).max)[pixels]


def from_linear(light: Planes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Pixels:
    """Levels of sRGB, rounded to the nearest, of linear light; beyond 0..1 it is clipped."""
    clipped = np.clip(light, 0, 1).astype(np.float64)
    low = clipped * _SLOPE
    high = 1.055 * np.power(clipped, 1 / 2.4) - 0.055
    encoded = np.where(clipped <= _KNEE / _SLOPE, low, high) * np.iinfo(dtype).max
    levels: Pixels = np.rint(encoded).astype(dtype)
    return levels


@cache
def _table(top: int) -> Planes:
    encoded = np.arange(top + 1, dtype=np.float64) / top
    curve = np.power((encoded + 0.055) / 1.055, 2.4)
    return np.where(encoded <= _KNEE, encoded / _SLOPE, curve).astype(np.float32)


@dataclass(frozen=True)
class Light:
    """How the pixels of a picture, or of a part of it, are lit.

    Attributes:
        mean: Of the luminance, in stops: log2 of linear light, white being 0.
        spread: Its standard deviation, in stops.
    """

    mean: float
    spread: float


def light_of(pixels: Pixels, weight: Alpha | None = None) -> Light | None:
    """The light of a picture.

    Args:
        pixels: (H, W, 3) uint8 or uint16, sRGB; large ones are looked at in rows and columns.
        weight: (H, W), how much each pixel counts; None counts all alike.

    Returns:
        None where next to nothing counts.
    """
    step = max(1, min(pixels.shape[:2]) // _SAMPLES)
    luminance = to_linear(pixels[::step, ::step]).astype(np.float64) @ _LUMA
    stops = np.log2(np.maximum(luminance, _FLOOR))
    part = np.ones(stops.shape) if weight is None else weight[::step, ::step].astype(np.float64)
    total = float(part.sum())
    if total < _LEAST_WEIGHT / step**2:
        return None
    mean = float((stops * part).sum()) / total
    return Light(mean, float(np.sqrt((part * (stops - mean) ** 2).sum() / total)))


def tint_of(pixels: Pixels) -> Tint:
    """The colour of the light in a photo: red, green and blue in stops, of no luminance."""
    step = max(1, min(pixels.shape[:2]) // _SAMPLES)
    light = to_linear(pixels[::step, ::step]).astype(np.float64)
    norm = np.power(np.mean(light**_NORM, axis=(0, 1)), 1 / _NORM)
    stops = np.log2(np.maximum(norm, _FLOOR))
    red, green, blue = (float(value) for value in stops - stops @ _LUMA)
    return red, green, blue


def match_curves(
    own: Light,
    target: Light,
    tints: tuple[Tint, Tint] = (NEUTRAL, NEUTRAL),
    *,
    strength: float = 1.0,
) -> tuple[tuple[float, float], ...]:
    """What brings one light to another: for red, green and blue (stops to add, exponent).

    The luminance is brought six tenths of the way, at most one stop, the tint likewise, at most
    three tenths of a stop; the spread changes by 15 % at most.

    Args:
        own: The light of what changes.
        target: The light that it comes into.
        tints: Of the two lights, `tint_of` the whole photos.
        strength: Of the brightness; 1 is as said.
    """
    away = strength * _BRIGHTER * (target.mean - own.mean)
    gain = float(np.clip(away, -_MOST_BRIGHTER, _MOST_BRIGHTER))
    tint = np.clip(_TINT * np.subtract(tints[1], tints[0]), -_MOST_TINT, _MOST_TINT)
    wished = np.sqrt(target.spread / own.spread) if min(own.spread, target.spread) > 0 else 1.0
    exponent = float(np.clip(wished, *_SPREAD))
    # About the mean: the exponent turns contrast there and leaves the mean where the gain put it.
    return tuple((gain + float(t) + own.mean * (1 - exponent), exponent) for t in tint)


def relit(pixels: Pixels, curves: tuple[tuple[float, float], ...]) -> Pixels:
    """The picture with the curves of `match_curves` applied, in its own depth.

    What would get brighter than white is rolled off instead of clipped (Reinhard et al. 2002,
    "Photographic tone reproduction", equation 4, whose white is where white goes).
    """
    result = np.empty_like(pixels)
    top = np.iinfo(pixels.dtype).max
    light = _table(top).astype(np.float64)
    for channel, (stops, exponent) in enumerate(curves):
        curve = np.exp2(stops) * np.power(light, exponent)
        white = float(curve[-1])
        if white > 1:
            curve = curve * (1 + curve / white**2) / (1 + curve)
        levels = from_linear(curve.astype(np.float32), pixels.dtype)
        result[..., channel] = levels[pixels[..., channel]]
    return result
