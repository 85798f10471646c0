"""Taking things out of a photo: the public functions, which `nukki.api` hands on."""

from __future__ import annotations

from typing import Any, Unpack

from nukki import settings
from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture
from nukki.io.masks import MaskSource, read_mask
from nukki.loading import load_filler, load_finder
from nukki.pipelines.backgrounds import Source
from nukki.pipelines.erase import WHITE, check_hole
from nukki.pipelines.erase_options import GoKeywords, GoOptions, WholeEraseKeywords
from nukki.pipelines.eraser import (
    Layers,
    Plan,
    Who,
    by_choice,
    by_cutout,
    by_mask,
    carry_out,
    needs_finder,
)
from nukki.pipelines.known import check_known, names
from nukki.pipelines.options import EraseKeywords, EraseOptions
from nukki.pipelines.results import Cutout, Erased, Instance

__all__ = ["erase", "layers", "plate", "what_goes"]

_CALL = ("device", "threads", "max_pixels", "allow_truncated", "accept_licence")


def erase(
    image: Source,
    what: Who | None = None,
    *,
    except_: Who | None = None,
    mask: MaskSource | None = None,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    **options: Unpack[WholeEraseKeywords],
) -> Erased:
    """Take things out of a photo and fill the hole.

    Args:
        image: Whatever `read` takes.
        what: What goes: a choice ("people", "2,3", "dog,ball", "at:640,360"; docs/choosing.md),
            or what `segment` found. People take along what they hold and ride.
        except_: What keeps every pixel of its own, likewise.
        mask: Instead of `what`: a grey picture (white goes) or a cut-out, of the photo's size, or
            an array (H, W) of bool or uint8.
        device: See `remove`.
        threads: See `remove`.
        max_pixels: See `read`.
        allow_truncated: See `read`; the mask has to be whole.
        accept_licence: See `remove`.
        **options: Fields of `pipelines.erase_options.GoOptions`: instances, min_score, shape, grow,
            shadow, second_pass; and of `pipelines.options.EraseOptions`: fill (default, patch,
            telea, ns, or a network), card, seed.

    Returns:
        A picture of the photo's size, depth and colour space, with its profile and EXIF. Outside
        its `hole` every pixel is bit-identical to the photo's.

    Raises:
        NothingFound: If nothing is what goes, or the mask is empty.
        NukkiError: See its tree in `nukki.errors`.
    """
    given: dict[str, Any] = dict(options)
    how = {name: given.pop(name) for name in names(GoOptions) if name in given}
    check_known("erase", given, (*names(GoOptions), *names(EraseOptions), *_CALL))
    wish = EraseOptions(**given)
    loading: dict[str, Any] = {
        "device": device,
        "threads": threads,
        "accept_licence": accept_licence,
    }
    plan = what_goes(
        _read(image, max_pixels=max_pixels, allow_truncated=allow_truncated),
        what,
        except_=except_,
        mask=mask,
        max_pixels=max_pixels,
        **loading,
        **how,
    )
    filler = load_filler(wish.fill, card=wish.card, **loading)
    return carry_out(plan, filler, seed=wish.seed)


def what_goes(
    image: Source,
    what: Who | None = None,
    *,
    except_: Who | None = None,
    mask: MaskSource | None = None,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    **options: Unpack[GoKeywords],
) -> Plan:
    """What `erase` would take out, without filling it; the arguments are those of `erase`.

    Returns:
        The plan: its `preview()` shows it, its `going` has the hole and the reasons.

    Raises:
        NothingFound, NukkiError: As `erase`.
    """
    check_known("erase", options, names(GoOptions))
    wish = GoOptions(**options)
    if (what is None) == (mask is None):
        message = "`what` goes, or else a `mask`: one of them must be given"
        raise InputError(message, hint='give what="people", or a mask in which white goes')
    if except_ is not None and not isinstance(except_, str) and not except_:
        except_ = None
    picture = _read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    hole = None if mask is None else read_mask(mask, max_pixels=max_pixels, white=WHITE)
    if hole is not None:
        check_hole(picture, hole)  # before anything is fetched
    finder = None
    if needs_finder(what, except_, wish):
        finder = load_finder(
            wish.instances, device=device, threads=threads, accept_licence=accept_licence
        )
    if hole is not None:
        return by_mask(picture, hole, wish, finder, except_=except_)
    return by_choice(picture, what or (), wish, finder, except_=except_)


def layers(
    image: Source,
    what: Who = "people,main",
    *,
    device: str | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    allow_truncated: bool = False,
    accept_licence: bool = False,
    **options: Unpack[WholeEraseKeywords],
) -> Layers:
    """Take a photo apart: its subjects, cut out, and what is behind them.

    Args:
        image: Whatever `read` takes.
        what: The subjects: as for `erase`; without people it is the main thing.
        device: See `remove`.
        threads: See `remove`.
        max_pixels: See `read`.
        allow_truncated: See `read`.
        accept_licence: See `remove`.
        **options: Likewise.

    Returns:
        `cutouts`, in the order of the things' numbers, and `plate`, the photo without them. Laid
        over the plate, the cut-outs give the photo again but for shadows.

    Raises:
        NothingFound, NukkiError: As `erase`.
    """
    picture = _read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    loading: dict[str, Any] = {
        "device": device,
        "threads": threads,
        "accept_licence": accept_licence,
    }
    made = erase(picture, what, max_pixels=max_pixels, **loading, **options)
    cores = threads or settings.threads()
    cuts = tuple(
        Instance(part.number, part.segment, picture).cut(threads=cores) for part in made.parts
    )
    return Layers(cuts, made)


def plate(
    cutout: Cutout,
    *,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
    **options: Unpack[EraseKeywords],
) -> Erased:
    """What is behind a subject that was cut out: its photo without it and its sure shadow.

    Args:
        cutout: What `remove` gave, of the whole photo.
        device: See `remove`.
        threads: See `remove`.
        accept_licence: See `remove`.
        **options: Fields of `pipelines.options.EraseOptions`.

    Raises:
        NothingFound: If the cut-out is empty.
        NukkiError: See its tree in `nukki.errors`.
    """
    check_known("plate", options, names(EraseOptions))
    wish = EraseOptions(**options)
    plan = by_cutout(cutout)
    filler = load_filler(
        wish.fill, card=wish.card, device=device, threads=threads, accept_licence=accept_licence
    )
    return carry_out(plan, filler, seed=wish.seed)


def _loading(device: str | None, threads: int | None, *, accept_licence: bool) -> dict[str, Any]:
    return {"device": device, "threads": threads, "accept_licence": accept_licence}


def _read(source: Source, *, max_pixels: int | None, allow_truncated: bool = False) -> Picture:
    if isinstance(source, Picture):
        return source
    return images.read(source, max_pixels=max_pixels, allow_truncated=allow_truncated)
