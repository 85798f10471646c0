"""Which kind of answer a client wants: the field `format`, else the header Accept (RFC 9110)."""

from __future__ import annotations

from collections.abc import Sequence

from nukki.serve.refusals import Refusal
from nukki.serve.tasks import MEDIA_TYPES

__all__ = ["kind_for"]


def kind_for(accept: str, kinds: Sequence[str]) -> str:
    """The kind that the header prefers; the first one where it has no preference.

    Args:
        accept: The header; empty means anything.
        kinds: What can be given, the usual one first.

    Raises:
        Refusal: If nothing of it is accepted.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return kinds[0]
    best, best_quality = None, 0.0
    for kind in kinds:  # of equals the first
        quality = _quality(MEDIA_TYPES[kind], ranges)
        if quality > best_quality:
            best, best_quality = kind, quality
    if best is None:
        given = ", ".join(MEDIA_TYPES[kind] for kind in kinds)
        message = f"`Accept` must allow one of {given}"
        raise Refusal(message, "no_such_format", hint=f"leave it out, or send format={kinds[0]}")
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip() for word in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.lower().startswith("q="):
            try:
                quality = min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return name.lower(), quality if quality == quality else 0.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Of the most exact range that the type falls under."""
    whole = media_type.partition("/")[0] + "/*"
    for name in (media_type, whole, "*/*"):
        found = [quality for said, quality in ranges if said == name]
        if found:
            return found[0]
    return 0.0
