"""`nukki pick`: the one thing of a photo that clicks or a box show, cut out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from
from nukki.cli.network import add_fetching, loading, ready
from nukki.cli.report import DONE, say
from nukki.cli.target import check_file, check_pipe
from nukki.errors import InputError
from nukki.pipelines.options import OutputOptions, PickOptions, ReadOptions, RunOptions

if TYPE_CHECKING:
    from nukki.pipelines.results import Instance

__all__ = ["add", "handle"]

_EPILOG = """\
Pixels are counted from 0,0, the photo's upper left corner; a box is LEFT,TOP,RIGHT,BOTTOM, right
and bottom lying beyond it. Clicks and a box may be given together, and each more than once.

exit codes:
  0 done; 1 the network failed, or the result could not be written; 2 wrong usage, a picture that is
  none, a point or box outside it; 3 nothing is there: no file is written
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "pick",
        help="cut out the thing at a point or in a box",
        usage="nukki pick PHOTO --at X,Y [--not X,Y] [--box L,T,R,B] -o OUT [options]",
        description="Cut out the one thing of a photo that clicks or a box show.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument("photo", metavar="PHOTO", help="a file, or - for standard input")
    shown = command.add_argument_group("what is meant")
    shown.add_argument(
        "--at", action="append", type=_point, default=[], metavar="X,Y", help="a point on it"
    )
    shown.add_argument(
        "--not", action="append", type=_point, default=[], metavar="X,Y", help="a point beside it"
    )
    shown.add_argument("--box", type=_box, metavar="L,T,R,B", help="a box around it")
    files = command.add_argument_group("files")
    files.add_argument(
        "-o", "--output", metavar="OUT", help="a file, or - for standard output (default with -)"
    )
    files.add_argument("--mask", action="store_true", help="write the alpha as a grey picture")
    files.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    files.add_argument("--json", action="store_true", help="print one JSON object")
    for options in (PickOptions, OutputOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki import api
    from nukki.loading import picker_name
    from nukki.types import Box, Point

    wish, read = options_from(args, PickOptions), options_from(args, ReadOptions)
    output, run = options_from(args, OutputOptions), options_from(args, RunOptions)
    points = [Point(x, y) for x, y in args.at]
    points += [Point(x, y, keep=False) for x, y in getattr(args, "not")]
    target, kind = _target(args, output)
    ready(
        picker_name(wish.model),
        task="prompted",
        card=wish.card,
        run=run,
        accept_licence=args.accept_licence,
        offline=args.offline,
        quiet=args.quiet,
    )
    found = api.pick(
        sys.stdin.buffer.read() if args.photo == "-" else args.photo,
        points=points,
        box=None if args.box is None else Box(*args.box),
        **asdict(wish),
        **asdict(read),
        **loading(run),
        accept_licence=args.accept_licence,
    )
    if target is not None or args.output == "-" or not args.json:
        _write(found, target, kind, output, mask=args.mask)
    if args.json:
        print(json.dumps(_record(args.photo, target, found)))
    if not args.quiet:
        for note in found.picture.notes:
            say(f"note: `{args.photo}`: {note}")
        where = f" -> {target}" if target is not None else ""
        say(f"{args.photo}{where}  (score {found.short_score})")
    return DONE


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        form = "X,Y" if count == 2 else "LEFT,TOP,RIGHT,BOTTOM"
        message = f"must be {form} in pixels, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return values


def _point(text: str) -> tuple[float, float]:
    x, y = _numbers(text, 2)
    return x, y


def _box(text: str) -> tuple[int, int, int, int]:
    values = _numbers(text, 4)
    if any(value != int(value) for value in values if abs(value) < 1e9) or not all(
        abs(value) < 1e9 for value in values
    ):
        message = f"must be four whole numbers, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    left, top, right, bottom = (int(value) for value in values)
    return left, top, right, bottom


def _target(args: argparse.Namespace, output: OutputOptions) -> tuple[Path | None, str]:
    """Where the result goes, None for standard output or nowhere, and its format."""
    from nukki.io.encode import format_of, supports_alpha

    if args.output is None and args.photo != "-" and not args.json:
        message = "`-o` must say where the result goes"
        raise InputError(message, hint="give -o FILE, -o - for standard output, or --json")
    if args.output is None and args.json:
        return None, "png"
    if args.output in (None, "-"):
        check_pipe("pick", as_json=args.json)
        return None, output.format or "png"
    target = Path(args.output)
    kind = format_of(target, output.format)
    if not args.mask and not supports_alpha(kind):
        message = f"{kind.upper()} has no transparency, and the cut-out needs it"
        raise InputError(message, hint="write a PNG or WebP, or give --mask")
    check_file(target, sources=(args.photo,), overwrite=args.overwrite)
    return target, kind


def _write(
    found: Instance, target: Path | None, kind: str, output: OutputOptions, *, mask: bool
) -> None:
    cut = found.cut()
    how: dict[str, Any] = {
        "mask": mask,
        "png": output.png,
        "quality": output.quality,
        "lossless": output.lossless,
    }
    if target is None:
        sys.stdout.buffer.write(cut.encode(kind, **how))
        sys.stdout.buffer.flush()
    else:
        cut.save(target, kind, **how)


def _record(photo: str, target: Path | None, found: Instance) -> dict[str, Any]:
    box = found.box
    return {
        "input": photo,
        "output": None if target is None else str(target),
        "width": found.picture.width,
        "height": found.picture.height,
        "score": round(found.score, 4),
        "box": [box.left, box.top, box.right, box.bottom],
        "area": found.area,
    }
