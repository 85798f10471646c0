"""The membrane over a hole: the smoothest correction that takes up given forces.

Pérez, Gangnet & Blake, "Poisson image editing", SIGGRAPH 2003, in its form as a correction that is
0 around the hole. Solved by multigrid (Brandt, "Multi-level adaptive solutions to boundary-value
problems", Mathematics of Computation 31, 1977): red-black relaxation takes care of what changes
from pixel to pixel, the same on half the size of the rest.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.types import Mask

__all__ = ["Seams", "membrane"]

_SHADE = np.float32(64)  # levels: a larger step is no shade, but edges that do not meet
_EDGE = 96.0  # levels that such edges are softened by, at most; more where the photo is soft
_SHARP = 3.0  # pixels over which edges that do not meet are softened in a sharp photo
# How stiff a membrane is: shades are evened out over the whole hole, but errors must not add up
# over a long way.
_SOFT = 0.002

_CYCLES = 3
_SWEEPS = 3  # before and after each look at half the size
_FEW = 24  # pixels that are relaxed until they lie still
_MANY = 40

# Pixels of the hole in two halves like a chessboard's: where they and their neighbours are.
_Halves: TypeAlias = list[tuple[NDArray[np.intp], tuple[NDArray[np.intp], ...]]]


class Seams:
    """Steps in a hole that should not be there, and the change of colours that takes them out.

    Args:
        hole: (H, W) bool.
        soft: Pixels over which edges that do not meet are softened.
    """

    def __init__(self, hole: Mask, soft: float = _SHARP) -> None:
        self._hole = hole
        self._soft = soft
        self._shades, self._edges = np.zeros((2, *hole.shape, 3), np.float32)

    def bend(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], by: NDArray[np.float32]
    ) -> None:
        """Ask that steps from pixels to a neighbour become larger.

        Args:
            rows: (n,) the pixels, each at most once.
            columns: (n,).
            by: (n, 3) levels. Tukey's biweight tells shades from edges, which must not spread.
        """
        share = 1 - np.square(np.minimum(np.abs(by).max(axis=1, keepdims=True) / _SHADE, 1))
        shade = by * np.square(share)
        self._shades[rows, columns] += shade
        most = np.float32(_EDGE * max(1.0, self._soft / _SHARP))
        self._edges[rows, columns] += np.clip(by - shade, -most, most)

    def evened(self) -> NDArray[np.float32]:
        """(H, W, 3): what to add to the colours, 0 outside the hole."""
        shades = membrane(self._shades, self._hole, stiff=_SOFT)
        return shades + membrane(self._edges, self._hole, stiff=self._soft**-2)


def membrane(forces: NDArray[np.float32], hole: Mask, *, stiff: float = 0.0) -> NDArray[np.float32]:
    """Solve `sum over the four neighbours of (c(neighbour) - c) - stiff · c = force` in a hole.

    Args:
        forces: (H, W, C) float32; only those in the hole count.
        hole: (H, W) bool, not all of it. Beyond the picture's sides it goes on as it is there.
        stiff: Draws the correction back to 0: a step is forgotten over about `1 / sqrt(stiff)`
            pixels.

    Returns:
        c, (H, W, C) float32, 0 outside the hole; within a few per cent.
    """
    result = np.zeros(forces.shape, np.float32)
    if hole.any():
        forced = np.where(hole[..., None], forces, np.float32(0))
        for _ in range(_CYCLES):
            _cycle(result, forced, hole, stiff)
    return result


def _cycle(
    result: NDArray[np.float32], forces: NDArray[np.float32], hole: Mask, stiff: float
) -> None:
    """Bring a solution nearer to rest."""
    channels = forces.shape[2]
    flat, force = result.reshape(-1, channels), forces.reshape(-1, channels)
    halves = _halved(hole)
    if sum(len(at) for at, _ in halves) <= _FEW or min(hole.shape) <= 2:
        _relax(flat, force, halves, stiff, _MANY)
        return
    _relax(flat, force, halves, stiff, _SWEEPS)
    rest = np.zeros_like(force)
    for at, around in halves:
        rest[at] = force[at] - _sums(flat, around) + np.float32(4 + stiff) * flat[at]
    smaller = np.asarray(_blocks(hole).all(axis=(1, 3)))
    if smaller.any():
        # A step of twice the length bends four times as much: the sum of four is right.
        sums = _blocks(rest.reshape(forces.shape)).sum(axis=(1, 3)) * smaller[..., None]
        change = np.zeros_like(sums)
        _cycle(change, sums, smaller, 4 * stiff)
        result += _doubled(change)[: hole.shape[0], : hole.shape[1]] * hole[..., None]
    _relax(flat, force, halves, stiff, _SWEEPS)


def _halved(hole: Mask) -> _Halves:
    height, width = hole.shape
    inside = np.flatnonzero(hole)
    row, column = np.divmod(inside, width)
    halves: _Halves = []
    for parity in (0, 1):
        mine = (row + column) % 2 == parity
        at, down, across = inside[mine], row[mine], column[mine]
        around = (
            np.where(down > 0, at - width, at),
            np.where(down < height - 1, at + width, at),
            np.where(across > 0, at - 1, at),
            np.where(across < width - 1, at + 1, at),
        )
        halves.append((at, around))
    return halves


def _sums(flat: NDArray[np.float32], around: tuple[NDArray[np.intp], ...]) -> NDArray[np.float32]:
    """(n, C): of four neighbours; beyond the picture's side the pixel is its own."""
    total = flat.take(around[0], axis=0)
    for beside in around[1:]:
        total += flat.take(beside, axis=0)
    return total


def _relax(
    flat: NDArray[np.float32],
    force: NDArray[np.float32],
    halves: _Halves,
    stiff: float,
    sweeps: int,
) -> None:
    """Let each half of the hole come to rest between its neighbours, in turns."""
    forced = [force.take(at, axis=0) for at, _ in halves]
    for _ in range(sweeps):
        for (at, around), pushed in zip(halves, forced, strict=True):
            flat[at] = (_sums(flat, around) - pushed) * np.float32(1 / (4 + stiff))


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """(h, 2, w, 2, …) of (H, W, …), an odd last row or column repeated."""
    odd = [(0, side % 2) for side in array.shape[:2]] + [(0, 0)] * (array.ndim - 2)
    even = np.pad(array, odd, mode="edge")
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, *even.shape[2:])


def _doubled(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Twice as large in rows and columns, linear between the middles of pixels."""
    for axis in (0, 1):
        length = array.shape[axis]
        near = array * np.float32(0.75)
        last = [np.minimum(np.arange(length) + 1, length - 1), np.maximum(np.arange(length) - 1, 0)]
        after, before = (array.take(at, axis=axis) * np.float32(0.25) for at in last)
        pairs = np.stack([near + before, near + after], axis=axis + 1)
        shape = list(array.shape)
        shape[axis] *= 2
        array = pairs.reshape(shape)
    return array
