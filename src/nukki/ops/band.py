"""The pixels of a band, cut out of their picture in small squares that lie side by side.

A solver touches nothing but the band then, and every step of it is one pass over a long array:
squares of SIDE × SIDE pixels, with a halo for what reaches two pixels far, and the number of the
square last, so that the inner loops run along many squares at once.

    (H, W) picture --gathered--> (chunks, SIDE, SIDE, squares) --scattered--> (H, W)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.types import Mask

__all__ = ["HALO", "SIDE", "Band", "make_band"]

SIDE = 8  # larger squares hold more pixels outside the band, smaller ones more halo
HALO = 2
FULL = SIDE + 2 * HALO
CHUNK = 512  # squares in a chunk: fewer, and threads wait for each other; more leave the caches

Values = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Band:
    """Where the squares lie.

    Attributes:
        mask: (H, W) bool, the band.
        rows: (chunks, squares), the first row of each square; -FULL of those that only fill up.
        columns: Likewise.
        inside: (chunks, SIDE, SIDE, squares) bool, the pixels of the band.
        strips: For each of the four sides of a halo the places in a flat buffer where its values
            are, see `refresh`.
    """

    mask: Mask
    rows: Places
    columns: Places
    inside: NDArray[np.bool_]
    strips: tuple[Places, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return len(self.rows)

    def buffer(self) -> tuple[Values, Values]:
        """A buffer for values with halos, all 0: flat, and (chunks, FULL, FULL, squares)."""
        size = self.chunks * FULL * FULL * self.rows.shape[1]
        flat = np.zeros(size + 1, np.float32)  # the last value stands for what lies in no square
        return flat, flat[:-1].reshape(self.chunks, FULL, FULL, self.rows.shape[1])

    def refresh(self, flat: Values, chunk: int) -> None:
        """Copy into the halos of a chunk what the squares beside have there."""
        shape = (self.chunks, FULL, FULL, self.rows.shape[1])
        part = flat[:-1].reshape(shape)[chunk]
        for side, strip in zip(_SIDES, self.strips, strict=True):
            part[side] = flat.take(strip[chunk])

    def places(self, chunk: int) -> tuple[Places, Places]:
        """Rows (FULL, 1, squares) and columns (1, FULL, squares) of a chunk; some lie outside."""
        reach = np.arange(FULL) - HALO
        return (
            self.rows[chunk] + reach[:, None, None],
            self.columns[chunk] + reach[None, :, None],
        )

    def gathered(self, plane: NDArray[Any], chunk: int) -> NDArray[Any]:
        """A chunk of a plane (H, W, …) with its halos, (FULL, FULL, squares, …).

        What lies outside the picture repeats its rim.
        """
        height, width = self.shape
        rows, columns = self.places(chunk)
        return np.asarray(plane[rows.clip(0, height - 1), columns.clip(0, width - 1)])

    def known(self, chunk: int) -> NDArray[np.bool_]:
        """Which pixels of a chunk with its halos are not of the band, (FULL, FULL, squares)."""
        rows, columns = self.places(chunk)
        height, width = self.shape
        return ~np.asarray(self.mask[rows.clip(0, height - 1), columns.clip(0, width - 1)])

    def add(self, values: Values, plane: Values) -> None:
        """Add (chunks, SIDE, SIDE, squares) to the band's pixels of a plane (H, W), in place."""
        for chunk in range(self.chunks):
            inside = self.inside[chunk]
            down, along = (
                np.broadcast_to(axis, (FULL, FULL, inside.shape[2]))[HALO:-HALO, HALO:-HALO][inside]
                for axis in self.places(chunk)
            )
            plane[down, along] += values[chunk][inside]


# The four sides of a halo: above and below with the corners, left and right without.
_SIDES = (
    np.s_[:HALO],
    np.s_[-HALO:],
    np.s_[HALO:-HALO, :HALO],
    np.s_[HALO:-HALO, -HALO:],
)


def make_band(mask: Mask) -> Band | None:
    """The squares that hold a pixel of a mask (H, W); None where it is empty."""
    height, width = mask.shape
    across, along = -(-height // SIDE), -(-width // SIDE)
    padded = np.zeros((across * SIDE, along * SIDE), np.bool_)
    padded[:height, :width] = mask
    squares = padded.reshape(across, SIDE, along, SIDE)
    down, right = np.nonzero(squares.any(axis=(1, 3)))
    if not len(down):
        return None
    chunks = -(-len(down) // CHUNK)
    each = -(-len(down) // chunks)
    empty = chunks * each - len(down)
    held = np.zeros((chunks * each, SIDE, SIDE), np.bool_)
    held[: len(down)] = squares[down, :, right]
    inside = held.reshape(chunks, each, SIDE, SIDE).transpose(0, 2, 3, 1)
    # The squares that only fill up lie where nobody looks for a neighbour.
    down, right = (np.pad(axis, (0, empty), constant_values=-2) for axis in (down, right))
    strips = _strips(down, right, (across, along), (chunks, each))
    rows, columns = ((axis * SIDE).reshape(chunks, each) for axis in (down, right))
    return Band(mask, rows, columns, np.ascontiguousarray(inside), strips)


def _strips(
    down: Places, right: Places, grid: tuple[int, int], shape: tuple[int, int]
) -> tuple[Places, ...]:
    """Where the values of the halos lie in the flat buffer."""
    chunks, each = shape
    # Which square lies where; a rim of two around the grid has none.
    number = np.full((grid[0] + 4, grid[1] + 4), -1, np.intp)
    number[down + 2, right + 2] = np.where(down < 0, -1, np.arange(len(down)))
    reach = np.arange(FULL) - HALO
    outside = chunks * FULL * FULL * each
    kept: list[list[Places]] = [[] for _ in _SIDES]
    for chunk in range(chunks):
        these = slice(chunk * each, (chunk + 1) * each)
        rows = np.broadcast_to(reach[:, None, None] // SIDE, (FULL, FULL, each)) + down[these]
        columns = np.broadcast_to(reach[None, :, None] // SIDE, (FULL, FULL, each)) + right[these]
        there = number[rows + 2, columns + 2]
        place = (reach % SIDE + HALO)[:, None, None] * FULL + (reach % SIDE + HALO)[None, :, None]
        index = (there // each * FULL * FULL + place) * each + there % each
        index[there < 0] = outside
        for side, strips in zip(_SIDES, kept, strict=True):
            strips.append(index[side])
    return tuple(np.stack(strips) for strips in kept)
