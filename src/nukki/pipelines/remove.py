"""Cutting out: subject → edges → matting, if wished → what the user asked for → colours."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

import numpy as np

from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops import alpha as shape
from nukki.ops.composite import sharpen
from nukki.ops.foreground import estimate_foreground
from nukki.ops.measures import confidence
from nukki.ops.reduce import box_reduce
from nukki.ops.refine import Guide, guide_factor, make_guide
from nukki.pipelines.backgrounds import Background
from nukki.pipelines.edges import Edge, Matter, View, Wish, draw
from nukki.pipelines.keying import ByColour, by_colour, joined, screen_hint, without_spill
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.results import Cutout
from nukki.pipelines.segment import Finder
from nukki.pipelines.subjects import Subject, by_auto, by_choice
from nukki.types import RGB8, Alpha, Pixels, Trimap

__all__ = ["Mapper", "Matter", "looks_at_both", "remove"]

SUBJECT_CONFIDENCE = 0.6  # of 713 photos with a subject 1 lies below, of 45 places 35
SUBJECT_SHARE = 0.0005  # of the picture; smaller maps are specks of noise


class Mapper(Protocol):
    """What finds the subject: `tasks.saliency.Saliency`, or anything that maps a picture."""

    def reduction(self, height: int, width: int) -> int:
        """By how much a photo of that size may be reduced first."""
        ...

    def predict(self, image: RGB8) -> Alpha:
        """A map of the subject, at any resolution."""
        ...


def remove(
    picture: Picture,
    options: RemoveOptions,
    mapper: Mapper | None,
    *,
    finder: Finder | None = None,
    matting: Matter | None = None,
    trimap: Trimap | None = None,
    background: Background | None = None,
    threads: int = 1,
) -> Cutout:
    """Cut the subject out of a picture.

    Args:
        picture: The photo.
        options: What is wished; `model`, `card`, `matting` and `background` are resolved by the
            caller.
        mapper: Finds the subject by what stands out; None where the background's colour tells it
            alone (`keying.colour_alone`), or the trimap does.
        finder: Finds people and things; needed for every `subject` but "salient", with "auto" as
            well the salient road is taken without one.
        matting: Draws the edge anew, in a band around the one that the other steps found.
        trimap: (H, W) uint8 of 0, 128 and 255: where the subject is, instead of any network.
        background: What `Cutout.save` puts behind the subject.
        threads: How many threads the steps after the network may use. The result does not
            depend on it.

    Returns:
        The cut-out. Where there is no subject, `found` is False and the alpha is as computed.
    """
    started = time.perf_counter()
    keyed: ByColour | None = None
    edge: Edge | None = None
    if mapper is None and trimap is None:
        keyed = by_colour(picture, options, threads=threads)
        subject, alpha, guide = keyed.subject, keyed.alpha, keyed.guide
        mapped = started
    else:
        subject, guide = _placed(picture, options, mapper, finder, trimap, threads)
        mapped = time.perf_counter()
        edge = _edged(View(picture, guide), options, subject, trimap, matting, threads)
        alpha = edge.alpha
        if options.key is not None and subject.found:
            keyed = joined(picture, subject, alpha, options, threads=threads)
            subject, alpha = keyed.subject, keyed.alpha
    alpha = adjust(alpha, options)
    if picture.alpha is not None:
        # What the file had cut away stays away.
        full = np.float32(np.iinfo(picture.alpha.dtype).max)
        alpha = alpha * (picture.alpha.astype(np.float32) / full)
    edged = time.perf_counter()
    foreground = _coloured(picture, options, alpha, guide, keyed, threads)
    if options.keep_shadow and keyed is not None:
        alpha, foreground = keyed.with_shadow(alpha, foreground, threads)
    coloured = time.perf_counter()
    by_itself = options.key is None and options.flood is None and options.subject == "auto"
    cutout = Cutout(
        picture=picture,
        foreground=foreground,
        alpha=alpha,
        confidence=subject.confidence,
        found=subject.found,
        road=subject.road,
        reason=subject.reason,
        hidden=options.hidden,
        background=background,
        seconds={
            "network": mapped - started,
            "edges": edged - mapped,
            "colours": coloured - edged,
        },
        threads=threads,
        advice=screen_hint(guide) if by_itself else "",
        trimap=None if edge is None else edge.trimap,
    )
    return cutout if options.crop is None else cutout.cropped(options.crop)


def _edged(
    view: View,
    options: RemoveOptions,
    subject: Subject,
    trimap: Trimap | None,
    matting: Matter | None,
    threads: int,
) -> Edge:
    """The edge of what was found; of what is no subject the noise is only refined."""
    if not subject.found:
        wish = Wish("none" if options.edges == "none" else "fast")
        return draw(view, subject.map, wish, threads=threads)
    inwards, outwards = options.band or (0, 0)
    band = None if options.band is None else (int(inwards), int(outwards))
    wish = Wish(options.edges, band, options.save_trimap is not None)
    return draw(view, subject.map, wish, drawn=trimap, matting=matting, threads=threads)


def _placed(
    picture: Picture,
    options: RemoveOptions,
    mapper: Mapper | None,
    finder: Finder | None,
    trimap: Trimap | None,
    threads: int,
) -> tuple[Subject, Guide]:
    """What the networks find or the trimap says, and the picture reduced."""
    if mapper is not None and trimap is None:
        return _by_network(picture, options, mapper, finder, threads)
    if trimap is None:
        message = "`mapper` must be given where neither a trimap nor a colour says what stays"
        raise InputError(message, hint="give a network")
    factor = guide_factor(picture.height, picture.width)
    levels = np.asarray(trimap / np.float32(255), np.float32)
    subject = Subject(levels, True, 1.0, "trimap", "by the trimap that was given")
    return subject, make_guide(picture.pixels, factor, threads=threads)


def _coloured(
    picture: Picture,
    options: RemoveOptions,
    alpha: Alpha,
    guide: Guide,
    keyed: ByColour | None,
    threads: int,
) -> Pixels:
    """The subject's colours, as `colours`, `despill` and `sharpen` wish them."""
    foreground: Pixels = picture.pixels
    if options.colours == "estimate" and keyed is not None:
        foreground = keyed.colours(foreground, alpha, threads)
    elif options.colours == "estimate":
        foreground = estimate_foreground(foreground, alpha, guide=guide, threads=threads)
    if options.despill is not None or options.colours == "estimate":
        screen = None if keyed is None else keyed.keyed
        foreground = without_spill(picture, foreground, alpha, options, screen, threads=threads)
    return sharpen(foreground, options.sharpen) if options.sharpen else foreground


def looks_at_both(options: RemoveOptions) -> bool:
    """Whether `subject="auto"` asks the finder too.

    Who names a network for what stands out wants its answer, unless a finder is named as well.
    """
    return options.model == "subject" or options.instances != "default"


def _by_network(
    picture: Picture,
    options: RemoveOptions,
    mapper: Mapper,
    finder: Finder | None,
    threads: int,
) -> tuple[Subject, Guide]:
    """What the networks find, and the picture reduced."""
    height, width = picture.height, picture.width
    # One reduction serves the network, the edges and the colours, where the network allows it.
    factor, allowed = guide_factor(height, width), mapper.reduction(height, width)
    small = _reduced(picture, factor, threads)
    source, rest = (small, allowed // factor) if allowed >= factor else (picture, allowed)
    subject = _subject(picture, options, mapper, finder, source, rest, small)
    return subject, make_guide(picture.pixels, factor, small=small.pixels)


def _subject(
    picture: Picture,
    options: RemoveOptions,
    mapper: Mapper,
    finder: Finder | None,
    source: Picture,
    rest: int,
    small: Picture,
) -> Subject:
    """What is cut out: `source`, reduced by `rest`, is for the mapper, `small` for the finder."""
    if options.subject not in ("auto", "salient"):
        if finder is None:
            message = f"`subject` = {options.subject!r} needs a network that finds things"
            raise InputError(message, hint="give a finder, or subject = 'salient'")
        return by_choice(picture, options.subject, finder)
    alpha = mapper.predict(source.rgb8(reduce=rest))
    sure = confidence(alpha)
    found = sure >= SUBJECT_CONFIDENCE and float(alpha.mean()) >= SUBJECT_SHARE
    salient = Subject(alpha, found, sure, "salient")
    if options.subject == "salient" or finder is None:
        return salient
    return by_auto(salient, small.rgb8, finder)


def _reduced(picture: Picture, factor: int, threads: int) -> Picture:
    """The picture box-reduced, its own alpha too."""
    own = picture.alpha
    return replace(
        picture,
        pixels=box_reduce(picture.pixels, factor, threads=threads),
        alpha=None if own is None else box_reduce(own, factor, threads=threads),
    )


def adjust(alpha: Alpha, options: RemoveOptions) -> Alpha:
    """Apply the options that change the alpha, in the order in which the table has them."""
    if options.threshold is not None:
        alpha = shape.levels(alpha, *options.threshold)
    if options.binary:
        alpha = shape.levels(alpha, 0.5, 0.5)
    if options.fill_holes:
        alpha = shape.fill_holes(alpha)
    if options.drop_specks:
        alpha = shape.drop_specks(alpha)
    if options.largest:
        alpha = shape.keep_largest(alpha)
    if options.grow:
        alpha = shape.grow(alpha, options.grow)
    if options.feather:
        alpha = shape.feather(alpha, options.feather, outwards=options.feather_out)
    return 1 - alpha if options.invert else alpha
