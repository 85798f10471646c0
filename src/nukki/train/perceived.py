"""How alike two pictures look to MobileNetV2: a distance to learn from, and to judge by.

"Perceptual loss" (Johnson, Alahi and Fei-Fei, ECCV 2016) on the maps that an encoder which learnt
ImageNet has at strides 2 to 16; the coarsest see some two hundred pixels around ("high receptive
field perceptual loss": Suvorov et al., WACV 2022, §2.2).
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.errors import InputError
from nukki.io.files import load
from nukki.nets.efficientnet import Conv
from nukki.nets.mobilenetv2 import STAGES, STEM

__all__ = ["Perceived", "start_perceiving"]

_TAPS = (0, 2, 5, 12)  # the blocks whose results are compared: strides 2, 4, 8, 16
_WEIGHTS = (0.5, 0.75, 1.0, 1.25)
_HINT = "give mobilenet_v2_imagenet.npz: arrays 00.weight, 00.bias, … in the network's order"


class _Inverted(nn.Module):
    """MobileNetV2's block with its batch norms folded into its convolutions."""

    def __init__(self, inner: int, outer: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inner * expansion
        widen = [Conv(inner, wide, 1), nn.ReLU6()] if expansion > 1 else []
        deep = [Conv(wide, wide, 3, stride, groups=wide), nn.ReLU6()]
        self.m = nn.Sequential(*widen, *deep, Conv(wide, outer, 1))
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.m(x)
        return x + y if self.residual else y


class Perceived(nn.Module):
    """MobileNetV2 as far as stride 16, whose weights never change.

    Attributes:
        known: 1 once weights were read, else 0: then every distance is 0.
    """

    known: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, STEM, 3, 2)
        blocks = [
            _Inverted(
                stage.inner if turn == 0 else stage.outer,
                stage.outer,
                stage.expansion,
                stage.stride if turn == 0 else 1,
            )
            for stage in STAGES
            for turn in range(stage.repeats)
        ]
        self.blocks = nn.ModuleList(blocks[: _TAPS[-1] + 1])
        self.register_buffer("known", torch.zeros(()))
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps at strides 2, 4, 8, 16, of 16, 24, 32 and 96 channels, of (N, 3, H, W) in 0..1."""
        x = F.relu6(self.stem(2 * pictures - 1))
        seen = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _TAPS:
                seen.append(x)
        return seen

    def distance(self, given: Tensor, wanted: Tensor, hole: Tensor) -> Tensor:
        """How different two pictures look, for each cell of the hole: a scalar, float32.

        The maps' absolute differences in units of each channel's deviation over the batch, summed
        over all cells (those beside the hole see it too) and divided by the cells of the hole.

        Args:
            given: (N, 3, H, W) in 0..1, with a gradient.
            wanted: Likewise, without one.
            hole: (N, 1, H, W), 1 in the hole; outside it the two are the same.
        """
        if not self.known:
            return given.new_zeros(())
        with torch.no_grad():
            truths = self(wanted)
        total = given.new_zeros(())
        for weight, found, truth in zip(_WEIGHTS, self(given), truths, strict=True):
            spread = truth.std(dim=(0, 2, 3), keepdim=True) + 1e-3
            cells = F.adaptive_avg_pool2d(hole, truth.shape[2:]).sum().clamp(min=1)
            total = total + weight * ((found - truth) / spread).abs().sum() / (
                cells * truth.shape[1]
            )
        return total / sum(_WEIGHTS)


def start_perceiving(net: Perceived, path: Path) -> int:
    """Fill it with the weights of a file: how many tensors were filled.

    Args:
        net: Is filled.
        path: An .npz of MobileNetV2 1.0 with folded batch norms, arrays `00.weight` (out, in, kh,
            kw), `00.bias`, … in the network's order: stem, then expansion, depthwise and projection
            of each block. What comes behind stride 16 is not used.

    Raises:
        InputError: If it does not hold them.
    """
    name, data = load(path)
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            for number, layer in enumerate(layers):
                for key, parameter in (("weight", layer.weight), ("bias", layer.bias)):
                    array = torch.from_numpy(arrays[f"{number:02}.{key}"].astype(np.float32))
                    if parameter is None or array.shape != parameter.shape:
                        message = f"`{number:02}.{key}` has shape {tuple(array.shape)}"
                        raise ValueError(message)
                    parameter.data.copy_(array)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        message = f"`{name}` does not hold MobileNetV2's weights: {error}"
        raise InputError(message, hint=_HINT) from error
    net.known.fill_(1)
    return 2 * len(layers) + 1
