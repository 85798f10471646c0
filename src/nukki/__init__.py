"""nukki cuts the subject out of photos: offline, at full resolution, with edges that hold.

    import nukki

    cut = nukki.remove("cat.jpg")
    cut.save("cat.png")

Public names are loaded when they are first used: importing nukki loads neither NumPy nor Pillow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nukki.api import (
        erase,
        layers,
        list_models,
        load,
        pick,
        read,
        remove,
        replace,
        segment,
    )
    from nukki.errors import (
        CardError,
        ChecksumMismatch,
        FetchError,
        InputError,
        LimitExceeded,
        MissingExtra,
        ModelOutputError,
        NothingFound,
        NukkiError,
        Offline,
        OutputError,
        ProviderError,
        UnknownModel,
    )
    from nukki.io.images import Picture
    from nukki.pipelines.results import Cutout, Instance, Segmentation
    from nukki.types import Box, Point
    from nukki.zoo.cards import ModelCard

__version__ = "0.1.0"

_HOME = {
    "Box": "types",
    "Cutout": "pipelines.results",
    "Instance": "pipelines.results",
    "Segmentation": "pipelines.results",
    "ModelCard": "zoo.cards",
    "Picture": "io.images",
    "Point": "types",
    "erase": "api",
    "layers": "api",
    "list_models": "api",
    "load": "api",
    "pick": "api",
    "read": "api",
    "remove": "api",
    "replace": "api",
    "segment": "api",
    **dict.fromkeys(
        (
            "CardError",
            "ChecksumMismatch",
            "FetchError",
            "InputError",
            "LimitExceeded",
            "MissingExtra",
            "ModelOutputError",
            "NothingFound",
            "NukkiError",
            "Offline",
            "OutputError",
            "ProviderError",
            "UnknownModel",
        ),
        "errors",
    ),
}

__all__ = [
    "Box",
    "CardError",
    "ChecksumMismatch",
    "Cutout",
    "FetchError",
    "InputError",
    "Instance",
    "LimitExceeded",
    "MissingExtra",
    "ModelCard",
    "ModelOutputError",
    "NothingFound",
    "NukkiError",
    "Offline",
    "OutputError",
    "Picture",
    "Point",
    "ProviderError",
    "Segmentation",
    "UnknownModel",
    "erase",
    "layers",
    "list_models",
    "load",
    "pick",
    "read",
    "remove",
    "replace",
    "segment",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its room when it is first used (PEP 562)."""
    if name not in _HOME:
        message = f"module 'nukki' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"nukki.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
