"""How much each click helps: the clicks of a user who always mends the worst place, and figures.

The protocol is that of interactive segmentation: Xu et al., "Deep interactive object selection",
CVPR 2016 (arXiv 1603.04042), with the place of the next click as in Sofiiuk et al., "Reviving
iterative training with mask guidance", 2021 (arXiv 2102.06583): the pixel that lies deepest in what
is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nukki.ops.distance import nearest
from nukki.types import Mask, Point

__all__ = ["clicks_until", "iou_by_clicks", "next_click"]


def next_click(mask: Mask, truth: Mask) -> Point | None:
    """Where a user would click next.

    Args:
        mask: (H, W) bool, what the network said so far.
        truth: (H, W) bool, what is meant.

    Returns:
        The pixel farthest from the rim of the region that it is in, of all that is missing and all
        that is too much; `keep` says which. Of equally deep ones what is missing goes first, then
        the upper, then the left one. None where nothing is wrong.
    """
    best: Point | None = None
    deepest = 0.0
    for wrong, keep in ((truth & ~mask, True), (mask & ~truth, False)):
        depth = _depth(wrong)
        place = int(np.argmax(depth))
        if depth.flat[place] > deepest:
            deepest = float(depth.flat[place])
            row, column = divmod(place, mask.shape[1])
            best = Point(float(column), float(row), keep)
    return best


def _depth(wrong: Mask) -> NDArray[np.float64]:
    """Distance of each pixel to the nearest right one; beyond the picture everything is right."""
    framed = np.pad(~wrong, 1, constant_values=True)
    return nearest(framed)[0][1:-1, 1:-1]


def iou_by_clicks(curves: Sequence[Sequence[float]], most: int) -> NDArray[np.float64]:
    """Mean IoU after each number of clicks.

    Args:
        curves: For each thing its IoU after 1, 2, … clicks, at least one; a thing whose clicks
            ended (nothing was wrong any more) keeps its last.
        most: How many clicks are told.

    Returns:
        (most,), 0 to 1; NaN without a thing.
    """
    if not curves:
        return np.full(most, np.nan)
    whole = [[*curve, *[curve[-1]] * most][:most] for curve in curves]
    return np.asarray(np.mean(np.array(whole, np.float64), axis=0))


def clicks_until(curves: Sequence[Sequence[float]], quality: float, most: int) -> float:
    """Mean number of clicks until a thing has an IoU ("NoC" of the literature).

    Args:
        curves: As in `iou_by_clicks`.
        quality: The IoU that is good enough.
        most: What a thing counts for that does not come so far.

    Returns:
        1 to `most`; NaN without a thing.
    """
    counts = [
        next((place for place, iou in enumerate(curve[:most], 1) if iou >= quality), most)
        for curve in curves
    ]
    return float(np.mean(counts)) if counts else float("nan")
