"""Boxes of several looks at one picture made into one answer: weighted boxes fusion.

Solovyev, Wang and Gabruseva (2021, "Weighted boxes fusion: ensembling boxes from different object
detection models", Image and Vision Computing 107, arXiv 1910.13302). Unlike suppression, which
keeps one of several boxes, it averages them, so that what many looks see well lies where they say
on average, and what a single one saw is worth little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.boxes import Boxes, joined, no_boxes, overlap_matrix

__all__ = ["fuse"]


def fuse(looks: Sequence[Boxes], *, overlap: float = 0.55) -> tuple[Boxes, NDArray[np.intp]]:
    """Boxes that show the same thing in several looks, as one.

    From the surest box on, each joins the group of its class whose mean it overlaps most, if by
    more than `overlap`, else it founds one. A group's corners are the mean of its boxes', weighted
    by their scores, taken anew with every box; its score is the sum of their scores over the number
    of looks. Here a look has at most one box in a group, unlike in the paper, where a second one
    of the same network would join: two people side by side are two however close they stand.

    Args:
        looks: What each look found, in pixels of one picture.
        overlap: Intersection over union from which on boxes are of one thing, 0 to 1.

    Returns:
        The groups, surest first, and how many looks each was seen in, (n,) intp.

    Raises:
        InputError: If there is no look, or `overlap` is not between 0 and 1.
    """
    if not looks or not 0 < overlap < 1:
        message = f"`looks` must be some and `overlap` between 0 and 1, got {len(looks)}, {overlap}"
        raise InputError(message)
    boxes = joined(looks)
    if not len(boxes):
        return no_boxes(), np.empty(0, np.intp)
    look = np.repeat(np.arange(len(looks)), [len(one) for one in looks])
    order = np.argsort(-boxes.scores, kind="stable")
    groups = _Groups(len(boxes), len(looks))
    for place in order:
        groups.take(
            boxes.corners[place], boxes.scores[place], boxes.classes[place], look[place], overlap
        )
    fused, counts = groups.result(len(looks))
    best = np.argsort(-fused.scores, kind="stable")
    return fused.chosen(best), counts[best]


class _Groups:
    """Groups of boxes on their way: means, and who is in them."""

    def __init__(self, most: int, looks: int) -> None:
        self.count = 0
        self.corners = np.zeros((most, 4), np.float32)
        self.classes = np.zeros(most, np.intp)
        self.weights = np.zeros(most, np.float64)  # sums of scores
        self.sums = np.zeros((most, 4), np.float64)  # of corners times scores
        self.seen = np.zeros((most, looks), np.bool_)

    def take(
        self,
        corners: NDArray[np.float32],
        score: np.float32,
        label: np.intp,
        look: np.intp,
        overlap: float,
    ) -> None:
        """Add a box to the group it belongs to, or to a new one."""
        count = self.count
        shared = overlap_matrix(corners[None], self.corners[:count])[0]
        shared[(self.classes[:count] != label) | self.seen[:count, look]] = 0
        place = int(shared.argmax()) if count else 0
        if not count or shared[place] <= overlap:
            place = count
            self.count += 1
            self.classes[place] = label
        # A box that is worth nothing still has corners.
        weight = max(float(score), 1e-6)
        self.weights[place] += weight
        self.sums[place] += weight * corners.astype(np.float64)
        self.corners[place] = self.sums[place] / self.weights[place]
        self.seen[place, look] = True

    def result(self, looks: int) -> tuple[Boxes, NDArray[np.intp]]:
        """The groups in the order in which they were founded, and in how many looks each is."""
        scores = np.minimum(self.weights[: self.count] / looks, 1).astype(np.float32)
        boxes = Boxes(self.corners[: self.count], scores, self.classes[: self.count])
        return boxes, self.seen[: self.count].sum(axis=1).astype(np.intp)
