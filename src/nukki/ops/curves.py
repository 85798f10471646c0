"""Precision, recall, Fβ and Eφ at every threshold of a mask of bytes.

A map that was written as bytes can be cut at 256 places: `byte >= t` for t in 0..255. How many
pixels of the subject and how many others lie above each (`counts`) is all that these measures need,
and two histograms tell it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.types import Mask

__all__ = ["BETA2", "Counts", "alignment", "counts", "f_beta", "precision", "recall"]

BETA2 = 0.3  # precision counts more; Achanta et al., CVPR 2009, and the field ever since
Curve = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels at or above each threshold.

    Attributes:
        hits: (256,) int64, pixels of the subject with `byte >= t`.
        alarms: (256,) int64, other pixels with `byte >= t`.
    """

    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]

    @property
    def subject(self) -> int:
        """Pixels of the subject."""
        return int(self.hits[0])

    @property
    def pixels(self) -> int:
        """All pixels."""
        return int(self.hits[0] + self.alarms[0])


def counts(levels: NDArray[np.uint8], truth: Mask) -> Counts:
    """Count the pixels above each threshold.

    Args:
        levels: (H, W) uint8, the map as it is written.
        truth: (H, W) bool.
    """
    hits = np.bincount(levels[truth], minlength=256)
    alarms = np.bincount(levels[~truth], minlength=256)
    return Counts(np.cumsum(hits[::-1])[::-1], np.cumsum(alarms[::-1])[::-1])


def precision(found: Counts) -> Curve:
    """(256,): the share of what is marked that is subject; 0 where nothing is marked."""
    marked = found.hits + found.alarms
    return np.asarray(found.hits / np.maximum(marked, 1))


def recall(found: Counts) -> Curve:
    """(256,): the share of the subject that is marked; NaN where there is no subject."""
    if not found.subject:
        return np.full(256, np.nan)
    return np.asarray(found.hits / found.subject)


def f_beta(precision: Curve, recall: Curve, beta2: float = BETA2) -> Curve:
    """Fβ = (1 + β²) · P · R / (β² · P + R), 0..1; 0 where both are 0.

    The curve of a set is made from the mean precision and the mean recall of its pictures at each
    threshold, and max Fβ and mean Fβ are the largest and the mean value of that curve (Achanta et
    al., "Frequency-tuned salient region detection", CVPR 2009, eq. 5; Borji et al., "Salient object
    detection: a benchmark", TIP 2015). Toolboxes that average the pictures' own Fβ curves instead
    give figures about half a point lower.

    Args:
        precision: (256,), or any shape.
        recall: Likewise.
        beta2: β².
    """
    below = beta2 * precision + recall
    above = (1 + beta2) * precision * recall
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def alignment(found: Counts) -> Curve:
    """(256,): enhanced alignment Eφ of the map cut at each threshold, 0..1.

    Fan et al., "Enhanced-alignment measure for binary foreground map evaluation", IJCAI 2018: with
    each mask less its mean, ξ = 2ab / (a² + b²), and Eφ is the mean of (1 + ξ)² / 4 over the
    pixels, as in the paper's eq. 5 (the authors' code divides by one pixel less). Where the truth
    is all background, or all subject, it is the share of pixels that are right, as in their code.

    There are four kinds of pixels (marked or not, subject or not), and each has one value.
    """
    pixels, subject = found.pixels, found.subject
    marked = found.hits + found.alarms
    if subject == 0:
        return np.asarray(1 - marked / pixels)
    if subject == pixels:
        return np.asarray(marked / pixels)
    mean_map, mean_truth = marked / pixels, subject / pixels
    total = np.zeros(256)
    groups = (
        (1, 1, found.hits),
        (1, 0, found.alarms),
        (0, 1, subject - found.hits),
        (0, 0, pixels - subject - found.alarms),
    )
    for value, true, number in groups:
        a, b = value - mean_map, true - mean_truth  # b is never 0 here
        total += number * (1 + 2 * a * b / (a * a + b * b)) ** 2 / 4
    return np.asarray(total / pixels)
