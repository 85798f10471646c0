"""Square patches of a picture, each told in a few numbers, so that two are compared quickly.

A patch is named by its upper left pixel, its corner; a picture of (H, W) has (H - 6, W - 6) of
them. What tells it are the low frequencies of its cosine transform (Ahmed, Natarajan & Rao,
"Discrete cosine transform", IEEE Trans. Computers 23, 1974): as the transform keeps lengths, the
squared distance of two descriptions is that of the patches themselves, less what differs in their
finest detail. One row of 25 numbers is fetched for a comparison instead of 49 pixels in 7 places.
The last two are where the patch lies: what is copied over a shorter way is likelier to be right.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nukki.ops.tiles import each, row_blocks
from nukki.types import RGB8, Mask

__all__ = ["CHANNELS", "LENGTH", "MEANS", "PATCH", "covers", "describe", "opponent"]

PATCH = 7  # pixels of a side
CHANNELS = 5  # lightness, two differences of colours, and how rough the place is across and down

_FINE = tuple((v, u) for v in range(5) for u in range(5) if u + v <= 4)
_COARSE = ((0, 0), (0, 1), (1, 0))
_MEAN = ((0, 0),)
_KEPT = (_FINE, _COARSE, _COARSE, _MEAN, _MEAN)  # frequencies of each channel, down and across
_SEEN = sum(len(kept) for kept in _KEPT)
LENGTH = _SEEN + 2  # numbers of a description

# Places of the means of the colours in it: what a blurred picture tells as well. Its slopes say
# that all is flat, and what is sought after them is.
MEANS = tuple(sum(len(kept) for kept in _KEPT[:channel]) for channel in range(3))
_COSINES = np.array(
    [
        [
            math.cos(math.pi * (place + 0.5) * order / PATCH) * math.sqrt((1 + (order > 0)) / PATCH)
            for place in range(PATCH)
        ]
        for order in range(PATCH)
    ],
    np.float32,
)
# The axes of Ohta, Kanade & Sakai, "Color information for region segmentation", Computer Graphics
# and Image Processing 13, 1980, each of length one, so that distances stay.
_AXES = np.array(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), 0, -1 / math.sqrt(2)],
        [-1 / math.sqrt(6), 2 / math.sqrt(6), -1 / math.sqrt(6)],
    ],
    np.float32,
)


def opponent(image: RGB8 | NDArray[np.float32]) -> NDArray[np.float32]:
    """Lightness, red against blue, green against both: (3, H, W) float32 of (H, W, 3)."""
    red, green, blue = (image[..., channel].astype(np.float32) for channel in range(3))
    return np.stack([red * one + green * two + blue * three for one, two, three in _AXES])


def describe(
    planes: NDArray[np.float32],
    *,
    corner: tuple[int, int] = (0, 0),
    pull: tuple[float, float] = (0.0, 0.0),
    threads: int = 1,
) -> NDArray[np.float32]:
    """Descriptions of all patches.

    Args:
        planes: (5, H, W), H and W at least 7: the channels as `CHANNELS` says.
        corner: Row and column of the first pixel, where the planes are part of a picture.
        pull: What a pixel of distance counts down and across.
        threads: How many threads may work.

    Returns:
        (H - 6, W - 6, LENGTH) float32.
    """
    height, width = (side - PATCH + 1 for side in planes.shape[1:])
    result = np.empty((height, width, LENGTH), np.float32)

    def work(rows: slice) -> None:
        number = 0
        for plane, kept in zip(planes[:, rows.start : rows.stop + PATCH - 1], _KEPT, strict=True):
            along = {u: _weighted(plane, u, 1) for u in {u for _, u in kept}}
            for v, u in kept:
                result[rows, :, number] = _weighted(along[u], v, 0)
                number += 1
        result[rows, :, _SEEN] = (np.arange(rows.start, rows.stop)[:, None] + corner[0]) * pull[0]
        result[rows, :, _SEEN + 1] = (np.arange(width) + corner[1]) * pull[1]

    each(work, list(row_blocks(height, width, 1 << 14)), threads)
    return result


def _weighted(plane: NDArray[np.float32], order: int, axis: int) -> NDArray[np.float32]:
    """Sums over seven neighbours along an axis, weighted by a cosine."""
    length = plane.shape[axis] - PATCH + 1

    def shifted(by: int) -> NDArray[np.float32]:
        return plane[by : by + length] if axis == 0 else plane[:, by : by + length]

    weights = _COSINES[order]
    total = shifted(0) * weights[0]
    for offset in range(1, PATCH):
        total += shifted(offset) * weights[offset]
    return np.asarray(total, np.float32)


def covers(mask: Mask) -> Mask:
    """Which patches hold a pixel of a mask: (H - 6, W - 6) bool."""
    height, width = (side - PATCH + 1 for side in mask.shape)
    wide = np.logical_or.reduce([mask[:, by : by + width] for by in range(PATCH)])
    return np.asarray(np.logical_or.reduce([wide[by : by + height] for by in range(PATCH)]))
