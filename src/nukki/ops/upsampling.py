"""An alpha enlarged along the picture's edges: local models of colour, applied to a finer picture.

The models are those of the guided filter with its smallest window, fitted on the small picture
(He & Sun 2015, "Fast Guided Filter", arXiv:1505.00996); Levin et al. 2008, section 5, go from
coarse to fine likewise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.bilinear import sampled, span
from nukki.ops.guided import guided_coefficients
from nukki.ops.tiles import each, tight_box, tile_boxes
from nukki.types import Alpha, Box, Mask, Pixels

__all__ = ["upsampled"]

SMOOTH = 1e-5  # colour variance under which a model is flat
RADIUS = 1
TILE = 256  # of the large picture
# Models look RADIUS far, their average as far again, and enlarging one pixel more.
REACH = 2 * RADIUS + 1


def upsampled(
    coarse: Alpha, small: Pixels, pixels: Pixels, wanted: Mask, step: float, *, threads: int = 1
) -> Alpha:
    """Enlarge an alpha where it is wanted.

    Args:
        coarse: (h, w) float32 in 0..1.
        small: (h, w, 3), the picture that it belongs to.
        pixels: (H, W, 3), the larger picture, of any depth.
        wanted: (H, W) bool.
        step: How many small pixels one large pixel spans, at most 1; both pictures begin at the
            same corner.
        threads: How many threads may work.

    Returns:
        (H, W) float32 in 0..1; 0 where it is not wanted.
    """
    height, width = wanted.shape
    result = np.zeros((height, width), np.float32)

    def work(tile: Box) -> None:
        box = tight_box(wanted[tile.slices()], tile)
        if box is None:
            return
        halo = Box(
            int(box.left * step), int(box.top * step), int(box.right * step), int(box.bottom * step)
        ).grown(REACH + 1, coarse.shape[0], coarse.shape[1])
        models = _models(coarse[halo.slices()], small[halo.slices()])
        rows = span(box.top, box.bottom, coarse.shape[0], step)
        columns = span(box.left, box.right, coarse.shape[1], step)
        model = sampled(
            models,
            (rows[0] - halo.top, rows[1] - halo.top, rows[2]),
            (columns[0] - halo.left, columns[1] - halo.left, columns[2]),
        )
        colours = _colours(pixels[box.slices()])
        colours *= model[:3]
        fitted = model[3]
        for channel in colours:
            fitted += channel
        np.clip(fitted, 0, 1, out=fitted)
        np.multiply(fitted, wanted[box.slices()], out=result[box.slices()])

    each(work, tile_boxes(height, width, TILE), threads)
    return result


def _models(coarse: Alpha, small: Pixels) -> NDArray[np.float32]:
    """The local models, (4, h, w)."""
    return guided_coefficients(
        np.ascontiguousarray(_colours(small)), coarse, np.ones_like(coarse), RADIUS, SMOOTH
    )


def _colours(pixels: Pixels) -> NDArray[np.float32]:
    """Planes (3, h, w) in 0..1."""
    planes = pixels.transpose(2, 0, 1).astype(np.float32)
    planes *= np.float32(1 / np.iinfo(pixels.dtype).max)
    return planes
