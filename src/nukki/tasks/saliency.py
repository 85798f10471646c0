"""Networks that answer one map: how much of the subject each pixel is."""

from __future__ import annotations

from nukki.errors import ModelOutputError
from nukki.ops.grid import fit, reduction, to_map
from nukki.runtime.sessions import Session
from nukki.tasks.answers import chosen, named
from nukki.types import RGB8, Alpha
from nukki.zoo.cards import ModelCard

__all__ = ["Saliency"]


class Saliency:
    """A network for the salient subject of a photo.

    Attributes:
        card: What the network is and how pictures get in and maps come out.
        session: The loaded file.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.session = session

    def reduction(self, height: int, width: int) -> int:
        """By how much a photo of that size may be box-reduced before `predict`, at no loss."""
        return reduction(height, width, self.card.input)

    def predict(self, image: RGB8) -> Alpha:
        """Map the subject.

        Args:
            image: (H, W, 3) uint8, sRGB.

        Returns:
            float32 in 0..1 at the network's own resolution, spread over the whole picture.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If the answer is not a map of the card's size, or not finite.
        """
        tensor, placement = fit(image, self.card.input)
        name = self.card.input.name or next(iter(self.session.inputs))
        answers = self.session.run({name: tensor})
        raw = chosen(self.card, answers)
        try:
            return to_map(raw, placement, self.card.output)
        except ModelOutputError as error:
            raise named(error, self.card, self.session) from error
