"""The nouns: what arrays look like everywhere in nukki, and the two things that place them.

picture (RGB8)   uint8 (H, W, 3), sRGB, R first
pixels           uint8 or uint16 (H, W, 3), in the file's own RGB space
RGBA             uint8 or uint16 (H, W, 4), straight alpha
alpha            float32 (H, W), 0.0 to 1.0, coverage of the subject
mask             bool (H, W), True = inside
trimap           uint8 (H, W), exactly 0 background, 128 unknown, 255 foreground
tensor           float32 (N, C, H, W), only between `ops.grid` and `runtime`

`InputSpec` and `OutputSpec` say how a picture becomes a network's tensor and how its answer becomes
an alpha; a model card holds them and `ops.grid` executes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RGB8",
    "RGBA",
    "Alpha",
    "Box",
    "InputSpec",
    "Mask",
    "OutputSpec",
    "Pixels",
    "Point",
    "RowSource",
    "Tensor",
    "Trimap",
]

RGB8: TypeAlias = NDArray[np.uint8]
Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
RGBA: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Alpha: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Trimap: TypeAlias = NDArray[np.uint8]
Tensor: TypeAlias = NDArray[np.float32]


class RowSource(Protocol):
    """A picture whose rows are made when they are asked for, so that it never lies in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        ...

    def rows(self, top: int, bottom: int) -> Pixels:
        """Rows top..bottom, (bottom - top, W, C); may be called from several threads."""
        ...


Fit = Literal["stretch", "letterbox", "pad"]
Resample = Literal["bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True)
class Box:
    """Integer pixel bounds, half open: `pixels[top:bottom, left:right]`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, other: Box) -> Box:
        """The part that lies in another box; without pixels where they do not meet."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def grown(self, margin: int, height: int, width: int) -> Box:
        """The box with `margin` more pixels on each side, clipped to a (height, width) picture."""
        return Box(
            max(0, self.left - margin),
            max(0, self.top - margin),
            min(width, self.right + margin),
            min(height, self.bottom + margin),
        )


@dataclass(frozen=True)
class Point:
    """A place in a photo; the first pixel's centre is (0, 0)."""

    x: float
    y: float
    keep: bool = True


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes a network's input: `(picture / scale - mean) / std` on a grid.

    Attributes:
        size: (height, width) of the network's grid. With fit "pad" it is not used.
        fit: "stretch" ignores the aspect ratio; "letterbox" keeps it and pads to `size`;
            "pad" keeps the picture's own size and pads right and bottom to `multiple`.
        multiple: Height and width of the tensor are multiples of this (fit "pad").
        scale: What the bytes are divided by: a number, or "own-maximum" for the largest value
            in the fitted picture (U²-Net's authors do so).
        mean: Subtracted after scaling, per channel in the order of `channels`.
        std: Divided by afterwards, likewise.
        channels: Order of the tensor's channels.
        antialias: Whether reduction averages (True) or samples (False, as some authors did).
        resample: Kernel for the resampling.
        pad_value: Byte value that padding holds.
        name: The tensor's name; None takes the network's first input.
    """

    size: tuple[int, int]
    fit: Fit = "stretch"
    multiple: int = 1
    scale: float | Literal["own-maximum"] = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    antialias: bool = True
    resample: Resample = "bilinear"
    pad_value: float = 0.0
    name: str | None = None


@dataclass(frozen=True)
class OutputSpec:
    """How a network's answer becomes an alpha.

    Attributes:
        name: The tensor's name; None takes the output at `index`.
        index: Which output; negative counts from the end.
        activation: "sigmoid" where the network gives logits.
        range: "absolute" keeps the values; "min-max" stretches each answer to 0..1, as some
            authors do; a flat answer then becomes all zero, never NaN.
    """

    name: str | None = None
    index: int = 0
    activation: Literal["none", "sigmoid"] = "none"
    range: Literal["absolute", "min-max"] = "absolute"
