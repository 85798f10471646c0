"""Region proposal network (Ren et al., NeurIPS 2015) on a feature pyramid: where a thing may be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.operators import best, suppress

__all__ = ["ProposalNetwork", "clipped", "decoded", "sides"]

_SIDES = (32, 64, 128, 256, 512)  # of the anchors of each level: section 4 of the FPN paper
_RATIOS = (0.5, 1.0, 2.0)  # height / width
_STRIDES = (4, 8, 16, 32, 64)
_MOST = 1000  # anchors of each level, and boxes of all
_OVERLAP = 0.7
_LARGEST_STEP = math.log(1000 / 16)  # of a box's logarithmic sides

Maps = Sequence[Tensor]


def decoded(
    deltas: Tensor, boxes: Tensor, weights: tuple[float, float, float, float] = (1, 1, 1, 1)
) -> Tensor:
    """Boxes moved and stretched by what a network said: (2) of the paper, turned round.

    Args:
        deltas: (..., 4): steps of the centre in sides of the box, and logarithms of the sides'
            growth; each times its weight. Growth is held to 1000 / 16.
        boxes: (..., 4) left, top, right, bottom.
        weights: What the deltas are divided by.
    """
    extents = boxes[..., 2:] - boxes[..., :2]
    steps = deltas / deltas.new_tensor(weights)
    centres = steps[..., :2] * extents + (boxes[..., :2] + 0.5 * extents)
    halves = 0.5 * (steps[..., 2:].clamp(max=_LARGEST_STEP).exp() * extents)
    return torch.cat([centres - halves, centres + halves], dim=-1)


def clipped(boxes: Tensor, size: Tensor) -> Tensor:
    """Boxes (..., 4) held within a picture of `size` (height, width)."""
    limits = size.flip(0).repeat(2).to(boxes.dtype)
    return torch.minimum(boxes.clamp(min=0), limits)


def sides(boxes: Tensor) -> Tensor:
    """Width and height of boxes: (..., 4) → (..., 2)."""
    return boxes[..., 2:] - boxes[..., :2]


class ProposalHead(nn.Module):
    """For each cell of each level and each of three anchors: is there a thing, and its box.

    Input: maps (N, C, H, W) of any number of levels.
    Output: logits (N, 3, H, W) and deltas (N, 12, H, W), four for each anchor, of each level.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, len(_RATIOS), 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * len(_RATIOS), 1)

    def forward(self, levels: Maps) -> tuple[list[Tensor], list[Tensor]]:
        """See the class."""
        seen = [F.relu(self.conv(level)) for level in levels]
        return [self.cls_logits(y) for y in seen], [self.bbox_pred(y) for y in seen]


class ProposalNetwork(nn.Module):
    """The head, and what its answers mean: boxes, best first."""

    def __init__(self, channels: int, *, whole: bool, least: float) -> None:
        """Build the head.

        Args:
            channels: Of the pyramid's maps.
            whole: Whether anchors are rounded to whole pixels, and lie a whole part of the picture
                apart, as in torchvision; else they lie a level's stride apart, as in Detectron2.
            least: The shortest side that a proposal may have, in pixels.
        """
        super().__init__()
        self.whole = whole
        self.least = least
        self.head = ProposalHead(channels)

    def forward(
        self, logits: Maps, deltas: Maps, grid: tuple[int, int], size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The best boxes of one picture.

        Args:
            logits: What the head gave, (1, 3, H, W) of each of five levels.
            deltas: Likewise, (1, 12, H, W).
            grid: (height, width) of the network's input.
            size: (height, width) of the picture in it, int64: less than `grid` by the padding.

        Returns:
            (P, 4) boxes in pixels of the input and (P,) logits, best first, P at most 1000.
        """
        found = []
        for number, (logit, delta) in enumerate(zip(logits, deltas, strict=True)):
            height, width = logit.shape[-2:]
            score = logit.permute(0, 2, 3, 1).flatten()  # cell after cell, three anchors each
            step = delta.reshape(len(_RATIOS), 4, height, width).permute(2, 3, 0, 1).reshape(-1, 4)
            top = best(score, _MOST)
            anchors = self.anchors(number, (height, width), grid).to(step)
            boxes = clipped(decoded(step[top], anchors[top]), size)
            score = score[top]
            large = sides(boxes).amin(dim=-1) >= self.least
            candidates = torch.where(large, score, -math.inf)
            kept = suppress(boxes[None], candidates[None], _OVERLAP, -math.inf, _MOST)[:, 1]
            found.append((boxes[kept], score[kept]))
        scores = torch.cat([score for _, score in found])
        top = best(scores, _MOST)
        return torch.cat([boxes for boxes, _ in found])[top], scores[top]

    def anchors(self, level: int, cells: tuple[int, int], grid: tuple[int, int]) -> Tensor:
        """The boxes that a level's deltas start from.

        Args:
            level: 0 to 4.
            cells: (height, width) of its map.
            grid: (height, width) of the network's input.

        Returns:
            (height · width · 3, 4) float32 on the CPU.
        """
        steps = [_STRIDES[level]] * 2
        if self.whole:
            steps = [whole // part for whole, part in zip(grid, cells, strict=True)]
        area = _SIDES[level] ** 2
        widths = torch.tensor([math.sqrt(area / ratio) for ratio in _RATIOS])
        halves = torch.stack([widths, widths * torch.tensor(_RATIOS)], dim=1) / 2  # x, y
        if self.whole:
            halves = halves.round()
        down = torch.arange(cells[0], dtype=torch.float32) * steps[0]
        across = torch.arange(cells[1], dtype=torch.float32) * steps[1]
        y, x = torch.meshgrid(down, across, indexing="ij")
        centres = torch.stack([x, y], dim=-1)[:, :, None]  # (height, width, 1, 2)
        return torch.cat([centres - halves, centres + halves], dim=-1).reshape(-1, 4)
