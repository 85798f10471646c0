"""Trimaps: where the subject is, where it is not, and where the colours have to decide.

    alpha --adaptive, fixed--> 0 background | 128 unknown | 255 foreground --matting--> alpha

The unknown band is what is neither solid nor gone, and what lies near the border of the two: a
map from a coarse grid is wrong by a cell there, and hair reaches further than any map. Nothing is
ever known as what the alpha says it is not: what is thinner than the band is unknown all over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.ops.discs import dilated
from nukki.ops.guided import window_sum
from nukki.types import Alpha, Mask, Trimap

__all__ = [
    "BACKGROUND",
    "FOREGROUND",
    "UNKNOWN",
    "adaptive",
    "check_trimap",
    "enlarged",
    "fixed",
    "from_alpha",
    "keep_known",
    "reduced",
    "snapped",
    "usual_radius",
]

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

SOLID = 0.95  # from here on a map is sure of the subject
GONE = 0.05  # and up to here of the background
LEAST_BAND = 2
WIDE = 0.02  # of the longer side: how far hair and fur reach from the edge of a map
# How soft the surroundings of an edge are, and the share of WIDE that is unknown around it then. A
# hard edge in a window of that width is below the first: softness of 0.1 was 0.1 in truth, too, 0.2
# and more were 0.3 to 0.4 (composites of pictures with known alpha).
BANDS = ((0.0, 0.2), (0.12, 0.6), (0.22, 1.0))
CORE = 0.3  # of a band's width, where it would leave nothing known of what is slim
MAP_SAYS = 0.5  # a coarse map is soft at every edge: how much its softness counts
FAR = 8  # pixels of a band from which on every second one is enough to say how soft it is
NEAR = 16  # levels of grey within which a drawn trimap's value is meant to be one of the three
STRAY = 0.02  # of the pixels of a drawn trimap, at most, lie between: the rims of its areas


def usual_radius(height: int, width: int) -> int:
    """How far from a soft edge the unknown band reaches, in pixels."""
    return max(LEAST_BAND, round(WIDE * max(height, width)))


def adaptive(alpha: Alpha, coarse: Alpha, radius: int) -> Trimap:
    """The trimap of a refined alpha: wide around what is soft, narrow around hard edges.

    Args:
        alpha: (H, W) float32 in 0..1, refined along the picture's edges.
        coarse: (H, W), the map that it was refined from, at the same size.
        radius: Pixels that are unknown on either side of a soft edge; see `usual_radius`.

    Returns:
        (H, W) uint8. Where either of the two is not sure, or they say different things, it is
        unknown.
    """
    doubt = _doubtful(alpha) | _doubtful(coarse)
    inside = alpha >= 0.5
    doubt |= inside != (coarse >= 0.5)
    edge = doubt | _beside_border(inside)
    # How soft the surroundings are hardly differs from a pixel to the next.
    every = 2 if radius >= FAR else 1
    some = np.s_[::every, ::every]
    softness = np.maximum(_softness(alpha[some]), MAP_SAYS * _softness(coarse[some]))
    softness = _mean_around(softness, radius // every)
    unknown, slim = doubt, doubt
    for least, share in BANDS:
        soft = (softness >= least).repeat(every, axis=0).repeat(every, axis=1)
        here = edge & soft[: alpha.shape[0], : alpha.shape[1]]
        unknown = unknown | dilated(here, max(LEAST_BAND, round(share * radius)))
        slim = slim | dilated(here, max(LEAST_BAND, round(CORE * share * radius)))
    # What is too thin to have a known pixel beside it keeps a core: an arm, a leg, a gap.
    for side in (inside, ~inside):
        core = side & ~slim & unknown
        unknown = unknown & ~(core & ~dilated(side & ~unknown, radius))
    return _trimap(inside, unknown)


def fixed(alpha: Alpha, inwards: int, outwards: int) -> Trimap:
    """The trimap whose band reaches so many pixels into the subject and out of it.

    Args:
        alpha: (H, W) float32 in 0..1; the subject's edge is at one half.
        inwards: Pixels, at least 0.
        outwards: Likewise.
    """
    inside = alpha >= 0.5
    front = ~dilated(~inside, inwards) if inwards else inside
    back = ~dilated(inside, outwards) if outwards else ~inside
    return _trimap(inside, ~(front | back))


def from_alpha(alpha: Alpha, radius: int, *, low: float = GONE, high: float = SOLID) -> Trimap:
    """The trimap of an alpha.

    Args:
        alpha: (H, W) float32 in 0..1.
        radius: Pixels; what is sure stays sure only where everything this near is sure of the same.
        low: Up to this the alpha is sure of the background.
        high: From this on it is sure of the subject.

    Returns:
        (H, W) uint8: 255 where all of the disc is at least `high`, 0 where all of it is at most
        `low`, 128 elsewhere. What lies outside the picture does not count.
    """
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[~dilated(alpha < high, radius)] = FOREGROUND
    trimap[~dilated(alpha > low, radius)] = BACKGROUND
    return trimap


def snapped(grey: NDArray[np.uint8]) -> tuple[Trimap, str | None]:
    """The trimap that somebody drew: black is background, white is foreground, grey unknown.

    Args:
        grey: (H, W) uint8. Values near black, middle grey and white are taken for them, as a lossy
            file or another shade of grey leaves them; the few between, on the rims of areas, are
            unknown.

    Returns:
        The trimap, and a note where values were changed.

    Raises:
        InputError: If it has another shape or dtype, values all over the scale, no foreground or no
            background.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or not grey.size:
        message = f"`trimap` must be (height, width) uint8, got {grey.shape} {grey.dtype}"
        raise InputError(message, hint="give one channel of bytes")
    trimap = np.full(grey.shape, UNKNOWN, np.uint8)
    trimap[grey <= BACKGROUND + NEAR] = BACKGROUND
    trimap[grey >= FOREGROUND - NEAR] = FOREGROUND
    stray = np.abs(grey.astype(np.int16) - UNKNOWN) > NEAR
    share = float((stray & (trimap == UNKNOWN)).mean())
    if share > STRAY:
        message = (
            f"`trimap` must be black, grey (128) and white, but {share:.0%} of it is between them"
        )
        raise InputError(message, hint="a soft mask is no trimap: paint what is unsure middle grey")
    for level, name, colour in (
        (FOREGROUND, "foreground", "white"),
        (BACKGROUND, "background", "black"),
    ):
        if not (trimap == level).any():
            message = f"`trimap` has no {name}: nothing of it is {colour}"
            raise InputError(message, hint=f"paint what is surely {name} {colour}")
    changed = float((trimap != grey).mean())
    note = f"{changed:.1%} of the trimap was near black, grey or white and counts as such"
    return trimap, note if changed else None


def check_trimap(trimap: Trimap, size: tuple[int, int]) -> None:
    """Refuse what is no trimap of a picture.

    Args:
        trimap: Whatever was given.
        size: (height, width) of the picture.

    Raises:
        InputError: If it has another shape or dtype, or holds anything but 0, 128 and 255.
    """
    if trimap.shape != size or trimap.dtype != np.uint8:
        message = f"`trimap` must be {size} uint8, got {trimap.shape} {trimap.dtype}"
        raise InputError(message, hint="give a trimap of the picture's size")
    levels = (trimap == BACKGROUND) | (trimap == UNKNOWN) | (trimap == FOREGROUND)
    if not levels.all():
        other = int(trimap[~levels][0])
        message = f"`trimap` must hold nothing but 0, 128 and 255, got {other}"
        raise InputError(message, hint="make it with ops.trimap.snapped or from_alpha")


def keep_known(alpha: Alpha, trimap: Trimap) -> Alpha:
    """An alpha that is exactly 1 and 0 where the trimap knows it."""
    known = np.where(trimap == FOREGROUND, np.float32(1), np.float32(0))
    return np.where(trimap == UNKNOWN, alpha, known)


def reduced(trimap: Trimap, factor: int) -> Trimap:
    """A trimap `factor` times smaller: known where half of a block is, and nothing against it."""
    if factor == 1:
        return trimap
    front, back = (_counted(trimap == one, factor) for one in (FOREGROUND, BACKGROUND))
    half = factor * factor / 2
    small = np.full(front.shape, UNKNOWN, np.uint8)
    small[(front >= half) & (back == 0)] = FOREGROUND
    small[(back >= half) & (front == 0)] = BACKGROUND
    return small


def _counted(mask: Mask, factor: int) -> NDArray[np.uint32]:
    """How many are True in each block of factor × factor; the rim is repeated."""
    kind = np.uint8 if factor < 16 else np.uint32  # 15 × 15 fit a byte
    counts = mask.astype(kind)
    for _ in range(2):  # rows, then columns, each time with the axes exchanged
        counts = np.pad(counts, ((0, -len(counts) % factor), (0, 0)), mode="edge")
        total = counts[::factor].copy()
        for offset in range(1, factor):
            np.add(total, counts[offset::factor], out=total)
        counts = total.T
    return np.asarray(counts, np.uint32)


def enlarged(trimap: Trimap, step: float, height: int, width: int) -> Trimap:
    """A trimap at (height, width), each pixel the nearest one; `step` small pixels for one."""
    if step == 1:
        return trimap
    rows, columns = (
        np.minimum(((np.arange(side) + 0.5) * step).astype(np.intp), small - 1)
        for side, small in zip((height, width), trimap.shape, strict=True)
    )
    # Columns first, while there are few rows: rows are copied whole.
    return np.asarray(trimap.take(columns, axis=1)[rows])


def _trimap(inside: Mask, unknown: Mask) -> Trimap:
    known = np.where(inside, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    return np.where(unknown, np.uint8(UNKNOWN), known)


def _doubtful(alpha: Alpha) -> Mask:
    return (alpha > GONE) & (alpha < SOLID)


def _beside_border(inside: Mask) -> Mask:
    """Pixels with one of the other kind below or right of them, and those."""
    result = np.zeros_like(inside)
    down, along = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    result[1:] |= down
    result[:-1] |= down
    result[:, 1:] |= along
    result[:, :-1] |= along
    return result


def _softness(alpha: Alpha) -> Alpha:
    """0 where alpha is sure, 1 at one half."""
    softness = alpha * (1 - alpha)
    softness *= 4
    return softness


def _mean_around(plane: Alpha, radius: int) -> Alpha:
    """Mean over the window of 2 · radius + 1; at the rim of what there is of it."""
    sums = window_sum(plane[None], radius)[0]
    for axis, side in enumerate(plane.shape):
        place = np.arange(side)
        there = np.minimum(place + radius, side - 1) - np.maximum(place - radius, 0) + 1
        sums /= np.expand_dims(there.astype(np.float32), 1 - axis)
    return np.asarray(sums, np.float32)
