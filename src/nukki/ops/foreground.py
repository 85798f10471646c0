"""The subject's own colours in the soft band: what stood before the background shone through.

A photo mixes I = alpha · F + (1 - alpha) · B. F and B are found from coarse to fine after Germer,
Uelwer, Conrad, Harmeling 2020 ("Fast Multi-Level Foreground Estimation", arXiv:2006.14970): on each
level of a pyramid every pixel minimises

    (alpha F + (1 - alpha) B - I)² + Σ w (F - F')² + Σ w (B - B')²,    w = R + G |alpha - alpha'|

over its four neighbours ', which has a closed solution. Coarse levels are solved as a whole, the
two finest of a reduced picture in squares around the band: four steps see four pixels far. The last
step to full size takes the enlarged colours as neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.bilinear import magnified
from nukki.ops.guided import scaled
from nukki.ops.refine import Guide, guide_factor, make_guide
from nukki.ops.tiles import each, row_blocks, tight_box, tile_boxes
from nukki.types import Alpha, Box, Pixels

__all__ = ["estimate_background", "estimate_foreground"]

REGULARISATION = 1e-5  # R, the paper's value
# G: with the paper's 1 the few steps are spent on smoothing; a fifth less error (docs/colours.md).
GRADIENT = 0.03
SMALL, STEPS_SMALL, STEPS = 32, 10, 4  # levels up to 32 pixels iterate 10 times, larger ones 4
COARSE = 4  # how much smaller the picture is that is solved as a whole, before the squares
SIDE = 16  # of a square at the finest level, a multiple of COARSE
SQUARES = 64  # of them are solved side by side, the inner loops along them
TILE = (
    256  # of the full picture: larger ones leave the caches, smaller ones wait for the interpreter
)

Planes = NDArray[np.float32]
Places = NDArray[np.intp]


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
        if tight_box(_soft(alpha, tile, half), tile) is not None:
            todo.append(tile)

    each(copy_and_look, tile_boxes(height, width, TILE), threads)
    if not todo:
        return result
    if guide is None:
        guide = make_guide(pixels, guide_factor(height, width), threads=threads)
    both = _solved(alpha, guide, threads)

    def finish(tile: Box) -> None:
        for part in tile_boxes(tile.height, tile.width, TILE // 2):
            part = part.moved(tile.left, tile.top)
            soft = _soft(alpha, part, half)
            box = tight_box(soft, part)
            if box is not None:
                where = box.moved(-part.left, -part.top).slices()
                # A solid pixel's colours come out as they are: so do those of what is gone.
                cover = np.where(soft[where], alpha[box.slices()], np.float32(1))
                near = magnified(both, guide.factor, box)
                result[box.slices()] = _mixed_out(pixels[box.slices()], cover, near)

    each(finish, todo, threads)
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


def _solved(alpha: Alpha, guide: Guide, threads: int) -> Planes:
    """F and B on the reduced picture, (6, h, w), where a soft pixel looks at them."""
    image, factor = guide.planes, guide.factor
    height, width = image.shape[1:]
    cover = np.empty((height, width), np.float32)

    def shrink(rows: slice) -> None:
        part = alpha[rows.start * factor : rows.stop * factor]
        cover[rows] = _shrunk(part[None], factor)[0]

    each(shrink, row_blocks(height, width, 1 << 15), threads)
    middle = _shrunk(image, 2), _shrunk(cover[None], 2)
    coarse = _multilevel(_shrunk(middle[0], COARSE // 2), _shrunk(middle[1], COARSE // 2)[0])
    down, right = _squares(cover)
    shape = (6, -(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE)
    both = np.zeros(shape, np.float32)
    grid = both.reshape(6, shape[1] // SIDE, SIDE, shape[2] // SIDE, SIDE)

    def solve(first: int) -> None:
        rows, columns = down[first : first + SQUARES], right[first : first + SQUARES]

        def taken(planes: Planes, scale: int, halo: int) -> Planes:
            """Squares of a level `scale` times smaller with `halo` more around, the number last."""
            side = SIDE // scale
            reach = np.arange(-halo, side + halo)[:, None]
            y = (rows * side + reach).clip(0, planes.shape[1] - 1)
            x = (columns * side + reach).clip(0, planes.shape[2] - 1)
            flat = y[:, None] * planes.shape[2] + x
            return np.asarray(planes.reshape(len(planes), -1).take(flat, axis=1))

        # Each level needs a halo of STEPS for its steps, and the one that the next begins with.
        start = _doubled(taken(coarse, COARSE, 3 * STEPS // 4))
        outer = 3 * STEPS // 2
        start = _iterate(start, taken(middle[0], 2, outer), taken(middle[1], 2, outer)[0], STEPS)
        fine = taken(image, 1, STEPS), taken(cover[None], 1, STEPS)[0]
        grid[:, rows, :, columns] = _iterate(_doubled(start), *fine, STEPS).transpose(3, 0, 1, 2)

    each(solve, range(0, len(down), SQUARES), threads)
    return both[:, :height, :width]


def _squares(cover: Alpha) -> tuple[Places, Places]:
    """Rows and columns, in the grid of squares, of those that a soft pixel looks at."""
    height, width = cover.shape
    marks = np.zeros((-(-height // SIDE) * SIDE + 2, -(-width // SIDE) * SIDE + 2), np.bool_)
    marks[1 : height + 1, 1 : width + 1] = (cover > 0) & (cover < 1)
    for _ in range(2):  # the cells beside it, too: colours are enlarged from two of them
        marks[1:-1] |= marks[:-2] | marks[2:]
        marks = marks.T
    inner = marks[1:-1, 1:-1]
    blocks = inner.reshape(inner.shape[0] // SIDE, SIDE, inner.shape[1] // SIDE, SIDE)
    down, right = np.nonzero(blocks.any(axis=(1, 3)))
    return down, right


def _mixed_out(pixels: Pixels, alpha: Alpha, near: Planes) -> Pixels:
    """The closed solution once more, at full size, where the enlarged colours are the neighbours.

    Args:
        pixels: (h, w, 3).
        alpha: (h, w).
        near: (6, h, w), F and B; they are lost.

    Returns:
        (h, w, 3), F like the pixels; the very pixels where alpha is 1.
    """
    top = np.iinfo(pixels.dtype).max
    rest = 1 - alpha
    gain = alpha / (alpha * alpha + rest * rest)
    front, behind = near[:3], near[3:]
    behind *= gain * rest
    colours = scaled(pixels)
    colours *= gain
    colours -= behind
    front *= 1 - gain * alpha
    colours += front
    np.clip(colours, 0, 1, out=colours)
    colours *= top
    np.rint(colours, out=colours)
    return np.asarray(colours.astype(pixels.dtype).transpose(1, 2, 0))


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


def _doubled(planes: Planes) -> Planes:
    """Every pixel of (C, H, W, …) twice in both directions."""
    return planes.repeat(2, axis=1).repeat(2, axis=2)


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
            both = _doubled(both)[:, : cover.shape[0], : cover.shape[1]]
        steps = STEPS_SMALL if max(cover.shape) <= SMALL else STEPS
        both = _iterate(_framed(both, steps), _framed(colours, steps), _framed(cover, steps), steps)
    return both


def _framed(planes: Planes, more: int) -> Planes:
    """Planes (…, H, W) with the rim repeated `more` times."""
    return np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [(more, more)] * 2, mode="edge")


def _weighted_mean(image: Planes, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    total = float(weight.sum())
    if total < 1e-6:
        return np.asarray(image.mean(axis=(1, 2)), np.float32)
    return np.asarray((image * weight).sum(axis=(1, 2)) / total, np.float32)


def _iterate(both: Planes, image: Planes, alpha: NDArray[np.float32], steps: int) -> Planes:
    """Jacobi steps of the closed solution on one level; each loses a pixel at every side.

    Args:
        both: (6, h, w, …), F and B.
        image: (3, h, w, …).
        alpha: (h, w, …).
        steps: How many.

    Returns:
        (6, h - 2 · steps, w - 2 · steps, …).
    """
    sides = (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:])
    inner = alpha[1:-1, 1:-1]
    shares = np.stack([np.abs(alpha[side] - inner) for side in sides])
    shares *= np.float32(GRADIENT)
    shares += np.float32(REGULARISATION)
    total = shares.sum(axis=0)
    shares /= total
    rest = 1 - inner
    inverse = 1 / (total + inner * inner + rest * rest)
    gains = np.stack([inner * inverse, rest * inverse])
    for step in range(steps):
        here = (slice(step, len(inner) - step), slice(step, inner.shape[1] - step))
        average = both[:, *sides[0]] * shares[0][here]
        for side, share in zip(sides[1:], shares[1:], strict=True):
            average += both[:, *side] * share[here]
        residual = image[:, step + 1 : -step - 1, step + 1 : -step - 1] - inner[here] * average[:3]
        residual -= rest[here] * average[3:]
        average[:3] += gains[0][here] * residual
        average[3:] += gains[1][here] * residual
        # The paper clips after each step: colours outside the gamut do not spread.
        both = np.clip(average, 0.0, 1.0, out=average)
    return both
