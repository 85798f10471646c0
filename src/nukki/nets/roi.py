"""The second half of Mask R-CNN (He et al., ICCV 2017): each proposal's class, box and mask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nukki.nets.operators import best, roi_align, suppress
from nukki.nets.rpn import clipped, decoded, sides

__all__ = ["BOX_SIDE", "MASK_SIDE", "Regions", "RoIHeads"]

BOX_SIDE, MASK_SIDE = 7, 14  # bins along each axis of what the two heads see
_STRIDES = (4, 8, 16, 32)  # of the maps that boxes are cut from
_USUAL_SIDE, _USUAL_LEVEL = 224, 4  # a box of this side is cut from P4: (1) of the FPN paper
_FINEST, _COARSEST = 2, 5
_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
_LEAST_SCORE = 0.05
_OVERLAP = 0.5
_MOST = 100  # boxes of a picture


@dataclass(frozen=True)
class Regions:
    """How boxes are cut from the maps, and what is a detection; publishers differ.

    Attributes:
        classes: Number of classes without the background.
        background_first: Whether the background is class 0, and has boxes and masks too, that
            nothing uses; else it is the last one and has none.
        aligned: See `operators.roi_align`.
        sampling: Likewise.
        slack: What is added to the side before and to the level after taking the logarithm, so that
            a side of exactly 224 has its level in spite of rounding.
        least: The shortest side that a detection may have, in pixels.
    """

    classes: int
    background_first: bool
    aligned: bool
    sampling: int
    slack: tuple[float, float]
    least: float


class RoIHeads(nn.Module):
    """The two heads, and the steps between them; every step is of one picture."""

    def __init__(self, regions: Regions, channels: int, hidden: int) -> None:
        """Build the heads.

        Args:
            regions: What the publisher decided.
            channels: Of the pyramid's maps.
            hidden: Width of the box head.
        """
        super().__init__()
        self.regions = regions
        boxed = regions.classes + regions.background_first
        self.box_head = nn.Sequential(
            OrderedDict[str, nn.Module](
                flat=nn.Flatten(),
                fc6=nn.Linear(channels * BOX_SIDE**2, hidden),
                relu6=nn.ReLU(),
                fc7=nn.Linear(hidden, hidden),
                relu7=nn.ReLU(),
            )
        )
        self.box_predictor = nn.ModuleDict(
            {
                "cls_score": nn.Linear(hidden, regions.classes + 1),
                "bbox_pred": nn.Linear(hidden, 4 * boxed),
            }
        )
        layers = OrderedDict[str, nn.Module]()
        for number in range(1, 5):
            layers[f"mask_fcn{number}"] = nn.Conv2d(channels, channels, 3, padding=1)
            layers[f"relu{number}"] = nn.ReLU()
        self.mask_head = nn.Sequential(layers)
        self.mask_predictor = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv5_mask=nn.ConvTranspose2d(channels, channels, 2, 2),
                relu=nn.ReLU(),
                mask_fcn_logits=nn.Conv2d(channels, boxed, 1),
            )
        )

    def levels(self, boxes: Tensor) -> Tensor:
        """Which of the maps each box is cut from: (K, 4) → (K,) int64, 0 to 3."""
        before, after = self.regions.slack
        side = sides(boxes).prod(dim=-1).sqrt()
        level = (_USUAL_LEVEL + torch.log2(side / _USUAL_SIDE + before) + after).floor()
        return level.clamp(_FINEST, _COARSEST).long() - _FINEST

    def pool(self, features: Sequence[Tensor], boxes: Tensor, side: int) -> Tensor:
        """What the maps hold inside each box.

        Args:
            features: (1, C, H, W) of strides 4, 8, 16, 32; coarser ones are not used.
            boxes: (K, 4) in pixels of the network's input.
            side: Bins along each axis: `BOX_SIDE` or `MASK_SIDE`.

        Returns:
            (K, C, side, side).
        """
        levels, regions = self.levels(boxes), self.regions
        cut, order = [], []
        for number, (feature, stride) in enumerate(zip(features, _STRIDES, strict=False)):
            mine = (levels == number).nonzero()[:, 0]
            # Without a bound the exporter adds up four that are each the largest integer.
            torch._check(mine.shape[0] < 1 << 20)  # type: ignore[no-untyped-call]
            sampled = regions.sampling, regions.aligned
            cut.append(roi_align(feature, boxes[mine], side, 1 / stride, *sampled))
            order.append(mine)
        return torch.cat(cut)[torch.cat(order).argsort()]

    def classify(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Box head: (K, C, 7, 7) → logits (K, classes + 1) and deltas (K, 4 · boxes of a thing)."""
        seen = self.box_head(pooled)
        return self.box_predictor["cls_score"](seen), self.box_predictor["bbox_pred"](seen)

    def detections(
        self, boxes: Tensor, logits: Tensor, deltas: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best boxes of all proposals and classes.

        Args:
            boxes: (K, 4) proposals.
            logits: What the box head gave.
            deltas: Likewise.
            size: (height, width) of the picture in the network's input, int64.

        Returns:
            (D, 4) boxes in pixels of the input, (D,) scores in 0..1 and (D,) int64 classes, best
            first, D at most 100. The publisher's number of a class: from 1 on where 0 is the
            background.
        """
        regions = self.regions
        things = slice(1, None) if regions.background_first else slice(None, -1)
        scores = logits.softmax(dim=-1)[:, things].T  # (classes, K)
        each = deltas.reshape(deltas.shape[0], -1, 4)
        moved = decoded(each, boxes[:, None], _WEIGHTS)
        if regions.background_first:
            moved = moved[:, 1:]
        moved = clipped(moved, size).transpose(0, 1)  # (classes, K, 4)
        large = sides(moved).amin(dim=-1) >= regions.least
        scores = torch.where(large, scores, 0.0)
        found = suppress(moved.contiguous(), scores, _OVERLAP, _LEAST_SCORE, _MOST)
        classes, places = found.unbind(dim=1)
        score = scores[classes, places]
        top = best(score, _MOST)
        classes, places = classes[top], places[top]
        return moved[classes, places], score[top], classes + int(regions.background_first)

    def outline(self, pooled: Tensor) -> Tensor:
        """Mask head: (K, C, 14, 14) → logits (K, boxes of a thing, 28, 28)."""
        logits: Tensor = self.mask_predictor(self.mask_head(pooled))
        return logits

    def masks(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The mask of each box's own class: (D, …, 28, 28) and (D,) → (D, 28, 28) in 0..1."""
        rows = torch.arange(classes.shape[0], device=classes.device)
        return logits[rows, classes].sigmoid()
