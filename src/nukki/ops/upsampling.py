"""An alpha enlarged along the picture's edges: local models of colour, applied to a finer picture.

The models are those of the guided filter with its smallest window, fitted on the small picture
(He & Sun 2015, "Fast Guided Filter", arXiv:1505.00996); Levin et al. 2008, section 5, go from
coarse to fine likewise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.bilinear import magnified, sampled, span
from nukki.ops.guided import fitted_alpha, guided_coefficients, scaled
from nukki.ops.tiles import each, tight_box, tile_boxes
from nukki.ops.trimap import FOREGROUND, UNKNOWN
from nukki.types import Alpha, Box, Pixels, Trimap

__all__ = ["upsampled"]

SMOOTH = 1e-5  # colour variance under which a model is flat
RADIUS = 1
FITTED = 128  # pixels of the small picture whose models are fitted at once
TILE = 256  # of the large picture: larger ones leave the caches, threads wait at smaller ones
# Models look RADIUS far, their average as far again, and enlarging one pixel more.
REACH = 2 * RADIUS + 1
WHOLE = 1e-9  # rounding of a whole factor


def upsampled(
    coarse: Alpha,
    small: Pixels,
    pixels: Pixels,
    trimap: Trimap,
    step: float,
    *,
    clear: float = 0.0,
    threads: int = 1,
) -> Alpha:
    """Enlarge an alpha where it is unknown.

    Args:
        coarse: (h, w) float32 in 0..1.
        small: (h, w, 3), the picture that it belongs to.
        pixels: (H, W, 3), the larger picture, of any depth.
        trimap: (H, W) uint8: 0, 128, 255.
        step: How many small pixels one large pixel spans, at most 1; both pictures begin at the
            same corner.
        clear: Alphas up to this become 0, and as near to 1 they become 1, linear between.
        threads: How many threads may work.

    Returns:
        (H, W) float32 in 0..1, exactly 0 and 1 where the trimap is 0 and 255.
    """
    height, width = trimap.shape
    result = np.empty((height, width), np.float32)

    def work(tile: Box) -> None:
        np.copyto(result[tile.slices()], trimap[tile.slices()] == FOREGROUND)
        unknown = trimap[tile.slices()] == UNKNOWN
        box = tight_box(unknown, tile)
        if box is None:
            return
        halo = _seen(box, step).grown(REACH + 1, coarse.shape[0], coarse.shape[1])
        models = _models(coarse[halo.slices()], small[halo.slices()], clear)
        for part in tile_boxes(tile.height, tile.width, TILE):
            here = tight_box(unknown[part.slices()], part.moved(tile.left, tile.top))
            if here is not None:
                fitted = _applied(models, halo, pixels[here.slices()], here, step, coarse.shape)
                where = trimap[here.slices()] == UNKNOWN
                np.copyto(result[here.slices()], fitted, where=where)

    each(work, tile_boxes(height, width, round(FITTED / step)), threads)
    return result


def _seen(box: Box, step: float) -> Box:
    """What a box of the large picture is in the small one."""
    sides = (box.left, box.top, box.right, box.bottom)
    return Box(*(int(side * step) for side in sides))


def _models(coarse: Alpha, small: Pixels, clear: float) -> NDArray[np.float32]:
    """The local models, (4, h, w)."""
    models = guided_coefficients(scaled(small), coarse, np.ones_like(coarse), RADIUS, SMOOTH)
    if clear:
        models[3] -= clear
        models *= np.float32(1 / (1 - 2 * clear))
    return models


def _applied(
    models: NDArray[np.float32],
    halo: Box,
    pixels: Pixels,
    box: Box,
    step: float,
    size: tuple[int, ...],
) -> Alpha:
    """What the models of a part of the small picture make of a box of the large one, clipped."""
    factor = round(1 / step)
    if abs(factor * step - 1) < WHOLE:
        model = magnified(models, factor, box.moved(-factor * halo.left, -factor * halo.top))
    else:
        rows = span(box.top, box.bottom, size[0], step)
        columns = span(box.left, box.right, size[1], step)
        model = sampled(
            models,
            (rows[0] - halo.top, rows[1] - halo.top, rows[2]),
            (columns[0] - halo.left, columns[1] - halo.left, columns[2]),
        )
    return fitted_alpha(model, pixels)
