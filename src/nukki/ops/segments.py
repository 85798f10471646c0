"""One thing that was found in a photo: where it is and how sure the network was.

A mask is kept as the bits of its bounds: forty people in a photo of 12 megapixels, each as large as
the photo, take 60 MB, and a mask of the photo's size is there only while someone looks at it. An
alpha is kept beside it as two more bits a pixel, solid and soft, and a byte for the soft ones,
which are few: the same forty with a tenth of their pixels soft take 230 MB, where bytes would take
480.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import tight_box
from nukki.types import Alpha, Box, Mask

__all__ = ["Corners", "Segment", "Soft", "in_order", "segment_of", "soft_segment_of"]

Corners = tuple[float, float, float, float]
Levels = NDArray[np.uint8]

_HALF = 128  # from this level on a pixel is in the mask


@dataclass(frozen=True, eq=False)
class Soft:
    """An alpha in few bytes.

    Attributes:
        box: Bounds of what is above 0.
        solid: Bits: where it is 255.
        edge: Bits: where it is 1 to 254.
        levels: What it is there, row by row.
    """

    box: Box
    solid: Levels = field(repr=False)
    edge: Levels = field(repr=False)
    levels: Levels = field(repr=False)

    @property
    def crop(self) -> Levels:
        """(box.height, box.width) uint8; made at each access."""
        count, shape = self.box.height * self.box.width, (self.box.height, self.box.width)
        flat = np.unpackbits(self.solid, count=count)
        flat *= 255
        flat[np.unpackbits(self.edge, count=count).view(np.bool_)] = self.levels
        return flat.reshape(shape)


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
        soft: The alpha, if more than the mask is known; the mask is where it is 128 or more.
    """

    label: str
    score: float
    box: Box
    size: tuple[int, int]
    area: int
    corners: Corners
    bits: NDArray[np.uint8] = field(repr=False)
    soft: Soft | None = field(default=None, repr=False)

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

    @property
    def support(self) -> Box:
        """Bounds of the alpha, which reaches beyond the mask where it is soft."""
        return self.box if self.soft is None else self.soft.box

    @property
    def levels(self) -> Levels:
        """The alpha inside `support`, uint8; made at each access."""
        return self.crop.view(np.uint8) * np.uint8(255) if self.soft is None else self.soft.crop

    @property
    def grey(self) -> Levels:
        """The alpha as a grey picture of the photo's size, (H, W) uint8; made at each access."""
        whole = np.zeros(self.size, np.uint8)
        whole[self.support.slices()] = self.levels
        return whole

    @property
    def alpha(self) -> Alpha:
        """(H, W) float32 of the photo's size: the soft alpha, or the mask; made at each access."""
        whole = np.zeros(self.size, np.float32)
        np.divide(self.levels, np.float32(255), out=whole[self.support.slices()])
        return whole

    def within(self, there: Mask) -> Segment | None:
        """What of it lies in a mask of the photo's size, (H, W) bool; None where nothing does."""
        part = there[self.support.slices()]
        if self.soft is None:
            return segment_of(
                self.crop & part,
                self.box,
                self.size,
                label=self.label,
                score=self.score,
                corners=self.corners,
            )
        return soft_segment_of(
            self.soft.crop * part,
            self.support,
            self.size,
            label=self.label,
            score=self.score,
            corners=self.corners,
        )


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


def soft_segment_of(
    levels: Levels,
    place: Box,
    size: tuple[int, int],
    *,
    label: str,
    score: float,
    corners: Corners | None = None,
) -> Segment | None:
    """A segment from a part of its alpha.

    Args:
        levels: (place.height, place.width) uint8, 0 to 255; outside it the alpha is 0.
        place: Where that lies in the photo.
        size: (height, width) of the photo.
        label: What it is.
        score: How sure the network is.
        corners: The network's own box.

    Returns:
        The segment, its mask where the alpha is 128 or more; None where that is nowhere.
    """
    hard = segment_of(levels >= _HALF, place, size, label=label, score=score, corners=corners)
    box = tight_box(levels > 0, place)
    if hard is None or box is None:
        return None
    rows = slice(box.top - place.top, box.bottom - place.top)
    crop = levels[rows, box.left - place.left : box.right - place.left]
    edge = (crop > 0) & (crop < 255)
    soft = Soft(box, np.packbits(crop == 255), np.packbits(edge), crop[edge])
    return replace(hard, soft=soft)


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Segments, the surest first; of equally sure ones the upper one, then the left one."""
    return sorted(segments, key=lambda one: (-one.score, one.box.top, one.box.left, one.label))
