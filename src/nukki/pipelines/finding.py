"""The people and things of a photo by our own two networks: boxes, then a mask in each.

photo --detect--> boxes --pick--> a mask and its likely IoU in each --> doubles out
      --> edges along the photo --> every pixel given to its owners --> segments
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import quantise
from nukki.ops.bilinear import places, sampled
from nukki.ops.boxes import Boxes
from nukki.ops.crops import frame_around, pixel_frame
from nukki.ops.partition import Claim, settled
from nukki.ops.refine import Refinement, refine
from nukki.ops.segments import Segment, in_order, soft_segment_of
from nukki.pipelines.holding import HELD, PERSON, RIDDEN
from nukki.tasks.picking import Answer, Picking, Question
from nukki.types import RGB8, Box, ClassSpec
from nukki.zoo.cards import ModelCard

__all__ = ["Found", "OwnFinder", "doubles", "joint_score"]

_MOST = 100  # boxes that are looked at, the surest
_MOST_AROUND = 40  # and where only people and what they hold are asked for
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

        What is half as sure as the photo's things are on average counts no more: among things that
        are seen well a doubtful one is likelier a wrong one. So it is half the mean of the scores
        from the card's least one on, and never less than that.

        Args:
            scores: Of all that was found; may be empty.
        """
        least = (self.card.classes or ClassSpec(())).min_score
        sure = [score for score in scores if score >= least]
        return max(least, 0.5 * float(np.mean(sure))) if sure else least

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
        sure = np.flatnonzero(boxes.scores >= min_score)
        return self._drawn(image, boxes.chosen(sure[:_MOST]), min_score)

    def around_people(self, image: RGB8, *, min_score: float = 0.0) -> list[Segment]:
        """People and what they may hold or ride; nothing, and at once, where there are no people.

        Args:
            image: (H, W, 3) uint8, sRGB.
            min_score: Leave out what is less sure.

        Raises:
            InputError, ModelOutputError: As `predict`.
        """
        boxes = self.detector.find(image)
        labels = np.array([*self.labels, ""])[boxes.classes]
        sure = boxes.scores >= min_score
        if not (sure & (labels == PERSON)).any():
            return []
        near = np.flatnonzero(sure & np.isin(labels, [PERSON, *HELD, *RIDDEN]))
        return self._drawn(image, boxes.chosen(near[:_MOST_AROUND]), min_score)

    def _drawn(self, image: RGB8, boxes: Boxes, min_score: float) -> list[Segment]:
        """What the boxes show, with edges, every pixel given once."""
        size = image.shape[0], image.shape[1]
        found = self._found(image, boxes, min_score)
        claims = [self._claim(image, one) for one in found]
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

    def _claim(self, image: RGB8, one: Found) -> Claim:
        """Its alpha along the photo's edges, in its frame."""
        left, top, right, bottom = (int(edge) for edge in one.answer.frame)
        box = Box(left, top, right, bottom)
        pixels = np.ascontiguousarray(image[box.slices()])
        alpha = refine(pixels, one.answer.alpha, Refinement(), threads=self.threads)
        return Claim(box, quantise(alpha), max(one.score, 1e-3))


def joint_score(box: float, mask: float) -> float:
    """How sure a thing is: the geometric mean of what detector and mask say of themselves."""
    return float(np.sqrt(max(box, 0.0) * max(mask, 0.0)))


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
    areas = masks.sum(axis=1)
    shared = masks @ masks.T
    kept: list[int] = []
    for place, one in enumerate(order):
        fresh = True
        for other in kept:
            both = float(shared[place, other])
            union = float(areas[place] + areas[other]) - both
            least = float(min(areas[place], areas[other]))
            overlap = both / union if union else 0.0
            same = one.label == order[other].label
            if overlap > (_SAME if same else _SAME_THING) or (
                same and least and both / least > _INSIDE
            ):
                fresh = False
                break
        if fresh:
            kept.append(place)
    return [order[place] for place in kept]


def _rank(one: Found) -> tuple[float | str, ...]:
    """The surest first; of equally sure ones by place, name and size: two never stand alike."""
    left, top, right, bottom = one.corners
    return -one.score, top, left, one.label, bottom, right


def _small_masks(found: Sequence[Found], size: tuple[int, int]) -> NDArray[np.float32]:
    """(n, pixels) of 0 and 1: the masks on a coarse grid of the photo."""
    step = max(1.0, max(size) / _SIDE)
    height, width = max(1, round(size[0] / step)), max(1, round(size[1] / step))
    masks = np.zeros((len(found), height, width), np.float32)
    for mask, one in zip(masks, found, strict=True):
        left, top, right, bottom = one.answer.frame
        scale_x, scale_y = width / size[1], height / size[0]
        xs = np.arange(floor(left * scale_x), max(ceil(right * scale_x), 1))
        ys = np.arange(floor(top * scale_y), max(ceil(bottom * scale_y), 1))
        grid_h, grid_w = one.answer.alpha.shape
        columns = ((xs + 0.5) / scale_x - left) * grid_w / (right - left) - 0.5
        rows = ((ys + 0.5) / scale_y - top) * grid_h / (bottom - top) - 0.5
        values = sampled(one.answer.alpha, places(rows, grid_h), places(columns, grid_w))
        mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = values[
            : height - ys[0], : width - xs[0]
        ] >= np.float32(0.5)
    return masks.reshape(len(found), -1)
