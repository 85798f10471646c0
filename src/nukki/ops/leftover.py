"""What of a thing lies beyond its hole, by its colours; and how much a filled hole's border shows.

Beside the hole a pixel is compared with two colours: what the thing has nearest to it, and what
lies a little farther out. On the line from the second to the first, t = 0 is background and t = 1
the thing; a patch of pixels beyond one half, near the line, is a foot or a strap that the mask has
missed. Where thing and background have one colour nothing can be told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.components import find_pieces
from nukki.ops.discs import dilated
from nukki.ops.reduce import box_reduce
from nukki.types import RGB8, Mask

__all__ = ["leftover", "seam"]

_CELLS = 4  # the ring that is looked at is so many cells wide
_CONTRAST = 40.0  # levels between thing and background that it takes
_HALF, _OFF = 0.55, 0.45  # on the line; and how far from it, as a share of its length
_LEAST = 0.75  # of a square as wide as the ring: smaller patches are texture
_BESIDE = 3  # pixels beside a border whose steps it is compared with
_FLAT = 1.0  # levels: no border is seen that is weaker


def leftover(image: RGB8, thing: Mask, hole: Mask, grow: int, *, stays: Mask | None = None) -> Mask:
    """Pixels beside a hole that look like the thing that it was made for.

    Args:
        image: (h, w, 3) uint8: the thing and what is around it, at least five times `grow` wide.
        thing: (h, w) bool: its mask.
        hole: (h, w) bool: what goes, the thing in it.
        grow: Pixels: how wide the ring is that is looked at.
        stays: (h, w) bool: what else is there and stays.

    Returns:
        (h, w) bool, none of it in the hole.
    """
    factor = max(1, round(grow / _CELLS))
    ring = max(2, round(grow / factor))
    small = box_reduce(image, factor).astype(np.float32)
    gone, own = _any(hole, factor), ~_any(~thing, factor)
    held = np.zeros_like(gone) if stays is None else _any(stays, factor)
    near = dilated(gone, ring)
    beside = near & ~gone & ~held
    away = ~dilated(gone, ring + 1) & ~held
    if not (beside.any() and own.any() and away.any()):
        return np.zeros_like(hole)
    theirs, ours = _spread(small, own, 2.0 * ring), _spread(small, away, 2.0 * ring)
    line = theirs - ours
    length = np.sqrt((line**2).sum(axis=2)) + np.float32(1e-3)
    offset = small - ours
    along = (offset * line).sum(axis=2) / length**2
    off = np.sqrt(np.maximum((offset**2).sum(axis=2) - (along * length) ** 2, 0)) / length
    like = beside & (length > _CONTRAST) & (along > _HALF) & (off < _OFF)
    pieces = find_pieces(like)
    if not pieces.count:
        return np.zeros_like(hole)
    touching = pieces.largest(dilated(gone, 1).astype(np.float32)) > 0.5
    found = pieces.mask(touching & (pieces.areas() >= _LEAST * ring * ring))
    large = found.repeat(factor, axis=0).repeat(factor, axis=1)[: hole.shape[0], : hole.shape[1]]
    return large & ~hole


def seam(image: RGB8, hole: Mask) -> float:
    """How strong the steps across a hole's border are beside those of what is around it.

    Args:
        image: (h, w, 3) uint8, filled.
        hole: (h, w) bool.

    Returns:
        1 where they are as strong; 0 where the hole has no border in the picture.
    """
    around = dilated(hole, _BESIDE) & ~hole
    steps: list[NDArray[np.float32]] = []
    usual: list[NDArray[np.float32]] = []
    light = image.astype(np.float32).mean(axis=2)
    for axis in (0, 1):
        plane, inside, outside = (
            (each, each.T)[axis] for each in (light, hole.astype(np.uint8), around)
        )
        step = np.abs(plane[1:] - plane[:-1])
        steps.append(step[inside[1:] != inside[:-1]])
        usual.append(step[outside[1:] & outside[:-1]])
    across, beside = np.concatenate(steps), np.concatenate(usual)
    if not len(across) or not len(beside):
        return 0.0
    return float(across.mean() / max(float(beside.mean()), _FLAT))


def _any(mask: Mask, factor: int) -> Mask:
    """A mask reduced: a cell is in it where any of its pixels is."""
    if factor == 1:
        return mask
    rows, columns = (np.arange(0, side, factor) for side in mask.shape)
    reduced: Mask = np.logical_or.reduceat(mask, rows, axis=0)
    return np.asarray(np.logical_or.reduceat(reduced, columns, axis=1))


def _spread(colours: NDArray[np.float32], known: Mask, sigma: float) -> NDArray[np.float32]:
    """Colours of what is known, blurred over all: (h, w, 3)."""
    weight = gaussian(known.astype(np.float32), sigma)
    planes = [
        gaussian(np.where(known, colours[..., channel], np.float32(0)), sigma)
        for channel in range(3)
    ]
    return np.asarray(np.stack(planes, axis=2) / np.maximum(weight, 1e-6)[..., None], np.float32)
