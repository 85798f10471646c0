"""Looking at a photo at the right size: once from afar, and again from nearer where that pays.

A detector misses what is small in its tensor, and takes parts of what is large there for things of
their own. So the first look is at the whole photo at the detector's own size. What it found says
how large things are; where they are small, and the photo has more pixels than were looked at, the
second look is from nearer, at the whole photo, or at overlapping tiles where that would be too
large at once. `ops.merge` makes one answer of both. A photo of a few people in front of a camera is
looked at once.

The rule and its figures were measured with NanoDet-Plus-m-1.5x on 343 photos of COCO and on mosaics
of them: docs/looking.md has both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from nukki.ops.boxes import Boxes
from nukki.ops.grid import check_picture
from nukki.ops.merge import SMALL, Look, merged
from nukki.tasks.detection import Detection
from nukki.types import RGB8, Box
from nukki.zoo.cards import ModelCard

__all__ = ["Detector", "Looking", "look", "nearer"]

PEOPLE = "person"  # the label that every list has for them

HINT = 0.25  # score from which on a box of the first look tells how large things are
TYPICAL = 0.25  # which of them counts, from the smallest: a quarter may stay smaller
WELL = 96.0  # pixels of the tensor from which on a thing is seen well: √area
PAYS = 1.25  # times nearer that a second look has to be
BEYOND = 1.25  # times the photo's own pixels that still help
LONGEST = 2240  # pixels of the longer side of the photo, seen from nearest

TILE = 1280  # pixels of the tensor's longer side that are looked at in one piece
OVERLAP = 288  # of two tiles: what is larger is seen whole from afar
PROMISE = 0.1  # score from which on a small box makes its tile worth looking at


class Detector(Protocol):
    """What `look` looks through: `tasks.detection.Detection`, or anything like it."""

    @property
    def size(self) -> int:
        """The longer side that a picture is brought to where none is asked for."""
        ...

    @property
    def free(self) -> bool:
        """Whether another one may be asked for."""
        ...

    def find(self, image: RGB8, *, size: int | None = None) -> Boxes:
        """The things of a picture."""
        ...


class Looking:
    """A detector that looks a second time where that pays.

    People decide where the network knows them: small things of other kinds are in every second
    photo, and a second look for their sake gained nothing (mAP on COCO's photos .568 either way).

    Attributes:
        detector: What it looks through.
    """

    def __init__(self, detector: Detection) -> None:
        self.detector = detector
        labels = detector.labels
        self._people = labels.index(PEOPLE) if PEOPLE in labels else None

    @property
    def card(self) -> ModelCard:
        """What the detector is."""
        return self.detector.card

    @property
    def labels(self) -> Sequence[str]:
        """The label of each class number."""
        return self.detector.labels

    def find(self, image: RGB8) -> Boxes:
        """The things of a photo; see `look`."""
        return look(image, self.detector, steered_by=self._people)


def look(image: RGB8, detector: Detector, *, steered_by: int | None = None) -> Boxes:
    """Find the things of a photo, small ones too.

    Args:
        image: (H, W, 3) uint8, sRGB.
        detector: Finds the things of a picture.
        steered_by: The class whose things decide from how near to look; None lets all decide.

    Returns:
        Boxes in the photo's pixels, the surest first.

    Raises:
        InputError: If `image` is not RGB8.
        ModelOutputError: See `Detection.find`.
    """
    check_picture(image)
    height, width = image.shape[:2]
    scale = detector.size / max(height, width)
    first = detector.find(image)
    steering = first if steered_by is None else first.chosen(first.classes == steered_by)
    wish = nearer(steering, scale, max(height, width))
    if wish is None:
        return first
    hints = (steering.scores >= PROMISE) & (np.sqrt(steering.areas) * scale < SMALL)
    looks = [Look(first, Box(0, 0, width, height), scale)]
    looks += _from_nearer(image, detector, wish, steering.chosen(hints))
    return merged(looks, height, width)


def nearer(first: Boxes, scale: float, longer: int) -> float | None:
    """From how near to look again: a scale at which a typical small thing is seen well.

    Args:
        first: What the first look found of what decides, in the photo's pixels.
        scale: Of the first look: pixels of the tensor over pixels of the photo.
        longer: The photo's longer side.

    Returns:
        Pixels of the tensor over pixels of the photo, more than `scale`; None where a second look
        does not pay.
    """
    sides = np.sqrt(first.areas[first.scores >= HINT])
    if not len(sides):
        return None
    # The one at the place itself: no mean of two, so that it does not depend on rounding.
    typical = float(np.sort(sides)[int(TYPICAL * (len(sides) - 1))])
    wish = min(WELL / typical, BEYOND, LONGEST / longer)
    return wish if wish >= PAYS * scale else None


def _from_nearer(image: RGB8, detector: Detector, scale: float, hints: Boxes) -> Iterator[Look]:
    """Looks at the whole photo or at those tiles of it that touch a hint."""
    height, width = image.shape[:2]
    piece = TILE if detector.free else detector.size
    side, overlap = round(piece / scale), round(min(OVERLAP, piece // 4) / scale)
    left, top, right, bottom = hints.corners.T
    for tile in _tiles(height, width, side, overlap):
        across = (left < tile.right) & (right > tile.left)
        if not (across & (top < tile.bottom) & (bottom > tile.top)).any():
            continue
        longer = max(tile.width, tile.height)
        size = round(longer * scale) if detector.free else None
        found = detector.find(np.ascontiguousarray(image[tile.slices()]), size=size)
        yield Look(found.moved(tile.left, tile.top), tile, (size or detector.size) / longer)


def _tiles(height: int, width: int, side: int, overlap: int) -> list[Box]:
    """As few tiles as cover a picture, all of one size, at most `side` wide and high."""
    return [
        Box(left, top, right, bottom)
        for top, bottom in _spans(height, side, overlap)
        for left, right in _spans(width, side, overlap)
    ]


def _spans(length: int, side: int, overlap: int) -> list[tuple[int, int]]:
    """The same along one axis; neighbours share `overlap`."""
    if length <= side:
        return [(0, length)]
    count = -(-(length - overlap) // (side - overlap))
    piece = -(-(length + (count - 1) * overlap) // count)
    starts = [(length - piece) * number // (count - 1) for number in range(count)]
    return [(start, start + piece) for start in starts]
