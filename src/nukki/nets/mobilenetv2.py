"""MobileNetV2 (Sandler et al., CVPR 2018): block, stages, and the encoder less its classifier.

Layers are numbered as most checkpoints number them: convolution, batch norm and activation follow
each other in one `nn.Sequential`, so that a block without expansion holds 0, 1, 3, 4 and one with
expansion 0, 1, 3, 4, 6, 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["STAGES", "STEM", "InvertedResidual", "MobileNetV2", "Stage", "conv_norm"]

STEM = 32  # channels of the first convolution


@dataclass(frozen=True)
class Stage:
    """A row of table 2 of the paper.

    Attributes:
        inner: Channels that come in.
        outer: Channels that each block gives.
        expansion: How many times wider a block is inside.
        repeats: Number of blocks.
        stride: Of the first block; the others have 1.
    """

    inner: int
    outer: int
    expansion: int
    repeats: int
    stride: int

    def blocks(self, stride: int | None = None, *, pad_first: bool = False) -> nn.Sequential:
        """The stage's blocks.

        Args:
            stride: Of the first block, where it is not the paper's.
            pad_first: See `InvertedResidual`.
        """
        first = self.stride if stride is None else stride
        return nn.Sequential(
            *(
                InvertedResidual(
                    self.inner if turn == 0 else self.outer,
                    self.outer,
                    self.expansion,
                    first if turn == 0 else 1,
                    pad_first=pad_first,
                )
                for turn in range(self.repeats)
            )
        )


STAGES = (
    Stage(STEM, 16, 1, 1, 1),
    Stage(16, 24, 6, 2, 2),
    Stage(24, 32, 6, 3, 2),
    Stage(32, 64, 6, 4, 2),
    Stage(64, 96, 6, 3, 1),
    Stage(96, 160, 6, 3, 2),
    Stage(160, 320, 6, 1, 1),
)


def conv_norm(
    inner: int,
    outer: int,
    size: int,
    *,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    active: bool = True,
) -> nn.Sequential:
    """A convolution without bias, batch norm and, if `active`, ReLU6.

    Args:
        inner: Channels that come in.
        outer: Channels that go out.
        size: The kernel's height and width.
        stride: The step of the kernel.
        padding: Zeros on each side; None keeps the size (with an odd kernel and stride 1).
        dilation: The distance of the kernel's taps.
        groups: As in `nn.Conv2d`.
        active: Whether ReLU6 comes last.
    """
    if padding is None:
        padding = dilation * (size - 1) // 2
    conv = nn.Conv2d(inner, outer, size, stride, padding, dilation, groups, bias=False)
    norm = nn.BatchNorm2d(outer)
    return nn.Sequential(conv, norm, nn.ReLU6()) if active else nn.Sequential(conv, norm)


class InvertedResidual(nn.Module):
    """Widen by a 1×1, filter each channel by a 3×3, narrow by a 1×1 and leave linear.

    (N, inner, H, W) → (N, outer, ⌈H / stride⌉, ⌈W / stride⌉). The input is added where it has the
    output's shape. With `pad_first` the zeros that the 3×3 needs at the rim are put around the
    block's input and not around the widened one, where they are what norm and ReLU6 make of zero.
    """

    def __init__(
        self, inner: int, outer: int, expansion: int, stride: int, *, pad_first: bool = False
    ) -> None:
        super().__init__()
        wide = inner * expansion
        widen = conv_norm(inner, wide, 1) if expansion > 1 else ()
        padding = 0 if pad_first else 1
        deep = conv_norm(wide, wide, 3, stride=stride, padding=padding, groups=wide)
        narrow = conv_norm(wide, outer, 1, active=False)
        self.conv = nn.Sequential(*widen, *deep, *narrow)
        self.residual = stride == 1 and inner == outer
        self.rim = 1 - padding

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        padded = F.pad(x, (self.rim,) * 4) if self.rim else x
        y: Tensor = self.conv(padded)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """The encoder: a picture → what it sees at each size.

    Input: (N, 3, H, W) float32. Output: five maps at strides 2, 4, 8, 16, 32, of 16, 24, 32, 96 and
    1280 channels, float32, each ⌈H / stride⌉ by ⌈W / stride⌉.
    """

    channels = (16, 24, 32, 96, 1280)
    _last = (1, 3, 6, 13, 18)  # the feature that ends each size

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_norm(3, STEM, 3, stride=2),
            *(block for stage in STAGES for block in stage.blocks()),
            conv_norm(STAGES[-1].outer, self.channels[-1], 1),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        seen = []
        for number, feature in enumerate(self.features):
            x = feature(x)
            if number in self._last:
                seen.append(x)
        return seen
