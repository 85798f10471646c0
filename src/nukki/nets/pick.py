"""`pick`: our own network for the one thing of a crop that a box, clicks or a scribble show.

It is the encoder and decoder of `subject` with a shorter coarsest stage, and two places where what
was asked comes in: at stride 8, so that the coarser stages, which tell what is what, know which
thing is meant; and beside the decoder's finer levels, so that the mask keeps to the box and the
clicks. What lies before, strides 2 to 8, does not know the question and is computed once for all
questions about a crop, as in SAM (Kirillov et al., ICCV 2023); asking by maps of the box and the
clicks follows interactive segmentation (Sofiiuk et al., "Reviving iterative training with mask
guidance", ICIP 2022), the guess of the answer's own IoU follows Mask Scoring R-CNN (Huang et al.,
CVPR 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.efficientnet import TAP_CHANNELS, TAPS, Conv, Encoder
from nukki.nets.pyramid import Pyramid

__all__ = ["ASKED", "PickDecoder", "PickEncoder", "PickNet"]

ASKED = 4  # channels of a question: box, clicks on the thing, clicks beside it, a guess of its mask
_BLOCKS = 18  # of the encoder's 21: three at stride 32 are enough for a single thing
_LAST_CHANNELS = 208
_UNASKED = TAPS[2] + 1  # blocks that do not know the question: up to stride 8


class _Question(nn.Module):
    """(N, 4, H, W) → what is added to the encoder's maps at strides 2, 4, 8.

    The last layer of each starts at zero: the network begins as one that was not asked anything.
    """

    def __init__(self) -> None:
        super().__init__()
        wide = TAP_CHANNELS[:3]
        self.down = nn.ModuleList(
            [Conv(a, b, 3, 2) for a, b in zip((ASKED, *wide), wide, strict=False)]
        )
        self.add = nn.ModuleList([nn.Conv2d(width, width, 1) for width in wide])

    def forward(self, asked: Tensor) -> list[Tensor]:
        x, added = asked, []
        for down, add in zip(self.down, self.add, strict=True):
            x = F.relu(down(x))
            added.append(add(x))
        return added


class PickNet(Pyramid):
    """Crop and question → the thing's mask, and how good the mask is likely to be.

    Input: (N, 3, H, W) float32, RGB / 127.5 − 1, H and W multiples of 32, and (N, 4, H, W), the
    question (see `ASKED`): box and clicks 0 or 1, the guess −1 (outside) to 1, 0 where there is
    none.
    Output: logits (N, 1, h, w), finest first; when training one for each of the five decoder
    levels, at strides 2, 4, 8, 16, 32; else the finest alone, at stride 2. And (N,), the logit of
    the IoU that the mask is likely to have with the truth.
    """

    def __init__(self) -> None:
        channels = (*TAP_CHANNELS[:-1], _LAST_CHANNELS)
        super().__init__(Encoder(_BLOCKS), channels)
        self.ask = _Question()
        self.score = nn.Sequential(nn.Linear(64 + 48, 64), nn.ReLU(), nn.Linear(64, 1))
        self.initialise()
        for name, parameter in self.ask.add.named_parameters():
            if name.endswith("weight"):
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor, asked: Tensor) -> tuple[list[Tensor], Tensor]:
        """See the class."""
        return self.answer(*self.look(image), asked)

    def look(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen of a crop before anything is asked: 16, 24, 48 channels, strides 2, 4, 8."""
        x = F.relu6(self.enc.stem(image))
        seen = []
        for number in range(_UNASKED):
            x = self.enc.blocks[number](x)
            if number in TAPS:
                seen.append(x)
        return seen[0], seen[1], seen[2]

    def answer(
        self, fine: Tensor, middle: Tensor, coarse: Tensor, asked: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """What `look` gave, and a question → see the class."""
        added = self.ask(asked)
        seen = [one + more for one, more in zip((fine, middle, coarse), added, strict=True)]
        x = seen[-1]
        for number in range(_UNASKED, _BLOCKS):
            x = self.enc.blocks[number](x)
            if number in TAPS:
                seen.append(x)
        maps, levels = self.decode([*seen, x])
        return maps, self._score(levels[:2], maps[0].detach())

    def _score(self, levels: list[Tensor], finest: Tensor) -> Tensor:
        """From what the decoder had at strides 32 and 16 within the mask."""
        inside = finest.sigmoid()
        pooled = []
        for level, size in zip(levels, (16, 8), strict=True):
            weight = F.avg_pool2d(inside, size)
            total = weight.sum(dim=(2, 3)) + 1e-3
            pooled.append((level * weight).sum(dim=(2, 3)) / total)
        logit: Tensor = self.score(torch.cat(pooled, dim=1))
        return logit[:, 0]


class PickEncoder(nn.Module):
    """`PickNet.look` as a graph."""

    def __init__(self, net: PickNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `PickNet.look`."""
        return self.net.look(image)


class PickDecoder(nn.Module):
    """`PickNet.answer` as a graph: alpha (N, 1, H, W) and score (N,), both in 0..1."""

    def __init__(self, net: PickNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, fine: Tensor, middle: Tensor, coarse: Tensor, asked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `PickNet.answer`."""
        maps, score = self.net.answer(fine, middle, coarse, asked)
        whole = F.interpolate(maps[0], scale_factor=2.0, mode="bilinear")
        return whole.sigmoid(), score.sigmoid()
