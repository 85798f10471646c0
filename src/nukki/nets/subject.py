"""`subject`: our own network for the salient subject of a photo.

An encoder that halves the picture five times (EfficientNet-Lite2: Tan and Le, ICML 2019, without
squeeze-and-excitation and with ReLU6), a context part on the coarsest grid (two separable
convolutions, self-attention, a global mean), and a decoder that walks back up, adding what the
encoder saw at each size. Every level of the decoder also says its own map, for training only
(deep supervision, Lee et al., AISTATS 2015); what ships is the finest one.

There is no normalisation: the encoder's batch norms are folded into its weights when these are
read (`nets.weights`), and the decoder does without. So a batch of one is fine, and bfloat16 has
nothing delicate to round.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SubjectNet"]

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
_TAPS = (0, 3, 6, 14, 20)  # the blocks whose results the decoder sees: strides 2, 4, 8, 16, 32
_TAP_CHANNELS = (16, 24, 48, 120, 352)
_DROP = 0.2  # how often the last residual is left out in training; the first never is
_WIDTHS = (24, 32, 48, 64, 128)  # the decoder's channels at strides 2, 4, 8, 16, 32


class _Conv(nn.Module):
    """A convolution with bias; stride 2 pads as TensorFlow's "SAME": one more right and bottom."""

    def __init__(self, inner: int, outer: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        before = (size - stride) // 2
        self.rim = (before, size - stride - before) * 2 if stride == 2 else None
        padding = size // 2 if stride == 1 else 0
        self.c = nn.Conv2d(inner, outer, size, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.rim is not None:
            x = F.pad(x, self.rim)
        result: Tensor = self.c(x)
        return result


class _Inverted(nn.Module):
    """Inverted residual: widen by a 1×1, filter each channel, narrow by a 1×1 and leave linear.

    In training the residual of a picture is left out by chance `drop` (stochastic depth, Huang et
    al., ECCV 2016), as it was when the encoder learnt ImageNet.
    """

    def __init__(
        self, inner: int, outer: int, size: int, expansion: int, stride: int, drop: float
    ) -> None:
        super().__init__()
        wide = inner * expansion
        widen = [_Conv(inner, wide, 1)] if expansion > 1 else []
        self.m = nn.ModuleList(
            [*widen, _Conv(wide, wide, size, stride, groups=wide), _Conv(wide, outer, 1)]
        )
        self.residual = stride == 1 and inner == outer
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
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


class _Encoder(nn.Module):
    """EfficientNet-Lite2 less its classifier: (N, 3, H, W) → five maps, strides 2, 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(3, 32, 3, stride=2)
        blocks: list[_Inverted] = []
        inner, last = 32, sum(repeats for _, _, _, repeats, _ in _STAGES) - 1
        for size, expansion, outer, repeats, stride in _STAGES:
            for turn in range(repeats):
                drop = _DROP * len(blocks) / last
                step = stride if turn == 0 else 1
                blocks.append(_Inverted(inner, outer, size, expansion, step, drop))
                inner = outer
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self.stem(x))
        seen = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _TAPS:
                seen.append(x)
        return seen


class _Separable(nn.Module):
    """Depthwise 3×3, then 1×1, then ReLU."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.pointwise = nn.Conv2d(inner, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pointwise(self.depthwise(x)))


class _OneMap(nn.Module):
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
        n, channels, height, width = x.shape
        total = F.conv2d(self.each(x), x.new_ones(1, channels, 1, 1), self.bias)
        return total.reshape(n, height, width)[:, None]


class _Deepen(nn.Module):
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
        y = F.relu(self.filter(F.relu(self.widen(x))))
        result: Tensor = x + self.narrow(y)
        return result


class _Attention(nn.Module):
    """x + multi-head self-attention over all places (Vaswani et al., 2017); starts as the identity.

    Without a code for the place: the encoder's zero padding tells a cell how far the rim is.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        mean = x.mean(dim=1, keepdim=True)
        spread = torch.sqrt((x - mean).square().mean(dim=1, keepdim=True) + 1e-5)
        parts = self.ask((x - mean) / spread).reshape(n, 3, self.heads, c // self.heads, h * w)
        query, key, value = parts.unbind(1)  # each (N, heads, C / heads, H·W)
        weights = (query.transpose(-1, -2) @ key * (c // self.heads) ** -0.5).softmax(dim=-1)
        seen = (value @ weights.transpose(-1, -2)).reshape(n, c, h, w)
        result: Tensor = x + self.answer(seen)
        return result


class SubjectNet(nn.Module):
    """Picture → alpha of its salient subject.

    Input: (N, 3, H, W) float32, RGB / 127.5 − 1, H and W multiples of 32.
    Output: (N, 1, H, W) logits, finest first; when training one for each of the five decoder
    levels, at strides 2, 4, 8, 16, 32; else a list of one, the finest, enlarged to (H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.enc = _Encoder()
        self.lat = nn.ModuleList(
            [nn.Conv2d(a, b, 1) for a, b in zip(_TAP_CHANNELS, _WIDTHS, strict=True)]
        )
        self.ctx = nn.Sequential(_Separable(128, 128), _Separable(128, 128))
        self.gp = nn.Conv2d(128, 128, 1)
        self.att = _Attention(128, heads=4)
        narrower = (*_WIDTHS[-2::-1], 16)  # 64, 48, 32, 24, 16
        self.dec = nn.ModuleList(
            [
                nn.Sequential(_Separable(a, a), _Separable(a, b))
                for a, b in zip(_WIDTHS[::-1], narrower, strict=True)
            ]
        )
        self.deep = nn.ModuleList([_Deepen(64, 4), _Deepen(48, 3)])  # strides 16, 8
        coarser = [nn.Conv2d(width, 1, 3, padding=1) for width in narrower[:-1]]
        self.outs = nn.ModuleList([*coarser, _OneMap(narrower[-1])])
        self._initialise()

    def _initialise(self) -> None:
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

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        seen = self.enc(x)
        y = F.relu(self.lat[4](seen[4]))  # (N, 128, H/32, W/32)
        y = y + self.ctx(y) + self.gp(y.mean(dim=(2, 3), keepdim=True))
        y = self.att(y)
        maps = []
        for turn, step in enumerate(self.dec):  # strides 32, 16, 8, 4, 2
            level = 4 - turn
            if turn > 0:
                beside = self.lat[level](seen[level])
                y = F.relu(F.interpolate(y, scale_factor=2.0, mode="bilinear") + beside)
                if turn <= len(self.deep):
                    y = self.deep[turn - 1](y)
            y = step(y)
            if self.training or turn == 4:
                maps.append(self.outs[turn](y))
        if self.training:
            return maps[::-1]
        return [F.interpolate(maps[-1], scale_factor=2.0, mode="bilinear")]
