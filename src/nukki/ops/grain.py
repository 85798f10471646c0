"""Grain: how noisy a photo is at each lightness, and as much of it where it is missing.

Noise is what the mask of Immerkær ("Fast noise variance estimation", Computer Vision and Image
Understanding 64, 1996) leaves of a photo, taken where little else is: in the flattest of many
small blocks, as the field does it for noise that depends on lightness (Liu, Szeliski, Kang,
Zitnick & Freeman, "Automatic estimation and removal of noise from a single image", PAMI 2008).
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
_FLAT = 0.25  # of the blocks of a step are its flattest ones
_FEW = 6  # blocks: a step with fewer is told from all together
_SCALE = 6.0  # the mask's own gain for white noise: the root of the sum of its squares
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
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


def estimate_grain(image: RGB8, where: Mask) -> Grain:
    """Estimate the grain of part of a photo.

    Args:
        image: (H, W, 3) uint8.
        where: (H, W) bool, the pixels to look at.

    Returns:
        The grain: 0 where no block of 8 × 8 pixels lies within the part.
    """
    height, width = (side // _BLOCK * _BLOCK for side in where.shape)
    # The mask sees a pixel's neighbours, so a block counts if its own ring is in the part as well.
    framed = np.pad(where, 1)
    inner = where & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    whole = np.asarray(_blocks(inner[:height, :width]).all(axis=(1, 3)))
    if not whole.any():
        return Grain(np.zeros((_LEVELS, 3), np.float32), 0.0)
    lightness = _blocks((image @ _LUMA)[:height, :width]).mean(axis=(1, 3))[whole]
    step = np.minimum(lightness * (_LEVELS / 256), _LEVELS - 1).astype(np.intp)
    residue = [_residue(image[..., channel].astype(np.float32)) for channel in range(3)]
    spread = np.stack(
        [_blocks(np.square(one[:height, :width])).mean(axis=(1, 3))[whole] for one in residue], 1
    )
    sigma = np.empty((_LEVELS, 3), np.float32)
    for level in range(_LEVELS):
        mine = spread[step == level]
        if len(mine) < _FEW:
            mine = spread
        sigma[level] = np.sqrt(np.quantile(mine, _FLAT, axis=0)) / _SCALE
    return Grain(sigma, _softness(image, whole, spread, (height, width)))


def grained(image: RGB8, hole: Mask, photo: Grain, *, seed: int = 0) -> RGB8:
    """Add to a painted hole what it lacks of the photo's grain.

    Args:
        image: (H, W, 3) uint8, its hole painted.
        hole: (H, W) bool.
        photo: The grain of what lies around it.
        seed: Of the noise.

    Returns:
        (H, W, 3), equal outside the hole; `image` itself where nothing is lacking.
    """
    own = estimate_grain(image, hole)
    lacking = np.sqrt(np.maximum(photo.sigma**2 - own.sigma**2, 0))
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


def _residue(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """A plane under the mask (1, -2, 1) across times the same down: edges and slopes vanish."""
    framed = np.pad(plane, 1, mode="edge")
    down = framed[:-2] - 2 * framed[1:-1] + framed[2:]
    return np.asarray(down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:], np.float32)


def _softness(
    image: RGB8, whole: Mask, spread: NDArray[np.float32], size: tuple[int, int]
) -> float:
    """How soft the noise of the flattest blocks is, from how alike neighbours are in them.

    White noise under a Gaussian of sigma s has neighbours that correlate by exp(-1 / 4s²).
    """
    luma = (image @ _LUMA)[: size[0], : size[1]]
    total = spread.sum(axis=1)
    noise = _blocks(luma).transpose(0, 2, 1, 3)[whole][total <= np.quantile(total, _FLAT)]
    ramp = np.arange(_BLOCK, dtype=np.float32) - np.float32((_BLOCK - 1) / 2)
    length = np.float32(np.square(ramp).sum() * _BLOCK)
    noise = noise - noise.mean(axis=(1, 2), keepdims=True)
    for slope in (ramp[:, None], ramp):  # a flat block may still be a slope
        noise = noise - (noise * slope).sum(axis=(1, 2), keepdims=True) / length * slope
    power = float(np.square(noise).mean())
    if power < _LEAST**2:
        return 0.0
    across, down = noise[:, :, 1:] * noise[:, :, :-1], noise[:, 1:] * noise[:, :-1]
    correlation = float(across.mean() + down.mean()) / 2 / power
    if correlation <= 0.02:
        return 0.0
    return float(np.sqrt(-1 / (4 * np.log(min(correlation, 0.9)))))


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """(h, 8, w, 8) of (8h, 8w)."""
    height, width = array.shape
    return array.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
