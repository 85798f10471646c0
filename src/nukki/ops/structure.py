"""Structure measure Sα: whether a map has the subject's shape, as people see it.

Fan, Cheng, Liu, Li & Borji, "Structure-measure: a new way to evaluate foreground maps", ICCV 2017:

    Sα = α · So + (1 - α) · Sr

So looks at the subject and at the rest as two objects, Sr at the four parts of the picture around
the subject's centre. Details follow the authors' published code: standard deviations over n - 1,
the centre rounded half up and one pixel further, and no stretching of the map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.types import Alpha, Mask

__all__ = ["s_alpha"]

_EPS = np.finfo(np.float64).eps


def s_alpha(alpha: Alpha, truth: Mask, weight: float = 0.5) -> float:
    """Structure measure, 0..1.

    Where the truth is all background it is 1 - mean(alpha), where it is all subject mean(alpha).

    Args:
        alpha: (H, W) float32, 0..1.
        truth: (H, W) bool.
        weight: α, the share of So.
    """
    values = alpha.astype(np.float64)
    share = float(truth.mean())
    if share in (0.0, 1.0):
        mean = float(values.mean())
        return mean if share else 1 - mean
    score = weight * _objects(values, truth, share) + (1 - weight) * _regions(values, truth)
    return max(0.0, score)


def _objects(values: NDArray[np.float64], truth: Mask, share: float) -> float:
    return share * _object(values[truth]) + (1 - share) * _object(1 - values[~truth])


def _object(values: NDArray[np.float64]) -> float:
    """Likeness to an object of ones: high in the mean and even. Eq. 4 and 5."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return 2 * mean / (mean * mean + 1 + spread + _EPS)


def _regions(values: NDArray[np.float64], truth: Mask) -> float:
    """Likeness of the four parts, weighted by their sizes. Eq. 6 to 8."""
    rows, columns = np.nonzero(truth)
    row = int(np.floor(rows.mean() + 0.5)) + 1
    column = int(np.floor(columns.mean() + 0.5)) + 1
    total = 0.0
    for down in (slice(row), slice(row, None)):
        for across in (slice(column), slice(column, None)):
            part = values[down, across]
            if part.size:
                alike = _alike(part, truth[down, across].astype(np.float64))
                total += part.size / truth.size * alike
    return total


def _alike(values: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Structural similarity of a part without its constants, as the authors define it."""
    x, y = float(values.mean()), float(truth.mean())
    off_x, off_y = values - x, truth - y
    below = values.size - 1 + _EPS
    spread = float((off_x * off_x).sum() + (off_y * off_y).sum()) / below
    both = float((off_x * off_y).sum()) / below
    above, below = 4 * x * y * both, (x * x + y * y) * spread
    if above != 0:
        return above / (below + _EPS)
    return 1.0 if below == 0 else 0.0
