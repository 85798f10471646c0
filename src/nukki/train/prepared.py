"""A folder of prepared data as its record `prepared.json` describes it, and sets added later."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nukki.errors import InputError, OutputError
from nukki.io.files import write

__all__ = [
    "FORMAT", "RECORD", "VERSION", "Files",
    "add_set", "as_text", "check_prepared", "described", "unwritable",
]  # fmt: skip

RECORD = "prepared.json"
FORMAT, VERSION = "nukki-prepared", 1
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # file managers leave these

# Size and sha256 of each file by its path in the folder.
Files = Mapping[str, tuple[int, str]]


def check_prepared(folder: Path) -> dict[str, Any]:
    """What `prepared.json` says, if the folder still holds just that (by names and sizes).

    Args:
        folder: What `prepare_data` made.

    Raises:
        InputError: If there is no such record, or files are missing, added or of another size.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_bytes())
        known = record["format"], record["version"], record["names_and_sizes"]
        sizes = {name: file.stat().st_size for name, file in _files(folder).items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"`{folder}` is no prepared data: `{RECORD}` is not there or cannot be read"
        raise InputError(message, hint="make it by `nukki data prepare`") from error
    if known[:2] != (FORMAT, VERSION):
        message = f"`{path}` is of the format {known[:2]}, expected {(FORMAT, VERSION)}"
        raise InputError(message, hint="make it anew by `nukki data prepare`")
    if known[2] != _digest_of_sizes(sizes):
        message = (
            f"`{folder}` is not what its `{RECORD}` says: "
            f"files were added, removed or changed ({len(sizes)} of {record.get('files')})"
        )
        raise InputError(message, hint="make it anew in another folder by `nukki data prepare`")
    return dict(record)


def add_set(folder: Path, made: Path, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Move a finished set into prepared data, to train on, and say so in the record.

    Args:
        folder: Prepared data that nobody has changed.
        made: The folder of the set, on the same disk.
        name: Of the set; there must be none of that name.
        told: What the record says of it.

    Returns:
        The new record.

    Raises:
        InputError: If the folder is not what its record says.
        OutputError: If the set cannot be moved or the record not written.
    """
    record = check_prepared(folder)
    target = folder / "train" / name
    try:
        target.parent.mkdir(exist_ok=True)
        made.rename(target)
        files = {
            path: (file.stat().st_size, _sha256_of(file)) for path, file in _files(folder).items()
        }
    except OSError as error:
        raise unwritable(target, error) from error
    record["sets"] = {**record["sets"], name: dict(told)}
    record.update(described(files))
    write(folder / RECORD, as_text(record))
    return record


def described(files: Files) -> dict[str, Any]:
    """The figures of a record: how many files, how large, and the two digests."""
    sizes = {path: size for path, (size, _) in files.items()}
    contents = "".join(f"{path}\t{digest}\n" for path, (_, digest) in sorted(files.items()))
    return {
        "files": len(files),
        "bytes": sum(sizes.values()),
        "names_and_sizes": _digest_of_sizes(sizes),
        "contents": _sha256(contents),
    }


def as_text(record: Mapping[str, Any]) -> bytes:
    """A record as its file holds it."""
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")  # names need not be valid Unicode


def unwritable(path: Path, error: Exception) -> OutputError:
    """What to say of a file or folder that could not be made."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space on the disk" if full else "choose a folder that you may write to"
    return OutputError(f"`{path}` cannot be written: {reason}; nothing was made", hint=hint)


def _files(folder: Path) -> dict[str, Path]:
    """Every file under the folder but the record, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.name not in _LITTER and path != folder / RECORD and not path.is_dir()
    }


def _digest_of_sizes(sizes: Mapping[str, int]) -> str:
    """The sha256 of lines `PATH, tab, SIZE` in the order of the paths."""
    lines = "".join(f"{path}\t{size}\n" for path, size in sorted(sizes.items()))
    return _sha256(lines)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
