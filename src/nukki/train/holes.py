"""Holes to learn filling on: the shapes of things of other photos, wide strokes, and boxes.

People erase things, so most holes have the shape of one, grown as an eraser grows its mask; strokes
and boxes stand for what they paint by hand ("large masks": Suvorov et al., WACV 2022, §2.3). All
chance comes from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.silhouettes import grown
from nukki.types import Mask

__all__ = ["MOST", "boxes", "draw_hole", "placed", "silhouette", "strokes"]

Chance = np.random.Generator
MOST = 0.55  # of the picture that is hole
_LEAST = 0.015
_SHAPES = 0.7  # how often a hole has the shape of things, where there are any
_STROKES = 0.2  # and how often it is strokes; else boxes
_SHARES = (0.03, 0.35)  # of the picture that one shape covers
_TRIES = 3  # placements, of which the one that hides the least of the photo's own things is taken
_SIDE = 160  # pixels of a silhouette's longer side


def silhouette(alpha: NDArray[np.uint8]) -> Mask | None:
    """The shape of a thing, cut out.

    Args:
        alpha: (H, W) uint8, 255 on the thing.

    Returns:
        (h, w) bool with sides of at most 160; None where there are fewer than 64 of its pixels.
    """
    inside = alpha >= 128
    if np.count_nonzero(inside) < 64:
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cut = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    step = -(-max(cut.shape) // _SIDE)
    return np.ascontiguousarray(cut[::step, ::step])


def draw_hole(side: int, shapes: Sequence[Mask], chance: Chance, avoid: Mask | None = None) -> Mask:
    """A hole.

    Args:
        side: Of the square picture, in pixels.
        shapes: Silhouettes to take it from; may be none.
        chance: The source of randomness.
        avoid: (side, side) bool, the photo's own things: what lies behind a thing that is erased is
            background, so that is mostly what is to be filled.

    Returns:
        (side, side) bool with at least 1.5 and at most 55 % True.
    """
    best, least, tried = None, np.inf, 0
    for _ in range(4 * _TRIES):
        hole = _one(side, shapes, chance)
        if not _LEAST <= float(hole.mean()) <= MOST:
            continue
        hidden = 0.0
        if avoid is not None:
            hidden = np.count_nonzero(hole & avoid) / np.count_nonzero(hole)
        if hidden < least:
            best, least = hole, hidden
        tried += 1
        if tried == _TRIES or hidden == 0:
            break
    if best is None:  # of shapes that never fit, such as a thin line
        best = np.zeros((side, side), np.bool_)
        best[side // 4 : side // 2, side // 4 : side // 2] = True
    return best


def _one(side: int, shapes: Sequence[Mask], chance: Chance) -> Mask:
    kind = chance.random()
    if shapes and kind < _SHAPES:
        hole = np.zeros((side, side), np.bool_)
        for _ in range(int(chance.choice(3, p=(0.7, 0.2, 0.1))) + 1):
            hole |= placed(side, shapes[int(chance.integers(len(shapes)))], chance)
        return hole
    return strokes(side, chance) if kind < _SHAPES + _STROKES else boxes(side, chance)


def placed(side: int, shape: Mask, chance: Chance) -> Mask:
    """A silhouette somewhere in a square: mirrored by chance, of any size, grown a little.

    A quarter of those that stand (taller than wide) touch the lower rim, as people in photos do;
    others may hang over any rim by a third of themselves.
    """
    share = np.exp(chance.uniform(*np.log(_SHARES)))
    full = float(shape.mean())
    stretch = np.exp(chance.uniform(-0.25, 0.25))
    factor = side * np.sqrt(share / (full * shape.size))
    tall, wide = (
        int(np.clip(round(length * factor * times), 4, 2 * side))
        for length, times in zip(shape.shape, (stretch, 1 / stretch), strict=True)
    )
    rows, columns = _stretched(tall, shape.shape[0]), _stretched(wide, shape.shape[1])
    if chance.random() < 0.5:
        columns = columns[::-1]
    large = shape[rows][:, columns]
    top, left = (
        int(chance.integers(-(length // 3), max(side - 2 * length // 3, 1 - length // 3)))
        for length in (tall, wide)
    )
    if tall > wide and chance.random() < 0.25:
        top = side - int(chance.uniform(0.6, 1.0) * tall)
    hole = np.zeros((side, side), np.bool_)
    above, before = max(0, -top), max(0, -left)
    part = large[above : side - top, before : side - left]
    hole[top + above :, left + before :][: part.shape[0], : part.shape[1]] = part
    return grown(hole, int(chance.integers(0, max(2, side // 24))))


def _stretched(length: int, of: int) -> NDArray[Any]:
    """Which of `of` cells each of `length` pixels lies in."""
    return (np.arange(length) * of) // length


def strokes(side: int, chance: Chance) -> Mask:
    """One to four wide strokes, each a chain of straight pieces with round ends, as a hand paints.

    The width is 1/16 to 1/4 of the side.
    """
    y, x = np.mgrid[:side, :side].astype(np.float32)
    hole = np.zeros((side, side), np.bool_)
    for _ in range(int(chance.integers(1, 5))):
        place = chance.uniform(0, side, 2)
        angle = chance.uniform(0, 2 * np.pi)
        radius = side * chance.uniform(1 / 32, 1 / 8)
        for _ in range(int(chance.integers(1, 6))):
            angle += chance.uniform(-1.2, 1.2)
            along = side * chance.uniform(0.1, 0.4) * np.array([np.sin(angle), np.cos(angle)])
            hole |= _near_piece(y, x, place, along, radius)
            place = place + along
    return hole


def _near_piece(
    y: NDArray[np.float32],
    x: NDArray[np.float32],
    start: NDArray[np.float64],
    along: NDArray[np.float64],
    radius: float,
) -> Mask:
    """The pixels within a radius of a straight piece."""
    down, right = y - np.float32(start[0]), x - np.float32(start[1])
    length = float(along @ along)
    part = (down * np.float32(along[0]) + right * np.float32(along[1])) / np.float32(length)
    np.clip(part, 0, 1, out=part)
    down -= part * np.float32(along[0])
    right -= part * np.float32(along[1])
    return np.asarray(down * down + right * right <= np.float32(radius * radius))


def boxes(side: int, chance: Chance) -> Mask:
    """One to three upright boxes with sides of 1/8 to 3/5 of the picture's."""
    hole = np.zeros((side, side), np.bool_)
    for _ in range(int(chance.integers(1, 4))):
        tall, wide = (max(1, int(side * chance.uniform(1 / 8, 3 / 5))) for _ in range(2))
        top, left = (int(chance.integers(0, side - length + 1)) for length in (tall, wide))
        hole[top : top + tall, left : left + wide] = True
    return hole
