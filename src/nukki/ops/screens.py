"""The screen behind a subject: its colour, where it is seen, and what it looks like everywhere.

A screen is lit unevenly, folded and shaded, but each of its pixels is a shade of one colour: chroma
over brightness, Cb/Y' and Cr/Y', is nearly constant on it (light that is weaker by a factor scales
gamma-coded values by a factor, too). So the screen is told by that ratio, and its brightness may be
anything. The plate, what the screen looks like behind the subject, is a low-order surface fitted
robustly to what is seen of it, plus what is left over, spread inwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.guided import window_sum
from nukki.ops.hues import saturation, to_ycc
from nukki.ops.refine import Guide
from nukki.ops.spread import spread_mean
from nukki.types import Mask

__all__ = ["SATURATED", "Border", "Screen", "eroded", "find_screen", "look_at_border", "shadows"]

SATURATED = 0.3  # chroma over brightness: skin has .25, a green screen .5, a blue one .8
HUED = 0.06  # chroma; what has less is dark and only tinged
LEAST = 0.002  # of the picture; less of a colour than this is no screen
HUE_OF_WORD, HUE_OF_COLOUR = 45.0, 25.0  # degrees around the hue that is looked for
RIM = 0.04  # of the longer side: the border, where screens are looked for first ...
RIM_COUNTS = 5.0  # ... and count for more
NEAR = 0.10  # difference from the screen's ratio that is the screen still, at least ...
NEAR_NOISE = 4.0  # ... and in medians of the differences on the screen
DIM = 0.05  # brightness below about this is noise
BLACK = 0.12  # of the screen's brightness: what is darker is no shade of it, but has no hue
PLAIN_NEAR, PLAIN_LIGHT = 0.03, 0.06  # likewise of grey and white ones: chroma, brightness
FIT = 20_000  # pixels that the surface is fitted to, about
AT_BORDER, TINGED = 0.02, 0.2  # share of the border and saturation of a screen that a word names
UNIFORM = 0.85  # of the border: from here on it is of one colour
ROUGH = 0.02  # median step between neighbours there, over brightness; a meadow has more

Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Screen:
    """A screen.

    Attributes:
        colour: (3,) RGB in 0..1, what it looks like typically.
        coloured: Whether its hue tells it from other things; grey and white ones have none.
        seen: (h, w) of the guide: where there is surely nothing else.
        plate: (3, h, w) RGB in 0..1: the screen everywhere, its folds and shadows with it.
        even: (3, h, w): the screen everywhere as if nothing threw shadows on it.
        factor: How much smaller the guide is than the picture.
    """

    colour: NDArray[np.float32]
    coloured: bool
    seen: Mask
    plate: Planes
    even: Planes
    factor: int


@dataclass(frozen=True, eq=False)
class Border:
    """What the left, right and upper border of a picture look like.

    Attributes:
        colour: (3,) RGB in 0..1: the colour that most of it has.
        share: How much of it has that colour, 0..1, in any shade if it is a saturated one.
        smooth: Whether it has no texture.
        coloured: Whether the colour is saturated.
    """

    colour: NDArray[np.float32]
    share: float
    smooth: bool
    coloured: bool

    @property
    def uniform(self) -> bool:
        """Whether it can be a screen."""
        return self.smooth and self.share >= UNIFORM


def look_at_border(guide: Guide) -> Border:
    """The border's colour. The lower border does not count: people stand on it."""
    ycc = to_ycc(guide.planes)
    rim = _rim(ycc.shape[1:])
    light = ycc[0]
    typical = _typical(ycc, rim, np.ones(rim.shape, np.float32))
    smooth = np.stack([gaussian(plane, 1.0) for plane in ycc])[:, rim]
    near = _off(smooth, typical) < 2 * NEAR
    if not near.any():
        return Border(np.zeros(3, np.float32), 0.0, smooth=False, coloured=False)
    colour = np.median(guide.planes[:, rim][:, near], axis=1)
    middle = to_ycc(colour[:, None].astype(np.float32))
    coloured = float(saturation(middle)[0]) >= SATURATED and float(np.hypot(*middle[1:, 0])) >= HUED
    if not coloured:
        near &= np.abs(light[rim] - np.median(light[rim][near])) < 2 * PLAIN_LIGHT
    calm = gaussian(light, 2.0)  # noise is no texture
    steps = np.abs(np.diff(calm, axis=1, append=calm[:, -1:])) / (calm + np.float32(DIM))
    return Border(
        colour=np.asarray(colour, np.float32),
        share=float(near.mean()),
        smooth=float(np.median(steps[rim])) < ROUGH,
        coloured=coloured,
    )


def find_screen(
    guide: Guide, wanted: NDArray[np.float32], *, any_shade: bool = False, free: Mask | None = None
) -> Screen | None:
    """Find the screen of about a colour.

    Args:
        guide: The picture reduced.
        wanted: (3,) RGB in 0..1.
        any_shade: Only the hue of `wanted` counts: a green screen, whichever green it is.
        free: (h, w) where the screen may be; everywhere where None.

    Returns:
        None where there is no such screen.
    """
    ycc = to_ycc(guide.planes)
    like = to_ycc(np.asarray(wanted, np.float32)[:, None])
    coloured = any_shade or float(saturation(like)[0]) >= SATURATED
    where = np.ones(ycc.shape[1:], np.bool_) if free is None else free
    if coloured:
        near = _near_hue(ycc, like[:, 0], any_shade) & where
        seen = _shades(ycc, near)
        if any_shade and seen is not None and seen.any() and not _is_screen(ycc, seen):
            return None
        if seen is not None:
            seen &= ycc[0] > np.float32(BLACK * float(np.median(ycc[0][near])))
    else:
        near = (np.abs(ycc - like[:, :, None]) < np.float32(0.15)).all(axis=0) & where
        seen = _plain(ycc, near)
    if seen is None:
        return None
    seen = eroded(seen & where, max(2, round(0.004 * max(seen.shape))))
    if float(seen.mean()) < LEAST:
        return None
    even = _surface(guide.planes, ycc[0], seen)
    rest = spread_mean(guide.planes - even, seen.astype(np.float32), _sigma(seen.shape))
    plate = np.clip(even + rest, 0, 1)
    colour = np.asarray(np.median(guide.planes[:, seen], axis=1), np.float32)
    return Screen(colour, coloured, seen, plate, even, guide.factor)


def shadows(guide: Guide, screen: Screen, alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the screen's light is missing, (h, w) in 0..1; the usual folds do not count.

    Args:
        guide: The picture reduced.
        screen: Its screen.
        alpha: (h, w) on the guide: the subject. Under it and beside it the shadow is that around.
    """
    ycc = to_ycc(guide.planes)
    even = to_ycc(np.clip(screen.even, 0.02, 1))
    missing = np.clip(1 - ycc[0] / even[0], 0, 1)
    # What is no shade of the screen is no shadow on it.
    shade = even[1:] * (ycc[0] / even[0])
    strange = np.hypot(ycc[1] - shade[0], ycc[2] - shade[1]) / (ycc[0] + np.float32(DIM)) > 2 * NEAR
    clear = ((alpha < 0.02) & ~strange).astype(np.float32)
    if not clear.any():
        return np.zeros(alpha.shape, np.float32)
    smooth = spread_mean(missing[None], clear, _sigma(alpha.shape))[0]
    far = screen.seen & eroded(alpha < 0.5, max(1, round(0.15 * max(alpha.shape))))
    floor = np.float32(max(0.03, float(np.quantile(smooth[far], 0.9)) if far.any() else 0.0))
    return np.asarray(np.clip((smooth - floor) / (1 - floor), 0, 1), np.float32)


def eroded(mask: Mask, radius: int) -> Mask:
    """Where everything within a square of `radius` pixels is of the mask; outside counts as it."""
    return np.asarray(window_sum((~mask).astype(np.float32)[None], radius)[0] < 0.5)


def _sigma(shape: tuple[int, ...]) -> float:
    return max(1.5, 0.003 * max(shape))


def _rim(shape: tuple[int, ...]) -> Mask:
    """The left, right and upper border."""
    wide = max(1, round(RIM * max(shape)))
    rim = np.zeros(shape, np.bool_)
    rim[:wide] = True
    rim[:, :wide] = True
    rim[:, -wide:] = True
    return rim


def _mode(ratio: Planes, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (2,) most frequent one of (2, n) ratios, on a blurred histogram of -2..2."""
    bins = 64
    place = np.clip((ratio + 2) * np.float32(bins / 4), 0, bins - 1).astype(np.intp)
    counts = np.bincount(place[0] * bins + place[1], weight, bins * bins).reshape(bins, bins)
    row, column = np.unravel_index(int(gaussian(counts.astype(np.float32), 1.0).argmax()), (64, 64))
    return (np.array([row, column], np.float32) + np.float32(0.5)) * np.float32(4 / bins) - 2


def _typical(ycc: Planes, near: Mask, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ratio (2,) that most of some pixels have; `counts` (h, w) says for how much each counts.

    Dim pixels count less: their ratio is noise.
    """
    light = ycc[0][near]
    ratio = ycc[1:, near] / np.maximum(light, np.float32(0.2 * DIM))
    weight = counts[near] * np.minimum(1, light / np.float32(2 * DIM))
    found = _mode(ratio, weight)
    for _ in range(3):
        close = _off(ycc[:, near], found) < 3 * NEAR
        if close.any():
            found = np.median(ratio[:, close], axis=1).astype(np.float32)
    return found


def _off(ycc: Planes, ratio: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far (3, n…) colours are from shades of a ratio, in lengths of it; dim ones less."""
    light = ycc[0]
    away = np.hypot(ycc[1] - ratio[0] * light, ycc[2] - ratio[1] * light)
    length = max(float(np.hypot(*ratio)), SATURATED)
    return np.asarray(away / (np.float32(length) * (light + np.float32(DIM))), np.float32)


def _is_screen(ycc: Planes, seen: Mask) -> bool:
    """Whether what has the hue of a word is a screen: at the border, and no dark thing's tinge."""
    middle = np.median(ycc[:, seen], axis=1).astype(np.float32)
    at_border = float(seen[_rim(seen.shape)].mean()) >= AT_BORDER
    return at_border and float(saturation(middle[:, None])[0]) >= TINGED


def _near_hue(ycc: Planes, like: NDArray[np.float32], any_shade: bool) -> Mask:
    """Pixels of about the wanted hue that have enough of it."""
    turn = np.arctan2(ycc[2], ycc[1]) - np.arctan2(like[2], like[1])
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    least = 0.12 if any_shade else 0.4 * float(saturation(like[:, None])[0])
    widest = np.radians(HUE_OF_WORD if any_shade else HUE_OF_COLOUR)
    return np.asarray((turn < widest) & (saturation(ycc) > least))


def _shades(ycc: Planes, near: Mask) -> Mask | None:
    """Pixels that are shades of the one colour that most of `near`, the border above all, has."""
    if float(near.mean()) < LEAST:
        return None
    rim = _rim(near.shape)
    counts = np.where(rim, np.float32(RIM_COUNTS), np.float32(1))
    typical = _typical(ycc, near, counts)
    # Noise of single pixels is no other colour.
    off = _off(np.stack([gaussian(plane, 1.0) for plane in ycc]), typical)
    noise = float(np.median(off[near & (off < 0.3)])) if (near & (off < 0.3)).any() else 0.0
    return np.asarray(off < max(NEAR, NEAR_NOISE * noise))


def _plain(ycc: Planes, near: Mask) -> Mask | None:
    """Pixels of an unsaturated screen whose brightness changes slowly."""
    if float(near.mean()) < LEAST:
        return None
    smooth = np.stack([gaussian(plane, 1.0) for plane in ycc])
    middle = np.median(smooth[:, near], axis=1)
    seen = near & (np.abs(smooth[0] - middle[0]) < 2 * PLAIN_LIGHT)
    for _ in range(3):
        if float(seen.mean()) < LEAST:
            return None
        expected = _surface(smooth, smooth[0], seen)
        off = np.abs(smooth - expected)
        chroma = np.hypot(off[1], off[2])
        seen = (off[0] < PLAIN_LIGHT) & (chroma < PLAIN_NEAR)
    return np.asarray(seen)


def _surface(planes: Planes, light: NDArray[np.float32], seen: Mask) -> Planes:
    """Quadratic surfaces (C, H, W) through what is seen of planes; what is too dark counts less."""
    rows, columns = np.nonzero(seen)
    step = max(1, len(rows) // FIT)
    rows, columns = rows[::step], columns[::step]
    height, width = seen.shape
    terms = _terms(rows / height - 0.5, columns / width - 0.5)
    values = planes[:, rows, columns].astype(np.float64)
    bright = light[rows, columns].astype(np.float64)
    weight = np.ones(len(rows))
    for _ in range(8):
        off = bright - _solved(terms, bright[None], weight)[0] @ terms
        # A shadow is darker than the screen and never brighter.
        off = np.where(off < 0, -3 * off, off)
        scale = max(1e-3, float(np.median(off)))
        weight = 1 / (1 + np.square(off / (2 * scale)))
    found = _solved(terms, values, weight)
    down = np.arange(height)[:, None] / height - 0.5
    across = np.arange(width)[None] / width - 0.5
    whole = _terms(*np.broadcast_arrays(down, across))
    return np.asarray(np.einsum("ct,thw->chw", found, whole), np.float32)


def _terms(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6, …): 1, x, y, x², xy, y²."""
    one = np.ones_like(down)
    return np.stack([one, across, down, across * across, across * down, down * down])


def _solved(
    terms: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(C, 6) weighted least squares, held to the mean where the pixels do not say more."""
    weighted = terms * weight
    # Sums by NumPy and not by BLAS: the same bytes on any number of threads.
    matrix = np.array([[float((a * b).sum()) for b in terms] for a in weighted])
    right = np.array([[float((a * value).sum()) for a in weighted] for value in values])
    matrix += np.diag([1e-9, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3]) * max(1.0, matrix[0, 0])
    return np.asarray(np.linalg.solve(matrix, right.T).T)
