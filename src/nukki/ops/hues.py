"""Brightness and colour apart: what a coloured light or a screen adds, in a plane of two axes.

Y' and CbCr as ITU-R BT.601 has them, all in 0..1 and -.5..+.5. In this plane the six pure hues lie
about 60° apart, so that an angle around a screen's hue leaves its neighbours, yellow and cyan for
green, alone. Moving a colour in the plane keeps its brightness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONE", "excess", "from_ycc", "saturation", "to_ycc"]

Planes = NDArray[np.float32]

_Y = (0.299, 0.587, 0.114)
_CB = 1.772  # 2 · (1 - weight of blue)
_CR = 1.402  # 2 · (1 - weight of red)
_DARK = 0.05  # below about this brightness a hue is noise
CONE = 0.84  # 1 / tan 50°: pure yellow and pure cyan lie outside the cone around green


def to_ycc(rgb: Planes) -> Planes:
    """(3, …) red, green and blue in 0..1 as (3, …) Y', Cb and Cr."""
    red, green, blue = rgb
    light = np.float32(_Y[0]) * red + np.float32(_Y[1]) * green + np.float32(_Y[2]) * blue
    return np.stack([light, (blue - light) / np.float32(_CB), (red - light) / np.float32(_CR)])


def from_ycc(ycc: Planes) -> Planes:
    """The way back; what lies outside 0..1 stays there."""
    light, cb, cr = ycc
    red, blue = light + np.float32(_CR) * cr, light + np.float32(_CB) * cb
    green = (light - np.float32(_Y[0]) * red - np.float32(_Y[2]) * blue) / np.float32(_Y[1])
    return np.stack([red, green, blue])


def excess(chroma: Planes, key: Planes, cone: float = CONE) -> NDArray[np.float32]:
    """How much of a key's colour is in a colour: 1 in the key itself, 0 in grey, less beyond it.

    Args:
        chroma: (2, …) Cb and Cr.
        key: (2, …) those of the key, not 0.
        cone: 1 / tan of half the angle around the key's hue inside which a colour has any of it.

    Returns:
        (…): chroma's length along the key's less `cone` times its length across, in lengths of the
        key's; negative outside the cone.
    """
    length = np.maximum(key[0] * key[0] + key[1] * key[1], np.float32(1e-6))
    along = chroma[0] * key[0] + chroma[1] * key[1]
    across = np.abs(chroma[0] * key[1] - chroma[1] * key[0])
    return np.asarray((along - np.float32(cone) * across) / length, np.float32)


def saturation(ycc: Planes) -> NDArray[np.float32]:
    """(…): length of the chroma over brightness; shade does not change it much.

    Grey has 0, skin about .25, a green screen .5, a blue one .8.
    """
    light, cb, cr = ycc
    return np.asarray(np.hypot(cb, cr) / (light + np.float32(_DARK)), np.float32)
