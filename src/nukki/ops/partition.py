"""Who owns a pixel that several things claim: decided once, so that nothing is counted twice.

Where the alphas of the things that lie over a pixel add up to more than 1, the pixel is covered,
and each gets a share of it by how sure it is: w_i / Σ w, with w = a⁵ · s (s the thing's score). A
pixel that one thing is sure of (a = .98) and another guesses at (.4) is the first one's (.99 and
.01); on a border where both say one half, both keep half of it. Where they add up to at most 1
nothing changes, so soft rims beside each other stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.types import Box

__all__ = ["Claim", "settled"]

Levels = NDArray[np.uint8]

_POWER = 5  # how much surer a thing must be to own a pixel: 3 leaves ghosts, 9 makes hard borders
_FINE = 1 << 12  # steps of a weight of 1: sums of whole numbers do not depend on their order
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
    total, weights = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
    there = [place for place, claim in enumerate(claims) if not _empty(claim.box.within(strip))]
    for place in there:
        part, levels = _of(claims[place], claims[place].levels, strip)
        total[part] += levels
        weights[part] += _weights(claims[place])[levels]
    contested = total > 255
    if not contested.any():
        return
    for place in there:
        claim = claims[place]
        part, levels = _of(claim, claim.levels, strip)
        where = contested[part]
        if where.any():
            share = _weights(claim)[levels[where]] / weights[part][where]
            _, target = _of(claim, results[place], strip)
            target[where] = np.rint(255 * share).astype(np.uint8)


def _weights(claim: Claim) -> NDArray[np.int64]:
    """What each level of a claim weighs, (256,): up to 2^52, so a thousand can be summed."""
    return np.arange(256, dtype=np.int64) ** _POWER * max(1, round(claim.weight * _FINE))


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
