"""Keying: from a known screen to a soft alpha and to the subject's colours without the screen.

Where the screen is known, a pixel I = alpha · F + (1 - alpha) · B lacks F and alpha only.

1. How much of the screen's colour is in a pixel (after Vlahos 1971, US patent 3595987, but as an
   angle around the screen's hue) says what is subject for sure; so does lying far from any pixel of
   the bare screen.
2. Those pixels' colours, spread outwards, are F beside them, and alpha is where I lies on the line
   from B to F, with brightness counting less than colour (strands are lit differently).
3. With alpha and B known, F is solved once more for every pixel, held to the spread colours as far
   as the pixel does not say (`unmix`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.bilinear import sampled, span
from nukki.ops.hues import excess, to_ycc
from nukki.ops.refine import Guide
from nukki.ops.screens import Screen, eroded
from nukki.ops.spread import spread_mean
from nukki.ops.tiles import each, tile_boxes
from nukki.types import Alpha, Box, Mask, Pixels

__all__ = ["Keyed", "at_cells", "doubt", "key_alpha", "unmix"]

THIN, MASS = 0.98, 0.7  # first estimates from which on a pixel is subject: a strand, a body
LIGHT = {True: 0.25, False: 1.0}  # what brightness counts beside chroma, on coloured screens or not
REACH = 0.2  # distance from a grey or white screen at which a colour is another for sure
LONE = 0.03  # of the longer side: farther from the bare screen nothing is see-through
BARE = 0.5  # up to this first estimate a pixel counts as bare screen there
BRIGHTER = 0.1  # of the room above the screen: what a fold or noise may be brighter than the plate
INNER, OUTER = 0.03, 0.06  # tolerances at least: how far from 0 and 1 alpha is 0 and 1
NOISE_INNER, NOISE_OUTER = 2.5, 1.0  # and in standard deviations of the screen's noise
CALM = 1.0  # sigma of the blur under which that is asked: noise is no mixture
DEEP = 0.003  # of the longer side: so far inside colours are surely pure
WITHIN, WHOLE = 3, 0.9  # farther in than so many of that it is not; what share is no mixture
HELD = 0.03  # how firmly F is held to the colours around
TILE = 512

Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Keyed:
    """What a screen says about a picture.

    Attributes:
        screen: The screen.
        solid: (h, w) on the guide: where the subject surely is.
        front: (3, h, w) RGB in 0..1: the subject's colours, spread everywhere.
        tolerance: Up to the first alpha is 0, from the second on 1.
    """

    screen: Screen
    solid: Mask
    front: Planes
    tolerance: tuple[float, float]


def doubt(
    pixels: Pixels,
    guide: Guide,
    screen: Screen,
    *,
    tolerance: tuple[float, float] | None = None,
    inside: Mask | None = None,
) -> Keyed:
    """Find what is subject for sure, and its colours.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        guide: The picture reduced.
        screen: The screen.
        tolerance: Inner and outer one, 0..1; from the screen's noise where None.
        inside: (h, w) on the guide: what is subject whatever its colour.
    """
    first = _first(guide.planes, screen)
    inner, outer = _from_noise(pixels, screen) if tolerance is None else tolerance
    first = np.clip((first - inner) / (outer - inner), 0, 1)
    side = max(first.shape)
    strand = eroded(first >= THIN, max(1, round(0.0025 * side)))
    body = (first > MASS) & eroded(first >= 0.5, max(2, round(0.006 * side)))
    solid = strand | body
    sure = np.zeros_like(solid) if inside is None else inside
    if screen.coloured:
        bare = gaussian(first, 1.5) < BARE
        sure = sure | eroded(~bare, max(2, round(LONE * side)))
    solid, front = _purer(guide.planes, screen, solid | sure, sure, (inner, outer))
    return Keyed(screen, solid, front, (inner, outer))


def key_alpha(pixels: Pixels, keyed: Keyed, *, threads: int = 1) -> Alpha:
    """The alpha of every pixel.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        keyed: What `doubt` found.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        (H, W) float32 in 0..1; 1 where the subject is solid.
    """
    screen = keyed.screen
    result = np.zeros(pixels.shape[:2], np.float32)
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)

    def work(tile: Box) -> None:
        cells = _cells(tile, screen.factor)
        if keyed.solid[cells].all():
            result[tile.slices()] = 1
            return
        if screen.seen[cells].all():
            return
        behind, front = (at_cells(p, tile, screen.factor) for p in (screen.plate, keyed.front))
        rgb = (pixels[tile.slices()].transpose(2, 0, 1) * scale).astype(np.float32)
        alpha = _share(to_ycc(rgb), to_ycc(behind), to_ycc(front), screen, keyed.tolerance)
        if screen.coloured:
            np.maximum(alpha, np.minimum(1, _least(rgb, behind)), out=alpha)
        sure = at_cells(keyed.solid[None].astype(np.float32), tile, screen.factor)[0]
        alpha[sure > 0.5] = 1
        result[tile.slices()] = alpha

    each(work, list(tile_boxes(pixels.shape[0], pixels.shape[1], TILE)), threads)
    return result


def unmix(pixels: Pixels, alpha: Alpha, keyed: Keyed, *, threads: int = 1) -> Pixels:
    """The subject's own colours in the soft edge, the screen behind it being known.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) float32 in 0..1.
        keyed: What `doubt` found.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        Like `pixels`. Pixels whose alpha rounds to 0 or to the largest value are bit-identical.
    """
    result = np.empty_like(pixels)
    top = np.float32(np.iinfo(pixels.dtype).max)
    factor = keyed.screen.factor

    def work(tile: Box) -> None:
        result[tile.slices()] = pixels[tile.slices()]
        part = alpha[tile.slices()]
        soft = (part > 0.5 / top) & (part < 1 - 0.5 / top)
        if not soft.any():
            return
        cover = part[soft]
        behind = at_cells(keyed.screen.plate, tile, factor)[:, soft]
        front = at_cells(keyed.front, tile, factor)[:, soft]
        colours = pixels[tile.slices()][soft].T / top
        # The F that minimises (alpha F + (1 - alpha) B - I)² + HELD (F - front)².
        rest = colours - cover * front - (1 - cover) * behind
        front = front + rest * (cover / (cover * cover + np.float32(HELD)))
        whole = np.rint(np.clip(front, 0, 1) * top)
        result[tile.slices()][soft] = whole.T.astype(pixels.dtype)

    each(work, list(tile_boxes(pixels.shape[0], pixels.shape[1], TILE)), threads)
    return result


def _first(planes: Planes, screen: Screen) -> NDArray[np.float32]:
    """1 less how much of the screen is in each pixel, before any subject's colours are known."""
    colours, plate = to_ycc(planes), to_ycc(screen.plate)
    if screen.coloured:
        return np.maximum(1 - excess(colours[1:], plate[1:]), _least(planes, screen.plate))
    off = colours - plate
    return np.asarray(np.sqrt((off * off).sum(axis=0)) / np.float32(REACH), np.float32)


def _purer(
    planes: Planes, screen: Screen, solid: Mask, sure: Mask, tolerance: tuple[float, float]
) -> tuple[Mask, Planes]:
    """What is solid, and its colours, less the pixels of the edge that only look solid.

    An orange thing's edge before blue passes through grey, which has nothing of the screen's hue.
    Beside colours from further inside, it is seen to be a mixture.
    """
    side = max(solid.shape)
    depth = max(2, round(DEEP * side))
    sure = sure | eroded(solid, WITHIN * depth)
    deep = eroded(solid, depth)
    # Where nothing lies deeper, as in a strand by itself, what there is must do.
    lone = solid & eroded(~deep, 3 * depth)
    core = (deep | lone | sure).astype(np.float32)
    front = spread_mean(planes, core, max(1.0, 0.002 * side))
    calm = np.stack([gaussian(plane, CALM) for plane in planes])
    share = _share(to_ycc(calm), to_ycc(screen.plate), to_ycc(front), screen, tolerance)
    return sure | (solid & (share >= WHOLE)), front


def _share(
    colours: Planes,
    behind: Planes,
    front: Planes,
    screen: Screen,
    tolerance: tuple[float, float],
) -> NDArray[np.float32]:
    """Where colours lie on the lines from the screen's to the subject's, (3, …) of Y'CbCr each."""
    weight = np.array([LIGHT[screen.coloured], 1, 1], np.float32)[:, None, None]
    line, here = (front - behind) * weight, (colours - behind) * weight
    length = np.maximum((line * line).sum(axis=0), np.float32(1e-4))
    inner, outer = (np.float32(value) for value in tolerance)
    share = ((here * line).sum(axis=0) / length - inner) / (outer - inner)
    return np.asarray(np.clip(share, 0, 1), np.float32)


def _least(colours: Planes, behind: Planes) -> NDArray[np.float32]:
    """The alpha that RGB colours (3, …) have at least before a screen that is darker.

    No subject is brighter than 1 in any channel, so I <= alpha + (1 - alpha) B: a pale blue shirt
    is no dark blue screen, though it has as much of the hue.
    """
    room = np.maximum(1 - behind, np.float32(0.05))
    least = ((colours - behind) / room).max(axis=0)
    return np.asarray((least - BRIGHTER) / (1 - BRIGHTER), np.float32)


def _from_noise(pixels: Pixels, screen: Screen) -> tuple[float, float]:
    """Tolerances from the noise of the picture's own pixels, one a cell of the guide."""
    factor = screen.factor
    half = factor // 2
    some = pixels[half::factor, half::factor].transpose(2, 0, 1)
    rows, columns = some.shape[1:]
    planes = np.asarray(some / np.float32(np.iinfo(pixels.dtype).max), np.float32)
    small = Screen(
        screen.colour,
        screen.coloured,
        screen.seen[:rows, :columns],
        screen.plate[:, :rows, :columns],
        screen.even,
        factor,
    )
    values = _first(planes, small)[small.seen]
    if not values.size:
        return INNER, 1 - OUTER
    middle = float(np.median(values))
    noise = 1.48 * float(np.median(np.abs(values - middle)))
    if not screen.coloured:
        noise = middle + noise  # a distance is never negative: its middle is noise as well
    return min(0.4, max(INNER, NOISE_INNER * noise)), 1 - min(0.4, max(OUTER, NOISE_OUTER * noise))


def _cells(tile: Box, factor: int) -> tuple[slice, slice]:
    """The cells of the guide that a tile looks at, one more on each side."""
    return (
        slice(max(0, tile.top // factor - 1), -(-tile.bottom // factor) + 1),
        slice(max(0, tile.left // factor - 1), -(-tile.right // factor) + 1),
    )


def at_cells(planes: Planes, tile: Box, factor: int) -> Planes:
    """The part of planes on the guide that a tile of the picture shows, (C, h, w)."""
    height, width = planes.shape[1:]
    rows = span(tile.top, tile.bottom, height, 1 / factor)
    columns = span(tile.left, tile.right, width, 1 / factor)
    return sampled(planes, rows, columns)
