"""Boxes that a detector found: corners, scores and classes as three arrays of one length.

Corners are left, top, right and bottom: edges in pixels of the picture and parts of them, so that a
box over all of it is (0, 0, W, H).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError

__all__ = ["Boxes", "areas", "joined", "no_boxes", "overlap_matrix", "shared_matrix"]

Corners = NDArray[np.float32]
Index = NDArray[np.intp] | NDArray[np.bool_] | slice


@dataclass(frozen=True, eq=False)
class Boxes:
    """What was found in a picture.

    Attributes:
        corners: (n, 4) float32: left, top, right, bottom.
        scores: (n,) float32, 0 to 1.
        classes: (n,) intp, numbers of the network's labels.
    """

    corners: Corners
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]

    def __post_init__(self) -> None:
        count = len(self.corners)
        shapes = self.corners.shape, self.scores.shape, self.classes.shape
        if shapes != ((count, 4), (count,), (count,)):
            message = f"`Boxes` must be of shapes (n, 4), (n,) and (n,), got {shapes}"
            raise InputError(message, hint="give each box one score and one class")

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def areas(self) -> NDArray[np.float32]:
        """(n,) float32, square pixels."""
        return areas(self.corners)

    def chosen(self, which: Index) -> Boxes:
        """Some of them: by numbers (in their order), by a mask or by a slice."""
        return Boxes(self.corners[which], self.scores[which], self.classes[which])

    def scaled(self, across: float, down: float) -> Boxes:
        """The same boxes in a picture that is `across` times as wide and `down` as high."""
        factors = np.array([across, down, across, down], np.float32)
        return Boxes(self.corners * factors, self.scores, self.classes)

    def moved(self, right: float, down: float) -> Boxes:
        """The same boxes, shifted: from a part's pixels to the whole's."""
        shift = np.array([right, down, right, down], np.float32)
        return Boxes(self.corners + shift, self.scores, self.classes)

    def clipped(self, height: int, width: int) -> Boxes:
        """The parts that lie in a (height, width) picture; boxes without any are left out."""
        limits = np.array([width, height, width, height], np.float32)
        corners = np.clip(self.corners, 0, limits)
        there = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        return Boxes(corners[there], self.scores[there], self.classes[there])

    def order(self) -> NDArray[np.intp]:
        """Numbers of the boxes, the surest first; equally sure ones by top, left, class and size.

        The order in which the boxes came does not matter but where two are equal in everything.
        """
        left, top, right, bottom = self.corners.T
        return np.lexsort((right, bottom, self.classes, left, top, -self.scores))

    def in_order(self) -> Boxes:
        """The boxes in their `order`."""
        return self.chosen(self.order())


def no_boxes() -> Boxes:
    """Boxes without one."""
    return Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))


def joined(many: Iterable[Boxes]) -> Boxes:
    """All boxes of several answers, one after the other."""
    parts = [no_boxes(), *many]
    return Boxes(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
    )


def areas(corners: Corners) -> NDArray[np.float32]:
    """(n,) areas of (n, 4) boxes; 0 for one whose right lies before its left."""
    return np.asarray(np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1), np.float32)


def shared_matrix(first: Corners, second: Corners) -> NDArray[np.float32]:
    """(n, m) areas that n boxes share with m others."""
    one, other = first.T[:, :, None], second.T[:, None, :]
    across = np.minimum(one[2], other[2])
    across -= np.maximum(one[0], other[0])
    down = np.minimum(one[3], other[3])
    down -= np.maximum(one[1], other[1])
    np.maximum(across, 0, out=across)
    np.maximum(down, 0, out=down)
    across *= down
    return np.asarray(across, np.float32)


def overlap_matrix(first: Corners, second: Corners) -> NDArray[np.float32]:
    """(n, m) intersection over union of n boxes with m others; 0 where both are empty."""
    shared = shared_matrix(first, second)
    union = areas(first)[:, None] + areas(second)[None, :]
    union -= shared
    np.divide(shared, union, out=shared, where=union > 0)
    shared[union <= 0] = 0
    return shared
