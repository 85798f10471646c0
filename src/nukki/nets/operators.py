"""Steps of detectors that ONNX has a node for and PyTorch no operator that becomes one.

The best of many scores, boxes that no better one covers, the inside of boxes: functions of tensors,
registered as operators, so that an exported graph holds one node for each; `translations` says
which. Boxes are left, top, right, bottom. For inference only: none passes gradients back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nukki.errors import MissingExtra, pip_line

__all__ = ["best", "roi_align", "suppress", "translations"]


@torch.library.custom_op("nukki::best", mutates_args=())
def best(scores: Tensor, most: int) -> Tensor:
    """Where the highest scores are.

    Args:
        scores: (N,) float32.
        most: How many are wanted at most.

    Returns:
        (min(N, most),) int64 indices, best first; of equal scores the earlier one is the better.
    """
    return scores.argsort(descending=True, stable=True)[:most].clone()


@best.register_fake
def _(scores: Tensor, most: int) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size(min=0, max=most)
    return scores.new_empty((count,), dtype=torch.int64)


@torch.library.custom_op("nukki::suppress", mutates_args=())
def suppress(boxes: Tensor, scores: Tensor, overlap: float, least: float, most: int) -> Tensor:
    """Boxes that no better box of their group covers: greedy non-maximum suppression.

    Args:
        boxes: (G, N, 4) float32, N boxes in each of G groups, which leave each other alone.
        scores: (G, N) float32.
        overlap: The worse of two boxes goes where their intersection over union is larger.
        least: Only boxes with a larger score take part.
        most: Number of boxes that each group keeps.

    Returns:
        (M, 2) int64: group and index in it of each box that stays, group after group, best first;
        of equal scores the earlier one is the better.
    """
    found = []
    for group in range(len(boxes)):
        candidates = (scores[group] > least).nonzero()[:, 0]
        candidates = candidates[scores[group, candidates].argsort(descending=True, stable=True)]
        kept = candidates[_uncovered(boxes[group, candidates], overlap)][:most]
        found.append(torch.stack([torch.full_like(kept, group), kept], dim=1))
    return torch.cat(found)


def _uncovered(boxes: Tensor, overlap: float) -> Tensor:
    """Of boxes (N, 4), best first, which stay: (N,) bool.

    A box stays if none that stays and is better covers it. After k rounds the first k boxes are
    settled, mostly after far fewer all are; a round is one pass over a matrix, not a loop.
    """
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    near = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    far = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (far - near).clamp(min=0).prod(dim=2)
    covers = (shared / (areas[:, None] + areas - shared) > overlap).triu(diagonal=1)
    stays = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    while True:
        again = ~(covers & stays[:, None]).any(dim=0)
        if torch.equal(again, stays):
            return stays
        stays = again


@suppress.register_fake
def _(boxes: Tensor, scores: Tensor, overlap: float, least: float, most: int) -> Tensor:
    del scores, overlap, least  # only the number of rows counts
    count = torch.library.get_ctx().new_dynamic_size(min=0, max=len(boxes) * most)
    return boxes.new_empty((count, 2), dtype=torch.int64)


@torch.library.custom_op("nukki::roi_align", mutates_args=())
def roi_align(
    feature: Tensor, boxes: Tensor, side: int, scale: float, sampling: int, aligned: bool
) -> Tensor:
    """The inside of each box on a grid of bins: RoIAlign (He et al., ICCV 2017).

    A bin is the mean of bilinear samples, spread evenly over it; a sample more than one cell
    outside the map is 0, one nearer is that of the rim. Sampling is linear and goes along rows and
    columns apart, so a box is two matrices of weights around the window that it sees.

    Args:
        feature: (1, C, H, W) float32.
        boxes: (K, 4) float32, in pixels of the picture.
        side: Number of bins along each axis.
        scale: Cells of the map for one pixel.
        sampling: Samples along each axis of a bin; 0 takes as many as the bin has cells, rounded
            up.
        aligned: Whether a cell's value is that of its centre. Else it is that of its corner, and no
            box is smaller than a cell, as in the first versions.

    Returns:
        (K, C, side, side) float32.
    """
    corners = boxes * scale - (0.5 if aligned else 0.0)
    extents = corners[:, 2:] - corners[:, :2]
    if not aligned:
        extents = extents.clamp(min=1.0)
    height, width = feature.shape[2:]
    columns, left, right = _weights(corners[:, 0], extents[:, 0], width, side, sampling)
    rows, top, bottom = _weights(corners[:, 1], extents[:, 1], height, side, sampling)
    result = feature.new_empty((len(boxes), feature.shape[1], side, side))
    windows = torch.stack([top, bottom, left, right], dim=1).tolist()
    for box, (first, last, start, stop) in enumerate(windows):
        window = feature[0, :, first:last, start:stop]  # (C, h, w)
        wide = window @ columns[box, :, start:stop].T  # (C, h, side)
        result[box] = rows[box, :, first:last] @ wide
    return result


def _weights(
    start: Tensor, extent: Tensor, cells: int, side: int, sampling: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What each cell along an axis gives to each bin.

    Args:
        start: (K,) where the boxes begin, in cells.
        extent: (K,) how long they are.
        cells: Of the map along the axis.
        side: Number of bins.
        sampling: Samples in a bin, 0 for one for each cell.

    Returns:
        Weights (K, side, cells), and first cell (K,) and one past the last (K,) that have any.
    """
    if len(start) == 0:
        nothing = torch.zeros_like(start, dtype=torch.int64)
        return start.new_zeros((0, side, cells)), nothing, nothing
    length = (extent / side)[:, None, None]  # of a bin
    count = torch.full_like(length, sampling) if sampling else length.ceil()
    turn = torch.arange(max(int(count.max()), 1), device=start.device)
    bins = torch.arange(side, device=start.device)[:, None]
    at = start[:, None, None] + bins * length + (turn + 0.5) * length / count  # (K, side, samples)
    seen = (turn < count) & (at >= -1) & (at <= cells)
    at = torch.where(seen, at, 0.0).clamp(0, cells - 1)
    low = at.floor()
    share = at - low
    each = torch.where(seen, 1 / count, 0.0)
    low = low.long()
    high = (low + 1).clamp(max=cells - 1)
    weights = start.new_zeros((len(start), side, cells))
    weights.scatter_add_(2, low, (1 - share) * each)
    weights.scatter_add_(2, high, share * each)
    first = torch.where(seen, low, cells).amin(dim=(1, 2))
    return weights, first, torch.where(seen, high + 1, 0).amax(dim=(1, 2))


@roi_align.register_fake
def _(feature: Tensor, boxes: Tensor, side: int, *_: object) -> Tensor:
    return feature.new_empty((boxes.shape[0], feature.shape[1], side, side))


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """The nodes that stand for these operators, for `torch.onnx.export(custom_translation_table=)`.

    Raises:
        MissingExtra: If the package onnxscript is not installed.
    """
    try:
        from onnxscript import opset18
    except ImportError as error:
        message = "writing an ONNX file needs the packages onnx and onnxscript"
        raise MissingExtra(message, hint=pip_line("train")) from error
    op: Any = opset18  # its annotations ask for tensors of one type where constants are drawn up

    def best_node(scores: Any, most: int) -> Any:
        count = op.Min(op.Shape(scores), op.Constant(value_ints=[most]))
        return op.TopK(scores, count)[1]

    def suppress_node(boxes: Any, scores: Any, overlap: float, least: float, most: int) -> Any:
        limits = (
            op.Constant(value_ints=[most]),
            op.Constant(value_floats=[overlap]),
            op.Constant(value_floats=[least]),
        )
        one = op.Constant(value_ints=[1])
        found = op.NonMaxSuppression(boxes, op.Unsqueeze(scores, one), *limits)
        return op.Gather(found, op.Constant(value_ints=[0, 2]), axis=1)

    def roi_align_node(
        feature: Any, boxes: Any, side: int, scale: float, sampling: int, aligned: bool
    ) -> Any:
        zero = op.Constant(value_ints=[0])
        pictures = op.Expand(zero, op.Shape(boxes, start=0, end=1))
        return op.RoiAlign(
            feature,
            boxes,
            pictures,
            coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
            mode="avg",
            output_height=side,
            output_width=side,
            sampling_ratio=sampling,
            spatial_scale=scale,
        )

    return {
        torch.ops.nukki.best.default: best_node,
        torch.ops.nukki.suppress.default: suppress_node,
        torch.ops.nukki.roi_align.default: roi_align_node,
    }
