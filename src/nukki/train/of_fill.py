"""`fill` as a kind of network; see `kinds.Kind` for what each method is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nukki.errors import InputError, NukkiError
from nukki.nets.export import Outputs, Ports, export_shipped
from nukki.nets.fill import MULTIPLE, FillNet
from nukki.nets.weights import start_from
from nukki.train.filling import FillStream, held_out, shape_of, view
from nukki.train.kinds import Exported, Kind, Measure
from nukki.train.perceived import Perceived, start_perceiving
from nukki.train.recipe import Recipe
from nukki.train.staging import named
from nukki.train.stream import BAD_HINT
from nukki.train.things import Photo, load_things

__all__ = ["KIND", "STORED_TOLERANCE", "FillTraining", "as_input"]

STORED_TOLERANCE = 1e-3  # mean absolute difference of values in 0..1
_PIXELS, _LOOKS = 4.0, 0.5  # weights of the two losses
_MOST = 64  # photos that are validated on
_PORTS = Ports({"image": ("n", 4, "h", "w")}, ("filled",), multiple=MULTIPLE, least=MULTIPLE)


class FillTraining(nn.Module):
    """The network beside the one that says how its answers look."""

    def __init__(self) -> None:
        super().__init__()
        self.fill = FillNet()
        self.looks = Perceived()

    def forward(self, x: Tensor) -> Tensor:
        """See `FillNet`."""
        result: Tensor = self.fill(x)
        return result


def as_input(pictures: Tensor, holes: Tensor) -> Tensor:
    """(N, 3, H, W) in 0..1 and (N, 1, H, W), 1 in the hole, as the network sees them."""
    return torch.cat((pictures * (1 - holes), holes), 1)


class _Fill(Kind[Photo]):
    name = "fill"
    task = "inpainting"
    measures = (
        Measure("psnr", "PSNR in the hole, dB", "PSNR"),
        Measure("l1", "mean absolute error in the hole", "L1", sign=-1, drawn=False),
        Measure("looks", "distance on the maps of MobileNetV2", "looks", sign=-1),
    )

    def network(self) -> nn.Module:
        return FillTraining()

    def start_from(self, net: nn.Module, path: Path) -> tuple[int, int]:
        whole = _training(net)
        if path.suffix.lower() == ".npz":
            return start_perceiving(whole.looks, path), len(whole.state_dict())
        return start_from(whole.fill, path)

    def stream(self, recipe: Recipe, folder: Path, *, skip_bad: bool) -> FillStream:
        return FillStream(recipe, folder, skip_bad=skip_bad)

    def held(self, folder: Path) -> tuple[Photo, ...]:
        return held_out(folder, _MOST)

    def check(self, one: Photo) -> None:
        load_things(one)

    def named(self, one: Photo, error: NukkiError) -> str:
        return named(one, error)

    def loss(self, net: nn.Module, tensors: Sequence[Tensor], *, half: bool) -> Tensor:
        pictures, holes = (one.flatten(0, 1).float() for one in tensors)
        truth = (pictures / 255).contiguous(memory_format=torch.channels_last)
        x = as_input(truth, holes).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            filled = net(x)
        filled = filled.float()
        pixels = (filled - truth).abs().sum() / (3 * holes.sum())
        looks = _training(net).looks.distance(filled, truth, holes)
        loss: Tensor = _PIXELS * pixels + _LOOKS * looks
        return loss

    def judge(
        self, net: nn.Module, held: Sequence[Photo], recipe: Recipe, device: torch.device
    ) -> Mapping[str, float]:
        net.eval()
        found: dict[str, list[float]] = {"psnr": [], "l1": [], "looks": []}
        shapes = [shape for shape in map(shape_of, held) if shape is not None]
        for number, photo in enumerate(held):
            try:
                picture, hole = view(photo, recipe.grid[0], shapes, number)
            except NukkiError as error:
                raise InputError(named(photo, error), hint=BAD_HINT) from error
            truth = torch.from_numpy(picture[None]).to(device).float() / 255
            holes = torch.from_numpy(hole[None]).to(device).float()
            with torch.inference_mode():
                filled = net(as_input(truth, holes)).float()
                looks = _training(net).looks.distance(filled, truth, holes)
            pixels = 3 * holes.sum()
            squares = float((filled - truth).square().sum() / pixels)
            found["psnr"].append(-10 * float(np.log10(max(squares, 1e-10))))
            found["l1"].append(float((filled - truth).abs().sum() / pixels))
            found["looks"].append(float(looks))
        return {key: float(np.mean(values)) for key, values in found.items()}

    def is_encoder(self, name: str) -> bool:
        return name.startswith("looks.")

    def freeze(self, net: nn.Module, blocks: int) -> None:
        """Nothing: recipes that ask for it are refused."""

    def export(
        self,
        net: nn.Module,
        folder: Path,
        recipe: Recipe,
        shown: Sequence[Photo],
        *,
        skip_bad: bool,
    ) -> tuple[Exported, ...]:
        inputs = _compared(shown, recipe.grid[0], skip_bad=skip_bad)
        target = folder / f"{recipe.name}.onnx"
        shipped = _training(net).fill
        parity = export_shipped(shipped, target, inputs, _PORTS, _distance, STORED_TOLERANCE)
        return (Exported(target, parity),)

    def tables(self, recipe: Recipe) -> Sequence[str]:
        height, width = recipe.grid
        return (
            "[input]",
            'name = "image"',
            f"size = [{height}, {width}]",
            'fit = "pad"',
            f"multiple = {MULTIPLE}",
            "",
            "[output]",
            'name = "filled"',
            "",
            "[inpainting]",
            "hole = 0.0",
            'padding = "symmetric"',
            f"least = {MULTIPLE}",
            "range = [0.0, 1.0]",
            f"limit = {2 * max(height, width)}",
        )


def _training(net: nn.Module) -> FillTraining:
    if not isinstance(net, FillTraining):
        message = f"`{type(net).__name__}` is no FillTraining"
        raise TypeError(message)
    return net


def _compared(
    shown: Sequence[Photo], side: int, *, skip_bad: bool
) -> list[dict[str, NDArray[np.float32]]]:
    """Inputs to compare the file on.

    Raises:
        InputError: If a photo cannot be read (unless such are passed over), or none can.
    """
    inputs = []
    for number, photo in enumerate(shown):
        try:
            picture, hole = view(photo, side, (), number)
        except NukkiError as error:
            if not skip_bad:
                raise InputError(named(photo, error), hint=BAD_HINT) from error
            continue
        tensor = as_input(torch.from_numpy(picture[None]) / 255, torch.from_numpy(hole[None]))
        inputs.append({"image": tensor.float().numpy()})
    if not inputs:
        message = "no picture to compare the exported file on can be read"
        raise InputError(message, hint="prepare the data again")
    return inputs


def _distance(given: Outputs, wanted: Outputs) -> float:
    """Mean absolute difference of the pictures."""
    return float(np.abs(given["filled"] - wanted["filled"]).mean())


KIND = _Fill()
