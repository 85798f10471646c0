"""Who owns a pixel that several things claim: decided once, so that nothing is counted twice.

Where the alphas of the things that lie over a pixel add up to more than 1, each keeps a share by
how sure it is of the pixel: a_i · w_i / Σ w, with w = a⁴ · s (s the thing's score). A pixel that
one thing is sure of (a = .98) and another guesses at (.4) is the first one's (.95 and .01); on a
border where both say one half, both keep half of it. Where they add up to at most 1 nothing
changes, so soft rims beside each other stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.types import Box

__all__ = ["Claim", "settled"]

Levels = NDArray[np.uint8]

_POWER = 4  # how much surer a thing must be to own a pixel: 2 leaves ghosts, 8 makes hard borders
_BLOCK = 1 << 20  # pixels that are settled at once


@dataclass(frozen=True, eq=False)
class Claim:
    """What a thing says is its own.

    Attributes:
        box: Where `levels` lie in the photo.
        levels: (box.height, box.width) uint8: its alpha.
        weight: How sure the thing is, above 0.
    """

    box: Box
    levels: Levels
    weight: float


def settled(claims: Sequence[Claim], size: tuple[int, int]) -> list[Levels]:
    """The alphas after every pixel was given to its owners.

    Args:
        claims: Of each thing; their order does not matter.
        size: (height, width) of the photo.

    Returns:
        The levels of each, of the same shapes; nowhere do they add up to more than 255, but for
        rounding (half a level a thing).
    """
    height, width = size
    results = [claim.levels.copy() for claim in claims]
    rows = max(1, _BLOCK // max(width, 1))
    for top in range(0, height, rows):
        strip = Box(0, top, width, min(height, top + rows))
        _settle(claims, results, strip)
    return results


def _settle(claims: Sequence[Claim], results: Sequence[Levels], strip: Box) -> None:
    """Settle some rows of the photo, writing into `results`."""
    shape = strip.height, strip.width
    total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    there = [place for place, claim in enumerate(claims) if not _empty(claim.box.within(strip))]
    for place in there:
        part, levels = _of(claims[place], claims[place].levels, strip)
        share = levels.astype(np.float32) / np.float32(255)
        total[part] += share
        weights[part] += share**_POWER * np.float32(claims[place].weight)
    contested = total > 1
    if not contested.any():
        return
    for place in there:
        claim = claims[place]
        part, levels = _of(claim, claim.levels, strip)
        where = contested[part]
        if where.any():
            share = levels[where].astype(np.float32) / np.float32(255)
            own = share**_POWER * np.float32(claim.weight) / weights[part][where]
            _, target = _of(claim, results[place], strip)
            target[where] = np.rint(255 * share * own).astype(np.uint8)


def _of(claim: Claim, levels: Levels, strip: Box) -> tuple[tuple[slice, slice], Levels]:
    """Where a claim lies in a strip, and its levels there."""
    seen = claim.box.within(strip)
    part = (
        slice(seen.top - strip.top, seen.bottom - strip.top),
        slice(seen.left - strip.left, seen.right - strip.left),
    )
    own = (
        slice(seen.top - claim.box.top, seen.bottom - claim.box.top),
        slice(seen.left - claim.box.left, seen.right - claim.box.left),
    )
    return part, levels[own]


def _empty(box: Box) -> bool:
    return box.width <= 0 or box.height <= 0
