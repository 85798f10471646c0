"""Around a hole: which part of a picture a filling network sees, how small, and what it gives back.

    picture, mask --surroundings--> crop, factor --reduced--> small crop, small mask
    what the network painted --enlarged--> colours of the crop --filled--> picture

Only pixels of the hole are ever replaced.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.reduce import box_reduce
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Box, Mask

__all__ = ["enlarged", "filled", "reduced", "surroundings"]

LEAST_MARGIN = 64  # pixels around a hole; a wide hole gets half of its own width


def surroundings(mask: Mask, limit: int, *, least: int = 1) -> tuple[Box, int]:
    """What of a picture to show to a network that shall fill a hole.

    Args:
        mask: (H, W) bool, True in the hole, at least one.
        limit: The side of the largest square that the network is to see.
        least: The shortest side that it takes; shorter ones will be padded.

    Returns:
        The part, and the whole factor by which it has to be reduced: all of the picture and 1 where
        it has no more pixels than the square; else the hole with its surroundings.
    """
    height, width = mask.shape
    whole = Box(0, 0, width, height)
    if _area(whole, least) <= limit * limit:
        return whole, 1
    hole = tight_box(mask, whole) or whole
    margin = max(LEAST_MARGIN, max(hole.width, hole.height) // 2)
    part = hole.grown(margin, height, width)
    return part, math.ceil(math.sqrt(_area(part, least)) / limit)


def _area(box: Box, least: int) -> int:
    return max(box.height, least) * max(box.width, least)


def reduced(image: RGB8, mask: Mask, factor: int) -> tuple[RGB8, Mask]:
    """A picture and its hole reduced by a whole factor.

    A small pixel is hole where any of its pixels is, so nothing of the hole is in the others.
    """
    if factor == 1:
        return image, mask
    rows, columns = (np.arange(0, side, factor) for side in mask.shape)
    hole = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
    return np.asarray(box_reduce(image, factor), np.uint8), hole


def enlarged(image: RGB8, factor: int, height: int, width: int) -> RGB8:
    """What `reduced` made, at the size it came from: (height, width, 3), bilinear."""
    if factor == 1:
        return image
    size = (image.shape[1] * factor, image.shape[0] * factor)  # the last block may have been less
    large = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(large, np.uint8)[:height, :width]


def filled(image: RGB8, mask: Mask, part: Box, colours: NDArray[np.uint8]) -> RGB8:
    """A copy of the picture whose hole has the colours of `colours`, which lies at `part`."""
    result = image.copy()
    where = part.slices()
    np.copyto(result[where], colours, where=mask[where][..., None])
    return result
