"""Networks that tell things apart, whether they answer boxes with masks or queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.ops.grid import Placement, fit
from nukki.ops.nms import suppress
from nukki.ops.paste import aligned, expanded, nearest_in_photo, on_grid, smooth_in_photo
from nukki.ops.queries import best_pairs, mask_quality
from nukki.ops.segments import Segment, in_order, segment_of
from nukki.runtime.sessions import Session
from nukki.tasks.tensors import Answers
from nukki.types import RGB8, Box, ClassSpec, DetectionSpec, Mask, QuerySpec
from nukki.zoo.cards import ModelCard
from nukki.zoo.labels import labels_of

__all__ = ["Instances"]

Values = NDArray[np.float32]

# Each house's way of placing a mask, and from where on a pixel is inside: Detectron2 takes what
# reaches one half, users of torchvision what is above.
_PASTES = {
    "aligned": (aligned, 0.5),
    "expanded": (expanded, float(np.nextafter(np.float32(0.5), np.float32(1)))),
}


class Instances:
    """A network such as Mask R-CNN (table `[detections]`) or Mask2Former (table `[queries]`).

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
        """Find the things in a photo.

        Args:
            image: (H, W, 3) uint8, sRGB.
            min_score: Leave out what is less sure; their masks are not made either.

        Returns:
            One segment a thing, the surest first; they may overlap. What the network names but
            gives no pixel is left out.

        Raises:
            InputError: If `image` is not RGB8.
            ModelOutputError: If the outputs are not those of the card, or not finite.
        """
        card = self.card
        tensor, placement = fit(image, card.input)
        inputs: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {}
        inputs[card.input.name or next(iter(self.session.inputs))] = tensor
        if card.detections is not None and card.detections.size is not None:
            inputs[card.detections.size] = np.array(placement.inner, np.int64)
        answers = Answers(card, self.session, self.session.run(inputs))
        if card.queries is None:
            spec = card.detections or DetectionSpec()
            found = self._detections(answers, spec, placement, min_score)
        else:
            found = self._queries(answers, card.queries, placement, min_score)
        return in_order(found)

    def _detections(
        self, answers: Answers, spec: DetectionSpec, placement: Placement, min_score: float
    ) -> Iterator[Segment]:
        """Boxes come to the photo's pixels and are clipped to it, then their masks are pasted."""
        boxes = answers.named(spec.boxes, (None, 4))
        count = len(boxes)
        scores = answers.named(spec.scores, (count,))
        raw = answers.named(spec.classes, (count,))
        classes = answers.class_numbers(raw, len(self.labels))
        masks = answers.named(spec.masks, (count, None, None))
        height, width = placement.source
        factors = np.array([width / placement.inner[1], height / placement.inner[0]], np.float32)
        limits = np.array([width, height], np.float32)
        boxes = np.clip(boxes.reshape(-1, 2, 2) * factors, 0, limits).reshape(-1, 4)
        kept = self._shown(classes) & (scores >= min_score)
        kept &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        places = np.flatnonzero(kept)
        if spec.overlap is not None:
            places = places[suppress(boxes[places], scores[places], classes[places], spec.overlap)]
        way, threshold = _PASTES[spec.paste]
        for place in places:
            patch = way(masks[place], boxes[place], height, width)
            left, top, right, bottom = (float(side) for side in boxes[place])
            segment = segment_of(
                patch.hard(threshold),
                patch.box,
                placement.source,
                label=self.labels[classes[place]],
                score=_score(scores[place]),
                corners=(left, top, right, bottom),
            )
            if segment is not None:
                yield segment

    def _queries(
        self, answers: Answers, spec: QuerySpec, placement: Placement, min_score: float
    ) -> Iterator[Segment]:
        """The most probable pairs of query and class, scored by their masks."""
        # The last class is "nothing", which has no label.
        logits = answers.named(spec.classes, (1, None, len(self.labels) + 1))[0]
        masks = answers.named(spec.masks, (1, len(logits), None, None))[0]
        queries, classes, chances = best_pairs(logits)
        # A mask's quality is at most 1, so what is too improbable now stays so.
        kept = self._shown(classes) & (chances >= min_score)
        everywhere = Box(0, 0, placement.source[1], placement.source[0])
        for query in dict.fromkeys(queries[kept].tolist()):
            values = on_grid(masks[query], placement)
            quality, whole = mask_quality(values), None
            for pair in np.flatnonzero(kept & (queries == query)):
                score = float(chances[pair]) * quality
                if quality and score >= min_score:
                    whole = _enlarged(values, placement, spec) if whole is None else whole
                    segment = segment_of(
                        whole,
                        everywhere,
                        placement.source,
                        label=self.labels[classes[pair]],
                        score=_score(score),
                    )
                    if segment is not None:
                        yield segment

    def _shown(self, classes: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which class numbers have a label."""
        return np.array([bool(label) for label in self.labels], np.bool_)[classes]


def _enlarged(values: Values, placement: Placement, spec: QuerySpec) -> Mask:
    if spec.enlarge == "nearest":
        return nearest_in_photo(values > 0, placement)
    return smooth_in_photo(values, placement, float(np.finfo(np.float32).tiny))


def _score(value: float | np.float32) -> float:
    return min(max(float(value), 0.0), 1.0)
