"""How large a person is in a photo, told by the silhouette alone.

A head is a knob on the trunk: the largest disc that fits into it is smaller than the trunk's and
larger than those of arms, and on the way from one to the other the silhouette is narrower, at the
neck. So the distance to the outside is cut at falling levels, and the largest part that stays apart
from the trunk, above it and near it, is the head. Hair, hats and helmets count as head. A raised
arm beside it, a scarf or long hair can hide the neck; the trunk's own disc is always there, and two
people can be compared by that, less well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.components import find_pieces
from nukki.ops.distance import nearest
from nukki.types import Mask

__all__ = ["Body", "body_of"]

_CELLS = 160  # of the longer side of the grid that a silhouette is looked at on
_LEVELS = 40
_NECK = 0.93  # of the head's disc: what fits into the neck is smaller
_LEAST, _MOST = 0.22, 0.9  # of the trunk's disc: what a head's is
_ABOVE, _FAR, _ASIDE = 0.6, 4.0, 1.6  # in trunk's discs: where a head's lies, seen from it
_LONG = 2.6  # a head's height, crown to chin, for the radius of its disc

Place = tuple[int, int]


@dataclass(frozen=True)
class Body:
    """The sizes of a person in pixels.

    Attributes:
        trunk: Radius of the largest disc that fits into the silhouette.
        head: Height of the head from crown to chin, right to a fifth or so; None where the
            silhouette does not tell.
    """

    trunk: float
    head: float | None = None


def body_of(mask: Mask) -> Body | None:
    """The sizes of a person.

    Args:
        mask: (h, w) bool, one person, cut to its bounds.

    Returns:
        None of what is too small or empty.
    """
    height, width = mask.shape
    scale = max(1.0, max(height, width) / _CELLS)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    grey = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
    small = np.asarray(grey.resize(size, Image.Resampling.BOX)) >= 128
    if min(small.shape) < 8 or not small.any():
        return None
    inside = nearest(~np.pad(small, 1))[0][1:-1, 1:-1]
    radius = _knob(inside)
    head = None if radius is None else _LONG * radius * scale
    return Body(float(inside.max()) * scale, head)


def _knob(inside: NDArray[np.float64]) -> float | None:
    """The radius of the head's disc, from distances to the outside."""
    trunk = _highest(inside)
    largest = float(inside[trunk])
    apart: dict[Place, float] = {}  # the middle of each part, and until which level it is one
    for level in np.linspace(_MOST * largest, _LEAST * _NECK * largest, _LEVELS):
        pieces = find_pieces(inside >= level)
        for number in range(pieces.count):
            piece = pieces.mask(np.arange(pieces.count) == number)
            if not piece[trunk]:
                apart[_highest(np.where(piece, inside, 0))] = float(level)
    radii = [
        radius
        for place, level in apart.items()
        if _LEAST * largest <= (radius := float(inside[place])) <= _MOST * largest
        and level <= _NECK * radius
        and _ABOVE <= (trunk[0] - place[0]) / largest <= _FAR
        and abs(place[1] - trunk[1]) <= _ASIDE * largest
    ]
    return max(radii, default=None)


def _highest(values: NDArray[np.float64]) -> Place:
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)
