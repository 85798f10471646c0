"""What is known of a published network beside its layers: how its checkpoint's keys become ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nukki.errors import InputError

__all__ = ["Outputs", "Published", "renamed"]

Outputs = Mapping[str, Tensor] | tuple[Tensor, ...] | Tensor
Run = Callable[[nn.Module, str, Mapping[str, Tensor]], Outputs]
Translate = Callable[[nn.Module, Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Published:
    """A network of the field, under the name that its parity data have.

    Attributes:
        build: Makes the module, with weights drawn at random.
        prefixes: What wrappers put before every key (`module.`, `generator.`); one is taken off
            where every key that is not ignored has it, and so on until none does.
        ignored: Patterns of keys, without prefixes, that are in the file and not in the network:
            losses, discriminators, second names of a tensor.
        renames: (pattern, replacement) pairs, each applied once to every key in this order: the
            publisher's names on the left, ours on the right.
        run: Stages of the network by the name of a call in the parity data: (module, call, inputs
            by name) → outputs by name. None where each call is `module(*inputs)`.
        translate: What a library makes of the keys, after `renames`; it gets the module, without
            memory for its weights.
    """

    build: Callable[[], nn.Module]
    prefixes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    run: Run | None = None
    translate: Translate | None = None


def renamed(published: Published, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official state dict under our names, in its own order.

    Args:
        published: Tells how its keys become ours.
        state: Tensors by the publisher's keys.

    Raises:
        InputError: If two keys get the same name.
    """
    ignored = [re.compile(pattern) for pattern in published.ignored]
    kept = _kept(state, ignored)
    while prefix := _shared_prefix(kept, published.prefixes):
        kept = _kept({key.removeprefix(prefix): kept[key] for key in kept}, ignored)
    result: dict[str, Tensor] = {}
    for key, tensor in kept.items():
        name = key
        for pattern, replacement in published.renames:
            name = re.sub(pattern, replacement, name)
        if name in result:
            message = f"the checkpoint holds two tensors for `{name}`, the second is `{key}`"
            raise InputError(message, hint="give the publisher's file as it is")
        result[name] = tensor
    if published.translate is not None:
        with torch.device("meta"):
            module = published.build()
        result = published.translate(module, result)
    return result


def _kept(state: Mapping[str, Tensor], ignored: list[re.Pattern[str]]) -> dict[str, Tensor]:
    """What is not to be left out."""
    return {key: state[key] for key in state if not any(one.match(key) for one in ignored)}


def _shared_prefix(state: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> str | None:
    """The first prefix that all keys have, if one does."""
    for prefix in prefixes:
        if state and all(key.startswith(prefix) for key in state):
            return prefix
    return None
