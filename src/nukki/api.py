"""The public functions: any kind of picture in, a result out."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from typing import Any, BinaryIO, TypeAlias

from numpy.typing import NDArray
from PIL import Image, ImageColor

from nukki import settings
from nukki.errors import InputError
from nukki.io import images
from nukki.io.images import Picture
from nukki.pipelines import remove as removal
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.results import Background, Cutout
from nukki.runtime.sessions import get_session
from nukki.tasks.saliency import Saliency
from nukki.zoo import catalog
from nukki.zoo.cards import CommercialUse, ModelCard, Task
from nukki.zoo.fetch import ensure

__all__ = ["list_models", "load", "read", "remove", "replace"]

Source: TypeAlias = str | PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any] | Picture


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
    background: str | Source | tuple[int, int, int] | None = None,
    **options: Any,
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
    behind = _background(background)
    picture = read(image, max_pixels=max_pixels, allow_truncated=allow_truncated)
    network = load(
        wish.model, card=wish.card, device=device, threads=threads, accept_licence=accept_licence
    )
    return removal.remove(
        picture, wish, network, background=behind, threads=threads or settings.threads()
    )


def replace(
    image: Source, background: str | Source | tuple[int, int, int], **options: Any
) -> Picture:
    """Put another background behind the subject of a photo.

    Args:
        image: Whatever `read` takes.
        background: A colour or a picture, which is made to fill the photo.
        **options: Whatever `remove` takes.
    """
    cutout = remove(image, background=background, **options)
    return cutout.over(_chosen(cutout.background))


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


def _options(options: dict[str, Any]) -> RemoveOptions:
    """The options as a checked table; an unknown one is an error with near matches."""
    import difflib

    known = [f.name for f in fields(RemoveOptions)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            message = f"`{name}` is not an option of remove"
            raise InputError(message, hint=f"did you mean {near[0]}?" if near else None)
    return RemoveOptions(**options)


def _background(value: Any) -> Background | None:
    """A colour or a picture, from whatever the user gave."""
    if value is None or isinstance(value, Picture):
        return value
    if isinstance(value, tuple | list):
        return _colour(tuple(value))
    if isinstance(value, str):
        try:
            red, green, blue = ImageColor.getrgb(value)[:3]
        except ValueError:
            return _background_file(value)
        return red, green, blue
    return images.read(value)


def _colour(value: tuple[Any, ...]) -> tuple[int, int, int]:
    if len(value) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in value):
        message = f"`background` must be (red, green, blue) in 0..255, got {value!r}"
        raise InputError(message, hint='use a name such as "white", or a picture')
    return value


def _background_file(name: str) -> Picture:
    """A string that is no colour: it must be a picture file."""
    try:
        return images.read(name)
    except InputError as error:
        message = f"`background` is neither a colour nor a picture: {name!r} ({error.message})"
        raise InputError(
            message, hint="use a name such as white, #ff8800, or a picture file"
        ) from error


def _chosen(background: Background | None) -> Background:
    if background is None:
        message = "`background` must be a colour or a picture, got None"
        raise InputError(message, hint='try background="white"')
    return background
