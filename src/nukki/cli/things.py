"""What `nukki segment` does with one photo: find its things, choose, write their files."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nukki.batch.outcome import Outcome
from nukki.batch.plan import Item, Plan, plan, sources
from nukki.cli.network import loading
from nukki.errors import InputError, NothingFound, OutputError
from nukki.pipelines.options import ReadOptions, RunOptions, SegmentOptions

if TYPE_CHECKING:
    from nukki.pipelines.results import Instance, Segmentation

__all__ = ["Found", "Job", "Photo", "photos"]

_NUMBERED, _LABELS, _THING = "-numbered.png", "-labels.png", "-thing.png"
_NAMELESS = "photo"  # what files of a photo from standard input begin with


@dataclass(frozen=True)
class Photo(Item):
    """A photo to read and where its files go; `target` is the numbered photo.

    Attributes:
        image: Its number in COCO's results.
        labels: The map of numbers.
        masks: Folder and first letters of the names of its masks.
        layers: Likewise of its cut-outs.
    """

    image: int = 1
    labels: Path | None = None
    masks: Path | None = None
    layers: Path | None = None

    @property
    def single(self) -> tuple[Path, ...]:
        """The files whose names are known before the photo is looked at."""
        return tuple(path for path in (self.labels, self.target) if path is not None)


def photos(
    inputs: Sequence[str],
    *,
    output: str | None,
    labels: str | None,
    masks: str | None,
    layers: str | None,
) -> tuple[Plan, tuple[Photo, ...]]:
    """What would be read, and where the files of each photo would go.

    Args:
        inputs: As `batch.plan.plan` takes them.
        output: Of numbered photos: a file, a folder, "-", or None for none.
        labels: Of maps of numbers: a file or a folder.
        masks: A folder.
        layers: A folder.

    Returns:
        The plan of the numbered photos, and the photos in its order.

    Raises:
        InputError: If inputs and outputs do not go together.
    """
    _check_folders(masks, layers)
    given = (output, labels, masks, layers)
    apart = [word for word in given if word is not None and word != "-"]
    if output is None:
        planned = sources(inputs, apart=apart)
    else:
        planned = plan(inputs, output, ending=_NUMBERED, apart=apart)
    numbered = [item.target for item in planned.items]
    maps = _targets(inputs, labels, _LABELS, apart, len(numbered))
    prefixes = [
        [_prefix(target) for target in _targets(inputs, folder, _THING, apart, len(numbered))]
        for folder in (masks, layers)
    ]
    numbers = _image_numbers(planned.items)
    rows = zip(planned.items, numbered, numbers, maps, *prefixes, strict=True)
    return planned, tuple(Photo(item.source, *row) for item, *row in rows)


def _check_folders(masks: str | None, layers: str | None) -> None:
    for flag, folder in (("--masks", masks), ("--layers", layers)):
        if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
            message = f"`{flag}` must be a folder, but `{folder}` is a file"
            raise InputError(message, hint=f"give {flag} a folder")
    if (
        masks is not None
        and layers is not None
        and Path(masks).absolute() == Path(layers).absolute()
    ):
        message = "`--masks` and `--layers` would give their files the same names"
        raise InputError(message, hint="give each a folder of its own")


def _targets(
    inputs: Sequence[str], word: str | None, ending: str, apart: Sequence[str], count: int
) -> list[Path | None]:
    """Where a file of each photo goes; all None where none is wished."""
    if word is None:
        return [None] * count
    folder = ending == _THING
    if list(inputs) == ["-"]:
        if folder or Path(word).is_dir():
            return [Path(word) / f"{_NAMELESS}{ending}"]
        return [Path(word)]
    where = os.path.join(word, "") if folder else word  # noqa: PTH118 a slash: it is a folder
    return [item.target for item in plan(inputs, where, ending=ending, apart=apart).items]


def _prefix(target: Path | None) -> Path | None:
    return None if target is None else target.with_name(target.name.removesuffix(_THING))


def _image_numbers(items: Sequence[Item]) -> list[int]:
    """Those in the names, as COCO's photos have them; else 1, 2, 3, … for all."""
    names = [item.source.stem if item.source is not None else "" for item in items]
    if all(name.isascii() and name.isdigit() and len(name) <= 18 for name in names):
        numbers = [int(name) for name in names]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(names) + 1))


@dataclass(frozen=True, kw_only=True)
class Found(Outcome):
    """What came of one photo.

    Attributes:
        answer: What a program wants to know of it besides.
        lines: What a person wants to read, a line a thing.
        coco: A record a thing in the format of COCO's results.
    """

    answer: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    coco: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def record(self) -> dict[str, Any]:
        """Likewise, in words and numbers."""
        said = super().record()
        del said["confidence"]
        return said | dict(self.answer)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything about a run but the photos; `sources` are those, links followed."""

    segment: SegmentOptions
    read: ReadOptions
    run: RunOptions
    coco: bool = False
    piped: bool = False
    overwrite: bool = False
    resume: bool = False
    accept_licence: bool = False
    sources: frozenset[Path] = frozenset()

    def standing(self, photo: Photo) -> Outcome | None:
        """The outcome of a photo whose files are there already; None where it is to be done."""
        there = [path for path in photo.single if path.exists() or path.is_symlink()]
        if self.overwrite or not there:
            return None
        about: dict[str, Any] = {"input": photo.input, "output": str(there[-1])}
        if not self.resume:
            reason = f"`{there[-1]}` is there already"
            hint = "give --overwrite to replace it, or --resume to pass over finished photos"
            return Outcome(**about, outcome="exists", reason=reason, hint=hint)
        if len(there) < len(photo.single):
            return None
        return Outcome(**about, outcome="skipped", reason="finished before")

    def work(self, photo: Photo) -> Outcome:
        """Read a photo, find and choose its things, write their files.

        Raises:
            NukkiError: Whatever goes wrong.
        """
        from nukki import api

        standing = self.standing(photo)
        if standing is not None:
            return standing
        start = perf_counter()
        everything = asdict(self.segment) | {"what": "all", "except_": None}
        found = api.segment(
            sys.stdin.buffer.read() if photo.source is None else photo.source,
            **everything,
            **asdict(self.read),
            **loading(self.run),
            accept_licence=self.accept_licence,
        )
        found, nothing = _chosen(found, self.segment)
        files = self._write(found, photo) if found else {}
        numbered = "-" if self.piped else None if photo.target is None else str(photo.target)
        return Found(
            input=photo.input,
            output=numbered if found else None,
            outcome="done" if found else "nothing found",
            seconds=perf_counter() - start,
            reason=None if nothing is None else nothing.message,
            hint=None if nothing is None else nothing.hint,
            notes=found.picture.notes,
            answer=_answer(found, files),
            lines=tuple(_line(one, found) for one in found),
            coco=tuple(self._coco(found, photo)),
        )

    def _coco(self, found: Segmentation, photo: Photo) -> list[dict[str, Any]]:
        from nukki.pipelines.coco import results

        if not self.coco:
            return []
        return [{**one, "file_name": photo.input} for one in results(found, photo.image)]

    def _write(self, found: Segmentation, photo: Photo) -> dict[tuple[str, int], str]:
        """Write the files of a photo, all or none; gives the paths by kind and number."""
        if self.piped:
            sys.stdout.buffer.write(found.numbered().encode("png"))
            sys.stdout.buffer.flush()
        parts = _parts(found, photo)
        for path in parts.values():
            self._check(path)
        made: list[Path] = []
        try:
            for (kind, number), path in parts.items():
                fresh = not path.exists()
                _save(found, kind, number, path, threads=self._threads)
                made += [path] * fresh
        except BaseException:
            # Half of a photo's files would look like all of them.
            for path in made:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise
        return {key: str(path) for key, path in parts.items()}

    @property
    def _threads(self) -> int:
        from nukki import settings

        return self.run.threads or settings.threads()

    def _check(self, path: Path) -> None:
        """Refuse a file in the way; what a run that was stopped has left is none."""
        if path.resolve() in self.sources:
            message = f"`{path}` is what is read, which is never replaced"
            raise InputError(message, hint="give another folder")
        if not (self.overwrite or self.resume) and (path.exists() or path.is_symlink()):
            message = f"`{path}` is there already"
            raise InputError(message, hint="give --overwrite to replace it, or another folder")


def _chosen(found: Segmentation, wish: SegmentOptions) -> tuple[Segmentation, NothingFound | None]:
    """What is asked for, and what to say where that is nothing."""
    if not found:
        return found, NothingFound(f"nothing found with a score of {found.min_score:g} or more")
    try:
        return found.choose(wish.what, except_=wish.except_), None
    except NothingFound as error:
        return replace(found, instances=(), others=found.everything), error


def _parts(found: Segmentation, photo: Photo) -> dict[tuple[str, int], Path]:
    """The files of a photo by kind and number of the thing; the last tell that it is finished."""
    parts: dict[tuple[str, int], Path] = {}
    for kind, prefix in (("mask", photo.masks), ("layer", photo.layers)):
        if prefix is None:
            continue
        for one in found:
            name = f"{prefix.name}-{one.number}-{_word(one.label)}.png"
            parts[kind, one.number] = prefix.with_name(name)
    if photo.labels is not None:
        parts["labels", 0] = photo.labels
    if photo.target is not None:
        parts["numbered", 0] = photo.target
    return parts


def _word(label: str) -> str:
    """A label as a part of a file's name."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in label)
    return "-".join(part for part in kept.split("-") if part) or "thing"


def _save(found: Segmentation, kind: str, number: int, path: Path, *, threads: int) -> None:
    from nukki.io.encode import encode
    from nukki.io.files import write

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder `{path.parent}` cannot be made: {error.strerror or error}"
        raise OutputError(message, hint="give a folder that can be written") from error
    if kind == "numbered":
        found.numbered().save(path)
        return
    if kind == "labels":
        write(path, encode(found.index_map(), "png", threads=threads))
        return
    one = next(one for one in found if one.number == number)
    dpi = found.picture.dpi
    if kind == "mask":
        write(path, encode(one.segment.grey, "png", dpi=dpi, threads=threads))
    else:
        one.cut(threads=threads).save(path, "png")


def _line(one: Instance, found: Segmentation) -> str:
    """`1 person .98  16,12,48,48  37.5%`."""
    box = one.box
    share = 100 * one.area / (found.picture.height * found.picture.width)
    return f"{one.title}  {box.left},{box.top},{box.right},{box.bottom}  {share:.1f}%"


def _answer(found: Segmentation, files: Mapping[tuple[str, int], str]) -> dict[str, Any]:
    def listed(every: Sequence[Instance]) -> list[dict[str, Any]]:
        return [_record(one) | dict(_files_of(one.number, files)) for one in every]

    answer = {
        "width": found.picture.width,
        "height": found.picture.height,
        "network": found.network,
        "min_score": found.min_score,
        "steps": {step: round(value, 4) for step, value in found.seconds.items()},
        "instances": listed(found.instances),
        "others": listed(found.others),
        "candidates": listed(found.candidates),
    }
    return answer | ({"labels": files["labels", 0]} if ("labels", 0) in files else {})


def _files_of(number: int, files: Mapping[tuple[str, int], str]) -> Iterator[tuple[str, str]]:
    return ((kind, path) for (kind, owner), path in files.items() if owner == number)


def _record(one: Instance) -> dict[str, Any]:
    box = one.box
    return {
        "number": one.number,
        "label": one.label,
        "score": round(one.score, 6),
        "box": [box.left, box.top, box.right, box.bottom],
        "corners": [round(side, 3) for side in one.corners],
        "area": one.area,
    }
