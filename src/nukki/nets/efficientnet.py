"""EfficientNet-Lite2 as the encoder of our own networks (Tan and Le, ICML 2019).

Without squeeze-and-excitation and with ReLU6. Its batch norms are folded into its weights when
these are read (`nets.weights`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TAPS", "TAP_CHANNELS", "Conv", "Encoder", "Inverted"]

# (kernel, expansion, channels, repeats, stride) of EfficientNet-Lite2: EfficientNet-B0 (table 1 of
# the paper) with widths times 1.1 and repeats times 1.2, but for the stem, first and last stage.
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 3, 2),
    (5, 6, 48, 3, 2),
    (3, 6, 88, 4, 2),
    (5, 6, 120, 4, 1),
    (5, 6, 208, 5, 2),
    (3, 6, 352, 1, 1),
)
TAPS = (0, 3, 6, 14, 20)  # the blocks whose results the decoder sees: strides 2, 4, 8, 16, 32
TAP_CHANNELS = (16, 24, 48, 120, 352)
_DROP = 0.2  # how often the last residual is left out in training; the first never is


class Conv(nn.Module):
    """A convolution with bias; stride 2 pads as TensorFlow's "SAME": one more right and bottom."""

    def __init__(self, inner: int, outer: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        before = (size - stride) // 2
        self.rim = (before, size - stride - before) * 2 if stride == 2 else None
        padding = size // 2 if stride == 1 else 0
        self.c = nn.Conv2d(inner, outer, size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.rim is not None:
            x = F.pad(x, self.rim)
        result: Tensor = self.c(x)
        return result


class Inverted(nn.Module):
    """Inverted residual: widen by a 1×1, filter each channel, narrow by a 1×1 and leave linear.

    In training the residual of a picture is left out by chance `drop` (stochastic depth, Huang et
    al., ECCV 2016), as it was when the encoder learnt ImageNet.
    """

    def __init__(
        self, inner: int, outer: int, size: int, expansion: int, stride: int, drop: float
    ) -> None:
        super().__init__()
        wide = inner * expansion
        widen = [Conv(inner, wide, 1)] if expansion > 1 else []
        self.m = nn.ModuleList(
            [*widen, Conv(wide, wide, size, stride, groups=wide), Conv(wide, outer, 1)]
        )
        self.residual = stride == 1 and inner == outer
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = x
        for layer in self.m[:-1]:
            y = F.relu6(layer(y))
        narrowed: Tensor = self.m[-1](y)
        if not self.residual:
            return narrowed
        if self.training and self.drop > 0:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop
            narrowed = narrowed * (kept / (1 - self.drop)).to(narrowed.dtype)
        return x + narrowed


class Encoder(nn.Module):
    """EfficientNet-Lite2 less its classifier: (N, 3, H, W) → five maps, strides 2, 4, 8, 16, 32.

    Args:
        most: How many blocks to have at most; with fewer there is no fifth map.
    """

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, stride=2)
        blocks: list[Inverted] = []
        inner, last = 32, sum(repeats for _, _, _, repeats, _ in _STAGES) - 1
        for size, expansion, outer, repeats, stride in _STAGES:
            for turn in range(repeats):
                drop = _DROP * len(blocks) / last
                step = stride if turn == 0 else 1
                blocks.append(Inverted(inner, outer, size, expansion, step, drop))
                inner = outer
        self.blocks = nn.ModuleList(blocks[:most])

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        x = F.relu6(self.stem(x))
        seen = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPS:
                seen.append(x)
        return seen
