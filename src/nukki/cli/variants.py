"""Networks and ways of refining edges, side by side: what `compare` and `bench` share."""

from __future__ import annotations

import argparse

from nukki.cli.arguments import add_options, options_from, words
from nukki.cli.network import add_fetching, ready
from nukki.pipelines.options import RemoveOptions, RunOptions

__all__ = ["add_variants", "ready_variants"]


def add_variants(command: argparse.ArgumentParser) -> None:
    """Add --models, --edges, and on what and whence the networks come."""
    command.add_argument(
        "-m", "--models", type=words, default=("subject",), metavar="A,B", help="networks"
    )
    command.add_argument(
        "--edges",
        type=words,
        default=("auto",),
        metavar="A,B",
        help="ways of refining edges: none, fast, auto, best (default: auto)",
    )
    add_fetching(command)
    add_options(command, RunOptions)


def ready_variants(args: argparse.Namespace) -> RunOptions:
    """Check the ways, have every network ready, and give on what they run."""
    for way in args.edges:
        RemoveOptions(edges=way)  # says which words there are
    run = options_from(args, RunOptions)
    for model in args.models:
        ready(
            model,
            run=run,
            accept_licence=args.accept_licence,
            offline=args.offline,
            quiet=args.quiet,
        )
    return run
