"""A photo with a hole at one size, as patches are matched on it, and the sizes one after another.

Wexler, Shechtman & Irani, "Space-time completion of video", PAMI 2007: what is small first, then
each size begins with what the one before has found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nukki.ops.distance import nearest
from nukki.ops.patches import CHANNELS, MEANS, PATCH, covers, describe, opponent
from nukki.ops.patchfield import Places, Sources
from nukki.ops.reduce import box_reduce
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Box, Mask

__all__ = ["Level", "Scene", "roughness", "sizes"]

_LUMA, _UNIT = (77, 150, 29), 256  # Rec. 601's weights as whole numbers, and their sum
_ROUGH = 7  # a step of lightness counts so much in what tells how rough a place is
_DEPTH = 4.5  # pixels: a hole that is no deeper is small enough to begin with
_AREA = 1500  # and so is its area
_LEAST = 200  # patches that may be copied, at the smallest size
# How much the way counts over which a patch is copied, down and across: as differences of bytes in
# a whole patch if it were copied from one end of the picture to the other. Along the horizon
# things are alike, up and down they are not: else a street would rise behind who stood on it.
_PULL = (1.0 * 255 * PATCH, 0.2 * 255 * PATCH)
_GUIDED = 0.5  # of that, down: a guide knows better what stands where


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with a hole.

    Attributes:
        pixels: (H, W, 5) uint8: sRGB, and how rough the place is across and down; (H, W, 3) as long
            as that is not known.
        hole: (H, W) bool, what is to be filled.
        banned: (H, W) bool, what must not be copied.
        guide: (H, W, 3) uint8, what the hole should look like from afar, or None.
        span: The longer side of the photo of which this is a part, in pixels of this size; 0 for
            its own.
    """

    pixels: NDArray[np.uint8]
    hole: Mask
    banned: Mask
    guide: RGB8 | None = None
    span: float = 0.0

    def reduced(self, factor: int) -> Scene:
        """The scene in blocks; those that touch hole or ban belong to it, so nothing gets out."""
        if factor == 1:
            return self
        return Scene(
            np.asarray(box_reduce(self.pixels, factor), np.uint8),
            _any(self.hole, factor),
            _any(self.banned, factor),
            None if self.guide is None else np.asarray(box_reduce(self.guide, factor), np.uint8),
            self.span / factor,
        )

    def guided(self) -> RGB8:
        """(H, W, 3): the photo with the guide in its hole, or the photo itself."""
        image = self.pixels[..., :3]
        return image if self.guide is None else np.where(self.hole[..., None], self.guide, image)

    @cached_property
    def allowed(self) -> Mask:
        """(H - 6, W - 6) bool: patches that may be copied."""
        if min(self.hole.shape) < PATCH:
            return np.zeros((0, 0), np.bool_)
        return ~covers(self.hole | self.banned)

    @property
    def pull(self) -> tuple[float, float]:
        """What a pixel of distance between a patch and its copy counts, down and across."""
        down = _PULL[0] if self.guide is None else _GUIDED * _PULL[0]
        span = max(self.span, *self.hole.shape)
        return down / span, _PULL[1] / span


def roughness(image: RGB8, hole: Mask) -> NDArray[np.uint8]:
    """(H, W, 2) uint8: steps of lightness across and down between known pixels, times seven.

    Their mean over a place tells textures apart whose means are alike (after Newson, Almansa,
    Fradet, Gousseau & Pérez, "Video inpainting of complex scenes", SIAM J. Imaging Sciences 2014).
    """
    # Whole numbers: the same however the photo lies in memory.
    weighted = (image[..., channel].astype(np.int32) * part for channel, part in enumerate(_LUMA))
    light = sum(weighted, np.zeros(hole.shape, np.int32))
    result = np.zeros((*hole.shape, 2), np.uint8)
    for axis in (1, 0):
        step = np.abs(np.diff(light, axis=axis)).astype(np.float32) * np.float32(_ROUGH / _UNIT)
        known = ~hole[:, 1:] & ~hole[:, :-1] if axis else ~hole[1:] & ~hole[:-1]
        target = result[:, 1:, 0] if axis else result[1:, :, 1]
        target[...] = np.where(known, np.minimum(np.rint(step), 255), 0)
    return result


def _any(mask: Mask, factor: int) -> Mask:
    """(h, w): blocks that hold a True pixel."""
    rows, columns = (np.arange(0, side, factor) for side in mask.shape)
    return np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)


def sizes(scene: Scene) -> list[Scene]:
    """The scene and its halves, the smallest first: there the hole is a few patches wide."""
    found = [scene]
    while True:
        last = found[0]
        depth = float(nearest(~last.hole)[0].max())
        if depth <= _DEPTH and int(last.hole.sum()) <= _AREA:
            return found
        smaller = last.reduced(2)
        if int(smaller.allowed.sum()) < _LEAST:
            return found
        found.insert(0, smaller)


class Level:
    """A scene while its hole is being painted.

    Attributes:
        scene: The photo at this size.
        trust: How much a guide's means count beside those of what was found so far.
        planes: (5, H, W) float32, opponent colours and roughness; those in the hole change.
        sources: What may be copied.
        rows: (n,) corners of the patches that hold something of the hole.
        columns: (n,).
        inside: Rows and columns of the hole's pixels, (m,) each.
    """

    def __init__(self, scene: Scene, threads: int, trust: float = 1.0) -> None:
        self.scene = scene
        self.threads = threads
        self.trust = np.float32(trust)
        self.planes = np.empty((CHANNELS, *scene.hole.shape), np.float32)
        self.planes[:3] = opponent(scene.pixels[..., :3])
        self.planes[3:] = np.moveaxis(scene.pixels[..., 3:], -1, 0)
        told = describe(self.planes, pull=scene.pull, threads=threads)
        self.sources = Sources(scene.allowed, told.reshape(-1, told.shape[2]))
        touched = covers(scene.hole)
        self._box = tight_box(touched, Box(0, 0, *touched.shape[::-1])) or Box(0, 0, 0, 0)
        self.rows, self.columns = (places.astype(np.int32) for places in np.nonzero(touched))
        row, column = np.nonzero(scene.hole)
        self.inside: tuple[Places, Places] = row.astype(np.int32), column.astype(np.int32)
        self._guide = None if scene.guide is None else self._told(self._guided())[:, MEANS]

    def _guided(self) -> NDArray[np.float32]:
        """The planes as they are with the guide in the hole."""
        planes = self.planes.copy()
        planes[:3] = opponent(self.scene.guided())
        return planes

    def told(self) -> NDArray[np.float32]:
        """(n, D) descriptions of the hole's patches as they are painted now.

        A guide has its say in means. Pulling what is looked for towards it is the same as adding
        the distance from it to that from the painting.
        """
        told = self._told(self.planes)
        if self._guide is not None:
            told[:, MEANS] = (told[:, MEANS] + self.trust * self._guide) / (1 + self.trust)
        return told

    def _told(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        top, left = self._box.top, self._box.left
        part = planes[:, top : self._box.bottom + PATCH - 1, left : self._box.right + PATCH - 1]
        told = describe(part, corner=(top, left), pull=self.scene.pull, threads=self.threads)
        return np.asarray(told[self.rows - top, self.columns - left])

    def paint(self, values: NDArray[np.float32]) -> None:
        """Put (m, 5) values into the hole."""
        self.planes[:, self.inside[0], self.inside[1]] = values.T

    def paint_pixels(self, pixels: NDArray[np.float32]) -> None:
        """Take the hole from (H, W, 5) pixels like those of a scene."""
        own = pixels[self.inside]
        colours = opponent(own[None, :, :3])[:, 0]
        self.paint(np.column_stack([colours.T, own[:, 3:]]))

    def paint_guide(self) -> None:
        """Begin with the guide's colours, as rough as the photo is on the whole."""
        hole = self.scene.hole
        self.planes[:3, hole] = self._guided()[:3, hole]
        self.planes[3:, hole] = self.planes[3:, ~hole].mean(axis=1)[:, None]
