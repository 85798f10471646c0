"""Model cards as TOML: what `cards.parse_card` reads, written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from nukki.zoo.cards import ModelCard

__all__ = ["card_text"]

_TABLES = (
    "classes", "boxes", "detections", "queries", "prompts", "crops", "matting", "inpainting",
)  # fmt: skip
# Such a card has no table `[output]`.
_ANSWERED_OTHERWISE = ("boxes", "detections", "queries", "prompts", "crops")


def card_text(card: ModelCard) -> str:
    """The TOML text of a card; `parse_card` gives the same card of it.

    Args:
        card: Any card. What is at its default is left out.
    """
    lines = [
        *_pairs({name: getattr(card, name) for name in ("name", "title", "task")}),
        *_pairs({"commercial_use": card.commercial_use, "origin": card.origin}),
        *_pairs({key: getattr(card, key) for key in ("paper", "limits", "notes")}, empty=False),
        *_table(
            "licence",
            {
                "code": card.code_licence,
                "weights": card.weights_licence,
                "data": card.data_terms,
            },
        ),
    ]
    for file in card.files:
        lines += ["", "[[files]]", *_pairs(_given(file))]
    lines += _table("input", _given(card.input))
    if all(getattr(card, name) is None for name in _ANSWERED_OTHERWISE):
        lines += _table("output", _given(card.output))
    for name in _TABLES:
        spec = getattr(card, name)
        if spec is not None:
            lines += _table(name, _given(spec))
    for name, scores in (("published", card.published_scores), ("ours", card.our_scores)):
        if scores:
            lines += _table(f"scores.{name}", {_text(key): value for key, value in scores})
    return "\n".join(lines) + "\n"


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    return ["", f"[{name}]", *_pairs(values)]


def _pairs(values: Mapping[str, Any], *, empty: bool = True) -> Iterator[str]:
    """Lines of keys and values; without `empty` only where there is something to say."""
    for key, value in values.items():
        if empty or value:
            yield f"{key} = {_value(value)}"


def _given(spec: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their defaults."""
    values = {}
    for each in fields(spec):
        value = getattr(spec, each.name)
        if each.default is MISSING or value != each.default:
            values[each.name] = value
    return values


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _text(value: str) -> str:
    """A string of TOML: JSON's, but for the delete character, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
