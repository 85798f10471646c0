"""The decoder of our own networks: a context on the coarsest grid, then back up.

The context is two separable convolutions, self-attention and a global mean; on the way up each
level adds what the encoder saw at its size, and says a map of its own, for training only (deep
supervision, Lee et al., AISTATS 2015); what ships is the finest one.

There is no normalisation, so a batch of one is fine, and bfloat16 has nothing delicate to round.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.efficientnet import Encoder

__all__ = ["Attention", "OneMap", "Pyramid"]

_WIDTHS = (24, 32, 48, 64, 128)  # channels at strides 2, 4, 8, 16, 32


class Separable(nn.Module):
    """Depthwise 3×3, then 1×1, then ReLU."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.pointwise = nn.Conv2d(inner, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.relu(self.pointwise(self.depthwise(x)))


class OneMap(nn.Module):
    """A 3×3 convolution to one channel: a filter for each channel, and their sum.

    Written so because ONNX Runtime keeps maps in blocks of 16 channels and computes all of a block;
    the reshape, which it cannot do in blocks, makes it leave them before the map is enlarged.
    Together they take 9 % off the network's time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.each = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        n, channels, height, width = x.shape
        total = F.conv2d(self.each(x), x.new_ones(1, channels, 1, 1), self.bias)
        return total.reshape(n, height, width)[:, None]


class Deepen(nn.Module):
    """x + 1×1(ReLU(5×5 depthwise(ReLU(1×1(x))))), the last layer starting at zero.

    It starts as the identity, so that it can be added to a network that is already trained.
    """

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.widen = nn.Conv2d(channels, wide, 1)
        self.filter = nn.Conv2d(wide, wide, 5, padding=2, groups=wide)
        self.narrow = nn.Conv2d(wide, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = F.relu(self.filter(F.relu(self.widen(x))))
        result: Tensor = x + self.narrow(y)
        return result


class Attention(nn.Module):
    """x + multi-head self-attention over all places (Vaswani et al., 2017); starts as the identity.

    Without a code for the place: the encoder's zero padding tells a cell how far the rim is.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        n, c, h, w = x.shape
        mean = x.mean(dim=1, keepdim=True)
        spread = torch.sqrt((x - mean).square().mean(dim=1, keepdim=True) + 1e-5)
        parts = self.ask((x - mean) / spread).reshape(n, 3, self.heads, c // self.heads, h * w)
        query, key, value = parts.unbind(1)  # each (N, heads, C / heads, H·W)
        weights = (query.transpose(-1, -2) @ key * (c // self.heads) ** -0.5).softmax(dim=-1)
        seen = (value @ weights.transpose(-1, -2)).reshape(n, c, h, w)
        result: Tensor = x + self.answer(seen)
        return result


class Pyramid(nn.Module):
    """Encoder and decoder.

    Args:
        enc: The encoder.
        channels: Of the maps that the decoder sees, at strides 2, 4, 8, 16, 32.
    """

    def __init__(self, enc: Encoder, channels: Sequence[int]) -> None:
        super().__init__()
        self.enc = enc
        self.lat = nn.ModuleList(
            [nn.Conv2d(a, b, 1) for a, b in zip(channels, _WIDTHS, strict=True)]
        )
        self.ctx = nn.Sequential(Separable(128, 128), Separable(128, 128))
        self.gp = nn.Conv2d(128, 128, 1)
        self.att = Attention(128, heads=4)
        narrower = (*_WIDTHS[-2::-1], 16)  # 64, 48, 32, 24, 16
        self.dec = nn.ModuleList(
            [
                nn.Sequential(Separable(a, a), Separable(a, b))
                for a, b in zip(_WIDTHS[::-1], narrower, strict=True)
            ]
        )
        self.deep = nn.ModuleList([Deepen(64, 4), Deepen(48, 3)])  # strides 16, 8
        coarser = [nn.Conv2d(width, 1, 3, padding=1) for width in narrower[:-1]]
        self.outs = nn.ModuleList([*coarser, OneMap(narrower[-1])])

    def initialise(self) -> None:
        """Draw all weights; called once all layers are there."""
        for name, layer in self.named_modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            if name.startswith("outs."):
                nn.init.normal_(layer.weight, std=0.01)
            elif name.endswith(("att.answer", ".narrow")):
                nn.init.zeros_(layer.weight)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def decode(self, seen: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The encoder's maps → logits, finest first, and what the decoder had at each level.

        Logits (N, 1, h, w) at strides 2, 4, 8, 16, 32 when training, else at stride 2 alone; the
        levels, coarsest first: 64, 48, 32, 24 and 16 channels at strides 32, 16, 8, 4, 2.
        """
        y = F.relu(self.lat[4](seen[4]))  # (N, 128, H/32, W/32)
        y = y + self.ctx(y) + self.gp(y.mean(dim=(2, 3), keepdim=True))
        y = self.att(y)
        maps, levels = [], []
        for turn, step in enumerate(self.dec):  # strides 32, 16, 8, 4, 2
            level = 4 - turn
            if turn > 0:
                beside = self.lat[level](seen[level])
                y = F.relu(F.interpolate(y, scale_factor=2.0, mode="bilinear") + beside)
                if turn <= len(self.deep):
                    y = self.deep[turn - 1](y)
            y = step(y)
            levels.append(y)
            if self.training or turn == 4:
                maps.append(self.outs[turn](y))
        return maps[::-1], levels
