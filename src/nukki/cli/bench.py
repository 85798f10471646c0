"""`nukki bench`: seconds against resolution and network."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import numbers, positive
from nukki.cli.report import DONE, say
from nukki.cli.variants import add_variants, ready_variants

if TYPE_CHECKING:
    from nukki.types import RGB8

__all__ = ["add", "handle"]

_EPILOG = """\
Times are medians over --repeat calls in one process, after the network was loaded:
  decode   JPEG bytes to pixels
  network  pixels to a map of the subject
  edges    map to alpha at full size
  colours  the subject's own colours at the edge
  encode   to PNG bytes
  whole    JPEG bytes to PNG bytes, timed by itself
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "bench",
        help="seconds against resolution and network",
        description="Time cut-outs on this machine, split into their steps.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument("photos", nargs="*", metavar="PHOTO", help="default: a made-up picture")
    command.add_argument(
        "--sizes",
        type=numbers,
        default=(0.25, 1.0, 4.0, 12.0),
        metavar="MP,MP",
        help="megapixels that photos are resampled to (default: 0.25,1,4,12)",
    )
    command.add_argument(
        "--repeat", type=positive, default=3, metavar="N", help="calls a figure (default: 3)"
    )
    command.add_argument("--json", action="store_true", help="print a line of JSON a measurement")
    add_variants(command)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki.cli.network import loading
    from nukki.evaluate.bench import measured, table

    run = ready_variants(args)
    timings = []
    for name, photo in _photos(args.photos):
        for model in args.models:
            for way in args.edges:
                for size in args.sizes:
                    one = measured(
                        photo,
                        name,
                        model=model,
                        edges=way,
                        megapixels=size,
                        repeat=args.repeat,
                        **loading(run),
                        accept_licence=args.accept_licence,
                    )
                    if args.json:
                        print(json.dumps(one.record()), flush=True)
                    elif not args.quiet:
                        say(f"{model}, edges {way}, {size:g} MP: {1000 * one.whole:.0f} ms")
                    timings.append(one)
    if not args.json:
        print("\n".join(table(timings)))
    return DONE


def _photos(paths: list[str]) -> list[tuple[str, RGB8]]:
    from nukki import api
    from nukki.evaluate.bench import photo_like

    if not paths:
        return [("made up", photo_like(1536, 2048))]
    return [(Path(path).name, api.read(path).rgb8()) for path in paths]
