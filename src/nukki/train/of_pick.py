"""`pick` as a kind of network; see `kinds.Kind` for what each method is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nukki.errors import InputError, NukkiError
from nukki.nets.pick import PickNet
from nukki.nets.pick_export import export
from nukki.nets.weights import start_from
from nukki.ops.crops import cropped, frame_around, question, whole
from nukki.ops.metrics import inside, iou
from nukki.train.asking import points_on
from nukki.train.kinds import Exported, Kind, Measure
from nukki.train.losses import subject_loss
from nukki.train.picking import PickStream
from nukki.train.recipe import Recipe
from nukki.train.staging import named
from nukki.train.stream import BAD_HINT
from nukki.train.things import Photo, Thing, find_things, load_things
from nukki.types import RGB8, Point

__all__ = ["KIND"]

_SCORED = 0.5  # weight of the guess of the IoU
_MOST = 6  # things of a photo that are judged
_LEAST = 16.0  # pixels of the shorter side of a thing that is judged
# `subject`'s layers that have another shape here.
_OTHER_SHAPE = ("lat.4.weight",)


class _Pick(Kind[Photo]):
    name = "pick"
    task = "prompted"
    measures = (
        Measure("box_iou", "mean IoU of things shown by a box", "IoU by box"),
        Measure("click_iou", "mean IoU of things shown by a click", "by click"),
        Measure("score_error", "mean error of the score", "score off", sign=-1),
    )

    def network(self) -> nn.Module:
        return PickNet()

    def start_from(self, net: nn.Module, path: Path) -> tuple[int, int]:
        return start_from(net, path, passed_over=_OTHER_SHAPE)

    def stream(self, recipe: Recipe, folder: Path, *, skip_bad: bool) -> PickStream:
        return PickStream(recipe, folder, skip_bad=skip_bad)

    def held(self, folder: Path) -> tuple[Photo, ...]:
        sets = sorted(path for path in (folder / "validate").glob("*") if path.is_dir())
        return tuple(photo for one in sets for photo in find_things(one))

    def check(self, one: Photo) -> None:
        load_things(one)

    def named(self, one: Photo, error: NukkiError) -> str:
        return named(one, error)

    def loss(self, net: nn.Module, tensors: Sequence[Tensor], *, half: bool) -> Tensor:
        pictures, questions, answers = (one.flatten(0, 1) for one in tensors)
        x = (pictures.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        asked = (questions.float() / 127).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            maps, score = net(x, asked)
        truth = answers.float() / 255
        return subject_loss(maps, truth) + _SCORED * _score_loss(maps[0], score, truth)

    def judge(
        self, net: nn.Module, held: Sequence[Photo], recipe: Recipe, device: torch.device
    ) -> Mapping[str, float]:
        net.eval()
        found: dict[str, list[float]] = {"box_iou": [], "click_iou": [], "score_error": []}
        for photo in held:
            for key, asked in _questions(photo, recipe.grid):
                inputs = (torch.from_numpy(one[None]).to(device) for one in asked[:2])
                with torch.inference_mode():
                    maps, score = net(*inputs)
                half_map = F.interpolate(maps[0].float(), scale_factor=2.0, mode="bilinear")
                shared = iou(inside(half_map.sigmoid().cpu().numpy()[0, 0]), asked[2])
                found[key].append(shared)
                found["score_error"].append(abs(float(score.float().sigmoid()) - shared))
        return {key: float(np.mean(values)) if values else 0.0 for key, values in found.items()}

    def is_encoder(self, name: str) -> bool:
        return name.startswith("enc.")

    def freeze(self, net: nn.Module, blocks: int) -> None:
        encoder = net.get_submodule("enc")
        encoder.get_submodule("stem").requires_grad_(blocks == 0)
        for number, block in enumerate(encoder.get_submodule("blocks").children()):
            block.requires_grad_(number >= blocks)

    def export(
        self,
        net: nn.Module,
        folder: Path,
        recipe: Recipe,
        shown: Sequence[Photo],
        *,
        skip_bad: bool,
    ) -> tuple[Exported, ...]:
        if not isinstance(net, PickNet):
            message = f"`{type(net).__name__}` is no PickNet"
            raise TypeError(message)
        pictures, questions = _compared(shown, recipe.grid, skip_bad=skip_bad)
        first = folder / f"{recipe.name}.encoder.onnx"
        second = folder / f"{recipe.name}.decoder.onnx"
        parities = export(net, (first, second), pictures, questions)
        return Exported(first, parities[0]), Exported(second, parities[1])

    def tables(self, recipe: Recipe) -> Sequence[str]:
        height, width = recipe.grid
        return (
            "[input]",
            'name = "image"',
            f"size = [{height}, {width}]",
            'fit = "stretch"',
            "multiple = 32",
            "mean = [0.5, 0.5, 0.5]",
            "std = [0.5, 0.5, 0.5]",
            "",
            "[crops]",
        )


def _score_loss(finest: Tensor, score: Tensor, truth: Tensor) -> Tensor:
    """How far the guessed IoU is from that of the mask as it is now; a scalar in float32."""
    with torch.no_grad():
        wanted = F.interpolate(truth, size=finest.shape[2:], mode="area") >= 0.5
        found = finest.float() >= 0
        shared = (wanted & found).sum(dim=(1, 2, 3)).float()
        either = (wanted | found).sum(dim=(1, 2, 3)).float()
        reached = shared / either.clamp(min=1)  # 0 where nothing was to be found
    return F.binary_cross_entropy_with_logits(score.float(), reached)


def _questions(
    photo: Photo, grid: tuple[int, int]
) -> Iterator[tuple[str, tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]]]:
    """The largest things of a photo, each shown by its box and by a click in its midst."""
    image, things = load_things(photo)
    size = image.shape[:2]
    fit = [one for one in things if one.mask is not None and not one.crowd and _side(one) >= _LEAST]
    for one in sorted(fit, key=_side, reverse=True)[:_MOST]:
        if one.mask is None:
            continue
        frame = frame_around(one.box, size)
        truth = cropped(one.mask, frame, grid)
        yield (
            "box_iou",
            (
                _tensor(cropped(image, frame, grid)),
                question(frame, grid, box=one.box),
                truth >= 128,
            ),
        )
        frame = whole(size) if _side(one) > 0.25 * min(size) else frame_around(one.box, size, 0.5)
        truth = cropped(one.mask, frame, grid)
        chance = np.random.default_rng(round(one.box[0] * 7 + one.box[1]))
        for x, y in points_on(truth, 1, chance):
            place = Point(
                frame[0] + (x + 0.5) * (frame[2] - frame[0]) / grid[1] - 0.5,
                frame[1] + (y + 0.5) * (frame[3] - frame[1]) / grid[0] - 0.5,
            )
            asked = question(frame, grid, points=[place])
            yield "click_iou", (_tensor(cropped(image, frame, grid)), asked, truth >= 128)


def _side(thing: Thing) -> float:
    return min(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])


def _tensor(crop: RGB8) -> NDArray[np.float32]:
    return np.asarray(crop.transpose(2, 0, 1), np.float32) / np.float32(127.5) - np.float32(1)


def _compared(
    shown: Sequence[Photo], grid: tuple[int, int], *, skip_bad: bool
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Crops and questions to compare files on, each (1, …).

    Raises:
        InputError: If a photo cannot be read (unless such are passed over), or none shows a thing.
    """
    pictures, questions = [], []
    for photo in shown:
        try:
            asked = list(_questions(photo, grid))
        except NukkiError as error:
            if not skip_bad:
                raise InputError(named(photo, error), hint=BAD_HINT) from error
            continue
        for _, (picture, maps, _) in asked[:2]:
            pictures.append(picture[None])
            questions.append(maps[None])
    if not pictures:
        message = "there is no thing with a mask to compare the exported files on"
        raise InputError(message, hint="prepare the data again")
    return pictures, questions


KIND = _Pick()
