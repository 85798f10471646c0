"""The people and things of a photo by our own two networks: boxes, then a mask in each.

photo --detect--> boxes --pick--> a mask and its likely IoU in each --> doubles out
      --> edges along the photo --> every pixel given to its owners --> segments
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import quantise
from nukki.ops.bilinear import places, sampled
from nukki.ops.boxes import Boxes
from nukki.ops.crops import frame_around, pixel_frame
from nukki.ops.grid import enlarge
from nukki.ops.partition import Claim, settled
from nukki.ops.refine import Refinement, refine
from nukki.ops.segments import Segment, in_order, soft_segment_of
from nukki.pipelines.holding import HELD, PERSON, RIDDEN
from nukki.tasks.picking import Answer, Picking, Question
from nukki.types import RGB8, Box
from nukki.zoo.cards import ModelCard

__all__ = ["Found", "OwnFinder", "doubles", "joint_score"]

_MOST = 100  # boxes that are looked at, the surest
_MOST_AROUND = 24  # people, and things that they may hold, where only these are asked for
_HELD = 0.4  # what the detector must give such a thing's box
_LEAST = 0.3  # from this score on things count, in a photo of doubtful ones
_BESIDE = 0.5  # of the mean score of a photo's things: what is less sure does not count
_SLOPE, _CENTRE = 14.0, 0.64  # how often masks were right, by what both networks said of them
_SIDE = 384  # longer side of the grid on which masks are compared
_SAME = 0.65  # IoU of two masks of one class above which they show the same thing
_SAME_THING = 0.8  # and of two classes: a cat that may be a dog
_INSIDE = 0.85  # share of a mask that lies in another of its class: a part of it, or a double


class Detector(Protocol):
    """What finds boxes: `pipelines.looking.Looking`, or anything like it."""

    @property
    def card(self) -> ModelCard:
        """What the network is."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """The label of each class number."""
        ...

    def find(self, image: RGB8) -> Boxes:
        """The things of a photo, the surest first."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """A thing before its edges are drawn.

    Attributes:
        label: What it is.
        score: 0 to 1.
        corners: The detector's box.
        answer: Its mask in its frame.
    """

    label: str
    score: float
    corners: tuple[float, float, float, float]
    answer: Answer


class OwnFinder:
    """`detect` and `pick` together; a `pipelines.segment.Finder`.

    Args:
        detector: Finds boxes.
        picker: Finds the thing in a box.
        threads: How many threads the steps after the networks may use.
    """

    def __init__(self, detector: Detector, picker: Picking, *, threads: int = 1) -> None:
        self.detector = detector
        self.picker = picker
        self.threads = threads

    @property
    def card(self) -> ModelCard:
        """What the detector is."""
        return self.detector.card

    @property
    def labels(self) -> Sequence[str]:
        """What can be found; empty texts stand for no thing."""
        return self.detector.labels

    def threshold(self, scores: Sequence[float]) -> float:
        """From which score on things count, given the scores of a photo's things.

        What is much less sure than the photo's things are on average counts no more: among things
        that are seen well a doubtful one is likelier a wrong one. So it is half of the mean of the
        scores of .3 and more, and never less than .3. The card's `classes.min_score` is for the
        detector's own scores, which are none of these.

        Args:
            scores: Of all that was found; may be empty.
        """
        sure = [score for score in scores if score >= _LEAST]
        return max(_LEAST, _BESIDE * float(np.mean(sure))) if sure else _LEAST

    def predict(self, image: RGB8, *, min_score: float = 0.0) -> list[Segment]:
        """The things of a photo, the surest first; no pixel is given twice.

        Args:
            image: (H, W, 3) uint8, sRGB.
            min_score: Leave out what is less sure.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If an output is not that of its card, or not finite.
        """
        boxes = self.detector.find(image)
        sure = np.flatnonzero(boxes.scores >= _least_box(min_score))
        return self._drawn(image, boxes.chosen(sure[:_MOST]), min_score)

    def around_people(self, image: RGB8, *, min_score: float = 0.0) -> list[Segment]:
        """People and what they may hold or ride; nothing, and at once, where there are no people.

        Args:
            image: (H, W, 3) uint8, sRGB.
            min_score: Leave out people who are less sure.

        Returns:
            As `predict`, but with the network's own edges.

        Raises:
            InputError, ModelOutputError: As `predict`.
        """
        boxes = self.detector.find(image)
        labels = np.array([*self.labels, ""])[boxes.classes]
        likely = (labels == PERSON) & (boxes.scores >= _least_box(min_score))
        people = np.flatnonzero(likely)[:_MOST_AROUND]
        if not len(people):
            return []
        things = np.isin(labels, [*HELD, *RIDDEN]) & (boxes.scores >= _HELD)
        chosen = np.union1d(people, np.flatnonzero(things)[:_MOST_AROUND])
        return self._drawn(image, boxes.chosen(chosen), min_score, edges=False)

    def _drawn(
        self, image: RGB8, boxes: Boxes, min_score: float, *, edges: bool = True
    ) -> list[Segment]:
        """What the boxes show, every pixel given once."""
        size = image.shape[0], image.shape[1]
        found = self._found(image, boxes, min_score)
        claims = [self._claim(image, one, edges=edges) for one in found]
        segments = [
            soft_segment_of(
                levels, claim.box, size, label=one.label, score=one.score, corners=one.corners
            )
            for one, claim, levels in zip(found, claims, settled(claims, size), strict=True)
        ]
        return in_order(one for one in segments if one is not None)

    def _found(self, image: RGB8, boxes: Boxes, min_score: float) -> list[Found]:
        """Boxes with masks, less the doubles."""
        size = image.shape[0], image.shape[1]
        if not len(boxes):
            return []
        corners = [tuple(float(edge) for edge in row) for row in boxes.corners]
        frames = [pixel_frame(frame_around(box, size), size) for box in corners]
        answers = self.picker.look(image, frames).ask([Question(box=box) for box in corners])
        found = [
            Found(
                self.labels[int(number)],
                joint_score(float(score), answer.score),
                (box[0], box[1], box[2], box[3]),
                answer,
            )
            for box, number, score, answer in zip(
                corners, boxes.classes, boxes.scores, answers, strict=True
            )
        ]
        sure = [one for one in found if one.score >= min_score and one.answer.alpha.max() >= 0.5]
        return doubles(sure, size)

    def _claim(self, image: RGB8, one: Found, *, edges: bool) -> Claim:
        """Its alpha in its frame, along the photo's edges if that is wished."""
        left, top, right, bottom = (int(edge) for edge in one.answer.frame)
        box = Box(left, top, right, bottom)
        if not edges:
            alpha = enlarge(one.answer.alpha, box.height, box.width)
            return Claim(box, quantise(alpha), max(one.score, 1e-3))
        pixels = np.ascontiguousarray(image[box.slices()])
        alpha = refine(pixels, one.answer.alpha, Refinement(), threads=self.threads)
        return Claim(box, quantise(alpha), max(one.score, 1e-3))


def joint_score(box: float, mask: float) -> float:
    """How sure a thing is: the share of masks that were right where both networks said as much.

    The geometric mean of what detector and mask say of themselves orders masks well and flatters
    the doubtful ones; a logistic curve makes it a probability (Platt 1999, "Probabilistic Outputs
    for Support Vector Machines"). Its two numbers are those of `detect` and `pick` on photos that
    neither was trained on (docs/people.md).

    Args:
        box: The detector's score, 0 to 1.
        mask: The IoU that is expected of the mask, 0 to 1.
    """
    mean = math.sqrt(max(box, 0.0) * max(mask, 0.0))
    return 1 / (1 + math.exp(-_SLOPE * (mean - _CENTRE)))


def _least_box(score: float) -> float:
    """What the detector must give a box that comes to that score with a mask as good as can be."""
    if score <= joint_score(0, 0):
        return 0.0
    if score >= joint_score(1, 1):
        return 1.0
    return (_CENTRE + math.log(score / (1 - score)) / _SLOPE) ** 2


def doubles(found: Sequence[Found], size: tuple[int, int]) -> list[Found]:
    """The things less those that show what a surer one shows, or a part of it.

    Args:
        found: With masks, on frames of any size.
        size: (height, width) of the photo.

    Returns:
        Those that stay, the surest first; of equally sure ones the upper, then the left one.
    """
    order = sorted(found, key=_rank)
    if not order:
        return []
    masks = _small_masks(order, size)
    kept: list[int] = []
    for place, one in enumerate(order):
        if not any(
            _is_double(masks[place], masks[other], same=one.label == order[other].label)
            for other in kept
        ):
            kept.append(place)
    return [order[place] for place in kept]


def _rank(one: Found) -> tuple[float | str, ...]:
    """The surest first; of equally sure ones by place, name and size: two never stand alike."""
    left, top, right, bottom = one.corners
    return -one.score, top, left, one.label, bottom, right


@dataclass(frozen=True, eq=False)
class _Small:
    """A mask on a coarse grid of the photo."""

    box: Box
    inside: NDArray[np.bool_]
    area: int


def _is_double(one: _Small, other: _Small, *, same: bool) -> bool:
    """Whether a mask shows what a surer one, `same` if of its class, shows, or a part of it."""
    meeting = one.box.within(other.box)
    if meeting.width <= 0 or meeting.height <= 0:
        return False
    parts = (
        each.inside[
            meeting.top - each.box.top : meeting.bottom - each.box.top,
            meeting.left - each.box.left : meeting.right - each.box.left,
        ]
        for each in (one, other)
    )
    shared = int(np.count_nonzero(np.logical_and(*parts)))
    if not shared:
        return False
    if shared > (_SAME if same else _SAME_THING) * (one.area + other.area - shared):
        return True
    return same and shared > _INSIDE * min(one.area, other.area)


def _small_masks(found: Sequence[Found], size: tuple[int, int]) -> list[_Small]:
    """The masks on one grid, each within its frame."""
    step = max(1.0, max(size) / _SIDE)
    height, width = max(1, round(size[0] / step)), max(1, round(size[1] / step))
    scale_x, scale_y = width / size[1], height / size[0]
    masks = []
    for one in found:
        left, top, right, bottom = one.answer.frame
        box = Box(
            min(math.floor(left * scale_x), width - 1),
            min(math.floor(top * scale_y), height - 1),
            min(max(math.ceil(right * scale_x), 1), width),
            min(max(math.ceil(bottom * scale_y), 1), height),
        )
        grid_h, grid_w = one.answer.alpha.shape
        xs, ys = np.arange(box.left, box.right), np.arange(box.top, box.bottom)
        columns = ((xs + 0.5) / scale_x - left) * grid_w / (right - left) - 0.5
        rows = ((ys + 0.5) / scale_y - top) * grid_h / (bottom - top) - 0.5
        values = sampled(one.answer.alpha, places(rows, grid_h), places(columns, grid_w))
        inside = values >= np.float32(0.5)
        masks.append(_Small(box, inside, int(np.count_nonzero(inside))))
    return masks
