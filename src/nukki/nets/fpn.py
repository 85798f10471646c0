"""Feature pyramid network (Lin et al., CVPR 2017) on the four stages of a ResNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FeaturePyramid"]


class FeaturePyramid(nn.Module):
    """Maps of strides 4, 8, 16, 32 → as many of one width, and a fifth of stride 64.

    Input: (N, C, H, W) of each stage, each with twice the sides of the next.
    Output: (N, channels, H, W) of each; the fifth is every second cell of the fourth.
    """

    def __init__(self, inner: Sequence[int], channels: int = 256) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList([nn.Conv2d(width, channels, 1) for width in inner])
        self.layer_blocks = nn.ModuleList(
            [nn.Conv2d(channels, channels, 3, padding=1) for _ in inner]
        )

    def forward(self, stages: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See the class."""
        beside = [conv(stage) for conv, stage in zip(self.inner_blocks, stages, strict=True)]
        y = beside.pop()
        joined = [y]
        while beside:
            y = F.interpolate(y, scale_factor=2.0, mode="nearest") + beside.pop()
            joined.insert(0, y)
        levels = [conv(y) for conv, y in zip(self.layer_blocks, joined, strict=True)]
        return *levels, F.max_pool2d(levels[-1], 1, 2)
