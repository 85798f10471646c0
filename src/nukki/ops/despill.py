"""Coloured light on a subject, from a screen or from whatever stands around it, taken off again.

Spill is what a colour has of the light's hue (`ops.hues.excess`) near the subject's edge, more than
the subject has of it further inside: a green shirt stays green. It is taken away in the plane of
chroma, so brightness stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.bilinear import sampled, span
from nukki.ops.hues import excess, from_ycc, saturation, to_ycc
from nukki.ops.reduce import box_reduce
from nukki.ops.spread import spread_mean
from nukki.ops.tiles import each, tile_boxes
from nukki.types import Alpha, Box, Pixels

__all__ = ["despill", "surrounding_light"]

SIDE = 500  # of the small picture on which spill is weighed
REACH = 0.04  # of the longer side: sigma of how far spill reaches in from the edge
CONE = 0.55  # 1 / tan 61°: pure yellow and cyan are not spill of green, what lies between is
LAST = 0.02  # a weight up to this is none: about 2.5 sigmas inside
AROUND = 0.05  # of the longer side: how far the light around is averaged
GREY, COLOURED = 0.10, 0.25  # saturations of light that does nothing, and of light that does
TILE = 512

Planes = NDArray[np.float32]


def despill(pixels: Pixels, alpha: Alpha, light: Planes, *, threads: int = 1) -> Pixels:
    """Take coloured light off a subject.

    Args:
        pixels: (H, W, 3) uint8 or uint16: the subject's colours, edges already its own.
        alpha: (H, W) float32 in 0..1.
        light: RGB in 0..1 of the light, (3,), or (3, h, w), which is spread over the picture.
            Grey light does nothing.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        Like `pixels`: brightness as it was; bit-identical where alpha is 0, where a colour has
        nothing of the light's hue, and far from edges.
    """
    planes = np.asarray(light, np.float32)
    planes = planes[:, None, None] if planes.ndim == 1 else planes
    factor = max(1, -(-max(alpha.shape) // SIDE))
    near, own = _weighed(pixels, alpha, planes, factor, threads)
    result = np.empty_like(pixels)
    top = np.float32(np.iinfo(pixels.dtype).max)

    def work(tile: Box) -> None:
        result[tile.slices()] = pixels[tile.slices()]
        there = alpha[tile.slices()] > 0
        weight = _at(near[None], tile, 1 / factor)[0]
        if not (there & (weight > 0)).any():
            return
        ycc = to_ycc((pixels[tile.slices()].transpose(2, 0, 1) / top).astype(np.float32))
        key, strength = _key(_shown(planes, tile, alpha.shape))
        much = excess(ycc[1:], key, CONE) - _at(own[None], tile, 1 / factor)[0]
        much = np.clip(much, 0, None) * weight * strength
        changed = there & (much > 0)
        ycc[1:] -= much * key
        cleaned = np.rint(np.clip(_in_gamut(ycc), 0, 1) * top).astype(pixels.dtype)
        result[tile.slices()][changed] = cleaned.transpose(1, 2, 0)[changed]

    each(work, list(tile_boxes(pixels.shape[0], pixels.shape[1], TILE)), threads)
    return result


def surrounding_light(pixels: Pixels, alpha: Alpha, *, threads: int = 1) -> Planes:
    """The colour of what stands around a subject, spread over it: where its light comes from.

    Args:
        pixels: (H, W, 3) uint8 or uint16: the picture, not the subject's colours.
        alpha: (H, W) float32 in 0..1.
        threads: How many threads may work.

    Returns:
        (3, h, w) float32 in 0..1, of about 100 cells on the longer side.
    """
    factor = max(1, -(-max(alpha.shape) // (SIDE // 5)))
    small = _small(pixels, factor, threads)
    cover = _small_alpha(alpha, factor)
    behind = (cover < 0.02).astype(np.float32)
    return spread_mean(small, behind, max(1.0, AROUND * max(cover.shape)))


def _weighed(
    pixels: Pixels, alpha: Alpha, light: Planes, factor: int, threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """On a small picture: how near each place is to the edge, and what hue the subject has."""
    small, cover = _small(pixels, factor, threads), _small_alpha(alpha, factor)
    sigma = max(1.0, REACH * max(cover.shape))
    # One half of a Gaussian lies on either side of a straight edge: there the weight is 1.
    near = np.clip((2 * gaussian(1 - cover, sigma) - LAST) / (1 - LAST), 0, 1).astype(np.float32)
    inside = (cover > 0.98) & (near < 0.1)
    if not inside.any():
        return near, np.zeros_like(near)
    whole = Box(0, 0, cover.shape[1], cover.shape[0])
    key, _ = _key(_shown(light, whole, cover.shape))
    has = np.clip(excess(to_ycc(small)[1:], key, CONE), 0, None)
    return near, spread_mean(has[None], inside.astype(np.float32), sigma)[0]


def _key(light: Planes) -> tuple[Planes, NDArray[np.float32]]:
    """The chroma of the light, and how much of its spill is taken: none if it is grey."""
    ycc = to_ycc(light)
    strength = np.clip((saturation(ycc) - GREY) / (COLOURED - GREY), 0, 1)
    return ycc[1:], np.asarray(strength, np.float32)


def _in_gamut(ycc: Planes) -> Planes:
    """RGB of the same brightness, chroma shortened where it would leave 0..1."""
    rgb = from_ycc(ycc)
    light = ycc[0]
    over = np.maximum(rgb.max(axis=0) - light, np.float32(1e-6))
    under = np.maximum(light - rgb.min(axis=0), np.float32(1e-6))
    room = np.minimum(1, np.minimum((1 - light) / over, light / under))
    return np.asarray(light + (rgb - light) * room, np.float32)


def _small(pixels: Pixels, factor: int, threads: int) -> Planes:
    reduced = box_reduce(pixels, factor, threads=threads).transpose(2, 0, 1)
    return np.asarray(reduced / np.float32(np.iinfo(pixels.dtype).max), np.float32)


def _small_alpha(alpha: Alpha, factor: int) -> NDArray[np.float32]:
    levels = np.rint(alpha * np.float32(255)).astype(np.uint8)
    return np.asarray(box_reduce(levels, factor) / np.float32(255), np.float32)


def _at(planes: Planes, tile: Box, step: float) -> Planes:
    """The part of small planes that a tile shows; small pixel i covers 1 / step pixels."""
    height, width = planes.shape[1:]
    rows, columns = (
        span(tile.top, tile.bottom, height, step),
        span(tile.left, tile.right, width, step),
    )
    return sampled(planes, rows, columns)


def _shown(planes: Planes, tile: Box, size: tuple[int, ...]) -> Planes:
    """The part of planes, spread over a picture of a size, that a tile shows."""
    height, width = planes.shape[1:]
    rows = span(tile.top, tile.bottom, height, height / size[0])
    columns = span(tile.left, tile.right, width, width / size[1])
    return sampled(planes, rows, columns)
