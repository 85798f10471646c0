"""The one table of options as fields of a form: names, how a text is read, what a schema says.

A new field of a dataclass in `pipelines.options` becomes a field here without a line of code. What
the command line takes as the path of a file is an uploaded part here, or does not exist: no text of
a request is ever opened as a file.
"""

from __future__ import annotations

import difflib
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field as DataField
from dataclasses import dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nukki.serve.refusals import Refusal

__all__ = ["Field", "fields_of", "flags_of", "read"]

Kind = Literal[
    "switch", "integer", "number", "pair", "choice", "text", "network", "upload", "colour"
]

_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_YES, _NO = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
_LARGEST = 100_000  # of numbers: no length in a photo is larger, and the work would not end
_LONGEST = 4000  # characters of a value
# What is the server's own business, or names a file of its machine.
_LEFT_OUT = frozenset({"card", "device", "threads", "max_pixels"})
_SPECIAL_BACKGROUNDS = ("blur", "transparent")


@dataclass(frozen=True)
class Field:
    """A field of a form, or of a query.

    Attributes:
        name: In the form; `except_` of a dataclass is `except`.
        key: The keyword argument that it becomes.
        kind: How its text is read; "upload" is a file only, "colour" a text or a file.
        help: One line.
        default: The option's default; None where there is none.
        choices: The words that it takes, where it takes words.
        words: Words besides numbers: "auto".
        limits: The least and the largest number that it takes, where the option says so.
    """

    name: str
    key: str
    kind: Kind
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None

    @property
    def is_part(self) -> bool:
        """Whether a file may be sent for it."""
        return self.kind in ("upload", "colour")

    def value(self, text: str) -> Any:
        """What a text means.

        Raises:
            Refusal: If it means nothing.
        """
        if len(text) > _LONGEST:
            message = f"`{self.name}` must have at most {_LONGEST} characters, got {len(text)}"
            raise Refusal(message, "bad_option", hint="see docs/serve.md for the options")
        if text in self.words:
            return text
        return _READERS[self.kind](self, text)

    def schema(self) -> dict[str, Any]:
        """JSON schema of its text."""
        schema: dict[str, Any] = {"description": self.help}
        if self.kind == "switch":
            schema |= {"type": "boolean"}
        elif self.kind == "choice":
            schema |= {"type": "string", "enum": list(self.choices)}
        elif self.kind in ("integer", "number"):
            plain: dict[str, Any] = {"type": self.kind}
            if self.limits or self.kind == "number":
                least, most = self.limits or (-_LARGEST, _LARGEST)
                plain |= {"minimum": least, "maximum": most}
            words = {"type": "string", "enum": list(self.words)}
            schema |= {"oneOf": [plain, words]} if self.words else plain
        elif self.kind == "pair":
            schema |= {"type": "string", "pattern": "^[^,]+,[^,]+$"}
        else:
            schema |= {"type": "string", "minLength": 1}
        if self.default is not None and not isinstance(self.default, tuple):
            schema["default"] = self.default
        return schema


def fields_of(*tables: type[Any], but: Iterable[str] = ()) -> tuple[Field, ...]:
    """The fields of some tables of options, in their order; of two of one name the first.

    Args:
        tables: Dataclasses whose fields were made by `pipelines.options.option`.
        but: Names that are left out.
    """
    found: dict[str, Field] = {}
    for table in tables:
        hints = get_type_hints(table)
        for one in fields(table):
            metavar = one.metadata.get("metavar") or ""
            writes = one.name.startswith("save_") or metavar == "DIR"
            if one.name in _LEFT_OUT or one.name in but or writes or one.name in found:
                continue
            found[one.name] = _field(one, hints[one.name], metavar)
    return tuple(found.values())


def flags_of(known: Sequence[Field]) -> frozenset[str]:
    """Names of switches, for `refusals.in_words_of_forms`."""
    return frozenset(one.name for one in known if one.kind == "switch")


def read(known: Sequence[Field], values: Mapping[str, str]) -> dict[str, Any]:
    """Keyword arguments of what was sent; what was left out is left to the option's default.

    Raises:
        Refusal: If a name is unknown (the hint has near ones) or a value is wrong.
    """
    table = {one.name: one for one in known}
    for name in values:
        if name not in table:
            near = difflib.get_close_matches(name, table, 1)
            message = f"`{name[:80]}` is not an option here"
            hint = f"did you mean {near[0]}?" if near else "leave it out; see GET /openapi.json"
            raise Refusal(message, "bad_option", hint=hint)
    return {table[name].key: table[name].value(text) for name, text in values.items()}


def _field(one: DataField[Any], hint: Any, metavar: str) -> Field:
    data = one.metadata
    kinds = [kind for kind in _parts(hint) if kind is not type(None)]
    plain = kinds[0]
    words = [w for kind in kinds[1:] if get_origin(kind) is Literal for w in get_args(kind)]
    choices = data.get("choices") or (get_args(plain) if get_origin(plain) is Literal else ())
    kind: Kind = "text"
    if plain is bool:
        kind = "switch"
    elif choices:
        kind = "choice"
    elif plain in (int, float):
        kind = "integer" if plain is int else "number"
    elif get_origin(plain) is tuple:
        kind = "pair"
    elif "FILE" in metavar:
        kind = "colour" if "COLOUR" in metavar else "upload"
    elif metavar == "NAME":
        kind = "network"
    return Field(
        name=one.name.removesuffix("_"),
        key=one.name,
        kind=kind,
        help=data.get("help") or "",
        default=one.default,
        choices=tuple(choices),
        words=tuple(words),
        limits=data.get("limits"),
    )


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _wrong(field: Field, expected: str, text: str, hint: str) -> Refusal:
    message = f"`{field.name}` must be {expected}, got {text[:80]!r}"
    return Refusal(message, "bad_option", hint=hint)


def _switch(field: Field, text: str) -> bool:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise _wrong(field, "true or false", text, f"send {field.name}=true, or leave it out")


def _integer(field: Field, text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise _wrong(field, "a whole number", text, "send digits only")
    return int(text)


def _number(field: Field, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _LARGEST:  # nor NaN
        expected = " or ".join([f"a number of at most {_LARGEST:,}", *field.words])
        raise _wrong(field, expected, text, "send a number such as 0.5")
    return value


def _pair(field: Field, text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise _wrong(field, "two numbers with a comma between", text, f"send {field.name}=0.1,0.9")
    return _number(field, parts[0]), _number(field, parts[1])


def _choice(field: Field, text: str) -> str:
    if text in field.choices:
        return text
    near = difflib.get_close_matches(text, field.choices, 1)
    hint = f"did you mean {near[0]}?" if near else f"send {field.name}={field.choices[0]}"
    raise _wrong(field, f"one of {', '.join(field.choices)}", text, hint)


def _text(field: Field, text: str) -> str:
    if text.strip() and "\0" not in text:
        return text
    raise _wrong(field, "a text", text, "leave it out for the default")


def _network(field: Field, text: str) -> str:
    """A name only: files of the server's machine are nobody's business."""
    if _NETWORK.fullmatch(text) and not text.lower().endswith(".onnx"):
        return text
    raise _wrong(field, "the name of a network", text, "choose one of GET /api/models")


def _colour(field: Field, text: str) -> str:
    from nukki.pipelines.colours import as_colour, near_names

    if text in _SPECIAL_BACKGROUNDS or as_colour(text) is not None:
        return text
    near = near_names(text)
    hint = f"did you mean {' or '.join(near)}?" if near else "send white, #ff8800, or a file"
    raise _wrong(field, "a colour or an uploaded picture", text, hint)


def _upload(field: Field, text: str) -> Any:
    raise _wrong(field, "an uploaded file", text, "send the file itself, with a file name")


_READERS: Mapping[Kind, Callable[[Field, str], Any]] = {
    "switch": _switch,
    "integer": _integer,
    "number": _number,
    "pair": _pair,
    "choice": _choice,
    "text": _text,
    "network": _network,
    "colour": _colour,
    "upload": _upload,
}
