"""Closed-form matting: the alpha of an unknown band from the colours on both sides.

Levin, Lischinski & Weiss 2008 ("A closed-form solution to natural image matting", TPAMI 30(2)): of
all alphas that are 1 and 0 where the trimap knows it, the one with the least alphaᵀ L alpha (see
`ops.laplacian`). That is a linear system over the band, solved by conjugate gradients. The start
comes from the picture at half its size, solved likewise and enlarged by local models of colour:
what reaches far is settled where pixels are few, and few steps are left at full size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nukki.errors import InputError
from nukki.ops.alpha import levels
from nukki.ops.band import HALO, make_band
from nukki.ops.conjugate import Limits, Prior, Progress, relax
from nukki.ops.grid import check_picture
from nukki.ops.laplacian import EPS, stencils
from nukki.ops.reduce import box_reduce
from nukki.ops.tiles import tight_box
from nukki.ops.trimap import UNKNOWN, check_trimap, keep_known, reduced
from nukki.ops.upsampling import upsampled
from nukki.types import RGB8, Alpha, Box, Mask, Trimap

__all__ = [
    "Prior",
    "Solution",
    "closed_form_alpha",
    "eased_alpha",
    "finer_alpha",
    "solve_closed_form",
]

# Of what the known pixels pull. With 5e-4 six of 36 pictures with truth are up to 6 % farther from
# it than by the exact solution, with this none by more than 2 % (docs/edges.md).
TOLERANCE = 1.7e-4
SHARPER, SHARPEST = 0.1, 2e-5  # each coarser level, being cheap, is solved more exactly, down to
LONGER = 400  # iterations of those levels
ITERATIONS = 300
# `EPS` where steps are few: with the authors' value alphas of flat parts follow the blocks of a
# JPEG; with this one errors on composites with truth are a per cent larger.
EASY = 1e-5
CONTRAST = 1.1  # of what goes from level to level where steps are few
COARSEST = 24  # pixels of the shorter side up to which a picture is halved
LEAST = 3  # a picture with less of a side has no window
MOST = 1 << 19  # unknown pixels solved at once: about 130 bytes each, and as much again for squares
OVERLAP = 24  # pixels that regions of a larger band share


@dataclass(frozen=True, eq=False)
class Solution:
    """An alpha, and how far the solver came.

    Attributes:
        alpha: (H, W) float32 in 0..1, exactly 1 and 0 where the trimap knows it.
        converged: Whether the equations are met to the tolerance asked for. Where False, the alpha
            is what was there when iterations or time ended.
        iterations: Steps of conjugate gradients at full size; of several regions the most.
        residual: What is left of the equations at full size, as a share of what the known pixels
            (and the prior) pull; of several regions the largest, infinite where one was not begun.
        seconds: How long it took.
    """

    alpha: Alpha
    converged: bool
    iterations: int
    residual: float
    seconds: float


@dataclass(frozen=True)
class _How:
    """How a level is solved, and the coarser ones."""

    eps: float
    limits: Limits
    coarser: Limits
    threads: int
    contrast: float = 1.0

    def below(self) -> _How:
        """How the next coarser level is."""
        sharper = max(SHARPEST, self.coarser.tolerance * SHARPER)
        return replace(self, limits=self.coarser, coarser=replace(self.coarser, tolerance=sharper))


def closed_form_alpha(image: RGB8, trimap: Trimap) -> Alpha:
    """The alpha of a picture whose trimap is known.

    Args:
        image: (H, W, 3) uint8.
        trimap: (H, W) uint8: 0 background, 128 unknown, 255 foreground.

    Returns:
        (H, W) float32 in 0..1, exactly 0 and 1 where the trimap is 0 and 255.

    Raises:
        InputError: If `image` is not RGB8, or `trimap` is not one of its size.
    """
    return solve_closed_form(image, trimap).alpha


def solve_closed_form(
    image: RGB8,
    trimap: Trimap,
    *,
    prior: Prior | None = None,
    eps: float = EPS,
    tolerance: float = TOLERANCE,
    iterations: int = ITERATIONS,
    seconds: float | None = None,
    threads: int = 1,
) -> Solution:
    """The same with what a caller may want to set, and with how it went.

    Args:
        image: (H, W, 3) uint8.
        trimap: (H, W) uint8: 0 background, 128 unknown, 255 foreground.
        prior: What is thought of alpha before, for each pixel.
        eps: Of the Laplacian, in units of colours in 0..1; more makes smoother alphas.
        tolerance: When the equations count as met.
        iterations: At most so many at full size.
        seconds: Answer after about so long with what is there; the result then depends on how fast
            the machine is.
        threads: How many threads may work; without `seconds` the result does not depend on it.

    Raises:
        InputError: If `image` is not RGB8, `trimap` is not one of its size, or a bound is not above
            0.
    """
    started = time.perf_counter()
    check_picture(image)
    check_trimap(trimap, (image.shape[0], image.shape[1]))
    for name, value in (("eps", eps), ("tolerance", tolerance), ("seconds", seconds)):
        if value is not None and not value > 0:
            message = f"`{name}` must be above 0, got {value}"
            raise InputError(message, hint=f"leave {name} out for the usual value")
    deadline = None if seconds is None else started + seconds
    coarser = Limits(max(SHARPEST, tolerance * SHARPER), LONGER, deadline)
    how = _How(eps, Limits(tolerance, iterations, deadline), coarser, threads)
    alpha, progress = _level(*_padded(image, trimap, prior), how)
    height, width = trimap.shape
    return Solution(
        alpha=keep_known(alpha[:height, :width], trimap),
        converged=progress.residual <= tolerance,
        iterations=progress.iterations,
        residual=progress.residual,
        seconds=time.perf_counter() - started,
    )


def eased_alpha(
    image: RGB8,
    trimap: Trimap,
    prior: Prior,
    *,
    steps: int,
    threads: int = 1,
) -> Alpha:
    """The same system, but only a few steps on each level.

    What a step on a coarse level moves is a smooth share of alpha, so stopping early keeps what the
    prior says at large and takes from the colours what lies near; between the levels alpha gets a
    little contrast, so that no veil is left where the prior was in doubt. For a trimap that was
    guessed from a network's map that is nearer to the truth than the solution, and sooner there
    (docs/edges.md).

    Args:
        image: (H, W, 3) uint8.
        trimap: (H, W) uint8: 0, 128, 255.
        prior: Of the picture; the coarsest level starts from its alpha.
        steps: On each level.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        (H, W) float32 in 0..1, exactly 0 and 1 where the trimap is 0 and 255.
    """
    few = Limits(0.0, steps)
    how = _How(EASY, few, few, threads, CONTRAST)
    alpha, _ = _level(*_padded(image, trimap, prior), how)
    return keep_known(alpha[: trimap.shape[0], : trimap.shape[1]], trimap)


def finer_alpha(image: RGB8, unknown: Mask, start: Alpha, *, steps: int, threads: int = 1) -> Alpha:
    """A few steps more on a finer picture, from an alpha that was enlarged to it.

    Args:
        image: (H, W, 3) uint8.
        unknown: (H, W) bool: what may change; the rest counts as known.
        start: (H, W) float32 in 0..1.
        steps: How many.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        (H, W) float32 in 0..1.
    """
    alpha = start.copy()
    few = Limits(0.0, steps)
    _solve(image, unknown, alpha, None, _How(EASY, few, few, threads))
    return np.clip(alpha, 0, 1, out=alpha)


def _padded(image: RGB8, trimap: Trimap, prior: Prior | None) -> tuple[RGB8, Trimap, Prior | None]:
    """The rim repeated where a picture is too narrow for a window."""
    more = [(0, max(0, LEAST - side)) for side in trimap.shape]
    if more == [(0, 0), (0, 0)]:
        return image, trimap, prior

    def wide(plane: Alpha) -> Alpha:
        return np.pad(plane, more, mode="edge")

    if prior is not None:
        prior = Prior(wide(prior.alpha), wide(prior.weight))
    return np.pad(image, [*more, (0, 0)], mode="edge"), np.pad(trimap, more, mode="edge"), prior


def _level(image: RGB8, trimap: Trimap, prior: Prior | None, how: _How) -> tuple[Alpha, Progress]:
    """The alpha of a picture, from that of half its size; clipped to 0..1."""
    unknown = trimap == UNKNOWN
    if not unknown.any():
        return keep_known(np.zeros(trimap.shape, np.float32), trimap), Progress(0, 0.0)
    if min(trimap.shape) < 2 * COARSEST:
        start = np.full(trimap.shape, 0.5, np.float32) if prior is None else prior.alpha
        alpha = keep_known(start, trimap)
    else:
        small = np.asarray(box_reduce(image, 2, threads=how.threads), np.uint8)
        half = None
        if prior is not None:
            half = Prior(_averaged(prior.alpha), 4 * _averaged(prior.weight))  # weights add up
        coarse, _ = _level(small, reduced(trimap, 2), half, how.below())
        if how.contrast != 1:
            coarse = levels(coarse, 0.5 - 0.5 / how.contrast, 0.5 + 0.5 / how.contrast)
        alpha = upsampled(coarse, small, image, trimap, 0.5, threads=how.threads)
    progress = _solve(image, unknown, alpha, prior, how)
    return np.clip(alpha, 0, 1, out=alpha), progress


def _averaged(plane: Alpha) -> Alpha:
    """Means of 2 × 2 blocks; the rim is repeated where a side is odd."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    rows = padded[::2] + padded[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25))


def _solve(image: RGB8, unknown: Mask, alpha: Alpha, prior: Prior | None, how: _How) -> Progress:
    """Solve for the unknown pixels of `alpha`, in place, region by region where they are many."""
    height, width = unknown.shape
    most, worst = 0, 0.0
    for region in _regions(unknown, Box(0, 0, width, height)):
        if how.limits.late():
            return Progress(most, math.inf)
        solved = region.grown(OVERLAP, height, width)
        # Windows of pixels at the side of what is solved look HALO further.
        seen = solved.grown(HALO, height, width)
        where = seen.slices()
        mask = np.zeros((seen.height, seen.width), np.bool_)
        inner = np.s_[
            solved.top - seen.top : solved.bottom - seen.top,
            solved.left - seen.left : solved.right - seen.left,
        ]
        mask[inner] = unknown[solved.slices()]
        band = make_band(mask)
        if band is None:
            continue
        rows = stencils(image[where], band, eps=how.eps, threads=how.threads)
        local = None if prior is None else Prior(prior.alpha[where], prior.weight[where])
        done = relax(band, rows, alpha[where], how.limits, prior=local, threads=how.threads)
        most, worst = max(most, done.iterations), max(worst, done.residual)
    return Progress(most, worst)


def _regions(unknown: Mask, box: Box) -> Iterator[Box]:
    """Boxes that cover the unknown pixels once, none with more than MOST of them.

    Regions are solved one after the other, each with what those before it found around it.
    """
    part = tight_box(unknown[box.slices()], box)
    if part is None:
        return
    if np.count_nonzero(unknown[part.slices()]) <= MOST:
        yield part
    elif part.height >= part.width:
        middle = (part.top + part.bottom) // 2
        yield from _regions(unknown, replace(part, bottom=middle))
        yield from _regions(unknown, replace(part, top=middle))
    else:
        middle = (part.left + part.right) // 2
        yield from _regions(unknown, replace(part, right=middle))
        yield from _regions(unknown, replace(part, left=middle))
