"""`subject`: our own network for the salient subject of a photo.

EfficientNet-Lite2 halves the picture five times, and a decoder walks back up (`nets.pyramid`).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nukki.nets.efficientnet import TAP_CHANNELS, Encoder
from nukki.nets.pyramid import Pyramid

__all__ = ["SubjectNet"]


class SubjectNet(Pyramid):
    """Picture → alpha of its salient subject.

    Input: (N, 3, H, W) float32, RGB / 127.5 − 1, H and W multiples of 32.
    Output: (N, 1, H, W) logits, finest first; when training one for each of the five decoder
    levels, at strides 2, 4, 8, 16, 32; else a list of one, the finest, enlarged to (H, W).
    """

    def __init__(self) -> None:
        super().__init__(Encoder(), TAP_CHANNELS)
        self.initialise()

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        maps, _ = self.decode(self.enc(x))
        if self.training:
            return maps
        return [F.interpolate(maps[-1], scale_factor=2.0, mode="bilinear")]
