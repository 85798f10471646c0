"""Networks that find the one thing of a crop that a box, clicks or a rough mask show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.ops.crops import Frame, cropped, question
from nukki.ops.grid import check_picture, fit
from nukki.runtime.sessions import Session
from nukki.tasks.tensors import Answers
from nukki.types import RGB8, CropSpec, Point
from nukki.zoo.cards import ModelCard

__all__ = ["Answer", "Picking", "Question", "Views"]

Values = NDArray[np.float32]

_BATCH = 8  # crops at once: more are no faster, and cost memory
_SLACK = 1e-3  # by which an answer may leave 0 to 1: half precision rounds so


@dataclass(frozen=True)
class Question:
    """What shows a thing; at least one of these.

    Attributes:
        box: Left, top, right, bottom around it, in pixels of the photo.
        points: On it, or beside it (`keep=False`).
        guess: (h, w) on the network's grid, 0 to 1: a mask to begin with.
    """

    box: Sequence[float] | None = None
    points: tuple[Point, ...] = ()
    guess: Values | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What was found in a crop.

    Attributes:
        frame: What the crop shows of the photo.
        alpha: (h, w) float32 in 0..1 on the network's grid, stretched over the frame.
        score: 0 to 1: the IoU that the mask is likely to have.
    """

    frame: Frame
    alpha: Values
    score: float


class Picking:
    """A network such as our own `pick` (table `[crops]`).

    Attributes:
        card: What the network is.
        encoder: The file that sees the crops.
        decoder: The file that answers.
    """

    def __init__(self, card: ModelCard, encoder: Session, decoder: Session) -> None:
        self.card = card
        self.encoder = encoder
        self.decoder = decoder
        self.spec = card.crops or CropSpec()

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of a crop as the network sees it."""
        return self.card.input.size

    def look(self, image: RGB8, frames: Sequence[Frame]) -> Views:
        """Look at parts of a photo, once for all questions about them.

        Args:
            image: (H, W, 3) uint8, sRGB.
            frames: Left, top, right, bottom of each part, within the photo and not empty.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If the file gives other outputs than the card says, or such that are
                not finite.
        """
        check_picture(image)
        name = self.card.input.name or next(iter(self.encoder.inputs))
        columns: list[list[Values]] = [[] for _ in self.spec.seen]
        for first in range(0, len(frames), _BATCH):
            part = frames[first : first + _BATCH]
            crops = [fit(cropped(image, frame, self.grid), self.card.input)[0] for frame in part]
            ran = self.encoder.run({name: np.concatenate(crops)})
            answers = Answers(self.card, self.encoder, ran)
            for column, output in zip(columns, self.spec.seen, strict=True):
                column.append(answers.named(output, (len(part), None, None, None)))
        return Views(self, tuple(frames), tuple(tuple(column) for column in columns))


class Views:
    """What a network saw of parts of a photo; may be asked by many threads at once.

    Attributes:
        frames: The parts.
    """

    def __init__(
        self,
        network: Picking,
        frames: tuple[Frame, ...],
        seen: tuple[tuple[Values, ...], ...],
    ) -> None:
        self.frames = frames
        self._network = network
        self._seen = seen

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The thing that is shown in each part.

        Args:
            questions: One for each part.

        Raises:
            ModelOutputError: If the answers are not those of the card, or not finite.
        """
        network, spec = self._network, self._network.spec
        grid, found = network.grid, []
        for turn, first in enumerate(range(0, len(self.frames), _BATCH)):
            frames = self.frames[first : first + _BATCH]
            maps = [
                question(frame, grid, box=one.box, points=one.points, guess=one.guess)
                for frame, one in zip(frames, questions[first : first + _BATCH], strict=True)
            ]
            inputs = {
                name: column[turn] for name, column in zip(spec.seen, self._seen, strict=True)
            }
            ran = network.decoder.run({**inputs, spec.question: np.stack(maps)})
            answers = Answers(network.card, network.decoder, ran)
            alphas = _within(answers, spec.alpha, (len(frames), 1, *grid))[:, 0]
            scores = _within(answers, spec.score, (len(frames),))
            found += [
                Answer(frame, alpha, float(score))
                for frame, alpha, score in zip(frames, alphas, scores, strict=True)
            ]
        return found


def _within(answers: Answers, name: str, shape: tuple[int, ...]) -> Values:
    """An output that lies in 0..1.

    Raises:
        ModelOutputError: If it does not.
    """
    values = answers.named(name, shape)
    if values.size and (values.min() < -_SLACK or values.max() > 1 + _SLACK):
        message = f"its output `{name}` must lie in 0..1, got {values.min():g} to {values.max():g}"
        raise answers.wrong(message, "make the file again, with its last sigmoid")
    return np.clip(values, 0, 1)
