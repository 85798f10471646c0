"""Swin Transformer, the encoder: attention in windows that shift from block to block.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021.
A picture is cut into 4×4 patches; each of four stages attends within windows of M×M tokens, every
second block with windows shifted by M // 2, and between stages 2×2 tokens merge into one. In the
form for dense prediction: any size, a layer norm on what each stage gives.

Between layers a map is (N, H, W, C). All sizes and the mask come from the shape of the tensor, so
that a graph traced at one size holds for others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SwinEncoder", "relative_positions", "shift_mask", "windows"]

_APART = -100.0  # added to the logit of two tokens that are only neighbours because the map wraps


def windows(x: Tensor, size: int) -> Tensor:
    """Cut maps into windows: (N, H, W, C) → (N · windows, size², C), row by row.

    Args:
        x: Maps whose H and W are multiples of `size`.
        size: The side of a window in tokens.
    """
    n, h, w, c = x.shape
    x = x.reshape(n, h // size, size, w // size, size, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, c)


def _joined(x: Tensor, size: int, h: int, w: int) -> Tensor:
    """The inverse of `windows`: (N · windows, size², C) → (N, H, W, C)."""
    c = x.shape[-1]
    x = x.reshape(-1, h // size, w // size, size, size, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c)


def relative_positions(size: int) -> Tensor:
    """Which row of the bias table stands for each pair of tokens in a window.

    Row (dy + M − 1) · (2M − 1) + dx + M − 1 is for a token that looks (dy, dx) up and left.

    Args:
        size: M, the side of a window in tokens.

    Returns:
        (M², M²) int64 in 0..(2M − 1)² − 1; the first index looks, the second is looked at.
    """
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    y, x = y.flatten(), x.flatten()
    down, right = y[:, None] - y, x[:, None] - x
    return (down + size - 1) * (2 * size - 1) + right + size - 1


def shift_mask(h: int, w: int, size: int, shift: int, like: Tensor) -> Tensor:
    """What to add to the attention of a map that was rolled up and left by `shift`.

    The last windows then hold pieces from opposite rims (figure 4 of the paper): those are labelled
    by the bands of rows and columns they lie in, and tokens with different labels are kept apart.

    Args:
        h: Rows of the map, a multiple of `size`.
        w: Columns of the map, likewise.
        size: The side of a window in tokens.
        shift: By how much it was rolled, in 1..size − 1.
        like: Gives device and dtype.

    Returns:
        (windows, size², size²), 0 or −100.
    """

    def bands(length: int) -> Tensor:
        at = torch.arange(length, device=like.device)
        return (at >= length - size).long() + (at >= length - shift).long()

    labels = 3 * bands(h)[:, None] + bands(w)
    label = windows(labels[None, :, :, None], size)  # (windows, size², 1)
    return (label != label.transpose(1, 2)).to(like.dtype) * _APART


class _Attention(nn.Module):
    """Multi-head self-attention within windows, with a learnt bias for each relative position.

    (N · windows, M², C) and a mask (windows, M², M²) or None → (N · windows, M², C).
    """

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * size - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions(size))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        b, m, c = x.shape
        parts = self.qkv(x).reshape(b, m, 3, self.heads, c // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (b, heads, M², C / heads)
        scale = (c // self.heads) ** -0.5
        bias = self.relative_position_bias_table[self.relative_position_index]  # (M², M², heads)
        logits = (query * scale) @ key.transpose(-1, -2) + bias.permute(2, 0, 1)
        if mask is not None:
            pictures = logits.reshape(-1, mask.shape[0], self.heads, m, m)
            logits = (pictures + mask[:, None]).reshape(b, self.heads, m, m)
        seen = logits.softmax(dim=-1) @ value
        result: Tensor = self.proj(seen.transpose(1, 2).reshape(b, m, c))
        return result


class _Block(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)): (N, H, W, C) → the same.

    The map is padded to whole windows with zeros behind the norm, and those take part in the
    attention: so do the authors, and trained weights know it.
    """

    def __init__(self, channels: int, heads: int, size: int, shift: int) -> None:
        super().__init__()
        self.size = size
        self.shift = shift
        self.norm1 = nn.LayerNorm(channels)
        self.attn = _Attention(channels, heads, size)
        self.norm2 = nn.LayerNorm(channels)
        wide = 4 * channels
        self.mlp = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(channels, wide), gelu=nn.GELU(), fc2=nn.Linear(wide, channels)
            )
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        _, h, w, _ = x.shape
        tall, wide = _whole(h, self.size), _whole(w, self.size)
        y = F.pad(self.norm1(x), (0, 0, 0, wide - w, 0, tall - h))
        if self.shift:
            y = y.roll((-self.shift, -self.shift), (1, 2))
        y = self.attn(windows(y, self.size), mask if self.shift else None)
        y = _joined(y, self.size, tall, wide)
        if self.shift:
            y = y.roll((self.shift, self.shift), (1, 2))
        x = x + y[:, :h, :w]
        result: Tensor = x + self.mlp(self.norm2(x))
        return result


def _whole(length: int, size: int) -> int:
    """The next multiple of `size`."""
    return (length + size - 1) // size * size


class _Merge(nn.Module):
    """Join 2×2 tokens: (N, H, W, C) → (N, ceil(H / 2), ceil(W / 2), 2C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, 0, 1, 0, 1))  # used where a side is odd
        upper, lower = x[:, :-1:2], x[:, 1::2]
        left, right = slice(None, -1, 2), slice(1, None, 2)
        corners = (upper[:, :, left], lower[:, :, left], upper[:, :, right], lower[:, :, right])
        result: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return result


class _Stage(nn.Module):
    """Blocks whose windows stay and shift by turns, and the merge behind them, if there is one."""

    def __init__(self, channels: int, depth: int, heads: int, size: int, merge: bool) -> None:
        super().__init__()
        self.size = size
        self.blocks = nn.ModuleList(
            [_Block(channels, heads, size, turn % 2 * (size // 2)) for turn in range(depth)]
        )
        self.downsample = _Merge(channels) if merge else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, C) → what the stage gives, and the same merged for the next one."""
        tall, wide = _whole(x.shape[1], self.size), _whole(x.shape[2], self.size)
        mask = shift_mask(tall, wide, self.size, self.size // 2, x)
        for block in self.blocks:
            x = block(x, mask)
        return x, self.downsample(x)


class _Patches(nn.Module):
    """The picture as tokens: (N, 3, H, W) → (N, H / 4, W / 4, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 4, stride=4)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 1))
        return result


class SwinEncoder(nn.Module):
    """Picture → a map of each of the four stages.

    Input: (N, 3, H, W) float32, normalised as the weights want it, H and W multiples of 4.
    Output: four maps (N, C · 2^i, H / 2^(i + 2), W / 2^(i + 2)), sizes rounded up.

    Args:
        channels: C of the first stage; 96 in Swin-T and Swin-S.
        depths: Blocks of each stage; (2, 2, 6, 2) in Swin-T.
        heads: Heads of each stage; (3, 6, 12, 24) in Swin-T.
        size: The side of a window in tokens.
    """

    def __init__(
        self,
        channels: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        heads: Sequence[int] = (3, 6, 12, 24),
        size: int = 7,
    ) -> None:
        super().__init__()
        self.channels = tuple(channels * 2**stage for stage in range(4))
        self.patch_embed = _Patches(channels)
        self.layers = nn.ModuleList(
            [
                _Stage(width, depth, number, size, merge=stage < 3)
                for stage, (width, depth, number) in enumerate(
                    zip(self.channels, depths, heads, strict=True)
                )
            ]
        )
        self.norm0, self.norm1, self.norm2, self.norm3 = map(nn.LayerNorm, self.channels)

    def forward(self, image: Tensor) -> list[Tensor]:
        """See the class."""
        x = self.patch_embed(image)
        maps = []
        norms = (self.norm0, self.norm1, self.norm2, self.norm3)
        for stage, norm in zip(self.layers, norms, strict=True):
            here, x = stage(x)
            maps.append(norm(here).permute(0, 3, 1, 2))
        return maps
