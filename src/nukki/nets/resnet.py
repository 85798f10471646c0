"""ResNets of bottleneck blocks (He et al., CVPR 2016): ResNet-50, ResNet-101 and their kin.

The stride of a stage is taken by its first block: in the 3×3 convolution in most checkpoints, in
the first 1×1 as the paper and its Caffe models have it. The last stages may be dilated instead, so
that they stay as fine as the stage before (Yu and Koltun, ICLR 2016).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RESNET50", "RESNET101", "Bottleneck", "FrozenBatchNorm", "ResNet"]

RESNET50 = (3, 4, 6, 3)  # blocks of each stage: table 1 of the paper
RESNET101 = (3, 4, 23, 3)
_EXPANSION = 4  # a block gives so many times its inner width

Norm = Callable[[int], nn.Module]


class FrozenBatchNorm(nn.Module):
    """Batch norm that never learns: weights and statistics are constants of the network.

    (N, C, H, W) → (N, C, H, W).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, training=False, eps=self.eps)


class Bottleneck(nn.Module):
    """Narrow by a 1×1, filter by a 3×3, widen by a 1×1; the input is added before the last ReLU.

    (N, inner, H, W) → (N, 4 · width, H / stride, W / stride).
    """

    def __init__(
        self,
        inner: int,
        width: int,
        norm: Norm,
        *,
        stride: int = 1,
        dilation: int = 1,
        stride_in_1x1: bool = False,
    ) -> None:
        super().__init__()
        outer = _EXPANSION * width
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(inner, width, 1, first, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, dilation, dilation, bias=False)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
        self.bn3 = norm(outer)
        self.downsample: nn.Module = nn.Identity()
        if inner != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), norm(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + self.downsample(x))


class ResNet(nn.Module):
    """Picture → the maps of its four stages, less the classifier.

    Input: (N, 3, H, W) float32, normalised as the checkpoint wants it.
    Output: four maps (N, C, H / S, W / S), sides rounded up, C = 4, 8, 16 and 32 · width; S = 4, 8,
    16 and 32, but a dilated stage has the stride of the one before it.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        norm: Norm = nn.BatchNorm2d,
        *,
        width: int = 64,
        stride_in_1x1: bool = False,
        dilated: int = 0,
    ) -> None:
        """Build the layers.

        Args:
            blocks: Number of blocks of each stage.
            norm: Makes the norm that follows a convolution, of its channels.
            width: Channels of the stem, and inside a block of the first stage.
            stride_in_1x1: Whether the first 1×1 of a block takes its stride, else the 3×3.
            dilated: How many of the last stages are dilated; each doubles the dilation from its
                second block on, its first block still has that of the stage before.
        """
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = norm(width)
        inner, dilation, stages = width, 1, []
        for number, repeats in enumerate(blocks):
            stride, before = 1 if number == 0 else 2, dilation
            if number >= len(blocks) - dilated:
                stride, dilation = 1, 2 * dilation
            stage = []
            for turn in range(repeats):
                block = Bottleneck(
                    inner,
                    width << number,
                    norm,
                    stride=stride if turn == 0 else 1,
                    dilation=before if turn == 0 else dilation,
                    stride_in_1x1=stride_in_1x1,
                )
                stage.append(block)
                inner = _EXPANSION * width << number
            stages.append(nn.Sequential(*stage))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See the class."""
        y = F.relu(self.bn1(self.conv1(x)))  # (N, width, H/2, W/2)
        first = self.layer1(F.max_pool2d(y, 3, 2, 1))
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)
