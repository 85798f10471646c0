"""Work cut into pieces that fit a processor's cache, spread over threads.

Every piece computes the same bytes whoever runs it, so results do not depend on the thread count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nukki.types import Box, Mask

__all__ = ["each", "overlapping_boxes", "ramps", "row_blocks", "tight_box", "tile_boxes"]

T = TypeVar("T")


def each(work: Callable[[T], None], pieces: Iterable[T], threads: int) -> None:
    """Call `work` on every piece, on up to `threads` threads; the first error is raised."""
    pieces = list(pieces)
    if threads <= 1 or len(pieces) <= 1:
        for piece in pieces:
            work(piece)
        return
    with ThreadPoolExecutor(min(threads, len(pieces))) as pool:
        for _ in pool.map(work, pieces):
            pass


def row_blocks(height: int, width: int, pixels: int = 1 << 18) -> Iterator[slice]:
    """Rows in blocks of about `pixels` pixels."""
    rows = max(1, pixels // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def tile_boxes(height: int, width: int, size: int) -> Iterator[Box]:
    """Tiles of at most `size` × `size` that cover a (height, width) picture once."""
    for top in range(0, height, size):
        for left in range(0, width, size):
            yield Box(left, top, min(width, left + size), min(height, top + size))


def overlapping_boxes(region: Box, size: int, overlap: int) -> Iterator[Box]:
    """Tiles of at most `size` × `size` that cover a region, neighbours at least `overlap` deep.

    Args:
        region: What to cover.
        size: The side of a tile; a shorter side of the region is taken whole.
        overlap: Less than `size`.
    """
    for top in _starts(region.top, region.height, size, overlap):
        for left in _starts(region.left, region.width, size, overlap):
            right, bottom = min(region.right, left + size), min(region.bottom, top + size)
            yield Box(left, top, right, bottom)


def _starts(first: int, length: int, size: int, overlap: int) -> list[int]:
    """Where tiles begin, evenly: the last one ends where the region does."""
    if length <= size:
        return [first]
    gaps = -(-(length - size) // (size - overlap))
    return [first + (length - size) * number // gaps for number in range(gaps + 1)]


def ramps(tile: Box, region: Box, overlap: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much the rows and the columns of a tile count where it overlaps its neighbours.

    1 inside and at the region's own sides, falling to nearly 0 within `overlap` pixels towards
    the others; the outer product is a weight for each pixel.
    """

    def ramp(start: int, stop: int, first: int, last: int) -> NDArray[np.float32]:
        at = np.arange(stop - start, dtype=np.float32) + np.float32(0.5)
        before = at / overlap if start > first else np.ones_like(at)
        after = at[::-1] / overlap if stop < last else np.ones_like(at)
        return np.minimum(np.minimum(before, after), 1)

    rows = ramp(tile.top, tile.bottom, region.top, region.bottom)
    return rows, ramp(tile.left, tile.right, region.left, region.right)


def tight_box(mask: Mask, tile: Box) -> Box | None:
    """Bounds of the True pixels of a tile's mask, in the picture's coordinates; None if none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(
        tile.left + int(columns[0]),
        tile.top + int(rows[0]),
        tile.left + int(columns[-1]) + 1,
        tile.top + int(rows[-1]) + 1,
    )
