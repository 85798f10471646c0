"""Filling a hole with patches of the photo itself: from coarse to fine, without any network.

The field of matches is that of Barnes et al. 2009 (`patchfield`), the painting that of Wexler,
Shechtman & Irani 2007 with the textures of Newson et al. 2014 (`patchlevels`, `patchcopy`), its
start that of Efros & Leung 1999 (`patchpeel`) or a picture from elsewhere.

    crop around the hole --reduced--> smallest: peel or guide --match, vote--> larger … --> copy

Matches are sought on a photo so small that the hole has some ten thousand pixels; what is copied
are full-size pixels. Time and memory are bounded by that.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from nukki.ops.composite import spread_known
from nukki.ops.distance import nearest
from nukki.ops.hole_parts import parts
from nukki.ops.patchcopy import copied, shifts, votes
from nukki.ops.patchfield import Field, Places, exhaust, search
from nukki.ops.patchlevels import Level, Scene, roughness, sizes
from nukki.ops.patchpeel import peeled
from nukki.ops.seams import settled
from nukki.types import RGB8, Mask

__all__ = ["complete"]

_HOLE = 80_000  # pixels of a hole for which matches are sought
_PHOTO = 1_000_000  # pixels of the photo around it
_FIRST, _FEWER, _LEAST = 16, 3, 3  # rounds at the smallest size, how many fewer at each next, least
_FADING = 0.7  # a guide's say, from size to size: of what is fine it knows little
_STEPS = (4, 2, 1)
_NEAR = 32  # pixels: the farthest try after the first round
_ALL = 6_000_000  # pairs of patches up to which all are tried


def complete(
    image: RGB8,
    hole: Mask,
    *,
    guide: RGB8 | None = None,
    forbidden: Mask | None = None,
    seed: int = 0,
    threads: int = 1,
) -> RGB8:
    """Fill a hole with what lies around it.

    Args:
        image: (H, W, 3) uint8; what it holds in the hole does not matter.
        hole: (H, W) bool, at least one pixel of which is False.
        guide: (H, W, 3) uint8, what the hole should look like from afar; None leaves it to the
            photo.
        forbidden: (H, W) bool, what stays and must not be copied.
        seed: Another one gives another filling.
        threads: How many threads may work; the result is the same.

    Returns:
        (H, W, 3), equal to `image` outside the hole.
    """
    banned = np.zeros_like(hole) if forbidden is None else forbidden
    result = image.copy()
    for number, box in enumerate(parts(hole, usable=~(hole | banned))):
        where = box.slices()
        part = None if guide is None else guide[where]
        crop = Scene(image[where], hole[where], banned[where], part, max(hole.shape))
        random = np.random.default_rng([seed, number])
        result[where] = _completed(crop, random, threads)
    return result


def _completed(crop: Scene, random: np.random.Generator, threads: int) -> RGB8:
    """A part of the photo with its hole filled."""
    scene, factor = _workable(crop)
    if not scene.allowed.any():
        return _smooth(crop) if crop.guide is None else settled(crop.guided(), crop.hole)
    first, *others = sizes(scene)
    trust = 1.0
    level = Level(first, threads, trust)
    field = _started(level, random)
    rounds = _FIRST
    _rounds(level, field, random, rounds)
    for part in others:
        trust *= _FADING
        before, level = level, Level(part, threads, trust)
        field = _enlarged(field, before, level)
        level.paint(votes(level, field))
        rounds = max(_LEAST, rounds - _FEWER)
        _rounds(level, field, random, rounds)
    shifted = shifts(level, field)
    return copied(crop.pixels, crop.hole, shifted, factor, threads=threads)


def _workable(crop: Scene) -> tuple[Scene, int]:
    """The scene on which matches are sought, with its roughness, and its reduction."""
    factor = math.sqrt(max(int(crop.hole.sum()) / _HOLE, crop.hole.size / _PHOTO))
    factor = max(1, math.ceil(factor))
    pixels = np.concatenate([crop.pixels, roughness(crop.pixels, crop.hole)], axis=2)
    return replace(crop, pixels=pixels).reduced(factor), factor


def _smooth(crop: Scene) -> RGB8:
    """Means of means of what is around: where there is not even a patch to copy."""
    usable = ~(crop.hole | crop.banned)
    known = (usable if usable.any() else ~crop.hole).astype(np.float32)[..., None]
    colours = spread_known(np.dstack([crop.pixels * known, known]))
    return np.where(crop.hole[..., None], np.rint(colours).astype(np.uint8), crop.pixels)


def _started(level: Level, random: np.random.Generator) -> Field:
    """A first painting, and matches at random."""
    if level.scene.guide is None:
        level.paint_pixels(peeled(level.scene))
    else:
        level.paint_guide()
    places = level.sources.places
    chosen = places[random.integers(0, len(places), len(level.rows))]
    rows, columns = np.divmod(chosen, np.int32(level.sources.allowed.shape[1]))
    return Field(level.rows, level.columns, rows, columns, np.zeros(len(rows), np.float32))


def _enlarged(field: Field, before: Level, level: Level) -> Field:
    """A field of the size before on a scene twice as large: every patch's four are shifted alike.

    A patch of known pixels only holds, twice as large, four of that kind.
    """
    numbers = field.numbers(*before.sources.allowed.shape)
    row, column = (
        np.minimum(places // 2, side - 1)
        for places, side in zip((level.rows, level.columns), numbers.shape, strict=True)
    )
    who = numbers[row, column]
    lost = np.flatnonzero(who < 0)
    if lost.size:
        _, rows, columns = nearest(numbers >= 0)
        at = row[lost], column[lost]
        who[lost] = numbers[rows[at], columns[at]]
    from_rows, from_columns = _allowed(
        level,
        2 * (field.from_rows - field.rows)[who] + level.rows,
        2 * (field.from_columns - field.columns)[who] + level.columns,
    )
    cost = np.zeros(len(who), np.float32)
    return Field(level.rows, level.columns, from_rows, from_columns, cost)


def _allowed(level: Level, rows: Places, columns: Places) -> tuple[Places, Places]:
    """Matches with those that must not be copied put to the nearest that may."""
    height, width = level.sources.allowed.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    bad = ~level.sources.allowed[rows, columns]
    if bad.any():
        _, row, column = nearest(level.sources.allowed)
        at = rows[bad], columns[bad]
        rows[bad], columns[bad] = row[at], column[at]
    return rows, columns


def _rounds(level: Level, field: Field, random: np.random.Generator, rounds: int) -> None:
    """Match and vote in turns."""
    pairs = len(level.rows) * len(level.sources.places)
    reach = max(level.scene.hole.shape) // 2
    for _ in range(rounds):
        if pairs <= _ALL:
            exhaust(field, level.told(), level.sources, threads=level.threads)
        else:
            search(
                field,
                level.told(),
                level.sources,
                random,
                steps=_STEPS,
                reach=reach,
                threads=level.threads,
            )
            reach = min(reach, _NEAR)
        level.paint(votes(level, field))
