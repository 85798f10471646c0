"""Subjects before screens, made in code, with the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers import disc_truth, frozen, texture
from nukki.ops.alpha import gaussian

GREEN, BLUE, WHITE, GREY = (0.12, 0.67, 0.3), (0.1, 0.3, 0.75), (0.93, 0.93, 0.94), (0.5, 0.5, 0.52)


@dataclass(frozen=True)
class Shot:
    pixels: np.ndarray  # (H, W, 3)
    alpha: np.ndarray  # (H, W) float32, the truth
    front: np.ndarray  # (H, W, 3) float32 in 0..1, the subject's colours
    shadow: np.ndarray  # (H, W) float32, how much light is missing


def shot(
    screen=GREEN,
    colour=(0.75, 0.5, 0.4),
    *,
    height=200,
    width=260,
    falloff=0.4,
    shadow=0.0,
    noise=2.0,
    dtype=np.uint8,
    seed=1,
    light=1.0,
):
    """A soft disc with two bars before an uneven screen."""
    random = np.random.default_rng(seed)
    alpha = disc_truth(height, width, 4)
    front = texture(height, width, colour, 0.05, seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bright = light * (1 - falloff * np.hypot(y / height - 0.3, x / width - 0.4))
    moved = np.zeros_like(alpha)
    moved[:, 24:] = alpha[:, :-24]
    dark = shadow * gaussian(moved, 5.0) if shadow else np.zeros_like(alpha)
    behind = (bright * (1 - dark))[..., None] * np.float32(screen)
    mixed = alpha[..., None] * front + (1 - alpha[..., None]) * behind
    mixed = mixed + random.normal(0, noise / 255, mixed.shape)
    top = np.iinfo(dtype).max
    pixels = np.rint(np.clip(mixed, 0, 1) * top).astype(dtype)
    return Shot(frozen(pixels), frozen(alpha), front, dark)
