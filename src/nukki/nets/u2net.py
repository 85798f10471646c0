"""U²-Net, U²-Netp and IS-Net: a U of residual U-blocks.

Qin et al., "U²-Net: Going deeper with nested U-structure for salient object detection", Pattern
Recognition 106, 2020 (figures 2 and 5, table 1), and "Highly accurate dichotomous image
segmentation" (IS-Net), ECCV 2022. Layers have the names that the authors' checkpoints have.

Each stage is itself a small U, so it sees wide while its maps stay large. Six stages go down,
five come up, and six of their results say a map each. U²-Net fuses the six maps into one; IS-Net
looks at half the picture's size, and its finest map is the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.published import Published

__all__ = ["PUBLISHED", "IsNet", "ResidualU", "U2Net"]

# The U of each stage, 1 to 6: how many levels it has. The last two no longer pool, they dilate.
_LEVELS = (7, 6, 5, 4, 4, 4)
_FIRST_FLAT = 5

Widths = Sequence[tuple[int, int]]  # channels inside a stage's U, and of what it gives

# Stages 1 to 6 on the way down, 1 to 5 on the way up.
_FULL_DOWN = ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512))
_FULL_UP = ((16, 64), (32, 64), (64, 128), (128, 256), (256, 512))
_SMALL_DOWN = ((16, 64),) * 6
_SMALL_UP = ((16, 64),) * 5


class _Layer(nn.Module):
    """3×3 convolution, batch norm, ReLU; the size stays."""

    def __init__(self, inner: int, outer: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inner, outer, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_s1(self.conv_s1(x)))


class ResidualU(nn.ModuleDict):
    """RSU-L (figure 2d of the U²-Net paper): one layer, plus a U of L levels over its result.

    (N, inner, H, W) → (N, outer, H, W), any size. Level 1 works at (H, W), each further one at half
    the size before, but for the deepest: it keeps the size and dilates by 2. A flat U (RSU-4F)
    halves nothing and dilates by 1, 2, 4, 8 instead.

    Args:
        levels: L, at least 2.
        inner: Channels of the input.
        middle: Channels inside the U.
        outer: Channels of the result.
        flat: Whether to dilate and not to halve.
    """

    def __init__(
        self, levels: int, inner: int, middle: int, outer: int, *, flat: bool = False
    ) -> None:
        super().__init__()
        self.levels = levels
        self.flat = flat
        self["rebnconvin"] = _Layer(inner, outer)
        for level in range(1, levels + 1):
            dilation = 2 ** (level - 1) if flat else 1 + (level == levels)
            wide = outer if level == 1 else middle
            self[f"rebnconv{level}"] = _Layer(wide, middle, dilation)
        for level in range(levels - 1, 0, -1):
            dilation = 2 ** (level - 1) if flat else 1
            wide = outer if level == 1 else middle
            self[f"rebnconv{level}d"] = _Layer(2 * middle, wide, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        whole: Tensor = self["rebnconvin"](x)
        seen = [self["rebnconv1"](whole)]
        for level in range(2, self.levels):
            above = seen[-1] if self.flat else _halve(seen[-1])
            seen.append(self[f"rebnconv{level}"](above))
        y: Tensor = self[f"rebnconv{self.levels}"](seen[-1])
        for level in range(self.levels - 1, 0, -1):
            beside = seen[level - 1]
            if level < self.levels - 1 and not self.flat:
                y = _enlarge(y, beside)
            y = self[f"rebnconv{level}d"](torch.cat((y, beside), 1))
        return whole + y


class _Stages(nn.ModuleDict):
    """What the networks share: stages 1 to 6, 5d to 1d, and a 3×3 that says a map of each result.

    Args:
        inner: Channels of stage 1's input.
        down: Widths of stages 1 to 6.
        up: Widths of stages 1d to 5d.
    """

    def __init__(self, inner: int, down: Widths, up: Widths) -> None:
        super().__init__()
        for stage, (middle, outer) in enumerate(down, 1):
            self[f"stage{stage}"] = _block(stage, inner, middle, outer)
            inner = outer
        for stage in range(5, 0, -1):
            middle, outer = up[stage - 1]
            self[f"stage{stage}d"] = _block(stage, inner + down[stage - 1][1], middle, outer)
            inner = outer
        said = [outer for _, outer in up] + [down[-1][1]]
        for side, channels in enumerate(said, 1):
            self[f"side{side}"] = nn.Conv2d(channels, 1, 3, padding=1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """(N, inner, H, W) → six maps of logits, (N, 1, H, W) first, each half the one before."""
        seen = [self["stage1"](x)]
        for stage in range(2, 7):
            seen.append(self[f"stage{stage}"](_halve(seen[-1])))
        y = seen[5]
        said = [self["side6"](y)]
        for stage in range(5, 0, -1):
            beside = seen[stage - 1]
            y = self[f"stage{stage}d"](torch.cat((_enlarge(y, beside), beside), 1))
            said.append(self[f"side{stage}"](y))
        return said[::-1]


class U2Net(_Stages):
    """Picture → alpha of its salient subject.

    Input: (N, 3, H, W) float32, any size (made for 320×320): RGB divided by the picture's own
    maximum, then ImageNet's mean and deviation.
    Output: seven maps (N, 1, H, W) in 0..1: the fused one, which is the result, and the six that
    were fused, finest first. The authors stretch the result to 0..1 by its minimum and maximum.

    Args:
        down: Widths of stages 1 to 6; U²-Net's unless told.
        up: Widths of stages 1d to 5d.
    """

    def __init__(self, down: Widths = _FULL_DOWN, up: Widths = _FULL_UP) -> None:
        super().__init__(3, down, up)
        self["outconv"] = nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        finest, *coarser = self.maps(x)
        said = [finest, *(_enlarge(one, finest) for one in coarser)]
        fused = self["outconv"](torch.cat(said, 1))
        return tuple(torch.sigmoid(one) for one in (fused, *said))


class IsNet(_Stages):
    """Picture → alpha of its subject, in fine detail.

    Input: (N, 3, H, W) float32, any size (made for 1024×1024): RGB / 255 − 0.5.
    Output: six maps (N, 1, H, W) in 0..1, finest first, which is the result. The authors stretch it
    to 0..1 by its minimum and maximum.

    Args:
        down: Widths of stages 1 to 6; the published network's unless told.
        up: Widths of stages 1d to 5d.
        stem: Channels of the convolution that halves the picture.
    """

    def __init__(self, down: Widths = _FULL_DOWN, up: Widths = _FULL_UP, stem: int = 64) -> None:
        super().__init__(stem, down, up)
        self["conv_in"] = nn.Conv2d(3, stem, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        half = self["conv_in"](x)  # (N, stem, ⌈H/2⌉, ⌈W/2⌉)
        return tuple(torch.sigmoid(_enlarge(one, x)) for one in self.maps(half))


def _block(stage: int, inner: int, middle: int, outer: int) -> ResidualU:
    """The U of a stage, 1 to 6; it is as deep on the way up as on the way down."""
    return ResidualU(_LEVELS[stage - 1], inner, middle, outer, flat=stage >= _FIRST_FLAT)


def _halve(x: Tensor) -> Tensor:
    """The largest of each 2×2; an odd row or column is a window of its own."""
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the size of another tensor."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


PUBLISHED = {
    "u2net": Published(U2Net, prefixes=("module.",)),
    "u2netp": Published(partial(U2Net, _SMALL_DOWN, _SMALL_UP), prefixes=("module.",)),
    "isnet": Published(IsNet, prefixes=("module.",)),
}
