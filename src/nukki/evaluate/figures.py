"""What was measured on each picture, and what it comes to over a set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean, median
from typing import Any

import numpy as np

from nukki.ops import curves, metrics
from nukki.ops.alpha import quantise
from nukki.ops.structure import s_alpha
from nukki.types import Alpha

__all__ = ["Figures", "Judged", "Row", "figures", "judge"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An alpha against the truth. NaN where a measure says nothing about a picture.

    Attributes:
        counts: Pixels above each threshold, for the curves of the set.
        mae: Mean absolute error against the mask.
        s_alpha: Structure measure.
        iou: Of the two masks.
        sad: Sum of absolute differences to the soft truth, thousands of pixels.
        mse: Mean squared difference to the soft truth.
    """

    counts: curves.Counts
    mae: float
    s_alpha: float
    iou: float
    sad: float
    mse: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture.

    Attributes:
        stem: Its name.
        kind: What it was said to be; "" where nothing was.
        confidence: Of the network's map.
        found: Whether `remove` calls it a picture with a subject.
        network_ms: The network alone.
        alpha_ms: Pixels to alpha: the grid, the network, the edges.
        judged: Against the truth; None in a set without masks.
    """

    stem: str
    kind: str
    confidence: float
    found: bool
    network_ms: float
    alpha_ms: float
    judged: Judged | None

    def record(self) -> dict[str, Any]:
        """Words and numbers for a table of pictures."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "judged"}
        if self.judged is not None:
            found = self.judged.counts
            own = curves.f_beta(curves.precision(found), curves.recall(found))
            row |= {"max_f": float(own.max()), "mean_f": float(own.mean())}
            row |= {"e_phi": float(curves.alignment(found).mean())}
            row |= {
                f.name: getattr(self.judged, f.name)
                for f in fields(self.judged)
                if f.name != "counts"
            }
        return row


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means over pictures. None where no picture has such a figure.

    Attributes:
        pictures: How many.
        max_f: Largest value of the set's Fβ curve (β² = .3).
        mean_f: Its mean over the thresholds.
        mae: Mean absolute error.
        s_alpha: Structure measure.
        iou: At one half.
        sad: Thousands of pixels, against the soft truth.
        mse: Against the soft truth.
        confidence: Mean.
        calibration_error: Between confidence and IoU, in ten bins.
        nothing_found: Share of pictures that `remove` calls empty.
        network_ms: Median.
        alpha_ms: Median.
    """

    pictures: int
    max_f: float | None
    mean_f: float | None
    mae: float | None
    s_alpha: float | None
    iou: float | None
    sad: float | None
    mse: float | None
    confidence: float
    calibration_error: float | None
    nothing_found: float
    network_ms: float
    alpha_ms: float

    def record(self) -> dict[str, Any]:
        """For JSON, rounded to six places."""
        return {
            key: round(value, 6) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def judge(alpha: Alpha, truth: Alpha) -> Judged:
    """Judge an alpha as it is written: rounded to bytes.

    Args:
        alpha: (H, W) float32, 0..1.
        truth: Likewise; its mask is what is at least one half.
    """
    levels = quantise(alpha)
    written = levels.astype(np.float32) / np.float32(255)
    mask = metrics.inside(truth)
    return Judged(
        counts=curves.counts(levels, mask),
        mae=metrics.mae(written, mask),
        s_alpha=s_alpha(written, mask),
        iou=metrics.iou(metrics.inside(written), mask),
        sad=metrics.sad(written, truth),
        mse=metrics.mse(written, truth),
    )


def figures(rows: Sequence[Row]) -> Figures:
    """What rows come to; at least one."""
    judged = [row.judged for row in rows if row.judged is not None]
    sure = [row.confidence for row in rows]
    curve = _f_curve([one.counts for one in judged])
    error = metrics.calibration_error(sure, [one.iou for one in judged]) if judged else None
    return Figures(
        pictures=len(rows),
        max_f=None if curve is None else float(curve.max()),
        mean_f=None if curve is None else float(curve.mean()),
        **{name: _mean([getattr(one, name) for one in judged]) for name in _MEANS},
        confidence=fmean(sure),
        calibration_error=error,
        nothing_found=fmean(not row.found for row in rows),
        network_ms=median(row.network_ms for row in rows),
        alpha_ms=median(row.alpha_ms for row in rows),
    )


_MEANS = ("mae", "s_alpha", "iou", "sad", "mse")


def _mean(values: Sequence[float]) -> float | None:
    """The mean of what is a number; None where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None


def _f_curve(all_counts: Sequence[curves.Counts]) -> curves.Curve | None:
    """The set's Fβ curve, of the pictures that have a subject."""
    some = [one for one in all_counts if one.subject]
    if not some:
        return None
    precision = np.mean([curves.precision(one) for one in some], axis=0)
    recall = np.mean([curves.recall(one) for one in some], axis=0)
    return curves.f_beta(precision, recall)
