"""What the network is trained to make small, computed in float32.

The finest map, enlarged to the picture, is judged by binary cross-entropy and soft IoU, both
weighting pixels near the subject's rim up to six times ("structure loss": Wei, Wang, Huang,
"F3Net", AAAI 2020, eq. 8-11), and by the gradient of its alpha, which soft rims need. The coarser
maps are judged by plain cross-entropy and soft IoU on their own grid (deep supervision).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["rim_weight", "subject_loss"]

_RIM = 5.0  # how much more a pixel on the rim counts than one far from it
_COARSER = (0.5, 0.4, 0.3, 0.2)  # weight of the maps at strides 4, 8, 16, 32


def rim_weight(truth: Tensor) -> Tensor:
    """1 + 5 · |mean of the surroundings - alpha|: 1 inside and outside, up to 6 at the rim.

    Args:
        truth: (N, 1, H, W) alpha in 0..1.

    Returns:
        (N, 1, H, W); the surroundings are a square of a tenth of the picture's side.
    """
    reach = max(1, min(truth.shape[2:]) // 20)
    size = 2 * reach + 1
    # A square mean is a row mean of column means; pixels outside the picture do not count.
    rows = F.avg_pool2d(truth, (1, size), 1, (0, reach), count_include_pad=False)
    mean = F.avg_pool2d(rows, (size, 1), 1, (reach, 0), count_include_pad=False)
    return 1.0 + _RIM * (mean - truth).abs()


def _judge(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted cross-entropy plus weighted soft IoU, the mean over pictures: a scalar."""
    total = weight.sum(dim=(1, 2, 3))
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (weight * entropy).sum(dim=(1, 2, 3)) / total
    alpha = logits.sigmoid()
    shared = (weight * alpha * truth).sum(dim=(1, 2, 3))
    either = (weight * (alpha + truth - alpha * truth)).sum(dim=(1, 2, 3))
    # The constant is a share of the picture: where there is no subject at all, faint traces
    # already count as right, and the loss has no cliff at the last pixel.
    slack = 0.01 * total
    iou = 1.0 - (shared + slack) / (either + slack)
    return (entropy + iou).mean()


def _slope(alpha: Tensor, truth: Tensor) -> Tensor:
    """Mean difference of the horizontal and vertical slopes: a scalar."""
    across = (alpha.diff(dim=3) - truth.diff(dim=3)).abs().mean()
    down = (alpha.diff(dim=2) - truth.diff(dim=2)).abs().mean()
    return across + down


def subject_loss(maps: list[Tensor], truth: Tensor) -> Tensor:
    """The loss of `nets.subject.SubjectNet` in training.

    Args:
        maps: Logits, finest first, (N, 1, h, w) each.
        truth: (N, 1, H, W) alpha in 0..1.

    Returns:
        A scalar, float32.
    """
    finest = F.interpolate(maps[0].float(), size=truth.shape[2:], mode="bilinear")
    loss = _judge(finest, truth, rim_weight(truth)) + 2.0 * _slope(finest.sigmoid(), truth)
    for share, coarser in zip(_COARSER, maps[1:], strict=False):
        wanted = F.interpolate(truth, size=coarser.shape[2:], mode="area")
        loss = loss + share * _judge(coarser.float(), wanted, torch.ones_like(wanted))
    return loss
