"""What teachers see in a photo: several looks by published detectors, fused into one answer.

What at least two looks saw, and surely, is a thing; what is less sure is to be passed over, so that
a network is neither taught that it is there nor that it is not. Teachers that see people too large
for them see parts of them as people of their own; what is known of a photo corrects them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nukki.ops.boxes import Boxes, joined, overlap_matrix, shared_matrix
from nukki.ops.fusion import fuse
from nukki.train.things import Corners
from nukki.types import RGB8

__all__ = ["Finder", "Look", "Rules", "found_by", "with_known"]

# Of a part: how much its extent and that of the whole overlap, to both sides or up and down.
_ALIKE = 0.7
# Of a box that is known: intersection over union of a teacher's box that means the same thing; how
# much of another lies in it that is a part of it; and how small and how narrow that may be.
_MEANT, _WITHIN, _SMALL, _NARROW = 0.5, 0.8, 0.15, 0.5

Flags = NDArray[np.bool_]


class Finder(Protocol):
    """A detector (see `tasks.detection`)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each class number."""
        ...

    def find(self, image: RGB8, *, size: int | None = None) -> Boxes:
        """The boxes of a photo (H, W, 3) uint8 that is brought to a longer side of `size`."""
        ...


@dataclass(frozen=True, eq=False)
class Look:
    """One way of looking at a photo.

    Attributes:
        finder: The detector.
        name: Of its file, for the record.
        digest: The sha256 of that file.
        size: The longer side that the photo is brought to; None is the detector's own.
        mirrored: Whether it sees the mirror picture.
    """

    finder: Finder
    name: str
    digest: str = ""
    size: int | None = None
    mirrored: bool = False

    def find(self, image: RGB8) -> Boxes:
        """What is found, in the photo's own pixels."""
        if not self.mirrored:
            return self.finder.find(image, size=self.size)
        found = self.finder.find(np.ascontiguousarray(image[:, ::-1]), size=self.size)
        left, top, right, bottom = found.corners.T
        width = np.float32(image.shape[1])
        corners = np.stack([width - right, top, width - left, bottom], axis=1)
        return Boxes(corners, found.scores, found.classes)

    def record(self) -> dict[str, Any]:
        """What it is, in a record."""
        return {
            "teacher": self.name,
            "sha256": self.digest,
            "size": self.size,
            "mirrored": self.mirrored,
        }


@dataclass(frozen=True)
class Rules:
    """What becomes of a fused box.

    Attributes:
        keep: The least score of a thing.
        doubt: The least score of what is passed over; what is less sure is nothing.
        agree: In how many looks a thing must have been seen.
        overlap: Intersection over union from which on boxes of several looks are of one thing.
        same: Likewise, of boxes of different classes: the less sure one is not told.
        part: How much of a box may lie in a larger one of its class that reaches about as far to
            left and right, or up and down: beyond that it is a part of that thing.
        enlarge: A look that would enlarge the photo more than that is left out, where others stay.
    """

    keep: float = 0.35
    doubt: float = 0.18
    agree: int = 2
    overlap: float = 0.55
    same: float = 0.75
    part: float = 0.85
    enlarge: float = 1.75


def found_by(image: RGB8, looks: Sequence[Look], rules: Rules) -> tuple[Boxes, Flags]:
    """What the looks agree on.

    Args:
        image: (H, W, 3) uint8.
        looks: At least as many as must agree.
        rules: See `Rules`.

    Returns:
        Boxes within the photo, the surest first, and which of them are things, (n,) bool; the
        others are to be passed over.

    Raises:
        NukkiError: What a detector raises.
    """
    longest = max(image.shape[:2])
    fitting = [look for look in looks if look.size is None or look.size <= rules.enlarge * longest]
    used = fitting if len(fitting) >= rules.agree else looks
    seen = [look.find(image) for look in used]
    # What is less sure than this adds little to a mean, and is most of what detectors say.
    worth = [found.chosen(found.scores >= rules.doubt / 2) for found in seen]
    fused, counts = fuse(worth, overlap=rules.overlap)
    told = fused.scores >= rules.doubt
    boxes, counts = fused.chosen(told), counts[told]
    things = (boxes.scores >= rules.keep) & (counts >= rules.agree)
    kept = ~_doubles(boxes, rules)
    boxes, things = boxes.chosen(kept), things[kept]
    things &= ~_parts(boxes, things, rules)
    return boxes, things


def _doubles(boxes: Boxes, rules: Rules) -> Flags:
    """Which boxes lie where a surer one of another class does; the surest come first."""
    unions = overlap_matrix(boxes.corners, boxes.corners)
    doubles = np.zeros(len(boxes), np.bool_)
    for place in range(len(boxes)):
        others = (boxes.classes != boxes.classes[place]) & ~doubles
        others[place:] = False
        doubles[place] = (others & (unions[place] > rules.same)).any()
    return doubles


def _parts(boxes: Boxes, things: Flags, rules: Rules) -> Flags:
    """Which boxes are but a part of a larger thing of their class."""
    corners, areas = boxes.corners, boxes.areas
    inside = shared_matrix(corners, corners) > rules.part * areas[:, None]
    larger = areas[None, :] > areas[:, None] / rules.part
    mates = boxes.classes[:, None] == boxes.classes[None, :]
    alike = (_alike(corners, corners, 0) > _ALIKE) | (_alike(corners, corners, 1) > _ALIKE)
    return np.asarray((inside & larger & mates & alike & things[None, :]).any(axis=1), np.bool_)


def _alike(
    first: NDArray[np.float32], second: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """(n, m) intersection over union of the extents, left and right (0) or up and down (1)."""
    low, high = first[:, None, axis], first[:, None, axis + 2]
    other_low, other_high = second[None, :, axis], second[None, :, axis + 2]
    shared = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0)
    union = np.maximum(high, other_high) - np.minimum(low, other_low)
    return np.asarray(shared / np.maximum(union, np.float32(1e-6)), np.float32)


def with_known(boxes: Boxes, things: Flags, box: Corners, label: int) -> tuple[Boxes, Flags]:
    """The answer with a thing whose box is known, in place of all that shows it or parts of it.

    Nothing changes where no teacher's box means it, or where several narrow ones lie in it: then
    what is known is the outline of a group.

    Args:
        boxes: The answer.
        things: Which of them are things.
        box: Left, top, right, bottom of the known thing.
        label: Its class number.
    """
    known = np.array([box], np.float32)
    mates = boxes.classes == label
    meant = mates & (overlap_matrix(boxes.corners, known)[:, 0] >= _MEANT)
    if not meant.any():
        return boxes, things
    area = np.float32((box[2] - box[0]) * (box[3] - box[1]))
    within = shared_matrix(boxes.corners, known)[:, 0] > _WITHIN * boxes.areas
    large = boxes.areas > _SMALL * area
    narrow = _alike(boxes.corners, known, 0)[:, 0] < _NARROW
    if (mates & things & within & large & narrow).sum() > 1:
        return boxes, things
    kept = ~(meant | (mates & within & large))
    one = Boxes(known, np.ones(1, np.float32), np.array([label], np.intp))
    return joined([one, boxes.chosen(kept)]), np.concatenate([[True], things[kept]])
