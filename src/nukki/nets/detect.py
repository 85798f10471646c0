"""`detect`: our own network for boxes of people and things, the 80 classes of COCO.

ShuffleNetV2 (Ma et al., ECCV 2018) sees the picture at strides 8, 16 and 32; a path aggregation
network (Liu et al., CVPR 2018) of ghost blocks (Han et al., CVPR 2020) carries what is seen down to
the fine maps and up again, and adds stride 64; at every place of these four maps a light head says
80 class scores and how far the four sides of the thing's box are, each as a distribution over the
distances 0, 1, ..., 7 strides (Generalized Focal Loss, Li et al., NeurIPS 2020).

Layer for layer this is the published NanoDet-Plus-m (-m-1.5x) with its batch norms folded, so that
training can start from it. The convolutions are made in the order in which its ncnn file has them:
that is the rule by which `start_from` fills them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.errors import InputError
from nukki.nets import ncnn, weights

__all__ = [
    "BINS",
    "CLASSES",
    "STRIDES",
    "DetectNet",
    "Detector",
    "Places",
    "boxes_at",
    "places",
    "start_from",
]

CLASSES = 80
BINS = 8  # distances that a side may have: 0 to 7 strides
STRIDES = (8, 16, 32, 64)
_SLOPE = 0.1  # of every LeakyReLU below zero
_STEM = 24
_REPEATS = (4, 8, 4)  # blocks at strides 8, 16, 32
# Channels at strides 8, 16, 32 (table 5 of ShuffleNetV2), and of every map behind the encoder.
# Published detectors are 1.0 and 1.5; 0.5 is for trying things out.
_CHANNELS = {
    0.5: (48, 96, 192, 48),
    1.0: (116, 232, 464, 96),
    1.5: (176, 352, 704, 128),
}
_PRIOR = 0.01  # the score that an untrained network gives everywhere


class _Conv(nn.Conv2d):
    """A convolution with bias that keeps or halves the size, and mostly a LeakyReLU."""

    def __init__(
        self,
        inner: int,
        outer: int,
        size: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__(inner, outer, size, stride, size // 2, groups=groups)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return F.leaky_relu(y, _SLOPE) if self.active else y


def _each(channels: int, size: int, *, stride: int = 1, active: bool = False) -> _Conv:
    """A filter for each channel (depthwise)."""
    return _Conv(channels, channels, size, stride=stride, groups=channels, active=active)


def _shuffled(first: Tensor, second: Tensor) -> Tensor:
    """Two maps (N, C, H, W) → (N, 2C, H, W), their channels taken in turn."""
    return torch.stack([first, second], dim=2).flatten(1, 2)


class _Halve(nn.Module):
    """ShuffleNetV2's block of stride 2: both branches see all channels (figure 3 d)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        half = outer // 2
        self.beside_filter = _each(inner, 3, stride=2)
        self.widen = _Conv(inner, half)
        self.filter = _each(half, 3, stride=2)
        self.beside = _Conv(inner, half)
        self.mix = _Conv(half, half)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.beside(self.beside_filter(x))
        return _shuffled(beside, self.mix(self.filter(self.widen(x))))


class _Keep(nn.Module):
    """ShuffleNetV2's block of stride 1: half of the channels pass by (figure 3 c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.first = _Conv(half, half)
        self.filter = _each(half, 3)
        self.mix = _Conv(half, half)

    def forward(self, x: Tensor) -> Tensor:
        beside, seen = x.chunk(2, dim=1)
        return _shuffled(beside, self.mix(self.filter(self.first(seen))))


class _Ghost(nn.Module):
    """Half of the channels by a 1×1, the others by a cheap 3×3 filter on each of those."""

    def __init__(self, inner: int, outer: int, *, active: bool) -> None:
        super().__init__()
        self.primary = _Conv(inner, outer // 2, active=active)
        self.cheap = _each(outer // 2, 3, active=active)

    def forward(self, x: Tensor) -> Tensor:
        primary = self.primary(x)
        return torch.cat([primary, self.cheap(primary)], dim=1)


class _GhostBlock(nn.Module):
    """Two maps of C channels, joined, → one of C: two ghosts, and a separable 5×5 beside them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Ghost(2 * channels, channels, active=True)
        self.second = _Ghost(channels, channels, active=False)
        self.beside_filter = _each(2 * channels, 5)
        self.beside = _Conv(2 * channels, channels, active=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        x = torch.cat([one, other], dim=1)
        result: Tensor = self.second(self.first(x)) + self.beside(self.beside_filter(x))
        return result


class _Separable(nn.Sequential):
    """5×5 for each channel, then 1×1, both active."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__(_each(channels, 5, stride=stride, active=True), _Conv(channels, channels))


class _Paths(nn.Module):
    """Maps of strides 8, 16, 32 → maps of strides 8, 16, 32, 64 that know of each other."""

    def __init__(self, inner: Sequence[int], channels: int) -> None:
        super().__init__()
        self.narrow_32 = _Conv(inner[2], channels)
        self.narrow_16 = _Conv(inner[1], channels)
        self.down_16 = _GhostBlock(channels)
        self.narrow_8 = _Conv(inner[0], channels)
        self.down_8 = _GhostBlock(channels)
        self.halve_8 = _Separable(channels, stride=2)
        self.up_16 = _GhostBlock(channels)
        self.halve_16 = _Separable(channels, stride=2)
        self.up_32 = _GhostBlock(channels)
        self.halve_seen = _Separable(channels, stride=2)
        self.halve_32 = _Separable(channels, stride=2)

    def forward(self, x_8: Tensor, x_16: Tensor, x_32: Tensor) -> list[Tensor]:
        seen = self.narrow_32(x_32)
        middle = self.down_16(_doubled(seen), self.narrow_16(x_16))
        y_8 = self.down_8(_doubled(middle), self.narrow_8(x_8))
        y_16 = self.up_16(self.halve_8(y_8), middle)
        y_32 = self.up_32(self.halve_16(y_16), seen)
        return [y_8, y_16, y_32, self.halve_seen(seen) + self.halve_32(y_32)]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


class DetectNet(nn.Module):
    """Picture → for each place of four maps: logits of 80 classes and of the sides of a box.

    Input: (N, 3, H, W) float32, normalised as the card says, H and W multiples of 32.
    Output: a list of four (N, 112, h, w), h and w being H and W over 8, 16, 32, 64, rounded up:
    80 class logits, then 8 logits of the distance of each of left, top, right, bottom.

    Args:
        width: How wide the encoder is: 0.5, 1.0 or 1.5.
    """

    def __init__(self, width: float = 1.5) -> None:
        super().__init__()
        if width not in _CHANNELS:
            message = f"`width` must be one of {', '.join(map(str, _CHANNELS))}, got {width}"
            raise InputError(message, hint="take 1.5")
        *stages, channels = _CHANNELS[width]
        self.stem = _Conv(3, _STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        inner = _STEM
        for outer, repeats in zip(stages, _REPEATS, strict=True):
            rest = [_Keep(outer) for _ in range(repeats - 1)]
            self.stages.append(nn.Sequential(_Halve(inner, outer), *rest))
            inner = outer
        self.paths = _Paths(stages, channels)
        self.first = nn.ModuleList([_Separable(channels) for _ in STRIDES])
        said = CLASSES + 4 * BINS
        self.heads = nn.ModuleList(  # coarsest first, as in the file
            [
                nn.Sequential(_Separable(channels), _Conv(channels, said, active=False))
                for _ in STRIDES
            ]
        )
        self._initialise()

    def _initialise(self) -> None:
        for layer in self.modules():
            if isinstance(layer, _Conv):
                nn.init.kaiming_normal_(layer.weight, _SLOPE if layer.active else 1.0)
                nn.init.zeros_(layer.get_parameter("bias"))
        for last in (self.get_submodule(f"heads.{level}.1") for level in range(len(STRIDES))):
            nn.init.normal_(last.get_parameter("weight"), std=0.01)
            prior = last.get_parameter("bias")[:CLASSES]
            nn.init.constant_(prior, math.log(_PRIOR / (1 - _PRIOR)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        firsts = [first(y) for first, y in zip(self.first, self.paths(*seen), strict=True)]
        return [head(y) for head, y in zip(self.heads[::-1], firsts, strict=True)]


class Places(NamedTuple):
    """What the network says, place by place: the finest map first, each row by row.

    Attributes:
        classes: (N, P, 80) logits.
        sides: (N, P, 4, 8) logits of the distances of left, top, right, bottom.
        points: (P, 2) x and y in pixels of the tensor, from where distances are measured.
        strides: (P,) pixels; distances are in these.
    """

    classes: Tensor
    sides: Tensor
    points: Tensor
    strides: Tensor


def places(maps: Sequence[Tensor]) -> Places:
    """The network's four maps as one list of places.

    Args:
        maps: As `DetectNet` gives them.
    """
    told, points, strides = [], [], []
    for y, stride in zip(maps, STRIDES, strict=True):
        rows, columns = y.shape[2:]
        told.append(y.flatten(2).transpose(1, 2))  # (N, h·w, 112)
        across = torch.arange(columns, device=y.device, dtype=torch.float32) * stride
        down = torch.arange(rows, device=y.device, dtype=torch.float32) * stride
        grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)
        points.append(grid.flatten(0, 1))
        strides.append(torch.full_like(points[-1][:, 0], stride))
    whole = torch.cat(told, dim=1)
    sides = whole[..., CLASSES:].reshape(*whole.shape[:2], 4, BINS)
    return Places(whole[..., :CLASSES], sides, torch.cat(points), torch.cat(strides))


def boxes_at(sides: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """The boxes that places speak of: the expected distance of each side (equation 6 of the paper).

    Args:
        sides: (..., P, 4, 8) logits.
        points: (P, 2) pixels.
        strides: (P,) pixels.

    Returns:
        (..., P, 4) left, top, right, bottom in pixels of the tensor; they may reach beyond it.
    """
    steps = torch.arange(BINS, device=sides.device, dtype=sides.dtype)
    distances = (sides.softmax(dim=-1) * steps).sum(dim=-1) * strides[:, None]
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=-1)


class Detector(nn.Module):
    """What ships of a network.

    Input: `image` (N, 3, H, W) float32, H and W multiples of 32.
    Output: `boxes` (N, P, 4) in pixels of the tensor and `scores` (N, P, 80) in 0..1.
    """

    def __init__(self, net: DetectNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        told = places(self.net(image))
        return boxes_at(told.sides, told.points, told.strides), told.classes.sigmoid()


def start_from(net: DetectNet, path: Path) -> tuple[int, int]:
    """Fill the network with the weights of a file.

    The convolutions of an ncnn file are taken in its order, and ours in the order in which they
    are made; each must have the shape of the other.

    Args:
        net: Is filled.
        path: A .param file of NanoDet-Plus-m of the same width, its .bin file beside it; or an
            .onnx file that was made of such a network.

    Returns:
        How many tensors were filled, and how many the network has.

    Raises:
        InputError: If the file is neither, or of another network.
    """
    if path.suffix.lower() != ".param":
        return weights.start_from(net, path)
    found = [layer for layer in ncnn.read(path) if layer.weight is not None]
    ours = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, _Conv)]
    hint = "give NanoDet-Plus-m's files, of the network's own width"
    if len(found) != len(ours):
        message = f"`{path}` must have {len(ours)} convolutions, has {len(found)}"
        raise InputError(message, hint=hint)
    state = {}
    for layer, (name, own) in zip(found, ours, strict=True):
        shape = tuple(own.weight.shape)
        if layer.weight is None or layer.bias is None or layer.weight.shape != shape:
            got = None if layer.weight is None else layer.weight.shape
            message = f"`{path}`: `{layer.name}` must be {shape} with a bias, as `{name}`, is {got}"
            raise InputError(message, hint=hint)
        state[f"{name}.weight"] = torch.from_numpy(layer.weight)
        state[f"{name}.bias"] = torch.from_numpy(layer.bias)
    net.load_state_dict(state)
    return len(state), len(net.state_dict())
