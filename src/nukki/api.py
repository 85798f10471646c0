"""The public functions: any kind of picture in, a result out."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from typing import Unpack

from nukki import settings
from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture
from nukki.pipelines import remove as removal
from nukki.pipelines.backgrounds import Colour, Source, background_of
from nukki.pipelines.options import CallKeywords, RemoveKeywords, RemoveOptions
from nukki.pipelines.results import Cutout
from nukki.runtime.sessions import get_session
from nukki.tasks.saliency import Saliency
from nukki.zoo import catalog
from nukki.zoo.cards import CommercialUse, ModelCard, Task
from nukki.zoo.fetch import ensure

__all__ = ["list_models", "load", "read", "remove", "replace"]


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
        **options: Fields of `pipelines.options.RemoveOptions`: model, card, subject, edges,
            threshold, binary, fill_holes, drop_specks, largest, grow, feather, feather_out, invert,
            colours, hidden, sharpen, crop.

    Returns:
        The cut-out. That there is no subject is an answer, not an error: `Cutout.found` is False.

    Raises:
        NukkiError: See its tree in `nukki.errors`.
    """
    wish = _options(options)
    behind = None if background is None else background_of(background)
    picture = read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    network = load(
        wish.model, card=wish.card, device=device, threads=threads, accept_licence=accept_licence
    )
    return removal.remove(
        picture, wish, network, background=behind, threads=threads or settings.threads()
    )


def replace(image: Source, background: Source | Colour, **options: Unpack[CallKeywords]) -> Picture:
    """Put another background behind the subject of a photo.

    Args:
        image: Whatever `read` takes.
        background: A colour or a picture, which is made to fill the photo.
        **options: Whatever `remove` takes.
    """
    behind = background_of(background)  # a wrong one is told before the work
    return remove(image, **options).over(behind)


def load(
    name_or_path: str | PathLike[str],
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Saliency:
    """Load a network, fetching its verified file first if need be.

    Args:
        name_or_path: A name of `list_models`, or a .onnx file.
        card: The card of a file.
        device: See `remove`.
        threads: See `remove`.
        accept_licence: See `remove`.

    Raises:
        UnknownModel: If there is no such model; near matches are in the hint.
        FetchError: If its file could not be had.
        ProviderError: If the device did not load.
    """
    model, path = catalog.card_for(str(name_or_path), card)
    if path is None:
        path = ensure(model, accept_licence=accept_licence)
    session = get_session(path, device=device or settings.device(), threads=threads)
    return Saliency(model, session)


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


def _options(options: RemoveKeywords) -> RemoveOptions:
    """The options as a checked table; an unknown one is an error with near matches."""
    import difflib

    known = [f.name for f in fields(RemoveOptions)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            message = f"`{name}` is not an option of remove"
            raise InputError(message, hint=f"did you mean {near[0]}?" if near else None)
    return RemoveOptions(**options)
