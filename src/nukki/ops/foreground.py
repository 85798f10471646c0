"""The subject's own colours in the soft band: what stood before the background shone through.

A photo mixes I = alpha · F + (1 - alpha) · B. F and B are found from coarse to fine after Germer,
Uelwer, Conrad, Harmeling 2020 ("Fast Multi-Level Foreground Estimation", arXiv:2006.14970): on each
level of a pyramid every pixel minimises

    (alpha F + (1 - alpha) B - I)² + Σ w (F - F')² + Σ w (B - B')²,    w = R + G |alpha - alpha'|

over its four neighbours ', which has a closed solution. The levels run on crops around the band,
down to a reduced picture; the last step to full size takes the enlarged colours as neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.bilinear import sampled, span
from nukki.ops.refine import Guide, guide_factor, make_guide
from nukki.ops.tiles import each, row_blocks, tight_box, tile_boxes
from nukki.types import Alpha, Box, Pixels

__all__ = ["estimate_background", "estimate_foreground"]

REGULARISATION = 1e-5  # R, the paper's value
# G: with the paper's 1 the few steps are spent on smoothing; a fifth less error (docs/colours.md).
GRADIENT = 0.03
SMALL, STEPS_SMALL, STEPS = 32, 10, 4  # levels up to 32 pixels iterate 10 times, larger ones 4
TILE = 256  # larger ones leave the caches, smaller ones wait for the interpreter
COARSE = 4  # how much smaller the picture is that is solved as a whole, before the tiles
# In pixels of the finest level: what the steps on two levels, and enlarging, can see.
HALO = 16

Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Work:
    """What every tile needs.

    Attributes:
        image: (3, h, w), the picture at the finest level.
        cover: (h, w), its alpha.
        coarse: (6, h / COARSE, w / COARSE), F and B of the whole picture.
        factor: How much smaller the finest level is than the picture.
    """

    image: Planes
    cover: Planes
    coarse: Planes
    factor: int


def estimate_foreground(
    pixels: Pixels, alpha: Alpha, *, guide: Guide | None = None, threads: int = 1
) -> Pixels:
    """Estimate the subject's colours where it is neither solid nor absent.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) float32 in 0..1.
        guide: The picture reduced, where it has been made already.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        Like `pixels`. Pixels whose alpha rounds to 0 or to the largest value are bit-identical to
        the input.

    Raises:
        InputError: If the shapes do not match.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.shape[:2] != alpha.shape:
        message = f"`alpha` must have shape {pixels.shape[:2]} like `pixels`, got {alpha.shape}"
        raise InputError(message)
    result = np.empty_like(pixels)
    height, width = alpha.shape
    half = np.float32(0.5 / np.iinfo(pixels.dtype).max)
    todo: list[Box] = []

    def copy_and_look(tile: Box) -> None:
        result[tile.slices()] = pixels[tile.slices()]
        soft = tight_box(_soft(alpha, tile, half), tile)
        if soft is not None:
            todo.append(soft)

    each(copy_and_look, tile_boxes(height, width, TILE), threads)
    if not todo:
        return result
    if guide is None:
        guide = make_guide(pixels, guide_factor(height, width), threads=threads)
    work = _prepare(alpha, guide, threads)

    def solve(tile: Box) -> None:
        colours = _solve_tile(pixels, alpha, tile, work)
        soft = _soft(alpha, tile, half)
        result[tile.slices()][soft] = colours[soft]

    each(solve, todo, threads)
    return result


def estimate_background(
    pixels: Pixels, alpha: Alpha, *, guide: Guide | None = None, threads: int = 1
) -> Pixels:
    """Estimate what stands behind the subject where it shines through.

    The model treats both sides alike, so this is the foreground of everything else.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) float32 in 0..1: the subject's.
        guide: The picture reduced, where it has been made already.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        Like `pixels`. Pixels whose alpha rounds to 0 or to the largest value are bit-identical to
        the input: behind what is solid nothing is known.

    Raises:
        InputError: If the shapes do not match.
    """
    return estimate_foreground(pixels, 1 - alpha, guide=guide, threads=threads)


def _soft(alpha: Alpha, tile: Box, half: np.float32) -> NDArray[np.bool_]:
    """Which pixels of a tile are saved with neither the smallest nor the largest alpha."""
    part = alpha[tile.slices()]
    return (part > half) & (part < 1 - half)


def _prepare(alpha: Alpha, guide: Guide, threads: int) -> _Work:
    """The finest level, and the coarse one solved as a whole."""
    image, factor = guide.planes, guide.factor
    height, width = image.shape[1], image.shape[2]
    cover = np.empty((height, width), np.float32)

    def shrink(rows: slice) -> None:
        part = alpha[rows.start * factor : rows.stop * factor]
        cover[rows] = _shrunk(part[None], factor)[0]

    each(shrink, row_blocks(height, width, 1 << 15), threads)
    coarse = _multilevel(_shrunk(image, COARSE), _shrunk(cover[None], COARSE)[0])
    return _Work(image, cover, coarse, factor)


def _solve_tile(pixels: Pixels, alpha: Alpha, tile: Box, work: _Work) -> Pixels:
    """Foreground colours of a tile, (h, w, 3) like `pixels`."""
    factor = work.factor
    height, width = work.cover.shape
    inner = Box(
        tile.left // factor,
        tile.top // factor,
        -(-tile.right // factor),
        -(-tile.bottom // factor),
    )
    halo = _aligned(inner.grown(HALO, height, width), COARSE, height, width)
    rows, columns = halo.slices()
    image, cover = work.image[:, rows, columns], work.cover[rows, columns]
    start = work.coarse[
        :,
        halo.top // COARSE : -(-halo.bottom // COARSE),
        halo.left // COARSE : -(-halo.right // COARSE),
    ]
    middle_image, middle_cover = _shrunk(image, 2), _shrunk(cover[None], 2)[0]
    both = _iterate(_doubled(start, middle_cover.shape), middle_image, middle_cover, STEPS)
    both = _iterate(_doubled(both, cover.shape), image, cover, STEPS)
    part = (
        slice(tile.top - halo.top * factor, tile.bottom - halo.top * factor),
        slice(tile.left - halo.left * factor, tile.right - halo.left * factor),
    )
    across, along = (
        span(p.start, p.stop, n, 1 / factor) for p, n in zip(part, cover.shape, strict=True)
    )
    near = sampled(both, across, along)
    a = alpha[tile.slices()]
    top = np.iinfo(pixels.dtype).max
    colours = pixels[tile.slices()].transpose(2, 0, 1).astype(np.float32)
    colours /= top
    # The closed solution once more at full size, where the enlarged colours are the neighbours.
    residual = colours - a * near[:3] - (1 - a) * near[3:]
    residual *= a / (a * a + (1 - a) * (1 - a))
    residual += near[:3]
    np.clip(residual, 0, 1, out=residual)
    residual *= top
    np.rint(residual, out=residual)
    return np.asarray(residual.transpose(1, 2, 0).astype(pixels.dtype))


def _aligned(box: Box, factor: int, height: int, width: int) -> Box:
    """The box enlarged to multiples of `factor`, clipped to the picture."""
    return Box(
        box.left // factor * factor,
        box.top // factor * factor,
        min(width, -(-box.right // factor) * factor),
        min(height, -(-box.bottom // factor) * factor),
    )


def _shrunk(planes: Planes, factor: int) -> Planes:
    """Means of factor × factor blocks; blocks at the rim average what there is."""
    if factor == 1:
        return planes
    return _means(_means(planes, factor, 1), factor, 2)


def _means(planes: Planes, factor: int, axis: int) -> Planes:
    """Means of `factor` neighbours along an axis of (C, H, W)."""
    before = (slice(None),) * axis
    length = planes.shape[axis]
    whole = length // factor * factor
    total = planes[(*before, slice(0, whole, factor))].copy()
    for offset in range(1, factor):
        total += planes[(*before, slice(offset, whole, factor))]
    total /= factor
    if whole == length:
        return total
    rest = planes[(*before, slice(whole, length))].mean(axis=axis, keepdims=True, dtype=np.float32)
    return np.concatenate([total, rest], axis=axis)


def _doubled(planes: Planes, shape: tuple[int, ...]) -> Planes:
    """Every pixel twice in both directions, cut to (height, width) `shape`."""
    return planes.repeat(2, axis=1)[:, : shape[0]].repeat(2, axis=2)[:, :, : shape[1]]


def _multilevel(image: Planes, alpha: NDArray[np.float32]) -> Planes:
    """F and B, stacked to (6, h, w), from the coarsest level down to `image` itself."""
    levels = [(image, alpha)]
    while max(levels[-1][1].shape) > 2:
        finer, cover = levels[-1]
        levels.append((_shrunk(finer, 2), _shrunk(cover[None], 2)[0]))
    mean_f = _weighted_mean(image, alpha)
    mean_b = _weighted_mean(image, 1 - alpha)
    coarsest = levels[-1][1].shape
    both = np.concatenate([mean_f, mean_b])[:, None, None] * np.ones((1, *coarsest), np.float32)
    for colours, cover in reversed(levels):
        if both.shape[1:] != cover.shape:
            both = _doubled(both, cover.shape)
        both = _iterate(both, colours, cover, STEPS_SMALL if max(cover.shape) <= SMALL else STEPS)
    return both


def _weighted_mean(image: Planes, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    total = float(weight.sum())
    if total < 1e-6:
        return np.asarray(image.mean(axis=(1, 2)), np.float32)
    return np.asarray((image * weight).sum(axis=(1, 2)) / total, np.float32)


def _iterate(both: Planes, image: Planes, alpha: NDArray[np.float32], steps: int) -> Planes:
    """Jacobi steps of the closed solution on one level."""
    rim = _framed(alpha[None])[0]
    sides = (
        (slice(0, -2), slice(1, -1)),
        (slice(2, None), slice(1, -1)),
        (slice(1, -1), slice(0, -2)),
        (slice(1, -1), slice(2, None)),
    )
    weights = [np.abs(alpha - rim[side]) * GRADIENT + REGULARISATION for side in sides]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    shares = [weight / total for weight in weights]
    beta = 1 - alpha
    inverse = 1 / (total + alpha * alpha + beta * beta)
    gain_f, gain_b = alpha * inverse, beta * inverse
    for _ in range(steps):
        padded = _framed(both)
        average = padded[:, *sides[0]] * shares[0]
        for side, share in zip(sides[1:], shares[1:], strict=True):
            average += padded[:, *side] * share
        residual = image - alpha * average[:3] - beta * average[3:]
        average[:3] += gain_f * residual
        average[3:] += gain_b * residual
        # The paper clips after each step: colours outside the gamut do not spread.
        both = np.clip(average, 0.0, 1.0, out=average)
    return both


def _framed(planes: Planes) -> Planes:
    """One more pixel on each side, repeating the rim; np.pad is slow on small arrays."""
    channels, height, width = planes.shape
    framed = np.empty((channels, height + 2, width + 2), np.float32)
    framed[:, 1:-1, 1:-1] = planes
    framed[:, 0, 1:-1] = planes[:, 0]
    framed[:, -1, 1:-1] = planes[:, -1]
    framed[:, :, 0] = framed[:, :, 1]
    framed[:, :, -1] = framed[:, :, -2]
    return framed
