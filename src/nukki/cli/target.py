"""Where a single result goes, checked before any work is done."""

from __future__ import annotations

import sys
from pathlib import Path

from nukki.errors import InputError

__all__ = ["check_file", "check_pipe"]


def check_file(target: Path, *, sources: tuple[str, ...], overwrite: bool) -> None:
    """Refuse a file that is in the way, or that is read.

    Args:
        target: The result's file.
        sources: Paths of what is read; `-` stands for standard input.
        overwrite: Whether another file may be replaced.

    Raises:
        InputError: If the target is one of the sources, by whatever path or link, or is there and
            may not be replaced.
    """
    for source in sources:
        if source != "-" and _same(Path(source), target):
            message = f"`{target}` is what is read, which is never replaced"
            raise InputError(message, hint="give -o another name")
    if not overwrite and (target.exists() or target.is_symlink()):
        message = f"`{target}` is there already"
        raise InputError(message, hint="give --overwrite to replace it, or -o another name")


def check_pipe(command: str, *, as_json: bool) -> None:
    """Refuse standard output for a picture where something else is there: JSON, or a person.

    Args:
        command: The command's name, for the hint.
        as_json: Whether JSON goes there.

    Raises:
        InputError: If so.
    """
    if as_json:
        message = "`--json` and the picture both go to standard output"
        raise InputError(message, hint="give -o FILE")
    if sys.stdout.isatty():
        message = "a picture would be written to the terminal"
        raise InputError(message, hint=f"send it on: nukki {command} … > out.png, or give -o FILE")


def _same(source: Path, target: Path) -> bool:
    if source.absolute() == target.absolute():
        return True
    try:
        return source.samefile(target)
    except OSError:  # one of them is not there
        return False
