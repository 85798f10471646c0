"""Boxes that show the same thing twice: greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["overlaps", "suppress"]

Corners = NDArray[np.float32]


def overlaps(box: Corners, boxes: Corners) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) with others (n, 4); 0 where both are empty.

    Boxes are left, top, right, bottom; one whose right lies before its left is empty.
    """
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    one = np.prod(np.maximum(box[2:] - box[:2], 0))
    each = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    union = one + each - shared
    result = np.zeros(len(boxes), np.float32)
    np.divide(shared, union, out=result, where=union > 0)
    return result


def suppress(
    boxes: Corners, scores: NDArray[np.float32], classes: NDArray[np.intp], threshold: float
) -> NDArray[np.intp]:
    """The boxes that no better one of their class overlaps by more than a threshold.

    The best box is kept and strikes out what it overlaps, then the best of the rest, and so on.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,).
        classes: (n,); boxes of different classes leave each other alone.
        threshold: Intersection over union above which the worse one goes.

    Returns:
        Indices of the boxes that stay, best first; of equal scores the earlier one is the better.
    """
    order = np.argsort(-scores, kind="stable")
    alive = np.ones(len(boxes), np.bool_)
    kept = []
    for index in order:
        if alive[index]:
            kept.append(index)
            alive &= (classes != classes[index]) | (overlaps(boxes[index], boxes) <= threshold)
    return np.array(kept, np.intp)
