"""From a network's map to the alpha at full resolution: what `edges`, `band` and `trimap` ask for.

    map --settled, refined on the reduced picture--> trimap --closed form, coarse to fine--> alpha

`fast` refines the map alone; `auto` draws the unknown band of the trimap by closed-form matting on
the reduced picture and enlarges it along the picture's colours; `best` goes on with the matting up
to full size. What the trimap knows stays exactly 1 and 0: solid interiors stay solid, and specks
that the map does not settle on stay gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from nukki.io.images import Picture
from nukki.ops import trimap as trimaps
from nukki.ops.alpha import levels
from nukki.ops.closed_form import Prior, eased_alpha, finer_alpha, solve_closed_form
from nukki.ops.discs import dilated
from nukki.ops.grid import enlarge
from nukki.ops.reduce import box_reduce
from nukki.ops.refine import Guide, Refinement, make_guide, refine, settle
from nukki.ops.tiles import each, row_blocks, tight_box, tile_boxes
from nukki.ops.trimap import BACKGROUND, FOREGROUND, UNKNOWN, keep_known
from nukki.ops.upsampling import upsampled
from nukki.pipelines.options import Edges
from nukki.types import RGB8, Alpha, Box, Mask, Pixels, Trimap

__all__ = ["Edge", "Matter", "View", "Wish", "draw"]

ROUGH = 500  # a larger picture is halved once more for the alpha that a trimap is guessed from
STEPS = 6  # on each level: more trusts colours farther than a guessed trimap bears
# Then it goes on without the map: what is left of its blur beside hard edges goes.
MORE_STEPS = {"auto": 25, "best": 40}
FINE_STEPS = 12  # of `best`, on each finer picture
# How much the map counts in the band beside the colours: so much where it is sure, and quickly less
# where it is not. Without it a shoe before a floor of its colour goes; with more of it hair does.
PRIOR, DOUBLINGS = 0.03, 4  # |2 alpha - 1| to the power of 16, by squaring
MOST = 250_000  # unknown pixels of the reduced picture; with more of them, half its size does
CLEAR = 0.05  # alphas up to here become 0, and as near to 1 they become 1
SETTLED = 0.02  # from 0 and 1: what a coarser level has so near to them is not looked at again
BESIDE = 2  # pixels of the coarser level around what is
HOW = Refinement()
TILE = 256


class Matter(Protocol):
    """What draws edges anew: `tasks.matting.Matting`, or anything that takes a trimap."""

    def predict(self, image: RGB8, trimap: Trimap) -> Alpha:
        """The alpha of the picture, exact where the trimap knows it."""
        ...


@dataclass(frozen=True)
class Wish:
    """What a user may say about edges.

    Attributes:
        edges: "none", "fast", "auto" or "best".
        band: How many pixels the trimap is unknown inwards and outwards of the edge; None fits the
            width to what is there.
        trimap: Whether the trimap is wanted in any case.
    """

    edges: Edges = "auto"
    band: tuple[int, int] | None = None
    trimap: bool = False


@dataclass(frozen=True, eq=False)
class View:
    """A picture, and the same reduced.

    Attributes:
        picture: The photo.
        guide: The same box-reduced.
    """

    picture: Picture
    guide: Guide

    @cached_property
    def small(self) -> RGB8:
        """The reduced picture in bytes, (h, w, 3)."""
        planes = np.rint(self.guide.planes * np.float32(255)).astype(np.uint8)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))


@dataclass(frozen=True, eq=False)
class Edge:
    """What was drawn.

    Attributes:
        alpha: (H, W) float32 in 0..1.
        trimap: (H, W) uint8 of 0, 128 and 255; None where none was needed.
    """

    alpha: Alpha
    trimap: Trimap | None = None


@dataclass(frozen=True, eq=False)
class _Work:
    """What the matting is done on.

    Attributes:
        image: (h, w, 3) uint8, the photo reduced.
        trimap: (h, w).
        prior: What the map says.
        factor: How many of the photo's pixels one of these spans.
    """

    image: RGB8
    trimap: Trimap
    prior: Prior
    factor: int


def draw(
    view: View,
    coarse: Alpha,
    wish: Wish,
    *,
    drawn: Trimap | None = None,
    matting: Matter | None = None,
    threads: int = 1,
) -> Edge:
    """Draw the edge of a subject whose rough place is known.

    Args:
        view: The photo.
        coarse: (h, w), 0..1: the network's map, spread over the whole photo.
        wish: How.
        drawn: A trimap that the user gave; what it knows is taken at its word.
        matting: A network that draws the band instead.
        threads: How many threads may work; the result does not depend on it.
    """
    plain = wish.edges in ("none", "fast") and matting is None
    if plain:
        alpha = _plain(view, coarse, wish, threads)
        if drawn is not None:
            return Edge(keep_known(alpha, drawn), drawn)
        if not wish.trimap:
            return Edge(alpha)
        return Edge(alpha, _guessed(view, coarse, wish, threads)[1])
    if drawn is not None:
        if matting is not None:
            return Edge(matting.predict(view.picture.rgb8(), drawn), drawn)
        return Edge(_solved(view, drawn, wish, threads), drawn)
    work, trimap = _guessed(view, coarse, wish, threads)
    if matting is not None:
        return Edge(matting.predict(view.picture.rgb8(), trimap), trimap)
    return _eased(view, work, trimap, wish, threads)


def _plain(view: View, coarse: Alpha, wish: Wish, threads: int) -> Alpha:
    """The map enlarged, or refined at full size."""
    picture = view.picture
    if wish.edges == "none":
        return enlarge(coarse, picture.height, picture.width)
    return refine(picture.pixels, coarse, HOW, guide=view.guide, threads=threads)


def _guessed(view: View, coarse: Alpha, wish: Wish, threads: int) -> tuple[_Work, Trimap]:
    """The trimap that follows from the map, reduced with what goes with it, and at full size."""
    picture, factor = view.picture, view.guide.factor
    height, width = view.small.shape[:2]
    guide = make_guide(view.small, 2 if max(height, width) > ROUGH else 1, threads=threads)
    alpha = refine(view.small, coarse, HOW, guide=guide, threads=threads)
    settled = enlarge(settle(coarse), height, width)
    work = _worked(view.small, alpha, settled, factor)
    if wish.band is None:
        return work, trimaps.enlarged(work.trimap, 1 / factor, picture.height, picture.width)
    fine = refine(picture.pixels, coarse, HOW, guide=view.guide, threads=threads)
    whole = trimaps.fixed(fine, *wish.band)
    return replace(work, trimap=trimaps.reduced(whole, factor)), whole


def _worked(image: RGB8, alpha: Alpha, settled: Alpha, factor: int) -> _Work:
    """The trimap and the prior of an alpha and the map that it came from."""
    trimap = trimaps.adaptive(alpha, settled, trimaps.usual_radius(alpha.shape[0], alpha.shape[1]))
    both = np.asarray((alpha + settled) / 2, np.float32)
    weight = np.asarray(2 * both - 1, np.float32)
    for _ in range(DOUBLINGS):
        weight *= weight
    weight *= np.float32(PRIOR)
    prior = Prior(both, weight)
    return _Work(image, trimap, prior, factor)


def _eased(view: View, work: _Work, trimap: Trimap, wish: Wish, threads: int) -> Edge:
    """The alpha of a guessed trimap, by a few steps of closed-form matting on each level."""
    picture = view.picture
    while np.count_nonzero(work.trimap == UNKNOWN) > MOST:
        work = _halved(work)
    best = wish.edges == "best"
    alpha = eased_alpha(work.image, work.trimap, work.prior, steps=STEPS, threads=threads)
    image, factor = work.image, work.factor
    soft = (work.trimap == UNKNOWN) & _unsettled(alpha, 1.0, *alpha.shape)
    alpha = finer_alpha(image, soft, alpha, steps=MORE_STEPS[wish.edges], threads=threads)
    while best and factor > 1:
        finer = max(1, factor // 2)
        larger = _bytes(box_reduce(picture.pixels, finer, threads=threads))
        small = trimaps.reduced(trimap, finer)
        alpha = _finer(alpha, image, larger, small, finer / factor, threads)
        image, factor = larger, finer
    if factor == 1:
        return Edge(_joined(alpha, trimap, threads), trimap)
    rest = _undecided(alpha, trimap, 1 / factor)
    step = 1 / factor
    alpha = upsampled(alpha, image, picture.pixels, rest, step, clear=CLEAR, threads=threads)
    return Edge(alpha, trimap)


def _finer(
    alpha: Alpha, image: RGB8, larger: RGB8, trimap: Trimap, step: float, threads: int
) -> Alpha:
    """An alpha of `image` on a larger picture, where the colours there have their say."""
    unknown = trimap == UNKNOWN
    start = upsampled(alpha, image, larger, trimap, step, threads=threads)
    soft = unknown & _unsettled(alpha, step, larger.shape[0], larger.shape[1])
    return finer_alpha(larger, soft, start, steps=FINE_STEPS, threads=threads)


def _joined(alpha: Alpha, trimap: Trimap, threads: int) -> Alpha:
    """What is known, and in the band the alpha without the faint veil of smooth solutions."""
    result = np.empty_like(alpha)

    def work(tile: Box) -> None:
        where = tile.slices()
        result[where] = trimap[where] == FOREGROUND
        band = tight_box(trimap[where] == UNKNOWN, tile)
        if band is not None:
            part = band.slices()
            result[part] = keep_known(levels(alpha[part], CLEAR, 1 - CLEAR), trimap[part])

    each(work, tile_boxes(alpha.shape[0], alpha.shape[1], TILE), threads)
    return result


def _undecided(alpha: Alpha, trimap: Trimap, step: float) -> Trimap:
    """The trimap of a larger picture, without what an alpha of a smaller one has settled."""
    soft = dilated((alpha > SETTLED) & (alpha < 1 - SETTLED), BESIDE)
    small = np.where(alpha >= 0.5, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    small[soft] = UNKNOWN
    said = trimaps.enlarged(small, step, trimap.shape[0], trimap.shape[1])
    for rows in row_blocks(trimap.shape[0], trimap.shape[1]):
        np.copyto(said[rows], trimap[rows], where=trimap[rows] != UNKNOWN)
    return said


def _unsettled(alpha: Alpha, step: float, height: int, width: int) -> Mask:
    """Where a finer picture may still say something: near what is neither 0 nor 1."""
    soft = dilated((alpha > SETTLED) & (alpha < 1 - SETTLED), BESIDE)
    marks = np.where(soft, np.uint8(UNKNOWN), np.uint8(0))
    return np.asarray(trimaps.enlarged(marks, step, height, width) == UNKNOWN)


def _solved(view: View, drawn: Trimap, wish: Wish, threads: int) -> Alpha:
    """The alpha of a trimap that was drawn: closed-form matting, solved."""
    if wish.edges == "best" or view.guide.factor == 1:
        return solve_closed_form(_bytes(view.picture.pixels), drawn, threads=threads).alpha
    small = view.small
    factor = view.guide.factor
    alpha = solve_closed_form(small, trimaps.reduced(drawn, factor), threads=threads).alpha
    return upsampled(alpha, small, view.picture.pixels, drawn, 1 / factor, threads=threads)


def _halved(work: _Work) -> _Work:
    """The same on a picture of half the size."""
    image = np.asarray(box_reduce(work.image, 2), np.uint8)
    height, width = image.shape[:2]
    prior = Prior(
        enlarge(work.prior.alpha, height, width), enlarge(work.prior.weight, height, width)
    )
    return _Work(image, trimaps.reduced(work.trimap, 2), prior, 2 * work.factor)


def _bytes(pixels: Pixels) -> RGB8:
    """Pixels of 16 bits as bytes, rounded to the nearest."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray((pixels.astype(np.uint32) + 128) // 257, np.uint8)
