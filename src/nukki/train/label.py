"""Truth from teachers: what several looks at a photo agree on is taken for what is in it.

The answers (see `train.teachers`) make a set of prepared data: photos, and `instances.json` in
COCO's format with boxes and scores alone; what is doubtful has `iscrowd`. Where a photo comes with
the mask of one thing of a known label, that thing's box is known. Work that was stopped goes on
where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from nukki.errors import InputError, NukkiError
from nukki.io.images import read
from nukki.ops.boxes import Boxes
from nukki.train.coco import ANNOTATIONS, joined
from nukki.train.prepared import add_set, check_prepared, unwritable
from nukki.train.stream import BAD_HINT
from nukki.train.teachers import Look, Rules, found_by, with_known
from nukki.train.things import COCO_NUMBERS, PERSON, UNKNOWN, Photo, find_things, load_things
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of

__all__ = ["label_sets"]

_JOURNAL = "answers.jsonl"
_SIFTED = 3  # of a set of which N photos are wanted, so many times N are sifted


def _rows(boxes: Boxes, things: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Boxes as rows of annotations without their numbers."""
    rows = []
    for corners, score, label, thing in zip(
        boxes.corners, boxes.scores, boxes.classes, things, strict=True
    ):
        left, top, right, bottom = (float(value) for value in corners)
        box = [round(value, 2) for value in (left, top, right - left, bottom - top)]
        rows.append(
            {
                "category_id": COCO_NUMBERS[int(label)],
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": int(not thing),
                "score": round(float(score), 4),
                "segmentation": [],
            }
        )
    return rows


# --- sets


@dataclass(frozen=True)
class _Source:
    """A photo of prepared data, and the set that it is of."""

    origin: str
    photo: Photo

    @property
    def path(self) -> Path:
        """Of the photo."""
        return self.photo.image

    @property
    def name(self) -> str:
        """Of the file that is made of it: photos of several sets lie in one folder."""
        return f"{self.origin}-{self.path.name}"


@dataclass
class _Journal:
    """Answers so far, one a line, under a first line that says to what questions."""

    path: Path
    answers: dict[str, Any] = field(default_factory=dict)

    def open(self, questions: Mapping[str, Any]) -> None:
        """Read what is there if it answers the same questions; else begin anew."""
        head = json.dumps(questions, sort_keys=True)
        try:
            first, *rest, _ = self.path.read_text("utf-8").split("\n")  # the last one was cut off
            known = [json.loads(line) for line in rest] if first == head else []
        except (OSError, ValueError):
            known = []
        for one in known:
            self.answers.update(one)
        lines = [head, *(json.dumps(one, sort_keys=True) for one in known)]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path, error) from error

    def ask(self, key: str, answer: Callable[[], Any]) -> Any:
        """The answer that is there, or a new one, which is written down."""
        if key not in self.answers:
            self.answers[key] = answer()
            line = json.dumps({key: self.answers[key]}, sort_keys=True)
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            except OSError as error:
                raise unwritable(self.path, error) from error
        return self.answers[key]


class Watch(Protocol):
    """Told after every photo: how many were looked at, of how many, and what is wrong with it."""

    def __call__(self, done: int, total: int, problem: str | None) -> None:
        """Look at the figures; raise to stop."""


def label_sets(
    folder: Path,
    sets: Mapping[str, int | None],
    looks: Sequence[Look],
    *,
    name: str = "labelled",
    rules: Rules | None = None,
    skip_bad: bool = False,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Make a set of photos with boxes, out of other sets of prepared data.

    Of a set of which only some photos are wanted, three times as many (evenly spread over their
    names' digests) are sifted by the look at the smallest size: photos with a sure person come
    first, then those with another sure thing.

    Args:
        folder: Prepared data; photos to train on are labelled.
        sets: How many photos of which sets; None takes all.
        looks: At least as many as must agree.
        name: Of the set that is made.
        rules: What becomes of the boxes.
        skip_bad: Whether photos that cannot be read are passed over, or end the work.
        watch: Told how far it is.

    Returns:
        The record of the prepared data, with the new set.

    Raises:
        InputError: If the folder is not what its record says, has such a set already or lacks one,
            the looks are too few or their labels are not COCO's, or a photo cannot be read.
        OutputError: If the set cannot be written.
    """
    rules = rules or Rules()
    record = check_prepared(folder)
    _check(folder, record, sets, looks, name, rules)
    folder = folder.resolve()
    work = folder.with_name(f".{folder.name[:60]}.{name}.part")
    questions = {
        "data": record["names_and_sizes"],
        "sets": dict(sets),
        "looks": [look.record() for look in looks],
        "rules": asdict(rules),
    }
    with _alone(work):
        journal = _Journal(work / _JOURNAL)
        journal.open(questions)
        desk = _Desk(journal, looks, rules, skip_bad, watch or _unwatched)
        told = list(desk.work_through(folder, sets))
        if not told:
            message = "none of the photos can be labelled: there are none that can be read"
            raise InputError(message, hint="give other sets, or see what was said of each photo")
        made = _written(work, told)
        says = {
            "origin": "photos of other sets here, boxes of teachers in agreement",
            "terms": "those of the photos' sets; teachers as published",
            **{key: questions[key] for key in ("sets", "looks", "rules")},
            "pictures": {"train": len(told), "validate": 0, "held": 0},
            "left_out": [],
            "bad": desk.bad,
        }
        new_record = add_set(folder, made, name, says)
    shutil.rmtree(work, ignore_errors=True)
    return new_record


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keep a second process from writing to the same journal."""
    lock = FileLock(work / ".lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        message = f"`{work}` is being worked on by another process"
        raise InputError(message, hint="wait for it, or end it; its work is kept") from error
    except OSError as error:
        raise unwritable(work, error) from error
    try:
        yield
    finally:
        lock.release()


def _unwatched(done: int, total: int, problem: str | None) -> None:
    """Nobody looks."""


def _check(
    folder: Path,
    record: Mapping[str, Any],
    sets: Mapping[str, int | None],
    looks: Sequence[Look],
    name: str,
    rules: Rules,
) -> None:
    """Refuse what cannot be asked."""
    if name in record["sets"] or not name.isidentifier():
        message = f"`{name}` cannot name the new set: it is one already, or no plain word"
        raise InputError(message, hint="name another, or prepare the data anew")
    for one, count in sets.items():
        if not (folder / "train" / one / "images").is_dir():
            has = ", ".join(record["sets"])
            message = f"`{folder}` has no set `{one}` to train on: it has {has}"
            raise InputError(message, hint="prepare the set, or leave it out")
        if count is not None and count < 1:
            message = f"at least one photo of `{one}` must be wanted, got {count}"
            raise InputError(message, hint=f"give {one}=100, or {one} for all")
    if len(looks) < rules.agree or not sets:
        message = f"{len(looks)} looks at {len(sets)} sets: expected some, and {rules.agree} looks"
        raise InputError(message, hint="give teachers at several sizes, as FILE.onnx@416,640m")
    known = labels_of(ClassSpec("coco-80"))
    for look in looks:
        if look.finder.labels != known:
            message = f"`{look.name}` must have the 80 labels of COCO in their order"
            raise InputError(message, hint="correct its card, or leave it out")


@dataclass
class _Desk:
    """The work: photos in, rows of annotations out."""

    journal: _Journal
    looks: Sequence[Look]
    rules: Rules
    skip_bad: bool
    watch: Watch
    bad: list[dict[str, str]] = field(default_factory=list)
    done: int = 0

    def work_through(
        self, folder: Path, sets: Mapping[str, int | None]
    ) -> Iterator[tuple[_Source, dict[str, Any]]]:
        """Every photo that can be labelled, with what `coco.joined` wants of it."""
        photos = {name: _photos(folder, name, count) for name, count in sets.items()}
        total = sum(len(those) if sets[name] is None else len(those) + (sets[name] or 0)
                    for name, those in photos.items())  # fmt: skip
        for name, those in photos.items():
            count = sets[name]
            for photo in those if count is None else self._sifted(those, count, total):
                answer = self._asked(f"label {photo.name}", photo, self._labelled, total)
                if answer is not None:
                    yield photo, answer

    def _sifted(self, photos: Sequence[_Source], count: int, total: int) -> list[_Source]:
        """The photos to label: with people first, then with other things, as many as wanted."""
        kinds: dict[int, list[_Source]] = {0: [], 1: []}
        for photo in photos:
            kind = self._asked(f"sift {photo.name}", photo, self._kind, total)
            kinds.setdefault(2 if kind is None else kind, []).append(photo)
        chosen = (kinds[0] + kinds[1])[:count]
        return sorted(chosen, key=lambda photo: photo.name)

    def _asked(self, key: str, photo: _Source, answer: Callable[[_Source], Any], total: int) -> Any:
        """An answer from the journal or a new one; None where the photo cannot be read."""
        problem, said = None, None
        try:
            said = self.journal.ask(key, lambda: answer(photo))
        except NukkiError as error:
            problem = f"`{photo.path}`: {error.message}"
            if not self.skip_bad:
                raise InputError(problem, hint=BAD_HINT) from error
            self.bad.append({"name": photo.name, "reason": error.message})
        self.done += 1
        self.watch(min(self.done, total), total, problem)
        return said

    def _kind(self, photo: _Source) -> int:
        """0 where a look finds a sure person, 1 where another sure thing, 2 where nothing."""
        quickest = min(self.looks, key=lambda look: (look.size or 0, look.mirrored))
        found = quickest.find(read(photo.path).rgb8())
        sure = found.classes[found.scores >= self.rules.keep]
        return 0 if (sure == PERSON).any() else 1 if sure.size else 2

    def _labelled(self, photo: _Source) -> dict[str, Any]:
        image = read(photo.path).rgb8()
        boxes, things = found_by(image, self.looks, self.rules)
        if photo.photo.label != UNKNOWN and not photo.photo.crowd:
            for known in load_things(photo.photo)[1]:
                boxes, things = with_known(boxes, things, known.box, known.label)
        rows = _rows(boxes, things)
        size = {"width": image.shape[1], "height": image.shape[0]}
        return {"image": size, "annotations": rows}


def _photos(folder: Path, name: str, count: int | None) -> list[_Source]:
    """The photos of a set by name; where only some are wanted, some of them by chance of names."""
    place = folder / "train" / name
    if (place / "masks").is_dir():
        found = find_things(place)
    else:
        files = sorted((place / "images").iterdir())
        found = tuple(Photo(path) for path in files if not path.name.startswith("."))
    photos = [_Source(name, photo) for photo in found]
    if count is None:
        return photos
    photos.sort(key=lambda photo: hashlib.sha256(photo.name.encode("utf-8")).digest())
    return photos[: _SIFTED * count]


def _written(work: Path, told: Sequence[tuple[_Source, Mapping[str, Any]]]) -> Path:
    """The folder of the new set: copies of the photos, and the annotations."""
    made = work / "set"
    numbered: list[tuple[str, dict[str, Any]]] = []
    number = 0
    for place, (photo, answer) in enumerate(told, 1):
        rows = []
        for row in answer["annotations"]:
            number += 1
            rows.append({**row, "id": number, "image_id": place})
        image = {**answer["image"], "id": place}
        numbered.append((photo.name, {"image": image, "annotations": rows}))
    names = labels_of(ClassSpec("coco-80"))
    categories = [
        {"id": coco, "name": name} for coco, name in zip(COCO_NUMBERS, names, strict=True)
    ]
    try:
        shutil.rmtree(made, ignore_errors=True)
        (made / "images").mkdir(parents=True)
        for photo, _ in told:
            shutil.copyfile(photo.path, made / "images" / photo.name)
        (made / ANNOTATIONS).write_bytes(joined(numbered, {"categories": categories}))
    except OSError as error:
        raise unwritable(made, error) from error
    return made
