"""`nukki compare`: what networks make of photos, on one sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import options_from, positive, words
from nukki.cli.report import DONE, FAILED, complaint, say
from nukki.cli.variants import add_variants, ready_variants
from nukki.errors import InputError, NukkiError
from nukki.pipelines.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nukki.evaluate.sheet import Cell

__all__ = ["add", "handle"]

_EPILOG = """\
The sheet has a row a photo: the photo, then a cut-out a network and way of refining edges, with
the seconds of the cut-out alone. A loud --backdrop (magenta) shows halos and holes.
A photo that cannot be read is told and left out (exit code 1).

With --erase a row is the photo with what goes, then what each filler of --fill makes of the hole,
with the seconds of the filling alone:
  nukki compare p.jpg --erase people --fill default,lama,aotgan,deepfillv2 -o sheet.png
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "compare",
        help="networks side by side on one sheet",
        description="Lay photos and what networks make of them side by side, with times.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument("photos", nargs="+", metavar="PHOTO")
    command.add_argument("-o", "--output", required=True, metavar="SHEET", help="the picture file")
    command.add_argument(
        "--backdrop",
        default="checker",
        metavar="COLOUR",
        help="checker or a colour behind cut-outs (default: checker)",
    )
    command.add_argument(
        "--cell",
        type=positive,
        default=480,
        metavar="PX",
        help="longer side of a picture on the sheet (default: 480)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace a sheet that is there")
    erasing = command.add_argument_group("fillers instead of networks that cut out")
    erasing.add_argument("--erase", metavar="WHAT", help="what goes, as for `nukki erase --what`")
    erasing.add_argument("--except", dest="except_", metavar="WHAT", help="what stays, likewise")
    erasing.add_argument(
        "--fill", type=words, metavar="A,B", help="fillers: default, patch, lama, … (with --erase)"
    )
    erasing.add_argument(
        "--instances",
        default="default",
        metavar="NAME",
        help="network that finds things (default: default)",
    )
    add_variants(command)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki.evaluate.sheet import check_backdrop, sheet
    from nukki.io.encode import encode, format_of, write

    target = Path(args.output)
    name = format_of(target, None)
    check_backdrop(args.backdrop)
    if args.erase is None and (args.fill or args.except_):
        message = "`--fill` and `--except` go with `--erase`"
        raise InputError(message, hint="give --erase people, or leave them out")
    if target.exists() and not args.overwrite:
        message = f"`{target}` is there already"
        raise InputError(message, hint="give --overwrite to replace it, or -o another name")
    if any(Path(photo).absolute() == target.absolute() for photo in args.photos):
        message = f"`{target}` is a photo that is read; the sheet never replaces it"
        raise InputError(message, hint="give -o another name")
    run = ready_variants(args) if args.erase is None else _ready_fillers(args)
    rows = []
    failed = 0
    for photo in args.photos:
        try:
            rows.append(_row(photo, run, args))
        except NukkiError as error:
            failed += 1
            say(complaint(error, subject=photo, trace=args.traceback))
    if not rows:
        return FAILED
    write(target, encode(sheet(rows, backdrop=args.backdrop), name))
    if not args.quiet:
        say(f"{len(rows)} of {len(args.photos)} photos -> {target}")
    return FAILED if failed else DONE


def _ready_fillers(args: argparse.Namespace) -> RunOptions:
    """Check what goes, have all networks ready, and give on what they run."""
    from nukki.cli.network import ready_to_erase
    from nukki.pipelines.erase_options import GoOptions

    run = options_from(args, RunOptions)
    args.fill = args.fill or ("default",)
    wish = GoOptions(what=args.erase, except_=args.except_, instances=args.instances)
    ready_to_erase(
        wish,
        [(fill, None) for fill in args.fill],
        run=run,
        accept_licence=args.accept_licence,
        offline=args.offline,
        quiet=args.quiet,
    )
    return run


def _row(photo: str, run: RunOptions, args: argparse.Namespace) -> list[Cell]:
    cells = []
    for cell in _cells(photo, run, args):
        cells.append(cell)
        if not args.quiet and len(cells) > 1:
            say(f"{photo}: {cell.title}: {cell.caption}")
    return cells


def _cells(photo: str, run: RunOptions, args: argparse.Namespace) -> Iterator[Cell]:
    from nukki.cli.network import loading
    from nukki.evaluate.fills import compared_fills
    from nukki.evaluate.sheet import compared

    terms = {**loading(run), "accept_licence": args.accept_licence, "largest": args.cell}
    name = Path(photo).name
    if args.erase is None:
        return compared(photo, name, args.models, edges=args.edges, **terms)
    return compared_fills(
        photo,
        name,
        args.erase,
        args.fill,
        except_=args.except_,
        instances=args.instances,
        **terms,
    )
