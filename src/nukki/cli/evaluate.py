"""`nukki evaluate`: how good a network is on pictures whose truth is known."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli import evaluate_detect, evaluate_pick
from nukki.cli.arguments import add_options, options_from, positive, words
from nukki.cli.network import add_fetching, ready
from nukki.cli.report import DONE
from nukki.cli.results import add_results, add_selection, card_of, check_results, tell
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
        description="Judge networks on pictures whose truth is known, through what ships.",
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
    add_results(action)
    add_fetching(action)
    add_options(action, RunOptions)
    for each in (action, evaluate_detect.add(actions), evaluate_pick.add(actions)):
        for flag, text in (
            ("--quiet", "say nothing but errors"),
            ("--traceback", "show where in nukki an error arose"),
        ):
            each.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)


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
    add_selection(action, positive=positive)
    action.add_argument(
        "--kinds", metavar="FILE", help="lines of `stem kind`: figures by kind, too"
    )
    action.add_argument(
        "--robust",
        action="store_true",
        help="also how well masks of a photo and of its copies agree; needs no masks/",
    )


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
    from nukki.evaluate.report import as_csv, as_json, table

    check_results(args)
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
    tell(scores, args, table=table, as_json=as_json, as_csv=as_csv)
    return DONE


def _variants(args: argparse.Namespace) -> list[_Variant]:
    """Every network with every grid and every way."""
    for way in args.edges:
        RemoveOptions(edges=way)  # says which words there are
    models = list(dict.fromkeys(args.models or ["subject"]))
    cards = card_of(models, args.cards)
    return [
        _Variant(model, cards.get(model), size, way)
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
