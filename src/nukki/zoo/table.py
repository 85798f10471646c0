"""The catalogue as a table for people: the README's is made here, from the cards."""

from __future__ import annotations

from collections.abc import Iterable

from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard

__all__ = ["markdown_table", "size_text"]

HEAD = ("Name", "Task", "Size", "Input", "Commercial use", "Licence of code", "of weights", "Data")


def size_text(card: ModelCard) -> str:
    """The size of all files for people, in decimal units; what the publisher says, else a dash."""
    size = card.size_bytes
    if size is None:
        stated = [file.size_stated for file in card.files if file.size_stated]
        return stated[0] if len(stated) == 1 == len(card.files) else "–"
    if size >= 10**9:
        return f"{size / 10**9:.2f} GB"
    return f"{size / 10**6:.0f} MB" if size >= 10**7 else f"{size / 10**6:.1f} MB"


def markdown_table(cards: Iterable[ModelCard] | None = None) -> str:
    """The networks as a Markdown table, one row each, `subject` first.

    Args:
        cards: The networks; None takes those of the package.
    """
    if cards is None:
        cards = [catalog.find(name) for name in catalog.own_names()]
    ordered = sorted(cards, key=lambda card: (not card.embedded, card.name))
    rows = [HEAD, tuple("---" for _ in HEAD), *(_row(card) for card in ordered)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _input_text(card: ModelCard) -> str:
    if card.input.fit in ("pad", "round"):
        return "any"
    first, second = card.input.size
    return f"{first} to {second}" if card.input.fit == "shortest-edge" else f"{first} × {second}"


def _row(card: ModelCard) -> tuple[str, ...]:
    web = card.origin.startswith(("http://", "https://"))
    cells = (
        f"[{card.name}]({card.origin})" if web else card.name,
        card.task,
        f"{size_text(card)}, embedded" if card.embedded else size_text(card),
        _input_text(card),
        card.commercial_use,
        card.code_licence,
        card.weights_licence,
        card.data_terms,
    )
    return tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
