"""Grain: how noisy a photo is at each lightness, and as much of it where it is missing.

Noise is told where little else is: in the flattest of many small blocks, from what a plane leaves
of them, by lightness (after Liu, Szeliski, Kang, Zitnick & Freeman, "Automatic estimation and
removal of noise from a single image", PAMI 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Box, Mask

__all__ = ["Grain", "estimate_grain", "grained"]

_BLOCK = 8  # pixels of a side
_LEVELS = 8  # steps of lightness
_FLAT = 0.1  # of the blocks: in a photo there is hardly less that shows nothing but noise
_FEW = 6  # blocks: a step with fewer is told from all together
_FREE = _BLOCK**2 / (_BLOCK**2 - 3)  # a plane takes three of a block's freedoms
_ALIKE = 0.1  # correlation of neighbours in noise that is not soft, at most
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_USUAL = 0.5  # of a painting's blocks: if these are smoother than the photo's flattest, it shows
_ENOUGH = 0.5  # of the photo's grain: what has so much is not seen to be smooth
_LEAST = 0.25  # levels: less is not seen, and lost in rounding


@dataclass(frozen=True, eq=False)
class Grain:
    """How noisy a photo is.

    Attributes:
        sigma: (8, 3) float32, standard deviation of each channel at eight steps of lightness.
        softness: Sigma in pixels of a Gaussian that makes white noise as soft as the photo's.
    """

    sigma: NDArray[np.float32]
    softness: float


def estimate_grain(image: RGB8, where: Mask, *, flat: float = _FLAT) -> Grain:
    """Estimate the grain of part of a photo.

    Args:
        image: (H, W, 3) uint8.
        where: (H, W) bool, the pixels to look at.
        flat: The share of the blocks of each lightness that is taken for flat.

    Returns:
        The grain: 0 where no block of 8 × 8 pixels lies within the part.
    """
    height, width = (side // _BLOCK * _BLOCK for side in where.shape)
    whole = np.asarray(_blocks(where[:height, :width]).all(axis=(1, 3)))
    if not whole.any():
        return Grain(np.zeros((_LEVELS, 3), np.float32), 0.0)
    light = _blocks((image @ _LUMA)[:height, :width]).transpose(0, 2, 1, 3)[whole]
    step = np.minimum(light.mean(axis=(1, 2)) * (_LEVELS / 256), _LEVELS - 1).astype(np.intp)
    spread = np.stack(
        [
            np.square(_rest(_blocks(image[:height, :width, channel]).transpose(0, 2, 1, 3)[whole]))
            .mean(axis=(1, 2))
            .astype(np.float32)
            for channel in range(3)
        ],
        axis=1,
    )
    sigma = np.empty((_LEVELS, 3), np.float32)
    for level in range(_LEVELS):
        mine = spread[step == level]
        if len(mine) < _FEW:
            mine = spread
        sigma[level] = np.sqrt(np.quantile(mine, flat, axis=0) * _FREE)
    total = spread.sum(axis=1)
    return Grain(sigma, _softness(_rest(light[total <= np.quantile(total, flat)])))


def grained(image: RGB8, hole: Mask, photo: Grain, *, seed: int = 0) -> RGB8:
    """Add to a painted hole what it lacks of the photo's grain, where that is seen.

    Args:
        image: (H, W, 3) uint8, its hole painted.
        hole: (H, W) bool.
        photo: The grain of what lies around it.
        seed: Of the noise.

    Returns:
        (H, W, 3), equal outside the hole; `image` itself where nothing is lacking.
    """
    own = estimate_grain(image, hole, flat=_USUAL)
    lacking = np.sqrt(np.maximum(photo.sigma**2 - own.sigma**2, 0))
    lacking[own.sigma > _ENOUGH * photo.sigma] = 0
    box = tight_box(hole, Box(0, 0, hole.shape[1], hole.shape[0]))
    if box is None or float(lacking.max()) < _LEAST:
        return image
    where = box.slices()
    part, inside = image[where], hole[where]
    random = np.random.default_rng(seed)
    result = image.copy()
    place = np.clip((part @ _LUMA) * (_LEVELS / 256) - 0.5, 0, _LEVELS - 1)
    for channel in range(3):
        noise = random.standard_normal(inside.shape, np.float32)
        if photo.softness > 0:
            noise = gaussian(noise, photo.softness)
            noise /= max(float(noise.std()), 1e-6)
        strength = np.interp(place, np.arange(_LEVELS), lacking[:, channel]).astype(np.float32)
        levels = np.rint(np.clip(part[..., channel] + noise * strength, 0, 255))
        np.copyto(result[where][..., channel], levels.astype(np.uint8), where=inside)
    return result


def _rest(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 8, 8): what a plane through each of the blocks leaves of it."""
    ramp = np.arange(_BLOCK, dtype=np.float32) - np.float32((_BLOCK - 1) / 2)
    length = np.float32(np.square(ramp).sum() * _BLOCK)
    rest = blocks - blocks.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    for slope in (ramp[:, None], ramp):
        rest = rest - (rest * slope).sum(axis=(1, 2), keepdims=True) / length * slope
    return np.asarray(rest, np.float32)


def _softness(noise: NDArray[np.float32]) -> float:
    """How soft noise is, from how alike neighbours are in it.

    White noise under a Gaussian of sigma s has neighbours that correlate by exp(-1 / 4s²).
    """
    power = float(np.square(noise).mean())
    if power < _LEAST**2:
        return 0.0
    across, down = noise[:, :, 1:] * noise[:, :, :-1], noise[:, 1:] * noise[:, :-1]
    correlation = float(across.mean() + down.mean()) / 2 / power
    if correlation < _ALIKE:
        return 0.0
    return float(np.sqrt(-1 / (4 * np.log(min(correlation, 0.9)))))


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """(h, 8, w, 8) of (8h, 8w)."""
    height, width = array.shape
    return array.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
