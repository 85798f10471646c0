"""`nukki segment`: the people and objects of a photo, listed and numbered."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from
from nukki.cli.network import add_fetching, loading, ready
from nukki.cli.report import DONE, NOTHING, complaint, say
from nukki.cli.target import check_file
from nukki.errors import NothingFound
from nukki.pipelines.options import ReadOptions, RunOptions, SegmentOptions

if TYPE_CHECKING:
    from nukki.pipelines.results import Instance, Segmentation

__all__ = ["add", "handle"]

_EPILOG = """\
Standard output gets a line a thing: number, label, score, box (left,top,right,bottom) and share of
the photo. Numbers are the same whatever --what asks for: the surest thing is 1.
-o draws what is listed over the photo, tinted, outlined and numbered.

exit codes:
  0 done; 1 the photo or the drawing failed; 2 wrong usage; 3 nothing of what was asked for
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "segment",
        help="people and objects of a photo",
        usage="nukki segment PHOTO --instances NAME [-o NUMBERED] [options]",
        description="Tell the people and objects of a photo apart.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument("photo", metavar="PHOTO", help="a file, or - for standard input")
    files = command.add_argument_group("files")
    files.add_argument("-o", "--output", metavar="FILE", help="write the numbered photo")
    files.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    files.add_argument("--json", action="store_true", help="print one JSON object")
    for options in (SegmentOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki import api
    from nukki.pipelines.segment import check_choices, check_finder, check_named
    from nukki.types import ClassSpec
    from nukki.zoo.catalog import card_for
    from nukki.zoo.labels import labels_of

    wish, read = options_from(args, SegmentOptions), options_from(args, ReadOptions)
    run = options_from(args, RunOptions)
    check_named(wish.instances)
    target = _target(args)
    card, _ = card_for(wish.instances, wish.card)
    check_finder(card)
    check_choices(wish.what, wish.except_, labels_of(card.classes or ClassSpec(())))
    ready(
        wish.instances,
        task=card.task,
        card=wish.card,
        run=run,
        accept_licence=args.accept_licence,
        offline=args.offline,
        quiet=args.quiet,
    )
    source = sys.stdin.buffer.read() if args.photo == "-" else args.photo
    everything = {**asdict(wish), "what": "all", "except_": None}
    found = api.segment(
        source, **everything, **asdict(read), **loading(run), accept_licence=args.accept_licence
    )
    found, nothing = _chosen(found, wish)
    _print(args.photo, found, as_json=args.json)
    if not args.quiet:
        for note in found.picture.notes:
            say(f"note: `{args.photo}`: {note}")
    if not found:
        if not args.quiet:
            say(complaint(nothing, subject=args.photo))
        return NOTHING
    if target is not None:
        found.numbered().save(target)
        if not args.quiet:
            say(f"{args.photo} -> {target}")
    return DONE


def _target(args: argparse.Namespace) -> Path | None:
    """Where the drawing goes, checked before any work is done."""
    from nukki.io.encode import format_of

    if args.output is None:
        return None
    target = Path(args.output)
    format_of(target, None)
    check_file(target, sources=(args.photo,), overwrite=args.overwrite)
    return target


def _print(photo: str, found: Segmentation, *, as_json: bool) -> None:
    height, width = found.picture.height, found.picture.width
    if as_json:
        answer = {
            "input": photo,
            "width": width,
            "height": height,
            "network": found.network,
            "min_score": found.min_score,
            "seconds": {step: round(value, 4) for step, value in found.seconds.items()},
            "instances": [_record(one) for one in found],
            "others": [_record(one) for one in found.others],
        }
        print(json.dumps(answer))
        return
    for one in found:
        box = one.box
        where = f"{box.left},{box.top},{box.right},{box.bottom}"
        share = 100 * one.area / (height * width)
        print(f"{one.title}  {where}  {share:.1f}%")


def _record(one: Instance) -> dict[str, Any]:
    box = one.box
    return {
        "number": one.number,
        "label": one.label,
        "score": round(one.score, 6),
        "box": [box.left, box.top, box.right, box.bottom],
        "corners": [round(side, 3) for side in one.corners],
        "area": one.area,
    }


def _chosen(found: Segmentation, wish: SegmentOptions) -> tuple[Segmentation, NothingFound]:
    """What is asked for, and what to say where that is nothing."""
    nothing = NothingFound(f"nothing found with a score of {found.min_score:g} or more")
    if not found:
        return found, nothing
    try:
        return found.choose(wish.what, except_=wish.except_), nothing
    except NothingFound as error:
        return replace(found, instances=(), others=found.everything), error
