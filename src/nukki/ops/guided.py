"""The guided filter: local linear models from colour to alpha.

In every window the alpha is modelled as a linear function of the picture's colour,

    alpha = a · I + b,      (a, b) = argmin Σ w (a · I + b - p)² + eps |a|²

p being a coarse alpha and w how much each pixel of it is believed. With w = 1 this is the guided
filter of He, Sun, Tang 2013 ("Guided Image Filtering", TPAMI 35(6)), eq. 19-21 for a colour guide.
With w small where p is unsure, the model is learnt from the sure pixels on both sides of an edge
and decides the pixels between by their colour. Coefficients are computed on a reduced picture and
enlarged (He & Sun 2015, "Fast Guided Filter", arXiv:1505.00996).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.types import Alpha, Pixels

__all__ = ["fitted_alpha", "guided_coefficients", "scaled", "window_sum"]

Planes = NDArray[np.float32]


def window_sum(planes: Planes, radius: int) -> Planes:
    """Sum over the (2·radius + 1)² window around each pixel; outside counts as 0.

    Window lengths are put together from doubled partial sums, so the cost grows with log(radius)
    and rounding does not pile up as it does in running sums.

    Args:
        planes: (C, H, W) float32.
        radius: At least 0.
    """
    return _sum_along(_sum_along(planes, radius, 1), radius, 2)


def _sum_along(planes: Planes, radius: int, axis: int) -> Planes:
    """Sum of 2·radius + 1 neighbours along `axis`."""
    if radius == 0:
        return planes
    if radius == 1:  # without partial sums
        near = planes.copy()
        near[_cut(axis, 1, None)] += planes[_cut(axis, 0, -1)]
        near[_cut(axis, 0, -1)] += planes[_cut(axis, 1, None)]
        return near
    length = planes.shape[axis]
    shape = list(planes.shape)
    shape[axis] = length + 2 * radius
    padded = np.zeros(shape, np.float32)
    padded[_cut(axis, radius, radius + length)] = planes
    window = 2 * radius + 1
    total: Planes | None = None
    part, size, start = padded, 1, 0  # part[i] = sum of `size` values from i on
    while True:
        if window & size:
            piece = part[_cut(axis, start, start + length)]
            total = piece.copy() if total is None else np.add(total, piece, out=total)
            start += size
        if size * 2 > window:
            break
        many = part.shape[axis] - size
        part = part[_cut(axis, 0, many)] + part[_cut(axis, size, size + many)]
        size *= 2
    return planes if total is None else total


def _cut(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    """Index of `start:stop` along `axis` of a (C, H, W) array."""
    return (*(slice(None),) * axis, slice(start, stop))


def guided_coefficients(
    guide: Planes, coarse: NDArray[np.float32], weight: NDArray[np.float32], radius: int, eps: float
) -> Planes:
    """Linear model from colour to alpha around each pixel, averaged over its windows.

    Args:
        guide: (3, H, W), colours in 0..1.
        coarse: (H, W), alpha in 0..1.
        weight: (H, W), above 0: how much each pixel of `coarse` is believed.
        radius: Of the window.
        eps: Colour variance below which a window counts as flat, as a share of 1².

    Returns:
        (4, H, W): a for red, green, blue, then b; alpha = a · colour + b.
    """
    red, green, blue = guide
    planes = np.empty((14, *coarse.shape), np.float32)
    planes[0] = weight
    ours = np.multiply(guide, weight, out=planes[1:4])
    np.multiply(ours, red, out=planes[4:7])
    np.multiply(ours[1:], green, out=planes[7:9])
    np.multiply(ours[2], blue, out=planes[9])
    np.multiply(weight, coarse, out=planes[10])
    np.multiply(ours, coarse, out=planes[11:14])
    sums = window_sum(planes, radius)
    # A window that believes its pixels more has more say in the average of the models.
    say = sums[0].copy()
    # Overlapping sums of rounded weights can leave 0 where nothing is believed.
    sums *= 1 / np.maximum(say, np.float32(1e-6))
    mean, second, target, cross = sums[1:4], sums[4:10], sums[10], sums[11:14]
    cross -= mean * target
    a = _solve(mean, second, cross, eps)
    fitted = planes[:5]
    np.multiply(a, say, out=fitted[:3])
    np.multiply(target - np.einsum("chw,chw->hw", a, mean), say, out=fitted[3])
    fitted[4] = say
    averaged = window_sum(fitted, radius)
    averaged[:4] *= 1 / np.maximum(averaged[4], np.float32(1e-6))
    return averaged[:4]


def fitted_alpha(models: Planes, pixels: Pixels) -> Alpha:
    """What models say of pixels, clipped to 0..1.

    Args:
        models: (4, H, W), one for each pixel; they are lost.
        pixels: (H, W, 3), of any depth.
    """
    colours = scaled(pixels)
    colours *= models[:3]
    fitted = models[3]
    for channel in colours:
        fitted += channel
    return np.asarray(np.clip(fitted, 0, 1, out=fitted))


def scaled(pixels: Pixels) -> Planes:
    """Colours of pixels (H, W, 3) as planes (3, H, W) in 0..1."""
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    share = np.float32(1 / np.iinfo(pixels.dtype).max)
    return np.multiply(pixels.transpose(2, 0, 1), share, out=planes)


def _solve(mean: Planes, second: Planes, covariance: Planes, eps: float) -> Planes:
    """Solve (Σ + eps·1) a = cov(I, p) for every pixel by elimination, in place of `covariance`.

    At a grey edge Σ has one large eigenvalue, and float32 has nothing left of the determinant; the
    pivots of the elimination are known to be at least eps.
    """
    red, green, blue = mean
    rr = second[0] - red * red
    rr = np.maximum(rr, 0, out=rr) + np.float32(eps)
    rg, rb = second[1] - red * green, second[2] - red * blue
    along, across = rg / rr, rb / rr
    gg = second[3] - green * green + np.float32(eps) - along * rg
    gg = np.maximum(gg, np.float32(eps), out=gg)
    gb = second[4] - green * blue - along * rb
    deep = gb / gg
    bb = second[5] - blue * blue + np.float32(eps) - across * rb - deep * gb
    bb = np.maximum(bb, np.float32(eps), out=bb)
    a = covariance
    a[1] -= along * a[0]
    a[2] -= across * a[0]
    a[2] -= deep * a[1]
    a[2] /= bb
    a[1] /= gg
    a[1] -= deep * a[2]
    a[0] /= rr
    a[0] -= along * a[1]
    a[0] -= across * a[2]
    return a
