"""The tensor that a network's card speaks of, and errors that say whose answer it was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nukki.errors import ModelOutputError
from nukki.runtime.sessions import Session
from nukki.zoo.cards import ModelCard

__all__ = ["chosen", "named"]


def chosen(card: ModelCard, answers: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The output that the card chooses, by name or by place.

    Args:
        card: The network.
        answers: What `Session.run` gave, in the network's order.

    Raises:
        ModelOutputError: If there is no such output.
    """
    wanted = card.output
    names = list(answers)
    if wanted.name is not None:
        raw = answers.get(wanted.name)
    else:
        there = -len(names) <= wanted.index < len(names)
        raw = answers[names[wanted.index]] if there else None
    if raw is None:
        message = f"`{card.name}` has no output {wanted.name or wanted.index!r}"
        hint = f"its outputs are {', '.join(names)}: name one on the card"
        raise ModelOutputError(message, hint=hint)
    return np.asarray(raw, np.float32)


def named(error: ModelOutputError, card: ModelCard, session: Session) -> ModelOutputError:
    """An error over an answer, with the network and its file in front; the caller raises it."""
    message = f"`{card.name}` ({session.path.name}): {error.message}"
    return ModelOutputError(message, hint=error.hint)
