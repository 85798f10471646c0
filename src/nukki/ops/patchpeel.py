"""A first painting of a small hole: from its rim inwards, each pixel as in the most alike place.

Efros & Leung, "Texture synthesis by non-parametric sampling", ICCV 1999: of every patch around a
pixel of the rim what is known already is compared with all patches of the photo.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nukki.ops.patches import CHANNELS, PATCH
from nukki.ops.patchlevels import Scene
from nukki.types import Mask

__all__ = ["peeled"]

_AREA = PATCH * PATCH
_MOST = 6000  # patches that are compared with; of more only every so many
_BLOCK = 256  # pixels of the rim at a time


def peeled(scene: Scene) -> NDArray[np.float32]:
    """The pixels of a scene with its hole painted: (H, W, 5) float32 of whole bytes.

    Sums are of whole numbers below 2^24, exact in float32 in any order and on any machine.
    """
    places = np.flatnonzero(scene.allowed)
    places = places[:: -(-len(places) // _MOST)]
    rows, columns = np.divmod(places, scene.allowed.shape[1])
    pixels = scene.pixels.astype(np.float32)
    pixels[scene.hole] = 0
    known = _patches(pixels, rows, columns)
    squares = np.einsum("npc,npc->np", known, known)
    flat = known.reshape(len(known), -1)
    pull = scene.pull
    unknown = scene.hole.copy()
    while unknown.any():
        y, x = np.nonzero(_rim(unknown))
        top, left = (
            np.clip(at - PATCH // 2, 0, side - PATCH)
            for at, side in zip((y, x), unknown.shape, strict=True)
        )
        for start in range(0, len(y), _BLOCK):
            part = slice(start, start + _BLOCK)
            seen = sliding_window_view(~unknown, (PATCH, PATCH))[top[part], left[part]]
            seen = seen.reshape(-1, _AREA).astype(np.float32)
            own = _patches(pixels, top[part], left[part]) * seen[..., None]
            apart = (seen @ squares.T) - 2 * (own.reshape(len(own), -1) @ flat.T)
            way = (pull[0] * (top[part, None] - rows)) ** 2
            way += (pull[1] * (left[part, None] - columns)) ** 2
            best = (apart + seen.mean(axis=1)[:, None] * way).argmin(axis=1)
            place = (y[part] - top[part]) * PATCH + x[part] - left[part]
            pixels[y[part], x[part]] = known[best, place]
        unknown[y, x] = False
    return pixels


def _patches(
    pixels: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(n, 49, 5): the patches with these corners."""
    windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))[rows, columns]
    return np.ascontiguousarray(np.moveaxis(windows, 1, -1)).reshape(-1, _AREA, CHANNELS)


def _rim(unknown: Mask) -> Mask:
    """Unknown pixels with a known neighbour."""
    framed = np.pad(unknown, 1, constant_values=True)
    deep = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return unknown & ~deep
