"""Checkpoints as files: whole or not there, and refused where they do not belong."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from nukki.errors import InputError, OutputError
from nukki.train.recipe import Recipe

__all__ = ["check_past", "first_line", "read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; the one before it stays until the new one is whole.

    Args:
        path: The file; its folder is made if it is missing.
        content: Plain values and tensors.

    Raises:
        OutputError: If it cannot be written; the one before it is still there.
    """
    beside = path.with_suffix(f"{path.suffix}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    # torch's writer of archives reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        message = f"the checkpoint `{path}` could not be written: {first_line(error)}"
        hint = "make room; the last checkpoint is kept, run again"
        raise OutputError(message, hint=hint) from error


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """What a checkpoint holds, its tensors on the device; no code in it is run.

    Raises:
        InputError: If it is damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        missing = {"net", "average", "optimiser", "state", "recipe"} - content.keys()
    except Exception as error:
        message = f"`{path}` is not a checkpoint: {first_line(error)}"
        raise InputError(message, hint="remove it to begin anew") from error
    if missing:
        message = f"`{path}` is not a checkpoint: it lacks {', '.join(sorted(missing))}"
        raise InputError(message, hint="remove it to begin anew")
    return content


def check_past(recipe: Recipe, earlier: dict[str, Any], step: int, path: Path) -> None:
    """A recipe may change in the stages that are still to come, and in nothing else.

    Args:
        recipe: As it is now.
        earlier: As the checkpoint has it, by `dataclasses.asdict`; it is used up.
        step: Steps that the checkpoint has behind it.
        path: Of the checkpoint.

    Raises:
        InputError: If it changed in anything else.
    """
    now = asdict(recipe)
    stages = zip_longest(now.pop("stages"), earlier.pop("stages"))
    ended, same = 0, now == earlier
    for new, old in stages:
        if old is None:
            break
        if ended < step:
            same = same and new == old
        ended += old["steps"]
    if not same:
        message = f"`{path}` was made by another recipe"
        hint = "give the recipe it was made with, or another folder to begin anew"
        raise InputError(message, hint=hint)


def first_line(error: BaseException) -> str:
    """What an error says, less the traces that torch writes below it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
