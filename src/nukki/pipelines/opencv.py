"""OpenCV's two fillers, the field's yardsticks: Telea's and Navier-Stokes. The only user of OpenCV.

Telea, "An image inpainting technique based on the fast marching method", J. Graphics Tools 9, 2004;
Bertalmio, Bertozzi & Sapiro, "Navier-Stokes, fluid dynamics, and image and video inpainting", CVPR
2001. Both lead the colours of the rim inwards: right for scratches, smooth in wide holes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nukki.errors import MissingExtra, pip_line
from nukki.ops.hole_parts import parts
from nukki.types import RGB8, Mask

__all__ = ["METHODS", "OpenCV"]

Method = Literal["telea", "ns"]
METHODS: tuple[Method, ...] = ("telea", "ns")
_RADIUS = 5  # pixels around each that it is painted from
_LEAST = 3  # pixels of a side


class OpenCV:
    """One of OpenCV's fillers.

    Attributes:
        name: "telea" or "ns".

    Raises:
        MissingExtra: If OpenCV is not installed.
    """

    def __init__(self, name: Method) -> None:
        self.name: str = name
        self._library = _opencv(name)

    def fill(
        self,
        image: RGB8,
        mask: Mask,
        *,
        forbidden: Mask | None = None,  # noqa: ARG002 (nothing is copied)
        seed: int = 0,  # noqa: ARG002 (no lots are drawn)
    ) -> RGB8:
        """See `pipelines.filling.Filler`; each hole with its surroundings by itself."""
        library = self._library
        how = library.INPAINT_TELEA if self.name == "telea" else library.INPAINT_NS
        result = image.copy()
        for box in parts(mask):
            where = box.slices()
            # Of less than three rows or columns OpenCV reads beyond the picture.
            more = [(0, max(0, _LEAST - side)) for side in (box.height, box.width)]
            seen = np.pad(image[where], [*more, (0, 0)], mode="edge")
            hole = np.pad(mask[where], more, mode="edge").view(np.uint8)
            painted = library.inpaint(seen, hole, _RADIUS, how)[: box.height, : box.width]
            np.copyto(result[where], painted, where=mask[where][..., None])
        return result


def _opencv(name: str) -> Any:
    """The library."""
    try:
        import cv2
    except ImportError as error:
        message = f"`fill` {name} needs OpenCV, which is not installed"
        raise MissingExtra(message, hint=f"run: {pip_line('opencv')}") from error
    return cv2
