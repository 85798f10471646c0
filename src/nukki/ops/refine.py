"""From a network's coarse map to an alpha that follows the picture's edges at full resolution.

1. The map is settled and split on its own grid: sure inside, sure outside, and the band between.
   Sure pixels become exactly 1 and 0; only the band is looked at further.
2. In the band, colour decides: a confidence-weighted guided filter (`ops.guided`) learns from the
   sure pixels on both sides which colours belong to the subject, on a reduced picture.
3. Its linear models are enlarged and applied to the full picture (He & Sun 2015); further passes
   repeat this on finer pictures with smaller windows.
4. A contrast curve around one half undoes the softening of the averages.

Everything runs on tiles that touch the band, on several threads; the bytes do not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.bilinear import magnified
from nukki.ops.components import find_pieces
from nukki.ops.grid import enlarge
from nukki.ops.guided import fitted_alpha, guided_coefficients, window_sum
from nukki.ops.reduce import box_reduce
from nukki.ops.tiles import each, tight_box, tile_boxes
from nukki.types import Alpha, Box, Mask, Pixels

__all__ = ["Guide", "Refinement", "guide_factor", "make_guide", "refine", "settle"]

GHOST = 0.75  # a piece of the map that nowhere reaches this is no subject ...
PALE = 0.9  # ... unless the whole map is pale: then this share of its largest value counts
GAP = 0.2  # a hole in the subject that nowhere falls below this is no hole
SURE = 0.04  # a map value below this, or above 1 - this, is taken at its word
CONTRAST = 1.3  # slope of the curve around one half; measured on soft and hard truths
EPS = 1e-4  # colour variance under which a window is flat: about 2.5 levels of 255
TRUST = 2.0  # a map pixel is believed by |2p - 1| to this power ...
FLOOR = 0.01  # ... and by this much at least
FINEST = 1000  # long side of the reduced picture, where the map leaves a choice
FITTED = 128  # pixels of the reduced picture whose models are fitted at once
TILE = 512  # of the full picture: at smaller ones threads wait for each other

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Refinement:
    """How much work goes into the edges.

    Attributes:
        passes: How often the filter runs, each time on a picture twice as fine.
        cell: Pixels of the reduced picture for one cell of the map, in the first pass.
        radius: Window radius of the first pass, in cells of the map.
    """

    passes: int = 1
    cell: float = 3.5
    radius: float = 2.0


@dataclass(frozen=True, eq=False)
class Guide:
    """A picture reduced for the work around edges.

    Attributes:
        planes: (3, h, w) float32 in 0..1: means of factor × factor blocks.
        factor: How much smaller it is than the picture.
    """

    planes: Planes
    factor: int


def guide_factor(height: int, width: int) -> int:
    """By how much a picture is reduced so that its long side is at most 1000 pixels."""
    return max(1, -(-max(height, width) // FINEST))


def make_guide(
    pixels: Pixels, factor: int, *, small: Pixels | None = None, threads: int = 1
) -> Guide:
    """Reduce a picture by `factor`.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        factor: See `guide_factor`.
        small: The picture box-reduced by `factor`, where it has been made already.
        threads: How many threads may work.
    """
    small = box_reduce(pixels, factor, threads=threads) if small is None else small
    planes = np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)
    planes /= np.iinfo(pixels.dtype).max
    return Guide(planes, factor)


def refine(
    pixels: Pixels,
    coarse: Alpha,
    how: Refinement,
    *,
    guide: Guide | None = None,
    threads: int = 1,
) -> Alpha:
    """Bring a coarse map to the picture's size, along the picture's edges.

    Args:
        pixels: (H, W, 3) uint8 or uint16, in any RGB space.
        coarse: (h, w), 0..1: the network's map, spread over the whole picture.
        how: How much work.
        guide: The picture reduced, which the first pass works on where it is at least as small as
            `how.cell` asks for.
        threads: How many threads may work.

    Returns:
        (H, W) float32 in 0..1; exactly 0 or 1 where the map is sure.
    """
    height, width = pixels.shape[:2]
    # Of a small picture the map may be finer than the picture itself.
    coarse = enlarge(settle(coarse), min(coarse.shape[0], height), min(coarse.shape[1], width))
    cell = max(height / coarse.shape[0], width / coarse.shape[1])
    band = _band(coarse)
    factor = max(1, round(cell / how.cell), 1 if guide is None else guide.factor)
    alpha = enlarge(coarse, -(-height // factor), -(-width // factor))
    radius = how.radius
    for number in range(how.passes):
        last = number == how.passes - 1 or factor == 1
        if guide is None or guide.factor != factor:
            guide = make_guide(pixels, factor, threads=threads)
        planes = guide.planes
        alpha = enlarge(alpha, planes.shape[1], planes.shape[2])
        near = enlarge(band, planes.shape[1], planes.shape[2])
        window = max(1, round(radius * cell / factor))
        models = _models(planes, alpha, near, window, threads)
        if last:
            solid = enlarge((coarse > 0.5).astype(np.float32), *near.shape) > 0.5
            return _apply(pixels, _faded(models, near, solid), near > 0, solid, factor, threads)
        fitted = np.clip(np.einsum("chw,chw->hw", models[:3], planes) + models[3], 0.0, 1.0)
        alpha = (near * fitted + (1 - near) * (alpha > 0.5)).astype(np.float32)
        factor, radius = max(1, factor // 2), radius / 2
    return alpha


def settle(coarse: Alpha) -> Alpha:
    """Decide the pieces of a map that are half in doubt from their inside.

    Doubt that the subject encloses and that nowhere comes near the background becomes subject, so
    that solid things stay solid; a real gap, an arm on a hip, does fall to the background. Ghosts
    that nowhere become subject are dropped.

    Args:
        coarse: (h, w), 0..1.
    """
    doubt = find_pieces(coarse < 0.9, diagonal=False)
    solid = doubt.mask(doubt.largest(1 - coarse) < 1 - GAP)
    traces = find_pieces(coarse > SURE)
    ghosts = traces.mask(traces.largest(coarse) < min(GHOST, PALE * float(coarse.max())))
    settled = np.where(solid, np.float32(1), coarse)
    return np.where(ghosts, np.float32(0), settled)


def _band(coarse: Alpha) -> Planes:
    """1 where the map is unsure or lies beside an unsure cell or a jump, else 0; on its grid."""
    unsure = (coarse > SURE) & (coarse < 1 - SURE)
    inside = (coarse >= 0.5).astype(np.float32)
    around = window_sum(np.stack([unsure.astype(np.float32), inside, np.ones_like(inside)]), 1)
    jump = (around[1] > 0) & (around[1] < around[2])
    return np.asarray((around[0] > 0) | jump, np.float32)


def _models(guide: Planes, alpha: Alpha, near: Planes, radius: int, threads: int) -> Planes:
    """Coefficients (4, h, w) of the guided filter on all tiles that touch the band."""
    height, width = alpha.shape
    models = np.zeros((4, height, width), np.float32)
    weight = np.abs(2 * alpha - 1) ** np.float32(TRUST) + np.float32(FLOOR)

    def work(tile: Box) -> None:
        halo = tile.grown(2 * radius, height, width)
        rows, columns = halo.slices()
        found = guided_coefficients(
            guide[:, rows, columns], alpha[rows, columns], weight[rows, columns], radius, EPS
        )
        top, left = tile.top - halo.top, tile.left - halo.left
        models[:, tile.top : tile.bottom, tile.left : tile.right] = found[
            :, top : top + tile.height, left : left + tile.width
        ]

    each(work, _around(near), threads)
    return models


def _around(near: Planes) -> list[Box]:
    """Boxes that hold the band and one pixel more: enlarging the models looks at the neighbour."""
    height, width = near.shape
    found = []
    for tile in tile_boxes(height, width, FITTED):
        wide = tile.grown(1, height, width)
        band = tight_box(near[wide.slices()] > 0, wide)
        if band is not None:
            found.append(band.grown(1, height, width).within(tile))
    return [box for box in found if box.width > 0 and box.height > 0]


def _faded(models: Planes, near: Planes, solid: Mask) -> Planes:
    """The models with the curve around one half, fading out over a cell where the band ends."""
    models *= near * np.float32(CONTRAST)
    models[3] += near * np.float32(0.5 - 0.5 * CONTRAST) + (1 - near) * solid
    return models


def _apply(
    pixels: Pixels, models: Planes, near: Mask, solid: Mask, factor: int, threads: int
) -> Alpha:
    """Evaluate the models on the full picture, inside the band; 0 and 1 elsewhere."""
    height, width = pixels.shape[:2]
    result = np.empty((height, width), np.float32)

    def work(tile: Box) -> None:
        rows, columns = (np.arange(s.start, s.stop) // factor for s in tile.slices())
        np.copyto(
            result[tile.slices()],
            solid[rows[0] : rows[-1] + 1].take(columns, axis=1)[rows - rows[0]],
        )
        small = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        wide = small.grown(1, *near.shape)
        band = tight_box(near[wide.slices()], wide)
        if band is None:
            return
        band = band.grown(1, *near.shape)
        here = Box(*(factor * side for side in (band.left, band.top, band.right, band.bottom)))
        here = here.within(tile)
        if here.width > 0 and here.height > 0:
            model = magnified(models, factor, here)
            result[here.slices()] = fitted_alpha(model, pixels[here.slices()])

    each(work, tile_boxes(height, width, max(1, TILE // factor) * factor), threads)
    return result
