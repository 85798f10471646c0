"""Networks that are asked by clicks and boxes: they see the photo once and answer many times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.grid import Placement, fit
from nukki.ops.paste import on_grid, smooth_in_photo
from nukki.ops.prompts import check_box, check_point
from nukki.ops.segments import Segment, segment_of
from nukki.runtime.sessions import Session
from nukki.tasks.tensors import Answers
from nukki.types import RGB8, Box, Point, PromptSpec
from nukki.zoo.cards import ModelCard

__all__ = ["Embedding", "Prompted"]

# What a place in a prompt stands for, as SAM's authors number it.
_OUTSIDE, _INSIDE, _TOP_LEFT, _BOTTOM_RIGHT, _NONE = 0, 1, 2, 3, -1


class Prompted:
    """A network such as SAM (Kirillov et al., "Segment anything", ICCV 2023).

    Attributes:
        card: What the network is.
        encoder: The file that sees the photo.
        decoder: The file that answers.
    """

    def __init__(self, card: ModelCard, encoder: Session, decoder: Session) -> None:
        self.card = card
        self.encoder = encoder
        self.decoder = decoder
        self.spec = card.prompts or PromptSpec()

    def embed(self, image: RGB8) -> Embedding:
        """Look at a photo, once for all questions about it.

        Args:
            image: (H, W, 3) uint8, sRGB.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If the file gives no embedding, or one that is not finite.
        """
        tensor, placement = fit(image, self.card.input)
        name = self.card.input.name or next(iter(self.encoder.inputs))
        answers = Answers(self.card, self.encoder, self.encoder.run({name: tensor}))
        features = answers.named(self.spec.embedding, (1, None, None, None))
        return Embedding(self, features, placement)


class Embedding:
    """What a network saw of a photo; may be asked by many threads at once."""

    def __init__(
        self, network: Prompted, features: NDArray[np.float32], placement: Placement
    ) -> None:
        self._network = network
        self._features = features
        self._placement = placement

    def ask(self, points: Sequence[Point] = (), box: Box | None = None) -> Segment | None:
        """The mask of one thing: of the network's guesses the one that it thinks the best.

        Args:
            points: Places on the thing, and beside it (`keep=False`).
            box: Around the thing.

        Returns:
            The thing, its score the predicted IoU, its label empty; None where the mask is empty.

        Raises:
            InputError: If there is neither point nor box, or one outside the photo.
            ModelOutputError: If the answer is not that of the card, or not finite.
        """
        network, spec, placement = self._network, self._network.spec, self._placement
        places, labels = self._prompt(points, box)
        inputs = {spec.embedding: self._features, spec.points: places, spec.labels: labels}
        answers = Answers(network.card, network.decoder, network.decoder.run(inputs))
        scores = answers.named(spec.scores, (1, None))[0]
        masks = answers.named(spec.masks, (1, len(scores), None, None))[0]
        if not len(scores):
            message = f"its output `{spec.masks}` holds no mask"
            raise answers.wrong(message, "make the file again")
        best = int(scores.argmax())
        # Authors enlarge to the tensor, cut the padding off and enlarge to the photo.
        values = on_grid(masks[best], placement)
        height, width = placement.source
        return segment_of(
            smooth_in_photo(values, placement, float(np.finfo(np.float32).tiny)),
            Box(0, 0, width, height),
            placement.source,
            label="",
            score=min(max(float(scores[best]), 0.0), 1.0),
        )

    def _prompt(
        self, points: Sequence[Point], box: Box | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Places (1, n, 2) in pixels of the tensor and what each stands for, (1, n)."""
        if not points and box is None:
            message = "a thing is shown by points or a box, got neither"
            raise InputError(message, hint="give a point on the thing")
        height, width = self._placement.source
        places: list[tuple[float, float]] = []
        labels: list[int] = []
        for point in points:
            check_point(point, height, width)
            places.append((point.x, point.y))
            labels.append(_INSIDE if point.keep else _OUTSIDE)
        if box is None:
            places.append((0, 0))
            labels.append(_NONE)
        else:
            check_box(box, height, width)
            places += [(box.left, box.top), (box.right - 1, box.bottom - 1)]
            labels += [_TOP_LEFT, _BOTTOM_RIGHT]
        inner = self._placement.inner
        factors = np.array([inner[1] / width, inner[0] / height])
        scaled = (np.array(places) * factors).astype(np.float32)
        return scaled[None], np.array([labels], np.float32)
