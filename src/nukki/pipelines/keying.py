"""Cutting by colour: `key`, `flood`, `despill`, `keep_shadow`.

A saturated screen tells the subject alone, and no network is asked. Before grey or white (`key` =
auto) the colour decides the edge and the network the inside: a white shirt is no hole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops.chroma import Keyed, at_cells, doubt, key_alpha, unmix
from nukki.ops.components import find_pieces
from nukki.ops.despill import despill, surrounding_light
from nukki.ops.flood import flood, paper_of
from nukki.ops.hues import to_ycc
from nukki.ops.reduce import box_reduce
from nukki.ops.refine import Guide, guide_factor, make_guide
from nukki.ops.screens import Screen, eroded, find_screen, look_at_border, shadows
from nukki.ops.tiles import each, tile_boxes
from nukki.pipelines.colours import parse_colour
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.subjects import Subject
from nukki.types import Alpha, Box, Mask, Pixels

__all__ = ["ByColour", "by_colour", "colour_alone", "joined", "screen_hint", "without_spill"]

PURE = {"green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
BAND = 0.012  # of the longer side: how far beside the network's edge the colour decides
FAINT = 0.05  # up to this, and from 1 less this on, the network is sure
APART = (0.25, 0.5)  # differences of subject and background at which colour says nothing, and all
OURS = (0.4, 0.6)  # the network's alpha up to which colour decides, and from which it does not
STRONG = 0.25  # a difference from the screen that is a thing, network or not ...
HUED = 0.06  # ... or in chroma
SUBJECT_SHARE = 0.0005  # of the picture; less is dirt
PAPER = 0.5  # of the border must be paper
PERHAPS = 0.7  # of the border of one colour: worth a closer look for a hint
TILE = 512


@dataclass(frozen=True, eq=False)
class ByColour:
    """A subject that its background's colour shows.

    Attributes:
        subject: What was found.
        alpha: (H, W) float32 in 0..1.
        guide: The picture reduced.
        keyed: The screen, and the subject's colours beside it; None of flat graphics.
        pure: (H, W, 3) colours of a flat graphic; None of photos.
    """

    subject: Subject
    alpha: Alpha
    guide: Guide
    keyed: Keyed | None = None
    pure: Pixels | None = None

    def colours(self, pixels: Pixels, alpha: Alpha, threads: int) -> Pixels:
        """The subject's own colours under an alpha that came of this one's."""
        if self.keyed is not None:
            return unmix(pixels, alpha, self.keyed, threads=threads)
        if self.pure is None:
            return pixels
        solid = alpha >= 1 - np.float32(0.5 / np.iinfo(pixels.dtype).max)
        return np.where(solid[..., None], pixels, self.pure)

    def with_shadow(self, alpha: Alpha, colours: Pixels, threads: int) -> tuple[Alpha, Pixels]:
        """The subject over black that is as dense as the shadow on the screen."""
        if self.keyed is None:
            return alpha, colours
        small = _small_alpha(alpha, self.guide.factor)
        dark = shadows(self.guide, self.keyed.screen, small)
        whole, result = np.empty_like(alpha), np.empty_like(colours)

        def work(tile: Box) -> None:
            part = alpha[tile.slices()]
            under = at_cells(dark[None], tile, self.guide.factor)[0]
            both = part + (1 - part) * under
            share = np.where(both > 0, part / np.maximum(both, np.float32(1e-6)), 1)
            mixed = np.rint(colours[tile.slices()] * share[..., None])
            whole[tile.slices()] = both
            result[tile.slices()] = mixed.astype(colours.dtype)

        each(work, list(tile_boxes(alpha.shape[0], alpha.shape[1], TILE)), threads)
        return whole, result


def colour_alone(picture: Picture, options: RemoveOptions) -> bool:
    """Whether the background's colour tells the subject, and no network is needed.

    Raises:
        InputError: If `key` is auto and the border is of no one colour.
    """
    if options.flood is not None:
        return True
    if options.key != "auto":
        return options.key is not None
    border = look_at_border(_guide(picture, 1))
    if not border.uniform:
        message = (
            f"`key` = auto needs a background of one colour; {border.share:.0%} of the border is "
            f"{_hex(border.colour)}{'' if border.smooth else ', and it has texture'}"
        )
        raise InputError(message, hint="name the colour, --key '#rrggbb', or leave --key out")
    return border.coloured and options.subject == "auto"


def screen_hint(guide: Guide) -> str:
    """What a user may want to know of a picture before a screen; empty of all others."""
    # Most pictures are before no screen, and every third pixel says so in a ninth of the time.
    some = np.ascontiguousarray(guide.planes[:, ::3, ::3])
    rough = look_at_border(Guide(some, 3 * guide.factor))
    if rough.share < PERHAPS or not rough.coloured:
        return ""
    border = look_at_border(guide)
    if not (border.uniform and border.coloured):
        return ""
    return f"the border is a plain {_hex(border.colour)}: --key auto cuts by that colour"


def by_colour(picture: Picture, options: RemoveOptions, *, threads: int = 1) -> ByColour:
    """Find the subject by its background's colour alone.

    Args:
        picture: The photo or graphic.
        options: With `key`, `flood`, or both.
        threads: How many threads may work; the result does not depend on it.

    Raises:
        InputError: If the picture has no background of that colour.
    """
    guide = _guide(picture, threads)
    if options.flood is not None:
        return _flooded(picture, options, guide)
    screen = _screen(picture, guide, options.key or "auto")
    keyed = doubt(picture.pixels, guide, screen, tolerance=options.key_tolerance)
    alpha = key_alpha(picture.pixels, keyed, threads=threads)
    return ByColour(_subject(alpha, guide, screen), alpha, guide, keyed)


def joined(
    picture: Picture, subject: Subject, alpha: Alpha, options: RemoveOptions, *, threads: int = 1
) -> ByColour:
    """Before a plain background: the edge by colour, the inside by the network.

    Args:
        picture: The photo.
        subject: What the network found.
        alpha: (H, W) float32 in 0..1: its answer, refined.
        options: With `key` = auto.
        threads: How many threads may work; the result does not depend on it.

    Raises:
        InputError: If no background of the border's colour lies around what was found.
    """
    guide = _guide(picture, threads)
    coarse = _small_alpha(alpha, guide.factor)
    band = max(3, round(BAND * max(coarse.shape)))
    outside = eroded(coarse < FAINT, band)
    screen = find_screen(guide, look_at_border(guide).colour, free=outside)
    if screen is None:
        message = "`key` = auto found no plain background around the subject"
        raise InputError(message, hint="name the colour, --key '#rrggbb', or leave --key out")
    inside = eroded(coarse > 1 - FAINT, band)
    keyed = doubt(picture.pixels, guide, screen, tolerance=options.key_tolerance, inside=inside)
    own = key_alpha(picture.pixels, keyed, threads=threads)
    trust, empty = _believed(guide, keyed, coarse, outside)
    result = np.empty_like(alpha)

    def work(tile: Box) -> None:
        share = at_cells(np.stack([trust, empty]), tile, guide.factor)
        theirs = alpha[tile.slices()]
        mixed = theirs + (own[tile.slices()] - theirs) * share[0]
        result[tile.slices()] = np.where(share[1] > 0.5, 0, mixed)

    each(work, list(tile_boxes(alpha.shape[0], alpha.shape[1], TILE)), threads)
    reason = f"edges by the plain background {_hex(screen.colour)}"
    reason = f"{subject.reason}; {reason}" if subject.reason else reason
    found = Subject(subject.map, subject.found, subject.confidence, subject.road, reason)
    return ByColour(found, result, guide, keyed)


def without_spill(
    picture: Picture,
    colours: Pixels,
    alpha: Alpha,
    options: RemoveOptions,
    keyed: Keyed | None,
    *,
    threads: int = 1,
) -> Pixels:
    """The subject's colours without the light that `despill`, or the screen, throws on it.

    Args:
        picture: The photo.
        colours: (H, W, 3): the subject's colours so far.
        alpha: (H, W) float32 in 0..1.
        options: `despill` None means the screen's colour, where there is a coloured one.
        keyed: The screen, if any.
        threads: How many threads may work; the result does not depend on it.
    """
    word = options.despill
    light: NDArray[np.float32]
    if word == "none" or (word is None and (keyed is None or not keyed.screen.coloured)):
        return colours
    if word in PURE:
        light = np.array(PURE[word], np.float32)
    elif word is not None and word != "auto":
        light = _own(picture, parse_colour(word, "despill"))
    elif keyed is not None and keyed.screen.coloured:
        light = keyed.screen.plate
    else:
        light = surrounding_light(picture.pixels, alpha, threads=threads)
    return despill(colours, alpha, light, threads=threads)


def _guide(picture: Picture, threads: int) -> Guide:
    factor = guide_factor(picture.height, picture.width)
    return make_guide(picture.pixels, factor, threads=threads)


def _screen(picture: Picture, guide: Guide, key: str) -> Screen:
    """The screen that `key` names."""
    if key in PURE:
        screen = find_screen(guide, np.array(PURE[key], np.float32), any_shade=True)
    elif key == "auto":
        screen = find_screen(guide, look_at_border(guide).colour)
    else:
        screen = find_screen(guide, _own(picture, parse_colour(key, "key")))
    if screen is None:
        border = look_at_border(guide)
        message = f"`key` = {key}: the picture has no plain area of that colour"
        hint = f"the border is mostly {_hex(border.colour)}: try --key '{_hex(border.colour)}'"
        raise InputError(message, hint=hint)
    return screen


def _own(picture: Picture, colour: tuple[int, int, int]) -> NDArray[np.float32]:
    """An sRGB colour in the picture's own space, (3,) in 0..1."""
    own = picture.as_own(np.array([[colour]], np.uint8))[0, 0]
    return np.asarray(own / np.float32(np.iinfo(own.dtype).max), np.float32)


def _subject(alpha: Alpha, guide: Guide, screen: Screen) -> Subject:
    small = _small_alpha(alpha, guide.factor)
    gone = float((small < 0.5).mean())
    word = "screen" if screen.coloured else "background"
    reason = f"{word} {_hex(screen.colour)}, {gone:.0%} of the picture"
    rim = np.concatenate([small[0], small[:, 0], small[:, -1]])
    return Subject(small, 1 - gone >= SUBJECT_SHARE, float((rim < 0.5).mean()), "key", reason)


def _flooded(picture: Picture, options: RemoveOptions, guide: Guide) -> ByColour:
    """A flat graphic without its paper."""
    paper, like, share = paper_of(picture.pixels)
    if options.key in PURE:
        paper = np.array(PURE[options.key], np.float32)
    elif options.key not in (None, "auto"):
        paper = _own(picture, parse_colour(options.key, "key"))
    elif share < PAPER:
        message = f"`flood` needs a border of one colour; {share:.0%} of it is {_hex(paper)}"
        raise InputError(message, hint="name the colour: --flood --key '#rrggbb'")
    if options.key_tolerance is not None:
        like = options.key_tolerance[0]
    found = flood(picture.pixels, paper, like, everywhere=options.flood == "all")
    gone = float((found.alpha < 0.5).mean())
    if not gone:
        message = f"`flood` found nothing of {_hex(paper)} at the border"
        raise InputError(message, hint="name the border's colour: --flood --key '#rrggbb'")
    small = _small_alpha(found.alpha, guide.factor)
    reason = f"paper {_hex(paper)}, {gone:.0%} of the picture"
    subject = Subject(small, 1 - gone >= SUBJECT_SHARE, share, "key", reason)
    return ByColour(subject, found.alpha, guide, pure=found.colours)


def _believed(
    guide: Guide, keyed: Keyed, coarse: NDArray[np.float32], outside: Mask
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """On the guide: how much the colour's alpha is believed, 0..1, and 1 where nothing is."""
    here, plate = to_ycc(guide.planes), to_ycc(keyed.screen.plate)
    apart = to_ycc(keyed.front) - plate
    contrast = np.sqrt((apart * apart).sum(axis=0))
    trust = np.clip((contrast - APART[0]) / (APART[1] - APART[0]), 0, 1)
    # What the network takes for the subject may have the background's colour.
    trust = trust * np.clip((OURS[1] - coarse) / (OURS[1] - OURS[0]), 0, 1)
    off = here - plate
    hue = np.hypot(off[1], off[2])
    shade = (hue < HUED / 2) & (here[0] < plate[0]) & (here[0] > 0.4 * plate[0])
    # A shadow beside the subject is for the network to tell.
    trust = np.where(shade & (coarse < 0.5), 0, trust)
    # What colour shows clearly and what hangs together with the subject belongs to it.
    thing = ((np.sqrt((off * off).sum(axis=0)) > STRONG) | (hue > HUED)) & ~shade
    pieces = find_pieces(thing | (coarse > 0.5))
    kept = pieces.mask(pieces.largest(coarse) > 0.5)
    return trust.astype(np.float32), (outside & ~kept).astype(np.float32)


def _small_alpha(alpha: Alpha, factor: int) -> NDArray[np.float32]:
    levels = np.rint(alpha * np.float32(255)).astype(np.uint8)
    return np.asarray(box_reduce(levels, factor) / np.float32(255), np.float32)


def _hex(colour: NDArray[np.float32]) -> str:
    red, green, blue = (round(255 * float(value)) for value in np.clip(colour, 0, 1))
    return f"#{red:02x}{green:02x}{blue:02x}"
