"""The subject's own colours in the soft band: what stood before the background shone through.

A photo mixes I = alpha · F + (1 - alpha) · B. F and B are found from coarse to fine after Germer,
Uelwer, Conrad, Harmeling 2020 ("Fast Multi-Level Foreground Estimation", arXiv:2006.14970): on each
level of a pyramid every pixel minimises

    (alpha F + (1 - alpha) B - I)² + Σ w (F - F')² + Σ w (B - B')²,    w = R + G |alpha - alpha'|

over its four neighbours ', which has a closed solution. The levels run on crops around the band,
down to a reduced picture; the last step to full size takes the enlarged colours as neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.tiles import each, tile_boxes
from nukki.types import Alpha, Box, Pixels

__all__ = ["estimate_foreground"]

REGULARISATION = 1e-5  # R, the paper's value
GRADIENT = 1.0  # G, likewise
SMALL, STEPS_SMALL, STEPS = 32, 10, 2  # levels up to 32 pixels iterate 10 times, larger ones twice
TILE = 256
HALO = 48
FINEST = 1000  # a picture whose long side is larger is solved at half, a third … of its size

Planes = NDArray[np.float32]


def estimate_foreground(
    pixels: Pixels, alpha: Alpha, *, out: Pixels | None = None, threads: int = 1
) -> Pixels:
    """Estimate the subject's colours where it is neither solid nor absent.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) float32 in 0..1.
        out: Array like `pixels` that already holds a copy of it and is written to; None makes one.
        threads: How many threads may work.

    Returns:
        Like `pixels`. Pixels whose alpha rounds to 0 or to the largest value are bit-identical to
        the input.

    Raises:
        InputError: If the shapes do not match.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.shape[:2] != alpha.shape:
        message = f"`alpha` must have shape {pixels.shape[:2]} like `pixels`, got {alpha.shape}"
        raise InputError(message)
    result = pixels.copy() if out is None else out
    height, width = alpha.shape
    top = np.float32(np.iinfo(pixels.dtype).max)
    factor = max(1, -(-max(height, width) // FINEST))
    half = 0.5 / float(top)

    def work(tile: Box) -> None:
        part = alpha[tile.slices()]
        soft = (part > half) & (part < 1 - half)
        if not soft.any():
            return
        # Only the rows and columns of the tile that hold soft pixels are solved.
        tight = _tight(soft, tile)
        colours = _solve_tile(pixels, alpha, tight, factor, top)
        inner = alpha[tight.slices()]
        change = (inner > half) & (inner < 1 - half)
        target = result[tight.slices()]
        target[change] = np.rint(np.clip(colours[change], 0, 1) * top).astype(pixels.dtype)

    each(work, list(tile_boxes(height, width, TILE)), threads)
    return result


def _tight(soft: NDArray[np.bool_], tile: Box) -> Box:
    """Bounds of the True pixels of a tile, in the picture's coordinates."""
    rows = np.flatnonzero(soft.any(axis=1))
    columns = np.flatnonzero(soft.any(axis=0))
    return Box(
        tile.left + int(columns[0]),
        tile.top + int(rows[0]),
        tile.left + int(columns[-1]) + 1,
        tile.top + int(rows[-1]) + 1,
    )


def _solve_tile(
    pixels: Pixels, alpha: Alpha, tile: Box, factor: int, top: np.float32
) -> NDArray[np.float32]:
    """Foreground colours (h, w, 3) of a tile, 0..1, from its surroundings."""
    height, width = alpha.shape
    halo = _aligned(tile.grown(HALO, height, width), factor, height, width)
    rows, columns = halo.slices()
    image = np.ascontiguousarray(pixels[rows, columns].transpose(2, 0, 1), np.float32) / top
    cover = alpha[rows, columns]
    small_image, small_cover = _shrunk(image, factor), _shrunk(cover[None], factor)[0]
    both = _multilevel(small_image, small_cover)
    inner = (
        slice(tile.top - halo.top, tile.bottom - halo.top),
        slice(tile.left - halo.left, tile.right - halo.left),
    )
    if factor == 1:
        return both[:3, *inner].transpose(1, 2, 0)
    near = _grown(both, factor, inner)
    a, colours = cover[inner], image[:, *inner]
    residual = colours - a * near[:3] - (1 - a) * near[3:]
    share = a / (a * a + (1 - a) * (1 - a))
    return np.asarray((near[:3] + share * residual).transpose(1, 2, 0), np.float32)


def _aligned(box: Box, factor: int, height: int, width: int) -> Box:
    """The box enlarged to multiples of `factor`, clipped to the picture."""
    return Box(
        box.left // factor * factor,
        box.top // factor * factor,
        min(width, -(-box.right // factor) * factor),
        min(height, -(-box.bottom // factor) * factor),
    )


def _shrunk(planes: Planes, factor: int) -> Planes:
    """Means of factor × factor blocks; the rim's last pixels are repeated to fill a block."""
    if factor == 1:
        return planes
    down, right = -planes.shape[1] % factor, -planes.shape[2] % factor
    if down or right:
        planes = np.pad(planes, ((0, 0), (0, down), (0, right)), mode="edge")
    channels, height, width = planes.shape
    blocks = planes.reshape(channels, height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)), np.float32)


def _grown(planes: Planes, factor: int, part: tuple[slice, slice]) -> Planes:
    """Bilinear enlargement by `factor`; only `part` of the large picture is made."""
    rows, columns = part
    first, second, share = _between(rows, factor, planes.shape[1])
    tall = planes[:, first] + (planes[:, second] - planes[:, first]) * share[:, None]
    first, second, share = _between(columns, factor, planes.shape[2])
    return np.asarray(tall[..., first] + (tall[..., second] - tall[..., first]) * share, np.float32)


def _between(
    part: slice, factor: int, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    at = np.clip((np.arange(part.start, part.stop) + 0.5) / factor - 0.5, 0, size - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)


def _multilevel(image: Planes, alpha: NDArray[np.float32]) -> Planes:
    """F and B, stacked to (6, h, w), from the coarsest level down to `image` itself."""
    levels = [(image, alpha)]
    while max(levels[-1][1].shape) > 2:
        finer, cover = levels[-1]
        levels.append((_shrunk(finer, 2), _shrunk(cover[None], 2)[0]))
    coarsest = levels[-1][1].shape
    mean_f = _weighted_mean(image, alpha)
    mean_b = _weighted_mean(image, 1 - alpha)
    both = np.broadcast_to(np.concatenate([mean_f, mean_b])[:, None, None], (6, *coarsest))
    for colours, cover in reversed(levels):
        height, width = cover.shape
        if both.shape[1:] != cover.shape:
            both = both.repeat(2, axis=1)[:, :height].repeat(2, axis=2)[:, :, :width]
        steps = STEPS_SMALL if max(height, width) <= SMALL else STEPS
        both = _iterate(both, colours, cover, steps)
    return both


def _weighted_mean(image: Planes, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    total = float(weight.sum())
    if total < 1e-6:
        return np.asarray(image.mean(axis=(1, 2)), np.float32)
    return np.asarray((image * weight).sum(axis=(1, 2)) / total, np.float32)


def _iterate(both: Planes, image: Planes, alpha: NDArray[np.float32], steps: int) -> Planes:
    """Jacobi steps of the closed solution on one level."""
    height, width = alpha.shape
    rim = np.pad(alpha, 1, mode="edge")
    sides = (
        (slice(0, height), slice(1, width + 1)),
        (slice(2, height + 2), slice(1, width + 1)),
        (slice(1, height + 1), slice(0, width)),
        (slice(1, height + 1), slice(2, width + 2)),
    )
    weights = [np.abs(alpha - rim[side]) * GRADIENT + REGULARISATION for side in sides]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    shares = [weight / total for weight in weights]
    beta = 1 - alpha
    inverse = 1 / (total + alpha * alpha + beta * beta)
    gain_f, gain_b = alpha * inverse, beta * inverse
    for _ in range(steps):
        padded = np.pad(both, ((0, 0), (1, 1), (1, 1)), mode="edge")
        average = padded[:, *sides[0]] * shares[0]
        for side, share in zip(sides[1:], shares[1:], strict=True):
            average += padded[:, *side] * share
        residual = image - alpha * average[:3] - beta * average[3:]
        average[:3] += gain_f * residual
        average[3:] += gain_b * residual
        # The paper clips after each step: colours outside the gamut do not spread.
        both = np.clip(average, 0.0, 1.0, out=average)
    return both
