"""DeepLabv3 (Chen et al., arXiv 1706.05587) on ResNet-101, as torchvision publishes it.

The last two stages of the encoder are dilated, so its map has stride 8; atrous spatial pyramid
pooling looks at it with four dilations and as a whole; a 1×1 names the class of each cell.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.published import Published
from nukki.nets.resnet import RESNET101, ResNet

__all__ = ["PUBLISHED", "DeepLabV3"]

_RATES = (12, 24, 36)  # dilations of the pyramid, doubled as the paper does for stride 8
_INNER = 256  # channels of each branch of the pyramid and of the classifiers


def _unit(inner: int, outer: int, size: int = 1, dilation: int = 1) -> list[nn.Module]:
    """Convolution, batch norm and ReLU, the sides as they were."""
    padding = size // 2 * dilation
    conv = nn.Conv2d(inner, outer, size, padding=padding, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(outer), nn.ReLU()]


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: (N, inner, H, W) → (N, 256, H, W)."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_unit(inner, _INNER))
        self.convs = nn.ModuleList(
            [
                nn.Sequential(*_unit(inner, _INNER)),
                *(nn.Sequential(*_unit(inner, _INNER, 3, rate)) for rate in _RATES),
                whole,
            ]
        )
        joined = (len(_RATES) + 2) * _INNER
        self.project = nn.Sequential(*_unit(joined, _INNER), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        seen = [branch(x) for branch in self.convs]
        seen[-1] = seen[-1].expand(-1, -1, *x.shape[-2:])  # one value for all places
        result: Tensor = self.project(torch.cat(seen, dim=1))
        return result


class DeepLabV3(nn.Module):
    """Picture → the class of each pixel.

    Input: (N, 3, H, W) float32, RGB / 255 less ImageNet's mean, over its deviation; any size
    (torchvision scales the shorter side to 520).
    Output: logits (N, classes, H, W), class 0 the background; and the same as a branch of the third
    stage sees it, which helped in training and is not needed for the result.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int] = RESNET101,
        width: int = 64,
        classes: int = 21,
    ) -> None:
        super().__init__()
        self.backbone = ResNet(blocks, width=width, dilated=2)
        self.classifier = nn.Sequential(
            Pyramid(32 * width), *_unit(_INNER, _INNER, 3), nn.Conv2d(_INNER, classes, 1)
        )
        narrow = 16 * width // 4
        self.aux_classifier = nn.Sequential(
            *_unit(16 * width, narrow, 3), nn.Dropout(0.1), nn.Conv2d(narrow, classes, 1)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        _, _, third, last = self.backbone(image)  # (N, 1024, H/8, W/8), (N, 2048, H/8, W/8)
        size = cast(tuple[int, int], image.shape[-2:])
        return _enlarged(self.classifier(last), size), _enlarged(self.aux_classifier(third), size)


def _enlarged(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits of a coarse grid at every pixel."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


PUBLISHED = {"deeplabv3_resnet101": Published(build=DeepLabV3, prefixes=("module.",))}
