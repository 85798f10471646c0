"""Weighted Fβ: errors count less beside what is right anyway, and more far from the subject.

Margolin, Zelnik-Manor & Tal, "How to evaluate foreground maps?", CVPR 2014. Where the paper leaves
room, as in the authors' published code: β² = 1, a 7 × 7 Gaussian of sigma 5 with nothing beyond the
rim, and errors outside count 2 - exp(d · ln(.5) / 5) times at the distance d from the subject.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.distance import nearest
from nukki.types import Alpha, Mask

__all__ = ["weighted_f"]

_SIGMA = 5.0
_REACH = 3
_FADE = np.log(0.5) / 5
_EPS = np.finfo(np.float64).eps

Plane = NDArray[np.float64]


def weighted_f(alpha: Alpha, truth: Mask) -> float:
    """Weighted Fβ, 0..1; NaN where the truth is empty.

    Args:
        alpha: (H, W) float32, 0..1.
        truth: (H, W) bool.
    """
    if not truth.any():
        return float("nan")
    error = np.abs(alpha.astype(np.float64) - truth)
    distance, rows, columns = nearest(truth)
    # Outside, the error of the nearest pixel of the subject, so that the rim is not blurred.
    spread = _blurred(np.where(truth, error, error[rows, columns]))
    weighed = np.where(truth, np.minimum(error, spread), error * (2 - np.exp(_FADE * distance)))
    missed, extra = float(weighed[truth].sum()), float(weighed[~truth].sum())
    size = int(np.count_nonzero(truth))
    hits = max(0.0, size - missed)
    recall, precision = hits / size, hits / (_EPS + (hits + extra))
    return float(2 * recall * precision / (_EPS + recall + precision))


def _blurred(plane: Plane) -> Plane:
    """The plane under the Gaussian, zeros around it; one axis after the other."""
    weights = np.exp(-np.square(np.arange(-_REACH, _REACH + 1)) / (2 * _SIGMA**2))
    weights /= weights.sum()
    result = plane
    for _ in range(2):  # each turn blurs the rows and exchanges the axes
        padded = np.pad(result, ((0, 0), (_REACH, _REACH)))
        width = result.shape[1]
        parts = (weight * padded[:, k : k + width] for k, weight in enumerate(weights))
        result = np.ascontiguousarray(sum(parts, np.zeros_like(result)).T)
    return result
