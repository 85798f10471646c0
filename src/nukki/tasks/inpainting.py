"""Networks that get a picture with a hole and answer what could be there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, ModelOutputError
from nukki.ops.grid import Placement, check_picture, fit
from nukki.ops.holes import enlarged, filled, reduced, surroundings
from nukki.runtime.sessions import Session
from nukki.tasks.answers import chosen, named
from nukki.types import RGB8, InpaintingSpec, InputSpec, Mask, Tensor
from nukki.zoo.cards import ModelCard

__all__ = ["Inpainting"]

_GREY = 127  # in the hole while the picture is resampled, so that nothing of it gets out


class Inpainting:
    """A network that fills a hole.

    A picture within the card's limit is seen whole, as the authors do. Of a larger one the hole's
    surroundings are seen, reduced if need be, so that memory does not grow with the picture.

    Attributes:
        card: What the network is, how holes are shown to it and what its answer means.
        session: The loaded file.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.session = session
        self._spec = card.inpainting or InpaintingSpec()

    def fill(self, image: RGB8, mask: Mask) -> RGB8:
        """Fill the hole of a picture.

        Args:
            image: (H, W, 3) uint8, sRGB.
            mask: (H, W) bool, True in the hole.

        Returns:
            A picture of the same size, equal to `image` outside the hole. Where there is no hole
            the network is not run.

        Raises:
            InputError: If `image` is not RGB8, or `mask` is not one of its size.
            ModelOutputError: If the answer is not a picture of the tensor's size, or not finite.
        """
        check_picture(image)
        if mask.shape != image.shape[:2] or mask.dtype != np.bool_:
            message = f"`mask` must be {image.shape[:2]} bool, got {mask.shape} {mask.dtype}"
            raise InputError(message, hint="give a mask of the picture's size, True in the hole")
        if not mask.any():
            return image.copy()
        part, factor = surroundings(mask, self._spec.limit, least=self._spec.least)
        where = part.slices()
        small, hole = reduced(image[where], mask[where], factor)
        painted = np.where(hole[..., None], self._painted(small, hole), small)
        return filled(image, mask, part, enlarged(painted, factor, part.height, part.width))

    def _painted(self, image: RGB8, hole: Mask) -> RGB8:
        """What the network paints of a picture, in the hole and elsewhere."""
        padded, mask = self._padded(image, hole)
        picture, placement = fit(padded, self.card.input)
        on_grid = _on_grid(mask, self.card.input)
        if self._spec.hole is not None:
            picture = np.where(on_grid, np.float32(self._spec.hole), picture)
        raw = chosen(self.card, self.session.run(self._tensors(picture, on_grid)))
        if raw.shape != (1, 3, *placement.grid):
            message = f"the answer must have shape {(1, 3, *placement.grid)}, got {raw.shape}"
            hint = "check `index` and `multiple` on the model's card"
            raise named(ModelOutputError(message, hint=hint), self.card, self.session)
        painted = self._bytes(raw[0], placement)
        return painted[: image.shape[0], : image.shape[1]]

    def _padded(self, image: RGB8, hole: Mask) -> tuple[RGB8, Mask]:
        """A picture and its hole with sides that the network takes, continued right and below.

        Where they will be resampled instead, the hole becomes grey.
        """
        spec = self.card.input
        if spec.fit != "pad":
            return np.where(hole[..., None], np.uint8(_GREY), image), hole
        sides = (max(side, self._spec.least) for side in hole.shape)
        below, right = (
            -(-side // spec.multiple) * spec.multiple - own
            for side, own in zip(sides, hole.shape, strict=True)
        )
        if not below and not right:
            return image, hole
        mode: Any = self._spec.padding
        return (
            np.pad(image, ((0, below), (0, right), (0, 0)), mode=mode),
            np.pad(hole, ((0, below), (0, right)), mode=mode),
        )

    def _tensors(self, picture: Tensor, on_grid: Mask) -> dict[str, NDArray[Any]]:
        """The network's inputs by name: (1, C, h, w) of the card's dtype."""
        known, inside = self._spec.mask
        mask = np.where(on_grid, np.float32(inside), np.float32(known))[None, None]
        names = [name for name in self.session.inputs if name != self._spec.mask_name]
        name = self.card.input.name or next(iter(names), "")
        if self._spec.mask_name is not None:
            tensors = {name: picture, self._spec.mask_name: mask}
        else:
            ones = [np.ones_like(mask)] if self._spec.ones else []
            tensors = {name: np.concatenate([picture, *ones, mask], axis=1)}
        if self._spec.dtype == "uint8":
            return {key: np.rint(tensor).astype(np.uint8) for key, tensor in tensors.items()}
        return dict(tensors)

    def _bytes(self, planes: NDArray[np.float32], placement: Placement) -> RGB8:
        """The network's answer, (3, h, w), as RGB8 of the size that was fitted."""
        black, white = self._spec.range
        inner = planes[:, : placement.inner[0], : placement.inner[1]]
        levels = (inner - np.float32(black)) * np.float32(255 / (white - black))
        painted: RGB8 = np.rint(np.clip(levels, 0, 255)).astype(np.uint8).transpose(1, 2, 0)
        if self.card.input.channels == "bgr":
            painted = painted[..., ::-1]
        if placement.inner == placement.source:
            return painted
        size = placement.source[1], placement.source[0]
        small = Image.fromarray(np.ascontiguousarray(painted))
        return np.asarray(small.resize(size, Image.Resampling.BILINEAR), np.uint8)


def _on_grid(hole: Mask, spec: InputSpec) -> Mask:
    """A hole on the network's grid, (h, w): every place that a pixel of it has a share in."""
    if spec.fit == "pad":
        return hole
    plain = InputSpec(spec.size, spec.fit, spec.multiple, spec.rounding, antialias=spec.antialias)
    white = np.where(hole[..., None], np.uint8(255), np.zeros(3, np.uint8))
    return np.asarray(fit(white, plain)[0][0, 0] > 0)
