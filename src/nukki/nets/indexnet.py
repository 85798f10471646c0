"""IndexNet Matting (Lu et al., "Indices Matter", ICCV 2019): a picture and its trimap → alpha.

The network of the authors and the one of mmediting are the same under other names; the modules here
have the authors'. Of the paper's forms it is the holistic many-to-one ("m2o") depthwise index block
with nonlinearity and context, an output stride of 32 and 5×5 kernels in the decoder. The encoder is
MobileNetV2 whose strides are taken over by the index blocks.

For inference only: dropout, which the authors train with, is left out.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.mobilenetv2 import STAGES, STEM, conv_norm
from nukki.nets.published import Published

__all__ = ["PUBLISHED", "IndexNet"]

_ASPP = 256  # channels of each branch of the pyramid
_INDEXED = (0, 2, 3, 4, 6)  # encoder layers that an index block halves


class IndexBlock(nn.Module):
    """Which of each four neighbours counts, learnt from the features themselves.

    Four sub-networks see 4×4 around each 2×2 cell; number 2·i + j judges its pixel (i, j). For the
    encoder the four of a cell sum to 1 (softmax of the sigmoid), for the decoder they do not.

    Input: (N, C, H, W), H and W even. Output: the features weighted by the encoder's index
    (N, C, H, W), their sums over each cell (N, C, H/2, W/2), the decoder's index (N, C, H, W) in
    0..1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.indexnet1 = _judge(channels)
        self.indexnet2 = _judge(channels)
        self.indexnet3 = _judge(channels)
        self.indexnet4 = _judge(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        judges = (self.indexnet1, self.indexnet2, self.indexnet3, self.indexnet4)
        decoding = torch.stack([judge(x) for judge in judges], dim=2).sigmoid()
        encoding = decoding.softmax(dim=2)  # (N, C, 4, H/2, W/2)
        weighted = F.pixel_shuffle(encoding.flatten(1, 2), 2) * x
        return weighted, 4 * F.avg_pool2d(weighted, 2), F.pixel_shuffle(decoding.flatten(1, 2), 2)


def _judge(channels: int) -> nn.Sequential:
    """(N, C, H, W) → (N, C, H/2, W/2)."""
    return nn.Sequential(
        *conv_norm(channels, channels, 4, stride=2), nn.Conv2d(channels, channels, 1, bias=False)
    )


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling with depthwise convolutions: (N, 320, H, W) → (N, 160, H, W).

    Chen et al., "Rethinking Atrous Convolution", 2017; dilations as for an output stride of 32.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.aspp1 = _atrous(conv_norm(inner, _ASPP, 1))
        self.aspp2 = _atrous(_separable(inner, _ASPP, dilation=2))
        self.aspp3 = _atrous(_separable(inner, _ASPP, dilation=4))
        self.aspp4 = _atrous(_separable(inner, _ASPP, dilation=8))
        self.global_avg_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_norm(inner, _ASPP, 1))
        self.bottleneck_conv = conv_norm(5 * _ASPP, outer, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        near = [self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x)]
        whole = self.global_avg_pool(x).expand_as(near[0])
        result: Tensor = self.bottleneck_conv(torch.cat([*near, whole], dim=1))
        return result


def _atrous(layers: nn.Sequential) -> nn.Sequential:
    """The layers under the authors' name."""
    return nn.Sequential(OrderedDict(atrous_conv=layers))


def _separable(inner: int, outer: int, dilation: int) -> nn.Sequential:
    """Depthwise 3×3, then 1×1, each with norm and ReLU6."""
    deep = conv_norm(inner, inner, 3, dilation=dilation, groups=inner)
    return nn.Sequential(*deep, *conv_norm(inner, outer, 1))


class Decode(nn.Module):
    """One step up: place features by an index, if one is given, and join the encoder's.

    (N, C, H, W) and the encoder's (N, D, G, V) → (N, outer, G, V), C + D = inner. With an index, it
    is (N, C, G, V) and (G, V) are twice (H, W); without, they are the same.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.dconv = conv_norm(inner, outer, 5)

    def forward(self, x: Tensor, seen: Tensor, index: Tensor | None = None) -> Tensor:
        """See the class."""
        if index is not None:
            x = index * F.interpolate(x, scale_factor=2.0, mode="nearest")
        result: Tensor = self.dconv(torch.cat([x, seen], dim=1))
        return result


class IndexNet(nn.Module):
    """Picture and trimap → alpha.

    Input: (N, 4, H, W) float32, H and W multiples of 32: RGB in 0..1 less ImageNet's mean, by its
    deviation; then the trimap / 255 (0 background, 128 unknown, 255 foreground).
    Output: (N, 1, H, W) float32, meant to be 0..1 but not held to it: to be clipped, and replaced
    where the trimap knows better.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layer0 = conv_norm(4, STEM, 3)
        layers = [stage.blocks(stride=1, pad_first=True) for stage in STAGES]
        self.layer1, self.layer2, self.layer3, self.layer4 = layers[:4]
        self.layer5, self.layer6, self.layer7 = layers[4:]
        self.index0 = IndexBlock(32)
        self.index2 = IndexBlock(24)
        self.index3 = IndexBlock(32)
        self.index4 = IndexBlock(64)
        self.index6 = IndexBlock(160)
        self.dconv_pp = Pyramid(320, 160)
        self.decoder_layer6 = Decode(160 + 160, 96)
        self.decoder_layer5 = Decode(96 + 96, 64)
        self.decoder_layer4 = Decode(64 + 64, 32)
        self.decoder_layer3 = Decode(32 + 32, 24)
        self.decoder_layer2 = Decode(24 + 24, 16)
        self.decoder_layer1 = Decode(16 + 16, 32)
        self.decoder_layer0 = Decode(32 + 32, 32)
        self.pred = nn.Sequential(conv_norm(32, 1, 5), nn.Conv2d(1, 1, 5, padding=2, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        seen0, y, index0 = self.index0(self.layer0(x))  # (N, 32, H, W), halved for the next
        seen1 = self.layer1(y)  # (N, 16, H/2, W/2)
        seen2, y, index2 = self.index2(self.layer2(seen1))  # (N, 24, H/2, W/2)
        seen3, y, index3 = self.index3(self.layer3(y))  # (N, 32, H/4, W/4)
        seen4, y, index4 = self.index4(self.layer4(y))  # (N, 64, H/8, W/8)
        seen5 = self.layer5(y)  # (N, 96, H/16, W/16)
        seen6, y, index6 = self.index6(self.layer6(seen5))  # (N, 160, H/16, W/16)
        y = self.dconv_pp(self.layer7(y))  # (N, 160, H/32, W/32)
        y = self.decoder_layer6(y, seen6, index6)  # (N, 96, H/16, W/16)
        y = self.decoder_layer5(y, seen5)  # (N, 64, H/16, W/16)
        y = self.decoder_layer4(y, seen4, index4)  # (N, 32, H/8, W/8)
        y = self.decoder_layer3(y, seen3, index3)  # (N, 24, H/4, W/4)
        y = self.decoder_layer2(y, seen2, index2)  # (N, 16, H/2, W/2)
        y = self.decoder_layer1(y, seen1)  # (N, 32, H/2, W/2)
        y = self.decoder_layer0(y, seen0, index0)  # (N, 32, H, W)
        alpha: Tensor = self.pred(y)
        return alpha


# mmediting wraps convolution (`conv`) and batch norm (`bn`), and a separable pair once more
# (`depthwise_conv`, `pointwise_conv`); here both are numbers of one sequence.
_MMEDITING = (
    # encoder: the first layer, the block without expansion, the others
    (r"^encoder\.layers\.0\.conv\.", "layer0.0."),
    (r"^encoder\.layers\.0\.bn\.", "layer0.1."),
    (r"^encoder\.layers\.(1\.0\.conv)\.depthwise_conv\.conv\.", r"layer\1.0."),
    (r"^encoder\.layers\.(1\.0\.conv)\.depthwise_conv\.bn\.", r"layer\1.1."),
    (r"^encoder\.layers\.(1\.0\.conv)\.pointwise_conv\.conv\.", r"layer\1.3."),
    (r"^encoder\.layers\.(1\.0\.conv)\.pointwise_conv\.bn\.", r"layer\1.4."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.0\.conv\.", r"layer\1.0."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.0\.bn\.", r"layer\1.1."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.1\.depthwise_conv\.conv\.", r"layer\1.3."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.1\.depthwise_conv\.bn\.", r"layer\1.4."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.1\.pointwise_conv\.conv\.", r"layer\1.6."),
    (r"^encoder\.layers\.(\d\.\d\.conv)\.1\.pointwise_conv\.bn\.", r"layer\1.7."),
    # index blocks: theirs are numbered 0 to 4, and the four in each 0 to 3
    *((rf"^encoder\.index_layers\.{turn}\.", f"index{of}.") for turn, of in enumerate(_INDEXED)),
    *((rf"\.index_blocks\.{turn}\.", f".indexnet{turn + 1}.") for turn in range(4)),
    (r"(\.indexnet\d)\.0\.conv\.", r"\1.0."),
    (r"(\.indexnet\d)\.0\.bn\.", r"\1.1."),
    (r"(\.indexnet\d)\.1\.conv\.", r"\1.3."),
    # pyramid
    (r"^encoder\.dconv\.convs\.4\.1\.conv\.", "dconv_pp.global_avg_pool.1."),
    (r"^encoder\.dconv\.convs\.4\.1\.bn\.", "dconv_pp.global_avg_pool.2."),
    (r"^encoder\.dconv\.project\.0\.conv\.", "dconv_pp.bottleneck_conv.0."),
    (r"^encoder\.dconv\.project\.0\.bn\.", "dconv_pp.bottleneck_conv.1."),
    *(
        (rf"^encoder\.dconv\.convs\.{turn}\.", f"dconv_pp.aspp{turn + 1}.atrous_conv.")
        for turn in range(4)
    ),
    (r"(\.atrous_conv)\.(?:depthwise_conv\.)?conv\.", r"\1.0."),
    (r"(\.atrous_conv)\.(?:depthwise_conv\.)?bn\.", r"\1.1."),
    (r"(\.atrous_conv)\.pointwise_conv\.conv\.", r"\1.3."),
    (r"(\.atrous_conv)\.pointwise_conv\.bn\.", r"\1.4."),
    # decoder: theirs is numbered from the coarsest, the authors' from the finest
    *(
        (rf"^decoder\.decoder_layers\.{turn}\.conv\.", f"decoder_layer{6 - turn}.dconv.")
        for turn in range(7)
    ),
    (r"(\.dconv)\.conv\.", r"\1.0."),
    (r"(\.dconv)\.bn\.", r"\1.1."),
    (r"^decoder\.pred\.0\.conv\.", "pred.0.0."),
    (r"^decoder\.pred\.0\.bn\.", "pred.0.1."),
    (r"^decoder\.pred\.1\.", "pred.1."),
)

PUBLISHED = {
    "indexnet_official": Published(build=IndexNet, prefixes=("module.",)),
    "indexnet_mmedit": Published(build=IndexNet, prefixes=("backbone.",), renames=_MMEDITING),
}
