"""One thing that was found in a photo: where it is and how sure the network was.

A mask is kept as the bits of its bounds: forty people in a photo of 12 megapixels, each as large as
the photo, take 60 MB, and a mask of the photo's size is there only while someone looks at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import tight_box
from nukki.types import Box, Mask

__all__ = ["Corners", "Segment", "in_order", "segment_of"]

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Segment:
    """A thing in a photo.

    Attributes:
        label: What it is, in the network's words.
        score: 0 to 1, how sure the network is.
        box: Bounds of the mask.
        size: (height, width) of the photo.
        area: Pixels of the mask, at least 1.
        corners: Left, top, right and bottom of the network's own box; the bounds where it gave
            none.
        bits: The mask inside its bounds, packed.
    """

    label: str
    score: float
    box: Box
    size: tuple[int, int]
    area: int
    corners: Corners
    bits: NDArray[np.uint8] = field(repr=False)

    @property
    def crop(self) -> Mask:
        """The mask inside its bounds, (box.height, box.width) bool; made at each access."""
        shape = self.box.height, self.box.width
        flat = np.unpackbits(self.bits, count=shape[0] * shape[1])
        return flat.view(np.bool_).reshape(shape)

    @property
    def mask(self) -> Mask:
        """(H, W) bool of the photo's size; made at each access."""
        whole = np.zeros(self.size, np.bool_)
        whole[self.box.slices()] = self.crop
        return whole


def segment_of(
    inside: Mask,
    place: Box,
    size: tuple[int, int],
    *,
    label: str,
    score: float,
    corners: Corners | None = None,
) -> Segment | None:
    """A segment from a part of its mask.

    Args:
        inside: (place.height, place.width) bool; outside it the mask is empty.
        place: Where that lies in the photo.
        size: (height, width) of the photo.
        label: What it is.
        score: How sure the network is.
        corners: The network's own box.

    Returns:
        The segment, its bounds tight; None where the mask has no pixel.
    """
    box = tight_box(inside, place)
    if box is None:
        return None
    rows = slice(box.top - place.top, box.bottom - place.top)
    crop = inside[rows, box.left - place.left : box.right - place.left]
    return Segment(
        label=label,
        score=score,
        box=box,
        size=size,
        area=int(np.count_nonzero(crop)),
        corners=corners or (box.left, box.top, box.right, box.bottom),
        bits=np.packbits(crop),
    )


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Segments, the surest first; of equally sure ones the upper one, then the left one."""
    return sorted(segments, key=lambda one: (-one.score, one.box.top, one.box.left, one.label))
