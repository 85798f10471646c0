"""`nukki evaluate pick`: how well the thing that is shown is found, click by click."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from, positive
from nukki.cli.network import add_fetching, ready
from nukki.cli.report import DONE
from nukki.cli.results import add_results, add_selection, card_of, check_results, tell
from nukki.pipelines.options import RunOptions

if TYPE_CHECKING:
    from nukki.evaluate.pick import Score

__all__ = ["add"]

_EPILOG = """\
A set is a folder with images/ and instances.json, annotations in COCO's format with outlines or
runs, or with images/ and masks/, one thing a photo. Judged are things that are no crowd, whose box
is 16 pixels or more on its shorter side: the six largest of each photo. --each writes a line a
thing.

columns:
  box        mean IoU of the mask when a thing is shown by its true box
  1, 2, ...  after so many clicks, each where what is wrong is deepest: missing, or too much
  until .8   clicks until an IoU of .8; all of them for a thing that does not come so far
  score off  mean absolute difference of the score and the IoU by box, of what was found
  first ms   median of the first click in a photo, which has to be looked at
  next ms    median of a further click on the same thing

Where nothing is found the IoU is 0.
"""


def add(actions: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Add the command to those of `evaluate`."""
    action: argparse.ArgumentParser = actions.add_parser(
        "pick",
        help="networks that find the thing that is shown",
        description="Judge networks that are asked by clicks and boxes.",
        epilog=_EPILOG,
    )
    action.set_defaults(handler=pick)
    for flags, options in (
        (("--set",), {"dest": "sets", "required": True, "metavar": "FOLDER",
                      "help": "holds images/ and instances.json or masks/; may be given several "
                              "times"}),
        (("-m", "--model"), {"dest": "models", "metavar": "NAME",
                             "help": "network: default (our own), a name such as sam-vit-b, or a "
                                     ".onnx file; may be given several times"}),
        (("--card",), {"dest": "cards", "metavar": "FILE", "default": [],
                       "help": "card of a --model that is a file: one for all, or one each"}),
    ):  # fmt: skip
        action.add_argument(*flags, action="append", **options)
    action.add_argument(
        "--clicks",
        type=positive,
        default=5,
        metavar="N",
        help="how many are made on a thing at most (default: 5)",
    )
    add_selection(action, positive=positive)
    add_results(action)
    add_fetching(action)
    add_options(action, RunOptions)
    return action


def pick(args: argparse.Namespace) -> int:
    """`evaluate pick`."""
    from nukki.evaluate.pick_report import as_csv, as_json, table
    from nukki.loading import picker_name

    check_results(args)
    models = list(dict.fromkeys(picker_name(model) for model in args.models or ["default"]))
    cards = card_of(models, args.cards)
    run = options_from(args, RunOptions)
    for model in models:
        ready(
            model,
            task="prompted",
            card=cards.get(model),
            run=run,
            accept_licence=args.accept_licence,
            offline=args.offline,
            quiet=getattr(args, "quiet", False),
        )
    scores = [
        _judged(folder, model, cards.get(model), run, args)
        for folder in args.sets
        for model in models
    ]
    tell(scores, args, table=table, as_json=as_json, as_csv=as_csv)
    return DONE


def _judged(
    folder: str, model: str, card: str | None, run: RunOptions, args: argparse.Namespace
) -> Score:
    from nukki.cli.network import loading
    from nukki.cli.progress import Progress
    from nukki.evaluate.known import open_photos
    from nukki.evaluate.pick import evaluate
    from nukki.evaluate.sets import names_in

    names = None if args.names is None else names_in(Path(args.names))
    total = len(open_photos(Path(folder), names=names, limit=args.limit).photos)
    with Progress(total, quiet=getattr(args, "quiet", False)) as progress:
        return evaluate(
            folder,
            model=model,
            card=card,
            clicks=args.clicks,
            names=names,
            limit=args.limit,
            skip_bad=args.skip_bad,
            **loading(run),
            accept_licence=args.accept_licence,
            done=progress.advance,
        )
