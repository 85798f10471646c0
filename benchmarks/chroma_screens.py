"""People and hair before screens that a studio would be ashamed of, with the truth beside them.

Pictures are mixed from a known alpha, the subject's colours and a screen. What makes screens hard
is put in by strength: light that falls off, folds, a shadow of the subject, the screen's light on
the subject (spill), noise, and a JPEG with halved colour.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nukki.ops.alpha import gaussian

COLOURS = {"green": (30, 170, 75), "blue": (25, 80, 190)}
Array = np.ndarray


@dataclass(frozen=True)
class Screen:
    """How bad a screen is; 0 is perfect."""

    light: float = 1.0  # of its brightest place
    falloff: float = 0.0  # how much darker the corners are
    folds: float = 0.0  # depth of folds
    shadow: float = 0.0  # how much the subject's shadow takes away
    spill: float = 0.0  # the screen's light on the subject, beside edges
    noise: float = 1.0  # standard deviation in levels
    jpeg: int = 0  # quality; 0 is none


SCREENS = {
    "even": Screen(),
    "uneven": Screen(falloff=0.5, noise=3),
    "wrinkled": Screen(falloff=0.3, folds=0.25, noise=3),
    "dim": Screen(light=0.4, falloff=0.3, noise=4),
    "shadow": Screen(falloff=0.3, shadow=0.5, noise=3),
    "spill": Screen(falloff=0.3, spill=0.3, noise=3),
    "real": Screen(light=0.9, falloff=0.4, folds=0.15, shadow=0.35, spill=0.2, noise=3, jpeg=88),
}


@dataclass(frozen=True)
class Shot:
    """A picture and what is true of it."""

    image: Array  # (H, W, 3) uint8
    alpha: Array  # (H, W) float32
    front: Array  # (H, W, 3) uint8: the subject's colours without spill
    shadow: Array  # (H, W) float32: how much of the screen's light is missing


def shoot(front: Array, alpha: Array, how: Screen, colour: tuple[int, int, int], seed: int) -> Shot:
    """The subject before a screen."""
    random = np.random.default_rng(seed)
    height, width = alpha.shape
    light = how.light * lit(height, width, how, random)
    shadow = np.zeros_like(alpha)
    if how.shadow:
        shadow = how.shadow * cast(alpha, max(height, width))
    tint = np.float32(colour) / 255
    behind = (light * (1 - shadow))[..., None] * tint
    # Light from the screen comes round the edges, and colours what it falls on.
    reach = gaussian(1 - alpha, 0.025 * max(height, width))[..., None]
    body = front.astype(np.float32) / 255
    seen = body + how.spill * reach * tint * (0.4 + body) * how.light
    mixed = alpha[..., None] * np.clip(seen, 0, 1) + (1 - alpha[..., None]) * behind
    mixed = 255 * mixed + random.normal(0, how.noise, mixed.shape)
    image = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
    if how.jpeg:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "jpeg", quality=how.jpeg, subsampling="4:2:0")
        image = np.array(Image.open(file))
    return Shot(image, alpha, front, shadow)


def lit(height: int, width: int, how: Screen, random: np.random.Generator) -> Array:
    """How bright the screen is, 1 at its brightest."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    down, across = down / height - 0.35, across / width - 0.4
    light = 1 - how.falloff * np.minimum(1, 1.6 * (down**2 + across**2) ** 0.5)
    if how.folds:
        folds = np.zeros((height, width), np.float32)
        for _ in range(6):
            angle, pitch = random.uniform(-0.6, 0.6), random.uniform(6, 18)
            phase = random.uniform(0, 6.3) + 2 * np.sin(5 * down + random.uniform(0, 6))
            wave = np.sin(6.3 * pitch * (across * np.cos(angle) + down * np.sin(angle)) + phase)
            folds += wave * np.abs(wave)
        light = light * (1 - how.folds * np.clip(0.5 + folds / 4, 0, 1))
    return light.astype(np.float32)


def cast(alpha: Array, side: int) -> Array:
    """The subject's shadow on the screen: aside, below, and soft."""
    down, across = side // 25, side // 14
    moved = np.pad(alpha, ((down, 0), (across, 0)))[: alpha.shape[0], : alpha.shape[1]]
    return gaussian(moved, side / 60)
