"""How a soft alpha differs from the truth as people see it: gradients and connectivity.

Rhemann, Rother, Wang, Gelautz, Kohli & Rott, "A perceptually motivated online benchmark for image
matting", CVPR 2009, section 4; both in thousands of pixels, as that benchmark gives them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.types import Alpha

__all__ = ["connectivity_error", "gradient_error"]

SIGMA = 1.4  # of the Gaussian derivatives
LEVELS = 10  # of alpha, between which it is asked what hangs together
LOOSE = 0.15  # of alpha above the level to which a pixel is connected: less is no fault

Plane = NDArray[np.float64]


def gradient_error(alpha: Alpha, truth: Alpha) -> float:
    """Σ (|∇alpha| - |∇truth|)² / 1000, by first derivatives of Gaussians of sigma 1.4.

    Args:
        alpha: (H, W), 0..1.
        truth: Likewise.
    """
    return float(np.square(_slope(alpha) - _slope(truth)).sum()) / 1000


def connectivity_error(alpha: Alpha, truth: Alpha) -> float:
    """Σ |φ(alpha) - φ(truth)| / 1000, φ being how connected a pixel is to the solid source.

    The source is the largest piece in which both are solid; a pixel is connected up to the largest
    level at which both are at least that and it hangs together with the largest piece. What alpha
    has more than that, from LOOSE on, takes from φ = 1.

    Args:
        alpha: (H, W), 0..1.
        truth: Likewise.
    """
    levels = np.arange(1, LEVELS + 1) / LEVELS
    connected = np.full(alpha.shape, -1.0)
    below = 0.0
    for level in levels:
        pieces = find_pieces((alpha >= level) & (truth >= level), diagonal=False)
        largest = np.zeros(alpha.shape, np.bool_)
        if pieces.count:
            largest = pieces.mask(np.arange(pieces.count) == pieces.areas().argmax())
        connected[(connected < 0) & ~largest] = below
        below = float(level)
    connected[connected < 0] = 1.0
    return float(np.abs(_share(alpha, connected) - _share(truth, connected)).sum()) / 1000


def _share(alpha: Alpha, connected: Plane) -> Plane:
    """φ: 1 less what alpha has beyond the level to which it is connected."""
    beyond = alpha.astype(np.float64) - connected
    return np.asarray(1 - beyond * (beyond >= LOOSE), np.float64)


def _slope(alpha: Alpha) -> Plane:
    """Length of the gradient; the rim is repeated outwards."""
    reach = math.ceil(4 * SIGMA)
    at = np.arange(-reach, reach + 1)
    bell = np.exp(-(at**2) / (2 * SIGMA**2))
    bell /= bell.sum()
    rise = -at / SIGMA**2 * bell
    plane = alpha.astype(np.float64)
    down = _along(_along(plane, rise, 0), bell, 1)
    across = _along(_along(plane, bell, 0), rise, 1)
    return np.asarray(np.hypot(down, across), np.float64)


def _along(plane: Plane, kernel: Plane, axis: int) -> Plane:
    """Convolution along one axis."""
    reach = len(kernel) // 2
    around = [(0, 0), (0, 0)]
    around[axis] = (reach, reach)
    padded = np.pad(plane, around, mode="edge")
    length = plane.shape[axis]
    total = np.zeros_like(plane)
    for number, weight in enumerate(kernel[::-1]):
        cut = slice(number, number + length)
        total += weight * (padded[cut] if axis == 0 else padded[:, cut])
    return total
