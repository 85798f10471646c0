"""From a picture to a network's grid and back, as a model card says (`types.InputSpec`).

    picture (H, W, 3) --fit--> tensor (1, 3, h, w) --network--> map (h, w) --unfit--> alpha (H, W)

The placement travels with the tensor: it alone knows which part of the grid the picture fills. The
same pair of functions serves inference, evaluation and training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, ModelOutputError
from nukki.ops import cubic
from nukki.ops.bilinear import sampled, span
from nukki.ops.sides import nearest, shortest_edge
from nukki.types import RGB8, Alpha, InputSpec, OutputSpec, Tensor

__all__ = [
    "Placement",
    "check_picture",
    "enlarge",
    "fit",
    "reduction",
    "to_map",
    "to_values",
    "unfit",
]

_KERNELS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a grid: always at the top left, in whole grid pixels.

    Attributes:
        source: (height, width) of the picture.
        grid: (height, width) of the tensor.
        inner: (height, width) of the part of the grid that the picture fills.
    """

    source: tuple[int, int]
    grid: tuple[int, int]
    inner: tuple[int, int]


def reduction(height: int, width: int, spec: InputSpec) -> int:
    """Integer factor by which a picture may be box-reduced before `fit` at no visible loss.

    The reduced picture stays at least twice as large as the grid. Networks whose authors sample
    (`antialias = false`) see the whole picture: 1.
    """
    if not spec.antialias or spec.fit in ("pad", "round"):
        return 1
    inner = _place(height, width, spec).inner
    return max(1, min(height // (2 * inner[0]), width // (2 * inner[1])))


def _place(height: int, width: int, spec: InputSpec) -> Placement:
    """Placement of a picture of that size."""
    if spec.fit == "stretch":
        return Placement((height, width), spec.size, spec.size)
    if spec.fit == "letterbox":
        scale = min(spec.size[0] / height, spec.size[1] / width)
        inner = (max(1, nearest(height * scale)), max(1, nearest(width * scale)))
        return Placement((height, width), spec.size, inner)
    inner = (height, width)
    if spec.fit == "shortest-edge":
        inner = shortest_edge(height, width, *spec.size, spec.rounding)
    height_on_grid, width_on_grid = (-(-side // spec.multiple) * spec.multiple for side in inner)
    grid = (height_on_grid, width_on_grid)
    return Placement((height, width), grid, grid if spec.fit == "round" else inner)


def check_picture(image: RGB8) -> None:
    """Refuse what is no (H, W, 3) uint8 with an `InputError`."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        message = f"`image` must be (height, width, 3) uint8, got {image.shape} {image.dtype}"
        raise InputError(message, hint="use Picture.rgb8()")


def fit(image: RGB8, spec: InputSpec) -> tuple[Tensor, Placement]:
    """Bring a picture onto a network's grid: size, scale, mean, std, channel order.

    Args:
        image: (H, W, 3) uint8, sRGB.
        spec: The card's input.

    Returns:
        The tensor, (1, 3, h, w) float32, and where the picture lies in it.

    Raises:
        InputError: If `image` is not (H, W, 3) uint8.
    """
    check_picture(image)
    placement = _place(image.shape[0], image.shape[1], spec)
    small = _resample(image, placement.inner, spec)
    scale = max(float(small.max()), 1.0) if spec.scale == "own-maximum" else spec.scale
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    rim = np.full(3, spec.pad_value, np.float32)
    full = np.empty((*placement.grid, 3), np.float32)
    full[:] = 0 if spec.pad_after else (rim / np.float32(scale) - mean) / std
    colours = small[..., ::-1] if spec.channels == "bgr" else small
    full[: placement.inner[0], : placement.inner[1]] = (colours / np.float32(scale) - mean) / std
    return np.ascontiguousarray(full.transpose(2, 0, 1)[None]), placement


def _resample(image: RGB8, size: tuple[int, int], spec: InputSpec) -> NDArray[np.float32]:
    """The picture at (height, width) `size`, float32 in 0..255."""
    if image.shape[:2] == size:
        return image.astype(np.float32)
    if spec.antialias:
        resized = Image.fromarray(image).resize((size[1], size[0]), _KERNELS[spec.resample])
        return np.asarray(resized, np.float32)
    if spec.resample == "bicubic":
        return cubic.resized(image.transpose(2, 0, 1), *size).transpose(1, 2, 0)
    if spec.resample != "bilinear":
        message = f"`antialias = false` goes with bilinear or bicubic, got {spec.resample!r}"
        raise InputError(message, hint='set resample = "bilinear" on the card')
    rows = span(0, size[0], image.shape[0], image.shape[0] / size[0])
    columns = span(0, size[1], image.shape[1], image.shape[1] / size[1])
    return sampled(image.transpose(2, 0, 1), rows, columns).transpose(1, 2, 0)


def to_map(raw: NDArray[np.float32], placement: Placement, spec: OutputSpec) -> Alpha:
    """A network's answer as an alpha at grid resolution: `to_values`, clipped to 0..1."""
    return np.asarray(np.clip(to_values(raw, placement, spec), 0.0, 1.0), np.float32)


def to_values(
    raw: NDArray[np.float32], placement: Placement, spec: OutputSpec
) -> NDArray[np.float32]:
    """A network's answer at grid resolution, activated, the padding cut away.

    Args:
        raw: (h, w), or with leading axes of length 1.
        placement: What `fit` gave.
        spec: The card's output.

    Returns:
        float32 of shape `placement.inner`. A flat answer under "min-max" is all zero.

    Raises:
        ModelOutputError: If the shape is not the grid's.
    """
    if raw.shape[-2:] != placement.grid or raw.size != placement.grid[0] * placement.grid[1]:
        wanted = (1, 1, *placement.grid)
        message = f"the network's answer must have shape {wanted}, got {raw.shape}"
        raise ModelOutputError(message, hint="check `size` and `index` on the model's card")
    values = raw.reshape(placement.grid)[: placement.inner[0], : placement.inner[1]]
    values = values.astype(np.float32)
    if spec.activation == "sigmoid":
        # The tanh form neither overflows nor warns for large logits.
        values = 0.5 * (1.0 + np.tanh(0.5 * values))
    if spec.range == "min-max":
        low, high = float(values.min()), float(values.max())
        if high - low < 1e-6:
            return np.zeros(placement.inner, np.float32)
        values = (values - low) / (high - low)
    return np.asarray(values, np.float32)


def enlarge(values: Alpha, height: int, width: int) -> Alpha:
    """A map at another size: bilinear, averaging where it shrinks."""
    if values.shape == (height, width):
        return values.copy()
    kernel = Image.Resampling.BILINEAR
    resized = Image.fromarray(np.ascontiguousarray(values)).resize((width, height), kernel)
    return np.array(resized, np.float32)


def unfit(raw: NDArray[np.float32], placement: Placement, spec: OutputSpec) -> Alpha:
    """A network's answer as an alpha of the picture's size: `to_map`, then `enlarge`."""
    return enlarge(to_map(raw, placement, spec), *placement.source)
