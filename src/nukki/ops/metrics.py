"""How far an alpha is from the truth, and how far confidence is from success.

The truth is the share of the subject in each pixel. Measures of masks ask which pixels are inside:
those of at least one half (`inside`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nukki.types import Alpha, Mask

__all__ = ["HALF", "calibration_error", "inside", "iou", "mae", "mse", "sad"]

HALF = 0.5


def inside(alpha: Alpha) -> Mask:
    """Pixels that are at least half the subject's: of bytes, 128 to 255."""
    return np.asarray(alpha >= HALF)


def mae(alpha: Alpha, truth: Mask) -> float:
    """Mean absolute error: Σ |alpha - truth| / pixels, 0 (the same) to 1 (the opposite).

    Perazzi et al., "Saliency filters", CVPR 2012, eq. 9.

    Args:
        alpha: (H, W) float32, 0..1.
        truth: (H, W) bool.
    """
    return float(np.abs(alpha - truth.astype(np.float32)).mean(dtype=np.float64))


def sad(alpha: Alpha, truth: Alpha) -> float:
    """Sum of absolute differences in thousands of pixels: Σ |alpha - truth| / 1000.

    Rhemann et al., "A perceptually motivated online benchmark for image matting", CVPR 2009; here
    over the whole picture, since there is no band of unknown pixels. It grows with the picture.

    Args:
        alpha: (H, W) float32, 0..1.
        truth: Likewise, soft edges and all.
    """
    return float(np.abs(alpha - truth).sum(dtype=np.float64)) / 1000


def mse(alpha: Alpha, truth: Alpha) -> float:
    """Mean squared error: Σ (alpha - truth)² / pixels, 0 to 1. Arguments as for `sad`."""
    return float(np.square(alpha - truth).mean(dtype=np.float64))


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union of two masks, 0..1: |A ∩ B| / |A ∪ B|.

    Jaccard, 1912. Two empty masks agree: 1.
    """
    union = np.count_nonzero(mask | truth)
    return float(np.count_nonzero(mask & truth) / union) if union else 1.0


def calibration_error(
    confidences: Sequence[float], scores: Sequence[float], bins: int = 10
) -> float:
    """Expected calibration error: Σ over bins of share · |mean confidence - mean score|, 0..1.

    Guo et al., "On calibration of modern neural networks", ICML 2017, eq. 3, with a score of 0..1
    (here IoU) where they have right or wrong. Bins are equally wide; 1.0 belongs to the last.

    Args:
        confidences: One a picture, 0..1; at least one.
        scores: Likewise.
        bins: How many.
    """
    sure, good = np.asarray(confidences, np.float64), np.asarray(scores, np.float64)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, sure - good, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))
