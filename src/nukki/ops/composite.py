"""Pictures from layers: straight alpha, rounded to the nearest, in the picture's own space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.ops.alpha import gaussian
from nukki.ops.light import from_linear, to_linear
from nukki.ops.tiles import each, row_blocks
from nukki.types import RGBA, Alpha, Pixels

__all__ = [
    "Fit",
    "Layer",
    "bleed",
    "compose",
    "cover",
    "fitted",
    "sharpen",
    "spread_known",
    "stacked",
]

Fit = Literal["cover", "contain", "stretch", "tile"]


def compose(
    foreground: Pixels,
    alpha: Alpha,
    background: Pixels,
    *,
    linear: bool = False,
    threads: int = 1,
) -> Pixels:
    """`alpha · foreground + (1 - alpha) · background`, rounded (Porter & Duff 1984, "over").

    Args:
        foreground: (H, W, 3) uint8 or uint16, or (3,) for one colour.
        alpha: (H, W) float32 in 0..1.
        background: (H, W, 3) of the same dtype, or (3,) for one colour.
        linear: Mix light (by sRGB's transfer function) instead of its encoded levels.
        threads: How many threads may work.

    Returns:
        (H, W, 3) like `foreground`: bit-identical to it where alpha is 1, to the background
        where it is 0.
    """
    height, width = alpha.shape
    result = cast("Pixels", np.empty((height, width, 3), foreground.dtype))
    mix = _mixed_light if linear else _mixed_levels

    def work(rows: slice) -> None:
        front = foreground[rows] if foreground.ndim == 3 else foreground
        behind = background[rows] if background.ndim == 3 else background
        mix(front, alpha[rows], behind, result[rows])

    each(work, list(row_blocks(height, width)), threads)
    return result


def _mixed_levels(front: Pixels, alpha: Alpha, behind: Pixels, result: Pixels) -> None:
    away = behind.astype(np.float32)
    mixed = np.broadcast_to(front, result.shape).astype(np.float32)
    mixed -= away
    mixed *= alpha[..., None]
    mixed += away
    np.rint(mixed, out=mixed)
    result[:] = mixed.astype(result.dtype)


def _mixed_light(front: Pixels, alpha: Alpha, behind: Pixels, result: Pixels) -> None:
    """Only what is soft passes through light and back: the rest keeps its bits."""
    result[:] = behind
    whole = cast("Pixels", np.broadcast_to(front, result.shape))
    solid = alpha >= 1
    result[solid] = whole[solid]
    soft = (alpha > 0) & ~solid
    if not soft.any():
        return
    cover = alpha[soft][:, None]
    near, far = to_linear(whole[soft]), to_linear(result[soft])
    result[soft] = from_linear(far + cover * (near - far), result.dtype)


def stacked(
    lower: Pixels, lower_alpha: Alpha, upper: Pixels, upper_alpha: Alpha, *, linear: bool = False
) -> tuple[Pixels, Alpha]:
    """One layer over another where nothing is behind them: straight colours and alpha.

    Args:
        lower: (H, W, 3), or (3,) for one colour.
        lower_alpha: (H, W).
        upper: Likewise, of the same dtype.
        upper_alpha: (H, W).
        linear: Mix light.

    Returns:
        Bit-identical to the upper layer where its alpha is 1.
    """
    through = lower_alpha * (1 - upper_alpha)
    cover = upper_alpha + through
    share = np.divide(upper_alpha, cover, out=np.ones_like(cover), where=cover > 0)
    return compose(upper, share, lower, linear=linear), cover


@dataclass(frozen=True, eq=False)
class Layer:
    """Colours and alpha that become one straight-alpha picture row by row (a `types.RowSource`).

    Attributes:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) float32 in 0..1; rounded to the nearest step of the picture's depth.
        wipe: Whether colours under a saved alpha of 0 become black.
    """

    pixels: Pixels
    alpha: Alpha
    wipe: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, 4)."""
        return (*self.alpha.shape, 4)

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the pixels."""
        return self.pixels.dtype

    def rows(self, top: int, bottom: int) -> RGBA:
        """Rows top..bottom, (bottom - top, W, 4)."""
        colours = self.pixels[top:bottom]
        cover = self.alpha[top:bottom] * np.float32(np.iinfo(self.dtype).max)
        np.rint(cover, out=cover)
        if self.wipe and not cover.any():
            return np.zeros((*cover.shape, 4), self.dtype)
        result = np.empty((*cover.shape, 4), self.dtype)
        for channel in range(3):  # five times faster than all three at once
            result[..., channel] = colours[..., channel]
        result[..., 3] = cover
        if self.wipe:
            # A pixel as one number: wiping is one multiplication instead of four.
            whole = result.view(np.uint32 if self.dtype == np.uint8 else np.uint64)
            np.multiply(whole, (cover > 0)[..., None], out=whole)
        return result

    def joined(self, threads: int = 1) -> RGBA:
        """The whole picture, (H, W, 4)."""
        result = np.empty(self.shape, self.dtype)
        height, width = self.alpha.shape

        def work(rows: slice) -> None:
            result[rows] = self.rows(rows.start, rows.stop)

        each(work, row_blocks(height, width, 1 << 17), threads)
        return result


def bleed(rgba: RGBA) -> RGBA:
    """Spread the colours of the edge under alpha 0, for programs that interpolate colours.

    Coarser and coarser averages of what is visible fill what is not (pull-push, Gortler et al.
    1996, "The Lumigraph", section 3.4).
    """
    top = np.float32(np.iinfo(rgba.dtype).max)
    cover = (rgba[..., 3] > 0).astype(np.float32)
    weighted = rgba[..., :3].astype(np.float32) * cover[..., None]
    filled = spread_known(np.dstack([weighted, cover]))
    result = rgba.copy()
    hidden = rgba[..., 3] == 0
    spread = np.rint(np.clip(filled[hidden], 0, top))
    result[..., :3][hidden] = spread.astype(rgba.dtype)
    return result


def spread_known(weighted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (H, W, 3) everywhere, from weighted colours and weights (H, W, 4), by pull-push."""
    height, width = weighted.shape[:2]
    weight = weighted[..., 3:]
    known = np.asarray(weighted[..., :3] / np.maximum(weight, 1e-6), np.float32)
    if height * width <= 1 or float(weight.min()) >= 1:
        return known
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    even = np.pad(weighted, odd)
    small = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    small /= np.maximum(small[..., 3:], 1)  # a block counts fully once a pixel of it is known
    coarse = spread_known(small).repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
    return np.asarray(np.where(weight > 0, known, coarse), np.float32)


def cover(background: Pixels, height: int, width: int) -> Pixels:
    """A background that fills (height, width): enlarged or reduced, the middle of it kept."""
    scale = max(height / background.shape[0], width / background.shape[1])
    part_height, part_width = height / scale, width / scale
    top = (background.shape[0] - part_height) / 2
    left = (background.shape[1] - part_width) / 2
    # Rounding may lead a hair beyond the rim, which Pillow refuses.
    right = min(left + part_width, background.shape[1])
    bottom = min(top + part_height, background.shape[0])
    box = (max(left, 0.0), max(top, 0.0), right, bottom)
    return _resized(background, height, width, box)


def fitted(background: Pixels, height: int, width: int, fit: Fit) -> Pixels:
    """A background brought to (height, width).

    Args:
        background: (h, w, 3) uint8 or uint16.
        height: Of the canvas.
        width: Of the canvas.
        fit: "cover" fills it and crops; "contain" shows all of it, beside it the mean colour of the
            sides that meet the gap; "stretch" ignores the aspect ratio; "tile" repeats it at its
            own size from the top left.
    """
    if fit == "cover":
        return cover(background, height, width)
    if fit == "stretch":
        return _resized(background, height, width, None)
    if fit == "tile":
        rows = np.arange(height) % background.shape[0]
        tiled: Pixels = background[rows][:, np.arange(width) % background.shape[1]]
        return tiled
    scale = min(height / background.shape[0], width / background.shape[1])
    high = min(height, max(1, round(background.shape[0] * scale)))
    wide = min(width, max(1, round(background.shape[1] * scale)))
    inner = _resized(background, high, wide, None)
    sides = (inner[0], inner[-1]) if high < height else (inner[:, 0], inner[:, -1])
    result = cast("Pixels", np.empty((height, width, 3), background.dtype))
    result[:] = np.rint(np.concatenate(sides).mean(axis=0))
    top, left = (height - high) // 2, (width - wide) // 2
    result[top : top + high, left : left + wide] = inner
    return result


def _resized(
    pixels: Pixels, height: int, width: int, box: tuple[float, float, float, float] | None
) -> Pixels:
    """Lanczos, of both depths; Pillow has no three channels of 16 bits, so these go one by one."""
    kernel = Image.Resampling.LANCZOS
    if pixels.dtype == np.uint8:
        return np.array(Image.fromarray(pixels).resize((width, height), kernel, box))
    result = cast("Pixels", np.empty((height, width, 3), pixels.dtype))
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel], np.float32))
        wide = np.asarray(plane.resize((width, height), kernel, box))
        result[..., channel] = np.rint(np.clip(wide, 0, np.iinfo(pixels.dtype).max))
    return result


def sharpen(pixels: Pixels, amount: float, sigma: float = 1.0) -> Pixels:
    """Unsharp mask: add `amount` times what a Gaussian of `sigma` pixels takes away."""
    top = np.iinfo(pixels.dtype).max
    result = np.empty_like(pixels)
    for channel in range(3):
        plane = pixels[..., channel].astype(np.float32)
        plane += np.float32(amount) * (plane - gaussian(plane, sigma))
        result[..., channel] = np.rint(np.clip(plane, 0, top)).astype(pixels.dtype)
    return result
