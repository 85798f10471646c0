"""Values known in places, spread to where they are not: coarse averages fill what finer ones lack.

Pull-push (Gortler, Grzeszczuk, Szeliski & Cohen 1996, "The Lumigraph", section 3.4), enlarged
bilinearly, so that what is filled in is smooth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.bilinear import sampled, span

__all__ = ["spread", "spread_mean"]

Planes = NDArray[np.float32]


def spread(planes: Planes, weight: NDArray[np.float32]) -> Planes:
    """Planes everywhere, from where they are known.

    Args:
        planes: (C, H, W); read only where `weight` is above 0.
        weight: (H, W), 0..1: how well each pixel is known.

    Returns:
        (C, H, W): as given where the weight is 1, from farther and farther around where it is
        less; 0 where nothing at all is known.
    """
    weight = weight.astype(np.float32)
    known = np.where(weight > 0, planes, np.float32(0)).astype(np.float32)
    return _filled(known * weight, weight)


def spread_mean(planes: Planes, weight: NDArray[np.float32], sigma: float) -> Planes:
    """The same of means: each pixel first becomes the mean of the known ones around it.

    Args:
        planes: (C, H, W).
        weight: (H, W), 0..1.
        sigma: Of the Gaussian that the means are taken with, in pixels.
    """
    weight = weight.astype(np.float32)
    around = gaussian(weight, sigma)
    sums = [gaussian(plane * weight, sigma) for plane in planes]
    means = (np.stack(sums) / np.maximum(around, 1e-4)).astype(np.float32)
    # A mean of a few pixels at the Gaussian's end counts for less than what lies farther around.
    return spread(means, np.where(around > 0.05, np.minimum(1, 4 * around), 0))


def _filled(weighted: Planes, weight: NDArray[np.float32]) -> Planes:
    """Values everywhere from weighted values and weights."""
    known = weighted / np.maximum(weight, np.float32(1e-6))
    height, width = weight.shape
    if height * width <= 1 or float(weight.min()) >= 1:
        return np.asarray(known, np.float32)
    small, few = _quartered(weighted), _quartered(weight[None])[0]
    full = np.maximum(few, 1)  # a block counts fully once a pixel of it is known
    coarse = _filled(small / full, few / full)
    rows, columns = coarse.shape[1:]
    wide = sampled(coarse, span(0, height, rows, 0.5), span(0, width, columns, 0.5))
    share = np.minimum(weight, 1)
    return np.asarray(known * share + wide * (1 - share), np.float32)


def _quartered(planes: Planes) -> Planes:
    """Sums of blocks of 2 × 2; outside counts as 0."""
    _, height, width = planes.shape
    even = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)))
    rows = even[:, 0::2] + even[:, 1::2]
    return np.asarray(rows[:, :, 0::2] + rows[:, :, 1::2], np.float32)
