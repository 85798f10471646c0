"""The networks that requests may name, and which of them are on this machine."""

from __future__ import annotations

from typing import Any

__all__ = ["models"]


def models() -> dict[str, Any]:
    """Name, task, licence and place of every network; takes a moment, and belongs in a thread.

    Where its files lie is not told.
    """
    from nukki.zoo import catalog, store

    return {
        "models": [
            {
                "name": card.name,
                "title": card.title,
                "task": card.task,
                "here": store.where(card) != "not fetched",
                "commercial_use": card.commercial_use,
                "licence": card.weights_licence,
                "origin": card.origin,
            }
            for card in catalog.cards()
        ]
    }
