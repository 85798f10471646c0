"""Masks of networks put into the photo: small ones into their boxes, whole ones over all of it.

A small mask divides its box into cells. Two houses bring it to the photo's pixels:

aligned   Detectron2 (`paste_masks_in_image`): each pixel's centre is looked up between the centres
          of the cells, 0 outside the box.
expanded  torchvision (`paste_masks_in_image`): a ring of zero cells is laid around the mask, the
          box grows by it and is cut to whole pixels, and the mask is resized to that.

Both are bilinear samples of the mask with its ring of zeros, so a `Patch` keeps just that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.bilinear import Span, above, places, sampled, span
from nukki.ops.grid import Placement
from nukki.ops.tiles import row_blocks
from nukki.types import Alpha, Box, Mask

__all__ = [
    "Patch",
    "aligned",
    "expanded",
    "nearest_in_photo",
    "on_grid",
    "smooth_in_photo",
    "winners_in_photo",
]

Corners = NDArray[np.float32]
Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Patch:
    """A small mask and where the photo's pixels lie in it.

    Attributes:
        ringed: (h + 2, w + 2) float32, the mask with a ring of zeros.
        box: What of the photo it may cover; without pixels where the two do not meet.
        rows: Where the box's rows lie in `ringed`.
        columns: Where its columns do.
    """

    ringed: Values
    box: Box
    rows: Span
    columns: Span

    def soft(self) -> Alpha:
        """The mask inside the box, (box.height, box.width) float32."""
        if not (self.box.width and self.box.height):
            return np.zeros((self.box.height, self.box.width), np.float32)
        return sampled(self.ringed, self.rows, self.columns)

    def hard(self, threshold: float) -> Mask:
        """Where the mask inside the box reaches a threshold, (box.height, box.width) bool."""
        return above(self.ringed, self.rows, self.columns, threshold)


def aligned(mask: Values, corners: Corners, height: int, width: int) -> Patch:
    """Place a mask as Detectron2 does.

    Args:
        mask: (h, w) float32, the inside of the box.
        corners: Left, top, right and bottom of the box, in pixels of the photo; right and bottom
            lie beyond left and top.
        height: Rows of the photo.
        width: Its columns.
    """
    left, top, right, bottom = (float(side) for side in corners)
    columns = _inside(left, right, mask.shape[1], width)
    rows = _inside(top, bottom, mask.shape[0], height)
    return _patch(mask, rows, columns)


def _inside(start: float, stop: float, cells: int, length: int) -> tuple[int, int, Span]:
    """The photo's pixels that a side of the box touches, and where they lie between its cells."""
    first, last = max(0, math.floor(start)), min(length, math.ceil(stop))
    centres = np.arange(first, last) + 0.5
    # Cell k's centre lies at (k + .5) / cells of the side, and at k + 1 with the ring.
    return first, last, places((centres - start) * (cells / (stop - start)) + 0.5, cells + 2)


def expanded(mask: Values, corners: Corners, height: int, width: int) -> Patch:
    """Place a mask as torchvision does; takes what `aligned` takes."""
    left, top, right, bottom = np.asarray(corners, np.float32)
    columns = _resized(left, right, mask.shape[1], width)
    rows = _resized(top, bottom, mask.shape[0], height)
    return _patch(mask, rows, columns)


def _resized(start: np.float32, stop: np.float32, cells: int, length: int) -> tuple[int, int, Span]:
    """Likewise, for a side that grew by the ring and was cut to whole pixels."""
    # In single precision, as the original: the cut makes a pixel of a rounding.
    half = (stop - start) * np.float32(0.5) * np.float32((cells + 2) / cells)
    middle = (stop + start) * np.float32(0.5)
    begin, end = int(middle - half), int(middle + half)
    pixels = max(1, end - begin + 1)
    first, last = max(0, begin), min(length, end + 1)
    step = (cells + 2) / pixels
    return first, last, span(first - begin, max(first, last) - begin, cells + 2, step)


def _patch(mask: Values, rows: tuple[int, int, Span], columns: tuple[int, int, Span]) -> Patch:
    top, bottom = rows[0], max(rows[0], rows[1])
    left, right = columns[0], max(columns[0], columns[1])
    ringed = np.pad(np.asarray(mask, np.float32), 1)
    return Patch(ringed, Box(left, top, right, bottom), rows[2], columns[2])


def on_grid(logits: Values, placement: Placement) -> Values:
    """A map of a network at its tensor's resolution, without the padding.

    Args:
        logits: (..., h, w) float32 over the whole tensor, at any resolution.
        placement: Where the photo lies in the tensor.

    Returns:
        (..., *placement.inner) float32, bilinear between pixel centres.
    """
    height, width = placement.inner
    if logits.shape[-2:] == placement.grid:
        return logits[..., :height, :width]
    rows = span(0, height, logits.shape[-2], logits.shape[-2] / placement.grid[0])
    columns = span(0, width, logits.shape[-1], logits.shape[-1] / placement.grid[1])
    return sampled(logits, rows, columns)


def smooth_in_photo(values: Values, placement: Placement, threshold: float) -> Mask:
    """Where a map, enlarged to the photo, reaches a threshold.

    Args:
        values: (h, w) float32, as `on_grid` gives it.
        placement: Where the photo lies in the tensor.
        threshold: What is reached.

    Returns:
        (H, W) bool.
    """
    height, width = placement.source
    rows = span(0, height, values.shape[0], values.shape[0] / height)
    columns = span(0, width, values.shape[1], values.shape[1] / width)
    return above(values, rows, columns, threshold)


def winners_in_photo(values: Values, placement: Placement) -> NDArray[np.uint8]:
    """Which of several maps, enlarged to the photo, is the highest at each pixel.

    Args:
        values: (n, h, w) float32, as `on_grid` gives them; at most 256 maps.
        placement: Where the photo lies in the tensor.

    Returns:
        (H, W) uint8: the number of the map, the first of equally high ones.
    """
    height, width = placement.source
    rows = span(0, height, values.shape[1], values.shape[1] / height)
    columns = span(0, width, values.shape[2], values.shape[2] / width)
    result = np.empty((height, width), np.uint8)
    for block in row_blocks(height, width, (1 << 18) // len(values)):
        part = rows[0][block], rows[1][block], rows[2][block]
        result[block] = sampled(values, part, columns).argmax(axis=0)
    return result


def nearest_in_photo(mask: Mask, placement: Placement) -> Mask:
    """A mask at the tensor's resolution enlarged to the photo: each pixel takes the cell it is in.

    Args:
        mask: (h, w) bool, without padding.
        placement: Where the photo lies in the tensor.

    Returns:
        (H, W) bool.
    """
    height, width = placement.source
    rows = _cells(height, mask.shape[0])
    return mask.take(rows, axis=0).take(_cells(width, mask.shape[1]), axis=1)


def _cells(pixels: int, cells: int) -> NDArray[np.intp]:
    # The factor in single precision, as PyTorch has it.
    factor = np.float32(cells) / np.float32(pixels)
    found = np.floor(np.arange(pixels, dtype=np.float32) * factor).astype(np.intp)
    return np.asarray(np.minimum(found, cells - 1), np.intp)
