"""`fill`: our own network that fills a hole with what could be there.

It begins with a smooth filling that needs no weights (a pyramid of means, "push-pull": Gortler,
Grzeszczuk, Szeliski and Cohen, "The Lumigraph", SIGGRAPH 1996, §3.4.1) and adds what it has learnt.
Most of the work is done at an eighth of the sides: dilated convolutions (Yu and Koltun, ICLR 2016)
beside Fourier units, each of which sees the whole picture (Suvorov et al., WACV 2022). Fine detail
is not its affair: in a photo that comes from the photo itself.

No layer keeps statistics, so the moving average of the weights is all there is to ship.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.lama import FourierUnit

__all__ = ["MULTIPLE", "FillNet", "smooth_fill"]

MULTIPLE = 32  # of which the sides must be multiples
_HALVINGS = 5  # of the pyramid
_WINDOWS = (3, 5, 7, 11, 15)  # of the means on its coarsest grid, in cells
_ENOUGH = 1 / 16  # of a cell that must be known for its mean to count fully
_FINE, _MIDDLE, _COARSE, _WHOLE = 24, 48, 128, 48  # channels at strides 2, 4, 8; in Fourier units
_DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)


class FillNet(nn.Module):
    """Picture with a hole → picture.

    Input: (N, 4, H, W) float32, sides multiples of 32: RGB in 0..1, 0 in the hole, and the mask, 1
    in the hole and 0 elsewhere. Output: (N, 3, H, W), the picture's own values outside the hole; in
    0..1 in evaluation, unbounded in training.

    Args:
        dilations: Of the blocks' convolutions; a block for each.
    """

    def __init__(self, dilations: Sequence[int] = _DILATIONS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, _FINE, 5, stride=2, padding=2)
        self.halve = nn.Conv2d(_FINE, _MIDDLE, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(_MIDDLE, _MIDDLE, 3, padding=1)
        self.quarter = nn.Conv2d(_MIDDLE, _COARSE, 3, stride=2, padding=1)
        self.body = nn.Sequential(*(_Block(_COARSE, dilation) for dilation in dilations))
        self.to_middle = nn.Conv2d(_COARSE, _MIDDLE, 1)
        self.up_middle = nn.Conv2d(_MIDDLE, _MIDDLE, 3, padding=1)
        self.to_fine = nn.Conv2d(_MIDDLE, _FINE, 1)
        self.up_fine = nn.Conv2d(_FINE, _FINE, 3, padding=1)
        self.last = nn.Conv2d(_FINE, 3, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        """Draw all weights; blocks start as the identity and the network as the smooth filling."""
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
                if name.endswith("narrow") or name == "last":
                    nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        picture, hole = x[:, :3], x[:, 3:]
        smooth = smooth_fill(picture, hole)
        fine = F.relu(self.stem(torch.cat((2 * smooth - 1, hole), 1)))  # (N, 24, H/2, W/2)
        middle = F.relu(self.middle(F.relu(self.halve(fine))))  # (N, 48, H/4, W/4)
        y = self.body(F.relu(self.quarter(middle)).float())  # (N, 128, H/8, W/8)
        y = F.relu(_onto(self.to_middle(y), middle) + middle)
        y = F.relu(y + self.up_middle(y))
        y = F.relu(_onto(self.to_fine(y), fine) + fine)
        y = F.relu(y + self.up_fine(y))
        painted = smooth + self.last(_onto(y, x)).float()
        if not self.training:
            painted = painted.clamp(0, 1)
        return torch.where(hole > 0.5, painted, picture)


class _Block(nn.Module):
    """x + 1×1(ReLU(dilated 3×3(y) + 1×1(Fourier unit(1×1(y))))), y = x normed at each place."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.gather = nn.Conv2d(channels, _WHOLE, 1)
        self.whole = FourierUnit(_WHOLE, norm=False)
        self.spread = nn.Conv2d(_WHOLE, channels, 1)
        self.narrow = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=1, keepdim=True)
        y = (x - mean) * torch.rsqrt((x - mean).square().mean(dim=1, keepdim=True) + 1e-5)
        y = F.relu(self.near(y) + self.spread(self._everywhere(self.gather(y))))
        result: Tensor = x + self.narrow(y)
        return result

    def _everywhere(self, y: Tensor) -> Tensor:
        """The Fourier unit, in float32: bfloat16 has no transforms."""
        if torch.is_autocast_enabled(y.device.type):
            with torch.autocast(y.device.type, enabled=False):
                return self._everywhere(y.float().contiguous())
        filtered: Tensor = self.whole(y)
        return filtered


def smooth_fill(picture: Tensor, hole: Tensor) -> Tensor:
    """A hole filled with means of what is around it, from ever wider windows further inside.

    Args:
        picture: (N, C, H, W) float32, sides multiples of 32; 0 in the hole.
        hole: (N, 1, H, W), 1 in the hole and 0 elsewhere.

    Returns:
        (N, C, H, W), the picture's own values outside the hole; all 0 where everything is hole.
    """
    known = 1 - hole
    levels = [(picture * known, known)]  # sums of known values, shares of known pixels
    for _ in range(_HALVINGS):
        levels.append((F.avg_pool2d(levels[-1][0], 2), F.avg_pool2d(levels[-1][1], 2)))
    coarse = levels[-1]
    wide = [(_mean(coarse[0], size), _mean(coarse[1], size)) for size in _WINDOWS]
    total = tuple(one.mean(dim=(2, 3), keepdim=True) for one in coarse)
    filled = (total[0] / total[1].clamp(min=1e-6)).expand_as(coarse[0])
    for sums, share in reversed(wide):
        filled = _blend(sums, share, filled)
    filled = _blend(*coarse, filled)
    for sums, share in levels[-2::-1]:
        filled = _blend(sums, share, _onto(filled, sums))
    return filled


def _blend(sums: Tensor, share: Tensor, coarser: Tensor) -> Tensor:
    """The mean of what is known of a cell where that is enough, else more or less the coarser."""
    trust = (share / _ENOUGH).clamp(max=1)
    return trust * sums / share.clamp(min=1e-6) + (1 - trust) * coarser


def _mean(x: Tensor, size: int) -> Tensor:
    """The mean of a square of cells around each, less those beyond the rim."""
    return F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)


def _onto(x: Tensor, like: Tensor) -> Tensor:
    """A map enlarged to the sides of another.

    By its size and not by a factor: torch's exporter spends minutes on proving that a chain of
    factors undoes a chain of halvings.
    """
    return F.interpolate(x, size=like.shape[2:], mode="bilinear")
