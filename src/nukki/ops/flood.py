"""Flat graphics and logos: the paper goes, and pixels at its edge are taken apart exactly.

What hangs together with the picture's border and has its colour is paper. A pixel beside it is a
mixture of paper and of one flat colour, which is found pure a pixel or two further in: on the line
from the paper's colour through the pixel's own, the neighbour that is farthest from the paper. Its
share is the alpha, and the pure colour is the pixel's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.guided import window_sum
from nukki.types import Alpha, Mask, Pixels

__all__ = ["Flooded", "flood", "paper_of"]

LIKE = 4 / 255  # a channel that differs by so much is the same colour ...
NOISE = 3.0  # ... or by so many typical differences on the border (JPEG)
MOST = 24 / 255  # and never by more
RING = 2  # pixels beside the paper that may be mixtures
LOOK = 3  # how far around the pure colour is looked for
ALIGNED = 0.96  # cosine between a mixture and its pure colour, seen from the paper
PURE = 0.98  # a share from here on is 1

_AROUND = [
    (down, across)
    for down in range(-LOOK, LOOK + 1)
    for across in range(-LOOK, LOOK + 1)
    if (down, across) != (0, 0)
]


@dataclass(frozen=True, eq=False)
class Flooded:
    """A graphic without its paper.

    Attributes:
        alpha: (H, W) float32 in 0..1.
        colours: (H, W, 3) like the picture: pure colours in mixtures, else the picture's.
    """

    alpha: Alpha
    colours: Pixels


def paper_of(pixels: Pixels) -> tuple[NDArray[np.float32], float, float]:
    """The paper's colour.

    Args:
        pixels: (H, W, 3) uint8 or uint16.

    Returns:
        Its colour (3,) in 0..1, the most frequent one of the outermost pixels; how far it varies;
        and the share of the border that has it, 0..1.
    """
    top = np.iinfo(pixels.dtype).max
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    coarse = frame.astype(np.uint32) // ((top + 1) // 32)
    codes = (coarse[:, 0] * 32 + coarse[:, 1]) * 32 + coarse[:, 2]
    names, counts = np.unique(codes, return_counts=True)
    most = frame[codes == names[counts.argmax()]].astype(np.float32) / np.float32(top)
    colour = np.median(most, axis=0).astype(np.float32)
    off = np.abs(frame / np.float32(top) - colour).max(axis=1)
    near = off <= MOST
    varies = float(np.median(off[near])) if near.any() else 0.0
    like = min(MOST, max(LIKE, NOISE * varies))
    return colour, like, float((off <= like).mean())


def flood(
    pixels: Pixels, paper: NDArray[np.float32], like: float, *, everywhere: bool = False
) -> Flooded:
    """Take the paper away.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        paper: (3,) in 0..1: its colour.
        like: By how much a channel may differ from it, 0..1.
        everywhere: Also where the graphic encloses it, such as inside an o.

    Returns:
        Alpha and colours; pixels further than two from the paper are as they were, alpha 1.
    """
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    off = np.zeros(pixels.shape[:2], np.float32)
    for channel in range(3):
        np.maximum(off, np.abs(pixels[..., channel] * scale - paper[channel]), out=off)
    pieces = find_pieces(off <= np.float32(like), diagonal=False)
    chosen = np.ones(pieces.count, np.bool_) if everywhere else pieces.touching_rim()
    gone = pieces.mask(chosen)
    alpha = np.where(gone, np.float32(0), np.float32(1))
    colours = pixels.copy()
    ring = ~gone & (window_sum(gone[None].astype(np.float32), RING)[0] > 0.5)
    rows, columns = np.nonzero(ring)
    if len(rows):
        share, down, across = _taken_apart(pixels, gone, paper, rows, columns)
        mixed = share < PURE
        rows, columns = rows[mixed], columns[mixed]
        alpha[rows, columns] = share[mixed]
        colours[rows, columns] = pixels[rows + down[mixed], columns + across[mixed]]
    return Flooded(alpha, colours)


def _taken_apart(
    pixels: Pixels,
    gone: Mask,
    paper: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Shares of pixels, and how far down and across their pure colours are."""
    height, width = gone.shape
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    here = pixels[rows, columns] * scale - paper
    length = np.maximum(np.sqrt((here * here).sum(axis=1)), np.float32(1e-6))
    longest = length.copy()
    share = np.ones(len(rows), np.float32)
    best = np.zeros((2, len(rows)), np.intp)
    for down, across in _AROUND:
        row, column = rows + down, columns + across
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
        there = pixels[row, column] * scale - paper
        far = np.sqrt((there * there).sum(axis=1))
        along = (there * here).sum(axis=1)
        better = inside & ~gone[row, column] & (far > longest)
        better &= along >= ALIGNED * far * length
        longest[better] = far[better]
        share[better] = along[better] / np.square(far[better])
        best[0, better], best[1, better] = down, across
    return np.clip(share, 0, 1), best[0], best[1]
