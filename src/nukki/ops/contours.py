"""Boundary F: whether a mask's contour lies where the truth's does, give or take a little.

Martin, Fowlkes & Malik, PAMI 2004, in the form of the DAVIS benchmark (Perazzi et al., "A benchmark
dataset and evaluation methodology for video object segmentation", CVPR 2016): contour pixels count
as right within .008 of the picture's diagonal. Instead of pairing pixels one to one, each contour
is held against the other one grown by a disc.
"""

from __future__ import annotations

import math

import numpy as np

from nukki.types import Mask

__all__ = ["TOLERANCE", "boundary_f", "contour", "within"]

TOLERANCE = 0.008  # of the diagonal


def boundary_f(
    mask: Mask, truth: Mask, *, tolerance: float = TOLERANCE, beta2: float = 1.0
) -> float:
    """F of the precision and recall of contour pixels, 0..1.

    Without a contour in either (both empty, or both the whole picture) 1; in one of them only 0.

    Args:
        mask: (H, W) bool.
        truth: Likewise.
        tolerance: Share of the diagonal, rounded up to whole pixels.
        beta2: β², the weight of recall; 1 as in DAVIS.
    """
    reach = math.ceil(tolerance * math.hypot(*mask.shape))
    found, wanted = contour(mask), contour(truth)
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    precision = np.count_nonzero(found & within(wanted, reach)) / np.count_nonzero(found)
    recall = np.count_nonzero(wanted & within(found, reach)) / np.count_nonzero(wanted)
    if precision == recall == 0:
        return 0.0
    return float((1 + beta2) * precision * recall / (beta2 * precision + recall))


def contour(mask: Mask) -> Mask:
    """The mask's pixels with a neighbour above, below, left or right that is outside it.

    The picture's rim is no outside: a subject that is cut off there has no contour there.
    """
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return mask & ~inner


def within(mask: Mask, reach: int) -> Mask:
    """Pixels whose centres lie at most `reach` pixels from one of the mask's: a disc's dilation."""
    height = len(mask)
    beside = _along_rows(mask)
    result = np.zeros_like(mask)
    for offset in range(min(reach, height - 1) + 1):
        near = beside <= math.isqrt(reach * reach - offset * offset)
        result[offset:] |= near[: height - offset]
        result[: height - offset] |= near[offset:]
    return result


def _along_rows(mask: Mask) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Distance to the nearest True pixel of the row; farther than the row is wide without one."""
    width = mask.shape[1]
    place = np.arange(width, dtype=np.int32)
    far = np.int32(3 * width)
    left = np.maximum.accumulate(np.where(mask, place, -far), axis=1)
    right = np.minimum.accumulate(np.where(mask, place, far)[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(place - left, right - place)
