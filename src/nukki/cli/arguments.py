"""Turns the option dataclasses of `pipelines.options` into flags, and flags back into options.

A new field of a dataclass becomes a flag without a line of code here: `fill_holes: bool` is
`--fill-holes`, a `Literal` takes its words, numbers are checked, a pair of numbers is `LOW,HIGH`.
"""

from __future__ import annotations

import argparse
import difflib
import math
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = [
    "Parser",
    "add_options",
    "bare_values",
    "numbers",
    "options_from",
    "positive",
    "words",
]

Options = TypeVar("Options")

# What a flag means where its value is left out, and the flag that is another one's negative.
_BARE = {"crop": "0", "flood": "border"}
_WORDS = {"flood": ("border", "all")}  # what may follow such a flag; else a number
_NEGATIVE = {"grow": "shrink"}
_SIGNED = ("--shadow-offset",)  # take a pair that may begin with a minus


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and a hint; no abbreviations, so scripts keep working."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        keywords.setdefault("allow_abbrev", False)
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **keywords)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit with 2."""
        self.exit(2, f"error: {message}\nhint: see {self.prog} --help\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with 2 over arguments that no flag took, naming the nearest flags."""
        word = unknown[0].partition("=")[0]
        if not word.startswith("-"):
            self.error(f"unexpected `{word}`")
        near = difflib.get_close_matches(word, self._option_string_actions, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"see {self.prog} --help"
        self.exit(2, f"error: unknown option `{word}`\nhint: {hint}\n")


_hints = cache(get_type_hints)


def add_options(parser: argparse.ArgumentParser, options: type[Any]) -> None:
    """Add a flag for every field of a dataclass of options.

    Args:
        parser: Gets a group named by the dataclass's description.
        options: A dataclass whose fields were made by `pipelines.options.option`.
    """
    description = (options.__doc__ or options.__name__).partition(".")[0]
    group = parser.add_argument_group(description.strip().lower())
    hints = _hints(options)  # type: ignore[arg-type]  # a class can be hashed
    for field in fields(options):
        _add(group, field, hints[field.name])


def options_from(args: argparse.Namespace, options: type[Options]) -> Options:
    """The dataclass with the values that were given, defaults elsewhere.

    Raises:
        InputError: If a value is out of its range (the dataclass says so).
    """
    names = [field.name for field in fields(options)]  # type: ignore[arg-type]
    return options(**{name: getattr(args, name) for name in names if hasattr(args, name)})


def bare_values(argv: Sequence[str]) -> list[str]:
    """Join flags with values that the parser would not take for theirs.

    `--crop a.jpg` is `--crop=0 a.jpg`, or the picture would be the margin;
    `--shadow-offset -6,4` is `--shadow-offset=-6,4`, or that would be a flag.
    """
    words = list(argv)
    for place, word in enumerate(words):
        if word == "--":
            break
        value = _BARE.get(word[2:]) if word.startswith("--") else None
        following = words[place + 1] if place + 1 < len(words) else ""
        known = _WORDS.get(word[2:])
        taken = _is_number(following) if known is None else following in known
        if value is not None and not taken:
            words[place] = f"{word}={value}"
        if word in _SIGNED and re.match(r"-[\d.]", following):
            words[place : place + 2] = [f"{word}={following}"]
    return words


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = _integer(text)
    if value < 1:
        message = f"must be at least 1, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def words(text: str) -> tuple[str, ...]:
    """Words between commas, at least one."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        message = f"must be words between commas, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return parts


def numbers(text: str) -> tuple[float, ...]:
    """Numbers above 0 between commas, at least one."""
    values = tuple(_number(word) for word in words(text))
    if min(values) <= 0:
        message = f"must be numbers above 0, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return values


def _add(group: argparse._ArgumentGroup, field: Field[Any], hint: Any) -> None:
    data = field.metadata
    # A word of Python's own has a `_` behind it as a field: `except_` is `--except`.
    name = "--" + field.name.removesuffix("_").replace("_", "-")
    flags = (*data.get("flags", ()), name)
    kind = _without_none(hint)
    # A default of SUPPRESS leaves the dataclass the only place that knows defaults.
    settings: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS}
    settings["help"] = (data.get("help") or "").replace("%", "%%")
    if kind is bool:
        group.add_argument(*flags, action="store_true", **settings)
        return
    if field.default is not None:
        settings["help"] += f" (default: {_shown(field.default)})"
    if field.name in _BARE:
        settings["help"] += f" ({_BARE[field.name]} where left out)"
    choices = data.get("choices") or (get_args(kind) if get_origin(kind) is Literal else None)
    if choices:
        settings |= {"choices": choices, "metavar": data.get("metavar") or "|".join(choices)}
    else:
        settings |= {"type": _reader(kind, _words(hint)), "metavar": data.get("metavar")}
    group.add_argument(*flags, **settings)
    if field.name in _NEGATIVE and not _words(hint):
        settings |= {"type": _negative, "help": f"the negative of {name}"}
        group.add_argument(f"--{_NEGATIVE[field.name]}", **settings)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return kinds[0]
    return hint


def _words(hint: Any) -> tuple[str, ...]:
    """The words that an option takes besides a number: `float | Literal["auto"]`."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()
    return tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))


def _reader(kind: Any, words: tuple[str, ...] = ()) -> Callable[[str], Any]:
    plain: Callable[[str], Any] = {int: _integer, float: _number}.get(kind, str)
    if get_origin(kind) is tuple:
        plain = _pair
    return (lambda text: text if text in words else plain(text)) if words else plain


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"must be a whole number, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"must be a number, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def _negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        message = f"must be at least 0, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return -value


def _pair(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        message = f"must be two numbers LOW,HIGH, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return _number(parts[0]), _number(parts[1])


def _is_number(text: str) -> bool:
    return text.lstrip("+-").isdecimal()


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
