"""The reflection of a thing in the ground below it, as wet streets and polished floors show it.

Mirrored at its base, a thing differs from the ground beside it as its reflection does, only more
strongly: the two are compared cell by cell, in lightness and in log-chromaticities.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.discs import dilated
from nukki.ops.ground import Cast, Ground, placed
from nukki.types import Mask

__all__ = ["reflection"]

_MIRRORED = 0.6  # of the height: how much of a reflection is looked at
_LINES = (-2, 4)  # cells between the base and the line that it is mirrored on
_LEAST_MIRRORED = 0.12  # of the height that has to be seen
_LEAST_ROW = 4  # cells of a row that say how the ground beside it looks
_CLEAREST, _FAINTEST_IMAGE = 0.8, 0.1  # how strong a reflection is beside the thing
_EVEN, _STEEP = 0.72, 16.0  # correlation that is even money, and how steep the curve is
_BETTER = 0.25  # than the same beside the thing, where there is no reflection


def reflection(ground: Ground) -> Cast | None:
    """A thing's reflection in the ground below it; None where nothing looks like one.

    Mirrored at its base, the thing differs from the ground beside it as its reflection does, only
    more strongly. So the differences are compared cell by cell, in lightness and chromaticity: a
    reflection correlates with its thing, and better than the ground to either side does.

    Args:
        ground: Around the thing.
    """
    best: tuple[float, float, int] | None = None
    rival = 0.0
    step = max(2, round(ground.height / 8))
    for line in range(*_LINES):
        for across in (0, -3 * step, -2 * step, 2 * step, 3 * step):
            found = _mirrored(ground, line, across)
            if found is None:
                continue
            alike, strength = found
            if across:
                rival = max(rival, alike)
            elif best is None or alike > best[0]:
                best = alike, strength, line
    if best is None or not _FAINTEST_IMAGE < best[1] < _CLEAREST:
        return None
    alike, strength, line = best
    sure = 1 / (1 + math.exp(-_STEEP * (alike - _EVEN)))
    sure *= float(np.clip((alike - rival) / _BETTER, 0, 1))
    inside, rows = _mirror(ground, line)
    mask = np.zeros(ground.free.shape, np.bool_)
    mask[rows] = inside[: len(rows)]
    return placed(ground, dilated(mask, 2), "reflection", sure, strength, (0.0, 1.0))


def _mirror(ground: Ground, line: int) -> tuple[Mask, NDArray[np.intp]]:
    """The thing upside down, and the rows of the grid that its reflection would be on."""
    height = len(ground.free)
    count = round(_MIRRORED * ground.height)
    up = np.floor(ground.base - np.arange(count) - 0.5).astype(np.intp)
    down = np.floor(ground.base + line + np.arange(count) + 0.5).astype(np.intp)
    inside = ground.own[np.clip(up, 0, height - 1)] > 0.5
    return inside, down[(down >= 0) & (down < height)]


def _mirrored(ground: Ground, line: int, across: int) -> tuple[float, float] | None:
    """How much the ground is like the thing upside down: correlation, and the slope.

    Args:
        ground: Around the thing.
        line: Cells between its base and the line that it is mirrored on.
        across: Cells to the side.
    """
    inside, rows = _mirror(ground, line)
    count = len(rows)
    up = np.floor(ground.base - np.arange(count) - 0.5).astype(np.intp)
    thing = ground.everything[:, np.clip(up, 0, len(ground.free) - 1)]
    image = np.roll(np.concatenate([ground.light[None], ground.chroma])[:, rows], -across, axis=2)
    free = np.roll(ground.free[rows], -across, axis=1)
    seen, beside = inside[:count] & free, free & ~dilated(inside[:count], 2)
    usual = seen.any(axis=1) & (beside.sum(axis=1) >= _LEAST_ROW)
    if np.count_nonzero(usual) < _LEAST_MIRRORED * ground.height:
        return None
    level = np.where(beside, image, 0).sum(axis=2) / np.maximum(beside.sum(axis=1), 1)
    part = seen & usual[:, None]
    theirs = (thing - level[..., None])[:, part]
    ours = (image - level[..., None])[:, part]
    power = float((theirs**2).sum()) * float((ours**2).sum())
    if power <= 0:
        return None
    product = float((theirs * ours).sum())
    return product / math.sqrt(power), product / float((theirs**2).sum())
