"""The ground that a thing stands on, on a coarse grid: where it is to be seen, and how it looks.

Looking for shadows needs no detail: the thing is `CELLS` cells high whatever its photo's size, and
its surroundings reach about as far to either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.alpha import gaussian
from nukki.ops.discs import dilated
from nukki.ops.light import to_linear
from nukki.ops.segments import Segment
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Alpha, Box, Mask

__all__ = ["CELLS", "Cast", "Ground", "ground_of", "placed", "smoothed"]

Kind = Literal["shadow", "reflection"]

CELLS = 80  # the thing's height
_LEAST = 24  # pixels of height that a thing needs: below, its shadow is a few pixels
_BESIDE, _AROUND = 1.3, 0.6  # of its height: what is seen to either side, and below its base
_NEAR_RIM = 0.01  # of its height: a thing this near to the photo's lower rim is cut off by it
_FREE = 100  # cells of ground that have to be seen
_FLOOR = 0.004  # of white: what is darker has no colour to speak of
_SOFT, _TEXTURE = 0.8, 1.5  # cells: what is smoothed away, and up to where it is texture
_COVERED = 0.05  # alpha of a thing from which on the ground is not seen


@dataclass(frozen=True, eq=False)
class Ground:
    """What is around a thing's base.

    Attributes:
        light: (h, w) float32: natural logarithm of linear lightness, smoothed.
        chroma: (2, h, w) float32: log(red / green) and log(blue / green), likewise.
        everything: (3, h, w) float32: lightness and chromaticities of all that is there, the thing
            itself too.
        texture: (h, w) float32: how far lightness is from its surroundings, in logarithms.
        free: (h, w) bool: where nothing covers the ground.
        own: (h, w) float32: the thing's alpha.
        base: The row on which it stands: below its lowest cell.
        height: Of the thing, in cells.
        window: The part of the photo that the grid spans.
    """

    light: NDArray[np.float32]
    chroma: NDArray[np.float32]
    everything: NDArray[np.float32]
    texture: NDArray[np.float32]
    free: Mask
    own: Alpha
    base: float
    height: float
    window: Box

    def enlarged(self, mask: Mask) -> Mask:
        """A mask of the grid, (h, w), at the photo's size within `window`."""
        grey = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
        size = self.window.width, self.window.height
        return np.asarray(grey.resize(size, Image.Resampling.BILINEAR)) >= 128


@dataclass(frozen=True, eq=False)
class Cast:
    """Something that a thing throws on the ground.

    Attributes:
        kind: "shadow" or "reflection".
        confidence: 0 to 1.
        strength: Of a shadow, the share of light that it takes; of a reflection, its contrast
            beside the thing's own.
        lean: What is at height z falls lean[0] · z beside the base and lean[1] · z below it; a
            reflection's are 0 and 1.
        box: Bounds in the photo.
        mask: (box.height, box.width) bool.
    """

    kind: Kind
    confidence: float
    strength: float
    lean: tuple[float, float]
    box: Box
    mask: Mask = field(repr=False)


def ground_of(image: RGB8, thing: Segment, others: Sequence[Segment] = ()) -> Ground | None:
    """The ground around a thing.

    Args:
        image: (H, W, 3) uint8, sRGB.
        thing: Stands on it.
        others: What else was found: it is no ground.

    Returns:
        The ground; None where the thing's base or the ground is not to be seen, or the thing is too
        small.
    """
    height, width = image.shape[:2]
    box = thing.box
    if box.height < _LEAST or box.bottom + _NEAR_RIM * box.height >= height:
        return None
    scale = max(1.0, box.height / CELLS)
    beside, around = round(_BESIDE * box.height), round(_AROUND * box.height)
    window = Box(
        max(0, box.left - beside),
        box.top,
        min(width, box.right + beside),
        min(height, box.bottom + around),
    )
    size = max(1, round(window.width / scale)), max(1, round(window.height / scale))
    part = np.ascontiguousarray(image[window.slices()])
    colours = to_linear(np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BOX)))
    own = _reduced([thing], window, size)
    covered = np.maximum(own, _reduced(others, window, size))
    free = ~dilated(covered > _COVERED, 1)
    if np.count_nonzero(free) < _FREE:
        return None
    logs = np.log(colours + np.float32(_FLOOR))
    light = np.log(colours.mean(axis=2) + np.float32(_FLOOR))
    chroma = np.stack([logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]])
    down = size[1] / window.height
    return Ground(
        light=smoothed(light, free, _SOFT),
        chroma=np.stack([smoothed(plane, free, _SOFT) for plane in chroma]),
        everything=np.concatenate([light[None], chroma]),
        texture=np.abs(light - smoothed(light, free, _TEXTURE)),
        free=free,
        own=own,
        base=(box.bottom - window.top) * down,
        height=box.height * down,
        window=window,
    )


def placed(
    ground: Ground,
    mask: Mask,
    kind: Kind,
    confidence: float,
    strength: float,
    lean: tuple[float, float],
) -> Cast | None:
    """What a thing throws on the ground, from a mask (h, w) of the grid.

    Args:
        ground: The grid.
        mask: Where it is.
        kind: See `Cast`.
        confidence: See `Cast`.
        strength: See `Cast`.
        lean: See `Cast`.

    Returns:
        It, at the photo's size; None where the mask is empty.
    """
    large = ground.enlarged(mask)
    box = tight_box(large, ground.window)
    if box is None:
        return None
    rows = slice(box.top - ground.window.top, box.bottom - ground.window.top)
    crop = large[rows, box.left - ground.window.left : box.right - ground.window.left].copy()
    return Cast(kind, confidence, strength, lean, box, crop)


def smoothed(plane: NDArray[np.float32], free: Mask, sigma: float) -> NDArray[np.float32]:
    """A plane (h, w) convolved with a Gaussian that sees only what is free."""
    weight = gaussian(free.astype(np.float32), sigma)
    values = gaussian(np.where(free, plane, np.float32(0)), sigma)
    return np.asarray(values / np.maximum(weight, np.float32(1e-3)), np.float32)


def _reduced(things: Sequence[Segment], window: Box, size: tuple[int, int]) -> Alpha:
    """What some things cover of the window, averaged over cells: (h, w) float32."""
    levels = np.zeros((window.height, window.width), np.uint8)
    for one in things:
        box = one.support
        seen = box.within(window)
        if seen.width <= 0 or seen.height <= 0:
            continue
        own = one.levels[
            seen.top - box.top : seen.bottom - box.top, seen.left - box.left : seen.right - box.left
        ]
        target = levels[
            seen.top - window.top : seen.bottom - window.top,
            seen.left - window.left : seen.right - window.left,
        ]
        np.maximum(target, own, out=target)
    small = Image.fromarray(levels).resize(size, Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)
