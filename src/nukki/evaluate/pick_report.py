"""Scores of what finds the thing that is shown: a table, JSON, a row a thing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median

from nukki.evaluate.pick import GOOD, Score, Thing
from nukki.evaluate.report import aligned, share

__all__ = ["as_csv", "as_json", "table"]

_WORDS = ("model", "pictures", "things")
_LEFT = 1  # the model's name stands at the left of its column


def table(scores: Sequence[Score]) -> Iterator[str]:
    """Scores as lines of a table for each set.

    Args:
        scores: In the order of their sets, all with as many clicks.

    Yields:
        For each set its name, the header, and a line for each network.
    """
    for place, (folder, group) in enumerate(groupby(scores, key=lambda score: score.folder)):
        if place:
            yield ""
        yield folder
        clicks = [str(number) for number in range(1, scores[0].clicks + 1)]
        until = f"until {share(GOOD).rstrip('0')}"
        rows = [(*_WORDS, "box", *clicks, until, "score off", "first ms", "next ms")]
        rows += [_row(score) for score in group]
        yield from aligned(rows, _LEFT)


def _row(score: Score) -> tuple[str, ...]:
    of = score.figures
    return (
        score.model,
        str(len(score.rows)),
        str(of.things),
        share(of.box_iou),
        *(share(value) for value in of.click_ious),
        f"{of.clicks_until_good:.2f}",
        "-" if of.score_error is None else share(of.score_error),
        f"{of.first_ms:.1f}",
        "-" if of.further_ms is None else f"{of.further_ms:.1f}",
    )


def as_json(scores: Sequence[Score]) -> str:
    """An array with an object for each network on each set."""
    records = [score.record() for score in scores]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(scores: Sequence[Score]) -> str:
    """A line a thing, with a header; the first click's time is that of the photo's first thing."""
    records = [
        {
            "set": score.folder,
            "model": score.model,
            "stem": row.stem,
            "thing": number,
            **_record(thing, score.clicks),
            "first_ms": _figure(row.first_ms if number == 1 else None),
            "further_ms": _figure(median(thing.ms[1:]) if thing.ms[1:] else None),
        }
        for score in scores
        for row in score.rows
        for number, thing in enumerate(row.things, 1)
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def _record(thing: Thing, clicks: int) -> Mapping[str, object]:
    ious = [*thing.ious, *[thing.ious[-1]] * (clicks - len(thing.ious))]
    box = thing.box
    return {
        "label": thing.label,
        "left": box.left,
        "top": box.top,
        "right": box.right,
        "bottom": box.bottom,
        "area": thing.area,
        "box_iou": _figure(thing.box_iou),
        "score": _figure(thing.score),
        **{f"iou_{number}": _figure(value) for number, value in enumerate(ious, 1)},
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
