"""`subject` with single convolutions for its blocks: a fifth of the time to train and to save."""

from __future__ import annotations

from torch import Tensor, nn

from nukki.nets.efficientnet import TAP_CHANNELS, Conv, Encoder
from nukki.nets.pyramid import Pyramid
from nukki.nets.subject import SubjectNet

# (channels, stride) of those of `SubjectNet`'s blocks that are more than a residual, and of two.
_BLOCKS = {
    0: (16, 1), 1: (24, 2), 2: (24, 1), 3: (24, 1), 4: (48, 2), 7: (88, 2), 11: (120, 1),
    15: (208, 2), 20: (352, 1),
}  # fmt: skip


class _Encoder(Encoder):
    """What `Encoder` sees, by nine convolutions in eight groups."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.stem = Conv(3, 32, 3, stride=2)
        self.blocks = nn.ModuleList(nn.Identity() for _ in range(21))
        inner = 32
        for number, (outer, stride) in _BLOCKS.items():
            self.blocks[number] = Conv(inner, outer, 3, stride, groups=8)
            inner = outer


class _Short(Pyramid):
    """Without context, attention and depth, and with 1×1 convolutions on its way up."""

    def __init__(self) -> None:
        super().__init__(_Encoder(), TAP_CHANNELS)
        self.ctx = self.att = nn.Identity()
        self.deep = nn.ModuleList([nn.Identity(), nn.Identity()])
        self.dec = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(step[0].pointwise.in_channels, step[1].pointwise.out_channels, 1)
            )
            for step in self.dec
        )
        self.initialise()

    def forward(self, x: Tensor) -> list[Tensor]:
        return SubjectNet.forward(self, x)


def short_subject() -> nn.Module:
    """In the place of `SubjectNet`: the same maps, and the same names for what they are made of."""
    return _Short()
