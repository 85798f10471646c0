"""Scores of detectors for people and for programs: a table, JSON, a row a photo."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from nukki.evaluate.detect import Figures, Score
from nukki.evaluate.report import aligned, share

__all__ = ["as_csv", "as_json", "table"]

_WORDS = ("model", "size", "of", "pictures", "things")
_LEFT = 3  # columns of words stand at the left of their column
_FIGURES = {
    "AP": "ap",
    "AP50": "ap50",
    "AP75": "ap75",
    "recall": "recall",
    "R50": "recall50",
    "shown P": "shown_precision",
    "shown R": "shown_recall",
}


def table(scores: Sequence[Score]) -> Iterator[str]:
    """Scores as lines of a table for each set.

    Args:
        scores: In the order of their sets.

    Yields:
        For each set its name, the header, and for each detector a line on people and one on all.
    """
    for place, (folder, group) in enumerate(groupby(scores, key=lambda score: score.folder)):
        if place:
            yield ""
        yield folder
        rows = [(*_WORDS, *_FIGURES, "ms")]
        for score in group:
            rows += [
                _row(score, "people", score.people),
                _row(score, "all", score.all),
            ]
        yield from aligned(rows, _LEFT)


def _row(score: Score, of: str, figures: Figures | None) -> tuple[str, ...]:
    words = (score.model, _size(score), of, str(len(score.rows)))
    if figures is None:
        return (*words, "0", *("-" for _ in _FIGURES), f"{score.ms:.1f}")
    values = [getattr(figures, name) for name in _FIGURES.values()]
    shown = ["-" if value is None else share(value) for value in values]
    return (*words, str(figures.things), *shown, f"{score.ms:.1f}")


def _size(score: Score) -> str:
    return "auto" if score.size is None else str(score.size)


def as_json(scores: Sequence[Score]) -> str:
    """An array with an object for each detector on each set."""
    records = [score.record() for score in scores]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(scores: Sequence[Score]) -> str:
    """A line a photo, with a header: what is there, found and wrong at an overlap of .5."""
    records = [
        {"set": score.folder, "model": score.model, "size": _size(score), **asdict(row)}
        for score in scores
        for row in score.rows
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({**record, "ms": f"{record['ms']:.6g}"})
    return out.getvalue()
