"""Scores for people and for programs: a table, JSON, a row a picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from nukki.evaluate.figures import Figures
from nukki.evaluate.subject import Score

__all__ = ["aligned", "as_csv", "as_json", "share", "table"]


def share(value: float) -> str:
    """A figure of 0 to 1 as papers print it: .9456."""
    return f"{value:.4f}".removeprefix("0")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _tenth(value: float) -> str:
    return f"{value:.1f}"


def _fine(value: float) -> str:
    return f"{value:.2f}"


# What stands over a column, the field of `Figures`, and how it is written.
_COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("max F", "max_f", share),
    ("mean F", "mean_f", share),
    ("wF", "weighted_f", share),
    ("MAE", "mae", share),
    ("S", "s_alpha", share),
    ("max E", "max_e", share),
    ("mean E", "mean_e", share),
    ("IoU", "iou", share),
    ("BF", "boundary_f", share),
    ("SAD", "sad", _fine),
    ("MSE", "mse", share),
    ("sure", "confidence", share),
    ("ECE", "calibration_error", share),
    ("nothing", "nothing_found", _percent),
    ("net ms", "network_ms", _tenth),
    ("ms", "alpha_ms", _tenth),
)
_WORDS = ("model", "size", "edges", "kind", "pictures")
_LEFT = 4  # columns of words stand at the left of their column


def table(scores: Sequence[Score]) -> Iterator[str]:
    """Scores as lines of a table for each set; columns without a figure are left out.

    Args:
        scores: In the order of their sets.

    Yields:
        For each set its name, the header, and a line for each network and for each kind; then, if
        it was asked for, the same with the agreement of masks.
    """
    for place, (folder, group) in enumerate(groupby(scores, key=lambda score: score.folder)):
        if place:
            yield ""
        lines = [(score, kind, of) for score in group for kind, of in _figures(score)]
        yield folder
        yield from _aligned([_words(*line) for line in lines], *_measures(lines))
        if all(of.agreement is not None for *_, of in lines):
            yield "mean IoU of the masks of a photo and of its copy"
            yield from _aligned([_words(*line) for line in lines], *_agreements(lines))


Line = tuple[Score, str, Figures]


def _figures(score: Score) -> Iterator[tuple[str, Figures]]:
    yield "all", score.all
    yield from score.kinds.items()


def _words(score: Score, kind: str, of: Figures) -> tuple[str, ...]:
    return score.model, score.grid, score.edges, kind, str(of.pictures)


def _measures(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of the columns in which any line has a figure."""
    columns = [
        column for column in _COLUMNS if any(getattr(of, column[1]) is not None for *_, of in lines)
    ]
    cells = [[_cell(getattr(of, name), write) for _, name, write in columns] for *_, of in lines]
    return [title for title, *_ in columns], cells


def _agreements(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    found = [of.agreement or {} for *_, of in lines]
    return list(found[0]), [[share(value) for value in one.values()] for one in found]


def _aligned(
    words: Sequence[tuple[str, ...]], titles: Sequence[str], cells: Sequence[Sequence[str]]
) -> Iterator[str]:
    rows = [(*_WORDS, *titles)]
    rows += [(*left, *right) for left, right in zip(words, cells, strict=True)]
    return aligned(rows, _LEFT)


def aligned(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Rows of cells as lines; the first columns stand at their left, the others at their right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        shown = [
            cell.rjust(width) if place >= left else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(shown).rstrip()


def _cell(value: float | None, write: Callable[[float], str]) -> str:
    return "-" if value is None else write(value)


def as_json(scores: Sequence[Score]) -> str:
    """An array with an object for each network on each set."""
    records = [score.record() for score in scores]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(scores: Sequence[Score]) -> str:
    """A line a picture, with a header; empty where a measure says nothing about a picture."""
    records = [
        {"set": score.folder, "model": score.model, "size": score.grid, "edges": score.edges}
        | row.record()
        for score in scores
        for row in score.rows
    ]
    names = list(dict.fromkeys(name for record in records for name in record))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _plain(value) for name, value in record.items()})
    return out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
