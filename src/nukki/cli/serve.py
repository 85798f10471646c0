"""`nukki serve`: the web page and the HTTP API."""

from __future__ import annotations

import argparse
from typing import Any

from nukki.cli.arguments import add_options, options_from
from nukki.cli.report import DONE, say
from nukki.errors import MissingExtra, pip_line
from nukki.pipelines.options import RunOptions
from nukki.serve.limits import ServeOptions

__all__ = ["add", "handle"]

_EPILOG = """\
Addresses: / the page, /docs the API and its options, POST /api/remove, /api/replace, /api/segment,
/api/pick, /api/erase, GET /api/models, /healthz, /readyz, /metrics, /openapi.json, and
POST /v1.0/removebg, which takes what remove.bg's API takes. docs/serve.md tells of keys, limits,
sizes and reverse proxies.

Requests name networks that are on this machine; fetch them first: nukki models get NAME. Nothing
is fetched or written for a request. The log is a line of JSON a request, on standard error.

exit codes:
  0 ended as it was told; 1 a worker did not start; 2 wrong usage, the port is taken
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "serve",
        help="web page and HTTP API",
        usage="nukki serve [--host HOST] [--port PORT] [options]",
        description="Serve the web page and the HTTP API.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    for options in (ServeOptions, RunOptions):
        add_options(command, options)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    options, run = options_from(args, ServeOptions), options_from(args, RunOptions)
    try:
        from nukki.serve.run import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "nukki":
            raise
        message = f"`{error.name}` is needed to serve and could not be imported"
        raise MissingExtra(message, hint=f"run: {pip_line('serve')}") from error
    serve(options, run, quiet=args.quiet, opened=_say_nothing if args.quiet else _say_where)
    return DONE


def _say_where(address: str) -> None:
    say(f"{address}  (the API: {address}/docs)")


def _say_nothing(_address: str) -> None:
    """With --quiet."""
