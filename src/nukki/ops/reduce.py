"""A picture reduced by whole factors, each pixel the mean of a block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import each

__all__ = ["box_reduce"]

ROWS = 32  # rows of the small picture in one piece of work


def box_reduce(pixels: NDArray[Any], factor: int, *, threads: int = 1) -> NDArray[Any]:
    """Average factor × factor blocks, rounded to the nearest; at the rim what there is of them.

    Args:
        pixels: (H, W) or (H, W, C), uint8 or uint16.
        factor: At least 1.
        threads: How many threads may work.

    Returns:
        (ceil(H / factor), ceil(W / factor), …) of the same dtype; the input itself for factor 1.
    """
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    small = (-(-height // factor), -(-width // factor))
    result = np.empty((*small, *pixels.shape[2:]), pixels.dtype)

    def work(top: int) -> None:
        bottom = min(top + ROWS, small[0])
        block = pixels[top * factor : min(bottom * factor, height)]
        sums = _summed(_summed(block, factor, 0), factor, 1)
        rows = np.minimum(factor, height - np.arange(top, bottom) * factor)
        columns = np.minimum(factor, width - np.arange(small[1]) * factor)
        count = np.multiply.outer(rows, columns).astype(np.uint32)
        count = count.reshape(count.shape + (1,) * (pixels.ndim - 2))
        # Integers: half of the divisor added before dividing rounds to the nearest.
        result[top:bottom] = (sums + count // 2) // count

    each(work, range(0, small[0], ROWS), threads)
    return result


def _summed(block: NDArray[Any], factor: int, axis: int) -> NDArray[Any]:
    """Sums of `factor` neighbours along axis 0 or 1; the last one of what is left."""
    before = (slice(None),) * axis
    length = block.shape[axis]
    whole = length // factor * factor
    # Sums of 256 × 256 pixels of 16 bit, and of 256 of 8 bit, still fit these.
    wide: type[np.unsignedinteger[Any]]
    wide = np.uint32 if axis or block.dtype != np.uint8 else np.uint16
    wide = np.uint64 if factor > 256 else wide
    total: NDArray[Any] = block[(*before, slice(0, whole, factor))].astype(wide)
    for offset in range(1, factor):
        total += block[(*before, slice(offset, whole, factor))]
    if whole < length:
        rest = block[(*before, slice(whole, length))].sum(axis=axis, keepdims=True, dtype=wide)
        total = np.concatenate([total, rest], axis=axis)
    return total
