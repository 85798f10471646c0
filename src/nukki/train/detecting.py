"""What `detect` is trained to make small: which places answer for which thing, and how well.

Places answer for things as in RTMDet (Lyu et al., 2022, section 3.2), which is SimOTA (Ge et al.,
"YOLOX", 2021, section 2) with soft labels: every place has a cost for every thing, made of what it
says now and of how far from the middle it lies; a thing takes the cheapest places, as many as the
overlaps of its best boxes sum up to. Class scores are trained towards the overlap that a place's
box has with its thing (quality focal loss), and sides as distributions (distribution focal loss:
both Li et al., "Generalized Focal Loss", NeurIPS 2020, equations 5 and 6) and by generalised
overlap (Rezatofighi et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nukki.nets.detect import BINS, STRIDES, Places, boxes_at, places
from nukki.train.box_augment import IGNORED

__all__ = ["Truth", "assign", "detect_loss", "focal", "overlaps", "truths_of"]

_MOST = 13  # best boxes whose overlaps say how many places a thing takes
_BOX_COST = 3.0  # of -log overlap, where the class has 1
_NEAR = (
    3.0  # strides from the middle at which a place costs 1 more; ten times that for each further
)
_BOX_WEIGHT, _SIDE_WEIGHT = 2.0, 0.25  # of the losses, where the class has 1 (GFL, section 4)
_TINY = 1e-7


class Truth(NamedTuple):
    """What is in a picture.

    Attributes:
        corners: (n, 4) left, top, right, bottom in pixels of the tensor.
        classes: (n,) whole numbers, 0..79.
        ignored: (m, 4) boxes whose insides say nothing: crowds, doubtful things.
    """

    corners: Tensor
    classes: Tensor
    ignored: Tensor


def truths_of(rows: Tensor) -> list[Truth]:
    """Truths out of one tensor, as `box_augment.packed` makes its rows.

    Args:
        rows: (N, M, 5) float32: left, top, right, bottom, class (or `IGNORED`, or nothing).
    """
    truths = []
    for picture in rows:
        classes = picture[:, 4].long()
        things, ignored = classes >= 0, classes == IGNORED
        truths.append(Truth(picture[things, :4], classes[things], picture[ignored, :4]))
    return truths


def detect_loss(outputs: Sequence[Tensor], truths: Sequence[Truth]) -> Tensor:
    """The loss of `nets.detect.DetectNet`.

    Args:
        outputs: Its maps, of any floating type.
        truths: One for each picture.

    Returns:
        A scalar, float32: per place that answers for a thing, the mean over the batch.
    """
    told = _float(outputs)
    boxes = boxes_at(told.sides, told.points, told.strides)
    wanted = torch.zeros_like(told.classes)
    counted = torch.ones_like(told.classes[..., 0])
    box_loss = side_loss = told.classes.sum() * 0  # keeps a gradient where nothing is to be found
    found = 0
    for number, truth in enumerate(truths):
        owner = assign(told.classes[number], boxes[number], told.points, told.strides, truth)
        owned = owner >= 0
        counted[number] = (owned | ~_inside(told.points, truth.ignored).any(dim=1)).float()
        thing = truth.corners[owner[owned]]
        mine = boxes[number][owned]
        quality, general = overlaps(mine, thing)
        wanted[number, owned, truth.classes[owner[owned]]] = quality.detach()
        box_loss = box_loss + (1 - general).sum()
        points, strides = told.points[owned], told.strides[owned]
        side_loss = side_loss + _sides(told.sides[number][owned], points, strides, thing)
        found += len(mine)
    class_loss = (focal(told.classes, wanted) * counted[..., None]).sum()
    return (class_loss + _BOX_WEIGHT * box_loss + _SIDE_WEIGHT * side_loss) / max(found, 1)


@torch.no_grad()
def assign(classes: Tensor, boxes: Tensor, points: Tensor, strides: Tensor, truth: Truth) -> Tensor:
    """Which thing each place answers for.

    Args:
        classes: (P, 80) logits.
        boxes: (P, 4) that the places say now.
        points: (P, 2) where they are.
        strides: (P,) of their maps.
        truth: The things.

    Returns:
        (P,) numbers of things, -1 where a place answers for none.
    """
    owner = torch.full_like(strides, -1, dtype=torch.long)
    if not len(truth.corners):
        return owner
    candidates = _candidates(points, strides, truth.corners)  # (P, n)
    overlap, _ = overlaps(boxes[:, None], truth.corners[None])
    cost = _class_cost(classes, truth.classes, overlap)
    cost = cost - _BOX_COST * torch.log(overlap + _TINY)
    middle = (truth.corners[:, :2] + truth.corners[:, 2:]) / 2
    steps = (points[:, None] - middle[None]).norm(dim=-1) / strides[:, None]
    cost = cost + 10 ** (steps - _NEAR).clamp(max=30)
    cost = cost.masked_fill(~candidates, torch.inf)
    taken = torch.zeros_like(candidates)
    most = min(_MOST, len(points))
    counts = (overlap * candidates).topk(most, dim=0).values.sum(dim=0).int().clamp(min=1)
    cheapest = cost.topk(most, dim=0, largest=False).indices
    for thing, count in enumerate(counts.tolist()):
        taken[cheapest[:count, thing], thing] = True
    cost = cost.masked_fill(~(taken & candidates), torch.inf)
    best = cost.min(dim=1)  # a place that several things took answers for the cheapest
    return torch.where(best.values.isfinite(), best.indices, owner)


def _candidates(points: Tensor, strides: Tensor, corners: Tensor) -> Tensor:
    """(P, n): places inside a thing's box that can say it, all sides within their reach.

    A thing that has none of these (it lies between the places, or is too large) is left to the
    place that is the nearest to its middle, of the finest map that can say it from there.
    """
    inside = _inside(points, corners)
    sides = _distances(points[:, None], corners[None]) / strides[:, None, None]
    able = inside & (sides.max(dim=-1).values <= BINS - 1)
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    longest = (corners[:, 2:] - corners[:, :2]).max(dim=1).values
    steps = strides.new_tensor(STRIDES)
    # The nearest place is half a step off at most, which one of two sides must reach beyond.
    level = steps[torch.bucketize(longest / (2 * (BINS - 1) - 1), steps).clamp(max=len(steps) - 1)]
    away = (points[:, None] - middle[None]).square().sum(dim=-1)
    away = away.masked_fill(strides[:, None] != level[None], torch.inf)
    nearest = F.one_hot(away.argmin(dim=0), len(points)).bool().T
    return torch.where(able.any(dim=0), able, nearest)


def _class_cost(logits: Tensor, classes: Tensor, overlap: Tensor) -> Tensor:
    """(P, n): quality focal loss of a place over all classes, if it answered for each thing."""
    nothing = focal(logits, torch.zeros_like(logits))
    own = logits[:, classes]
    return nothing.sum(dim=1, keepdim=True) - nothing[:, classes] + focal(own, overlap)


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Quality focal loss (GFL, equation 5): (wanted - score)² · cross-entropy, each by itself.

    Args:
        logits: Any shape.
        wanted: The scores that they should give, 0..1, same shape.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (wanted - logits.sigmoid()).square() * entropy


def overlaps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap (0..1) and generalised overlap (-1..1) of boxes with boxes.

    Args:
        first: (..., 4) left, top, right, bottom.
        second: (..., 4), a shape that goes with the first.
    """
    shared = _area(
        torch.maximum(first[..., :2], second[..., :2]),
        torch.minimum(first[..., 2:], second[..., 2:]),
    )
    either = (
        _area(first[..., :2], first[..., 2:]) + _area(second[..., :2], second[..., 2:]) - shared
    )
    around = _area(
        torch.minimum(first[..., :2], second[..., :2]),
        torch.maximum(first[..., 2:], second[..., 2:]),
    )
    overlap = shared / (either + _TINY)
    return overlap, overlap - (around - either) / (around + _TINY)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(dim=-1)


def _sides(logits: Tensor, points: Tensor, strides: Tensor, corners: Tensor) -> Tensor:
    """Distribution focal loss, the mean over four sides, summed over places.

    A distance between two bins wants both, each the more the nearer it is.
    """
    sides = (_distances(points, corners) / strides[:, None]).clamp(0, BINS - 1)
    low = sides.floor().clamp(max=BINS - 2)
    share = sides - low
    chances = logits.log_softmax(dim=-1)
    lower = chances.gather(-1, low.long()[..., None])[..., 0]
    upper = chances.gather(-1, low.long()[..., None] + 1)[..., 0]
    return -(lower * (1 - share) + upper * share).mean(dim=-1).sum()


def _distances(points: Tensor, corners: Tensor) -> Tensor:
    """(..., 4) pixels from points (..., 2) to the left, top, right, bottom of boxes (..., 4)."""
    return torch.cat([points - corners[..., :2], corners[..., 2:] - points], dim=-1)


def _inside(points: Tensor, corners: Tensor) -> Tensor:
    """(P, n): whether a point (P, 2) lies in a box (n, 4); its left and upper rim belong to it."""
    sides = _distances(points[:, None], corners[None])
    return (sides[..., :2] >= 0).all(dim=-1) & (sides[..., 2:] > 0).all(dim=-1)


def _float(outputs: Sequence[Tensor]) -> Places:
    return places([y.float() for y in outputs])
