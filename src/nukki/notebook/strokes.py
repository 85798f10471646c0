"""Strokes of a round brush: what they cover, and what they do to a cut-out and to a hole.

They are what the page of `nukki serve` does: a stroke says what is meant, and where it snaps, that
part of it counts which lies on the thing that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from nukki.pipelines.results import Cutout, Instance
from nukki.types import Alpha, Box, Mask, Pixels, Point

__all__ = ["Kind", "Stroke", "marked", "mixed_in", "painted", "some_of", "stroke_of"]

Kind: TypeAlias = Literal["restore", "remove", "mark", "unmark"]

_CLICKS = 8  # points of a stroke that show the thing
_LEAST = 0.08  # share of a stroke on a thing below which the stroke stays as it was drawn
_HALF = np.float32(0.5)


@dataclass(frozen=True, eq=False)
class Stroke:
    """A stroke on a photo.

    Attributes:
        kind: "restore" and "remove" change the cut-out, "mark" and "unmark" what is erased.
        box: Bounds of what it covers.
        cover: (box.height, box.width) float32 in 0..1: how much of each pixel counts.
        snapped: Whether only what lies on a thing counts.
        colours: (box.height, box.width, 3): what comes back where that is not the photo's own: the
            thing's colours in its soft edges.
    """

    kind: Kind
    box: Box
    cover: Alpha
    snapped: bool = False
    colours: Pixels | None = None

    def on(self, thing: Instance, *, threads: int = 1) -> Stroke:
        """The stroke on a thing; as it was drawn where hardly any of it lies on the thing."""
        inside, alpha = self.cover >= _HALF, _alpha_in(thing, self.box)
        on_it = inside & (alpha >= _HALF)
        if int(np.count_nonzero(on_it)) < _LEAST * int(np.count_nonzero(inside)):
            return self
        colours = None
        if self.kind == "restore":
            colours = thing.cut(threads=threads).foreground[self.box.slices()]
        return replace(self, cover=self.cover * alpha, snapped=True, colours=colours)


def _alpha_in(thing: Instance, box: Box) -> Alpha:
    """A thing's alpha in a box."""
    support, result = thing.segment.support, np.zeros((box.height, box.width), np.float32)
    both = box.within(support)
    if both.width > 0 and both.height > 0:
        levels = thing.segment.levels[_inside(both, support)]
        result[_inside(both, box)] = levels / np.float32(255)
    return result


def _inside(box: Box, other: Box) -> tuple[slice, slice]:
    """Rows and columns of a box in an array that holds another one around it."""
    rows = slice(box.top - other.top, box.bottom - other.top)
    return rows, slice(box.left - other.left, box.right - other.left)


def some_of(points: Sequence[Point]) -> list[Point]:
    """A few points along a whole stroke, which show what it is on."""
    count, last = min(_CLICKS, len(points)), len(points) - 1
    return [points[round(place * last / max(1, count - 1))] for place in range(count)]


def stroke_of(
    kind: Kind, points: Sequence[Point], radius: float, size: tuple[int, int]
) -> Stroke | None:
    """A stroke along points; None where it covers no pixel.

    Its rim is soft over a sixth of the radius, as the page's is.

    Args:
        kind: What it does.
        points: Its way; one point is a dab.
        radius: In pixels, above 0.
        size: (height, width) of the photo.
    """
    reach = radius + 1
    xs, ys = [point.x for point in points], [point.y for point in points]
    # The first pixel's centre is (0, 0), so its sides lie at -0.5 and 0.5.
    box = Box(
        int(np.floor(min(xs) - reach)),
        int(np.floor(min(ys) - reach)),
        int(np.ceil(max(xs) + reach)) + 1,
        int(np.ceil(max(ys) + reach)) + 1,
    ).within(Box(0, 0, size[1], size[0]))
    if box.width < 1 or box.height < 1:
        return None
    cover = np.zeros((box.height, box.width), np.float32)
    for start, end in zip(points, [*points[1:], points[-1]], strict=True):
        _draw(cover, box, start, end, radius)
    return Stroke(kind, box, cover) if cover.any() else None


def _draw(cover: Alpha, box: Box, start: Point, end: Point, radius: float) -> None:
    """One straight piece of a stroke, into the cover of the whole; in place."""
    reach = radius + 1
    part = Box(
        int(np.floor(min(start.x, end.x) - reach)),
        int(np.floor(min(start.y, end.y) - reach)),
        int(np.ceil(max(start.x, end.x) + reach)) + 1,
        int(np.ceil(max(start.y, end.y) + reach)) + 1,
    ).within(box)
    if part.width < 1 or part.height < 1:
        return
    y, x = np.ogrid[part.top : part.bottom, part.left : part.right]
    along_x, along_y = end.x - start.x, end.y - start.y
    length = along_x * along_x + along_y * along_y
    from_x, from_y = x - np.float32(start.x), y - np.float32(start.y)
    # How far along the piece each pixel is nearest to it, 0 at its start and 1 at its end.
    place = np.clip((from_x * along_x + from_y * along_y) / (length or 1.0), 0, 1)
    away = np.hypot(from_x - place * along_x, from_y - place * along_y)
    inside = np.clip((radius + 0.5 - away) / max(1.0, radius / 6), 0, 1)
    target = cover[_inside(part, box)]
    np.maximum(target, inside.astype(np.float32), out=target)


def painted(cut: Cutout, strokes: Sequence[Stroke]) -> Cutout:
    """A cut-out after strokes: "restore" brings pixels back, "remove" takes them out.

    What was never painted keeps its bits, and what the photo's file had cut away stays away.
    """
    strokes = [one for one in strokes if one.kind in ("restore", "remove")]
    if not strokes:
        return cut
    alpha, foreground = cut.alpha.copy(), cut.foreground.copy()
    for one in strokes:
        part, share = one.box.slices(), one.cover
        if one.kind == "remove":
            alpha[part] *= 1 - share
            continue
        own = _own_alpha(cut, one.box)
        # A thing's own edge is what a snapped stroke brings back, once and not again.
        raised = share if one.snapped else alpha[part] + (1 - alpha[part]) * share
        fresh = cut.picture.pixels[part] if one.colours is None else one.colours
        _raise(alpha, foreground, one.box, np.minimum(raised, own), fresh)
    return _changed(cut, alpha, foreground)


def mixed_in(cut: Cutout, things: Sequence[Instance]) -> Cutout:
    """A cut-out with things put into it, in their own soft edges."""
    if not things:
        return cut
    alpha, foreground = cut.alpha.copy(), cut.foreground.copy()
    for one in things:
        more, box = one.cut(threads=cut.threads), one.segment.support
        part = box.slices()
        _raise(alpha, foreground, box, more.alpha[part], more.foreground[part])
    return _changed(cut, alpha, foreground)


def _raise(alpha: Alpha, foreground: Pixels, box: Box, wanted: Alpha, fresh: Pixels) -> None:
    """Where more is wanted than is there, it comes with its colours; in place."""
    part = box.slices()
    more = wanted > alpha[part]
    foreground[part][more] = fresh[more]
    alpha[part] = np.maximum(alpha[part], wanted)


def _own_alpha(cut: Cutout, box: Box) -> Alpha:
    """What the photo's file has of each pixel of a box, 0..1."""
    own = cut.picture.alpha
    if own is None:
        return np.ones((box.height, box.width), np.float32)
    return np.asarray(own[box.slices()] / np.float32(np.iinfo(own.dtype).max), np.float32)


def _changed(cut: Cutout, alpha: Alpha, foreground: Pixels) -> Cutout:
    found = bool((alpha >= _HALF).any())
    return replace(cut, alpha=alpha, foreground=foreground, found=found, trimap=None)


def marked(strokes: Sequence[Stroke], size: tuple[int, int]) -> tuple[Mask, Mask]:
    """What strokes put into a hole, and what they take out of it, (H, W) bool; the last one counts.

    Args:
        strokes: Of any kind; only "mark" and "unmark" count.
        size: (height, width) of the photo.
    """
    into, out = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for one in strokes:
        if one.kind not in ("mark", "unmark"):
            continue
        part, inside = one.box.slices(), one.cover >= _HALF
        into[part] = (into[part] & ~inside) | (inside & (one.kind == "mark"))
        out[part] = (out[part] & ~inside) | (inside & (one.kind == "unmark"))
    return into, out
