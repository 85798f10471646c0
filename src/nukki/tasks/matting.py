"""Networks that get a picture with its trimap and answer the alpha of the unknown band."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import ModelOutputError
from nukki.ops import cubic
from nukki.ops.grid import Placement, check_picture, enlarge, fit, to_values
from nukki.ops.tiles import overlapping_boxes, ramps, tight_box
from nukki.ops.trimap import FOREGROUND, UNKNOWN, check_trimap, keep_known
from nukki.runtime.sessions import Session
from nukki.tasks.answers import chosen, named
from nukki.types import RGB8, Alpha, Box, MattingSpec, Tensor, Trimap
from nukki.zoo.cards import ModelCard

__all__ = ["Matting"]


class Matting:
    """A network for the fine edge of a subject whose rough place is known.

    A picture within the card's limit is seen whole, as the authors do. Of a larger one the
    surroundings of the unknown band are seen, in overlapping tiles if need be, so that memory does
    not grow with the picture; a tile without unknown pixels is passed over.

    Attributes:
        card: What the network is and how pictures get in and alphas come out.
        session: The loaded file.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.session = session
        self._spec = card.matting or MattingSpec()

    def predict(self, image: RGB8, trimap: Trimap) -> Alpha:
        """Find the alpha of the unknown band.

        Args:
            image: (H, W, 3) uint8, sRGB.
            trimap: (H, W) uint8: 0 background, 128 unknown, 255 foreground.

        Returns:
            (H, W) float32 in 0..1, exactly 0 and 1 where the trimap is 0 and 255. Where nothing is
            unknown the network is not run.

        Raises:
            InputError: If `image` is not RGB8, or `trimap` is not one of its size.
            ModelOutputError: If the answer is not a map of the tensor's size, or not finite.
        """
        check_picture(image)
        check_trimap(trimap, (image.shape[0], image.shape[1]))
        height, width = trimap.shape
        whole = Box(0, 0, width, height)
        alpha = np.zeros((height, width), np.float32)
        band = tight_box(trimap == UNKNOWN, whole)
        if band is not None:
            seen = whole if self._fits(whole) else band.grown(self._spec.overlap, height, width)
            alpha[seen.slices()] = self._region(image, trimap, seen)
        return keep_known(alpha, trimap)

    def _fits(self, box: Box) -> bool:
        """Whether the network may see that much at once."""
        least = self.card.input.multiple
        return max(box.height, least) * max(box.width, least) <= self._spec.limit**2

    def _region(self, image: RGB8, trimap: Trimap, region: Box) -> Alpha:
        """The alpha of a part of the picture; of no meaning where the trimap knows it."""
        if self._fits(region):
            return self._seen(image, trimap, region)
        overlap = self._spec.overlap
        total = np.zeros((region.height, region.width), np.float32)
        weights = np.zeros_like(total)
        for tile in overlapping_boxes(region, self._spec.limit, overlap):
            if not (trimap[tile.slices()] == UNKNOWN).any():
                continue
            weight = np.multiply.outer(*ramps(tile, region, overlap))
            top, left = tile.top - region.top, tile.left - region.left
            where = np.s_[top : top + tile.height, left : left + tile.width]
            total[where] += weight * self._seen(image, trimap, tile)
            weights[where] += weight
        return np.divide(total, weights, out=total, where=weights > 0)

    def _seen(self, image: RGB8, trimap: Trimap, box: Box) -> Alpha:
        """The network's alpha of one part, seen at once."""
        where = box.slices()
        picture, placement = fit(np.ascontiguousarray(image[where]), self.card.input)
        tensor = np.concatenate([picture, _channel(trimap[where], placement)], axis=1)
        name = self.card.input.name or next(iter(self.session.inputs))
        raw = chosen(self.card, self.session.run({name: tensor}))
        try:
            values = to_values(raw, placement, self.card.output)
        except ModelOutputError as error:
            raise named(error, self.card, self.session) from error
        return np.clip(self._enlarged(values, placement.source), 0, 1)

    def _enlarged(self, values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Values at the part's own size, by the kernel by which the part became the tensor."""
        if values.shape == size:
            return values
        if self.card.input.resample == "bicubic" and not self.card.input.antialias:
            return cubic.resized(values, *size)
        return enlarge(values, *size)


def _channel(trimap: Trimap, placement: Placement) -> Tensor:
    """A trimap on the grid, (1, 1, h, w) in 0..1: the nearest pixel before, 0 in the padding."""
    rows, columns = (
        np.arange(inner) * source // inner
        for inner, source in zip(placement.inner, placement.source, strict=True)
    )
    channel = np.zeros((1, 1, *placement.grid), np.float32)
    sampled = trimap[rows[:, None], columns]
    channel[0, 0, : len(rows), : len(columns)] = sampled / np.float32(FOREGROUND)
    return channel
