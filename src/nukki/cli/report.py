"""What the terminal is told: errors with their hints, exit codes, and the report of a batch."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from nukki.errors import (
    InputError,
    MissingExtra,
    NothingFound,
    NukkiError,
    OutputError,
    ProviderError,
    UnknownModel,
)

if TYPE_CHECKING:
    from nukki.batch.outcome import Outcome, Tally

__all__ = [
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "NOTHING",
    "USAGE",
    "ReportFile",
    "complaint",
    "exit_code",
    "exit_code_of",
    "say",
]

DONE = 0
FAILED = 1
USAGE = 2
NOTHING = 3
INTERRUPTED = 130


def say(text: str) -> None:
    """Write a line for people to standard error."""
    print(text, file=sys.stderr, flush=True)


def complaint(error: BaseException, *, subject: str | None = None, trace: bool = False) -> str:
    """An error as the terminal shows it: `error: …`, and `hint: …` where there is one.

    Args:
        error: nukki's own errors speak for themselves; any other is named as internal.
        subject: The picture it is about, put in front where the message does not name it.
        trace: Whether the traceback stands above.
    """
    if isinstance(error, NukkiError):
        message, hint = error.message, error.hint
    else:
        message = f"internal: {type(error).__name__}: {error}"
        hint = None if trace else "run again with --traceback, and report what it prints"
    if subject is not None and subject not in message:
        message = f"`{subject}`: {message}"
    lines = [f"error: {message}"]
    if hint:
        lines.append(f"hint: {hint}")
    if trace:
        lines.insert(0, "".join(traceback.format_exception(error)).rstrip())
    return "\n".join(lines)


def exit_code(error: BaseException) -> int:
    """The exit code of an error that ends a command (one that is not about a single picture)."""
    if isinstance(error, NothingFound):
        return NOTHING
    if isinstance(error, InputError | UnknownModel | ProviderError | MissingExtra):
        return USAGE
    return FAILED


def exit_code_of(tally: Tally, *, allow_empty: bool = False) -> int:
    """The exit code of many pictures: 1 if any failed, 3 if nothing was found in any, else 0."""
    if tally.failed:
        return FAILED
    if tally.total == 0 or (tally.empty and not allow_empty):
        return NOTHING
    return DONE


class ReportFile:
    """A file of one line of JSON a picture, written as the pictures are finished.

    Each line goes out in one piece and at once, so that a crash leaves whole lines.
    """

    def __init__(self, path: Path, *, append: bool = False, overwrite: bool = False) -> None:
        """Open the file.

        Args:
            path: Where.
            append: Go on behind what is there (a batch that is resumed).
            overwrite: Replace what is there.

        Raises:
            InputError: If the file is there and neither was asked for.
            OutputError: If it cannot be opened.
        """
        self._path = path
        mode = os.O_APPEND if append else os.O_TRUNC if overwrite else os.O_EXCL
        flags = os.O_WRONLY | os.O_CREAT | mode | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except FileExistsError as error:
            message = f"`{path}` exists, and a report does not replace it"
            hint = "name another file, or give --resume to go on or --overwrite to replace it"
            raise InputError(message, hint=hint) from error
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, outcome: Outcome) -> None:
        """Add the line of one picture.

        Raises:
            OutputError: If the disk does not take it.
        """
        try:
            os.write(self._descriptor, f"{outcome.json()}\n".encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _unwritable(self, error: OSError) -> OutputError:
        message = f"`{self._path}` cannot be written: {error.strerror}"
        return OutputError(message, hint="name a report file in a folder that can be written")
