"""Networks by name or file: card found, files fetched and loaded, and the class that runs them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypeVar

from nukki import settings
from nukki.errors import InputError
from nukki.pipelines import filling
from nukki.pipelines.filling import Chain, Filler, Patches
from nukki.pipelines.finding import OwnFinder
from nukki.pipelines.looking import Looking
from nukki.pipelines.opencv import METHODS, OpenCV
from nukki.pipelines.pick import OwnPicker, Picker
from nukki.pipelines.segment import Finder, check_finder
from nukki.runtime.sessions import Session, get_session
from nukki.tasks.detection import Detection
from nukki.tasks.inpainting import Inpainting
from nukki.tasks.instances import Instances
from nukki.tasks.matting import Matting
from nukki.tasks.picking import Picking
from nukki.tasks.prompted import Prompted
from nukki.tasks.saliency import Saliency
from nukki.tasks.semantic import Semantic, ThingMap
from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard, Task
from nukki.zoo.fetch import ensure
from nukki.zoo.store import graphs

__all__ = [
    "Network",
    "filler_name",
    "finder_name",
    "load",
    "load_as",
    "load_filler",
    "load_finder",
    "load_mapper",
    "load_picker",
    "mapper_task",
    "picker_name",
]

Network: TypeAlias = (
    Saliency | Semantic | Detection | Instances | Prompted | Picking | Matting | Inpainting
)

Kind = TypeVar("Kind", Saliency, Semantic, Detection, Instances, Matting, Inpainting)

# What runs the networks of a task; one that is asked (`Prompted`, `Picking`) has two files.
_KINDS: dict[
    Task,
    type[Saliency]
    | type[Semantic]
    | type[Detection]
    | type[Instances]
    | type[Matting]
    | type[Inpainting],
] = {
    "saliency": Saliency,
    "semantic": Semantic,
    "detection": Detection,
    "instances": Instances,
    "matting": Matting,
    "inpainting": Inpainting,
}


def load(
    name_or_path: str | PathLike[str],
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Network:
    """Load a network, fetching its verified file first if need be.

    Args:
        name_or_path: A name of `list_models`, or a .onnx file.
        card: The card of a file.
        device: See `remove`.
        threads: See `remove`.
        accept_licence: See `remove`.

    Returns:
        What runs it, by its task: `tasks.saliency.Saliency`, `tasks.matting.Matting`, …

    Raises:
        UnknownModel: If there is no such model; near matches are in the hint.
        InputError: If a file of it is missing.
        FetchError: If its file could not be had.
        ProviderError: If the device did not load.
    """
    model, path = catalog.card_for(str(name_or_path), card)
    kind = _KINDS.get(model.task)
    paths = _paths(model, path, accept_licence=accept_licence)
    if kind is not None:
        return kind(model, _session(model, paths[0], device, threads))
    if len(paths) < 2:
        message = f"`{model.name}` needs the two files of its card, got `{paths[0]}` alone"
        raise InputError(
            message, hint="put its card into the folder of `nukki models path --cards`"
        )
    encoder, decoder = (_session(model, each, device, threads) for each in paths[:2])
    if model.crops is not None:
        return Picking(model, encoder, decoder)
    return Prompted(model, encoder, decoder)


def load_as(
    kind: type[Kind],
    name_or_path: str | PathLike[str],
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Kind:
    """Load a network of one kind; the arguments are those of `load`.

    Args:
        kind: `Saliency`, `Semantic`, `Detection`, `Instances`, `Matting` or `Inpainting`.
        name_or_path: See `load`.
        card: See `load`.
        device: See `load`.
        threads: See `load`.
        accept_licence: See `load`.

    Raises:
        InputError: If the network is for something else; nothing is fetched then.
        UnknownModel, FetchError, ProviderError: As `load`.
    """
    model, path = catalog.card_for(str(name_or_path), card)
    catalog.check_task(model, next(task for task, other in _KINDS.items() if other is kind))
    paths = _paths(model, path, accept_licence=accept_licence)
    return kind(model, _session(model, paths[0], device, threads))


def mapper_task(model: str, card: str | None = None) -> Task:
    """The task of a network that shall find what stands out: "semantic" does as well.

    Raises:
        InputError: If it is for something else; nothing is fetched then.
        UnknownModel: As `load`.
    """
    found, _ = catalog.card_for(model, card)
    if found.task != "semantic":
        catalog.check_task(found, "saliency")
    return found.task


def load_mapper(
    model: str,
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Saliency | ThingMap:
    """Load what finds the subject by what stands out.

    Args:
        model: A network for saliency, or one that names the class of every pixel: then everything
            that is a thing to it.
        card: See `load`.
        device: See `load`.
        threads: See `load`.
        accept_licence: See `load`.

    Raises:
        InputError, UnknownModel, FetchError, ProviderError: As `load_as`.
    """
    if mapper_task(model, card) == "saliency":
        return load_as(
            Saliency,
            model,
            card=card,
            device=device,
            threads=threads,
            accept_licence=accept_licence,
        )
    network = load_as(
        Semantic, model, card=card, device=device, threads=threads, accept_licence=accept_licence
    )
    return ThingMap(network)


def _session(model: ModelCard, path: Path, device: str | None, threads: int | None) -> Session:
    """The loaded file of a network."""
    one_shape = model.task == "saliency" and model.input.fit == "stretch"
    where = device or settings.device()
    return get_session(path, device=where, threads=threads, one_shape=one_shape)


def _paths(model: ModelCard, path: Path | None, *, accept_licence: bool) -> tuple[Path, ...]:
    """The user's own file and those that its card puts beside it, or those of the card, fetched."""
    if path is not None:
        return (path, *(path.parent / file.name for file in model.files[1:]))
    ensure(model, accept_licence=accept_licence)
    return graphs(model)


# --- what finds the things of a photo

_DETECTOR, _PICKER = "detect", "pick"  # our own: `instances="default"`
_YOLOX = "yolox:"  # before a file of YOLOX's own, which needs no card
_YOLOX_CARD = Path(catalog.__file__).parent / "forms" / "yolox.toml"


def finder_name(instances: str, card: str | None = None) -> tuple[str, str | None]:
    """The name or file of what finds things, and the card that goes with it.

    Args:
        instances: "default" (our own `detect`), a name, "yolox:FILE" (one of YOLOX's own ONNX
            files, which needs no card), or a .onnx file with its card.
        card: The card of a file.
    """
    if instances == "default":
        return _DETECTOR, card
    if instances.startswith(_YOLOX):
        return instances.removeprefix(_YOLOX), card or str(_YOLOX_CARD)
    return instances, card


def load_finder(
    instances: str,
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Finder:
    """Load what finds the things of a photo.

    A detector that gives boxes alone is joined by our own `pick`, which draws a mask in each.

    Args:
        instances: See `finder_name`.
        card: See `load`.
        device: See `load`.
        threads: See `load`.
        accept_licence: See `load`.

    Raises:
        InputError: If the network finds no things; nothing is fetched then.
        UnknownModel, FetchError, ProviderError: As `load`.
    """
    name, its_card = finder_name(instances, card)
    check_finder(catalog.card_for(name, its_card)[0])  # before anything is fetched
    network = load(
        name,
        card=its_card,
        device=device,
        threads=threads,
        accept_licence=accept_licence,
    )
    if isinstance(network, Semantic | Instances):
        return network
    if not isinstance(network, Detection):
        message = f"`{instances}` must be a network that finds things"
        raise InputError(message, hint="choose one of `nukki models list --task instances`")
    picking = _own_picking(device, threads)
    return OwnFinder(Looking(network), picking, threads=threads or settings.threads())


def picker_name(model: str) -> str:
    """The name or file of what finds the thing that is shown: "default" is our own `pick`."""
    return _PICKER if model == "default" else model


def load_picker(
    model: str = "default",
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Picker:
    """Load what finds the thing that clicks or a box show.

    Args:
        model: "default", a name such as "sam-vit-b", or a .onnx file.
        card: See `load`.
        device: See `load`.
        threads: See `load`.
        accept_licence: See `load`.

    Raises:
        InputError: If the network is for something else; nothing is fetched then.
        UnknownModel, FetchError, ProviderError: As `load`.
    """
    name = picker_name(model)
    catalog.check_task(catalog.card_for(name, card)[0], "prompted")
    network = load(name, card=card, device=device, threads=threads, accept_licence=accept_licence)
    if isinstance(network, Picking):
        return OwnPicker(network, threads=threads or settings.threads())
    if not isinstance(network, Prompted):
        message = f"`{name}` must be a network that is asked by clicks and boxes"
        raise InputError(message, hint="leave out the name for nukki's own")
    return network


def _own_picking(device: str | None, threads: int | None) -> Picking:
    """Our own `pick`."""
    network = load(_PICKER, device=device, threads=threads)
    if not isinstance(network, Picking):
        message = f"the card of `{_PICKER}` is not that of nukki's own network"
        raise InputError(message, hint="remove that card from the card folder")
    return network


# --- what paints holes

_FILL = "fill"  # our own network, which `fill="default"` begins with
_PATCH = "patch"


def filler_name(fill: str) -> str | None:
    """The name or file of the network that a filler runs; None for one without weights.

    Args:
        fill: "default" (structure by our own network, detail by patches of the photo), "patch",
            "telea", "ns", a name of `list_models`, or a .onnx file.
    """
    if fill in (_PATCH, *METHODS):
        return None
    if fill == "default":
        return _FILL
    return fill


def load_filler(
    fill: str = "default",
    *,
    card: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
) -> Filler:
    """Load what paints holes.

    Args:
        fill: See `filler_name`.
        card: The card of a file.
        device: See `load`.
        threads: See `load`.
        accept_licence: See `load`.

    Raises:
        InputError: If the network is for something else; nothing is fetched then.
        MissingExtra: If it needs OpenCV and that is not installed.
        UnknownModel, FetchError, ProviderError: As `load`.
    """
    workers = threads or settings.threads()
    name = filler_name(fill)
    if name is not None:
        network = filling.Network(
            load_as(
                Inpainting,
                name,
                card=card,
                device=device,
                threads=threads,
                accept_licence=accept_licence,
            )
        )
        return Chain(fill, network, workers) if fill == "default" else network
    for method in METHODS:
        if fill == method:
            return OpenCV(method)
    return Patches(workers)
