"""Judging a detector on photos whose things are known, through what `segment` looks with.

The truth is an `instances.json` in COCO's format; the figures are COCO's, by
`ops.detection_measures`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError, LimitExceeded, MissingExtra
from nukki.io.annotations import Annotated, read_annotations
from nukki.io.images import read
from nukki.loading import finder_name, load_as
from nukki.ops.boxes import Boxes, areas, shared_matrix
from nukki.ops.detection_measures import (
    COCO_OVERLAPS,
    Judged,
    average_precision,
    judged,
    overlap_with_crowds,
    precision_and_recall,
    recall,
)
from nukki.pipelines.looking import Looking
from nukki.tasks.detection import Detection
from nukki.types import RGB8, ClassSpec
from nukki.zoo.labels import COCO_NUMBERS, labels_of

__all__ = ["Figures", "Row", "Score", "evaluate", "photos_in"]

PEOPLE = 0  # in the order of COCO's names
_COCO = labels_of(ClassSpec("coco-80"))
_LABEL_OF = {number: label for label, number in enumerate(COCO_NUMBERS)}
_HINT = "make a folder with `images/` and `instances.json` in COCO's format"
_SKIP = "or give --skip-bad to pass over such pictures and count them"
_BAD = (InputError, LimitExceeded, MissingExtra)  # a picture cannot be read or judged
_AT_HALF, _AT_THREE_QUARTERS = 0, 5  # places in COCO_OVERLAPS


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the answers about some classes come to: means over the classes that have a truth.

    Attributes:
        things: How many there are, without crowds.
        ap: Average precision, mean over the overlaps .5, .55, …, .95.
        ap50: At an overlap of .5.
        ap75: At .75.
        recall: Share found by the 100 surest answers a photo, mean over the overlaps.
        recall50: At an overlap of .5.
        shown_precision: Of what is as sure as the card's `min_score`, the share that is right at
            an overlap of .5; over all classes together. None where nothing is.
        shown_recall: Likewise the share of things that is found.
    """

    things: int
    ap: float
    ap50: float
    ap75: float
    recall: float
    recall50: float
    shown_precision: float | None
    shown_recall: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One photo, at an overlap of .5 and the card's `min_score`.

    Attributes:
        stem: Its name.
        things: What is there, without crowds.
        found: How many of them were found.
        wrong: Answers that are no thing.
        people: People who are there.
        people_found: How many of them were found.
        people_wrong: Answers that are nobody.
        ms: Of looking at it.
    """

    stem: str
    things: int
    found: int
    wrong: int
    people: int
    people_found: int
    people_wrong: int
    ms: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """One detector on one set.

    Attributes:
        folder: The set.
        model: The detector's name, or the name of its file.
        size: The longer side of the one look; None where it looked as `segment` does.
        all: Over all classes; None where the set has no thing.
        people: Over people alone; None where nobody is there.
        rows: Photo by photo.
        skipped: Stems that could not be judged, and why.
    """

    folder: str
    model: str
    size: int | None
    all: Figures | None
    people: Figures | None
    rows: tuple[Row, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def ms(self) -> float:
        """Median of looking at a photo."""
        return median(row.ms for row in self.rows)

    def record(self) -> dict[str, Any]:
        """For JSON, rounded to six places; without the rows."""
        return {
            "set": self.folder,
            "model": self.model,
            "size": self.size,
            "pictures": len(self.rows),
            "ms": round(self.ms, 6),
            "people": None if self.people is None else _rounded(asdict(self.people)),
            "all": None if self.all is None else _rounded(asdict(self.all)),
            "skipped": [{"name": stem, "reason": reason} for stem, reason in self.skipped],
        }


def photos_in(
    folder: Path, *, names: Collection[str] | None = None, limit: int | None = None
) -> tuple[Annotated, ...]:
    """The photos of a set, and what is in them.

    Args:
        folder: Holds `images/` and `instances.json`.
        names: Only these stems; None takes all.
        limit: Only so many, in the order of their names.

    Raises:
        InputError: If the annotations cannot be read, or nothing is left.
    """
    photos = read_annotations(folder, _LABEL_OF, hint=_HINT)
    chosen = [photo for photo in photos if names is None or photo.image.stem in names]
    if not chosen:
        message = f"`{folder}` holds none of the names"
        raise InputError(message, hint="names are stems, one a line: `cat`, not `cat.jpg`")
    return tuple(chosen[:limit])


def evaluate(
    folder: str | Path,
    *,
    model: str = "detect",
    card: str | None = None,
    size: int | None = None,
    names: Collection[str] | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
    done: Callable[[], None] | None = None,
) -> Score:
    """Judge a detector on a folder.

    Args:
        folder: Holds `images` and `instances.json` in COCO's format, with COCO's classes.
        model: A name, an ONNX file, or "yolox:FILE".
        card: The card of a file.
        size: Look once, at this longer side; None looks as `segment` does (`pipelines.looking`).
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
    photos = photos_in(Path(folder), names=names, limit=limit)
    name, its_card = finder_name(model, card)
    detector = load_as(
        Detection, name, card=its_card, device=device, threads=threads,
        accept_licence=accept_licence,
    )  # fmt: skip
    run = _Run(detector, size)
    run.find(np.full((32, 32, 3), 128, np.uint8))  # no photo pays for what the first run sets up
    skipped: list[tuple[str, str]] = []
    for photo in photos:
        try:
            run.judge(photo)
        except _BAD as error:
            reason = str(error.message)
            if str(photo.image) not in reason:
                reason = f"`{photo.image}`: {reason}"
            if not skip_bad:
                raise InputError(reason, hint=f"{error.hint or 'mend it'}, {_SKIP}") from error
            skipped.append((photo.image.stem, reason))
        if done is not None:
            done()
    if not run.rows:
        message = f"`{folder}` holds no picture that can be judged: {skipped[0][1]}"
        raise InputError(message, hint="mend the pictures that were named")
    return Score(
        folder=str(folder),
        model=Path(name).name if name.lower().endswith(".onnx") else name,
        size=size,
        all=run.figures(sorted(run.answers)),
        people=run.figures([PEOPLE]),
        rows=tuple(run.rows),
        skipped=tuple(skipped),
    )


class _Run:
    """A detector on its way through the photos, and what it answered so far, class by class."""

    def __init__(self, detector: Detection, size: int | None) -> None:
        self.detector = detector
        self.size = size
        self.rows: list[Row] = []
        self.answers: dict[int, list[Judged]] = defaultdict(list)
        self._looking = Looking(detector)
        self._shown = (detector.card.classes or ClassSpec(())).min_score
        number = {label: place for place, label in enumerate(_COCO)}
        self._numbers = np.array([number.get(label, -1) for label in detector.labels], np.intp)

    def find(self, image: RGB8) -> Boxes:
        """What the detector finds, its classes in the order of COCO's names."""
        if self.size is None:
            found = self._looking.find(image)
        else:
            found = self.detector.find(image, size=self.size)
        numbers = self._numbers[found.classes]
        known = numbers >= 0
        return Boxes(found.corners[known], found.scores[known], numbers[known])

    def judge(self, photo: Annotated) -> None:
        """Look at a photo and add what it comes to.

        Raises:
            InputError: If it is no picture, or not of the size that its annotations say.
        """
        image = read(photo.image).rgb8()
        height, width = image.shape[:2]
        if (width, height) != photo.size:
            wanted = f"{photo.size[0]} × {photo.size[1]}, as its annotations say"
            message = f"`{photo.image}` must be {wanted}, got {width} × {height}"
            raise InputError(message)
        start = perf_counter()
        found = self.find(image)
        ms = 1000 * (perf_counter() - start)
        labels = np.array([told.label for told in photo.told], np.intp)
        truth = np.array([told.box for told in photo.told], np.float32).reshape(-1, 4)
        crowd = np.array([told.crowd for told in photo.told], np.bool_)
        told = {}
        for label in sorted({*labels.tolist(), *found.classes.tolist()}):
            there = labels == label
            told[label] = _judged(found.chosen(found.classes == label), truth[there], crowd[there])
            self.answers[label].append(told[label])
        self.rows.append(self._row(photo.image.stem, told, ms))

    def _row(self, stem: str, told: Mapping[int, Judged], ms: float) -> Row:
        counts = {label: self._counts(one) for label, one in told.items()}
        things, found, wrong = np.sum([[0, 0, 0], *counts.values()], axis=0).tolist()
        people, people_found, people_wrong = counts.get(PEOPLE, (0, 0, 0))
        return Row(
            stem=stem, things=things, found=found, wrong=wrong, people=people,
            people_found=people_found, people_wrong=people_wrong, ms=ms,
        )  # fmt: skip

    def _counts(self, one: Judged) -> tuple[int, int, int]:
        """Truths, those found, and wrong answers: of what is shown, at an overlap of .5."""
        shown = one.scores >= self._shown
        right = int(np.count_nonzero(one.right[_AT_HALF] & shown))
        passed = int(np.count_nonzero(one.passed[_AT_HALF] & shown))
        return one.truths, right, int(np.count_nonzero(shown)) - right - passed

    def figures(self, labels: Sequence[int]) -> Figures | None:
        """What the answers about some classes come to; None where nothing of them is there."""
        known = [
            self.answers[label]
            for label in labels
            if sum(one.truths for one in self.answers.get(label, ())) > 0
        ]
        if not known:
            return None
        precision = np.array([average_precision(photos) for photos in known])
        found = np.array([recall(photos) for photos in known])
        shown = [self._only_shown(one) for label in labels for one in self.answers.get(label, ())]
        right, share = (values[_AT_HALF] for values in precision_and_recall(shown))
        return Figures(
            things=sum(one.truths for photos in known for one in photos),
            ap=float(precision.mean()),
            ap50=float(precision[:, _AT_HALF].mean()),
            ap75=float(precision[:, _AT_THREE_QUARTERS].mean()),
            recall=float(found.mean()),
            recall50=float(found[:, _AT_HALF].mean()),
            shown_precision=None if np.isnan(right) else float(right),
            shown_recall=float(share),
        )

    def _only_shown(self, one: Judged) -> Judged:
        """The answers that are sure enough; they are the first, and the others take nothing."""
        count = int(np.count_nonzero(one.scores >= self._shown))
        return Judged(one.scores[:count], one.right[:, :count], one.passed[:, :count], one.truths)


def _judged(found: Boxes, truth: NDArray[np.float32], crowd: NDArray[np.bool_]) -> Judged:
    shared = shared_matrix(found.corners, truth)
    overlaps = overlap_with_crowds(shared, found.areas, areas(truth), crowd)
    return judged(overlaps, found.scores, crowd, COCO_OVERLAPS)


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 6) if isinstance(value, float) else value
        for key, value in figures.items()
    }
