"""Networks that answer boxes alone: where things are and of which class, no mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops import grid, nms
from nukki.ops.boxes import Boxes
from nukki.runtime.sessions import Session
from nukki.tasks.tensors import Answers
from nukki.types import RGB8, BoxesSpec, ClassSpec, InputSpec
from nukki.zoo.cards import ModelCard
from nukki.zoo.checks import MAX_SIDE
from nukki.zoo.labels import labels_of

__all__ = ["CANDIDATES", "Detection"]

Values = NDArray[np.float32]

CANDIDATES = 1000  # pairs of place and class that doubles are looked for among, the surest
_STRIDES = (8, 16, 32)  # of YOLOX's grids
_LARGEST_LOG = 12.0  # of a side over its stride: e^12 cells are beyond every picture
_SLACK = 1e-3  # by which a score may leave 0 to 1: half precision rounds so


class Detection:
    """A detector such as our own `detect` or YOLOX (table `[boxes]`).

    Attributes:
        card: What the network is.
        session: The loaded file.
        labels: The label of each class number; empty where it is no thing.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.session = session
        self.labels = labels_of(card.classes or ClassSpec(()))
        self._input = card.input.name or next(iter(session.inputs))

    @property
    def spec(self) -> BoxesSpec:
        """The card's table `[boxes]`."""
        return self.card.boxes or BoxesSpec()

    @property
    def free(self) -> bool:
        """Whether the network takes pictures of any size, so that `size` may be chosen."""
        sides = self.session.inputs.get(self._input, ())[-2:]
        return not any(isinstance(side, int) for side in sides)

    @property
    def size(self) -> int:
        """The longer side that a picture is brought to where none is asked for."""
        return max(self.card.input.size)

    def find(self, image: RGB8, *, size: int | None = None) -> Boxes:
        """Find the things in a photo.

        Args:
            image: (H, W, 3) uint8, sRGB.
            size: The longer side that the picture is brought to, rounded to the card's multiple;
                the shorter one follows and is padded to a multiple (with the fit "letterbox" to a
                square). None takes the card's.

        Returns:
            Boxes in the photo's pixels, clipped to it, the surest first, at least as sure as the
            card's `boxes.min_score`; of each class those that no better one overlaps by more than
            `boxes.overlap`.

        Raises:
            InputError: If `image` is not RGB8, `size` is not above 0, or the network has a fixed
                size and is asked for another.
            ModelOutputError: If the outputs are not those of the card, or not finite.
        """
        tensor, placement = grid.fit(image, self._spec_at(size))
        answers = Answers(self.card, self.session, self.session.run({self._input: tensor}))
        if self.spec.form == "yolox":
            found = _yolox(answers, self.spec, self._shown(), placement.grid)
        else:
            found = _decoded(answers, self.spec, self._shown())
        boxes = self._kept(found)
        height, width = placement.source
        scaled = boxes.scaled(width / placement.inner[1], height / placement.inner[0])
        return scaled.clipped(height, width).in_order()

    def _kept(self, found: Boxes) -> Boxes:
        """The surest candidates less those that show the same thing twice."""
        if len(found) > CANDIDATES:
            found = found.chosen(np.argsort(-found.scores, kind="stable")[:CANDIDATES])
        kept = nms.suppress(found.corners, found.scores, found.classes, self.spec.overlap)
        return found.chosen(kept)

    def _shown(self) -> NDArray[np.bool_]:
        """Which class numbers have a label."""
        return np.array([bool(label) for label in self.labels], np.bool_)

    def _spec_at(self, size: int | None) -> InputSpec:
        """The card's input with the longer side asked for."""
        spec = self.card.input
        if size is None or size == self.size:
            return spec
        if not 1 <= size <= MAX_SIDE:
            message = f"`size` must be 1 to {MAX_SIDE}, got {size}"
            raise InputError(message, hint="give the longer side in pixels, such as 640")
        if not self.free or spec.fit in ("pad", "round"):
            takes = "the picture's own size" if self.free else f"{spec.size[0]} × {spec.size[1]}"
            message = f"`{self.card.name}` cannot be run at {size}: it takes {takes}"
            raise InputError(message, hint="leave out the size for this network")
        side = max(1, round(size / spec.multiple)) * spec.multiple
        return replace(spec, size=(side, side))


def _decoded(answers: Answers, spec: BoxesSpec, shown: NDArray[np.bool_]) -> Boxes:
    """Corners in the tensor's pixels and a score a class, as our own `detect` gives them."""
    corners = answers.named(spec.boxes, (1, None, 4))[0]
    scores = answers.named(spec.scores, (1, len(corners), len(shown)))[0]
    places, classes, chances = _surest(answers, spec.scores, scores, shown, spec.min_score)
    return Boxes(corners[places], chances, classes)


def _yolox(
    answers: Answers, spec: BoxesSpec, shown: NDArray[np.bool_], size: tuple[int, int]
) -> Boxes:
    """YOLOX's own layout (Ge et al. 2021, arXiv 2107.08430): one row a cell of each grid.

    A row is x and y from the cell's corner in cells, the logarithm of width and height in cells,
    objectness, and a probability a class. The grids follow each other from fine to coarse, rows of
    cells from the top. `size` is (height, width) of the tensor.
    """
    steps = np.concatenate([_cells(size, stride) for stride in _STRIDES])
    rows = answers.named(spec.output, (1, len(steps), 5 + len(shown)))[0]
    # Objectness is at most 1, so what is below the line now stays so.
    likely = np.flatnonzero(rows[:, 4] >= spec.min_score)
    rows, steps = rows[likely], steps[likely]
    scores = rows[:, 4:5] * rows[:, 5:]
    places, classes, chances = _surest(answers, spec.output, scores, shown, spec.min_score)
    rows, steps = rows[places], steps[places]
    stride = steps[:, 2:]
    centres = (rows[:, :2] + steps[:, :2]) * stride
    halves = np.exp(np.minimum(rows[:, 2:4], _LARGEST_LOG)) * stride / 2
    return Boxes(np.concatenate([centres - halves, centres + halves], axis=1), chances, classes)


def _cells(size: tuple[int, int], stride: int) -> Values:
    """(cells, 3): column, row and stride of each cell of a grid over a (height, width) tensor."""
    rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride].astype(np.float32)
    strides = np.full(rows.size, stride, np.float32)
    return np.stack([columns.ravel(), rows.ravel(), strides], axis=1)


def _surest(
    answers: Answers, name: str, scores: Values, shown: NDArray[np.bool_], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    """Pairs of place and class that are sure enough: their numbers and scores."""
    if scores.size and not (scores.min() >= -_SLACK and scores.max() <= 1 + _SLACK):
        message = f"its output `{name}` must give scores of 0 to 1, got {_range(scores)}"
        hint = "export the network with its sigmoid, or correct the card's `boxes`"
        raise answers.wrong(message, hint)
    # Where one class of a place has to be above the line, the place's best one is.
    likely = np.flatnonzero(scores.max(axis=1, initial=0) >= least)
    sure = (scores[likely] >= least) & (scores[likely] > 0) & shown
    rows, classes = np.nonzero(sure)
    places = likely[rows]
    return places, classes, np.clip(scores[places, classes], 0, 1)


def _range(values: Values) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"
