"""Somebody who was not there comes into a photo: found neighbours → size → light → grain → layers.

What the cut-out covers changes, and nothing else: outside of it and of its shadow every pixel of
the photo is bit-identical.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.alpha import bounds
from nukki.ops.bodies import Body, body_of
from nukki.ops.foreground import estimate_foreground
from nukki.ops.grain import grain_of, grainy, missing
from nukki.ops.light import Light, light_of, tint_of
from nukki.ops.placing import Frame, Spot
from nukki.pipelines.backgrounds import converted
from nukki.pipelines.choice import PERSON
from nukki.pipelines.place_words import place_of
from nukki.pipelines.replace_options import AddOptions, PlaceOptions
from nukki.pipelines.results import Cutout, Instance, Segmentation
from nukki.pipelines.scene import Scene, framed, spot_of, subject_sheets
from nukki.pipelines.segment import Finder, segment
from nukki.pipelines.sheets import Replaced, Sheet, merged
from nukki.types import Alpha, Box, Pixels

__all__ = ["add", "looks_for_people"]

_BESIDE = 2  # people whose size, light and feet count: the nearest across
_ON_FLOOR = 0.99  # of the photo's height: who reaches lower has no feet in it
_STRENGTH = 1.3  # people tell more about their light than places do
_AROUND = 64  # pixels around what stands in front that its edge colours are estimated from
_MOST_FACTOR = 20.0


@dataclass(frozen=True)
class _Standing:
    """How the cut-out stands among the people beside it."""

    spot: Spot
    beside: tuple[Instance, ...]
    notes: tuple[str, ...]


def looks_for_people(options: PlaceOptions, how: AddOptions) -> bool:
    """Whether `add` asks a finder."""
    return how.behind is not None or how.match_head or options.light_match or _floats(options)


def add(
    picture: Picture,
    cutout: Cutout,
    options: PlaceOptions,
    how: AddOptions,
    *,
    finder: Finder | None = None,
    threads: int = 1,
) -> Replaced:
    """Put a cut-out into another photo.

    Args:
        picture: The photo that it comes into.
        cutout: Who comes in.
        options: Where to and with what; `size`, `fit` and `blur` are for backgrounds.
        how: Behind whom, and what is matched.
        finder: Finds the people of the photo; needed where `looks_for_people`.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        A picture of the photo's size, depth and colour space, with its profile and EXIF.

    Raises:
        NothingFound: If the cut-out is empty, nobody is what `behind` says, or there is nobody to
            take the size from.
        InputError: If options contradict each other, or the place lies outside.
    """
    started = time.perf_counter()
    _check(options, how)
    foreground = converted(cutout.picture, cutout.foreground, picture)
    frame = framed(cutout.alpha, foreground)
    if frame is None or not cutout.found:
        message = "there is no subject in the picture that is added"
        raise NothingFound(message, hint="say what counts as the subject: --subject people")
    things = None
    if looks_for_people(options, how):
        if finder is None:
            message = "people in a photo are needed, and nothing finds them"
            raise InputError(message, hint="give a finder")
        things = segment(picture, finder)
    found = time.perf_counter()
    front: tuple[Instance, ...] = ()
    if how.behind is not None and things is not None:
        front = things.choose(how.behind, option="behind").instances
    stand = _stand(picture, cutout, frame, options, how, things, finder)
    one = Scene(picture, foreground, cutout.alpha, stand.spot, options, threads)
    if options.light_match:
        own = tint_of(cutout.picture.rgb8())
        light = _light(picture, stand.beside)
        one = one.lit(light, tints=(own, tint_of(picture.rgb8())), strength=_STRENGTH)
    sheets = subject_sheets(one)
    if how.grain_match:
        sheets = (*sheets[:-1], _grained(picture, sheets[-1]))
    every = (Sheet("background", picture.pixels), *sheets)
    if front:
        every = (*every, _in_front(picture, front, sheets, threads))
    size = picture.height, picture.width
    done = merged(picture, every, size, linear=options.linear, threads=threads)
    return replace(
        done,
        alpha=_own_alpha(picture, sheets),
        notes=(*picture.notes, *stand.notes),
        confidence=cutout.confidence,
        road="added",
        seconds={"finding": found - started, "putting": time.perf_counter() - found},
    )


def _check(options: PlaceOptions, how: AddOptions) -> None:
    for name, value in (("size", options.size), ("blur", options.blur)):
        if value is not None:
            message = f"`{name}` goes with a new background, and somebody is added to a photo"
            raise InputError(message, hint=f"leave out --{name}")
    if how.match_head and (options.scale is not None or options.margin is not None):
        other = "scale" if options.scale is not None else "margin"
        message = f"`match_head` and `{other}` both say how large the cut-out becomes"
        raise InputError(message, hint="give one of them")


def _floats(options: PlaceOptions) -> bool:
    """Whether nothing says how high the cut-out stands."""
    return options.margin is None and (options.place is None or _unsaid(options))


def _unsaid(options: PlaceOptions) -> bool:
    down = place_of(options.place)[1]
    return down.word is None and down.at is None


def _stand(
    picture: Picture,
    cutout: Cutout,
    frame: Frame,
    options: PlaceOptions,
    how: AddOptions,
    things: Segmentation | None,
    finder: Finder | None,
) -> _Standing:
    """Where the cut-out stands and how large it is."""
    canvas = picture.height, picture.width
    # As high a share of this photo as of its own, where nothing says more.
    factor = picture.height / frame.height
    spot = spot_of(frame, options, canvas=canvas, factor=factor)
    people = () if things is None else _people(things)
    beside = _nearest(people, (spot.target.left + spot.target.right) / 2)
    notes: list[str] = []
    if how.match_head and finder is not None:
        bodies = [body for one in beside if (body := body_of(one.crop)) is not None]
        factor, note = _by_heads(_own_body(cutout, frame, finder), bodies)
        notes.append(note)
        spot = spot_of(frame, options, canvas=canvas, factor=factor)
    if beside and _floats(options):
        spot = _on_their_floor(picture, frame, spot, beside)
    if frame.cut[3] and spot.target.bottom < picture.height:
        notes.append(
            "the picture that is added ends at its lower edge, which hangs free now: "
            "place it lower, or behind somebody"
        )
    return _Standing(spot, beside, tuple(notes))


def _people(things: Segmentation) -> tuple[Instance, ...]:
    return tuple(one for one in things.everything if one.label.casefold() == PERSON)


def _nearest(people: Sequence[Instance], across: float) -> tuple[Instance, ...]:
    """The people nearest to a column; children and passers-by far away are nobody's measure."""

    def away(one: Instance) -> tuple[float, int]:
        return abs((one.box.left + one.box.right) / 2 - across), one.number

    return tuple(sorted(people, key=away)[:_BESIDE])


def _own_body(cutout: Cutout, frame: Frame, finder: Finder) -> Body | None:
    """The sizes of the largest person in the cut-out; of all of it where nobody is found."""
    people = [
        one
        for one in _people(segment(cutout.picture, finder))
        if float(cutout.alpha[one.box.slices()][one.crop].mean()) >= 0.5
    ]
    if people:
        return body_of(max(people, key=lambda one: one.area).crop)
    return body_of(cutout.alpha[frame.box.slices()] > 0.5)


def _by_heads(own: Body | None, others: Sequence[Body]) -> tuple[float, str]:
    """How many times as large the cut-out becomes, and what a user should know of it."""
    if own is None or not others:
        whose = "the picture that is added" if own is None else "the photo"
        message = f"`match_head` finds nobody in {whose}"
        raise NothingFound(message, hint="give --scale instead")
    heads = [body.head for body in others if body.head is not None]
    if own.head is not None and heads:
        factor, told = median(heads) / own.head, "by the sizes of heads"
    else:
        factor = median(body.trunk for body in others) / own.trunk
        told = "by the breadth of trunks, since heads do not stand out (--scale says it exactly)"
    if not 1 / _MOST_FACTOR <= factor <= _MOST_FACTOR:
        message = f"`match_head` would make the cut-out {factor:.2g} times as large"
        raise InputError(message, hint="give --scale instead")
    return factor, f"the cut-out is {factor:.2f} times as large, {told}"


def _on_their_floor(picture: Picture, frame: Frame, spot: Spot, beside: Sequence[Instance]) -> Spot:
    """The spot moved up or down to where the people beside it stand."""
    bottoms = [one.box.bottom for one in beside]
    standing = max(bottoms) <= _ON_FLOOR * picture.height and not frame.cut[3]
    target = spot.target
    if standing:
        top = round(median(bottoms)) - target.height
    elif frame.cut[3]:
        top = max(picture.height, target.bottom) - target.height
    else:
        top = round(median(one.box.top for one in beside))
    moved = Box(target.left, top, target.right, top + target.height)
    changed = replace(spot, target=moved)
    return changed if changed.seen else spot


def _light(picture: Picture, beside: Sequence[Instance]) -> Light | None:
    """That of the people beside; of the whole photo where there is nobody."""
    weight: Alpha | None = None
    for one in beside:
        weight = one.alpha if weight is None else np.maximum(weight, one.alpha)
    return light_of(picture.pixels, weight)


def _grained(picture: Picture, sheet: Sheet) -> Sheet:
    """The subject's layer with the photo's grain, as far as it has less."""
    if sheet.alpha is None:
        return sheet
    own, target = grain_of(sheet.pixels, sheet.alpha >= 1), grain_of(picture.pixels)
    if own is None or target is None:
        return sheet
    return replace(sheet, pixels=grainy(sheet.pixels, sheet.alpha, missing(own, target)))


def _in_front(
    picture: Picture, front: Sequence[Instance], sheets: Sequence[Sheet], threads: int
) -> Sheet:
    """What stands before the cut-out, as far as that or its shadow touches it."""
    cover = np.zeros((picture.height, picture.width), np.float32)
    for one in front:
        cover += one.alpha
    np.minimum(cover, 1, out=cover)
    touched = np.zeros(cover.shape, np.bool_)
    for sheet in sheets:
        if sheet.alpha is not None:
            touched |= sheet.alpha > 0
    colours = picture.pixels
    box = bounds(cover * touched)
    if box is not None:
        part = box.grown(_AROUND, *cover.shape).slices()
        own: Pixels = colours[part]
        colours = colours.copy()
        colours[part] = estimate_foreground(own, cover[part], threads=threads)
    return Sheet("in front", colours, np.where(touched, cover, np.float32(0)))


def _own_alpha(picture: Picture, sheets: Sequence[Sheet]) -> Any:
    """The photo's own transparency, less what the cut-out covers of it."""
    if picture.alpha is None:
        return None
    top = np.iinfo(picture.alpha.dtype).max
    alpha = picture.alpha.astype(np.float32) / top
    for sheet in sheets:
        if sheet.alpha is not None:
            alpha = sheet.alpha + alpha * (1 - sheet.alpha)
    return np.rint(alpha * top).astype(picture.alpha.dtype)
