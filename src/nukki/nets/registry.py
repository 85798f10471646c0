"""The published networks by name: build one, rename its checkpoint's keys, run a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

from torch import Tensor, nn

from nukki.errors import UnknownModel
from nukki.nets.published import Outputs, Published, renamed

__all__ = ["NAMES", "build", "convert", "needs", "parity_run", "published"]

# The module that defines each; it is imported when the network is asked for.
_HOMES = {
    "u2net": "u2net",
    "u2netp": "u2net",
    "isnet": "u2net",
    "deeplabv3_resnet101": "deeplabv3",
    "detectron2_maskrcnn": "maskrcnn",
    "torchvision_maskrcnn": "maskrcnn",
    "indexnet_official": "indexnet",
    "indexnet_mmedit": "indexnet",
    "deepfillv2": "deepfillv2",
    "aotgan": "aotgan",
    "aotgan_mmagic": "aotgan",
    "lama": "lama",
    "modnet": "modnet",
    "birefnet_swin_v1_t": "birefnet",
    "mask2former-swin-t": "mask2former",
    "mask2former-swin-s": "mask2former",
    "mask2former-swin-b": "mask2former",
    "mask2former-swin-l": "mask2former",
    "vitmatte-s": "vitmatte",
    "vitmatte-b": "vitmatte",
    "sam-vit-b": "sam",
}
_OF_LIBRARY = ("mask2former", "vitmatte", "sam")
NAMES = tuple(_HOMES)


def needs(name: str) -> tuple[str, ...]:
    """The packages beside torch that define a published network.

    Raises:
        UnknownModel: If there is none of that name.
    """
    published(name)
    return ("transformers",) if _HOMES.get(name) in _OF_LIBRARY else ()


def published(name: str) -> Published:
    """What is known of a published network.

    Args:
        name: One of `NAMES`.

    Raises:
        UnknownModel: If there is none of that name.
    """
    if name not in _HOMES:
        near = get_close_matches(name, NAMES, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(NAMES)}"
        message = f"`{name}` is no network that nukki defines"
        raise UnknownModel(message, hint=hint)
    table: Mapping[str, Published] = import_module(f"nukki.nets.{_HOMES[name]}").PUBLISHED
    return table[name]


def build(name: str) -> nn.Module:
    """A published network with random weights, in training mode.

    Args:
        name: One of `NAMES`.

    Raises:
        UnknownModel: If there is none of that name.
    """
    return published(name).build()


def convert(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official state dict under our names, ready for `load_state_dict(strict=True)`.

    Args:
        name: One of `NAMES`.
        state: Tensors by the publisher's keys.

    Raises:
        UnknownModel: If there is no network of that name.
        InputError: If two keys get the same name.
    """
    return renamed(published(name), state)


def parity_run(module: nn.Module, model: str, call: str, inputs: Mapping[str, Tensor]) -> Outputs:
    """What a call of the parity data gives: the whole network, or a stage of it.

    Args:
        module: What `build(model)` made.
        model: One of `NAMES`.
        call: The call's name in the manifest of the parity data.
        inputs: Tensors by the names of the call's inputs.
    """
    run = published(model).run
    if run is not None:
        return run(module, call, inputs)
    outputs: Outputs = module(*inputs.values())
    return outputs
