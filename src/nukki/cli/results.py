"""Where the scores of `nukki evaluate` go: a table, JSON, a line of CSV a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from nukki.cli.report import say
from nukki.errors import InputError, OutputError

__all__ = ["Judgement", "add_results", "add_selection", "card_of", "check_results", "tell"]


class Judgement(Protocol):
    """What all scores have."""

    @property
    def folder(self) -> str:
        """The set."""
        ...

    @property
    def rows(self) -> Sequence[Any]:
        """Picture by picture."""
        ...

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """Stems that could not be judged, and why."""
        ...


Scored = TypeVar("Scored", bound=Judgement)


def add_selection(action: argparse.ArgumentParser, *, positive: Callable[[str], int]) -> None:
    """Add what says which pictures of a set are judged."""
    action.add_argument("--names", metavar="FILE", help="only these stems, one a line")
    action.add_argument("--limit", type=positive, metavar="N", help="only so many pictures a set")
    action.add_argument(
        "--skip-bad", action="store_true", help="pass over what cannot be judged, and count it"
    )


def add_results(action: argparse.ArgumentParser) -> None:
    """Add what says where the scores go."""
    action.add_argument(
        "--json", metavar="FILE", help="write JSON; - prints it instead of the table"
    )
    action.add_argument("--each", metavar="FILE", help="write a line of CSV a picture; - prints it")
    action.add_argument("--overwrite", action="store_true", help="replace files that are there")


def card_of(models: Sequence[str], cards: Sequence[str]) -> dict[str, str]:
    """The card of each network that is a file.

    Args:
        models: Names and files, as they were given.
        cards: None, one for all files, or one for each in their order.

    Raises:
        InputError: If there are cards and no file, or more or fewer than files.
    """
    files = [model for model in models if model.lower().endswith(".onnx")]
    if len(cards) not in (0, 1, len(files)):
        message = f"`--card` must be given once or for each of {len(files)} files, got {len(cards)}"
        raise InputError(message, hint="give the cards in the order of their files")
    if cards and not files:
        message = f"`{cards[0]}` goes with an ONNX file, but no --model is one"
        raise InputError(message, hint="give --model FILE.onnx, or leave out the card")
    every = list(cards) * len(files) if len(cards) == 1 else cards
    return dict(zip(files, every, strict=False))


def check_results(args: argparse.Namespace) -> None:
    """Refuse a result that cannot be written, before any work is done."""
    if args.json is not None and args.json == args.each:
        where = "standard output" if args.json == "-" else f"`{args.json}`"
        message = f"`--json` and `--each` both go to {where}"
        raise InputError(message, hint="give one of them another file")
    for name in (args.json, args.each):
        if name in (None, "-"):
            continue
        path = Path(name)
        if path.exists() and not args.overwrite:
            message = f"`{name}` is there already"
            raise InputError(message, hint="give --overwrite to replace it, or another name")
        if not path.absolute().parent.is_dir():
            message = f"`{name}` cannot be written: there is no folder `{path.parent}`"
            raise OutputError(message, hint=f"create the folder `{path.parent}` first")


def tell(
    scores: Sequence[Scored],
    args: argparse.Namespace,
    *,
    table: Callable[[Sequence[Scored]], Iterator[str]],
    as_json: Callable[[Sequence[Scored]], str],
    as_csv: Callable[[Sequence[Scored]], str],
) -> None:
    """Write the scores where they are to go, and say what was passed over."""
    from nukki.io.files import write

    for name, text in ((args.json, as_json), (args.each, as_csv)):
        if name == "-":
            sys.stdout.write(text(scores))
        elif name is not None:
            write(name, text(scores).encode())
    if "-" not in (args.json, args.each):
        print("\n".join(table(scores)))
    if getattr(args, "quiet", False):
        return
    for folder in dict.fromkeys(score.folder for score in scores):
        group = [score for score in scores if score.folder == folder]
        reasons = list(dict.fromkeys(reason for score in group for _, reason in score.skipped))
        for reason in reasons:
            say(f"passed over: {reason}")
        if reasons:
            say(f"{folder}: {len(reasons)} passed over, {len(group[0].rows)} judged")
