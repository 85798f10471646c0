"""A figure that stands on even ground, with what it throws there, drawn from the formulas."""

from __future__ import annotations

import numpy as np

from nukki.ops.segments import soft_segment_of
from nukki.types import Box

HEIGHT, WIDTH = 220, 320
BASE, MIDDLE = 170, 150  # row below the feet, column between them
TALL = 110


def figure(height=HEIGHT, width=WIDTH, middle=MIDDLE, base=BASE):
    """(H, W) uint8 levels: a head on a body on two legs."""
    rows, columns = np.mgrid[:height, :width]
    up, across = base - 1 - rows, np.abs(columns - middle)
    legs = (up >= 0) & (up < 45) & (across >= 4) & (across < 11)
    body = (up >= 45) & (up < 88) & (across < 16)
    head = np.hypot(up - 99, across) < 10.5
    return (legs | body | head).astype(np.uint8) * 255


def standing(levels, *, label="person", score=0.9):
    """A figure's segment."""
    size = levels.shape
    return soft_segment_of(levels, Box(0, 0, size[1], size[0]), size, label=label, score=score)


def photo(levels, *, noise=3.0, thing=(60, 40, 120), ground=(150, 145, 130), seed=3):
    """(H, W, 3) uint8: the figure before a ground with a little noise, brighter in front."""
    random = np.random.default_rng(seed)
    height, width = levels.shape
    light = np.linspace(0.85, 1.1, height)[:, None, None]
    pixels = np.array(ground) * light + random.normal(0, noise, (height, width, 1))
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    colours = np.array(thing) + (np.arange(height) // 12 % 2 * 60)[:, None, None]
    return np.where(levels[..., None] > 0, colours, pixels).astype(np.uint8)


def cast(levels, shear, length, base=BASE):
    """(H, W) bool: where the figure's shadow falls, but for what it covers itself."""
    height, width = levels.shape
    rows, columns = np.mgrid[:height, :width]
    up = (rows + 0.5 - base) / length
    across = np.rint(columns - shear * up).astype(int)
    above = np.floor(base - up).astype(int)
    inside = (up > 0) & (above >= 0) & (above < height) & (across >= 0) & (across < width)
    result = np.zeros(levels.shape, np.bool_)
    result[inside] = levels[above[inside], across[inside]] > 0
    return result & (levels == 0)


def darkened(pixels, where, share, tint=(1.0, 1.0, 1.0)):
    """The photo with a share of the light gone in a mask (gamma 2.2)."""
    light = (pixels / 255) ** 2.2 * np.where(where[..., None], (1 - share) * np.array(tint), 1)
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def mirrored(pixels, levels, strength, base=BASE):
    """The photo with the figure's reflection below it."""
    height = levels.shape[0]
    rows = np.clip(2 * base - 1 - np.arange(height), 0, height - 1)
    seen = (levels[rows] > 0) & (np.arange(height) >= base)[:, None]
    mixed = pixels * (1 - strength) + pixels[rows] * strength
    return np.where(seen[..., None], np.rint(mixed), pixels).astype(np.uint8)
