"""`detect` as a file, and how far its boxes are from the network's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nukki.nets.detect import DetectNet, Detector
from nukki.nets.export import Outputs, Parity, Ports, export_shipped

__all__ = ["PORTS", "STORED_TOLERANCE", "distance", "export"]

PORTS = Ports({"image": ("n", 3, "h", "w")}, ("boxes", "scores"))
STORED_TOLERANCE = 0.02  # of `distance`; a score of .50 may become .48, a side of 100 pixels 98
_LOOKED_AT = 100  # places of a picture
_LEAST_SIDE = 8.0  # pixels; boxes are not measured more finely than those of this size


def export(
    net: DetectNet, target: Path, pictures: Sequence[NDArray[np.float32]], *, small: bool = True
) -> Parity:
    """Write a network as ONNX: input `image` (n, 3, h, w), outputs as `detect.Detector` gives them.

    Args:
        net: Is put into evaluation mode.
        target: The file to write; it appears whole or not at all.
        pictures: At least one input, (1, 3, h, w) float32, h and w multiples of 32, to compare on.
        small: Whether to store weights as float16 and int8 where that is harmless.

    Raises:
        MissingExtra: If the packages onnx and onnxscript are not installed.
        ModelOutputError: If the file does not compute what the network does; nothing is written.
        OutputError: If the file cannot be written.
    """
    tolerance = STORED_TOLERANCE if small else None
    shown = [{"image": picture} for picture in pictures]
    return export_shipped(Detector(net), target, shown, PORTS, distance, tolerance)


def distance(given: Outputs, wanted: Outputs) -> float:
    """How far boxes and scores are off where the network sees something.

    Nearly all places of a picture show nothing and say so, whatever is done to the weights; a mean
    over all would hide every harm. So of each picture the hundred places are looked at whose best
    score is or should be highest.

    Args:
        given: `boxes` (n, p, 4) and `scores` (n, p, 80).
        wanted: The same as they should be.

    Returns:
        The larger of two means over those places: of the largest difference of a score, and of the
        largest difference of a side's place, in parts of the box's own size (the root of its area).
    """
    best = np.maximum(given["scores"], wanted["scores"]).max(axis=-1)
    order = np.argsort(-best, axis=-1, kind="stable")[:, :_LOOKED_AT, None]
    given_scores, scores = (np.take_along_axis(one["scores"], order, 1) for one in (given, wanted))
    given_boxes, boxes = (np.take_along_axis(one["boxes"], order, 1) for one in (given, wanted))
    size = np.sqrt(np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1))
    moved = np.abs(given_boxes - boxes).max(axis=-1) / np.maximum(size, _LEAST_SIDE)
    return float(max(np.abs(given_scores - scores).max(axis=-1).mean(), moved.mean()))
