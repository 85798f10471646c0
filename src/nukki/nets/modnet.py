"""MODNet (Ke et al., AAAI 2022): a portrait → its matte, without a trimap.

Three branches: where the person is, coarsely (semantics), how the edge runs, finely (detail), and
the two fused. The first two give maps of their own in training; what counts is the third.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.mobilenetv2 import MobileNetV2
from nukki.nets.published import Published

__all__ = ["PUBLISHED", "MODNet"]

_WIDTH = 32  # channels of the detail branch at full size
_SQUEEZE = 4  # how many times narrower the weighting of channels is inside

_scaled = partial(F.interpolate, mode="bilinear", align_corners=False)


class IBNorm(nn.Module):
    """Batch norm for the first half of the channels, instance norm for the second.

    (N, C, H, W) → (N, C, H, W), C even. The instance norm has no weights and no memory: mean and
    variance are those of each picture's own channel, in evaluation too.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bnorm = nn.BatchNorm2d(channels // 2)
        self.inorm = nn.InstanceNorm2d(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first, second = x.chunk(2, dim=1)
        return torch.cat([self.bnorm(first), self.inorm(second)], dim=1)


class Conv(nn.Module):
    """A convolution with bias; unless `plain`, `IBNorm` and ReLU: (N, inner, …) → (N, outer, …)."""

    def __init__(
        self, inner: int, outer: int, size: int, stride: int = 1, *, plain: bool = False
    ) -> None:
        super().__init__()
        conv = nn.Conv2d(inner, outer, size, stride, padding=size // 2)
        rest = () if plain else (IBNorm(outer), nn.ReLU())
        self.layers = nn.Sequential(conv, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        result: Tensor = self.layers(x)
        return result


class Weighting(nn.Module):
    """Squeeze and excitation (Hu et al., CVPR 2018): each channel times a weight in 0..1.

    (N, C, H, W) → (N, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // _SQUEEZE
        self.fc = nn.Sequential(
            nn.Linear(channels, narrow, bias=False),
            nn.ReLU(),
            nn.Linear(narrow, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        weights: Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


class Semantics(nn.Module):
    """Where the person is: the encoder's coarsest map (N, 1280, H/32, W/32) → (N, 32, H/8, W/8)."""

    def __init__(self) -> None:
        super().__init__()
        _, _, eighth, sixteenth, coarsest = MobileNetV2.channels
        self.se_block = Weighting(coarsest)
        self.conv_lr16x = Conv(coarsest, sixteenth, 5)
        self.conv_lr8x = Conv(sixteenth, eighth, 5)
        self.conv_lr = Conv(eighth, 1, 3, stride=2, plain=True)

    def forward(self, coarsest: Tensor) -> Tensor:
        """See the class."""
        y = self.conv_lr16x(_scaled(self.se_block(coarsest), scale_factor=2.0))
        result: Tensor = self.conv_lr8x(_scaled(y, scale_factor=2.0))
        return result

    def said(self, coarse: Tensor) -> Tensor:
        """The branch's own map, of its features: (N, 1, H/16, W/16) in 0..1."""
        logits: Tensor = self.conv_lr(coarse)
        return logits.sigmoid()


class Detail(nn.Module):
    """How the edge runs: picture, the encoder's finest maps and semantics → (N, 32, H/2, W/2)."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, _, _ = MobileNetV2.channels
        wide = 2 * _WIDTH
        self.tohr_enc2x = Conv(half, _WIDTH, 1)
        self.conv_enc2x = Conv(_WIDTH + 3, _WIDTH, 3, stride=2)
        self.tohr_enc4x = Conv(quarter, _WIDTH, 1)
        self.conv_enc4x = Conv(wide, wide, 3)
        self.conv_hr4x = nn.Sequential(
            Conv(wide + eighth + 3, wide, 3), Conv(wide, wide, 3), Conv(wide, _WIDTH, 3)
        )
        self.conv_hr2x = nn.Sequential(
            Conv(wide, wide, 3),
            Conv(wide, _WIDTH, 3),
            Conv(_WIDTH, _WIDTH, 3),
            Conv(_WIDTH, _WIDTH, 3),
        )
        self.conv_hr = nn.Sequential(Conv(_WIDTH + 3, _WIDTH, 3), Conv(_WIDTH, 1, 1, plain=True))

    def forward(self, image: Tensor, half: Tensor, quarter: Tensor, coarse: Tensor) -> Tensor:
        """(N, 3, H, W), (N, 16, H/2, W/2), (N, 24, H/4, W/4), (N, 32, H/8, W/8): see the class."""
        half = self.tohr_enc2x(half)
        y = self.conv_enc2x(torch.cat([_scaled(image, scale_factor=0.5), half], dim=1))
        y = self.conv_enc4x(torch.cat([y, self.tohr_enc4x(quarter)], dim=1))  # (N, 64, H/4, W/4)
        beside = [_scaled(coarse, scale_factor=2.0), _scaled(image, scale_factor=0.25)]
        y = self.conv_hr4x(torch.cat([y, *beside], dim=1))  # (N, 32, H/4, W/4)
        result: Tensor = self.conv_hr2x(torch.cat([_scaled(y, scale_factor=2.0), half], dim=1))
        return result

    def said(self, image: Tensor, fine: Tensor) -> Tensor:
        """The branch's own map, of the picture and its features: (N, 1, H, W) in 0..1."""
        joined = torch.cat([_scaled(fine, scale_factor=2.0), image], dim=1)
        logits: Tensor = self.conv_hr(joined)
        return logits.sigmoid()


class Fusion(nn.Module):
    """Picture, semantics and detail → matte (N, 1, H, W) in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        eighth = MobileNetV2.channels[2]
        self.conv_lr4x = Conv(eighth, _WIDTH, 5)
        self.conv_f2x = Conv(2 * _WIDTH, _WIDTH, 3)
        self.conv_f = nn.Sequential(
            Conv(_WIDTH + 3, _WIDTH // 2, 3), Conv(_WIDTH // 2, 1, 1, plain=True)
        )

    def forward(self, image: Tensor, coarse: Tensor, fine: Tensor) -> Tensor:
        """(N, 3, H, W), (N, 32, H/8, W/8), (N, 32, H/2, W/2): see the class."""
        y = self.conv_lr4x(_scaled(coarse, scale_factor=2.0))  # (N, 32, H/4, W/4)
        y = self.conv_f2x(torch.cat([_scaled(y, scale_factor=2.0), fine], dim=1))
        logits: Tensor = self.conv_f(torch.cat([_scaled(y, scale_factor=2.0), image], dim=1))
        return logits.sigmoid()


class MODNet(nn.Module):
    """A portrait → its matte.

    Input: (N, 3, H, W) float32, RGB / 127.5 − 1, H and W multiples of 32.
    Output: (N, 1, H, W) float32 in 0..1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(OrderedDict(model=MobileNetV2()))
        self.lr_branch = Semantics()
        self.hr_branch = Detail()
        self.f_branch = Fusion()

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        coarse, fine = self._features(image)
        matte: Tensor = self.f_branch(image, coarse, fine)
        return matte

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The matte, and what semantics (N, 1, H/16, W/16) and detail (N, 1, H, W) say: 0..1."""
        coarse, fine = self._features(image)
        matte: Tensor = self.f_branch(image, coarse, fine)
        return matte, self.lr_branch.said(coarse), self.hr_branch.said(image, fine)

    def _features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What semantics (N, 32, H/8, W/8) and detail (N, 32, H/2, W/2) know."""
        half, quarter, _, _, coarsest = self.backbone(image)
        coarse = self.lr_branch(coarsest)
        return coarse, self.hr_branch(image, half, quarter, coarse)


def _run(module: nn.Module, call: str, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:  # noqa: ARG001 every call is the whole network
    maps = cast(MODNet, module).maps(inputs["image"])
    return dict(zip(("matte", "semantic", "detail"), maps, strict=True))


PUBLISHED = {
    "modnet": Published(
        build=MODNet,
        prefixes=("module.",),
        ignored=(r"lr_branch\.backbone\.",),  # the backbone's tensors under a second name
        run=_run,
    )
}
