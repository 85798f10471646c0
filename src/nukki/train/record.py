"""What is kept beside a trained network: the record of its training, and its card.

The record (`NAME.json`) says what was trained, from what, on what, where, how long and how good it
became; it is written anew at every validation. The card (`NAME.toml`) makes the exported file
usable: `nukki remove photo.jpg --model NAME.onnx --card NAME.toml`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nukki
from nukki.errors import InputError
from nukki.io.files import write
from nukki.train.prepared import RECORD, check_prepared
from nukki.train.recipe import Recipe
from nukki.train.stream import Stream

if TYPE_CHECKING:
    from nukki.train.kinds import Exported, Kind, Measure  # needs torch

__all__ = [
    "DataRecord",
    "Measured",
    "Run",
    "Start",
    "assembled",
    "card_text",
    "commit",
    "data_record",
    "earlier",
    "save",
    "versions",
]

FORMAT, VERSION = "nukki-training", 1
_PACKAGES = ("numpy", "pillow", "torch", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Start:
    """Where the weights began.

    Attributes:
        file: Name of the file; "" where they were drawn at random.
        digest: Of the file, "sha256:…".
        loaded: Tensors that it filled.
        tensors: Tensors that the network has.
    """

    file: str = ""
    digest: str = ""
    loaded: int = 0
    tensors: int = 0


@dataclass(frozen=True)
class Run:
    """One process that trained a part of it.

    Attributes:
        first_step: Steps that were done before it.
        device: "cpu", or the name of the GPU.
        threads: Of torch.
        workers: Processes that prepared samples.
        precision: "bfloat16" where torch's autocast thinks that safe, or "float32".
        versions: Of nukki, Python and the packages that compute.
        commit: Of the repository that nukki runs from; None where it is installed elsewhere.
        changed: Whether the package there differs from the commit.
    """

    first_step: int
    device: str
    threads: int
    workers: int
    precision: str
    versions: Mapping[str, str] = field(default_factory=lambda: versions())
    commit: str | None = None
    changed: bool = False


@dataclass(frozen=True)
class DataRecord:
    """What was trained on.

    Attributes:
        pictures: How many each set has.
        validation: How many there are to validate on.
        prepared: sha256 of the `prepared.json` of the data; None without one.
        contents: The digest of all its pictures that is written there.
        changed: Whether files were added, removed or changed since they were prepared.
        sets: What is written there of each set that the recipe uses: origin, terms, source.
    """

    pictures: Mapping[str, int]
    validation: int
    prepared: str | None = None
    contents: str | None = None
    changed: bool = False
    sets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """How far the training is.

    Attributes:
        step: Steps done.
        pictures: Pictures seen.
        hours: Spent by all runs together, validations included.
        skipped: Pictures that could not be read, and why.
        history: The validations: step, hours, loss and scores.
    """

    step: int
    pictures: int
    hours: float
    skipped: Sequence[str]
    history: Sequence[Mapping[str, Any]]


def versions() -> dict[str, str]:
    """Versions of nukki, Python and the packages that compute, as far as they are installed."""
    found = {"nukki": nukki.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit() -> tuple[str | None, bool]:
    """The commit of the repository that this package is a part of, and whether it was changed.

    (None, False) where the package is installed outside of its repository, or git is not there.
    """
    folder = Path(nukki.__file__).parent
    # A package that is only installed below some repository is not tracked by it.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None, False
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".")
    return head, bool(changed)


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, ValueError, subprocess.SubprocessError):  # no git, or no repository
        return None
    return done.stdout.strip()


def data_record(stream: Stream[Any], validation: int, folder: Path) -> DataRecord:
    """What the record says of the prepared data.

    Args:
        stream: The samples.
        validation: Pictures to validate on.
        folder: The prepared data.

    Raises:
        InputError: If there is a `prepared.json` that is not one.
    """
    pictures = {name: len(pairs) for name, pairs in stream.sets.items()}
    path = folder / RECORD
    if not path.exists():
        return DataRecord(pictures, validation)
    try:
        data = path.read_bytes()
        record = json.loads(data, parse_constant=_refuse)
        contents, sets = str(record["contents"]), record["sets"]
        known = {name: sets[name] for name in pictures if name in sets}
        told = {
            name: {key: one[key] for key in ("origin", "terms", "source") if key in one}
            for name, one in known.items()
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"`{path}` is not the record of prepared data"
        raise InputError(message, hint="prepare the data again, or remove the file") from error
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return DataRecord(pictures, validation, digest, contents, _is_changed(folder), told)


def _is_changed(folder: Path) -> bool:
    try:
        check_prepared(folder)
    except InputError:
        return True
    return False


def _refuse(word: str) -> None:
    """NaN and the infinities are no JSON, though Python reads them."""
    raise ValueError(word)


def assembled(
    *,
    recipe: Recipe,
    start: Mapping[str, Any] | None,
    data: DataRecord,
    runs: Sequence[Mapping[str, Any]],
    measured: Measured,
) -> dict[str, Any]:
    """The record.

    Args:
        recipe: As it was used.
        start: Fields of `Start`; None where nobody knows any more.
        data: What was trained on.
        runs: Fields of `Run`, one for every process that took part.
        measured: How far it is.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": recipe.name,
        "recipe": asdict(recipe),
        "recipe_digest": recipe.digest,
        "start": start,
        "data": asdict(data),
        "runs": list(runs),
        "steps": recipe.steps,
        "step": measured.step,
        "pictures_seen": measured.pictures,
        "hours": round(measured.hours, 4),
        "skipped": {"count": len(measured.skipped), "pictures": list(measured.skipped)},
        "validations": [_plain(row) for row in measured.history],
    }


def save(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record; the file appears whole or stays as it was.

    Raises:
        OutputError: If it cannot be written.
    """
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write(path, text.encode("utf-8", "backslashreplace"))  # names need not be valid Unicode


def earlier(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """What the record of a training that goes on says of its start and its runs so far.

    Returns:
        Fields of `Start`, and of `Run` for each; (None, []) where there is no record of ours.
    """
    try:
        record = json.loads(path.read_bytes())
        known = record["format"] == FORMAT and record["version"] == VERSION
        start = None if record["start"] is None else dict(record["start"])
        runs = [dict(run) for run in record["runs"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, []
    return (start, runs) if known else (None, [])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without NaN, which JSON lacks."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def card_text(
    recipe: Recipe,
    kind: Kind[Any],
    *,
    files: Sequence[Exported],
    data: DataRecord,
    measured: Measured,
) -> str:
    """The card of the exported file, in TOML.

    Whose weights they are and what may be done with them is left for their owner to write; the
    terms of the data are those that their `prepared.json` tells.

    Args:
        recipe: As it was used.
        kind: What kind of network it is.
        files: What ships.
        data: What was trained on.
        measured: How far the training went.
    """
    parity = max(file.parity.stored for file in files)
    seen = f"{measured.step:,} of {recipe.steps:,} steps, {measured.pictures:,} pictures"
    notes = [
        f"made by `nukki train`, recipe {recipe.digest}",
        f"trained for {seen}, {measured.hours:.1f} hours",
        f"weights began as: {recipe.start}",
        f"the file is off the trained network by at most {parity:.1e} (mean absolute difference)",
    ]
    terms = [f"{name}: {one['terms']}" for name, one in data.sets.items() if one.get("terms")] or [
        "unknown"
    ]
    lines = [
        f"name = {_text(recipe.name)}",
        f"title = {_text(f'{recipe.name}, trained with nukki')}",
        f"task = {_text(kind.task)}",
        'commercial_use = "unclear"',
        'origin = "trained with nukki"',
        "notes = [",
        *(f"  {_text(note)}," for note in notes),
        "]",
        "",
        "[licence]",
        'code = "Apache-2.0"',
        'weights = "unknown"',
        f"data = {_text('; '.join(terms))}",
        "",
        *(line for file in files for line in _file(file)),
        *kind.tables(recipe),
    ]
    return "\n".join([*lines, *_scores(kind.measures, data, measured)]) + "\n"


def _file(file: Exported) -> tuple[str, ...]:
    return (
        "[[files]]",
        f"name = {_text(file.path.name)}",
        f"size_bytes = {file.parity.size_bytes}",
        f"digest = {_text(file.parity.digest)}",
        "",
    )


def _scores(measures: Sequence[Measure], data: DataRecord, measured: Measured) -> list[str]:
    """The table of scores: those of the last validation, if there was one."""
    last = _plain(measured.history[-1]) if measured.history else {}
    rows = [
        f"{_text(f'{data.validation} validation pictures, {one.title}')} = "
        f"{_text(f'{last[one.key]:.4f}')}"
        for one in measures
        if last.get(one.key) is not None
    ]
    return ["", "[scores.ours]", *rows] if rows else []


def _text(value: str) -> str:
    """A string of TOML: JSON's, but for the delete character, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
