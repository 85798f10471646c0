"""`nukki compare`: what networks make of photos, on one sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import positive
from nukki.cli.report import DONE, FAILED, complaint, say
from nukki.cli.variants import add_variants, ready_variants
from nukki.errors import InputError, NukkiError

if TYPE_CHECKING:
    from nukki.evaluate.sheet import Cell
    from nukki.pipelines.options import RunOptions

__all__ = ["add", "handle"]

_EPILOG = """\
The sheet has a row a photo: the photo, then a cut-out a network and way of refining edges, with
the seconds of the cut-out alone. A loud --backdrop (magenta) shows halos and holes.
A photo that cannot be read is told and left out (exit code 1).
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
    add_variants(command)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki.evaluate.sheet import check_backdrop, sheet
    from nukki.io.encode import encode, format_of, write

    target = Path(args.output)
    name = format_of(target, None)
    check_backdrop(args.backdrop)
    if target.exists() and not args.overwrite:
        message = f"`{target}` is there already"
        raise InputError(message, hint="give --overwrite to replace it, or -o another name")
    if any(Path(photo).absolute() == target.absolute() for photo in args.photos):
        message = f"`{target}` is a photo that is read; the sheet never replaces it"
        raise InputError(message, hint="give -o another name")
    run = ready_variants(args)
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


def _row(photo: str, run: RunOptions, args: argparse.Namespace) -> list[Cell]:
    from nukki.cli.network import loading
    from nukki.evaluate.sheet import compared

    cells = []
    for cell in compared(
        photo,
        Path(photo).name,
        args.models,
        edges=args.edges,
        largest=args.cell,
        **loading(run),
        accept_licence=args.accept_licence,
    ):
        cells.append(cell)
        if not args.quiet and len(cells) > 1:
            say(f"{photo}: {cell.title}: {cell.caption}")
    return cells
