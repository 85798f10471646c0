"""Where a subject goes on a canvas, as numbers; and putting its pixels there.

All of it is about the subject's box: the bounds of its alpha. What is not asked for stays as it is
in the photo: the subject keeps its place across by its middle and its place down by its foot, so
that who is made smaller still stands on the ground; a side that the photo cuts off stays cut off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.aims import Aim, Length, Word
from nukki.types import Alpha, Box, Pixels

__all__ = ["Frame", "Spot", "frame_of", "put", "settle"]

_CUT = 0.5  # alpha along a side of the photo from which the photo cuts the subject off there
_CUT_SHARE = 0.02  # of the box's own side; less is an elbow that touches
_SEEN = 1e-3  # alpha below which a resampled pixel has no colour
_HAIR = 1e-6  # of a pixel: the last bit of a product, or a margin as thin


@dataclass(frozen=True)
class Frame:
    """A subject in its photo.

    Attributes:
        height: Rows of the photo.
        width: Columns.
        box: Bounds of the subject.
        mass: Its centre of mass, (row, column), in pixels' corners: 0.5 is the first one's centre.
        cut: Whether the photo cuts it off: left, top, right, bottom.
    """

    height: int
    width: int
    box: Box
    mass: tuple[float, float]
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)

    def flipped(self) -> Frame:
        """Mirrored left to right about the middle of its own box, which stays."""
        across = self.box.left + self.box.right - self.mass[1]
        left, top, right, bottom = self.cut
        return Frame(
            self.height, self.width, self.box, (self.mass[0], across), (right, top, left, bottom)
        )


@dataclass(frozen=True)
class Spot:
    """Where a subject lies on a canvas.

    Attributes:
        height: Rows of the canvas.
        width: Columns.
        box: The subject in its photo.
        target: Where that box comes to lie; may reach beyond the canvas.
        flip: Whether it is mirrored.
    """

    height: int
    width: int
    box: Box
    target: Box
    flip: bool = False

    @property
    def scaled(self) -> bool:
        """Whether pixels are resampled."""
        return (self.box.width, self.box.height) != (self.target.width, self.target.height)

    @property
    def seen(self) -> bool:
        """Whether any of it lies on the canvas."""
        part = self.target.within(Box(0, 0, self.width, self.height))
        return part.width > 0 and part.height > 0


def frame_of(alpha: Alpha, box: Box) -> Frame:
    """The frame of a subject.

    Args:
        alpha: (H, W) of the photo.
        box: Its bounds, not empty.
    """
    height, width = alpha.shape
    part = alpha[box.slices()]
    total = float(part.sum(dtype=np.float64))
    down = float(part.sum(axis=1, dtype=np.float64) @ (np.arange(box.height) + 0.5)) / total
    across = float(part.sum(axis=0, dtype=np.float64) @ (np.arange(box.width) + 0.5)) / total

    def cut_off(line: NDArray[np.float32], side: int) -> bool:
        return int(np.count_nonzero(line >= _CUT)) >= max(2, _CUT_SHARE * side)

    cut = (
        box.left == 0 and cut_off(alpha[:, 0], box.height),
        box.top == 0 and cut_off(alpha[0], box.width),
        box.right == width and cut_off(alpha[:, -1], box.height),
        box.bottom == height and cut_off(alpha[-1], box.width),
    )
    return Frame(height, width, box, (box.top + down, box.left + across), cut)


def settle(
    frame: Frame,
    *,
    canvas: tuple[int, int] | None = None,
    across: Aim | None = None,
    down: Aim | None = None,
    height: Length | None = None,
    factor: float | None = None,
    margin: Length | None = None,
    flip: bool = False,
) -> Spot:
    """Where the subject goes.

    Args:
        frame: The subject in its photo.
        canvas: (height, width); the photo's where None.
        across: Where along the width; None as in the photo.
        down: Where along the height; likewise.
        height: How high the box becomes, shares being of the canvas.
        factor: How many times as large it becomes; instead of `height`.
        margin: What stays free on every side, shares being of the canvas's shorter side. Where
            neither `height` nor `factor` is given, the subject fills the rest.
        flip: Mirror it.
    """
    if flip:
        frame = frame.flipped()
    rows, columns = canvas or (frame.height, frame.width)
    free = 0.0 if margin is None else margin.of(min(rows, columns))
    inner = _inner(frame, rows, columns, free)
    fills = margin is not None and height is None and factor is None
    scale = _scale(frame.box, inner, rows, height, factor, fills=fills)
    more = _HAIR if fills else 0.5  # what fills a room stays within it
    wide = max(1, math.floor(frame.box.width * scale + more))
    high = max(1, math.floor(frame.box.height * scale + more))
    x_mass = (frame.mass[1] - frame.box.left) / frame.box.width * wide
    y_mass = (frame.mass[0] - frame.box.top) / frame.box.height * high
    left_cut, top_cut, right_cut, bottom_cut = frame.cut
    free_aim = Aim("middle") if fills else Aim()
    left = _along(
        free_aim if across is None else across,
        (frame.box.left, frame.box.right, frame.width),
        (inner[0], inner[2], columns),
        wide,
        x_mass,
        keep=_kept(left_cut, right_cut, "middle"),
        cut=(left_cut, right_cut),
    )
    top = _along(
        free_aim if down is None else down,
        (frame.box.top, frame.box.bottom, frame.height),
        (inner[1], inner[3], rows),
        high,
        y_mass,
        keep=_kept(top_cut, bottom_cut, "end"),
        cut=(top_cut, bottom_cut),
    )
    return Spot(rows, columns, frame.box, Box(left, top, left + wide, top + high), flip)


def _inner(frame: Frame, rows: int, columns: int, free: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what a subject may fill: no margin where it is cut off."""
    left, top, right, bottom = (0.0 if cut else free for cut in frame.cut)
    return left, top, columns - right, rows - bottom


def _scale(
    box: Box,
    inner: tuple[float, float, float, float],
    rows: int,
    height: Length | None,
    factor: float | None,
    *,
    fills: bool,
) -> float:
    if factor is not None:
        return factor
    if height is not None:
        return height.of(rows) / box.height
    if not fills:
        return 1.0
    wide, high = max(1.0, inner[2] - inner[0]), max(1.0, inner[3] - inner[1])
    return min(wide / box.width, high / box.height)


def _kept(first: bool, last: bool, usual: Word) -> Word:
    """What stays in its place along an axis: the side that is cut off, if there is one."""
    if first != last:
        return "start" if first else "end"
    return usual


def _along(
    aim: Aim,
    source: tuple[int, int, int],
    room: tuple[float, float, int],
    size: int,
    mass: float,
    *,
    keep: Word,
    cut: tuple[bool, bool],
) -> int:
    """The first pixel along one axis.

    Args:
        aim: What is asked for.
        source: Start, end and whole length in the photo.
        room: Start and end of what may be filled, and the canvas's length.
        size: Of what is placed.
        mass: Where its centre of mass lies in it.
        keep: What stays where it was, where nothing is asked for.
        cut: Whether the photo cuts off the start, the end.
    """
    first, last, whole = room
    if aim.at is not None:
        return round(aim.at.of(whole) - size / 2)
    if aim.word is None:
        ratio = whole / source[2]
        if keep == "start":
            return round(source[0] * ratio)
        if keep == "end":
            return round(source[1] * ratio) - size
        return round((source[0] + source[1]) / 2 * ratio - size / 2)
    word = aim.word
    if word in ("middle", "mass") and cut[0] != cut[1]:
        word = "start" if cut[0] else "end"  # a cut side in mid-air is what nobody wants
    begin, end = math.ceil(first - _HAIR), math.floor(last + _HAIR)
    if word == "start":
        wished = begin
    elif word == "end":
        wished = end - size
    elif word == "mass":
        wished = round(whole / 2 - mass)
        if size <= last - first + _HAIR:
            wished = min(max(wished, begin), end - size)
    else:
        wished = round((first + last - size) / 2)
    # A margin of parts of a pixel moves nothing off the canvas that fits there.
    return min(max(wished, 0), whole - size) if size <= whole else wished


def put(pixels: Pixels, alpha: Alpha, spot: Spot) -> tuple[Pixels, Alpha]:
    """The subject on its canvas.

    Args:
        pixels: (H, W, 3), its colours in its photo.
        alpha: (H, W).
        spot: Where it goes.

    Returns:
        Colours and alpha of the canvas's size; black and 0 beside the subject. Pixels that are
        moved and not scaled are bit-identical; where nothing changes the inputs come back.
    """
    here = (spot.height, spot.width) == alpha.shape and spot.box == spot.target
    if here and not spot.flip:
        return pixels, alpha
    colours = cast("Pixels", np.zeros((spot.height, spot.width, 3), pixels.dtype))
    cover = np.zeros((spot.height, spot.width), np.float32)
    box, width = spot.box, alpha.shape[1]
    if spot.flip:
        pixels, alpha = pixels[:, ::-1], alpha[:, ::-1]
        box = Box(width - box.right, box.top, width - box.left, box.bottom)
    if spot.scaled:
        _resample(pixels, alpha, box, spot, colours, cover)
        return colours, cover
    part = spot.target.within(Box(0, 0, spot.width, spot.height))
    if part.width > 0 and part.height > 0:
        down, across = box.top - spot.target.top, box.left - spot.target.left
        source = Box(
            part.left + across, part.top + down, part.right + across, part.bottom + down
        ).slices()
        colours[part.slices()] = pixels[source]
        cover[part.slices()] = alpha[source]
    return colours, cover


def _resample(
    pixels: Pixels,
    alpha: Alpha,
    box: Box,
    spot: Spot,
    colours: Pixels,
    cover: Alpha,
) -> None:
    """Fill the canvas with the subject at another size, premultiplied while it is resampled."""
    height, width = alpha.shape
    target, down = spot.target, spot.target.height / box.height
    along = target.width / box.width
    # Two more pixels of the photo around: a soft rim fades out instead of ending.
    grown = box.grown(2, height, width)
    rect = Box(
        max(0, math.ceil(target.left - (box.left - grown.left) * along)),
        max(0, math.ceil(target.top - (box.top - grown.top) * down)),
        min(spot.width, math.floor(target.right + (grown.right - box.right) * along)),
        min(spot.height, math.floor(target.bottom + (grown.bottom - box.bottom) * down)),
    )
    if rect.width <= 0 or rect.height <= 0:
        return
    source = (
        max(0.0, box.left - grown.left + (rect.left - target.left) / along),
        max(0.0, box.top - grown.top + (rect.top - target.top) / down),
        min(float(grown.width), box.left - grown.left + (rect.right - target.left) / along),
        min(float(grown.height), box.top - grown.top + (rect.bottom - target.top) / down),
    )
    # Lanczos keeps what is made smaller crisp; enlarged, it would ring at the rim.
    kernel = Image.Resampling.LANCZOS if down < 1 else Image.Resampling.BICUBIC
    size = rect.width, rect.height
    part = np.ascontiguousarray(alpha[grown.slices()])
    thick = np.asarray(Image.fromarray(part).resize(size, kernel, source), np.float32)
    seen = thick > _SEEN
    top = np.iinfo(pixels.dtype).max
    for channel in range(3):
        plane = pixels[grown.slices()][..., channel] * part
        wide = np.asarray(Image.fromarray(plane).resize(size, kernel, source), np.float32)
        plain = np.divide(wide, thick, out=np.zeros_like(thick), where=seen)
        colours[rect.slices()][..., channel] = np.rint(np.clip(plain, 0, top))
    cover[rect.slices()] = np.where(seen, np.clip(thick, 0, 1), 0)
