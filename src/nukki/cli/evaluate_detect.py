"""`nukki evaluate detect`: how well a detector finds things that are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from, positive, words
from nukki.cli.network import add_fetching, ready
from nukki.cli.report import DONE
from nukki.cli.results import add_results, add_selection, card_of, check_results, tell
from nukki.pipelines.options import RunOptions

if TYPE_CHECKING:
    from nukki.evaluate.detect import Score

__all__ = ["add"]

_EPILOG = """\
A set is a folder with images/ and instances.json, annotations in COCO's format with COCO's classes:
boxes, and crowds, which are passed over.

columns (all at the overlaps of boxes that COCO takes, 101 recalls, 100 answers a photo and class):
  AP          average precision, mean over the overlaps .5 to .95
  AP50, AP75  at an overlap of .5 and .75
  recall      share found, mean over the overlaps
  R50         at an overlap of .5
  shown P, R  precision and recall at .5 of what is shown: as sure as the card's min_score
  ms          median of looking at a photo

"all" are means over the classes that the set has. Without --size a photo is looked at as segment
does it, a second time from nearer where that pays; with it once, at that longer side.
"""


def add(actions: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Add the command to those of `evaluate`."""
    action: argparse.ArgumentParser = actions.add_parser(
        "detect",
        help="networks that find boxes of things",
        description="Judge detectors on photos whose things are known.",
        epilog=_EPILOG,
    )
    action.set_defaults(handler=detect)
    for flags, options in (
        (("--set",), {"dest": "sets", "required": True, "metavar": "FOLDER",
                      "help": "holds images/ and instances.json; may be given several times"}),
        (("-m", "--model"), {"dest": "models", "metavar": "NAME",
                             "help": "detector: a name, a .onnx file, or yolox:FILE "
                                     "(default: detect); may be given several times"}),
        (("--card",), {"dest": "cards", "metavar": "FILE", "default": [],
                       "help": "card of a --model that is a file: one for all, or one each"}),
    ):  # fmt: skip
        action.add_argument(*flags, action="append", **options)
    action.add_argument(
        "--size",
        dest="sizes",
        type=_sizes,
        default=(None,),
        metavar="N,N",
        help="look once, at these longer sides (default: as segment looks)",
    )
    add_selection(action, positive=positive)
    add_results(action)
    add_fetching(action)
    add_options(action, RunOptions)
    return action


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(positive(word) for word in words(text))


def detect(args: argparse.Namespace) -> int:
    """`evaluate detect`."""
    from nukki.evaluate.detect_report import as_csv, as_json, table
    from nukki.loading import finder_name

    check_results(args)
    models = list(dict.fromkeys(args.models or ["detect"]))
    cards = card_of([model for model in models if finder_name(model)[1] is None], args.cards)
    run = options_from(args, RunOptions)
    for model in models:
        name, card = finder_name(model, cards.get(model))
        ready(
            name,
            task="detection",
            card=card,
            run=run,
            accept_licence=args.accept_licence,
            offline=args.offline,
            quiet=getattr(args, "quiet", False),
        )
    scores = [
        _judged(folder, model, cards.get(model), size, run, args)
        for folder in args.sets
        for model in models
        for size in args.sizes
    ]
    tell(scores, args, table=table, as_json=as_json, as_csv=as_csv)
    return DONE


def _judged(
    folder: str,
    model: str,
    card: str | None,
    size: int | None,
    run: RunOptions,
    args: argparse.Namespace,
) -> Score:
    from nukki.cli.network import loading
    from nukki.cli.progress import Progress
    from nukki.evaluate.detect import evaluate, photos_in
    from nukki.evaluate.sets import names_in

    names = None if args.names is None else names_in(Path(args.names))
    total = len(photos_in(Path(folder), names=names, limit=args.limit))
    with Progress(total, quiet=getattr(args, "quiet", False)) as progress:
        return evaluate(
            folder,
            model=model,
            card=card,
            size=size,
            names=names,
            limit=args.limit,
            skip_bad=args.skip_bad,
            **loading(run),
            accept_licence=args.accept_licence,
            done=progress.advance,
        )
