"""DeepFillv2's generator: paints a hole coarsely, then again with patches from around it.

Yu, Lin, Yang, Shen, Lu and Huang, "Free-Form Image Inpainting with Gated Convolution", ICCV 2019
(arXiv 1806.03589); the contextual attention is section 4.1 of Yu, Lin, Yang, Shen, Lu and Huang,
"Generative Image Inpainting with Contextual Attention", CVPR 2018 (arXiv 1801.07892). The form is
that of MMEditing's checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.published import Published

__all__ = ["PUBLISHED", "DeepFillV2", "composite", "contextual_attention"]

_DILATIONS = (2, 4, 8, 16)
_SHARPNESS = 10.0  # of the attention's softmax
_SMALLEST = 1e-4  # no patch is divided by a smaller norm
_NEVER = -1e9  # the score of a patch that shows the hole


class DeepFillV2(nn.Module):
    """Both stages of the generator."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = _Coarse()
        self.stage2 = _Fine()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the network paints, coarsely and finely.

        Args:
            x: (N, 5, H, W) float32, sides multiples of 8 and at least 72: the picture in -1..1,
                blue first, 0 in the hole; ones; the mask, 1 in the hole and 0 elsewhere.

        Returns:
            What the first and what the second stage paint, (N, 3, H, W) in -1..1, also outside
            the hole; only the hole is to be taken from the second.

            The second compares all places of a grid of an eighth of the sides: some six arrays of
            N · (H · W / 64)² · 4 bytes, together .5 GB for 512 × 512 and 7 GB for 1024 × 1024.
        """
        coarse = self.stage1(x)
        mask = x[:, 4:]
        fine = self.stage2(torch.cat((composite(x, coarse), x[:, 3:]), 1), mask)
        return coarse, fine


def composite(x: Tensor, painted: Tensor) -> Tensor:
    """The hole of the network's input filled: (N, 5, H, W), (N, 3, H, W) → (N, 3, H, W)."""
    picture, mask = x[:, :3], x[:, 4:]
    return painted * mask + picture * (1 - mask)


class _Gated(nn.Module):
    """Gated convolution: half of the channels says how much of the other half is let through.

    ELU(first half) · σ(second half); the picture is mirrored at its rim.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        *,
        linear: bool = False,
    ) -> None:
        super().__init__()
        padding = size // 2 * dilation
        self.conv = nn.Conv2d(
            inner, 2 * outer, size, stride, padding, dilation, padding_mode="reflect"
        )
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        feature, gate = self.conv(x).chunk(2, 1)
        return (feature if self.linear else F.elu(feature)) * torch.sigmoid(gate)


class _Encoder(nn.Sequential):
    """(N, 5, H, W) → (N, C, H/4, W/4)."""

    def __init__(self, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        inner = 5
        for number, (outer, stride) in enumerate(zip(widths, (1, 2, 1, 2, 1, 1), strict=True), 1):
            self.add_module(f"enc{number}", _Gated(inner, outer, 5 if number == 1 else 3, stride))
            inner = outer


class _Dilated(nn.Module):
    """Four convolutions with ever wider holes in them; the sides stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dilation_convs = nn.Sequential(
            *(_Gated(channels, channels, dilation=dilation) for dilation in _DILATIONS)
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.dilation_convs(x)
        return result


class _Decoder(nn.Module):
    """(N, C, H/4, W/4) → (N, 3, H, W) in -1..1."""

    def __init__(self, inner: int, wide: int) -> None:
        super().__init__()
        self.dec1 = _Gated(inner, wide)
        self.dec2 = _Gated(wide, wide)
        self.dec3 = _Gated(wide, wide // 2)
        self.dec4 = _Gated(wide // 2, wide // 2)
        self.dec5 = _Gated(wide // 2, wide // 4)
        self.dec6 = _Gated(wide // 4, wide // 8)
        self.dec7 = _Gated(wide // 8, 3, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dec2(self.dec1(x))
        x = self.dec4(self.dec3(F.interpolate(x, scale_factor=2.0)))
        x = self.dec6(self.dec5(F.interpolate(x, scale_factor=2.0)))
        return torch.tanh(self.dec7(x))


class _Coarse(nn.Module):
    """The first stage: (N, 5, H, W) → (N, 3, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder((24, 48, 48, 96, 96, 96))
        self.dilation_neck = _Dilated(96)
        self.decoder = _Decoder(96, 96)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.decoder(self.dilation_neck(self.encoder(x)))
        return result


class _Fine(nn.Module):
    """The second stage: one branch invents, the other copies from around the hole."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder_attention = _Encoder((24, 24, 48, 96, 96, 96))
        self.encoder_conv = _Encoder((24, 24, 48, 48, 96, 96))
        self.contextual_attention_neck = _Copying(96)
        self.dilation_neck = _Dilated(96)
        self.decoder = _Decoder(192, 128)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        invented = self.dilation_neck(self.encoder_conv(x))
        copied = self.contextual_attention_neck(self.encoder_attention(x), mask)
        result: Tensor = self.decoder(torch.cat((invented, copied), 1))
        return result


class _Copying(nn.Module):
    """Contextual attention and two convolutions that mend its seams."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _Gated(channels, channels)
        self.conv2 = _Gated(channels, channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        result: Tensor = self.conv2(self.conv1(contextual_attention(x, mask)))
        return result


def contextual_attention(x: Tensor, mask: Tensor) -> Tensor:
    """Every place made anew from the patches that resemble it and show nothing of the hole.

    Places are compared at half the resolution: 3×3 patches by their product, divided by the length
    of the patch that may be copied. By a softmax over all of these, 4×4 patches of the full
    resolution are copied, and averaged where they overlap.

    Args:
        x: Features, (N, C, H, W), sides even.
        mask: (N, 1, 4H, 4W), positive in the hole.

    Returns:
        (N, C, H, W). Where the whole picture is a hole, the mean of all patches.
    """
    half = x[:, :, ::2, ::2]
    patches = F.unfold(half, 3, padding=1)  # (N, 9C, P), P = H/2 · W/2
    lengths = patches.norm(dim=1, keepdim=True).clamp(min=_SMALLEST)
    likeness = patches.transpose(1, 2) @ (patches * (_SHARPNESS / lengths))  # (N, P, P)
    likeness = _fused(likeness, half.shape[2], half.shape[3])
    hole = F.max_pool2d(mask[:, :, ::8, ::8], 3, stride=1, padding=1).flatten(2) > 0  # (N, 1, P)
    attention = torch.softmax(likeness.masked_fill(hole, _NEVER), 2)
    sources = F.unfold(x, 4, padding=1, stride=2)  # (N, 16C, P)
    return _laid(sources @ attention.transpose(1, 2), x)


def _fused(likeness: Tensor, high: int, wide: int) -> Tensor:
    """Neighbours that resemble neighbours in the same order speak for each other.

    To the likeness of place i and patch j come those of i ± 1 and j ± 1, counted first row by row,
    then column by column. (N, P, P) → (N, P, P)

    The published `fuse_kernel` is an identity matrix to convolve with. The peak of the attention
    was then 1.3 GB in torch and 2.3 GB in ONNX Runtime for 512 × 512; so it is .5 GB in both.
    """
    for rows, columns in ((high, wide), (wide, high)):
        before = F.pad(likeness[:, :-1, :-1], (1, 0, 1, 0))
        after = F.pad(likeness[:, 1:, 1:], (0, 1, 0, 1))
        grids = (before + likeness + after).reshape(-1, rows, columns, rows, columns)
        likeness = grids.permute(0, 2, 1, 4, 3).reshape(-1, high * wide, high * wide)
    return likeness


def _laid(patches: Tensor, like: Tensor) -> Tensor:
    """4×4 patches, two apart, averaged where they overlap: (N, 16C, P) → (N, C, H, W)."""
    size = like.shape[-2:]
    total = F.fold(patches, size, 4, padding=1, stride=2)
    times = F.fold(torch.ones_like(patches[:1, :16]), size, 4, padding=1, stride=2)
    return total / times


def _stages(module: nn.Module, _call: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both stages and the filled picture."""
    (x,) = inputs.values()
    coarse, fine = module(x)
    return {"stage1": coarse, "stage2": fine, "fake_img": composite(x, fine)}


PUBLISHED = {
    "deepfillv2": Published(
        DeepFillV2,
        prefixes=("generator.",),
        # The file holds the training's networks too; how patches are fused stands in `_fused`.
        ignored=(r"(?!(generator\.)?stage[12]\.)", r".*\.fuse_kernel$"),
        renames=((r"\.conv\.conv\.", ".conv."),),
        run=_stages,
    )
}
