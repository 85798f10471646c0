"""From a network's answers to its queries to scored masks, as Mask2Former's are read.

Cheng et al., "Masked-attention mask transformer for universal image segmentation", CVPR 2022, and
`post_process_instance_segmentation` of the library transformers: a query's class probability times
the mean probability of its mask's pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_pairs", "mask_quality", "softmax"]

Values = NDArray[np.float32]


def softmax(logits: Values, axis: int) -> Values:
    """Probabilities that sum to 1 along an axis."""
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True), np.float32)


def best_pairs(logits: Values) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    """The most probable pairs of a query and a class, as many as there are queries.

    A query may stand in several pairs, and another in none.

    Args:
        logits: (queries, classes + 1) float32; the last class is "nothing".

    Returns:
        Query, class and probability of each pair, most probable first.
    """
    probabilities = softmax(logits, axis=1)[:, :-1]
    best = np.argsort(-probabilities, axis=None, kind="stable")[: len(logits)]
    queries, classes = np.divmod(best, probabilities.shape[1])
    return queries, classes, probabilities.reshape(-1)[best]


def mask_quality(logits: Values) -> float:
    """Mean probability of the pixels inside a mask; 0 where it has none.

    Args:
        logits: (h, w) float32; what lies above 0 is inside.
    """
    inside = logits[logits > 0].astype(np.float64)
    if not inside.size:
        return 0.0
    # transformers divides by the count and a millionth.
    return float((1 / (1 + np.exp(-inside))).sum() / (inside.size + 1e-6))
