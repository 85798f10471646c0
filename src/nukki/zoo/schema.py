"""Tables of a TOML file into dataclasses, strictly, by the dataclasses' own annotations."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, Literal, TypeVar

from nukki.errors import CardError, InputError

__all__ = ["Reader"]

_T = TypeVar("_T")
_HUGE = 1e30
_hints = cache(typing.get_type_hints)


class Reader:
    """Turns TOML tables into dataclasses by their annotations; every refusal names the key."""

    def __init__(
        self, source: str, *, what: str = "card", error: type[InputError] = CardError
    ) -> None:
        self.source = source
        self.what = what
        self.error = error

    def refused(self, key: str, expected: str, got: object, hint: str | None = None) -> InputError:
        """The error for a key that holds something else; the caller raises it."""
        shown = got if isinstance(got, _Shown) else repr(got)
        message = f"`{self.source}`: `{key}` must be {expected}, got {shown}"
        return self.error(message, hint=hint or f"correct the key in the {self.what}")

    def table(self, kind: type[_T], table: object, where: str) -> _T:
        """A dataclass from a table: every key known, every key without a default there."""
        if not isinstance(table, dict):
            raise self.refused(where, "a table", table)
        prefix = f"{where}." if where else ""
        known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        for key in table:
            if key not in known:
                raise self._unknown(prefix, key, list(known))
        hints = _hints(kind)  # type: ignore[arg-type]  # a class can be hashed
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in table:
                values[name] = self.value(hints[name], table[name], f"{prefix}{name}")
            elif field.default is MISSING and field.default_factory is MISSING:
                message = f"`{self.source}`: `{prefix}{name}` is missing"
                raise self.error(message, hint=f"add `{name}` to the {self.what}")
        return kind(**values)

    def _unknown(self, prefix: str, key: str, known: list[str]) -> InputError:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        message = f"`{self.source}`: `{prefix}{key}` is not a key of a {self.what}"
        hint = f"write `{near[0]}`" if near else f"use one of {', '.join(known)}"
        return self.error(message, hint=hint)

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
            return self._mapping(typing.get_args(hint)[1], value, key)
        if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
            return self.table(hint, value, key)
        return self._scalar(hint, value, key)

    def _scalar(self, hint: type, value: object, key: str) -> object:
        if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
            if (
                not -_HUGE < value < _HUGE
            ):  # not a number and whole numbers beyond float are out too
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
            except self.error:
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

    def _mapping(self, item: Any, value: object, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.refused(key, "a table", value)
        return {name: self.value(item, each, f"{key}.{name}") for name, each in value.items()}


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
    if typing.get_origin(hint) is tuple:
        return "a list"
    return _WORDS.get(hint, str(hint))
