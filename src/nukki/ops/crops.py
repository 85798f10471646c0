"""What `pick` is shown of a photo, and how it is asked: a crop around the thing, and four maps.

A crop is stretched onto the grid. It holds the box with a fifth more on every side, and is never
narrower than half its height (or the other way round), so that something of the surroundings of
tall and wide things is seen; at the photo's rim it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.types import RGB8, Point

__all__ = ["CLICK", "Frame", "cropped", "frame_around", "pixel_frame", "question", "whole"]

Frame: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom, edges of pixels

_MARGIN = 0.2  # of the box's side, on either side of it
_LEAST = 16.0  # pixels of the photo that a crop has at least, where the photo has them
CLICK = 4.5  # radius of a click in pixels of the grid


def whole(size: tuple[int, int]) -> Frame:
    """The frame of a whole photo of (height, width)."""
    return 0.0, 0.0, float(size[1]), float(size[0])


def frame_around(box: Sequence[float], size: tuple[int, int], margin: float = _MARGIN) -> Frame:
    """The part of a photo that is shown of a thing.

    Args:
        box: Left, top, right, bottom of the thing in pixels.
        size: (height, width) of the photo.
        margin: Share of the box's sides that is shown beyond each of them.

    Returns:
        Left, top, right and bottom within the photo.
    """
    left, top, right, bottom = box
    wide, high = (1 + 2 * margin) * (right - left), (1 + 2 * margin) * (bottom - top)
    wide, high = max(wide, high / 2, _LEAST), max(high, wide / 2, _LEAST)
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(0.0, x - wide / 2),
        max(0.0, y - high / 2),
        min(float(size[1]), x + wide / 2),
        min(float(size[0]), y + high / 2),
    )


def pixel_frame(frame: Frame, size: tuple[int, int]) -> Frame:
    """The frame, its edges on pixels of the photo; it holds at least one."""
    left, top = floor(frame[0]), floor(frame[1])
    right, bottom = min(size[1], ceil(frame[2])), min(size[0], ceil(frame[3]))
    left, top = min(left, size[1] - 1), min(top, size[0] - 1)
    return float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1))


def cropped(image: RGB8 | NDArray[np.uint8], frame: Frame, grid: tuple[int, int]) -> RGB8:
    """A part of a picture (H, W, 3) or of an alpha (H, W), uint8, stretched onto (h, w)."""
    plain = Image.fromarray(image)
    bilinear = Image.Resampling.BILINEAR
    return np.asarray(plain.resize((grid[1], grid[0]), bilinear, box=frame))


def question(
    frame: Frame,
    grid: tuple[int, int],
    *,
    box: Sequence[float] | None = None,
    points: Sequence[Point] = (),
    guess: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """What is asked, as maps on the grid.

    Args:
        frame: What the grid shows of the photo.
        grid: Its (height, width).
        box: Around the thing, in pixels of the photo: left, top, right, bottom.
        points: On the thing, or beside it (`keep=False`); (0, 0) is the first pixel's centre.
        guess: (h, w) in 0..1, a mask to begin with.

    Returns:
        (4, h, w): 1 inside the box, 1 on discs around clicks on the thing, 1 on discs around clicks
        beside it, and the guess as −1..1; 0 where there is none of it.
    """
    maps = np.zeros((4, *grid), np.float32)
    height, width = grid
    scale = width / (frame[2] - frame[0]), height / (frame[3] - frame[1])
    # Places of the grid's pixels in pixels of the grid: their centres.
    xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
    if box is not None:
        left, right = ((edge - frame[0]) * scale[0] for edge in (box[0], box[2]))
        top, bottom = ((edge - frame[1]) * scale[1] for edge in (box[1], box[3]))
        across, down = (xs > left) & (xs < right), (ys > top) & (ys < bottom)
        maps[0] = down[:, None] & across
    for point in points:
        x, y = (point.x + 0.5 - frame[0]) * scale[0], (point.y + 0.5 - frame[1]) * scale[1]
        disc = (xs - x) ** 2 + (ys[:, None] - y) ** 2 <= CLICK**2
        maps[1 if point.keep else 2][disc] = 1
    if guess is not None:
        maps[3] = 2 * guess - 1
    return maps
