"""Conjugate gradients on a band: the system of the matting Laplacian, solved from a start.

    (L + W) alpha = W prior   on the band,   alpha as it is everywhere else

W is diagonal and may be absent. The preconditioner is the diagonal of the whole (Jacobi); Hestenes
& Stiefel 1952 ("Methods of conjugate gradients for solving linear systems").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nukki.ops.band import HALO, SIDE, Band
from nukki.types import Alpha

__all__ = ["Limits", "Prior", "Progress", "relax"]

WORTH = 4  # chunks for each thread
ROUNDING = 1e-6  # what float32 leaves of an equation that is met
INNER = np.s_[HALO:-HALO, HALO:-HALO]

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Attributes:
        tolerance: Norm of what is left of the equations, as a share of what the known pixels and
            the prior pull.
        iterations: At most.
        deadline: By `time.perf_counter`; None for no bound.
    """

    tolerance: float
    iterations: int
    deadline: float | None = None

    def late(self) -> bool:
        """Whether time is over."""
        return self.deadline is not None and time.perf_counter() >= self.deadline


@dataclass(frozen=True, eq=False)
class Prior:
    """What is thought of alpha before the colours are looked at.

    Attributes:
        alpha: (H, W), 0..1.
        weight: (H, W), at least 0: how much it counts beside the colours.
    """

    alpha: Alpha
    weight: Alpha


@dataclass(frozen=True)
class Progress:
    """How far it came.

    Attributes:
        iterations: How many were done.
        residual: What is left, as `Limits.tolerance` counts it; 0 where that is no more than
            rounding.
    """

    iterations: int
    residual: float


def relax(
    band: Band,
    rows: Values,
    alpha: Alpha,
    limits: Limits,
    *,
    prior: Prior | None = None,
    threads: int = 1,
) -> Progress:
    """Bring the band's pixels of an alpha nearer to the solution, in place.

    Args:
        band: The pixels that may change.
        rows: Their rows of the Laplacian (`ops.laplacian.stencils`); its diagonal gets the prior's
            weight, in place.
        alpha: (H, W) float32: the start, and what holds outside the band.
        limits: When to stop.
        prior: Of the whole picture.
        threads: How many threads may work; the result does not depend on it.
    """
    # Threads that wait for each other after every step cost more than they do for small bands.
    threads = min(threads, band.chunks // WORTH)
    with ThreadPoolExecutor(max(1, threads)) as pool:

        def run(work: Callable[[int], float]) -> float:
            """Do a step of the work on all chunks; the sum of what they answer, in their order."""
            if threads > 1:
                return sum(pool.map(work, range(band.chunks)))
            return sum(map(work, range(band.chunks)))

        descent = _Descent(band, rows)
        pull = run(lambda chunk: descent.start(chunk, alpha, prior)) ** 0.5
        return _descend(descent, run, pull, alpha, limits)


def _descend(
    descent: _Descent,
    run: Callable[[Callable[[int], float]], float],
    pull: float,
    alpha: Alpha,
    limits: Limits,
) -> Progress:
    slope = run(descent.first)
    residual = run(descent.norm) ** 0.5
    # Where only the background is known nothing pulls, but the start is still to be met.
    scale, noise = max(pull, residual), ROUNDING * descent.count**0.5
    least, done = max(limits.tolerance * scale, noise), 0
    while residual > least and done < limits.iterations and not limits.late():
        curvature = run(descent.multiply)
        if not curvature > 0:  # the equations are met, or what is left is rounding
            break
        descent.size = slope / curvature
        after = run(descent.move)
        descent.turn = after / slope
        slope, residual = after, run(descent.norm) ** 0.5
        run(descent.bend)
        done += 1
    descent.finish(alpha)
    return Progress(done, residual / scale if residual > noise else 0.0)


class _Descent:
    """The vectors of one run, and its steps on one chunk.

    Attributes:
        count: How many equations there are.
        size: How far the next move goes along the direction.
        turn: How much of the old direction the next one keeps.
    """

    def __init__(self, band: Band, rows: Values) -> None:
        self.band, self.rows = band, rows
        self.flat, self.full = band.buffer()
        # The direction lies in a buffer with halos, since it alone is multiplied.
        self.direction = self.full[:, *INNER]
        windows = sliding_window_view(self.full, (SIDE, SIDE), axis=(1, 2))
        self.windows = windows.transpose(0, 1, 2, 4, 5, 3)
        self.left, self.moved, self.product, self.scale = (
            np.zeros(self.direction.shape, np.float32) for _ in range(4)
        )
        self.count = int(np.count_nonzero(band.inside))
        self.size = self.turn = 0.0

    def start(self, chunk: int, alpha: Alpha, prior: Prior | None) -> float:
        """What is left of the equations; answers the square of what pulls, of both sides."""
        inside = self.band.inside[chunk]
        centre = self.rows[chunk, HALO, HALO]
        self.full[chunk] = around = self.band.gathered(alpha, chunk)
        self._multiply(chunk)
        left = np.negative(self.product[chunk], out=self.left[chunk])
        # What the known pixels alone give; the rest of the product is the start's own.
        self.full[chunk] = np.where(self.band.known(chunk), around, 0)
        self._multiply(chunk)
        pull = self.product[chunk]
        if prior is not None:
            say = self.band.gathered(prior.weight, chunk)[INNER] * inside
            wanted = self.band.gathered(prior.alpha, chunk)[INNER]
            left += say * (wanted - around[INNER])
            pull -= say * wanted
            centre += say
        np.divide(inside, np.maximum(centre, 1e-6), out=self.scale[chunk])
        return _dot(pull, pull)

    def first(self, chunk: int) -> float:
        """Begin along the preconditioned rest; answers rest · direction."""
        self.full[chunk] = 0
        np.multiply(self.left[chunk], self.scale[chunk], out=self.direction[chunk])
        return _dot(self.left[chunk], self.direction[chunk])

    def multiply(self, chunk: int) -> float:
        """Multiply the direction; answers the curvature along it."""
        self.band.refresh(self.flat, chunk)
        self._multiply(chunk)
        return _dot(self.direction[chunk], self.product[chunk])

    def move(self, chunk: int) -> float:
        """Move by `size`; answers rest · preconditioned rest."""
        product, left = self.product[chunk], self.left[chunk]
        product *= np.float32(self.size)
        left -= product
        np.multiply(self.direction[chunk], np.float32(self.size), out=product)
        self.moved[chunk] += product
        np.multiply(left, self.scale[chunk], out=product)
        return _dot(left, product)

    def norm(self, chunk: int) -> float:
        """The square of what is left."""
        return _dot(self.left[chunk], self.left[chunk])

    def bend(self, chunk: int) -> float:
        """The next direction."""
        direction = self.direction[chunk]
        direction *= np.float32(self.turn)
        direction += self.product[chunk]
        return 0.0

    def finish(self, alpha: Alpha) -> None:
        """Add the moves to the alpha."""
        self.band.add(self.moved, alpha)

    def _multiply(self, chunk: int) -> None:
        """The product of a chunk of the buffer with the rows: one pass over 25 numbers a pixel."""
        np.einsum(
            "abijt,abijt->ijt", self.rows[chunk], self.windows[chunk], out=self.product[chunk]
        )


def _dot(one: Values, other: Values) -> float:
    # Not BLAS: its sums depend on how many threads it has.
    return float(np.einsum("abt,abt->", one, other))
