"""How well masks of several things agree with the truth: one by one, and all together.

With `detection_measures` they make COCO's average precision of masks: `overlap_with_crowds` of
`shared_pixels` in place of shared areas of boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.ops.metrics import iou
from nukki.ops.tiles import row_blocks
from nukki.types import Mask

__all__ = ["pixels_of", "shared_pixels", "union_iou"]


def pixels_of(masks: Sequence[Mask]) -> NDArray[np.float64]:
    """(n,) pixels of each mask."""
    return np.array([np.count_nonzero(mask) for mask in masks], np.float64)


def shared_pixels(masks: Sequence[Mask], truths: Sequence[Mask]) -> NDArray[np.float64]:
    """(n, m) pixels that each of n masks shares with each of m others, all of one size."""
    shared = np.zeros((len(masks), len(truths)), np.float64)
    if not shared.size:
        return shared
    # A block of rows is small enough for sums in float32 to be exact.
    for rows in row_blocks(*masks[0].shape):
        one, other = (
            np.stack([mask[rows].ravel() for mask in group]).astype(np.float32)
            for group in (masks, truths)
        )
        shared += one @ other.T
    return shared


def union_iou(
    masks: Sequence[Mask], truths: Sequence[Mask], passed: Mask | None = None
) -> float | None:
    """Intersection over union of everything that was found with everything that is there.

    Whether all people are cut out and nothing else, however they were told apart.

    Args:
        masks: What was found, (H, W) bool each.
        truths: What is there, likewise.
        passed: Pixels that count for nothing: crowds that nobody drew one by one.

    Returns:
        0 to 1; None where nothing is there and nothing was found.
    """
    if not masks and not truths:
        return None
    size = (masks or truths)[0].shape
    found, there = (_union(group, size) for group in (masks, truths))
    if passed is not None:
        counted = ~passed | there
        found, there = found & counted, there & counted
    return iou(found, there) if found.any() or there.any() else None


def _union(masks: Sequence[Mask], size: tuple[int, ...]) -> Mask:
    whole = np.zeros(size, np.bool_)
    for mask in masks:
        whole |= mask
    return whole
