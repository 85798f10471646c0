"""Judging what finds the thing that is shown: by its box, and click by click.

The clicks are those of a user who always mends the worst place (`ops.clicks`); each is asked of the
photo that was looked at once, as `nukki pick` and those who refine with it do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np

from nukki.errors import InputError, LimitExceeded, MissingExtra, NukkiError
from nukki.evaluate.known import NARROWEST, Known, Photo, open_photos
from nukki.loading import load_picker, picker_name
from nukki.ops.clicks import clicks_until, iou_by_clicks, next_click
from nukki.ops.metrics import iou
from nukki.ops.segments import Segment
from nukki.pipelines.pick import Asked, Picker
from nukki.types import Box, Mask, Point

__all__ = ["GOOD", "Figures", "Row", "Score", "Thing", "evaluate"]

GOOD = 0.8  # the IoU until which clicks are counted
_SKIP = "or give --skip-bad to pass over such pictures and count them"
_BAD = (InputError, LimitExceeded, MissingExtra)  # a picture cannot be read or judged


@dataclass(frozen=True, kw_only=True)
class Thing:
    """How one thing was found.

    Attributes:
        label: What it is, in COCO's words; empty where nothing says.
        box: Around it, in whole pixels.
        area: Pixels of its true mask.
        box_iou: When it was shown by that box.
        score: The IoU that the network expected then; None where it found nothing.
        ious: After 1, 2, … clicks; shorter where nothing was wrong any more.
        ms: What each of these clicks took.
    """

    label: str
    box: Box
    area: int
    box_iou: float
    score: float | None
    ious: tuple[float, ...]
    ms: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One photo.

    Attributes:
        stem: Its name.
        things: Those that were judged, the largest first.
        first_ms: From its pixels to the answer to the first click in it; None without a thing.
    """

    stem: str
    things: tuple[Thing, ...]
    first_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the answers come to; means over things.

    Attributes:
        things: How many there are.
        box_iou: IoU of the mask when a thing is shown by its box.
        click_ious: After 1, 2, … clicks.
        clicks_until_good: How many clicks it takes to an IoU of `GOOD`; a thing that does not come
            so far counts as many as were made.
        score_error: How far the score lies from the IoU by box, of what is found; None where
            nothing is.
        first_ms: Median of the first click in a photo, which has to be looked at.
        further_ms: Median of a further click on the same thing; None where none was made.
    """

    things: int
    box_iou: float
    click_ious: tuple[float, ...]
    clicks_until_good: float
    score_error: float | None
    first_ms: float
    further_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Score:
    """One network on one set.

    Attributes:
        folder: The set.
        model: The network's name, or the name of its file.
        clicks: The most that were made on a thing.
        figures: Over all things.
        rows: Photo by photo.
        skipped: Stems that could not be judged, and why.
    """

    folder: str
    model: str
    clicks: int
    figures: Figures
    rows: tuple[Row, ...]
    skipped: tuple[tuple[str, str], ...]

    def record(self) -> dict[str, Any]:
        """For JSON, rounded to six places; without the rows."""
        of = self.figures
        return {
            "set": self.folder,
            "model": self.model,
            "clicks": self.clicks,
            "pictures": len(self.rows),
            "things": of.things,
            "box_iou": round(of.box_iou, 6),
            "click_ious": [round(value, 6) for value in of.click_ious],
            "clicks_until_good": round(of.clicks_until_good, 6),
            "good": GOOD,
            "score_error": None if of.score_error is None else round(of.score_error, 6),
            "first_ms": round(of.first_ms, 6),
            "further_ms": None if of.further_ms is None else round(of.further_ms, 6),
            "skipped": [{"name": stem, "reason": reason} for stem, reason in self.skipped],
        }


def evaluate(
    folder: str | Path,
    *,
    model: str = "default",
    card: str | None = None,
    clicks: int = 5,
    names: Collection[str] | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
    done: Callable[[], None] | None = None,
) -> Score:
    """Judge what finds the thing that is shown on a folder.

    Judged are things that are no crowd, whose box is at least `known.NARROWEST` pixels on its
    shorter side, and of each photo the `known.MOST` with the largest boxes.

    Args:
        folder: Holds `images` and `instances.json` in COCO's format, or else `masks` with one thing
            a photo.
        model: "default", a name such as "sam-vit-b", or an ONNX file.
        card: The card of a file.
        clicks: How many are made on a thing at most, at least 1.
        names: Only these stems.
        limit: Only so many photos.
        skip_bad: Pass over photos that cannot be judged, and name them in the result.
        device: See `api.remove`.
        threads: Likewise.
        accept_licence: Likewise.
        done: Called after each photo.

    Raises:
        InputError: If the folder holds nothing to judge, or a photo cannot be judged.
        NukkiError: As loading and running the network say.
    """
    if clicks < 1:
        message = f"`clicks` must be 1 or more, got {clicks}"
        raise InputError(message, hint="five are usual")
    found = open_photos(Path(folder), names=names, limit=limit)
    skipped = list(found.bad)
    if skipped and not skip_bad:
        raise InputError(skipped[0][1], hint=f"add or rename the file, {_SKIP}")
    picker = load_picker(
        model, card=card, device=device, threads=threads, accept_licence=accept_licence
    )
    _warm_up(picker)
    rows: list[Row] = []
    for photo in found.photos:
        try:
            rows.append(_row(picker, photo, clicks))
        except _BAD as error:
            reason = _named(photo, error)
            if not skip_bad:
                raise InputError(reason, hint=f"{error.hint or 'mend it'}, {_SKIP}") from error
            skipped.append((photo.image.stem, reason))
        if done is not None:
            done()
    _check(folder, rows, skipped)
    name = picker_name(model)
    return Score(
        folder=str(folder),
        model=Path(name).name if name.lower().endswith(".onnx") else name,
        clicks=clicks,
        figures=_figures(rows, clicks),
        rows=tuple(rows),
        skipped=tuple(skipped),
    )


def _named(photo: Photo, error: NukkiError) -> str:
    """The error's message, with the photo in front where neither it nor its mask is named."""
    known = any(str(path) in error.message for path in (photo.image, photo.truth))
    return error.message if known else f"`{photo.image}`: {error.message}"


def _check(folder: str | Path, rows: list[Row], skipped: list[tuple[str, str]]) -> None:
    """Refuse a set of which nothing is left."""
    if not rows:
        message = f"`{folder}` holds no picture that can be judged: {skipped[0][1]}"
        raise InputError(message, hint="mend the pictures that were named")
    if not any(row.things for row in rows):
        message = f"`{folder}` holds no thing that can be judged in {len(rows)} pictures"
        hint = f"a thing needs a mask, and a box of {NARROWEST} pixels or more on its shorter side"
        raise InputError(message, hint=hint)


def _warm_up(picker: Picker) -> None:
    """Ask once, so that no photo pays for what the first run sets up."""
    picker.embed(np.full((32, 32, 3), 128, np.uint8)).ask([Point(16, 16)])


def _row(picker: Picker, photo: Photo, clicks: int) -> Row:
    """Judge one photo.

    Raises:
        InputError: If it or its truth cannot be read, or they differ in size.
    """
    image, known = photo.load()
    start = perf_counter()
    asked = picker.embed(image)
    looked_ms = 1000 * (perf_counter() - start)
    things = tuple(_thing(asked, one, clicks) for one in known)
    return Row(
        stem=photo.image.stem,
        things=things,
        first_ms=looked_ms + things[0].ms[0] if things else None,
    )


def _thing(asked: Asked, one: Known, clicks: int) -> Thing:
    """Judge one thing: the clicks first, so that the first one gains nothing from the box."""
    ious: list[float] = []
    ms: list[float] = []
    points: list[Point] = []
    mask: Mask = np.zeros_like(one.mask)
    while len(points) < clicks:
        click = next_click(mask, one.mask)
        if click is None:
            break
        points.append(click)
        start = perf_counter()
        found = asked.ask(points)
        ms.append(1000 * (perf_counter() - start))
        mask = _mask(found, one.mask)
        ious.append(iou(mask, one.mask))
    by_box = asked.ask(box=one.box)
    return Thing(
        label=one.label,
        box=one.box,
        area=int(np.count_nonzero(one.mask)),
        box_iou=iou(_mask(by_box, one.mask), one.mask),
        score=None if by_box is None else by_box.score,
        ious=tuple(ious),
        ms=tuple(ms),
    )


def _mask(found: Segment | None, truth: Mask) -> Mask:
    """What was found, empty where nothing was."""
    return np.zeros_like(truth) if found is None else found.mask


def _figures(rows: list[Row], clicks: int) -> Figures:
    things = [thing for row in rows for thing in row.things]
    curves = [thing.ious for thing in things]
    further = [ms for thing in things for ms in thing.ms[1:]]
    errors = [abs(one.score - one.box_iou) for one in things if one.score is not None]
    return Figures(
        things=len(things),
        box_iou=fmean(thing.box_iou for thing in things),
        click_ious=tuple(iou_by_clicks(curves, clicks).tolist()),
        clicks_until_good=clicks_until(curves, GOOD, clicks),
        score_error=fmean(errors) if errors else None,
        first_ms=median(row.first_ms for row in rows if row.first_ms is not None),
        further_ms=median(further) if further else None,
    )
