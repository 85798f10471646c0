"""Model cards: TOML in, frozen dataclasses out, and nothing that the schema does not know.

A card is the whole of what nukki knows of a network: its files with their digests, how a picture
becomes its input, how its output becomes an alpha, whose it is and what may be done with it. The
tables `[input]` and `[output]` are the fields of `types.InputSpec` and `types.OutputSpec`, read
from the dataclasses themselves, so a new field there is a new key here.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from nukki.errors import CardError
from nukki.types import InputSpec, OutputSpec

__all__ = ["CommercialUse", "ModelCard", "ModelFile", "Task", "load_card", "parse_card"]

Task = Literal[
    "saliency", "semantic", "detection", "instances", "prompted", "matting", "inpainting"
]
CommercialUse = Literal["yes", "no", "unclear"]
Scores = tuple[tuple[str, str], ...]

MAX_SIDE = 8192  # of a network's grid: a slip in a card must not ask for terabytes
_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_RESERVED_SUFFIXES = (".part", ".lock", ".stamp")  # what fetching writes beside the files
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}|sha256-prefix:[0-9a-f]{8,63}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class ModelFile:
    """One file of a network.

    Attributes:
        name: Its name in the model's folder; no folder in it.
        urls: http(s) addresses, tried in turn; empty where it is embedded or placed by hand.
        size_bytes: Its size where the publisher states it, else None.
        digest: "sha256:HEX", "md5:HEX", "sha256-prefix:HEX" (as torch hub writes it into names),
            or None where the publisher states none: then the first download is pinned.
        embedded: Whether the file is part of the package.
    """

    name: str
    urls: tuple[str, ...] = ()
    size_bytes: int | None = None
    digest: str | None = None
    embedded: bool = False


@dataclass(frozen=True)
class ModelCard:
    """A network and all that is known of it.

    Attributes:
        name: What `model=` takes.
        title: For people.
        task: What the network does, which decides the class in `tasks` that runs it.
        files: The first is the graph; others lie beside it.
        input: How a picture becomes the input.
        output: How the output becomes an alpha.
        code_licence: Licence of the publisher's code.
        weights_licence: Licence of the weights.
        data_terms: What the training data allow, in words.
        commercial_use: Whether the weights may be used commercially, as far as the publisher says.
        origin: Address of the publisher.
        paper: Citation, or empty.
        published_scores: (name, value as printed) pairs by the authors.
        our_scores: (name, value as printed) pairs measured by this project.
        limits: What the network does badly.
        notes: What else a user should know.
    """

    name: str
    title: str
    task: Task
    files: tuple[ModelFile, ...]
    input: InputSpec
    output: OutputSpec
    code_licence: str = "unknown"
    weights_licence: str = "unknown"
    data_terms: str = "unknown"
    commercial_use: CommercialUse = "unclear"
    origin: str = ""
    paper: str = ""
    published_scores: Scores = ()
    our_scores: Scores = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether every file is part of the package."""
        return bool(self.files) and all(file.embedded for file in self.files)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files; None where the publisher does not state one of them."""
        sizes = [file.size_bytes for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if known and len(known) == len(sizes) else None


@dataclass(frozen=True)
class _Licence:
    """The table `[licence]`."""

    code: str
    weights: str
    data: str


@dataclass(frozen=True)
class _Scores:
    """The table `[scores]`."""

    published: Mapping[str, str]
    ours: Mapping[str, str]


@dataclass(frozen=True)
class _Document:
    """The top level of a card, as it is written."""

    name: str
    title: str
    task: Task
    commercial_use: CommercialUse
    origin: str
    files: tuple[ModelFile, ...]
    input: InputSpec
    output: OutputSpec
    licence: _Licence
    paper: str = ""
    scores: _Scores | None = None
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_card(path: str | Path, *, brief: bool = False) -> ModelCard:
    """Read a card from a file.

    Args:
        path: The TOML file.
        brief: Whether only task, input and output are needed (the user's own network).

    Raises:
        CardError: If the file cannot be read or is not a card; the file and the key are named.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"`{path}` must be UTF-8 text, got other bytes at {error.start}"
        raise CardError(message, hint="save the card as UTF-8") from error
    except OSError as error:
        message = f"`{path}` must be a model card, but it cannot be read: {error.strerror or error}"
        raise CardError(message, hint="give the path of a TOML card") from error
    return parse_card(text, source=str(path), brief=brief)


def parse_card(text: str, *, source: str, brief: bool = False) -> ModelCard:
    """Read a card from TOML text.

    Args:
        text: The card.
        source: What messages call it; with `brief`, its stem is the name where none is written.
        brief: Whether only task, input and output are needed.

    Raises:
        CardError: For text that is not TOML, unknown or missing keys, wrong types and values that
            cannot be; the source and the key are named.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"`{source}` must be TOML: {error}"
        raise CardError(message, hint="correct the line that is named") from error
    reader = _Reader(source)
    if brief:
        stem = Path(source).stem
        table = {**_brief_defaults(stem), **table}
    card = _flatten(reader.table(_Document, table, ""))
    _check_card(card, reader, brief=brief)
    return card


def _brief_defaults(stem: str) -> dict[str, Any]:
    unknown = {"code": "unknown", "weights": "unknown", "data": "unknown"}
    return {
        "name": re.sub(r"[^a-z0-9._-]", "-", stem.lower()).lstrip("._-")[:64] or "model",
        "title": stem,
        "commercial_use": "unclear",
        "origin": "",
        "files": [],
        "licence": unknown,
    }


def _flatten(document: _Document) -> ModelCard:
    scores = document.scores or _Scores({}, {})
    return ModelCard(
        name=document.name,
        title=document.title,
        task=document.task,
        files=document.files,
        input=document.input,
        output=document.output,
        code_licence=document.licence.code,
        weights_licence=document.licence.weights,
        data_terms=document.licence.data,
        commercial_use=document.commercial_use,
        origin=document.origin,
        paper=document.paper,
        published_scores=tuple(scores.published.items()),
        our_scores=tuple(scores.ours.items()),
        limits=document.limits,
        notes=document.notes,
    )


class _Reader:
    """Turns TOML tables into dataclasses by their annotations; every refusal names the key."""

    def __init__(self, source: str) -> None:
        self.source = source

    def refused(self, key: str, expected: str, got: object, hint: str | None = None) -> CardError:
        """The error for a key that holds something else; the caller raises it."""
        shown = got if isinstance(got, _Shown) else repr(got)
        message = f"`{self.source}`: `{key}` must be {expected}, got {shown}"
        return CardError(message, hint=hint or "correct the key in the card")

    def table(self, kind: type[_T], table: object, where: str) -> _T:
        """A dataclass from a table: every key known, every key without a default there."""
        if not isinstance(table, dict):
            raise self.refused(where, "a table", table)
        prefix = f"{where}." if where else ""
        known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        for key in table:
            if key not in known:
                raise self._unknown(f"{prefix}{key}", key, list(known))
        hints = typing.get_type_hints(kind)
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in table:
                values[name] = self.value(hints[name], table[name], f"{prefix}{name}")
            elif field.default is MISSING and field.default_factory is MISSING:
                if typing.get_origin(hints[name]) is Mapping:
                    values[name] = {}
                    continue
                message = f"`{self.source}`: `{prefix}{name}` is missing"
                raise CardError(message, hint=f"add `{name}` to the card")
        return kind(**values)

    def _unknown(self, path: str, key: str, known: list[str]) -> CardError:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        message = f"`{self.source}`: `{path}` is not a key of a card"
        hint = f"write `{near[0]}`" if near else f"use one of {', '.join(known)}"
        return CardError(message, hint=hint)

    def value(self, hint: Any, value: object, key: str) -> Any:
        """A value of the annotated type, or a refusal."""
        origin = typing.get_origin(hint)
        if origin in (types.UnionType, typing.Union):
            return self._union(typing.get_args(hint), value, key)
        if origin is Literal:
            return self._literal(typing.get_args(hint), value, key)
        if origin is tuple:
            return self._tuple(typing.get_args(hint), value, key)
        if origin is Mapping:
            return self._mapping(value, key)
        if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
            return self.table(hint, value, key)
        return self._scalar(hint, value, key)

    def _scalar(self, hint: type, value: object, key: str) -> object:
        if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(value):
                raise self.refused(key, "a finite number", value)
            return float(value)
        if type(value) is not hint:  # `is`: True is not a whole number here
            raise self.refused(key, _WORDS[hint], value)
        return value

    def _union(self, options: tuple[Any, ...], value: object, key: str) -> Any:
        options = tuple(option for option in options if option is not type(None))
        for option in options:
            try:
                return self.value(option, value, key)
            except CardError:
                if len(options) == 1:
                    raise
        raise self.refused(key, " or ".join(_describe(option) for option in options), value)

    def _literal(self, options: tuple[Any, ...], value: object, key: str) -> object:
        if isinstance(value, str) and value in options:
            return value
        near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.5)
        hint = f'write "{near[0]}"' if near else None
        raise self.refused(key, _describe(Literal[options]), value, hint)

    def _tuple(self, items: tuple[Any, ...], value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.refused(key, "a list", value)
        if len(items) == 2 and items[1] is Ellipsis:
            items = (items[0],) * len(value)
        if len(value) != len(items):
            raise self.refused(key, f"a list of {len(items)}", _Shown(f"{len(value)}: {value!r}"))
        pairs = enumerate(zip(items, value, strict=True))
        return tuple(self.value(item, each, f"{key}[{index}]") for index, (item, each) in pairs)

    def _mapping(self, value: object, key: str) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.refused(key, "a table", value)
        return {name: self.value(str, each, f"{key}.{name}") for name, each in value.items()}


class _Shown(str):
    """Text for a message that is not to be quoted again."""

    __slots__ = ()


_WORDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _describe(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(f'"{option}"' for option in typing.get_args(hint))
    return _WORDS.get(hint, str(hint))


def _check_card(card: ModelCard, reader: _Reader, *, brief: bool) -> None:
    if not _MODEL_NAME.fullmatch(card.name):
        raise reader.refused(
            "name", "lower-case letters, digits, dot, dash or underscore", card.name
        )
    if not brief:
        for key in ("title", "origin"):
            if not getattr(card, key).strip():
                raise reader.refused(key, "text", getattr(card, key))
        if not card.files:
            raise reader.refused("files", "at least one file", [])
    seen = [file.name.lower() for file in card.files]
    for index, file in enumerate(card.files):
        _check_file(file, f"files[{index}]", reader)
        if file.name.lower() in seen[:index]:
            raise reader.refused(f"files[{index}].name", "a name that no other file has", file.name)
    _check_input(card.input, reader)


def _check_file(file: ModelFile, key: str, reader: _Reader) -> None:
    plain = _FILE_NAME.fullmatch(file.name) and not file.name.endswith(".")
    if not plain or file.name.lower().endswith(_RESERVED_SUFFIXES):
        raise reader.refused(f"{key}.name", "a plain file name", file.name)
    for index, url in enumerate(file.urls):
        if not is_web_address(url):
            raise reader.refused(f"{key}.urls[{index}]", "an http(s) address", url)
    if file.size_bytes is not None and file.size_bytes < 1:
        raise reader.refused(f"{key}.size_bytes", "at least 1", file.size_bytes)
    if file.digest is not None and not _DIGEST.fullmatch(file.digest):
        expected = "sha256:<64 hex>, md5:<32 hex> or sha256-prefix:<8 to 63 hex>, lower case"
        raise reader.refused(f"{key}.digest", expected, file.digest)
    if file.embedded and file.urls:
        raise reader.refused(f"{key}.urls", "empty for an embedded file", list(file.urls))


def is_web_address(url: str) -> bool:
    """Whether `url` is an http or https address with a host and without a user name in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in url


def _check_input(spec: InputSpec, reader: _Reader) -> None:
    if spec.multiple < 1:
        raise reader.refused("input.multiple", "at least 1", spec.multiple)
    for side in spec.size:
        if not 1 <= side <= MAX_SIDE:
            raise reader.refused("input.size", f"two sides of 1 to {MAX_SIDE}", list(spec.size))
        if spec.fit != "pad" and side % spec.multiple:
            raise reader.refused("input.size", f"multiples of {spec.multiple}", list(spec.size))
    if not isinstance(spec.scale, str) and spec.scale <= 0:
        raise reader.refused("input.scale", 'above 0 or "own-maximum"', spec.scale)
    if min(spec.std) <= 0:
        raise reader.refused("input.std", "three numbers above 0", list(spec.std))
    if not 0 <= spec.pad_value <= 255:
        raise reader.refused("input.pad_value", "0 to 255", spec.pad_value)
