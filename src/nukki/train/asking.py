"""The questions that `pick` learns to answer: boxes as detectors draw them, clicks, rough guesses.

Each function draws what a person or a detector might have given for a thing whose mask is known;
all chance comes from the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nukki.ops.crops import Frame, frame_around, whole
from nukki.types import Point

__all__ = ["as_points", "guessed", "jittered", "looked", "points_beside", "points_on"]

Chance = np.random.Generator
Corners = tuple[float, float, float, float]
Grid8 = NDArray[np.uint8]

_INNER = 0.75  # of what lies around a pixel must be the thing's for the pixel to be well inside


def jittered(box: Sequence[float], chance: Chance, size: tuple[int, int]) -> Corners:
    """A box as a detector draws it: each edge off by some hundredths of the side, rarely by more.

    Args:
        box: Left, top, right, bottom.
        chance: The source of randomness.
        size: (height, width) of the photo, in which the result lies.
    """
    spread = 0.14 if chance.random() < 0.12 else 0.05
    wide, high = box[2] - box[0], box[3] - box[1]
    moves = np.clip(chance.normal(0, spread, 4), -0.3, 0.3)
    left, top = box[0] + moves[0] * wide, box[1] + moves[1] * high
    right, bottom = box[2] + moves[2] * wide, box[3] + moves[3] * high
    return (
        float(np.clip(left, 0, size[1] - 2)),
        float(np.clip(top, 0, size[0] - 2)),
        float(np.clip(right, left + 1, size[1])),
        float(np.clip(bottom, top + 1, size[0])),
    )


def looked(box: Sequence[float], chance: Chance, size: tuple[int, int]) -> Frame:
    """Where somebody looks who knows no box: the whole photo, or a part that holds the thing."""
    if chance.random() < 0.4:
        return whole(size)
    left, top, right, bottom = frame_around(box, size, float(chance.uniform(0.15, 0.6)))
    reach = float(chance.uniform(0.0, 1.0))
    return (
        left * (1 - reach * float(chance.uniform(0, 1))),
        top * (1 - reach * float(chance.uniform(0, 1))),
        right + (size[1] - right) * reach * float(chance.uniform(0, 1)),
        bottom + (size[0] - bottom) * reach * float(chance.uniform(0, 1)),
    )


def points_on(mask: Grid8, count: int, chance: Chance) -> list[tuple[int, int]]:
    """Clicks on a thing, (x, y) on the grid: mostly well inside it, sometimes anywhere on it.

    Args:
        mask: (h, w) uint8, the thing's alpha.
        count: How many; fewer where it has no pixel.
        chance: The source of randomness.
    """
    inside = mask >= 128
    around = np.asarray(Image.fromarray(mask).filter(ImageFilter.BoxBlur(mask.shape[0] / 32)))
    well = inside & (around >= _INNER * 255)
    return [
        _one_of(well if chance.random() < 0.75 and well.any() else inside, chance)
        for _ in range(count)
        if inside.any()
    ]


def points_beside(
    mask: Grid8, others: Grid8 | None, count: int, chance: Chance
) -> list[tuple[int, int]]:
    """Clicks beside a thing, (x, y) on the grid: on its neighbours, close to its rim, or anywhere.

    Args:
        mask: (h, w) uint8, the thing's alpha.
        others: (h, w) uint8, what other things cover; None where there are none.
        count: How many; fewer where everything is the thing's.
        chance: The source of randomness.
    """
    outside = mask < 64
    near = np.asarray(Image.fromarray(mask).filter(ImageFilter.BoxBlur(mask.shape[0] / 12)))
    close = outside & (near > 0)
    neighbours = outside & (others >= 128) if others is not None else np.zeros_like(outside)
    found = []
    for _ in range(count):
        draw = chance.random()
        area = neighbours if draw < 0.5 else close if draw < 0.8 else outside
        area = area if area.any() else outside
        if area.any():
            found.append(_one_of(area, chance))
    return found


def _one_of(area: NDArray[np.bool_], chance: Chance) -> tuple[int, int]:
    places = np.flatnonzero(area)
    y, x = divmod(int(places[int(chance.integers(len(places)))]), area.shape[1])
    return x, y


def guessed(mask: Grid8, others: Grid8 | None, chance: Chance) -> NDArray[np.float32]:
    """A rough mask such as an earlier answer or a scribble: (h, w) float32 in 0..1.

    Coarse, too large or too small, with a part missing or a piece of a neighbour.

    Args:
        mask: (h, w) uint8, the thing's alpha.
        others: (h, w) uint8, what other things cover; None where there are none.
        chance: The source of randomness.
    """
    rough = mask.astype(np.float32) / 255
    side = mask.shape[0]
    rows, columns = np.mgrid[0:side, 0 : mask.shape[1]]
    draw = chance.random()
    y, x = chance.integers(side), chance.integers(mask.shape[1])
    patch = np.hypot(rows - y, columns - x) < side * chance.uniform(0.1, 0.35)
    if draw < 0.35:
        rough[patch] = 0
    elif draw < 0.7 and others is not None:
        rough[patch] = np.maximum(rough, others.astype(np.float32) / 255)[patch]
    elif draw < 0.8:
        rough[patch] = 1
    cells = int(chance.integers(8, 40))
    plain = Image.fromarray(np.asarray(np.rint(rough * 255), np.uint8))
    soft = np.asarray(
        plain.resize((cells, cells), Image.Resampling.BOX).resize(
            (mask.shape[1], side), Image.Resampling.BILINEAR
        ),
        np.float32,
    )
    level = 255 * float(chance.uniform(0.3, 0.7))
    sharp = float(chance.uniform(2, 20)) / 255
    return np.asarray(1 / (1 + np.exp(-(soft - level) * sharp)), np.float32)


def as_points(
    places: Sequence[tuple[int, int]], frame: Frame, side: int, *, keep: bool
) -> list[Point]:
    """Places on a grid of `side` × `side` as points of the photo."""
    wide, high = (frame[2] - frame[0]) / side, (frame[3] - frame[1]) / side
    return [
        Point(frame[0] + (x + 0.5) * wide - 0.5, frame[1] + (y + 0.5) * high - 0.5, keep)
        for x, y in places
    ]
