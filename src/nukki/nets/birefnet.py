"""BiRefNet with a Swin-T encoder: the published "lite" checkpoints for salient subjects.

Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI
Artificial Intelligence Research 2024. The encoder sees the picture at full and at half size. The
decoder walks back up and looks at two references: inwards, at each size the picture itself, cut
into tiles that lie in the channels; outwards, a gate that was taught to follow edges.

Enlarging and shrinking is bilinear with corners aligned throughout. What only the authors' training
does (dropout, supervision of the levels) is left out; the layers for it stay, for their weights
are in the checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.errors import InputError
from nukki.nets.deform import deform_conv2d
from nukki.nets.published import Published
from nukki.nets.swin import SwinEncoder

__all__ = ["PUBLISHED", "BiRefNet"]

_INNER = 64  # channels within a block of the decoder
_BRANCH = 256  # channels of a branch of the pyramid
_KERNELS = (1, 3, 7)  # of its deformable branches, beside the first, which is 1
_STEP = 32  # sides are multiples of this: the stride of the coarsest map


def _resized(x: Tensor, like: Tensor) -> Tensor:
    """`x` in the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)


def _tiles(image: Tensor, count: int) -> Tensor:
    """Lay count × count tiles of a picture over each other, those of the first channel first.

    (N, 3, H, W) → (N, 3 · count², H / count, W / count).
    """
    n, c, h, w = image.shape
    tiles = image.reshape(n, c, count, h // count, count, w // count)
    return tiles.permute(0, 1, 2, 4, 3, 5).reshape(n, -1, h // count, w // count)


class _Deformable(nn.Module):
    """A convolution that says itself where each tap looks and how much it counts (0 to 2)."""

    def __init__(self, inner: int, outer: int, size: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(inner, 2 * size * size, size, padding=size // 2)
        self.modulator_conv = nn.Conv2d(inner, size * size, size, padding=size // 2)
        self.regular_conv = nn.Conv2d(inner, outer, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mask = 2 * self.modulator_conv(x).sigmoid()
        return deform_conv2d(x, self.offset_conv(x), mask, self.regular_conv.weight)


class _Branch(nn.Module):
    """Deformable convolution, batch norm, ReLU."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.atrous_conv = _Deformable(_INNER, _BRANCH, size)
        self.bn = nn.BatchNorm2d(_BRANCH)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.atrous_conv(x)))


class _Pyramid(nn.Module):
    """Deformable branches of several sizes and the mean of the map, side by side, then joined."""

    def __init__(self) -> None:
        super().__init__()
        self.aspp1 = _Branch(1)
        self.aspp_deforms = nn.ModuleList([_Branch(size) for size in _KERNELS])
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(_INNER, _BRANCH, 1, bias=False),
            nn.BatchNorm2d(_BRANCH),
            nn.ReLU(),
        )
        self.conv1 = nn.Conv2d((2 + len(_KERNELS)) * _BRANCH, _INNER, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(_INNER)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.global_avg_pool(x).expand(-1, -1, *x.shape[-2:])
        branches = [self.aspp1(x), *(branch(x) for branch in self.aspp_deforms), mean]
        return F.relu(self.bn1(self.conv1(torch.cat(branches, dim=1))))


class _Block(nn.Module):
    """3×3 convolution to few channels, pyramid, 3×3 convolution: no size changes."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(inner, _INNER, 3, padding=1)
        self.dec_att = _Pyramid()
        self.conv_out = nn.Conv2d(_INNER, outer, 3, padding=1)
        self.bn_in = nn.BatchNorm2d(_INNER)
        self.bn_out = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dec_att(F.relu(self.bn_in(self.conv_in(x))))
        result: Tensor = self.bn_out(self.conv_out(x))
        return result


class _Lateral(nn.Module):
    """A 1×1 convolution of what the encoder saw."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return result


def _inward(count: int, outer: int) -> nn.Sequential:
    """Two 3×3 convolutions, nothing between, of a picture in count × count tiles."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3 * count * count, _INNER, 3, padding=1),
            conv_out=nn.Conv2d(_INNER, outer, 3, padding=1),
        )
    )


def _edges(channels: int) -> nn.Sequential:
    """What the gate and, in training, the prediction of edges are made of."""
    return nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())


def _map(channels: int) -> nn.Sequential:
    """A 1×1 convolution to one channel."""
    return nn.Sequential(nn.Conv2d(channels, 1, 1))


def _gated(x: Tensor, edges: nn.Module, gate: nn.Module) -> Tensor:
    """The outward reference: x times 0 to 1, by what is seen of edges."""
    result: Tensor = x * gate(edges(x)).sigmoid()
    return result


class _Decoder(nn.Module):
    """Picture (N, 3, H, W), maps at strides 4, 8, 16, 32 → logits (N, 1, H, W).

    Args:
        channels: Of the four maps.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        self.ipt_blk5 = _inward(32, c4 // 8)
        self.ipt_blk4 = _inward(16, c4 // 8)
        self.ipt_blk3 = _inward(8, c3 // 8)
        self.ipt_blk2 = _inward(4, c2 // 8)
        self.ipt_blk1 = _inward(1, c1 // 8)
        self.decoder_block4 = _Block(c4 + c4 // 8, c3)
        self.decoder_block3 = _Block(c3 + c4 // 8, c2)
        self.decoder_block2 = _Block(c2 + c3 // 8, c1)
        self.decoder_block1 = _Block(c1 + c2 // 8, c1 // 2)
        self.conv_out1 = _map(c1 // 2 + c1 // 8)
        self.lateral_block4, self.lateral_block3 = _Lateral(c3), _Lateral(c2)
        self.lateral_block2 = _Lateral(c1)
        self.gdt_convs_4, self.gdt_convs_attn_4 = _edges(c3), _map(16)
        self.gdt_convs_3, self.gdt_convs_attn_3 = _edges(c2), _map(16)
        self.gdt_convs_2, self.gdt_convs_attn_2 = _edges(c1), _map(16)
        # Only the authors' training reads these; the checkpoints hold them.
        self.conv_ms_spvn_4, self.gdt_convs_pred_4 = nn.Conv2d(c3, 1, 1), _map(16)
        self.conv_ms_spvn_3, self.gdt_convs_pred_3 = nn.Conv2d(c2, 1, 1), _map(16)
        self.conv_ms_spvn_2, self.gdt_convs_pred_2 = nn.Conv2d(c1, 1, 1), _map(16)

    def forward(self, image: Tensor, maps: Sequence[Tensor]) -> Tensor:
        x1, x2, x3, x4 = maps
        y = self.decoder_block4(torch.cat((x4, self.ipt_blk5(_tiles(image, 32))), dim=1))
        y = _gated(y, self.gdt_convs_4, self.gdt_convs_attn_4)
        y = _resized(y, x3) + self.lateral_block4(x3)
        y = self.decoder_block3(torch.cat((y, self.ipt_blk4(_tiles(image, 16))), dim=1))
        y = _gated(y, self.gdt_convs_3, self.gdt_convs_attn_3)
        y = _resized(y, x2) + self.lateral_block3(x2)
        y = self.decoder_block2(torch.cat((y, self.ipt_blk3(_tiles(image, 8))), dim=1))
        y = _gated(y, self.gdt_convs_2, self.gdt_convs_attn_2)
        y = _resized(y, x1) + self.lateral_block2(x1)
        y = self.decoder_block1(torch.cat((y, self.ipt_blk2(_tiles(image, 4))), dim=1))
        y = torch.cat((_resized(y, image), self.ipt_blk1(image)), dim=1)
        result: Tensor = self.conv_out1(y)
        return result


class BiRefNet(nn.Module):
    """Picture → map of its salient subject.

    Input: (N, 3, H, W) float32, RGB / 255 less ImageNet's mean, by its deviation; H and W multiples
    of 32. The authors give it 1024 × 1024.
    Output: (N, 1, H, W) logits.

    Args:
        encoder: Gives four maps at strides 4, 8, 16, 32, and their `channels`; Swin-T by default.

    Raises:
        InputError: If the input is not such.
    """

    def __init__(self, encoder: SwinEncoder | None = None) -> None:
        super().__init__()
        self.bb = SwinEncoder() if encoder is None else encoder
        channels = [2 * number for number in self.bb.channels]  # at full and at half size
        self.squeeze_module = nn.Sequential(_Block(sum(channels), channels[-1]))
        self.decoder = _Decoder(channels)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        _check(image)
        h, w = image.shape[-2:]
        half = F.interpolate(image, (h // 2, w // 2), mode="bilinear", align_corners=True)
        x1, x2, x3, x4 = (
            torch.cat((full, _resized(coarse, full)), dim=1)
            for full, coarse in zip(self.bb(image), self.bb(half), strict=True)
        )
        context = [_resized(x, x4) for x in (x1, x2, x3)]
        x4 = self.squeeze_module(torch.cat((*context, x4), dim=1))
        result: Tensor = self.decoder(image, (x1, x2, x3, x4))
        return result


def _check(image: Tensor) -> None:
    """Refuse what the network cannot cut into tiles."""
    if image.ndim != 4 or image.shape[1] != 3 or image.shape[2] % _STEP or image.shape[3] % _STEP:
        message = f"`image` must be (N, 3, H, W), H and W multiples of {_STEP}"
        found = f"{message}, got {tuple(image.shape)}"
        raise InputError(found, hint="resize or pad the picture first")


PUBLISHED = {
    "birefnet_swin_v1_t": Published(build=BiRefNet, prefixes=("module.", "_orig_mod.")),
}
