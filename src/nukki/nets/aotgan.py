"""AOT-GAN's generator: fills a hole with contexts seen at four dilations.

Zeng, Fu, Chao and Guo, "Aggregated Contextual Transformations for High-Resolution Image
Inpainting", IEEE TVCG 2022 (arXiv 2104.01431). Two publishers have it: the authors
(researchmm/AOT-GAN-for-Inpainting) and MMagic; it is one network under two tables of names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.published import Published

__all__ = ["PUBLISHED", "AotGan"]

_RATES = (1, 2, 4, 8)  # dilations of a block's four branches
_BLOCKS = 8


class AotGan(nn.Module):
    """The generator of AOT-GAN.

    Args:
        width: Channels of the first layer; the quarter grid has four times as many.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        inner, wide = 2 * width, 4 * width
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(4, width, 7),
            nn.ReLU(),
            nn.Conv2d(width, inner, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(inner, wide, 4, stride=2, padding=1),
            nn.ReLU(),
        )
        self.middle = nn.Sequential(*(_AotBlock(wide) for _ in range(_BLOCKS)))
        self.decoder = nn.Sequential(
            _UpConv(wide, inner),
            nn.ReLU(),
            _UpConv(inner, width),
            nn.ReLU(),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """What the network paints.

        Args:
            x: (N, 4, H, W) float32, sides multiples of 4 and at least 36: the picture in -1..1,
                red first, 1 in the hole, and the mask, 1 in the hole and 0 elsewhere.

        Returns:
            (N, 3, H, W) in -1..1, also outside the hole; only the hole is to be taken from it.
            Sides that are no multiples of 4 come out as the next smaller one.
        """
        coarse = self.middle(self.encoder(x))  # (N, 256, H/4, W/4)
        return torch.tanh(self.decoder(coarse))


class _AotBlock(nn.Module):
    """Aggregated contextual transformation: a quarter of the channels at each dilation, gated.

    x · (1 - g) + fuse(branches) · g, where g is near to 0 or 1 almost everywhere, because the
    gate's logits are normalised to a deviation of ten.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // len(_RATES)
        self.block00 = _dilated(channels, quarter, _RATES[0])
        self.block01 = _dilated(channels, quarter, _RATES[1])
        self.block02 = _dilated(channels, quarter, _RATES[2])
        self.block03 = _dilated(channels, quarter, _RATES[3])
        self.fuse = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.gate = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.block00(x), self.block01(x), self.block02(x), self.block03(x))
        fused: Tensor = self.fuse(torch.cat(branches, 1))
        gate = torch.sigmoid(_normalised(self.gate(x)))
        return x * (1 - gate) + fused * gate


class _UpConv(nn.Module):
    """Twice the sides, corners on corners, then a 3×3 convolution."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        finer = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
        result: Tensor = self.conv(finer)
        return result


def _dilated(inner: int, outer: int, rate: int) -> nn.Sequential:
    """A 3×3 convolution with holes in it; the sides stay."""
    conv = nn.Conv2d(inner, outer, 3, dilation=rate)
    return nn.Sequential(nn.ReflectionPad2d(rate), conv, nn.ReLU())


def _normalised(x: Tensor) -> Tensor:
    """Each channel of each picture to mean -5 and deviation 10; the deviation is the unbiased."""
    deviation, mean = torch.std_mean(x, (2, 3), keepdim=True)
    return 5 * (2 * (x - mean) / (deviation + 1e-9) - 1)


def _two_inputs(module: nn.Module, _call: str, inputs: Mapping[str, Tensor]) -> Tensor:
    """The authors hand picture and mask over one by one."""
    result: Tensor = module(torch.cat((inputs["image"], inputs["mask"]), 1))
    return result


_MMAGIC = (
    (r"^encoder\.encoder\.1\.conv", "encoder.1"),
    (r"^encoder\.encoder\.2\.conv", "encoder.3"),
    (r"^encoder\.encoder\.3\.conv", "encoder.5"),
    (r"^dilation_neck\.model\.(\d)\.blocks\.(\d)\.1\.conv", r"middle.\1.block0\2.1"),
    (r"^dilation_neck\.model\.(\d)\.(fuse|gate)\.1\.conv", r"middle.\1.\2.1"),
    (r"^decoder\.decoder\.0\.conv", "decoder.0.conv"),
    (r"^decoder\.decoder\.1\.conv", "decoder.2.conv"),
    (r"^decoder\.decoder\.2\.conv", "decoder.4"),
)
PUBLISHED = {
    "aotgan": Published(AotGan, prefixes=("module.",), run=_two_inputs),
    "aotgan_mmagic": Published(
        AotGan,
        prefixes=("generator.",),
        # The file holds the training's networks too.
        ignored=(r"(?!(generator\.)?(encoder|dilation_neck|decoder)\.)",),
        renames=_MMAGIC,
    ),
}
