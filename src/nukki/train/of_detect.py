"""`detect` as a kind of network; see `kinds.Kind` for what each method is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nukki.errors import InputError, NukkiError
from nukki.nets import detect_export
from nukki.nets.detect import DetectNet, Detector, start_from
from nukki.ops import nms
from nukki.ops.boxes import areas, shared_matrix
from nukki.ops.detection_measures import Judged, average_precision, judged, overlap_with_crowds
from nukki.ops.grid import fit
from nukki.train.box_augment import FILL, boxed, packed, sample
from nukki.train.detecting import detect_loss, truths_of
from nukki.train.kinds import Exported, Kind, Measure
from nukki.train.recipe import Recipe
from nukki.train.staging import SceneStream, named
from nukki.train.stream import BAD_HINT, Draw
from nukki.train.things import PERSON, Photo, find_things, load_things
from nukki.types import InputSpec

__all__ = ["KIND", "input_spec"]

_MOST = 96  # boxes of a sample
_MEAN, _STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # blue, green, red: NanoDet's
_LEAST, _OVERLAP = 0.05, 0.6  # as on the card: of a candidate's score, and of doubles
_SETS_OF_OTHERS = ("coco", "labelled")  # whose photos make up a mosaic


def input_spec(grid: tuple[int, int]) -> InputSpec:
    """How pictures come onto the grid: the longer side at most that, the ratio kept."""
    return InputSpec(
        (min(grid), max(grid)),
        fit="shortest-edge",
        scale=1.0,
        mean=_MEAN,
        std=_STD,
        channels="bgr",
        pad_value=FILL,  # as in training
        multiple=32,
        name="image",
    )


class _Stream(SceneStream):
    """Canvases with boxes."""

    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """A canvas (3, S, S) uint8, and its boxes (M, 5) float32 (see `box_augment.packed`)."""
        image, things = self.scene(draw)
        others = []
        sets = [name for name in _SETS_OF_OTHERS if name in self.sets] or [draw.set]
        for _ in range(3):
            name = sets[int(draw.chance.integers(len(sets)))]
            item = int(draw.chance.integers(len(self.sets[name])))
            others.append(boxed(*self.load(name, item, draw.bad)))
        canvas = sample(boxed(image, things), others, (draw.side, draw.side), draw.chance)
        picture = np.ascontiguousarray(canvas.image.transpose(2, 0, 1))
        return picture, packed(canvas, _MOST)


class _Detect(Kind[Photo]):
    name = "detect"
    task = "detection"
    measures = (
        Measure("people_ap50", "AP50 of people", "people AP50"),
        Measure("people_ap", "AP of people", "AP"),
        Measure("all_ap50", "AP50 of all classes", "all AP50"),
    )

    def network(self) -> nn.Module:
        return DetectNet()

    def start_from(self, net: nn.Module, path: Path) -> tuple[int, int]:
        return start_from(_checked(net), path)

    def stream(self, recipe: Recipe, folder: Path, *, skip_bad: bool) -> SceneStream:
        return _Stream(recipe, folder, skip_bad=skip_bad)

    def held(self, folder: Path) -> tuple[Photo, ...]:
        there = folder / "validate" / "coco"
        return find_things(there) if there.is_dir() else ()

    def check(self, one: Photo) -> None:
        load_things(one)

    def named(self, one: Photo, error: NukkiError) -> str:
        return named(one, error)

    def loss(self, net: nn.Module, tensors: Sequence[Tensor], *, half: bool) -> Tensor:
        images, rows = tensors
        mean, std = (
            torch.tensor(one, device=images.device)[:, None, None] for one in (_MEAN, _STD)
        )
        x = ((images.flip(1).float() - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            outputs = net(x)
        return detect_loss(outputs, truths_of(rows))

    def judge(
        self, net: nn.Module, held: Sequence[Photo], recipe: Recipe, device: torch.device
    ) -> Mapping[str, float]:
        told = Detector(_checked(net)).eval()
        spec = input_spec(recipe.grid)
        by_class: dict[int, list[Judged]] = defaultdict(list)
        for photo in held:
            for number, one in _judged(told, photo, spec, device).items():
                by_class[number].append(one)
        precisions = {number: average_precision(found) for number, found in by_class.items()}
        known = [values for values in precisions.values() if np.isfinite(values).all()]
        people = precisions.get(PERSON, np.zeros(10))
        return {
            "people_ap50": float(people[0]),
            "people_ap": float(people.mean()),
            "all_ap50": float(np.mean([values[0] for values in known])) if known else 0.0,
        }

    def is_encoder(self, name: str) -> bool:
        return name.startswith(("stem.", "stages."))

    def freeze(self, net: nn.Module, blocks: int) -> None:
        net.get_submodule("stem").requires_grad_(blocks == 0)
        for number, stage in enumerate(net.get_submodule("stages").children()):
            stage.requires_grad_(number >= blocks)

    def export(
        self,
        net: nn.Module,
        folder: Path,
        recipe: Recipe,
        shown: Sequence[Photo],
        *,
        skip_bad: bool,
    ) -> tuple[Exported, ...]:
        tensors = []
        for photo in shown:
            try:
                image, _ = load_things(photo)
            except NukkiError as error:
                if not skip_bad:
                    raise InputError(named(photo, error), hint=BAD_HINT) from error
                continue
            tensors.append(fit(image, input_spec(recipe.grid))[0])
        if not tensors:
            message = "no picture to compare the exported file on can be read"
            raise InputError(message, hint="prepare the data again")
        target = folder / f"{recipe.name}.onnx"
        return (Exported(target, detect_export.export(_checked(net), target, tensors)),)

    def tables(self, recipe: Recipe) -> Sequence[str]:
        spec = input_spec(recipe.grid)
        return (
            "[input]",
            f'name = "{spec.name}"',
            f"size = [{spec.size[0]}, {spec.size[1]}]",
            f'fit = "{spec.fit}"',
            f"multiple = {spec.multiple}",
            f"scale = {spec.scale}",
            f"mean = {list(_MEAN)}",
            f"std = {list(_STD)}",
            f'channels = "{spec.channels}"',
            f"pad_value = {spec.pad_value}",
            "",
            "[boxes]",
            'form = "decoded"',
            f"min_score = {_LEAST}",
            f"overlap = {_OVERLAP}",
            "",
            "[classes]",
            'labels = "coco-80"',
        )


def _checked(net: nn.Module) -> DetectNet:
    if not isinstance(net, DetectNet):
        message = f"`{type(net).__name__}` is no DetectNet"
        raise TypeError(message)
    return net


def _judged(
    told: Detector, photo: Photo, spec: InputSpec, device: torch.device
) -> dict[int, Judged]:
    """What the network found in a photo, by class; also of classes that it should have found."""
    image, things = load_things(photo)
    tensor, placement = fit(image, spec)
    with torch.inference_mode():
        boxes, scores = (
            one.float().cpu().numpy()[0] for one in told(torch.from_numpy(tensor).to(device))
        )
    places, classes = np.nonzero(scores >= _LEAST)
    sure = scores[places, classes]
    best = np.argsort(-sure, kind="stable")[:1000]
    corners, sure, classes = boxes[places][best], sure[best], classes[best]
    kept = nms.suppress(corners, sure, classes, _OVERLAP)
    height, width = placement.source
    factors = np.array([width / placement.inner[1], height / placement.inner[0]] * 2, np.float32)
    corners, sure, classes = corners[kept] * factors, sure[kept], classes[kept]
    truths = np.array([thing.box for thing in things], np.float32).reshape(-1, 4)
    labels = np.array([thing.label for thing in things], np.intp)
    crowds = np.array([thing.crowd for thing in things], np.bool_)
    found = {}
    for number in sorted({*classes.tolist(), *labels.tolist()}):
        mine, theirs = classes == number, labels == number
        shared = shared_matrix(corners[mine], truths[theirs])
        overlaps = overlap_with_crowds(
            shared, areas(corners[mine]), areas(truths[theirs]), crowds[theirs]
        )
        found[number] = judged(overlaps, sure[mine], crowds[theirs])
    return found


KIND = _Detect()
