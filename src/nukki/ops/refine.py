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

from nukki.ops.bilinear import sampled, span
from nukki.ops.components import find_pieces
from nukki.ops.grid import enlarge
from nukki.ops.guided import guided_coefficients, window_sum
from nukki.ops.reduce import box_reduce
from nukki.ops.tiles import each, tight_box, tile_boxes
from nukki.types import Alpha, Box, Pixels

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
TILE = 256  # smaller ones fit caches better, but threads then wait for the interpreter


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

    planes: NDArray[np.float32]
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
        guide: The picture reduced; it is used where it fits, and saves making one.
        threads: How many threads may work.

    Returns:
        (H, W) float32 in 0..1; exactly 0 or 1 where the map is sure.
    """
    height, width = pixels.shape[:2]
    # Of a small picture the map may be finer than the picture itself.
    coarse = enlarge(settle(coarse), min(coarse.shape[0], height), min(coarse.shape[1], width))
    cell = max(height / coarse.shape[0], width / coarse.shape[1])
    band = _band(coarse)
    factor = max(1, round(cell / how.cell))
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
            return _apply(pixels, models, coarse, band, factor, threads)
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


def _band(coarse: Alpha) -> NDArray[np.float32]:
    """1 where the map is unsure or lies beside an unsure cell or a jump, else 0; on its grid."""
    unsure = (coarse > SURE) & (coarse < 1 - SURE)
    inside = (coarse >= 0.5).astype(np.float32)
    around = window_sum(np.stack([unsure.astype(np.float32), inside, np.ones_like(inside)]), 1)
    jump = (around[1] > 0) & (around[1] < around[2])
    return np.asarray((around[0] > 0) | jump, np.float32)


def _models(
    guide: NDArray[np.float32],
    alpha: Alpha,
    near: NDArray[np.float32],
    radius: int,
    threads: int,
) -> NDArray[np.float32]:
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


def _around(near: NDArray[np.float32]) -> list[Box]:
    """Tiles that hold the band and one pixel more: enlarging the models looks at the neighbour."""
    height, width = near.shape
    found = []
    for tile in tile_boxes(height, width, TILE):
        wide = tile.grown(1, height, width)
        band = tight_box(near[wide.slices()] > 0, wide)
        if band is not None:
            found.append(band.grown(1, height, width).within(tile))
    return [box for box in found if box.width > 0 and box.height > 0]


def _apply(
    pixels: Pixels,
    models: NDArray[np.float32],
    coarse: Alpha,
    band: NDArray[np.float32],
    factor: int,
    threads: int,
) -> Alpha:
    """Evaluate the models on the full picture, inside the band; 0 and 1 elsewhere."""
    height, width = size = pixels.shape[:2]
    result = np.zeros(size, np.float32)
    inside = (coarse > 0.5).astype(np.float32)
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)

    def work(tile: Box) -> None:
        rows = _cells(tile.top, tile.bottom, band.shape[0], size[0])
        columns = _cells(tile.left, tile.right, band.shape[1], size[1])
        if not band[rows, columns].any():
            # Beside the band nothing changes: all of a tile's cells lie on one side.
            if inside[rows, columns].any():
                result[tile.slices()] = 1
            return
        model = _enlarged(models, tile, size, factor)
        colours = pixels[tile.slices()].transpose(2, 0, 1).astype(np.float32)
        colours *= scale
        colours *= model[:3]
        fitted = model[3]
        for channel in colours:
            fitted += channel
        fitted -= 0.5
        fitted *= CONTRAST
        fitted += 0.5
        np.clip(fitted, 0.0, 1.0, out=fitted)
        # The band fades out over one cell, so that no step shows where it ends.
        near, solid = _enlarged(np.stack([band, inside]), tile, size)
        solid = (solid > 0.5).astype(np.float32)
        fitted -= solid
        fitted *= near
        fitted += solid
        result[tile.slices()] = fitted

    each(work, list(tile_boxes(height, width, TILE)), threads)
    return result


def _cells(start: int, stop: int, cells: int, pixels: int) -> slice:
    """The cells of the map that enlarging looks at for pixels start..stop."""
    step = cells / pixels
    return slice(max(0, int(start * step - 0.5)), min(cells, int(stop * step + 0.5) + 1))


def _enlarged(
    planes: NDArray[np.float32], tile: Box, size: tuple[int, int], factor: int | None = None
) -> NDArray[np.float32]:
    """The part of an enlarged plane, or stack of planes, that a tile shows; bilinear.

    With `factor`, small pixel i covers exactly the pixels from i·factor on; without, the small
    plane is spread over the whole picture.
    """
    small = planes.shape[-2:]
    steps = (1 / factor, 1 / factor) if factor else (small[0] / size[0], small[1] / size[1])
    rows = span(tile.top, tile.bottom, small[0], steps[0])
    columns = span(tile.left, tile.right, small[1], steps[1])
    return sampled(planes, rows, columns)
