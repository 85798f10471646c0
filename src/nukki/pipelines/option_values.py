"""What values of options must be, for all tables of options."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from nukki.errors import InputError

__all__ = ["at_least", "check_colour", "is_band", "is_range", "one_of"]

LARGEST = 10_000  # pixels of a band


def check_colour(value: object, name: str) -> None:
    """Refuse what is no colour."""
    # Pillow, which knows the names, is not imported for `nukki --help`.
    from nukki.pipelines.colours import parse_colour

    if not isinstance(value, str):
        message = f"`{name}` must be a word, got {value!r}"
        raise InputError(message, hint=f'give {name}="green" or {name}="#00b140"')
    parse_colour(value, name)


def is_band(value: object) -> bool:
    """Whether it is a pair of whole numbers of at least 0, one of them above it."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    whole = all(isinstance(one, Real) and float(one).is_integer() for one in value)
    return whole and min(value) >= 0 and 0 < max(value) <= LARGEST


def is_range(value: object) -> bool:
    """Whether it is a pair (low, high) with 0 ≤ low < high ≤ 1."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return all(isinstance(end, Real) for end in value) and 0 <= value[0] < value[1] <= 1


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse what is none of some words."""
    if value not in allowed:
        message = f"`{name}` must be one of {', '.join(allowed)}, got {value!r}"
        raise InputError(message, hint=f"choose {name}={allowed[0]!r}")


def at_least(
    name: str, value: object, least: float, *, most: float = math.inf, whole: bool = False
) -> None:
    """Refuse what is not a finite number from `least` to `most`; None stands for "not given"."""
    kind = Integral if whole else Real
    if value is None or (isinstance(value, kind) and _between(value, least, most)):
        return
    words = f"{'a whole' if whole else 'a finite'} number of at least {least}"
    if math.isfinite(most):
        words += f" and at most {most}"
    message = f"`{name}` must be {words}, got {value}"
    raise InputError(message, hint=f"give {name} {words}")


def _between(value: Any, least: float, most: float) -> bool:
    # Whole numbers have no bound, and floats have: compared as they are.
    return bool(least <= value <= most) and math.isfinite(value)
