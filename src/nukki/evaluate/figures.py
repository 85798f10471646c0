"""What was measured on each picture, and what it comes to over a set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean, median
from typing import Any

import numpy as np

from nukki.ops import curves, metrics
from nukki.ops.alpha import quantise
from nukki.ops.contours import boundary_f
from nukki.ops.structure import s_alpha
from nukki.ops.weighted import weighted_f
from nukki.types import Alpha

__all__ = ["Figures", "Judged", "Row", "figures", "judge"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An alpha against the truth. The mask of either is what is at least one half.

    Attributes:
        counts: Pixels above each threshold, for the curves of the set.
        weighted_f: Weighted Fβ of the alpha; NaN where the truth is empty.
        mae: Mean absolute error of the alpha against the truth's mask.
        s_alpha: Structure measure of the alpha.
        iou: Of the masks; 1 where both are empty.
        boundary_f: Of the masks' contours; 1 where both have none.
        sad: Sum of absolute differences to the soft truth, thousands of pixels.
        mse: Mean squared difference to the soft truth.
    """

    counts: curves.Counts
    weighted_f: float
    mae: float
    s_alpha: float
    iou: float
    boundary_f: float
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
        agreement: With the masks of the photo's copies; None where it was not asked for.
    """

    stem: str
    kind: str
    confidence: float
    found: bool
    network_ms: float
    alpha_ms: float
    judged: Judged | None
    agreement: Mapping[str, float] | None = None

    def record(self) -> dict[str, Any]:
        """Words and numbers for a table of pictures; the curves as the picture's own figures."""
        row = {f.name: getattr(self, f.name) for f in fields(self)[:_PLAIN]}
        if self.judged is not None:
            found = self.judged.counts
            f, e = _f_curve([found]), curves.alignment(found)
            row |= {"max_f": math.nan if f is None else float(f.max())}
            row |= {"mean_f": math.nan if f is None else float(f.mean())}
            row |= {"max_e": float(e.max()), "mean_e": float(e.mean())}
            row |= {name: getattr(self.judged, name) for name in _MEANS}
        for name, value in (self.agreement or {}).items():
            row[f"agreement_{name}"] = value
        return row


_PLAIN = 6  # fields of a row that are a word or a number
_MEANS = ("weighted_f", "mae", "s_alpha", "iou", "boundary_f", "sad", "mse")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What pictures come to: means, but for the curves and the medians. None without a picture.

    Pictures whose truth is empty have no place in max Fβ, mean Fβ and weighted Fβ, where nothing
    could be right; in the other figures they count, and an empty map is perfect.

    Attributes:
        pictures: How many.
        empty: How many of them have an empty truth; None without masks.
        max_f: Largest value of the set's Fβ curve, β² = .3 (`ops.curves.f_beta`).
        mean_f: Mean of that curve over its 256 thresholds.
        weighted_f: Weighted Fβ.
        mae: Mean absolute error.
        s_alpha: Structure measure, α = .5.
        max_e: Largest value of the mean Eφ curve.
        mean_e: Mean of that curve over its thresholds.
        iou: Intersection over union at one half.
        boundary_f: Boundary F at one half.
        sad: Sum of absolute differences to the soft truth, thousands of pixels.
        mse: Mean squared difference to the soft truth.
        confidence: As `ops.measures.confidence` says of the network's map.
        calibration_error: Expected calibration error of confidence against IoU, in ten bins.
        nothing_found: Share of pictures that `remove` calls empty.
        network_ms: Median of the network alone.
        alpha_ms: Median of pixels to alpha.
        agreement: Mean IoU with the masks of the photos' copies; None where not asked for.
    """

    pictures: int
    empty: int | None
    max_f: float | None
    mean_f: float | None
    weighted_f: float | None
    mae: float | None
    s_alpha: float | None
    max_e: float | None
    mean_e: float | None
    iou: float | None
    boundary_f: float | None
    sad: float | None
    mse: float | None
    confidence: float
    calibration_error: float | None
    nothing_found: float
    network_ms: float
    alpha_ms: float
    agreement: Mapping[str, float] | None

    def record(self) -> dict[str, Any]:
        """For JSON, rounded to six places."""
        record = {key: _rounded(value) for key, value in asdict(self).items()}
        if self.agreement is not None:
            record["agreement"] = {key: _rounded(value) for key, value in self.agreement.items()}
        return record


def judge(alpha: Alpha, truth: Alpha) -> Judged:
    """Judge an alpha as it is written: rounded to bytes.

    Args:
        alpha: (H, W) float32, 0..1.
        truth: Likewise; its mask is what is at least one half.
    """
    levels = quantise(alpha)
    written = levels.astype(np.float32) / np.float32(255)
    mask, wanted = metrics.inside(written), metrics.inside(truth)
    return Judged(
        counts=curves.counts(levels, wanted),
        weighted_f=weighted_f(written, wanted),
        mae=metrics.mae(written, wanted),
        s_alpha=s_alpha(written, wanted),
        iou=metrics.iou(mask, wanted),
        boundary_f=boundary_f(mask, wanted),
        sad=metrics.sad(written, truth),
        mse=metrics.mse(written, truth),
    )


def figures(rows: Sequence[Row]) -> Figures:
    """What rows come to; at least one."""
    judged = [row.judged for row in rows if row.judged is not None]
    sure = [row.confidence for row in rows]
    every = [one.counts for one in judged]
    f, e = _f_curve(every), _e_curve(every)
    error = metrics.calibration_error(sure, [one.iou for one in judged]) if judged else None
    return Figures(
        pictures=len(rows),
        empty=sum(not one.subject for one in every) if judged else None,
        max_f=None if f is None else float(f.max()),
        mean_f=None if f is None else float(f.mean()),
        max_e=None if e is None else float(e.max()),
        mean_e=None if e is None else float(e.mean()),
        **{name: _mean([getattr(one, name) for one in judged]) for name in _MEANS},
        confidence=fmean(sure),
        calibration_error=error,
        nothing_found=fmean(not row.found for row in rows),
        network_ms=median(row.network_ms for row in rows),
        alpha_ms=median(row.alpha_ms for row in rows),
        agreement=_agreement([row.agreement for row in rows if row.agreement is not None]),
    )


def _agreement(rows: Sequence[Mapping[str, float]]) -> dict[str, float] | None:
    if not rows:
        return None
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


def _mean(values: Sequence[float]) -> float | None:
    """The mean of what is a number; None where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None


def _f_curve(every: Sequence[curves.Counts]) -> curves.Curve | None:
    """The Fβ curve of the pictures that have a subject."""
    some = [one for one in every if one.subject]
    if not some:
        return None
    precision = np.mean([curves.precision(one) for one in some], axis=0)
    recall = np.mean([curves.recall(one) for one in some], axis=0)
    return curves.f_beta(precision, recall)


def _e_curve(every: Sequence[curves.Counts]) -> curves.Curve | None:
    """The mean Eφ curve."""
    if not every:
        return None
    return np.asarray(np.mean([curves.alignment(one) for one in every], axis=0))


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
