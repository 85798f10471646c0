"""`nukki evaluate`: how good a network is on pictures whose truth is known."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from, positive, words
from nukki.cli.network import add_fetching, ready
from nukki.cli.report import DONE, say
from nukki.errors import InputError, OutputError
from nukki.pipelines.options import Edges, RemoveOptions, RunOptions

if TYPE_CHECKING:
    from nukki.evaluate.subject import Score

__all__ = ["add"]

_EPILOG = """\
A set is a folder with images/ and masks/, whose files share their stems (images/cat.jpg and
masks/cat.png): any format nukki reads, masks grey with the subject white. Without masks/ only
confidence, the share called "nothing found" and milliseconds are told.

columns:
  max F, mean F  F-beta, beta^2 = .3, of the mean precision and recall at 256 thresholds
  wF             weighted F-beta, beta^2 = 1
  MAE            mean absolute error against the mask
  S              structure measure, alpha = .5
  max E, mean E  enhanced alignment over the same thresholds
  IoU            intersection over union at one half
  BF             boundary F, contours within .008 of the diagonal
  SAD, MSE       against the soft truth; SAD in thousands of pixels
  sure, ECE      mean confidence, and its expected calibration error against IoU
  nothing        share of pictures in which remove finds nothing
  net ms, ms     medians: the network alone; pixels to alpha

Maps are judged as remove --mask writes them, in bytes. The truth's mask is what is at least one
half. Pictures with an empty truth count in all but F and wF. --robust compares the mask of a photo
with those of its mirror image, its half-size copy, its JPEG copy of quality 40, and copies with a
stop more and less light.

A picture without a mask, a mask of another size or in colours, and a file that is no picture end
the run (exit code 2); with --skip-bad they are named, counted and left out.
"""


def add(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its own commands to the command line."""
    command = subparsers.add_parser(
        "evaluate",
        help="how good a network is on pictures whose truth is known",
        description="Judge networks on folders of pictures and masks, through what remove runs.",
    )
    actions = command.add_subparsers(title="commands", dest="action", metavar="ACTION")
    action = actions.add_parser(
        "subject",
        help="networks that find the subject",
        description="Judge networks that find the subject.",
        epilog=_EPILOG,
    )
    action.set_defaults(handler=subject)
    _add_what(action)
    _add_results(action)
    add_fetching(action)
    add_options(action, RunOptions)
    for flag, text in (
        ("--quiet", "say nothing but errors"),
        ("--traceback", "show where in nukki an error arose"),
    ):
        action.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)


def _add_what(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--set",
        dest="sets",
        action="append",
        required=True,
        metavar="FOLDER",
        help="holds images/ and masks/; may be given several times",
    )
    action.add_argument(
        "-m",
        "--model",
        dest="models",
        action="append",
        metavar="NAME",
        help="network: a name, or a .onnx file (default: subject); may be given several times",
    )
    action.add_argument(
        "--card",
        dest="cards",
        action="append",
        default=[],
        metavar="FILE",
        help="card of a --model that is a file: one for all, or one each in their order",
    )
    action.add_argument(
        "--size",
        dest="sizes",
        type=_sizes,
        default=(None,),
        metavar="N,N",
        help="sides of the network's grid, where it takes any (default: the card's)",
    )
    action.add_argument(
        "--edges",
        type=words,
        default=("none",),
        metavar="A,B",
        help="ways of refining edges: none, fast, auto, best (default: none, the map itself)",
    )
    action.add_argument("--names", metavar="FILE", help="only these stems, one a line")
    action.add_argument("--limit", type=positive, metavar="N", help="only so many pictures a set")
    action.add_argument(
        "--kinds", metavar="FILE", help="lines of `stem kind`: figures by kind, too"
    )
    action.add_argument(
        "--robust",
        action="store_true",
        help="also how well masks of a photo and of its copies agree; needs no masks/",
    )
    action.add_argument(
        "--skip-bad", action="store_true", help="pass over what cannot be judged, and count it"
    )


def _add_results(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--json", metavar="FILE", help="write JSON; - prints it instead of the table"
    )
    action.add_argument("--each", metavar="FILE", help="write a line of CSV a picture; - prints it")
    action.add_argument("--overwrite", action="store_true", help="replace files that are there")


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(positive(word) for word in words(text))


@dataclass(frozen=True)
class _Variant:
    """A network, the card of its file, its grid and a way of refining edges."""

    model: str
    card: str | None
    size: int | None
    edges: Edges


def subject(args: argparse.Namespace) -> int:
    """`evaluate subject`."""
    _check_results(args)
    variants = _variants(args)
    run = options_from(args, RunOptions)
    for model, card in dict.fromkeys((one.model, one.card) for one in variants):
        ready(
            model,
            card=card,
            run=run,
            accept_licence=args.accept_licence,
            offline=args.offline,
            quiet=getattr(args, "quiet", False),
        )
    scores = [_judged(folder, one, run, args) for folder in args.sets for one in variants]
    _tell(scores, args)
    return DONE


def _variants(args: argparse.Namespace) -> list[_Variant]:
    """Every network with every grid and every way."""
    for way in args.edges:
        RemoveOptions(edges=way)  # says which words there are
    models = list(dict.fromkeys(args.models or ["subject"]))
    files = [model for model in models if model.lower().endswith(".onnx")]
    if len(args.cards) not in (0, 1, len(files)):
        message = (
            f"`--card` must be given once or for each of {len(files)} files, got {len(args.cards)}"
        )
        raise InputError(message, hint="give the cards in the order of their files")
    if args.cards and not files:
        message = f"`{args.cards[0]}` goes with an ONNX file, but no --model is one"
        raise InputError(message, hint="give --model FILE.onnx, or leave out the card")
    cards = args.cards * len(files) if len(args.cards) == 1 else args.cards
    card_of = dict(zip(files, cards, strict=False))
    return [
        _Variant(model, card_of.get(model), size, way)
        for model in models
        for size in args.sizes
        for way in args.edges
    ]


def _judged(folder: str, one: _Variant, run: RunOptions, args: argparse.Namespace) -> Score:
    from nukki.cli.network import loading
    from nukki.cli.progress import Progress
    from nukki.evaluate.sets import kinds_in, names_in, open_set
    from nukki.evaluate.subject import evaluate

    names = None if args.names is None else names_in(Path(args.names))
    kinds = None if args.kinds is None else kinds_in(Path(args.kinds))
    total = len(open_set(Path(folder), names=names, limit=args.limit).samples)
    with Progress(total, quiet=getattr(args, "quiet", False)) as progress:
        return evaluate(
            folder,
            model=one.model,
            card=one.card,
            size=one.size,
            edges=one.edges,
            names=names,
            limit=args.limit,
            kinds=kinds,
            robust=args.robust,
            skip_bad=args.skip_bad,
            **loading(run),
            accept_licence=args.accept_licence,
            done=progress.advance,
        )


def _check_results(args: argparse.Namespace) -> None:
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


def _tell(scores: list[Score], args: argparse.Namespace) -> None:
    from nukki.evaluate.report import as_csv, as_json, table
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
            say(f"{folder}: {len(reasons)} passed over, {group[0].all.pictures} judged")
