"""`subject` as a kind of network; see `kinds.Kind` for what each method is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from nukki.errors import InputError, NukkiError
from nukki.nets.export import export
from nukki.nets.subject import SubjectNet
from nukki.nets.weights import start_from
from nukki.ops.grid import fit
from nukki.train.data import (
    Pair,
    SubjectStream,
    find_validation,
    input_spec,
    load_pair,
    named,
)
from nukki.train.kinds import Exported, Kind, Measure
from nukki.train.losses import subject_loss
from nukki.train.recipe import Recipe
from nukki.train.stream import BAD_HINT
from nukki.train.validate import validate

__all__ = ["KIND"]


class _Subject(Kind[Pair]):
    name = "subject"
    task = "saliency"
    measures = (
        Measure("max_f_beta", "max F-beta", "max F"),
        Measure("mae", "MAE", "MAE", sign=-1),
        Measure("s_alpha", "S-alpha", "S", drawn=False),
        Measure("iou", "IoU", "IoU"),
    )

    def network(self) -> nn.Module:
        return SubjectNet()

    def start_from(self, net: nn.Module, path: Path) -> tuple[int, int]:
        return start_from(net, path)

    def stream(self, recipe: Recipe, folder: Path, *, skip_bad: bool) -> SubjectStream:
        return SubjectStream(recipe, folder, skip_bad=skip_bad)

    def held(self, folder: Path) -> tuple[Pair, ...]:
        return find_validation(folder)

    def check(self, one: Pair) -> None:
        load_pair(one)

    def named(self, one: Pair, error: NukkiError) -> str:
        return named(one, error)

    def loss(self, net: nn.Module, tensors: Sequence[Tensor], *, half: bool) -> Tensor:
        images, masks = tensors
        x = (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            maps = net(x)
        return subject_loss(maps, masks.float() / 255)

    def judge(
        self, net: nn.Module, held: Sequence[Pair], recipe: Recipe, device: torch.device
    ) -> Mapping[str, float]:
        return asdict(validate(net, tuple(held), recipe.grid, device))

    def is_encoder(self, name: str) -> bool:
        return name.startswith("enc.")

    def freeze(self, net: nn.Module, blocks: int) -> None:
        encoder = net.get_submodule("enc")
        encoder.get_submodule("stem").requires_grad_(blocks == 0)
        for number, block in enumerate(encoder.get_submodule("blocks").children()):
            block.requires_grad_(number >= blocks)

    def export(
        self, net: nn.Module, folder: Path, recipe: Recipe, shown: Sequence[Pair], *, skip_bad: bool
    ) -> tuple[Exported, ...]:
        spec = input_spec(recipe.grid)
        tensors = []
        for pair in shown:
            try:
                image, _ = load_pair(pair)
            except NukkiError as error:
                if not skip_bad:
                    raise InputError(named(pair, error), hint=BAD_HINT) from error
                continue
            tensors.append(fit(image, spec)[0])
        if not tensors:
            message = "no picture to compare the exported file on can be read"
            raise InputError(message, hint="prepare the data again")
        target = folder / f"{recipe.name}.onnx"
        return (Exported(target, export(net, target, tensors)),)

    def tables(self, recipe: Recipe) -> Sequence[str]:
        spec = input_spec(recipe.grid)
        return (
            "[input]",
            f'name = "{spec.name}"',
            f"size = [{spec.size[0]}, {spec.size[1]}]",
            f'fit = "{spec.fit}"',
            f"multiple = {spec.multiple}",
            f"mean = {list(spec.mean)}",
            f"std = {list(spec.std)}",
            "",
            "[output]",
            'name = "alpha"',
            'range = "absolute"',
        )


KIND = _Subject()
