"""A card's files on this machine: embedded, cached, or fetched once and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nukki.errors import FetchError
from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard

__all__ = ["Progress", "ensure"]

Progress = Callable[[int, int | None], None]


def ensure(
    card: ModelCard,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    progress: Progress | None = None,
) -> Path:
    """The verified local file of a network.

    Raises:
        FetchError: If it cannot be had.
    """
    if card.embedded:
        path = catalog.WEIGHTS / card.files[0].name
        if path.is_file():
            return path
    message = f"`{card.name}` must be a network that is embedded, got one that is to be fetched"
    raise FetchError(message, hint="use `subject`")
