"""The things of a photo on one coarse grid, where they can be compared and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.guided import window_sum
from nukki.ops.segments import Segment
from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["Silhouettes", "grown"]

SIDE = 512  # cells of the longer side


@dataclass(frozen=True, eq=False)
class Silhouettes:
    """Alphas of things on a grid that spans the photo.

    Attributes:
        maps: (n, h, w) float32 in 0..1, in the order of the things.
        scale: Cells for a pixel of the photo, at most 1.
    """

    maps: NDArray[np.float32]
    scale: float

    @classmethod
    def of(cls, segments: Sequence[Segment], side: int = SIDE) -> Silhouettes:
        """Those of at least one segment of a photo.

        Args:
            segments: The things.
            side: Cells of the grid's longer side, at most the photo's.
        """
        height, width = segments[0].size
        scale = min(1.0, side / max(height, width))
        shape = max(1, round(height * scale)), max(1, round(width * scale))
        maps = np.zeros((len(segments), *shape), np.float32)
        for target, one in zip(maps, segments, strict=True):
            _reduce(one, target)
        return cls(maps, scale)

    def union(self, places: Sequence[int]) -> NDArray[np.float32]:
        """What some of the things cover together; they share no pixel, so they add up."""
        total = np.zeros(self.maps.shape[1:], np.float32)
        for place in places:
            total += self.maps[place]
        return np.minimum(total, 1)


def grown(mask: Mask, reach: int) -> Mask:
    """The mask (h, w) and all cells of the square of 2 · reach + 1 around each of its own."""
    height, width = mask.shape
    result = np.zeros_like(mask)
    found = tight_box(mask, Box(0, 0, width, height))
    if found is not None:
        part = found.grown(reach, height, width).slices()
        result[part] = window_sum(mask[part][None].astype(np.float32), reach)[0] > 0
    return result


def _reduce(segment: Segment, target: NDArray[np.float32]) -> None:
    """Write a segment's alpha, averaged over cells, into its part of the grid."""
    height, width = segment.size
    rows, columns = target.shape
    down, across = rows / height, columns / width
    box = segment.support
    top, bottom = int(box.top * down), min(rows, int(np.ceil(box.bottom * down)))
    left, right = int(box.left * across), min(columns, int(np.ceil(box.right * across)))
    if bottom <= top or right <= left:
        return
    # The cells' own part of the photo: the segment, with nothing around it.
    y0, y1 = round(top / down), max(round(bottom / down), round(top / down) + 1)
    x0, x1 = round(left / across), max(round(right / across), round(left / across) + 1)
    part = np.zeros((y1 - y0, x1 - x0), np.uint8)
    from_y, from_x = max(box.top, y0), max(box.left, x0)
    to_y, to_x = min(box.bottom, y1), min(box.right, x1)
    if to_y <= from_y or to_x <= from_x:
        return
    part[from_y - y0 : to_y - y0, from_x - x0 : to_x - x0] = segment.levels[
        from_y - box.top : to_y - box.top, from_x - box.left : to_x - box.left
    ]
    small = Image.fromarray(part).resize((right - left, bottom - top), Image.Resampling.BOX)
    target[top:bottom, left:right] = np.asarray(small, np.float32) / np.float32(255)
