"""Boxes that show the same thing twice: greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.boxes import overlap_matrix

__all__ = ["overlaps", "suppress"]

Corners = NDArray[np.float32]

_ROWS = 64  # boxes that are compared with all worse ones at once


def overlaps(box: Corners, boxes: Corners) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) with others (n, 4); 0 where both are empty.

    Boxes are left, top, right, bottom; one whose right lies before its left is empty.
    """
    return overlap_matrix(box[None], boxes).reshape(-1)


def suppress(
    boxes: Corners, scores: NDArray[np.float32], classes: NDArray[np.intp], threshold: float
) -> NDArray[np.intp]:
    """The boxes that no better one of their class overlaps by more than a threshold.

    The best box is kept and strikes out what it overlaps, then the best of the rest, and so on.
    The work is that of one row of comparisons for each box that is kept, done for many at once.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,).
        classes: (n,); boxes of different classes leave each other alone.
        threshold: Intersection over union above which the worse one goes.

    Returns:
        Indices of the boxes that stay, best first; of equal scores the earlier one is the better.
    """
    rest = np.argsort(-scores, kind="stable")
    kept = [rest[:0]]
    while len(rest):
        best, rest_corners = rest[:_ROWS], boxes[rest]
        strikes = overlap_matrix(rest_corners[:_ROWS], rest_corners) > threshold
        strikes &= classes[best][:, None] == classes[rest]
        alive = np.ones(len(rest), np.bool_)
        for row, struck in enumerate(strikes):
            if alive[row]:
                alive[row + 1 :] &= ~struck[row + 1 :]
        kept.append(best[alive[:_ROWS]])
        rest = rest[_ROWS:][alive[_ROWS:]]
    return np.concatenate(kept)
