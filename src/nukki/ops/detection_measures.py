"""How well things were found: average precision and recall, as COCO computes them.

Lin et al., "Microsoft COCO", ECCV 2014 (arXiv 1405.0312), and cocodataset.org, "Detection
evaluation". In each photo and class the answers, the surest first, take the truth that they overlap
most, each truth once; an answer that takes none is wrong. Over all photos, walked from the surest
answer down:

    precision = right / (right + wrong)        recall = right / truths
    AP = 1/101 · Σ over r in 0, .01, …, 1 of the best precision at a recall of at least r

A truth that is a crowd is passed over: it counts as no truth, and answers inside it as neither
right nor wrong. The functions know nothing of boxes or masks: they get a table of overlaps, which
`overlap_with_crowds` makes of shared areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COCO_OVERLAPS",
    "Judged",
    "average_precision",
    "judged",
    "overlap_with_crowds",
    "precision_and_recall",
    "recall",
]

# AP@[.5:.95] is the mean over them; to the last bit COCO's own, which an overlap of just .6 needs.
COCO_OVERLAPS = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
MOST = 100  # answers in a photo and class that count, the surest

_RECALLS = np.linspace(0, 1, 101)
_EXACT = 1e-10  # COCO lets an overlap of 1 pass a threshold of 1 whatever was rounded

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Judged:
    """The answers of a photo and class.

    Attributes:
        scores: (n,), descending.
        right: (thresholds, n) bool: which took a truth.
        passed: (thresholds, n) bool: which took a crowd, and count as neither.
        truths: How many there were, without crowds.
    """

    scores: Values
    right: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    truths: int


def overlap_with_crowds(
    shared: Values, areas: Values, truth_areas: Values, crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Intersection over union; with a crowd, the share of the answer that lies in it.

    Args:
        shared: (n, m) area that each of n answers shares with each of m truths.
        areas: (n,) of the answers.
        truth_areas: (m,).
        crowd: (m,) bool.

    Returns:
        (n, m), 0 to 1; 0 where both are empty.
    """
    one, other = np.asarray(areas, np.float64)[:, None], np.asarray(truth_areas, np.float64)
    whole = np.where(crowd, one, one + other - shared)
    result = np.zeros(shared.shape, np.float64)
    np.divide(shared, whole, out=result, where=whole > 0)
    return result


def judged(
    overlaps: Values,
    scores: Values,
    crowd: NDArray[np.bool_],
    thresholds: Sequence[float] = COCO_OVERLAPS,
    *,
    most: int = MOST,
) -> Judged:
    """Tell right answers of a photo and class from wrong ones.

    Args:
        overlaps: (n, m) of n answers with m truths, 0 to 1 (see `overlap_with_crowds`).
        scores: (n,) how sure each answer is; of equal ones the earlier comes first.
        crowd: (m,) bool, which truths are to be passed over.
        thresholds: From which overlap on an answer may take a truth.
        most: Only so many answers count.

    Returns:
        The answers, the surest first.
    """
    order = np.argsort(-scores, kind="stable")[:most]
    # Crowds last: they are only for answers that find no truth.
    columns = np.argsort(crowd, kind="stable")
    table, ignored = np.asarray(overlaps, np.float64)[np.ix_(order, columns)], crowd[columns]
    singles = int(np.count_nonzero(~crowd))
    right = np.zeros((len(thresholds), len(order)), np.bool_)
    passed = np.zeros_like(right)
    for level, threshold in enumerate(thresholds):
        least = min(threshold, 1 - _EXACT)
        taken = np.zeros(singles, np.bool_)
        for place, row in enumerate(table):
            free = np.where(taken, -1.0, row[:singles])
            if free.size and free.max() >= least:
                # COCO takes the last one of equal overlaps.
                taken[singles - 1 - int(np.argmax(free[::-1]))] = True
                right[level, place] = True
            elif ignored.any() and row[singles:].max() >= least:
                passed[level, place] = True
    return Judged(scores[order], right, passed, singles)


def average_precision(photos: Sequence[Judged]) -> NDArray[np.float64]:
    """AP of one class over all photos, one at each threshold; NaN where there is no truth."""
    truths = sum(photo.truths for photo in photos)
    right, passed = _walked(photos)
    if not truths:
        return np.full(len(right), np.nan)
    hits = np.cumsum(right & ~passed, axis=1, dtype=np.float64)
    misses = np.cumsum(~right & ~passed, axis=1, dtype=np.float64)
    precision = hits / np.maximum(hits + misses, np.finfo(np.float64).eps)
    best_after = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.zeros(len(right))
    for level, curve in enumerate(best_after):
        places = np.searchsorted(hits[level] / truths, _RECALLS, side="left")
        reached = places[places < len(curve)]
        result[level] = curve[reached].sum() / len(_RECALLS)
    return result


def recall(photos: Sequence[Judged]) -> NDArray[np.float64]:
    """Truths found over truths there are, one at each threshold; NaN where there is none."""
    return precision_and_recall(photos)[1]


def precision_and_recall(
    photos: Sequence[Judged],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of everything that was answered, however sure: the shares that were right, and found.

    Returns:
        Precision and recall at each threshold; NaN where nothing was answered, or is there.
    """
    right, passed = _walked(photos)
    hits = right.sum(axis=1, dtype=np.float64)
    answered = np.count_nonzero(~passed, axis=1)
    truths = sum(photo.truths for photo in photos)
    shares = [np.full(len(hits), np.nan) for _ in range(2)]
    np.divide(hits, answered, out=shares[0], where=answered > 0)
    np.divide(hits, truths, out=shares[1], where=truths > 0)
    return shares[0], shares[1]


def _walked(photos: Sequence[Judged]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What was right and what was passed over, of all photos, the surest first."""
    scores = np.concatenate([photo.scores for photo in photos])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([photo.right for photo in photos], axis=1)
    passed = np.concatenate([photo.passed for photo in photos], axis=1)
    return right[:, order], passed[:, order]
