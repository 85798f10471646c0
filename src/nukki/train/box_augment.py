"""What a photo and the boxes of its things go through before `detect` sees them.

Everything comes onto a canvas of a given size: one photo, whole or in part, or four of them around
a point (mosaic: Bochkovskiy et al., "YOLOv4", 2020). Boxes follow their things, exactly; what is
left of a thing that was mostly cut off, and what is too small to tell, is passed over by the loss
(`IGNORED`) rather than called background. All chance comes from a generator, so a sample is a
function of its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.train.augment import degrade
from nukki.train.things import Thing
from nukki.types import RGB8

__all__ = [
    "ABSENT", "FILL", "IGNORED", "Boxed",
    "boxed", "flipped", "mosaic", "packed", "placed", "sample",
]  # fmt: skip

IGNORED, ABSENT = -1, -2  # in place of a class: a region to be passed over, a row with nothing
FILL = 114  # grey of what no photo covers

_SCALES = (0.5, 2.0)  # times the size at which the whole photo would fit
_STRETCH = 0.15  # of the sides' proportion, in its logarithm
_SEEN = 0.35  # the least share of a thing that must be left
_SMALLEST = 4.0  # pixels; a thing with a shorter side cannot be told
_TRIES = 4  # to find a part with a thing in it
_MOSAIC = 0.4  # how often there are four photos
_MIDDLE = (0.3, 0.7)  # where the four meet, in parts of the canvas

Chance = np.random.Generator


@dataclass(frozen=True, eq=False)
class Boxed:
    """A picture and what is where in it.

    Attributes:
        image: (H, W, 3) uint8.
        corners: (n, 4) float32 left, top, right, bottom in pixels (edges, 0..W and 0..H).
        classes: (n,) intp, 0..79 or `IGNORED`.
    """

    image: RGB8
    corners: NDArray[np.float32]
    classes: NDArray[np.intp]


def boxed(image: RGB8, things: Sequence[Thing]) -> Boxed:
    """A photo with its things; crowds and things without a label are to be passed over."""
    corners = np.array([thing.box for thing in things], np.float32).reshape(-1, 4)
    labels = [IGNORED if thing.crowd or thing.label < 0 else thing.label for thing in things]
    return Boxed(image, corners, np.array(labels, np.intp))


def flipped(one: Boxed) -> Boxed:
    """The mirror picture."""
    width = one.image.shape[1]
    corners = one.corners.copy()
    corners[:, 0], corners[:, 2] = width - one.corners[:, 2], width - one.corners[:, 0]
    return replace(one, image=np.ascontiguousarray(one.image[:, ::-1]), corners=corners)


def placed(
    one: Boxed,
    size: tuple[int, int],
    chance: Chance,
    *,
    scales: tuple[float, float] = _SCALES,
) -> Boxed:
    """The photo at a random scale and place on a canvas.

    A photo larger than the canvas is cropped, a smaller one leaves grey around it. Where there are
    things, a part with at least one of them is looked for.

    Args:
        one: The photo.
        size: (height, width) of the canvas.
        chance: The source of randomness.
        scales: The range of its scale, times that at which the whole photo would just fit;
            (1, 1) is the letterbox, with the photo not stretched.
    """
    for _ in range(_TRIES):
        across, down = _axes(one.image.shape[:2], size, chance, scales)
        corners = one.corners.copy()
        corners[:, 0::2] = across.moved(one.corners[:, 0::2])
        corners[:, 1::2] = down.moved(one.corners[:, 1::2])
        corners, classes = _seen(corners, one.classes, size)
        if (classes >= 0).any() or not (one.classes >= 0).any():
            break
    canvas = np.full((*size, 3), FILL, np.uint8)
    part = across.source[0], down.source[0], across.source[1], down.source[1]
    extent = across.end - across.start, down.end - down.start
    canvas[down.start : down.end, across.start : across.end] = np.asarray(
        Image.fromarray(one.image).resize(extent, Image.Resampling.BILINEAR, part, 2.0)
    )
    return Boxed(canvas, corners, classes)


@dataclass(frozen=True)
class _Axis:
    """A stretch of a photo's side and the pixels of the canvas that it comes to.

    Attributes:
        source: From where to where of the photo, in its pixels.
        start: First pixel of the canvas.
        end: Behind the last one.
    """

    source: tuple[float, float]
    start: int
    end: int

    def moved(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Places on the photo as places on the canvas."""
        scale = (self.end - self.start) / (self.source[1] - self.source[0])
        return np.asarray((values - self.source[0]) * scale + self.start, np.float32)


def _axes(
    shape: tuple[int, ...], size: tuple[int, int], chance: Chance, scales: tuple[float, float]
) -> tuple[_Axis, _Axis]:
    """Which part of a photo comes where: across, and down."""
    height, width = shape
    fit = min(size[0] / height, size[1] / width)
    scale = fit * float(np.exp(chance.uniform(*np.log(scales))))
    stretch = _STRETCH if scales[0] < scales[1] else 0.0
    wide = float(np.exp(chance.uniform(-stretch, stretch) / 2))
    return (
        _axis(width, size[1], scale * wide, chance),
        _axis(height, size[0], scale / wide, chance),
    )


def _axis(side: int, room: int, scale: float, chance: Chance) -> _Axis:
    whole = max(1, round(side * scale))
    if whole <= room:
        start = int(chance.integers(0, room - whole + 1))
        return _Axis((0.0, float(side)), start, start + whole)
    first = float(chance.uniform(0, whole - room)) / whole * side
    return _Axis((first, min(float(side), first + room / whole * side)), 0, room)


def _seen(
    corners: NDArray[np.float32], classes: NDArray[np.intp], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """What a canvas of (height, width) shows of boxes; those that it does not show are dropped."""
    limit = np.array([size[1], size[0]] * 2, np.float32)
    clipped = np.clip(corners, 0, limit)
    sides, before = clipped[:, 2:] - clipped[:, :2], corners[:, 2:] - corners[:, :2]
    share = sides.prod(axis=1) / np.maximum(before.prod(axis=1), 1e-6)
    told = (share >= _SEEN) & (sides.min(axis=1, initial=np.inf) >= _SMALLEST)
    there = (sides > 0).all(axis=1)
    return clipped[there], np.where(told, classes, IGNORED)[there]


def mosaic(
    four: Sequence[Boxed],
    size: tuple[int, int],
    chance: Chance,
    *,
    scales: tuple[float, float] = _SCALES,
) -> Boxed:
    """Four photos around a random point of the canvas, each `placed` in its own quarter.

    Args:
        four: The photos of the quarters, row by row.
        size: (height, width) of the canvas, at least 4 each.
        chance: The source of randomness.
        scales: As in `placed`, for the quarter.
    """
    height, width = size
    low = round(height * float(chance.uniform(*_MIDDLE)))
    right = round(width * float(chance.uniform(*_MIDDLE)))
    canvas = np.empty((height, width, 3), np.uint8)
    corners, classes = [], []
    quarters = [
        (top, left) for top in ((0, low), (low, height)) for left in ((0, right), (right, width))
    ]
    for one, ((top, bottom), (left, end)) in zip(four, quarters, strict=True):
        part = placed(one, (bottom - top, end - left), chance, scales=scales)
        canvas[top:bottom, left:end] = part.image
        corners.append(part.corners + np.array([left, top] * 2, np.float32))
        classes.append(part.classes)
    return Boxed(canvas, np.concatenate(corners), np.concatenate(classes))


def sample(one: Boxed, others: Sequence[Boxed], size: tuple[int, int], chance: Chance) -> Boxed:
    """What the network is shown in training.

    Args:
        one: The photo.
        others: Three more for a mosaic; with fewer there is none.
        size: (height, width) of the canvas.
        chance: The source of randomness.
    """
    joined = len(others) >= 3 and chance.random() < _MOSAIC
    shown = [flipped(each) if chance.random() < 0.5 else each for each in (one, *others[:3])]
    result = mosaic(shown, size, chance) if joined else placed(shown[0], size, chance)
    return replace(result, image=degrade(result.image, chance))


def packed(one: Boxed, most: int) -> NDArray[np.float32]:
    """Boxes in rows of one number for all pictures, so that they can be stacked.

    Args:
        one: A picture with any number of boxes.
        most: Number of rows. Of more boxes the smallest are left out.

    Returns:
        (most, 5) float32: left, top, right, bottom, class; further rows have the class `ABSENT`.
    """
    size = (one.corners[:, 2:] - one.corners[:, :2]).prod(axis=1)
    order = np.sort(np.argsort(-size, kind="stable")[:most])
    rows = np.zeros((most, 5), np.float32)
    rows[:, 4] = ABSENT
    rows[: len(order), :4] = one.corners[order]
    rows[: len(order), 4] = one.classes[order]
    return rows
