"""Figures about a result, without knowing the truth."""

from __future__ import annotations

import numpy as np

from nukki.types import Alpha

__all__ = ["confidence"]


def confidence(alpha: Alpha) -> float:
    """How sure a map is of what it calls the subject, 0..1: Σ alpha² / Σ alpha.

    The mean of the map, weighted by the map itself: 1 for a mask of zeros and ones, p for a map
    that says p everywhere, 0 where there is nothing. Absolute: a faint map stays unsure.
    """
    values = alpha.astype(np.float64)
    total = float(values.sum())
    return float((values * values).sum()) / total if total > 0 else 0.0
