"""More than eight bits for what was painted in eight: smooth places become as smooth as they were.

A level of a painting stands for values around it: half a level was rounded away, and as much once
more where it was made out of pieces. Of those values the smooth ones are taken: the painting is
blurred and brought back within a level of what it was, from far to near (projection onto convex
sets, Youla & Webb, "Image restoration by the method of convex projections", IEEE Trans. Medical
Imaging 1, 1982). Texture stays as it is but for that level.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["deepened"]

_LEVEL = np.float32(257)  # of 16 bits in one of 8
_SIGMAS = (24.0, 8.0, 3.0)  # pixels
_ROUNDS = 2


def deepened(pixels: NDArray[np.uint16], hole: Mask) -> NDArray[np.uint16]:
    """A painted hole without the steps of eight bits.

    Args:
        pixels: (H, W, 3) uint16; in the hole levels of eight bits, times 257.
        hole: (H, W) bool.

    Returns:
        (H, W, 3) uint16, equal outside the hole, and in it within a level of eight bits.
    """
    result = pixels.copy()
    box = tight_box(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if box is None:
        return result
    where = box.grown(math.ceil(3 * _SIGMAS[0]), *hole.shape).slices()
    inside = hole[where]
    for channel in range(3):
        plane = pixels[where][..., channel].astype(np.float32)
        low, high = np.maximum(plane - _LEVEL, 0), np.minimum(plane + _LEVEL, 65535)
        for sigma in _SIGMAS * _ROUNDS:
            np.copyto(plane, np.clip(gaussian(plane, sigma), low, high), where=inside)
        np.copyto(result[where][..., channel], np.rint(plane).astype(np.uint16), where=inside)
    return result
