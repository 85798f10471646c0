"""The public functions: any kind of picture in, a result out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from nukki import settings
from nukki.erasing import erase, layers, plate, what_goes
from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture
from nukki.io.masks import MaskSource
from nukki.loading import load, load_as, load_finder, load_mapper, load_picker
from nukki.ops.prompts import box_of, point_of
from nukki.pipelines import pick as picking
from nukki.pipelines import remove as removal
from nukki.pipelines import replace as putting
from nukki.pipelines import segment as segmenting
from nukki.pipelines.backgrounds import Colour, Source, background_of
from nukki.pipelines.keying import colour_alone
from nukki.pipelines.known import check_known, names
from nukki.pipelines.options import (
    PickKeywords,
    PickOptions,
    RemoveKeywords,
    RemoveOptions,
    SegmentKeywords,
    SegmentOptions,
)
from nukki.pipelines.replace_options import AddOptions, PlaceOptions, ReplaceKeywords
from nukki.pipelines.results import Cutout, Instance, Replaced, Segmentation
from nukki.pipelines.trimaps import read_trimap, save_trimap
from nukki.tasks.matting import Matting
from nukki.types import Box, Point, Trimap
from nukki.zoo import catalog
from nukki.zoo.cards import CommercialUse, ModelCard, Task

__all__ = [
    "erase",
    "layers",
    "list_models",
    "load",
    "load_as",
    "pick",
    "plate",
    "read",
    "remove",
    "replace",
    "segment",
    "what_goes",
]

_CALL = ("device", "threads", "max_pixels", "allow_truncated", "accept_licence")

Options = TypeVar("Options", RemoveOptions, SegmentOptions, PickOptions)


class Terms(TypedDict):
    """On what a network runs, and whether its licence is accepted."""

    device: str | None
    threads: int | None
    accept_licence: bool


def read(
    source: Source, *, max_pixels: int | None = None, allow_truncated: bool = False
) -> Picture:
    """Read a picture with all that should survive: profile, resolution, depth, EXIF.

    Args:
        source: A path, bytes, a binary file, a PIL image, an array (H, W), (H, W, 3) or (H, W, 4)
            of uint8 or uint16, or a `Picture`, which is given back.
        max_pixels: Refuse larger pictures before decoding; 200 million where None.
        allow_truncated: Take what is there of a truncated file.

    Raises:
        InputError: If it is not a picture.
        LimitExceeded: If it has more than `max_pixels`.
        MissingExtra: If its format needs a package that is not installed.
    """
    if isinstance(source, Picture):
        return source
    return images.read(source, max_pixels=max_pixels, allow_truncated=allow_truncated)


def remove(
    image: Source,
    *,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    background: Source | Colour | None = None,
    trimap: MaskSource | None = None,
    **options: Unpack[RemoveKeywords],
) -> Cutout:
    """Cut the subject out of a photo.

    Args:
        image: Whatever `read` takes.
        device: "cpu", "cuda", …; asked for and not there is an error. NUKKI_DEVICE or the best
            one where None.
        threads: How many threads may work; NUKKI_THREADS or all cores where None. The result
            does not depend on it.
        max_pixels: See `read`.
        allow_truncated: See `read`.
        accept_licence: Fetch a network that is not for commercial use.
        background: What `Cutout.save` puts behind the subject: a colour ("white", "#ff8800",
            (255, 136, 0)) or a picture.
        trimap: Where the subject is, drawn by hand or by another program: a picture of the photo's
            size, or an array (H, W) of uint8, white where the subject surely is, black where it
            surely is not, grey where the edge is to be drawn. No network looks for the subject.
        **options: Fields of `pipelines.options.RemoveOptions`: model, card, subject, edges,
            instances, matting, band, save_trimap, key, key_tolerance, keep_shadow, flood,
            threshold, binary, fill_holes, drop_specks, largest, grow, feather, feather_out, invert,
            colours, despill, hidden, sharpen, crop. No network is loaded where a colour alone
            decides (`key`, `flood`).

    Returns:
        The cut-out. That there is no subject is an answer, not an error: `Cutout.found` is False.

    Raises:
        NukkiError: See its tree in `nukki.errors`.
    """
    wish = _checked(RemoveOptions, "remove", options)
    if trimap is not None:
        wish = dataclasses.replace(wish, trimap="given")  # checks that it goes with the rest
    behind = None if background is None else background_of(background)
    picture = read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    cores = threads or settings.threads()
    if colour_alone(picture, wish):
        return removal.remove(picture, wish, None, background=behind, threads=cores)
    picture, drawn = _with_trimap(picture, trimap, max_pixels)
    terms = Terms(device=device, threads=threads, accept_licence=accept_licence)
    cut = removal.remove(
        picture,
        wish,
        None if drawn is not None else load_mapper(wish.model, card=wish.card, **terms),
        finder=None if drawn is not None else _finder_for(wish, terms),
        matting=None if wish.matting is None else load_as(Matting, wish.matting, **terms),
        trimap=drawn,
        background=behind,
        threads=cores,
    )
    if wish.save_trimap is not None and cut.trimap is not None:
        save_trimap(cut.trimap, wish.save_trimap)
    return cut


def _with_trimap(
    picture: Picture, trimap: MaskSource | None, max_pixels: int | None
) -> tuple[Picture, Trimap | None]:
    """The trimap of a picture, and the picture with a note of what was made of it."""
    if trimap is None:
        return picture, None
    drawn, note = read_trimap(trimap, picture, max_pixels=max_pixels)
    if note is not None:
        picture = dataclasses.replace(picture, notes=(*picture.notes, note))
    return picture, drawn


def _finder_for(wish: RemoveOptions, terms: Terms) -> segmenting.Finder | None:
    """What finds people and things for a subject; None where nobody asks for it.

    Who names a network for what stands out wants its answer: then "auto" is "salient".
    """
    if wish.subject == "salient" or (wish.subject == "auto" and not removal.looks_at_both(wish)):
        return None
    return load_finder(wish.instances, **terms)


def replace(
    image: Source,
    background: Source | Colour | None = None,
    *,
    add: Source | Cutout | None = None,
    **options: Unpack[ReplaceKeywords],
) -> Replaced:
    """Put another background behind the subject of a photo, or somebody else into the photo.

    Args:
        image: Whatever `read` takes.
        background: A colour, "blur" (the photo's own, out of focus), "transparent", or a picture,
            which is made to fill the canvas. Or else:
        add: The picture of somebody who comes into the photo; then the options of `remove` are
            about this picture.
        **options: Fields of `pipelines.replace_options.PlaceOptions` (place, scale, shadow, …);
            with `add` those of `AddOptions` (behind, match_head, grain_match); and whatever
            `remove` takes.

    Returns:
        A picture that knows its layers: `save("x.ora")` writes them all.

    Raises:
        NothingFound: With `add`: if there is nobody in that picture, or nobody is what `behind`
            says.
        NukkiError: See its tree in `nukki.errors`.
    """
    given: dict[str, Any] = dict(options)
    mine = {name: given.pop(name) for name in names(AddOptions) if name in given}
    where = {name: given.pop(name) for name in names(PlaceOptions) if name in given}
    how, wish = AddOptions(**mine), PlaceOptions(**where)
    known = (*names(PlaceOptions), *names(AddOptions), *names(RemoveOptions), *_CALL)
    check_known("replace", given, known)
    if add is None:
        if mine:
            message = f"`{next(iter(mine))}` goes with `add`"
            raise InputError(message, hint="give the picture of somebody to add")
        behind = background_of(background)  # type: ignore[arg-type]
        return remove(image, **given).over(behind, **where)
    if background is not None:
        message = "`background` and `add` are two ways to replace something"
        raise InputError(message, hint="do one after the other")
    cutout = add if isinstance(add, Cutout) else remove(add, **given)
    call = {name: given[name] for name in _CALL if name in given}
    loading = {name: call[name] for name in ("device", "threads", "accept_licence") if name in call}
    finder = None
    if putting.looks_for_people(wish, how):
        finder = load_finder(given.get("instances", "default"), **loading)
    reading = {name: call[name] for name in ("max_pixels", "allow_truncated") if name in call}
    threads = given.get("threads") or settings.threads()
    return putting.add(read(image, **reading), cutout, wish, how, finder=finder, threads=threads)


def segment(
    image: Source,
    what: str = "all",
    *,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    **options: Unpack[SegmentKeywords],
) -> Segmentation:
    """Tell the people and objects of a photo apart.

    Args:
        image: Whatever `read` takes.
        what: What is meant: "all", "people", "person,dog", "2-4", "largest", "main",
            "score>.8", "at:640,360", …; the language is on the page docs/choosing.md.
        device: See `remove`.
        threads: See `remove`.
        max_pixels: See `read`.
        allow_truncated: See `read`.
        accept_licence: See `remove`.
        **options: The other fields of `pipelines.options.SegmentOptions`: except_ (what is left
            out of `what`), instances (the network), card, min_score.

    Returns:
        The things, the surest first; empty where nothing at all was found and all was asked for.

    Raises:
        NothingFound: If nothing is what was asked for; the message says what there is.
        NukkiError: See its tree in `nukki.errors`.
    """
    wish = _checked(SegmentOptions, "segment", {**options, "what": what})
    picture = read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    finder = load_finder(
        wish.instances,
        card=wish.card,
        device=device,
        threads=threads,
        accept_licence=accept_licence,
    )
    return segmenting.segment(
        picture, finder, what=wish.what, except_=wish.except_, min_score=wish.min_score
    )


def pick(
    image: Source,
    *,
    points: Sequence[Point | tuple[float, float]] = (),
    box: Box | tuple[int, int, int, int] | None = None,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    **options: Unpack[PickKeywords],
) -> Instance:
    """Find the one thing of a photo that clicks or a box show.

    Args:
        image: Whatever `read` takes.
        points: Places on it, and beside it (`Point(x, y, keep=False)`); (0, 0) is the centre of the
            first pixel.
        box: Around it: left, top, right, bottom.
        device: See `remove`.
        threads: See `remove`.
        max_pixels: See `read`.
        allow_truncated: See `read`.
        accept_licence: See `remove`.
        **options: Fields of `pipelines.options.PickOptions`: model, card.

    Returns:
        The thing, its score the IoU that its mask is likely to have; `cut()` cuts it out. To ask
        again and again about one photo, keep `nukki.loading.load_picker().embed(image)`.

    Raises:
        NothingFound: If nothing is there.
        NukkiError: See its tree in `nukki.errors`.
    """
    wish = _checked(PickOptions, "pick", options)
    shown = [point_of(one) for one in points]
    around = None if box is None else box_of(box)
    picture = read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    picker = load_picker(
        wish.model, card=wish.card, device=device, threads=threads, accept_licence=accept_licence
    )
    return picking.pick(picture, picker, points=shown, box=around)


def list_models(
    task: Task | None = None, *, commercial_use: CommercialUse | None = None
) -> tuple[ModelCard, ...]:
    """Cards of the networks that nukki knows by name.

    Args:
        task: Only those for this task, such as "saliency".
        commercial_use: Only those that may ("yes"), may not ("no") be used commercially, or of
            which it is not clear.
    """
    return catalog.cards(task=task, commercial_use=commercial_use)


def _checked(kind: type[Options], function: str, options: Mapping[str, Any]) -> Options:
    """The options as a checked table; an unknown one is an error with near matches."""
    check_known(function, options, names(kind))
    return kind(**options)
