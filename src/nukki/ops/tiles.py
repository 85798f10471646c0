"""Work cut into pieces that fit a processor's cache, spread over threads.

Every piece computes the same bytes whoever runs it, so results do not depend on the thread count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from nukki.types import Box, Mask

__all__ = ["each", "row_blocks", "tight_box", "tile_boxes"]

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
