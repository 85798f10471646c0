"""Which options a function knows, and what is said of one that it does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from nukki.errors import InputError

__all__ = ["check_known", "names"]


def names(kind: type[Any]) -> tuple[str, ...]:
    """The options of a table, a dataclass."""
    return tuple(field.name for field in fields(kind))


def check_known(function: str, options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse an option that a function does not have, with near matches.

    Raises:
        InputError: If there is one.
    """
    import difflib

    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            message = f"`{name}` is not an option of {function}"
            raise InputError(message, hint=f"did you mean {near[0]}?" if near else None)
