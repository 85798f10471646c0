"""Tiny detectors made in code, with their cards: they find what they are told to."""

from __future__ import annotations

import numpy as np
from onnx import helper

from finding_networks import FLOAT, write

FREE_CARD = """
task = "detection"
[input]
name = "image"
size = [64, 64]
fit = "shortest-edge"
multiple = 32
[classes]
labels = ["person", "dog", ""]
[boxes]
min_score = 0.1
overlap = 0.5
"""
YOLOX_CARD = """
task = "detection"
[input]
size = [64, 64]
fit = "letterbox"
scale = 1
channels = "bgr"
pad_value = 114
[classes]
labels = ["person", "dog", ""]
[boxes]
form = "yolox"
min_score = 0.1
overlap = 0.5
"""
YOLOX_NANO_CARD = """
task = "detection"
[input]
name = "images"
size = [416, 416]
fit = "letterbox"
multiple = 32
scale = 1
channels = "bgr"
pad_value = 114
[classes]
labels = "coco-80"
[boxes]
form = "yolox"
"""


def _zeros(shape_of, to):
    """Nodes that make zeros of an input's values, so that every output depends on it."""
    return [
        helper.make_node("ReduceMax", [shape_of], ["most"], keepdims=0),
        helper.make_node("Sub", ["most", "most"], [to]),
    ]


def free_detector(path, things, *, names=("boxes", "scores"), nan=False, classes=3):
    """A detector of any size; `things` are ((left, top, right, bottom), score, class).

    The corners are in parts of the tensor: 1 is all of its width or height.
    """
    corners = np.array([corner for corner, _, _ in things], np.float32).reshape(-1, 4)
    scores = np.zeros((len(things), classes), np.float32)
    for row, (_, score, number) in enumerate(things):
        scores[row, number] = np.nan if nan else score
    nodes = [
        *_zeros("image", "zero"),
        helper.make_node("Shape", ["image"], ["sides"], start=2),
        helper.make_node("Cast", ["sides"], ["numbers"], to=FLOAT),
        helper.make_node("Gather", ["numbers", "across"], ["factors"]),
        helper.make_node("Mul", ["parts", "factors"], ["placed"]),
        helper.make_node("Add", ["placed", "zero"], [names[0]]),
        helper.make_node("Add", ["told", "zero"], [names[1]]),
    ]
    return write(
        path,
        nodes,
        [("image", FLOAT, [1, 3, "h", "w"])],
        [(names[0], FLOAT, [1, len(things), 4]), (names[1], FLOAT, [1, len(things), classes])],
        [("parts", corners[None]), ("told", scores[None]), ("across", np.array([1, 0, 1, 0]))],
    )


def yolox_detector(path, rows, *, sides=(64, 64), classes=3, name="output"):
    """A detector of one size in YOLOX's layout; `rows` are the rows that are not zero, by place."""
    cells = sum((sides[0] // stride) * (sides[1] // stride) for stride in (8, 16, 32))
    told = np.zeros((1, cells, 5 + classes), np.float32)
    for place, row in rows.items():
        told[0, place] = row
    return write(
        path,
        [*_zeros("images", "zero"), helper.make_node("Add", ["told", "zero"], [name])],
        [("images", FLOAT, [1, 3, *sides])],
        [(name, FLOAT, list(told.shape))],
        [("told", told)],
    )
