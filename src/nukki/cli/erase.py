"""`nukki erase`: what a mask marks is taken out of a photo, and the hole is filled."""

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
from nukki.pipelines.options import EraseOptions, OutputOptions, ReadOptions, RunOptions

if TYPE_CHECKING:
    from nukki.io.images import Picture
    from nukki.pipelines.results import Erased

__all__ = ["add", "handle"]

_EPILOG = """\
The mask has the photo's size: white goes, black stays (of a cut-out: what is there goes). Outside
it every pixel stays as it was, bit by bit; size, depth, colour profile and EXIF stay too. Formats
with loss (JPEG) round all pixels again when they are written: PNG and TIFF do not.

exit codes:
  0 done; 1 the network failed or could not be had, a picture is larger than --max-pixels, or the
  result could not be written; 2 wrong usage, a picture that is none, a mask that does not fit;
  3 the mask is empty: no file is written
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "erase",
        help="take something out, fill the hole",
        usage="nukki erase PHOTO --mask MASK -o OUT [options]",
        description="Take what a mask marks out of a photo, and fill the hole.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument("photo", metavar="PHOTO", help="a file, or - for standard input")
    files = command.add_argument_group("files")
    files.add_argument("--mask", required=True, metavar="MASK", help="a picture: white goes")
    files.add_argument(
        "-o", "--output", metavar="OUT", help="a file, or - for standard output (default with -)"
    )
    files.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    files.add_argument("--json", action="store_true", help="print one JSON object")
    for options in (EraseOptions, OutputOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki import api
    from nukki.io.masks import read_mask
    from nukki.loading import filler_name, load_filler
    from nukki.pipelines.erase import WHITE, check_hole

    wish, read = options_from(args, EraseOptions), options_from(args, ReadOptions)
    output, run = options_from(args, OutputOptions), options_from(args, RunOptions)
    target, kind = _target(args, output)
    source = sys.stdin.buffer.read() if args.photo == "-" else args.photo
    picture = api.read(source, **asdict(read))
    _check_kind(picture, kind)
    hole = read_mask(args.mask, max_pixels=read.max_pixels, white=WHITE)
    check_hole(picture, hole)
    network = filler_name(wish.fill)
    if network is None:
        load_filler(wish.fill)  # an extra that is missing is told before the work
    else:
        ready(
            network,
            task="inpainting",
            card=wish.card,
            run=run,
            accept_licence=args.accept_licence,
            offline=args.offline,
            quiet=args.quiet,
        )
    erased = api.erase(
        picture, mask=hole, **asdict(wish), **loading(run), accept_licence=args.accept_licence
    )
    _write(erased, target, kind, output)
    if args.json:
        print(json.dumps(_record(args.photo, target, erased)))
    if not args.quiet:
        for note in erased.notes:
            say(f"note: `{args.photo}`: {note}")
        say(f"{args.photo} -> {target or '-'}")
    return DONE


def _target(args: argparse.Namespace, output: OutputOptions) -> tuple[Path | None, str]:
    """Where the result goes, None for standard output, and its format."""
    from nukki.io.encode import format_of

    if args.output is None and args.photo != "-":
        message = "`-o` must say where the result goes"
        raise InputError(message, hint="give -o FILE, or -o - for standard output")
    if args.output in (None, "-"):
        check_pipe("erase", as_json=args.json)
        return None, output.format or "png"
    target = Path(args.output)
    kind = format_of(target, output.format)
    check_file(target, sources=(args.photo, args.mask), overwrite=args.overwrite)
    return target, kind


def _check_kind(picture: Picture, kind: str) -> None:
    """Refuse a format that cannot hold the photo's transparency."""
    from nukki.io.encode import supports_alpha

    if picture.alpha is not None and not supports_alpha(kind):
        message = f"{kind.upper()} has no transparency, and the photo has"
        raise InputError(message, hint="write PNG, WebP, AVIF or TIFF")


def _write(erased: Erased, target: Path | None, kind: str, output: OutputOptions) -> None:
    how: dict[str, Any] = {
        "png": output.png,
        "quality": output.quality,
        "lossless": output.lossless,
    }
    if target is None:
        sys.stdout.buffer.write(erased.encode(kind, **how))
        sys.stdout.buffer.flush()
    else:
        erased.save(target, kind, **how)


def _record(photo: str, target: Path | None, erased: Erased) -> dict[str, Any]:
    return {
        "input": photo,
        "output": str(target),
        "width": erased.width,
        "height": erased.height,
        "network": erased.network,
        "hole": int(erased.hole.sum()),
        "seconds": {step: round(value, 4) for step, value in erased.seconds.items()},
    }
