"""`nukki models`: which networks there are, where their files are, and how to get them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki import settings
from nukki.cli.progress import is_shown
from nukki.cli.report import DONE, FAILED, complaint, say
from nukki.errors import ChecksumMismatch, FetchError, InputError

if TYPE_CHECKING:
    from nukki.zoo.cards import ModelCard, ModelFile
    from nukki.zoo.store import Progress

__all__ = ["add"]

# As in `zoo.cards`, which is not imported here because it loads NumPy; a test compares them.
TASKS = ("saliency", "semantic", "detection", "instances", "prompted", "matting", "inpainting")
COMMERCIAL_USES = ("yes", "no", "unclear")
_COLUMNS = ("name", "task", "size", "licence of weights", "commercial use", "where")
_WIDEST = 40  # characters of a licence in the table; `models show` has the rest


def add(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its own commands to the command line."""
    command = subparsers.add_parser(
        "models",
        help="networks: list, show, get, verify, path, remove, bundle, import",
        description="The networks that nukki knows, and their files on this machine.",
        epilog="A card of your own goes into the folder that `nukki models path --cards` prints.",
    )
    actions = command.add_subparsers(title="commands", dest="action", metavar="ACTION")
    _add_list(actions)
    _add_named(actions)
    _add_get(actions)
    _add_carrying(actions)
    for action in actions.choices.values():
        for flag, text in (
            ("--quiet", "say nothing but errors"),
            ("--traceback", "show where in nukki an error arose"),
        ):
            action.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)


def _add_list(actions: argparse._SubParsersAction[Any]) -> None:
    action = actions.add_parser("list", help="which networks there are, and where")
    action.add_argument("--task", choices=TASKS, help="only networks for this task")
    action.add_argument(
        "--commercial-use", choices=COMMERCIAL_USES, help="only networks that say so"
    )
    action.add_argument("--json", action="store_true", help="print one JSON array")
    action.set_defaults(handler=show_list)


def _add_named(actions: argparse._SubParsersAction[Any]) -> None:
    action = actions.add_parser("show", help="everything that is known of a network")
    action.add_argument("name", metavar="NAME")
    action.add_argument("--json", action="store_true", help="print one JSON object")
    action.set_defaults(handler=show)
    action = actions.add_parser(
        "verify",
        help="read files in whole and compare them with their digests",
        description="Exit code 0: all as they should be. 1: one is missing or another file.",
    )
    action.add_argument("names", nargs="*", metavar="NAME", help="default: all that are here")
    action.add_argument("--json", action="store_true", help="print one JSON array")
    action.set_defaults(handler=verify)
    action = actions.add_parser("path", help="where a network's file lies, or would lie")
    action.add_argument("name", nargs="?", metavar="NAME", help="default: the folder of all")
    action.add_argument("--cards", action="store_true", help="the folder for cards of your own")
    action.add_argument("--json", action="store_true", help="print one JSON object")
    action.set_defaults(handler=path)
    action = actions.add_parser("remove", help="delete fetched files")
    action.add_argument("names", nargs="+", metavar="NAME")
    action.set_defaults(handler=remove)


def _add_get(actions: argparse._SubParsersAction[Any]) -> None:
    action = actions.add_parser(
        "get",
        help="fetch and verify networks",
        description="Fetch networks once; a download that broke off is resumed. Prints the paths. "
        "A network that is published as a checkpoint is converted (see nukki convert).",
    )
    action.add_argument("names", nargs="+", metavar="NAME")
    action.add_argument(
        "--accept-licence",
        action="store_true",
        help="fetch networks that are not for commercial use, too",
    )
    action.add_argument("--offline", action="store_true", help="only say what would be fetched")
    action.set_defaults(handler=get)


def _add_carrying(actions: argparse._SubParsersAction[Any]) -> None:
    action = actions.add_parser("bundle", help="write networks into a zip for another machine")
    action.add_argument("names", nargs="+", metavar="NAME")
    action.add_argument("-o", "--output", required=True, metavar="ZIP")
    action.add_argument("--overwrite", action="store_true", help="replace an existing file")
    action.set_defaults(handler=bundle)
    action = actions.add_parser(
        "import",
        help="take in a bundle, or a file that was fetched by hand",
        description="nukki models import models.zip; nukki models import FILE.onnx --as NAME. "
        "A checkpoint that is taken in is converted by `nukki models get NAME` then.",
    )
    action.add_argument("file", metavar="FILE")
    action.add_argument("--as", dest="name", metavar="NAME", help="the network whose file it is")
    action.set_defaults(handler=import_file)


def show_list(args: argparse.Namespace) -> int:
    """`models list`."""
    from nukki.zoo import catalog, store
    from nukki.zoo.table import size_text

    cards = catalog.cards(args.task, commercial_use=args.commercial_use)
    for error in catalog.broken():
        say(complaint(error))
    if args.json:
        _print_json([{**_plain(card), "where": store.where(card)} for card in cards])
        return DONE
    rows = [
        (
            card.name,
            card.task,
            size_text(card),
            _short(card.weights_licence),
            card.commercial_use,
            store.where(card),
        )
        for card in cards
    ]
    _print_table(_COLUMNS, rows)
    return DONE


def show(args: argparse.Namespace) -> int:
    """`models show`."""
    from nukki.zoo import catalog, store
    from nukki.zoo.table import size_text

    card = catalog.find(args.name)
    values = {**_plain(card), "where": store.where(card)}
    if args.json:
        _print_json(values)
        return DONE
    values["size"] = size_text(card)
    for key, value in values.items():
        _print_value(key.replace("_", " "), value)
    return DONE


def verify(args: argparse.Namespace) -> int:
    """`models verify`."""
    from nukki.zoo import catalog, store

    if args.names:
        cards = [catalog.find(name) for name in args.names]
    else:
        cards = [card for card in catalog.cards() if store.where(card) != "not fetched"]
    rows = [_verified(card, file) for card in cards for file in _verifiable(card)]
    if args.json:
        _print_json(rows)
    else:
        columns = ("model", "file", "state", "sha256")
        _print_table(columns, [tuple(row[name] or "" for name in columns) for row in rows])
        for row in rows:
            if row["problem"]:
                say(f"error: {row['problem']}")
    return DONE if all(row["state"] == "ok" for row in rows) else FAILED


def _verifiable(card: ModelCard) -> list[ModelFile]:
    """What runs, and the checkpoint that it was made of if that is still there."""
    from nukki.zoo import store

    files = list(store.running(card))
    if card.convert is not None:
        files += [file for file in card.files if store.locate(card, file).is_file()]
    return files


def _verified(card: ModelCard, file: ModelFile) -> dict[str, str | None]:
    """One file read in whole: "ok", "missing", "mismatch" or "unreadable"."""
    from nukki.zoo import store

    where = store.locate(card, file)
    row = {"model": card.name, "file": file.name, "path": str(where), "digest": file.digest}
    if not where.is_file():
        problem = f"`{where}` is missing"
        return {**row, "state": "missing", "sha256": None, "problem": problem}
    try:
        sha256 = store.check(card, file, whole=True)
    except ChecksumMismatch as error:
        return {**row, "state": "mismatch", "sha256": None, "problem": str(error)}
    except FetchError as error:
        return {**row, "state": "unreadable", "sha256": None, "problem": str(error)}
    return {**row, "state": "ok", "sha256": sha256, "problem": None}


def path(args: argparse.Namespace) -> int:
    """`models path`."""
    if args.name is None or args.cards:
        folder = settings.cards_folder() if args.cards else settings.models_folder()
        values = {"path": str(folder), "present": folder.is_dir()}
    else:
        from nukki.zoo import catalog, store

        card = catalog.find(args.name)
        if not card.files:
            message = f"`{args.name}`: its card names no file"
            raise InputError(message, hint="add [[files]] to the card")
        where = store.where(card)
        values = {
            "path": str(store.graphs(card)[0]),
            "present": where != "not fetched",
        }
        if not values["present"] and not args.json:
            say(f"`{args.name}` is not fetched: run `nukki models get {args.name}`")
    if args.json:
        _print_json(values)
    else:
        print(values["path"])
    return DONE


def remove(args: argparse.Namespace) -> int:
    """`models remove`."""
    from nukki.zoo import catalog, store

    for card in [catalog.find(name) for name in args.names]:
        gone = store.remove(card)
        for file in gone:
            print(file)
        if not gone:
            _tell(args, f"`{card.name}` was not there")
    return DONE


def get(args: argparse.Namespace) -> int:
    """`models get`."""
    from nukki.cli.convert import made, ready
    from nukki.zoo import catalog, fetch, store

    quiet = getattr(args, "quiet", False)
    for card in [catalog.find(name) for name in args.names]:
        unknown = [file.name for file in card.files if file.digest is None]
        if unknown:
            _tell(args, f"`{card.name}`: no digest is published; the first download is pinned")
        to_make = card.convert if store.where(card) == "not fetched" else None
        if to_make is not None:
            ready(to_make)  # what is missing for that is told before the download
        with _bar(card.name, quiet=quiet) as progress:
            where = (fetch.ensure if to_make is None else fetch.files)(
                card,
                accept_licence=args.accept_licence,
                offline=args.offline or None,
                progress=progress,
            )
        if to_make is not None:
            store.unpin(card)  # another version of PyTorch may make another graph
            where = made(card, where, quiet=quiet)
        print(where)
    return DONE


def bundle(args: argparse.Namespace) -> int:
    """`models bundle`."""
    from nukki.zoo import bundle as bundles

    print(bundles.export(args.names, args.output, overwrite=args.overwrite))
    return DONE


def import_file(args: argparse.Namespace) -> int:
    """`models import`."""
    from nukki.zoo import bundle as bundles
    from nukki.zoo import catalog, store

    if args.name is not None:
        card = catalog.find(args.name)
        placed = bundles.place(card, args.file)
        print(placed)
        if placed.name not in card.graphs:
            _tell(args, f"`{card.name}` runs once converted: run `nukki models get {card.name}`")
        return DONE
    if Path(args.file).suffix.lower() != ".zip":
        message = f"`{args.file}` must be a bundle (.zip) where no name is given"
        raise InputError(message, hint="add `--as NAME`, the network whose file it is")
    for card in bundles.import_bundle(args.file):
        if store.where(card) == "not fetched":  # a bundle from before graphs were carried
            _tell(args, f"`{card.name}` runs once converted: run `nukki models get {card.name}`")
        print(store.graphs(card)[0])
    return DONE


@contextmanager
def _bar(name: str, *, quiet: bool) -> Iterator[Progress | None]:
    """A bar of bytes on a terminal, drawn from the first bytes on; None elsewhere."""
    if not is_shown(quiet=quiet):
        yield None
        return
    from tqdm import tqdm

    with ExitStack() as stack:
        bars: list[Any] = []

        def progress(done: int, total: int | None) -> None:
            if not bars:
                bar = tqdm(desc=name, unit="B", unit_scale=True, file=sys.stderr)
                bars.append(stack.enter_context(bar))
            bars[0].total = total
            bars[0].update(done - bars[0].n)

        yield progress


def _plain(card: ModelCard) -> dict[str, Any]:
    """A card as JSON holds it."""
    from dataclasses import asdict

    values = asdict(card)
    for key in ("published_scores", "our_scores"):
        values[key] = dict(values[key])
    return values


def _tell(args: argparse.Namespace, text: str) -> None:
    if not getattr(args, "quiet", False):
        say(text)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_value(key: str, value: object, indent: str = "") -> None:
    if value in ("", None, (), {}):
        return
    if isinstance(value, dict):
        print(f"{indent}{key}:")
        for name, each in value.items():
            _print_value(name.replace("_", " "), each, f"{indent}  ")
    elif isinstance(value, list | tuple) and value and isinstance(value[0], str | dict):
        for each in value:
            _print_value(key, each, indent)
    else:
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        print(f"{indent}{key}: {shown}")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = [tuple(columns), *map(tuple, rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(columns))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
