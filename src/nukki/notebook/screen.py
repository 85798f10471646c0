"""What the panel in the browser is sent: small pictures, and maps of what is where in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.io.display import reduced
from nukki.io.encode import Encoding, encode
from nukki.io.images import Picture
from nukki.notebook.strokes import Stroke
from nukki.notebook.work import MARKS, Work
from nukki.ops.overlay import colour
from nukki.pipelines.results import Segmentation

__all__ = ["map_of", "painted_map", "photo_of", "picture_of", "size_of", "state_of"]

LONGEST = 1000  # pixels of the longer side
PAINTS = {"restore": 1, "remove": 2, "mark": 3, "unmark": 4}  # of a pixel that was painted
_QUALITY = 85


def size_of(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) on the screen of a picture of (height, width)."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def picture_of(picture: Picture) -> NDArray[np.uint8]:
    """A picture for the screen, (h, w, 3) or (h, w, 4) uint8."""
    return reduced(picture.pixels, picture.alpha, picture.icc_profile, longest=LONGEST)


def photo_of(picture: Picture) -> bytes:
    """A photo for the screen: JPEG, or PNG where it has an alpha."""
    small = picture_of(picture)
    if small.shape[2] == 4:
        return encode(small, "png")
    return encode(small, "jpeg", encoding=Encoding(quality=_QUALITY))


def map_of(things: Segmentation) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(h, w): the number of the thing at each pixel of the screen, 0 for none.

    The smallest lies on top: it is what a click there means.
    """
    height, width = things.picture.height, things.picture.width
    rows, columns = _grid((height, width))
    last = max((one.number for one in things), default=0)
    result = np.zeros((len(rows), len(columns)), np.uint8 if last < 256 else np.uint16)
    for one in sorted(things, key=lambda one: one.area, reverse=True):
        box = one.box
        down = (rows >= box.top) & (rows < box.bottom)
        across = (columns >= box.left) & (columns < box.right)
        inside = one.crop[np.ix_(rows[down] - box.top, columns[across] - box.left)]
        part = result[np.ix_(down, across)]
        part[inside] = one.number
        result[np.ix_(down, across)] = part
    return result


def painted_map(strokes: Sequence[Stroke], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) uint8: what was last painted at each pixel of the screen, see `PAINTS`; else 0."""
    rows, columns = _grid(size)
    whole = np.zeros(size, np.uint8)
    for one in strokes:
        whole[one.box.slices()][one.cover >= np.float32(0.5)] = PAINTS[one.kind]
    return np.ascontiguousarray(whole[np.ix_(rows, columns)])


def _grid(size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The photo's row and column at the middle of each of the screen's."""
    height, width = size_of(size)
    rows = ((np.arange(height) + 0.5) * size[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * size[1] / width).astype(np.int64)
    return rows, columns


def state_of(work: Work) -> dict[str, Any]:
    """What is found, checked and possible, in words and numbers."""
    picture, checked = work.picture, work.state.checked
    small = size_of((picture.height, picture.width))
    things = [
        {
            "number": one.number,
            "label": one.label or "picked",
            "score": round(one.score, 2),
            "box": [one.box.left, one.box.top, one.box.right, one.box.bottom],
            "colour": "#{:02x}{:02x}{:02x}".format(*colour(one.number)),
            "marks": [mark for mark in MARKS if one.number in checked[mark]],
        }
        for one in work.things
    ]
    return {
        "size": [picture.width, picture.height],
        "screen": [small[1], small[0]],
        "things": things,
        "undo": work.can_undo,
        "redo": work.can_redo,
        "erases": work.wants_erasing,
    }
