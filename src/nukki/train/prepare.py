"""From published sets to one folder to train on, the same bytes every time.

    TO/prepared.json                   what was made from what, and a digest of it
    TO/train/SET/images, masks         to train on
    TO/validate/duts/images, masks     to choose by
    TO/held/SET/images, masks          to judge by, never trained on
    TO/SPLIT/SET/instances.json        what is in the photos, where a set tells (then no masks)

`places` has images only: nothing in them is a subject. All is made in a folder beside TO that takes
its name at the end, so TO is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import PIL

import nukki
from nukki.errors import InputError, LimitExceeded
from nukki.train.coco import ANNOTATIONS, joined
from nukki.train.pairs import Item, Listing, Pair
from nukki.train.prepared import (
    FORMAT,
    RECORD,
    VERSION,
    Files,
    as_text,
    check_prepared,
    described,
    unwritable,
)
from nukki.train.sets import TASKS, PhotoSet, Task, listing_of, own_set
from nukki.train.sources import Source, open_source

__all__ = ["Watch", "Wishes", "prepare_data"]

_SPLITS = ("train", "validate", "held")
_VALIDATED = "duts"  # the set that is validated on, by names
_HINT = "mend or remove it, or give --skip-bad to pass over such pictures and count them"


class Watch(Protocol):
    """Told after every picture: how many are done, of how many, and what is wrong with this one."""

    def __call__(self, done: int, total: int, problem: str | None) -> None:
        """Look at the figures; raise to stop."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What to prepare from.

    Attributes:
        task: What for: "subject", or "things" for networks that tell things apart.
        sources: Where each set of the task is, by its name (see `sets.TASKS`).
        commits: What of a repository to read, where not the commit of that set.
        own: Folders (or zips) of one's own with images/ and masks/, by the name of the set.
        validate: A file with the names of DUTS that are validated on, one a line.
        skip_bad: Whether pictures that cannot be used are passed over, or end the work.
    """

    task: Task = "subject"
    sources: Mapping[str, Path] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Path] = field(default_factory=dict)
    validate: Path | None = None
    skip_bad: bool = False


@dataclass
class _Part:
    """A set on its way: where it comes from, what is made of it, what became of it."""

    photos: PhotoSet
    source: Source
    listing: Listing
    made: Counter[str] = field(default_factory=Counter)
    told: dict[str, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)


def prepare_data(
    wishes: Wishes, to: Path, *, overwrite: bool = False, watch: Watch | None = None
) -> dict[str, Any]:
    """Make the folder that a network is trained on.

    Args:
        wishes: The sets, and where they are.
        to: The folder to make; it must not exist, or be empty.
        overwrite: Replace a folder that this function made and nobody has changed.
        watch: Told how far it is.

    Returns:
        What `prepared.json` holds.

    Raises:
        InputError: If a source is not what it should be, a picture cannot be used (unless they are
            passed over), or the folder holds something else.
        OutputError: If the folder cannot be written; nothing half-made stays.
    """
    to = to.resolve()
    _check_target(to, overwrite=overwrite)
    names = _validation_names(wishes)
    with ExitStack() as stack:
        parts = [
            _Part(photos, source, listing_of(photos, source, None if names is None else names[0]))
            if photos.name == _VALIDATED
            else _Part(photos, source, listing_of(photos, source))
            for photos, source in _opened(wishes, stack)
        ]
        _check_parts(parts, wishes)
        with _beside(to) as folder:
            files = _build(parts, folder, wishes, watch or _unwatched)
            record = _record(wishes.task, parts, files, None if names is None else names[1])
            _write(folder, RECORD, as_text(record), None)
            _settle(folder, to)
    return record


def _unwatched(done: int, total: int, problem: str | None) -> None:
    """Nobody looks."""


# --- what is asked for


def _opened(wishes: Wishes, stack: ExitStack) -> Iterator[tuple[PhotoSet, Source]]:
    """Every set that was asked for, with its source."""
    if not wishes.sources and not wishes.own:
        message = "no set was named: expected at least one to prepare from"
        raise InputError(message, hint="give --duts FOLDER, or --own NAME=FOLDER")
    known = TASKS[wishes.task]
    strange = sorted({*wishes.sources} - {*known})
    if strange:
        message = f"`{strange[0]}` is no set for {wishes.task}: expected {', '.join(known)}"
        raise InputError(message, hint="leave it out, or prepare for another task")
    for name, photos in known.items():
        if name in wishes.sources:
            commit = wishes.commits.get(name, photos.commit)
            yield photos, stack.enter_context(open_source(wishes.sources[name], commit=commit))
    for name, path in wishes.own.items():
        yield own_set(name), stack.enter_context(open_source(path))


def _validation_names(wishes: Wishes) -> tuple[frozenset[str], dict[str, Any]] | None:
    """The names to validate on, and what the record says of them; None without the set.

    Raises:
        InputError: If the set is asked for and the names are not, or they cannot be read.
    """
    if _VALIDATED not in wishes.sources:
        return None
    hint = "give --validate recipes/subject/duts_val.txt (in the repository of nukki)"
    if wishes.validate is None:
        message = "no list of the photos of DUTS to validate on was given"
        raise InputError(message, hint=hint)
    try:
        data = wishes.validate.read_bytes()
        lines = (line.strip() for line in data.decode("utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"`{wishes.validate}` cannot be read: {reason}"
        raise InputError(message, hint=hint) from error
    names = frozenset(line for line in lines if line and not line.startswith("#"))
    if not names:
        message = f"`{wishes.validate}` must hold a name a line, but it is empty"
        raise InputError(message, hint=hint)
    return names, {"names": len(names), "sha256": hashlib.sha256(data).hexdigest()}


def _check_parts(parts: Sequence[_Part], wishes: Wishes) -> None:
    """Refuse a set without pairs to train on, and bad pictures that names alone give away."""
    for part in parts:
        bad = part.listing.bad
        if bad and not wishes.skip_bad:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            message = f"{part.photos.name}: {bad[0][1]}{more}"
            raise InputError(message, hint=_HINT)
        if not any(item.split == "train" for item in part.listing.items):
            offered = len(part.listing.items)
            message = (
                f"`{part.source.path}` must hold photos to train on for `{part.photos.name}`, "
                f"but of {offered + len(bad)} there is none"
            )
            raise InputError(message, hint="check the path, or give more pictures")


# --- making it


def _build(
    parts: Sequence[_Part], folder: Path, wishes: Wishes, watch: Watch
) -> dict[str, tuple[int, str]]:
    """Make every pair; gives the size and sha256 of each file by its path in the folder."""
    files: dict[str, tuple[int, str]] = {}
    total = sum(len(part.listing.items) for part in parts)
    done = 0
    for part in parts:
        for _, reason in part.listing.bad:
            watch(done, total, f"{part.photos.name}: {reason}")
    for part in parts:
        for item in part.listing.items:
            problem = None
            try:
                pair = part.photos.make(part.source, item)
            except (InputError, LimitExceeded) as error:
                problem = f"{part.photos.name}: {error.message}"
                if not wishes.skip_bad:
                    raise InputError(problem, hint=_HINT) from error
                part.listing.bad.append((item.stem, error.message))
            else:
                _put(folder, part, item, pair, files)
            done += 1
            watch(done, total, problem)
        for place, told in part.told.items():
            _write(folder, f"{place}/{ANNOTATIONS}", joined(told, part.listing.head), files)
        if not part.made["train"]:
            message = f"{part.photos.name}: none of {len(part.listing.items)} pictures can be used"
            raise InputError(message, hint="see what was said of each, and fetch the set again")
    return files


def _put(
    folder: Path, part: _Part, item: Item, pair: Pair, files: dict[str, tuple[int, str]]
) -> None:
    """Write a pair, and remember what its annotations say."""
    part.made[item.split] += 1
    place, name = f"{item.split}/{part.photos.name}", f"{item.stem}{pair.image_ending}"
    _write(folder, f"{place}/images/{name}", pair.image, files)
    if pair.mask is not None:
        _write(folder, f"{place}/masks/{item.stem}{pair.mask_ending}", pair.mask, files)
    if item.told is not None:
        part.told.setdefault(place, []).append((name, item.told))


def _write(folder: Path, name: str, data: bytes, files: dict[str, tuple[int, str]] | None) -> None:
    """Write a new file of the folder, and count it."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if files is not None:
        files[name] = (len(data), hashlib.sha256(data).hexdigest())


def _record(
    task: Task,
    parts: Sequence[_Part],
    files: Files,
    validate: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "task": task,
        "made_by": {"nukki": nukki.__version__, "pillow": PIL.__version__},
        "sets": {part.photos.name: _told(part) for part in parts},
        "validate": validate,
        **described(files),
    }


def _told(part: _Part) -> dict[str, Any]:
    """A set for the record."""
    return {
        "origin": part.photos.origin,
        "terms": part.photos.terms,
        "source": part.source.record(),
        **part.listing.notes,
        "pictures": {split: part.made[split] for split in _SPLITS},
        "left_out": _grouped(part.listing.left_out),
        "bad": [{"name": stem, "reason": reason} for stem, reason in part.listing.bad],
    }


def _grouped(left_out: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Names by reason."""
    groups: dict[str, list[str]] = {}
    for stem, reason in left_out:
        groups.setdefault(reason, []).append(stem)
    return [{"reason": reason, "names": sorted(names)} for reason, names in groups.items()]


# --- the folder


def _check_target(to: Path, *, overwrite: bool) -> None:
    """Refuse a folder that something else is in.

    Raises:
        InputError: If it is a file, or holds anything but what was prepared earlier.
    """
    try:
        if not to.exists() or (to.is_dir() and not any(to.iterdir())):
            return
    except OSError as error:
        raise unwritable(to, error) from error
    if not to.is_dir():
        message = f"`{to}` is a file: expected a folder to make"
        raise InputError(message, hint="give --to another name")
    try:
        check_prepared(to)
    except InputError as error:
        message = f"`{to}` holds something that this command did not make, and keeps it"
        raise InputError(message, hint="give --to a folder that is new or empty") from error
    if not overwrite:
        message = f"`{to}` holds prepared data already"
        raise InputError(message, hint="give --overwrite to make it anew")


@contextlib.contextmanager
def _beside(to: Path) -> Iterator[Path]:
    """A new folder beside the target, removed if it is still there in the end."""
    folder = to.with_name(f".{to.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except OSError as error:
        raise unwritable(to, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, to: Path) -> None:
    """Give the finished folder its name; an earlier one is removed after that."""
    old = folder.with_suffix(".old")
    try:
        if to.exists():
            to.rename(old)
        try:
            folder.rename(to)
        except OSError:
            if old.exists():
                old.rename(to)
            raise
    except OSError as error:
        raise unwritable(to, error) from error
    shutil.rmtree(old, ignore_errors=True)
