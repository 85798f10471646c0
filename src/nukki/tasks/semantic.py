"""Networks that name the class of every pixel: one instance for each class that is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.errors import ModelOutputError
from nukki.ops.grid import Placement, fit, reduction
from nukki.ops.paste import on_grid, winners_in_photo
from nukki.ops.queries import softmax
from nukki.ops.segments import Segment, in_order, segment_of
from nukki.runtime.sessions import Session
from nukki.tasks.answers import chosen, named
from nukki.types import RGB8, Alpha, Box, ClassSpec
from nukki.zoo.cards import ModelCard
from nukki.zoo.labels import labels_of

__all__ = ["Semantic", "ThingMap"]


class Semantic:
    """A network such as DeepLabv3: logits of each class for each pixel.

    Attributes:
        card: What the network is.
        session: The loaded file.
        labels: The label of each class number; empty where it is no thing.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.session = session
        self.labels = labels_of(card.classes or ClassSpec(()))

    def threshold(self, scores: Sequence[float]) -> float:
        """From which score on things count: the card's, whatever a photo's scores are."""
        del scores
        return (self.card.classes or ClassSpec(())).min_score

    def predict(self, image: RGB8, *, min_score: float = 0.0) -> list[Segment]:
        """Find what is there of each class.

        A class is there if it wins a pixel at the network's resolution; logits are enlarged to the
        photo before the winner of a pixel is decided. Its score is the mean probability of its
        pixels.

        Args:
            image: (H, W, 3) uint8, sRGB.
            min_score: Leave out what is less sure.

        Returns:
            One segment for each class, the surest first. They do not overlap.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If the answer is not a map for each label, or not finite.
        """
        values, placement = self._values(image)
        winners = values.argmax(axis=0)
        present = np.unique(winners)
        chances = softmax(values, axis=0) if self.card.output.activation == "softmax" else values
        scores = [float(chances[number][winners == number].mean()) for number in present]
        owners = winners_in_photo(values[present], placement)
        everywhere = Box(0, 0, image.shape[1], image.shape[0])
        found = [
            segment_of(
                owners == place,
                everywhere,
                placement.source,
                label=self.labels[number],
                score=min(max(score, 0.0), 1.0),
            )
            for place, (number, score) in enumerate(zip(present, scores, strict=True))
            if self.labels[number] and score >= min_score
        ]
        return in_order(segment for segment in found if segment is not None)

    def things(self, image: RGB8) -> Alpha:
        """How likely each pixel is to be of any thing.

        Args:
            image: (H, W, 3) uint8, sRGB.

        Returns:
            float32 in 0..1 at the network's own resolution, spread over the whole picture: one less
            the probability of everything that is no thing.

        Raises:
            InputError, ModelOutputError: As `predict`.
        """
        values, _ = self._values(image)
        chances = softmax(values, axis=0) if self.card.output.activation == "softmax" else values
        nothing = [number for number, label in enumerate(self.labels) if not label]
        return np.asarray(np.clip(1 - chances[nothing].sum(axis=0), 0, 1), np.float32)

    def _values(self, image: RGB8) -> tuple[NDArray[np.float32], Placement]:
        """The answer for a picture, (classes, h, w) without padding, and where it lay."""
        tensor, placement = fit(image, self.card.input)
        name = self.card.input.name or next(iter(self.session.inputs))
        raw = self._checked(chosen(self.card, self.session.run({name: tensor})))
        return on_grid(raw[0], placement), placement

    def _checked(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The answer, if it has a map for each label."""
        count = len(self.labels)
        if raw.ndim != 4 or raw.shape[:2] != (1, count) or 0 in raw.shape:
            message = f"its answer must have shape (1, {count}, ?, ?), got {raw.shape}"
            error = ModelOutputError(message, hint="correct `classes.labels` on the card")
            raise named(error, self.card, self.session)
        return raw


class ThingMap:
    """A network that names classes, asked what stands out: every thing that it knows.

    Attributes:
        network: The network.
    """

    def __init__(self, network: Semantic) -> None:
        self.network = network

    def reduction(self, height: int, width: int) -> int:
        """By how much a photo of that size may be box-reduced before `predict`, at no loss."""
        return reduction(height, width, self.network.card.input)

    def predict(self, image: RGB8) -> Alpha:
        """See `Semantic.things`."""
        return self.network.things(image)
