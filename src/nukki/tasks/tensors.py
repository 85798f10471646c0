"""A network's outputs by the names on its card, of the shapes that the task needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.errors import ModelOutputError
from nukki.runtime.sessions import Session
from nukki.zoo.cards import ModelCard

__all__ = ["Answers"]

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Answers:
    """What one run gave, and whom to name when it does not fit.

    Attributes:
        card: The network's card.
        session: The file that ran.
        tensors: Its outputs by name.
    """

    card: ModelCard
    session: Session
    tensors: Mapping[str, Values]

    def named(self, name: str, shape: Sequence[int | None]) -> Values:
        """An output by name.

        Args:
            name: As on the card.
            shape: What it must be; None where any length will do.

        Raises:
            ModelOutputError: If there is none of that name, or of another shape.
        """
        if name not in self.tensors:
            known = ", ".join(self.tensors)
            message = f"it has no output `{name}`"
            raise self.wrong(message, f"its outputs are {known}: name one on the card")
        found = self.tensors[name]
        fits = found.ndim == len(shape) and all(
            want in (None, got) for want, got in zip(shape, found.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("?" if side is None else str(side) for side in shape)
            message = f"its output `{name}` must have shape ({wanted}), got {found.shape}"
            raise self.wrong(message, "compare the outputs with those on the card")
        return found

    def class_numbers(self, values: Values, count: int) -> NDArray[np.intp]:
        """Class numbers as whole ones.

        Raises:
            ModelOutputError: If one is none of the card's `count` labels.
        """
        numbers = np.rint(values).astype(np.intp)
        bad = (numbers < 0) | (numbers >= count)
        if bad.any():
            message = f"its class numbers must be 0 to {count - 1}, got {int(numbers[bad][0])}"
            raise self.wrong(message, "correct `classes.labels` on the card")
        return numbers

    def wrong(self, what: str, hint: str) -> ModelOutputError:
        """The error that names the card and the file; the caller raises it."""
        return ModelOutputError(f"`{self.card.name}` ({self.session.path.name}): {what}", hint=hint)
