"""From a field of matches to pixels: neighbouring votes on a small photo, copies on the full one.

A small photo's hole gets in every pixel the mean of what the 49 patches around it say (Wexler,
Shechtman & Irani 2007). The full photo gets whole pieces of itself, pushed into place as the field
of the small one says: sharp, and faded into one another over a few pixels where pieces meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.bilinear import places
from nukki.ops.discs import dilated
from nukki.ops.patches import CHANNELS, PATCH
from nukki.ops.patchfield import Field
from nukki.ops.patchlevels import Level
from nukki.ops.poisson import Seams
from nukki.ops.seams import edge_width
from nukki.ops.tiles import each, row_blocks
from nukki.types import RGB8, Mask

__all__ = ["Shifts", "copied", "shifts", "votes"]

_USUAL = 75  # percentile of the costs that is a usual one
# More makes good matches count more beside usual ones. Where little is to be seen all matches are
# good: if they counted much more, holes would become smooth.
_SHARP = 0.3
_BLOCK = 1 << 13  # pixels in one piece of work
_BESIDE, _CLEAR = (
    16,
    5,
)  # pixels around a hole that say how sharp edges are; those next to it know it
_SOFTENED = 3.0  # widths of the photo's edges, or pixels, over which edges that do not meet go over
_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


def votes(level: Level, field: Field) -> NDArray[np.float32]:
    """(m, 5): what a field's patches say about each pixel of the hole, on average.

    A patch counts a little more where its match is good, `exp(-_SHARP · cost / (2 · usual cost))`.
    """
    usual = max(float(np.percentile(field.cost, _USUAL)), 1.0)
    weight = np.exp(field.cost * np.float32(-_SHARP / (2 * usual))) + np.float32(1e-6)
    weight = np.append(weight, np.float32(0))  # the last one stands for no patch
    stride = level.planes.shape[2]
    source = np.append(field.from_rows * np.int32(stride) + field.from_columns, np.int32(0))
    numbers = np.pad(field.numbers(*level.sources.allowed.shape), PATCH - 1, constant_values=-1)
    numbers = np.where(numbers < 0, np.int32(len(source) - 1), numbers)
    flat = np.ascontiguousarray(np.moveaxis(level.planes, 0, -1)).reshape(-1, CHANNELS)
    row, column = (at + np.int32(PATCH - 1) for at in level.inside)
    corner = row * np.int32(numbers.shape[1]) + column
    result = np.empty((len(corner), CHANNELS), np.float32)

    def work(start: int) -> None:
        part = slice(start, start + _BLOCK)
        total = np.zeros_like(result[part])
        sure = np.zeros(len(total), np.float32)
        for down in range(PATCH):
            for across in range(PATCH):
                who = numbers.take(corner[part] - np.int32(down * numbers.shape[1] + across))
                counts = weight.take(who)
                said = flat.take(source.take(who) + np.int32(down * stride + across), axis=0)
                said *= counts[:, None]
                total += said
                sure += counts
        result[part] = total / sure[:, None]

    each(work, range(0, len(result), _BLOCK), level.threads)
    return result


@dataclass(frozen=True, eq=False)
class Shifts:
    """From where the pixels of a small photo's hole come, and how their colours are changed.

    Attributes:
        apart: (h, w, 2) int32, rows and columns from a pixel to its source.
        change: (h, w, 3) float32, what is added to the source's colours.
        hole: (h, w) bool, where that is said.
    """

    apart: NDArray[np.int32]
    change: NDArray[np.float32]
    hole: Mask


def shifts(level: Level, field: Field) -> Shifts:
    """Where each pixel's own patch was found, with the change that hides the seams."""
    height, width = level.sources.allowed.shape
    hole = level.scene.hole
    numbers = field.numbers(height, width)
    rows, columns = (
        np.clip(np.arange(side) - PATCH // 2, 0, last - 1)
        for side, last in zip(hole.shape, (height, width), strict=True)
    )
    who = numbers[rows[:, None], columns]
    apart = np.stack([field.from_rows - field.rows, field.from_columns - field.columns], axis=-1)
    apart = np.where(hole[..., None], apart[who], np.int32(0))
    image = level.scene.pixels[..., :3]
    beside = dilated(hole, _BESIDE) & ~(dilated(hole, _CLEAR) | level.scene.banned)
    soft = max(_SOFTENED, _SOFTENED * edge_width(image, beside))
    return Shifts(apart, _change(image, hole, apart, soft), hole)


def _change(image: RGB8, hole: Mask, apart: NDArray[np.int32], soft: float) -> NDArray[np.float32]:
    """What to add so that pieces go over into one another and into the photo.

    Wherever two neighbours come from different pieces, the step between them should be the mean of
    the steps that the pieces themselves make there; the rest is a membrane's affair. Where the
    photo is out of focus no edge in the hole may be sharper than those around it.
    """
    height, width = hole.shape
    colours = image.astype(np.float32)
    row, column = np.nonzero(hole)
    shift = apart[row, column]
    own = colours[row + shift[:, 0], column + shift[:, 1]]
    placed = colours.copy()
    placed[row, column] = own
    seams = Seams(hole, soft)
    for down, across in _AROUND:
        y, x = row + down, column + across
        there = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.where(there, y, row), np.where(there, x, column)
        wanted = _step(colours, hole, (row, column), (y, x), shift)
        beside = hole[y, x]
        other = _step(colours, hole, (row, column), (y, x), apart[y, x])
        wanted = np.where(beside[:, None], (wanted + other) / 2, wanted)
        bend = wanted - (placed[y, x] - own)
        bend = np.where(np.isfinite(bend) & there[:, None], bend, np.float32(0))
        seams.bend(row, column, bend)
    return seams.evened()


def _step(
    colours: NDArray[np.float32],
    hole: Mask,
    here: tuple[NDArray[np.intp], NDArray[np.intp]],
    there: tuple[NDArray[np.intp], NDArray[np.intp]],
    shift: NDArray[np.int32],
) -> NDArray[np.float32]:
    """(n, 3): the step from a pixel to its neighbour inside a piece; NaN where it is not known."""
    height, width = hole.shape
    ends = []
    for row, column in (here, there):
        y, x = row + shift[:, 0], column + shift[:, 1]
        known = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.where(known, y, 0), np.where(known, x, 0)
        known &= ~hole[y, x]
        ends.append(np.where(known[:, None], colours[y, x], np.float32(np.nan)))
    return np.asarray(ends[1] - ends[0], np.float32)


def copied(image: RGB8, hole: Mask, shifted: Shifts, factor: int, *, threads: int = 1) -> RGB8:
    """Fill the hole of the full photo.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool.
        shifted: What was found on the photo reduced by `factor`.
        factor: The reduction.
        threads: How many threads may work.

    Returns:
        A copy of the photo with its hole filled. Every pixel mixes what the four pixels of the
        small photo around it say: where they come from one piece that is a copy, but for `change`.
    """
    result = image.copy()

    def work(rows: slice) -> None:
        row, column = np.nonzero(hole[rows])
        if len(row):
            row += rows.start
            result[row, column] = _mixed(image, hole, shifted, factor, (row, column))

    each(work, list(row_blocks(hole.shape[0], hole.shape[1], 1 << 16)), threads)
    return result


def _mixed(
    image: RGB8,
    hole: Mask,
    shifted: Shifts,
    factor: int,
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> NDArray[np.uint8]:
    """(n, 3): the colours of some pixels of the hole."""
    row, column = at
    total = np.zeros((len(row), 4), np.float32)
    # A pixel beyond the last middle of a cell has that cell on both sides.
    rows, columns = (
        places((place + 0.5) / factor - 0.5, side)
        for place, side in zip(at, shifted.hole.shape, strict=True)
    )
    for y, down in ((rows[0], 1 - rows[2]), (rows[1], rows[2])):
        for x, across in ((columns[0], 1 - columns[2]), (columns[1], columns[2])):
            apart = shifted.apart[y, x] * factor
            source = (
                np.clip(row + apart[:, 0], 0, hole.shape[0] - 1),
                np.clip(column + apart[:, 1], 0, hole.shape[1] - 1),
            )
            counts = down * across * (shifted.hole[y, x] & ~hole[source])
            total[:, :3] += (image[source] + shifted.change[y, x]) * counts[:, None]
            total[:, 3] += counts
    colours = total[:, :3] / total[:, 3:]
    return np.asarray(np.rint(np.clip(colours, 0, 255)), np.uint8)
