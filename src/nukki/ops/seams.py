"""Where a filled hole meets the photo: colours that go over into one another, and a soft border."""

from __future__ import annotations

import numpy as np

from nukki.ops.alpha import gaussian
from nukki.ops.poisson import Seams
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Alpha, Box, Mask

__all__ = ["FEATHER", "edge_width", "feathered", "settled"]

FEATHER = 8  # pixels around a hole that may be touched, at most
_STEEP, _FEW = 0.9, 200  # the steepest tenth of at least so many pixels tells how wide edges are
_NOISE, _WIDEST = 1.5, 8.0  # levels a pixel: what is flatter is no edge; pixels
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
    away = _away(hole[where])
    share = np.clip(1 - away / np.float32(reach + 1), 0, 1)
    smooth = share * share * (3 - 2 * share)
    result[where] = np.where(away < reach + 1, smooth, np.float32(0))
    return result


def _away(hole: Mask) -> Alpha:
    """(h, w) float32: how far it is to the hole, in pixels, as far as that is within a feather.

    Of each row first, then over the rows within reach: only what is near a hole is asked for.
    """
    far = FEATHER + 2
    columns = np.arange(hole.shape[1], dtype=np.int32)
    before = np.maximum.accumulate(np.where(hole, columns, -far), axis=1)
    behind = np.where(hole, columns, hole.shape[1] + far)[:, ::-1]
    behind = np.minimum.accumulate(behind, axis=1)[:, ::-1]
    along = np.minimum(np.minimum(columns - before, behind - columns), far)
    along = (along * along).astype(np.int16)
    result = along.copy()
    for step in range(1, min(far, len(hole))):
        down = np.int16(step * step)
        np.minimum(result[step:], along[:-step] + down, out=result[step:])
        np.minimum(result[:-step], along[step:] + down, out=result[:-step])
    return np.sqrt(result.astype(np.float32))


def edge_width(image: RGB8, where: Mask) -> float:
    """How wide the edges of a part of a photo are: sigma, in pixels, of what blurs them.

    An edge whose slope a Gaussian of sigma 1 makes R times less steep was blurred by one of sigma
    `1 / sqrt(R^2 - 1)` (Zhuo & Sim, "Defocus map estimation from a single image", Pattern
    Recognition 44, 2011). The steepest places tell, and of them the median.

    Args:
        image: (H, W, 3) uint8.
        where: (H, W) bool, what counts.

    Returns:
        0 where hardly anything is seen there, `_WIDEST` at most.
    """
    light = image.astype(np.float32).sum(axis=2) / np.float32(3)
    slopes = [_slope(plane)[where] for plane in (light, gaussian(light, 1.0))]
    if len(slopes[0]) < _FEW:
        return 0.0
    told = slopes[1] >= max(float(np.quantile(slopes[1], _STEEP)), _NOISE)
    if np.count_nonzero(told) < _FEW * (1 - _STEEP):
        return 0.0
    ratio = float(np.median(slopes[0][told] / slopes[1][told]))
    return _WIDEST if ratio <= 1 else min(_WIDEST, (ratio**2 - 1) ** -0.5)


def _slope(plane: Alpha) -> Alpha:
    down, across = np.gradient(plane)
    return np.asarray(np.hypot(down, across), np.float32)


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
