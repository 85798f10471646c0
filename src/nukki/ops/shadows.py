"""Shadows and outlines that a subject gets before another background, as alphas of the canvas.

A drop shadow is the subject's own shape, moved and softened, as on a wall close behind it. A
contact shadow lies where the subject stands: under every column's lowest point, strong where that
is near the floor and gone where it hangs above it, flat as floors are seen; a narrow dark one right
at the foot (where no light gets in) within a wide faint one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import bounds, drop_specks, gaussian, grow, levels
from nukki.ops.grid import enlarge
from nukki.types import Alpha, Box

__all__ = ["contact_shadow", "drop_shadow", "sticker"]

_HARD = 0.1  # pixels: what is softer by less is hard
_FLAT = 3.0  # how much wider than high a shadow on a floor is
_NEAR = 0.05  # of the subject's height: feet this far above the lowest one are as far back
_FOOT = 0.012  # of its height: how much of each foot casts
_NARROW = 0.4  # share of the softness of the dark shadow at the foot
_WIDE, _FAINT = 2.2, 0.75  # the wide one around it: how many times as soft, and how dark
_GAIN = 4.0  # a thin foot, softened, keeps little of its darkness: at most so much is given back
_CRISP = 0.25, 0.75  # alpha that counts as outside and inside where an outline is cut
_ROUND = 0.2  # of an outline's width: how far its corners are rounded
_DISC = 12  # pixels of a radius on the grid that an outline is made on; larger ones are reduced
_CLOSED = 0.5  # of an outline's width: gaps that are narrower than this are filled


def drop_shadow(
    alpha: Alpha, offset: tuple[float, float], softness: float, opacity: float
) -> Alpha:
    """The shadow on a wall behind the subject.

    Args:
        alpha: (H, W) of the subject on its canvas.
        offset: Pixels to the right and down, rounded to whole ones.
        softness: Standard deviation of its edge in pixels.
        opacity: How dark its core is, 0 to 1.
    """
    cast = _moved(alpha, round(offset[0]), round(offset[1]))
    if softness >= _HARD:
        cast = gaussian(cast, softness)
    return np.asarray(np.clip(cast * np.float32(opacity), 0, 1), np.float32)


def contact_shadow(
    alpha: Alpha, offset: tuple[float, float], softness: float, opacity: float
) -> Alpha:
    """The shadow on the floor under the subject.

    Args:
        alpha: (H, W) of the subject on its canvas.
        offset: Pixels to the right and down, rounded to whole ones.
        softness: Standard deviation of its height in pixels; across it is three times as soft.
        opacity: How dark it is at the foot, 0 to 1.
    """
    height, width = alpha.shape
    box = bounds(alpha, 0.5)
    if box is None:
        return np.zeros_like(alpha)
    solid = alpha[box.slices()] >= 0.5
    some = solid.any(axis=0)
    lowest = np.where(some, box.height - 1 - np.argmax(solid[::-1], axis=0), 0)
    above = (box.height - 1 - lowest) / (_NEAR * box.height)
    # What goes on below the picture stands on no floor in it.
    some &= (lowest + box.top < height - 1) | (box.bottom < height)
    weight = np.where(some, np.exp(-above), 0).astype(np.float32)
    # What each column casts from: a low strip at its own lowest point.
    strip = max(2, round(_FOOT * box.height))
    foot = np.zeros((height, width), np.float32)
    for step in range(strip):
        rows = np.clip(box.top + lowest - step, 0, height - 1)
        columns = np.arange(box.left, box.right)
        foot[rows, columns] = np.maximum(foot[rows, columns], weight)
    foot = _moved(foot, round(offset[0]), round(offset[1]))
    wide, narrow = (
        np.clip(_softened(foot, soft) * _strength(soft, strip), 0, 1)
        for soft in (softness * _WIDE, softness * _NARROW)
    )
    both = 1 - (1 - wide * np.float32(_FAINT)) * (1 - narrow)
    return np.asarray(np.clip(both * np.float32(opacity), 0, 1), np.float32)


def _strength(softness: float, strip: int) -> np.float32:
    """What brings a softened strip, `strip` pixels high, back to nearly 1 in its middle."""
    if softness < _HARD:
        return np.float32(1)
    kept = math.erf(strip / 2 / (math.sqrt(2) * softness))
    return np.float32(min(_GAIN, 1 / kept) if kept > 0 else _GAIN)


def _softened(plane: NDArray[np.float32], softness: float) -> NDArray[np.float32]:
    """A Gaussian of `softness` pixels down and `_FLAT` times as many across."""
    if softness < _HARD:
        return plane
    height, width = plane.shape
    narrow = enlarge(plane, height, max(1, round(width / _FLAT)))  # averages where it shrinks
    return enlarge(gaussian(narrow, softness), height, width)


def _moved(plane: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    """The plane moved; zero comes in at its sides."""
    height, width = plane.shape
    result = np.zeros_like(plane)
    whole = Box(0, 0, width, height)
    to = Box(across, down, across + width, down + height).within(whole)
    if to.width > 0 and to.height > 0:
        source = Box(to.left - across, to.top - down, to.right - across, to.bottom - down)
        result[to.slices()] = plane[source.slices()]
    return result


def sticker(alpha: Alpha, width: float) -> Alpha:
    """The subject's shape grown by a smooth outline: what a sticker is cut along.

    Specks are left out, and gaps between strands that are narrower than half the outline are
    filled (grown further, and shrunk back): an outline around every hair is none.

    Args:
        alpha: (H, W) of the subject on its canvas.
        width: Of the outline in pixels, above 0.
    """
    result = alpha.copy()
    shape = drop_specks(alpha)
    box = bounds(shape)
    if box is None:
        return result
    factor = max(1, int(width / _DISC))
    closed = math.ceil(width * _CLOSED / factor)
    # Room on every side: what grows beyond the canvas must come back as if there were more of it.
    pad = (math.ceil(width / factor) + closed + 2) * factor
    more = -box.height % factor, -box.width % factor
    part = np.pad(shape[box.slices()], ((pad, pad + more[0]), (pad, pad + more[1])))
    small = enlarge(part, part.shape[0] // factor, part.shape[1] // factor)
    outer = grow(grow(levels(small, *_CRISP), width / factor + closed), -closed)
    # Rounded, then as sharp again as a pixel: a Gaussian's slope in the middle is 1 / (2.5 sigma).
    sigma = max(0.5, _ROUND * width / factor)
    slope = np.float32(max(1.0, 2.5 * sigma * factor / 1.5))
    edge = enlarge(gaussian(outer, sigma), *part.shape)
    edge = np.clip((edge - np.float32(0.5)) * slope + np.float32(0.5), 0, 1)
    whole = Box(
        box.left - pad, box.top - pad, box.right + pad + more[1], box.bottom + pad + more[0]
    )
    there = whole.within(Box(0, 0, alpha.shape[1], alpha.shape[0]))
    source = Box(
        there.left - whole.left,
        there.top - whole.top,
        there.right - whole.left,
        there.bottom - whole.top,
    )
    result[there.slices()] = np.maximum(result[there.slices()], edge[source.slices()])
    return result
