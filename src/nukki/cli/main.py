"""The command `nukki`: finds the command that is meant, runs it, and ends with its exit code."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import nukki
from nukki.cli import (
    bench,
    compare,
    convert,
    data,
    doctor,
    erase,
    evaluate,
    models,
    pick,
    remove,
    replace,
    segment,
    serve,
    train,
)
from nukki.cli.arguments import Parser, bare_values
from nukki.cli.report import FAILED, INTERRUPTED, USAGE, complaint, exit_code, say
from nukki.errors import NukkiError

__all__ = ["main", "parser", "run"]

_EPILOG = """\
exit codes:
  0    done
  1    some pictures failed (or could not be read, written, fetched)
  2    wrong usage: an option, a model's name, a file in the way of a single result
  3    nothing found: no subject in the picture, no picture in the folder
  130  interrupted

nukki COMMAND --help tells more. Data goes to standard output, the rest to standard error.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; loads neither NumPy nor Pillow."""
    top = Parser(
        prog="nukki",
        description="Cut the subject out of photos, offline, with edges that hold.",
        epilog=_EPILOG,
    )
    top.add_argument("--version", action="version", version=f"nukki {nukki.__version__}")
    _add_common(top, default=False)
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for module in (
        remove,
        replace,
        segment,
        pick,
        erase,
        serve,
        compare,
        bench,
        evaluate,
        data,
        train,
        convert,
        models,
    ):
        module.add(commands)
    doctor.add(commands)
    for command in commands.choices.values():
        _add_common(command, default=argparse.SUPPRESS)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The words after `nukki`; None takes those of the process.

    Returns:
        The exit code (see `nukki --help`).
    """
    words = bare_values(sys.argv[1:] if argv is None else argv)
    _allow_any_name()
    try:
        args = _parsed(words)
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else USAGE
    try:
        code: int = args.handler(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return FAILED
    except NukkiError as error:
        say(complaint(error, trace=args.traceback))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 the last stop: a fault of ours, told in one line
        say(complaint(error, trace=args.traceback))
        return FAILED
    return code


def run() -> NoReturn:
    """The entry point of the command `nukki`."""
    try:
        code = main()
    except KeyboardInterrupt:  # while the command line was still being read
        code = INTERRUPTED
    sys.exit(code)


def _add_common(command: argparse.ArgumentParser, *, default: object) -> None:
    for flag, description in (
        ("--quiet", "say nothing but errors"),
        ("--traceback", "show where in nukki an error arose"),
    ):
        if flag not in command._option_string_actions:
            command.add_argument(flag, action="store_true", default=default, help=description)


def _parsed(words: list[str]) -> argparse.Namespace:
    top = parser()
    commands: dict[str, Parser] = _commands(top)
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in commands:
        _refuse_command(top, name, list(commands))
    args, unknown = top.parse_known_args(words)
    if unknown:
        (commands[name] if name is not None else top).refuse(unknown)  # type: ignore[attr-defined]
    if not hasattr(args, "handler"):
        chosen = top if name is None else commands[name]
        chosen.print_help(sys.stderr)
        raise SystemExit(USAGE)
    return args


def _commands(top: argparse.ArgumentParser) -> dict[str, Parser]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _refuse_command(top: argparse.ArgumentParser, name: str, known: list[str]) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        hint = f"did you mean `{near[0]}`?"
    elif Path(name).suffix or Path(name).exists():
        hint = f"to cut a picture out: nukki remove {name}"
    else:
        hint = f"choose one of {', '.join(known)}"
    top.exit(USAGE, f"error: unknown command `{name}`\nhint: {hint}\n")


def _allow_any_name() -> None:
    """Let names through that the terminal's encoding lacks, escaped instead of as an error."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Nobody reads our output any more: keep Python from saying so once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
