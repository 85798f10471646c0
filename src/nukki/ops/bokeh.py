"""A background out of focus: a disc, as a lens draws it, and nothing of the subject in it.

Every pixel becomes the mean of a disc around it in linear light, each of the disc's pixels counting
by how much of it is background (normalised convolution, Knutsson & Westin 1993): so the subject
does not bleed into what lies beside it. Pixels that are background alone decide; where a disc has
none of them, within a veil or a wide soft edge, what was estimated to lie behind it does; and where
there is neither, behind what is solid, colours are spread from around it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.composite import spread_known
from nukki.ops.foreground import estimate_background
from nukki.ops.grid import enlarge
from nukki.ops.light import from_linear, to_linear
from nukki.ops.tiles import each, row_blocks
from nukki.types import Alpha, Mask, Pixels

__all__ = ["bokeh", "usual_blur"]

_DISC = 6.0  # pixels of the radius on the grid that is blurred, at least; larger discs are reduced
_STRICT = 16.0  # a sixteenth of subject in a pixel is too much: it does not count
_VEILED = 0.01  # how much what is seen through the subject counts beside what is seen freely
_LEAST = 1e-4  # of a disc that must count, to know its colour
_SHARE = 0.02  # of the longer side: the usual radius

Planes = NDArray[np.float32]


def usual_blur(height: int, width: int) -> float:
    """The radius in pixels that looks like a portrait lens."""
    return max(1.0, _SHARE * max(height, width))


def bokeh(pixels: Pixels, alpha: Alpha, radius: float, *, threads: int = 1) -> Pixels:
    """What lies behind the subject, blurred by a disc.

    Args:
        pixels: (H, W, 3) uint8 or uint16, sRGB: the photo.
        alpha: (H, W), the subject.
        radius: Of the disc in pixels, above 0. Beyond 12 it is drawn on a reduced picture.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        (H, W, 3) of the same dtype, everywhere: also where the subject stood. Dithered by half a
        level, since what is as smooth as this shows steps otherwise.
    """
    height, width = alpha.shape
    factor = max(1, int(radius / _DISC))
    behind = estimate_background(pixels, alpha, threads=threads)
    weighted = _weighted(behind, alpha, factor, threads)
    full = _full(height, width, factor)
    clear = _inner(weighted[..., 3] > np.float32(0.5) * full)
    veil = np.float32(_VEILED)
    weighted *= np.where(clear, 1, veil / np.maximum(weighted[..., 3], veil))[..., None]
    blurred = _disc(weighted, radius / factor)
    area = min(math.pi * (radius / factor) ** 2, float(full.sum()))
    known = blurred[..., 3] > _LEAST * area
    blurred[..., :3] /= np.maximum(blurred[..., 3:], np.float32(1e-6))
    blurred[..., 3] = known
    blurred[..., :3] *= known[..., None]
    levels = _levels(spread_known(blurred), pixels.dtype)
    planes = [
        enlarge(_smooth(levels[..., c], known, radius / factor), height, width) for c in range(3)
    ]
    result = np.empty_like(pixels)
    noise = np.random.default_rng(0).random((height, width), np.float32) - np.float32(0.5)
    top = np.iinfo(pixels.dtype).max

    def work(rows: slice) -> None:
        for channel, plane in enumerate(planes):
            dithered = np.clip(plane[rows] + noise[rows], 0, top)
            result[rows, :, channel] = np.rint(dithered).astype(pixels.dtype)

    each(work, list(row_blocks(height, width)), threads)
    return result


def _smooth(plane: NDArray[np.float32], known: Mask, sigma: float) -> NDArray[np.float32]:
    """The plane with what was spread over it, in blocks, made as smooth as the rest."""
    if known.all():
        return np.ascontiguousarray(plane)
    return np.where(known, plane, gaussian(np.ascontiguousarray(plane), sigma))


def _weighted(pixels: Pixels, alpha: Alpha, factor: int, threads: int) -> Planes:
    """(h, w, 4): linear light times weight, and weight, averaged over blocks of `factor`."""
    height, width = alpha.shape
    small = -(-height // factor), -(-width // factor)
    result = np.zeros((*small, 4), np.float32)
    columns = np.arange(0, width, factor)

    def work(rows: slice) -> None:
        top, bottom = rows.start * factor, min(height, rows.stop * factor)
        through = 1 - alpha[top:bottom]
        weight = np.clip(1 - alpha[top:bottom] * np.float32(_STRICT), _VEILED * through, 1)
        starts = np.arange(0, bottom - top, factor)
        for channel in range(4):
            plane = weight
            if channel < 3:
                plane = to_linear(pixels[top:bottom, :, channel]) * weight
            part = np.add.reduceat(np.add.reduceat(plane, starts, axis=0), columns, axis=1)
            result[rows, :, channel] = part / np.float32(factor * factor)

    each(work, list(row_blocks(*small, 1 << 14)), threads)
    return result


def _full(height: int, width: int, factor: int) -> NDArray[np.float32]:
    """How much of each block of a grid is picture: 1, but for the last ones of rows and columns."""
    rows = np.minimum(factor, height - np.arange(0, height, factor))
    columns = np.minimum(factor, width - np.arange(0, width, factor))
    return np.asarray(np.outer(rows, columns) / factor**2, np.float32)


def _inner(clear: Mask) -> Mask:
    """Where a cell and its eight neighbours are background: a rim of the subject's own blur."""
    framed = np.pad(clear, 1, mode="edge")
    rows, columns = clear.shape
    inner = clear.copy()
    for down in range(3):
        for across in range(3):
            inner &= framed[down : down + rows, across : across + columns]
    return inner if inner.any() else clear


def _disc(planes: Planes, radius: float) -> Planes:
    """Sums of (h, w, C) over a disc; its rim counts by how much of a row's run it covers."""
    height, width, channels = planes.shape
    reach = math.ceil(radius)
    sums = np.zeros((height, width + 2 * reach + 3, channels), np.float64)
    np.cumsum(planes, axis=1, dtype=np.float64, out=sums[:, reach + 2 : reach + 2 + width])
    sums[:, reach + 2 + width :] = sums[:, reach + 1 + width : reach + 2 + width]
    result = np.zeros(planes.shape, np.float64)
    for step in range(-min(reach, height - 1), min(reach, height - 1) + 1):
        half = math.sqrt(max(0.0, radius**2 - step**2))
        if half == 0 and step != 0:
            continue
        run = _runs(sums, half, reach, width)
        if step >= 0:
            result[: height - step] += run[step:]
        else:
            result[-step:] += run[:step]
    return result.astype(np.float32)


def _runs(sums: NDArray[np.float64], half: float, reach: int, width: int) -> NDArray[np.float64]:
    """Sums of half a run to either side of each pixel, a part of the last pixels included."""
    whole = min(math.floor(half), reach)
    part = half - whole
    first = reach + 2

    def between(left: int, right: int) -> NDArray[np.float64]:
        """From `left` pixels before each one to `right` behind it, both included."""
        end = sums[:, first + right : first + right + width]
        return end - sums[:, first - left - 1 : first - left - 1 + width]

    inner = between(whole, whole)
    if part == 0 or whole >= reach:
        return inner
    return inner + part * (between(whole + 1, whole + 1) - inner)


def _levels(light: Planes, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> Planes:
    """Levels of sRGB, not rounded to those of `dtype`, of linear light."""
    wide = from_linear(light, np.dtype(np.uint16)).astype(np.float32)
    return wide * np.float32(np.iinfo(dtype).max / 65535)
