"""Where a filled hole meets the photo: colours that go over into one another, and a soft border."""

from __future__ import annotations

import numpy as np

from nukki.ops.distance import nearest
from nukki.ops.poisson import Seams
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Alpha, Box, Mask

__all__ = ["FEATHER", "feathered", "settled"]

FEATHER = 8  # pixels around a hole that may be touched, at most
_SIDES = ((0, 1), (0, -1), (1, 1), (1, -1))


def feathered(hole: Mask, width: float) -> Alpha:
    """How much of the painting each pixel gets: 1 in the hole, falling to 0 around it.

    Args:
        hole: (H, W) bool.
        width: Pixels around the hole that get some of it, 0 to `FEATHER`.

    Returns:
        (H, W) float32; 0 from `width` pixels on.
    """
    result = hole.astype(np.float32)
    reach = min(float(width), float(FEATHER))
    box = tight_box(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if box is None or reach <= 0:
        return result
    where = box.grown(FEATHER + 1, *hole.shape).slices()
    away = nearest(hole[where])[0].astype(np.float32)
    share = np.clip(1 - away / np.float32(reach + 1), 0, 1)
    smooth = share * share * (3 - 2 * share)
    result[where] = np.where(away < reach + 1, smooth, np.float32(0))
    return result


def settled(image: RGB8, hole: Mask) -> RGB8:
    """Take the step out of a hole's border, for paintings that are a shade off.

    What the painting's pixels differ by from their neighbours across the border is taken up by a
    membrane over the hole (Pérez, Gangnet & Blake, "Poisson image editing", SIGGRAPH 2003).

    Args:
        image: (H, W, 3) uint8, its hole painted.
        hole: (H, W) bool.

    Returns:
        (H, W, 3), equal outside the hole.
    """
    box = tight_box(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if box is None:
        return image.copy()
    where = box.grown(1, *hole.shape).slices()
    colours, inside = image[where].astype(np.float32), hole[where]
    seams = Seams(inside)
    for axis, by in _SIDES:
        step = np.roll(colours, -by, axis) - colours
        across = inside & ~np.roll(inside, -by, axis)
        last = [slice(None), slice(None)]
        last[axis] = slice(-1, None) if by > 0 else slice(0, 1)
        across[tuple(last)] = False  # there is no neighbour beyond the picture's side
        rows, columns = np.nonzero(across)
        seams.bend(rows, columns, -step[rows, columns])
    result = image.copy()
    part = np.rint(np.clip(colours + seams.evened(), 0, 255)).astype(np.uint8)
    np.copyto(result[where], part, where=inside[..., None])
    return result
