"""Swin Transformer, the encoder: attention in windows that shift from block to block.

Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021.
A picture is cut into 4×4 patches; each of four stages attends within windows of M×M tokens, every
second block with windows shifted by M // 2, and between stages 2×2 tokens merge into one. In the
form for dense prediction: any size, a layer norm on what each stage gives.

Which token belongs into which window is computed from the size of the map, as numbers of tokens, so
that a graph traced at one size holds for others: padding, shifting and cutting are one look-up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Places", "SwinEncoder", "places", "relative_positions"]

_APART = -100.0  # added to the logit of two tokens that are only neighbours because the map wraps


class Places(NamedTuple):
    """Which token of a map (H, W) lies where in its windows of M×M.

    Attributes:
        source: (windows · M²,) int64, by window: the token that lies there, row by row; H · W where
            none does.
        back: (H · W,) int64: where in `source` each token lies.
        piece: (windows · M²,) int64, the same for places of a window that are neighbours in the
            map, other for what came in from the opposite rim.
    """

    source: Tensor
    back: Tensor
    piece: Tensor


def places(h: int, w: int, size: int, shift: int, device: torch.device) -> Places:
    """Pad a map below and right to whole windows, roll it up and left, and cut it (figure 4).

    Args:
        h: Rows of the map.
        w: Columns of the map.
        size: M, the side of a window in tokens.
        shift: By how much to roll, in 0..M − 1.
        device: Where to put the result.
    """
    tall, wide = _whole(h, size), _whole(w, size)
    across = wide // size  # windows side by side

    window, inside = _divided(torch.arange(tall * wide, device=device), size**2)
    (above, left), (y, x) = _divided(window, across), _divided(inside, size)
    row, column = above * size + y, left * size + x
    y, x = _divided(row + shift, tall)[1], _divided(column + shift, wide)[1]  # before rolling
    source = torch.where((y < h) & (x < w), y * w + x, h * w)
    piece = 2 * (y < row).long() + (x < column).long()

    y, x = _divided(torch.arange(h * w, device=device), w)
    row, column = _divided(y + tall - shift, tall)[1], _divided(x + wide - shift, wide)[1]
    (above, y), (left, x) = _divided(row, size), _divided(column, size)
    return Places(source, (above * across + left) * size**2 + y * size + x, piece)


def _divided(numbers: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Quotient and rest; the exporter to ONNX takes `%` with constants only."""
    quotient = numbers // by
    return quotient, numbers - quotient * by


def _whole(length: int, size: int) -> int:
    """The next multiple of `size`."""
    return (length + size - 1) // size * size


def _apart(piece: Tensor, pictures: int, size: int) -> Tensor:
    """What to add to the logits: (N · windows, 1, M², M²), 0 within a piece and −100 between two.

    For each picture anew, so that one window is no size of its own when a graph is traced.
    """
    piece = piece.repeat(pictures).reshape(-1, size * size)
    return _APART * (piece[:, None, :, None] != piece[:, None, None, :])


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


class _Attention(nn.Module):
    """Multi-head self-attention within windows, with a learnt bias for each relative position.

    (N · windows, M², C), and what to add to the logits, or None → (N · windows, M², C).
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
            logits = logits + mask
        seen = logits.softmax(dim=-1) @ value
        result: Tensor = self.proj(seen.transpose(1, 2).reshape(b, m, c))
        return result


class _Block(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)): (N, H · W, C) → the same.

    Windows are filled up with zeros behind the norm, and those take part in the attention: so do
    the authors, and trained weights know it.
    """

    def __init__(self, channels: int, heads: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.norm1 = nn.LayerNorm(channels)
        self.attn = _Attention(channels, heads, size)
        self.norm2 = nn.LayerNorm(channels)
        wide = 4 * channels
        self.mlp = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(channels, wide), gelu=nn.GELU(), fc2=nn.Linear(wide, channels)
            )
        )

    def forward(self, x: Tensor, at: Places, mask: Tensor | None) -> Tensor:
        n, _, c = x.shape
        y = F.pad(self.norm1(x), (0, 0, 0, 1))  # token H · W is zero
        # Flat in between: of (N, M², C) and one window the tracer would keep the sizes as they are.
        y = y.index_select(1, at.source).flatten(0, 1).reshape(-1, self.size**2, c)
        y = self.attn(y, mask).flatten(0, 1).reshape(n, -1, c).index_select(1, at.back)
        x = x + y
        result: Tensor = x + self.mlp(self.norm2(x))
        return result


class _Merge(nn.Module):
    """Join 2×2 tokens: (N, H · W, C) → (N, ceil(H / 2) · ceil(W / 2), 2C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:
        n, _, c = x.shape
        x = F.pad(x.reshape(n, h, w, c), (0, 0, 0, 1, 0, 1))  # used where a side is odd
        upper, lower = x[:, :-1:2], x[:, 1::2]
        left, right = slice(None, -1, 2), slice(1, None, 2)
        corners = (upper[:, :, left], lower[:, :, left], upper[:, :, right], lower[:, :, right])
        result: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1).flatten(1, 2)))
        return result


class _Stage(nn.Module):
    """Blocks whose windows stay and shift by turns, and the merge behind them, if there is one."""

    def __init__(self, channels: int, depth: int, heads: int, size: int, merge: bool) -> None:
        super().__init__()
        self.size = size
        self.blocks = nn.ModuleList([_Block(channels, heads, size) for _ in range(depth)])
        self.downsample = _Merge(channels) if merge else None

    def forward(self, x: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
        """(N, H · W, C) → what the stage gives, and the same merged for the next one."""
        still = places(h, w, self.size, 0, x.device)
        moved = places(h, w, self.size, self.size // 2, x.device)
        mask = _apart(moved.piece, x.shape[0], self.size)
        for turn, block in enumerate(self.blocks):
            x = block(x, moved, mask) if turn % 2 else block(x, still, None)
        return x, x if self.downsample is None else self.downsample(x, h, w)


class _Patches(nn.Module):
    """The picture as tokens: (N, 3, H, W) → (N, H / 4 · W / 4, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 4, stride=4)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
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
        n, _, h, w = image.shape
        h, w = h // 4, w // 4
        x = self.patch_embed(image)
        maps = []
        norms = (self.norm0, self.norm1, self.norm2, self.norm3)
        for stage, norm in zip(self.layers, norms, strict=True):
            here, x = stage(x, h, w)
            maps.append(norm(here).transpose(1, 2).reshape(n, -1, h, w))
            h, w = (h + 1) // 2, (w + 1) // 2
        return maps
