"""The hole that a thing leaves: its alpha grown until nothing of its colours is left at the rim.

A hole that ends on the thing's edge keeps a rim of mixed colours, and whoever fills the hole then
paints the thing again. Three things make such a rim: the soft edge itself (all of it goes), what a
mask is wrong by (which grows with the thing) and what a camera and JPEG draw around edges (which
grows with the photo). Where the edge is soft over some distance, as hair and what is out of focus
are, its faint end lies farther out than any alpha says: there the hole grows by half of that again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.discs import dilated
from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["grown_hole", "usual_growth"]

_SHARE = 0.016  # of the side of a square as large as the thing: what its mask is wrong by
_SHARPENED = 0.002  # of the photo's shorter side: what cameras draw around edges
_LEAST = 3  # pixels: what JPEG does at any size
_MOST = 0.02  # of the photo's longer side
# Levels of 255 from which on a pixel is touched, in the mask, and the thing's own.
_THERE, _HALF, _SOLID = 8, 128, 242
_WIDTHS = (1.0, 2.0, 4.0)  # soft edges are told apart by these multiples of the growth
_FAINT = 0.5  # of its width: how much farther a soft edge reaches


def usual_growth(area: int, size: tuple[int, int]) -> int:
    """How far a hole grows beyond a thing, in pixels.

    Args:
        area: Pixels of the thing, or of a part that stands by itself.
        size: (height, width) of the photo.
    """
    own = _SHARE * math.sqrt(area) + _SHARPENED * min(size)
    return max(_LEAST, min(round(own), max(_LEAST, round(_MOST * max(size)))))


def grown_hole(
    levels: NDArray[np.uint8], place: Box, size: tuple[int, int], grow: int
) -> tuple[Box, Mask]:
    """The hole of a thing.

    Args:
        levels: (place.height, place.width) uint8: its alpha; outside it is 0.
        place: Where that lies in the photo.
        size: (height, width) of the photo.
        grow: Pixels beyond the soft edge; 0 gives the mask itself, which is where the alpha is one
            half or more.

    Returns:
        A part of the photo, and the hole within it, (height, width) bool; outside it there is none.
    """
    if grow <= 0:
        return place, levels >= _HALF
    there = tight_box(levels >= _THERE, place)
    if there is None:
        return place, np.zeros(levels.shape, np.bool_)
    reach = grow + math.ceil(_FAINT * _WIDTHS[-1] * grow)
    around = there.grown(reach, *size)
    alpha = np.zeros((around.height, around.width), np.uint8)
    alpha[_inside(around, there)] = levels[_inside(place, there)]
    touched = alpha >= _THERE
    pieces = find_pieces(touched)
    # A veil that is nowhere half there is no part of the thing.
    touched = pieces.mask(pieces.largest(alpha.astype(np.float32)) >= _HALF)
    result = dilated(touched, grow)
    solid = alpha >= _SOLID
    for width in _WIDTHS:
        # What lies this far from anything solid is the end of an edge as wide as that.
        far = touched & ~dilated(solid, round(width * grow))
        if not far.any():
            break
        result |= dilated(far, grow + round(_FAINT * width * grow))
    return around, result


def _inside(outer: Box, inner: Box) -> tuple[slice, slice]:
    """Where a box lies in one around it."""
    return (
        slice(inner.top - outer.top, inner.bottom - outer.top),
        slice(inner.left - outer.left, inner.right - outer.left),
    )
