"""The shadow that a thing casts on the ground.

A thing that stands before the camera throws its own silhouette on even ground, sheared and
foreshortened: what is at height z above its base falls on

    x' = x + s · z,    y' = base + k · z

and parallel light gives all of the thing the same s and k. So the ground is looked at along the
silhouette for every (s, k) of a grid, in six bands of height. A shadow is darker than what lies on
either side of it, in every band, and by more than the ground's own texture; its colour stays, since
less light changes brightness much and log-chromaticities little (Finlayson, Hordley, Lu, Drew 2006,
"On the removal of shadows from images", TPAMI 28(1)). The edge of a road or of a wall is dark on
one side only, a row of trees goes on where the form ends, what is dark before the sky has no ground
beside it like that at the thing's foot, and a form that is too flat is any band.
How sure all this makes it is a logistic curve, fitted on people pasted into places with shadows of
known shape (docs/erasing.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.discs import dilated
from nukki.ops.ground import Cast, Ground, placed, smoothed
from nukki.types import Mask

__all__ = ["cast_shadow"]

_BANDS = 6
_SIDES = 3  # what is inside, left and right
_SHEAR, _SHEARS = 1.3, 53  # largest |s|, and how many are tried
_SHORTEST, _LONGEST, _LENGTHS = 0.08, 0.5, 10  # |k|, and how many are tried up and down
_RING, _GAP = 0.06, 2  # beside the silhouette: share of the height, and cells that are left out
_ROUNDED = 3  # rows above and below that say how far a row of the silhouette reaches
_SEEN = 0.3  # share of a band that has to be seen
_BANDS_SEEN = 4
_COARSE = 3  # one cell of so many is looked at while candidates are sought
_PEAKS = 5  # candidates that are looked at closely
_APART = 0.3, 0.7  # in s and in log k: candidates that are nearer are one
_MOST_RED, _LEAST_BLUE, _MOST_BLUE = 0.13, -0.12, 0.22  # shift of a shadow's log-chromaticity
_EDGES = 0.25  # of a shadow's contrast: what its own edges look like as texture
_MOST_TEXTURE = 0.5  # log of the ratio of texture within and beside
_DARKEST = 1.4  # a shadow leaves a quarter of the light; what is darker is a thing
_FAINTEST = 0.02

# The logistic curve: of noise of the ground beside and within over contrast, length, texture, the
# darker side's contrast over that of both, and how far the darkness goes on.
_WEIGHTS = np.array([-2.7, -1.8, 4.0, -5.5, 2.9, -0.3])
_BIAS = -1.35

_GROWN = 0.07  # of the height: how far from the model a shadow's edge may lie
_CLEAR, _AROUND = 3, 8  # cells beside the model: from there to there it is lit
_FOOT = (
    0.03,
    0.2,
    0.5,
)  # of the height: above and below the base, and beside: the ground at the foot
_LIGHTER = 0.6  # in logarithms: what is so much lighter than the ground at the foot is another
_MIDDLE = 0.5  # of its contrast: from there on what lies beyond the model is as dark
_REACHED = 0.3  # of its contrast: what is as dark beside the model is shadow too


def cast_shadow(ground: Ground) -> Cast | None:
    """The likeliest cast shadow of a thing; None where nothing looks like one.

    Args:
        ground: Around the thing.
    """
    shape = _Shape.of(ground)
    if shape is None:
        return None
    found = _candidates(shape)
    if found is None:
        return None
    sure = found.confidence()
    best = int(sure.argmax())
    if sure[best] <= 0:
        return None
    lean = float(found.shear[best]), float(found.length[best])
    model = shape.painted(*lean)
    lit = _lit(ground, model)
    under = model & ground.free
    if not under.any():
        return None
    # Where it is narrow its core alone is as dark as it is.
    dark = max(float(np.quantile((lit - ground.light)[under], 0.75)), float(found.both[best]))
    mask = _fitted(ground, model, lit, dark)
    return placed(ground, mask, "shadow", float(sure[best]), 1 - math.exp(-dark), lean)


@dataclass(frozen=True, eq=False)
class _Measures:
    """What the ground looks like along sheared silhouettes, an entry each.

    Attributes:
        shear: s.
        length: k.
        seen: How many bands can be seen.
        mean: Contrast to the darker side, mean of the bands.
        second: Likewise, the second least of the bands.
        both: Contrast to both sides, mean of the bands.
        hue: (2, n): shift of the log-chromaticities.
        texture: Log of the ratio of texture within and beside.
        beside: Noise of the lightness beside.
        within: Noise of the lightness within.
        beyond: Dark cells that hang on to it and lie beyond its form, over its own; 0 as long as
            it is not asked for.
        above: How much lighter what lies around it is than the ground at the thing's foot;
            likewise.
    """

    shear: NDArray[np.float64]
    length: NDArray[np.float64]
    seen: NDArray[np.intp]
    mean: NDArray[np.float64]
    second: NDArray[np.float64]
    both: NDArray[np.float64]
    hue: NDArray[np.float64]
    texture: NDArray[np.float64]
    beside: NDArray[np.float64]
    within: NDArray[np.float64]
    beyond: NDArray[np.float64]
    above: NDArray[np.float64]

    def score(self) -> NDArray[np.float64]:
        """What candidates are compared by; -inf where too little is seen."""
        red, blue = self.hue
        off = np.hypot(np.maximum(np.abs(red) - 0.02, 0), np.maximum(np.abs(blue - 0.03) - 0.03, 0))
        return np.where(
            self.seen >= _BANDS_SEEN, 0.5 * self.mean + 0.5 * self.second - off, -np.inf
        )

    def features(self) -> NDArray[np.float64]:
        """(n, 6): what the logistic curve is of."""
        contrast = np.maximum(self.both, 0.05)
        return np.stack(
            [
                np.minimum(self.beside / contrast, 3),
                np.minimum(self.within / contrast, 3),
                np.minimum(np.hypot(self.shear, self.length), 1),
                np.abs(self.texture),
                np.clip(self.mean / contrast, -1, 2),
                np.log1p(self.beyond),
            ],
            axis=1,
        )

    def possible(self) -> NDArray[np.bool_]:
        """Whether each can be a shadow at all."""
        red, blue = self.hue
        same_hue = (np.abs(red) < _MOST_RED) & (blue > _LEAST_BLUE) & (blue < _MOST_BLUE)
        same_texture = np.abs(self.texture) < _MOST_TEXTURE
        dark = (self.second > _FAINTEST) & (self.both < _DARKEST)
        ground = self.above < _LIGHTER
        seen = self.seen >= _BANDS_SEEN
        return np.asarray(seen & same_hue & same_texture & dark & ground, np.bool_)

    def confidence(self) -> NDArray[np.float64]:
        """How sure each is, 0 to 1."""
        chance = 1 / (1 + np.exp(-((self.features() * _WEIGHTS).sum(axis=1) + _BIAS)))
        return np.where(self.possible(), chance, 0.0)

    def at(self, places: NDArray[np.intp]) -> _Measures:
        """Some of them."""
        return _Measures(
            **{name: getattr(self, name)[..., places] for name in self.__dataclass_fields__}
        )

    def joined(self, other: _Measures) -> _Measures:
        """These and others."""
        return _Measures(
            **{
                name: np.concatenate([getattr(self, name), getattr(other, name)], axis=-1)
                for name in self.__dataclass_fields__
            }
        )


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells of a silhouette and of the strips beside it, in order of their groups.

    Attributes:
        heights: Above the base, (n,).
        columns: (n,).
        groups: The groups that have cells: three times the band, plus the side.
        starts: Where each of these begins.
        count: How many cells every group has.
    """

    heights: NDArray[np.float64]
    columns: NDArray[np.float64]
    groups: NDArray[np.intp]
    starts: NDArray[np.intp]
    count: NDArray[np.intp]

    @classmethod
    def of(
        cls, heights: NDArray[np.intp], columns: NDArray[np.intp], group: NDArray[np.intp]
    ) -> _Cells:
        """Those at the middles of some cells, sorted by group."""
        groups, starts = np.unique(group, return_index=True)
        count = np.bincount(group, minlength=_BANDS * _SIDES)
        middles = np.stack([heights, columns]).astype(np.float64) + 0.5
        return cls(middles[0], middles[1], groups, starts, count)


class _Shape:
    """A silhouette with a strip on either side, by height above the base.

    Attributes:
        ground: Around the thing.
        inside: Heights and columns of the silhouette's cells.
    """

    def __init__(self, ground: Ground, kinds: NDArray[np.intp]) -> None:
        self.ground = ground
        heights, columns = np.nonzero(kinds == 1)
        self.inside = heights, columns
        heights, columns = np.nonzero(kinds)
        band = np.minimum(heights * _BANDS // len(kinds), _BANDS - 1)
        group = band * _SIDES + kinds[heights, columns] - 1
        order = np.argsort(group, kind="stable")
        self._fine = _Cells.of(heights[order], columns[order], group[order])
        some = order[::_COARSE]
        self._coarse = _Cells.of(heights[some], columns[some], group[some])
        free = ground.free.astype(np.float32)
        light = ground.light
        planes = np.stack([np.ones_like(light), light, light**2, *ground.chroma, ground.texture])
        # One row more stands for all that lies outside the window.
        self._table = np.zeros((free.size + 1, len(planes)), np.float32)
        self._table[:-1] = (planes * free).reshape(len(planes), -1).T

    @classmethod
    def of(cls, ground: Ground) -> _Shape | None:
        """The shape of a ground's thing; None where it has no height."""
        count = round(ground.height)
        rows = np.floor(ground.base - np.arange(count) - 0.5).astype(np.intp)
        silhouette = ground.own[np.clip(rows, 0, len(ground.own) - 1)] > 0.5
        if not silhouette.any():
            return None
        kinds = silhouette.astype(np.intp)
        ring = max(3, round(_RING * ground.height))
        across = np.arange(silhouette.shape[1])
        for row in range(count):
            near = silhouette[max(0, row - _ROUNDED) : row + _ROUNDED + 1].any(axis=0)
            found = np.flatnonzero(near)
            if len(found):
                left, right = found[0] - _GAP, found[-1] + _GAP
                kinds[row, (across < left) & (across >= left - ring)] = 2
                kinds[row, (across > right) & (across <= right + ring)] = 3
        return cls(ground, kinds)

    def measured(
        self, shear: NDArray[np.float64], length: float, *, coarse: bool = False
    ) -> _Measures:
        """The ground along silhouettes of one k and several s, (n,), by all cells or by some."""
        cells = self._coarse if coarse else self._fine
        height, width = self.ground.free.shape
        rows = np.floor(self.ground.base + length * cells.heights).astype(np.intp)
        columns = np.floor(cells.columns + shear[:, None] * cells.heights).astype(np.intp)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        places = np.where(inside, rows * width + columns, height * width)
        sums = np.add.reduceat(self._table[places], cells.starts, axis=1).astype(np.float64)
        every = np.zeros((len(shear), _BANDS * _SIDES, sums.shape[2]))
        every[:, cells.groups] = sums
        return _measures(every, cells.count, shear, length)

    def painted(self, shear: float, length: float) -> Mask:
        """Where the shadow would fall, (h, w)."""
        height, width = self.ground.free.shape
        result = np.zeros((height, width), np.bool_)
        for part in (0.25, 0.75):
            rows = np.floor(self.ground.base + length * (self.inside[0] + part)).astype(np.intp)
            columns = np.floor(self.inside[1] + 0.5 + shear * (self.inside[0] + part))
            across = columns.astype(np.intp)
            kept = (rows >= 0) & (rows < height) & (across >= 0) & (across < width)
            result[rows[kept], across[kept]] = True
        return result


def _measures(
    sums: NDArray[np.float64], whole: NDArray[np.intp], shear: NDArray[np.float64], length: float
) -> _Measures:
    """From sums over the bands and sides, (n, groups, planes), to what they say."""
    count = sums[..., 0]
    enough = count >= np.maximum(4, _SEEN * whole)
    means = sums[..., 1:] / np.maximum(count, 1)[..., None]
    shape = len(shear), _BANDS, _SIDES
    enough = enough.reshape(shape)
    light, square, red, blue, texture = (
        means[..., plane].reshape(shape) for plane in range(means.shape[2])
    )
    seen = enough.all(axis=2)
    bands = seen.sum(axis=1)

    def over(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.where(seen, values, 0).sum(axis=1) / np.maximum(bands, 1))

    beside = (light[..., 1] + light[..., 2]) / 2 - light[..., 0]
    least = np.minimum(light[..., 1], light[..., 2]) - light[..., 0]
    sorted_ = np.sort(np.where(seen, least, np.inf), axis=1)
    noise = np.sqrt(np.maximum(square - light**2, 0))
    # The shadow's own edges are no texture of the ground.
    edges = _EDGES * np.maximum(beside, 0) + _FAINTEST
    ratio = np.log((texture[..., 0] + edges) / (texture[..., 1:].mean(axis=2) + edges))
    hue = [over(one[..., 0] - one[..., 1:].mean(axis=2)) for one in (red, blue)]
    return _Measures(
        shear=shear,
        length=np.full(len(shear), length),
        seen=bands,
        mean=over(least),
        second=np.where(bands >= 2, sorted_[:, 1], 0.0),
        both=over(beside),
        hue=np.stack(hue),
        texture=over(ratio),
        beside=over(noise[..., 1:].mean(axis=2)),
        within=over(noise[..., 0]),
        beyond=np.zeros(len(shear)),
        above=np.zeros(len(shear)),
    )


def _candidates(shape: _Shape) -> _Measures | None:
    """The best few of the grid, brought to the tops of their hills; None where nothing is seen."""
    shears = np.linspace(-_SHEAR, _SHEAR, _SHEARS)
    lengths = np.geomspace(_SHORTEST, _LONGEST, _LENGTHS)
    every: _Measures | None = None
    for length in (*-lengths[::-1], *lengths):
        one = shape.measured(shears, float(length), coarse=True)
        every = one if every is None else every.joined(one)
    if every is None or not np.isfinite(every.score()).any():
        return None
    chosen: list[int] = []
    score = every.score()
    for place in np.argsort(-score, kind="stable"):
        if len(chosen) == _PEAKS or not np.isfinite(score[place]):
            break
        if not any(_alike(every, int(place), other) for other in chosen):
            chosen.append(int(place))
    peaks = [_climbed(shape, float(every.shear[one]), float(every.length[one])) for one in chosen]
    result = peaks[0]
    for one in peaks[1:]:
        result = result.joined(one)
    return result


def _alike(every: _Measures, one: int, other: int) -> bool:
    """Whether two leans are neighbours."""
    if every.length[one] * every.length[other] < 0:
        return False
    if abs(every.shear[one] - every.shear[other]) >= _APART[0]:
        return False
    return abs(math.log(every.length[one] / every.length[other])) < _APART[1]


def _climbed(shape: _Shape, shear: float, length: float) -> _Measures:
    """The best lean near a peak, in ever finer rounds: turned, and longer or shorter as it is."""
    peak = shape.measured(np.array([shear]), length)
    step, factor = _SHEAR / (_SHEARS - 1), 1.2
    for _ in range(3):
        shear, length = float(peak.shear[0]), float(peak.length[0])
        for stretch in (1 / factor, 1.0, factor):
            if abs(length * stretch) < _SHORTEST:
                continue
            turned = np.array([-step, 0, step])
            shears = np.concatenate([shear + turned, shear * stretch + turned])
            near = shape.measured(shears, length * stretch)
            best = int(near.score().argmax())
            if near.score()[best] > peak.score()[0]:
                peak = near.at(np.array([best]))
        step, factor = step / 2, math.sqrt(factor)
    model = shape.painted(float(peak.shear[0]), float(peak.length[0]))
    beyond = _beyond(shape.ground, model, float(peak.both[0]))
    above = _above(shape.ground, model)
    return replace(peak, beyond=np.array([beyond]), above=np.array([above]))


def _beyond(ground: Ground, model: Mask, contrast: float) -> float:
    """How much darkness hangs on to a shadow beyond its form, over its own area."""
    under = model & ground.free
    if not under.any():
        return 0.0
    middle = float(ground.light[under].mean()) + _MIDDLE * max(contrast, _FAINTEST)
    pieces = find_pieces((ground.free & (ground.light < middle)) | model)
    whole = pieces.mask(pieces.largest(model.astype(np.float32)) > 0.5) & ground.free
    away = whole & ~dilated(model, max(2, round(_GROWN * ground.height)))
    return float(np.count_nonzero(away) / np.count_nonzero(under))


def _above(ground: Ground, model: Mask) -> float:
    """How much lighter (in logarithms) it is around a shadow than at the thing's foot."""
    near = dilated(model, _CLEAR)
    around = dilated(model, _AROUND) & ~near & ground.free
    rows = np.arange(len(ground.free))[:, None] - ground.base
    low = (rows >= -_FOOT[0] * ground.height) & (rows < _FOOT[1] * ground.height)
    beside = dilated(ground.own > 0.5, round(_FOOT[2] * ground.height))
    foot = ground.free & low & beside & ~near
    if not around.any() or not foot.any():
        return 0.0
    return float(np.median(ground.light[around]) - np.median(ground.light[foot]))


def _lit(ground: Ground, model: Mask) -> NDArray[np.float32]:
    """How light the ground would be without a shadow: as it is a little farther away."""
    reach = max(2, round(_GROWN * ground.height))
    away = ground.free & ~dilated(model, max(1, reach // 2))
    return smoothed(ground.light, away, 1.5 * reach)


def _fitted(ground: Ground, model: Mask, lit: NDArray[np.float32], contrast: float) -> Mask:
    """The model with what is dark right beside it: shadows follow bodies, not silhouettes."""
    around = dilated(model, max(2, round(_GROWN * ground.height)))
    dark = ground.free & around & (lit - ground.light > _REACHED * contrast)
    pieces = find_pieces(dark | dilated(model, 1))
    core = pieces.largest(model.astype(np.float32)) > 0.5
    return dilated(pieces.mask(core), 1)
