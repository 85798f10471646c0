"""Tiny networks that are asked about crops, made in code, with their card."""

from __future__ import annotations

import numpy as np
from onnx import helper

from finding_networks import FLOAT, write

SIDE = 32
PICK_CARD = f"""
task = "prompted"
[input]
name = "image"
size = [{SIDE}, {SIDE}]
multiple = 32
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[crops]
"""
_CHANNELS = {"fine": 2, "middle": 4, "coarse": 8}  # names, and how much smaller they are


def encoder(path, *, nan=False):
    """Means of 2 × 2, 4 × 4 and 8 × 8 pixels of the crop."""
    nodes = [
        helper.make_node("Mul", ["image", "factor"], ["seen"]),
        *(
            helper.make_node(
                "AveragePool", ["seen"], [name], kernel_shape=[step] * 2, strides=[step] * 2
            )
            for name, step in _CHANNELS.items()
        ),
    ]
    return write(
        path,
        nodes,
        [("image", FLOAT, ["n", 3, "h", "w"])],
        [(name, FLOAT, ["n", 3, f"h{step}", f"w{step}"]) for name, step in _CHANNELS.items()],
        [("factor", np.float32(np.nan if nan else 1))],
    )


def decoder(path, *, gain=1.0, names=("alpha", "score"), planes=1, flat=True, scale=0.4):
    """What the question says, a little brighter or darker with the crop.

    alpha = gain · clip(box + on − beside + guess / 2 + mean / 10), score = .5 + scale · mean, mean
    being the crop's, −1..1.

    Args:
        path: Where to.
        gain: What the alpha is multiplied by.
        names: Of the outputs.
        planes: How many alphas there are.
        flat: Whether the score is (n,), else (n, 1).
        scale: See above.
    """
    nodes = [
        helper.make_node("Split", ["question", "ones"], ["box", "on", "beside", "guess"], axis=1),
        helper.make_node("Add", ["box", "on"], ["a"]),
        helper.make_node("Sub", ["a", "beside"], ["b"]),
        helper.make_node("Mul", ["guess", "half"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["asked"]),
        # All three maps have the same mean; every one must be there.
        *(
            helper.make_node("ReduceMean", [name], [f"of_{name}"], axes=[1, 2, 3], keepdims=1)
            for name in _CHANNELS
        ),
        helper.make_node("Sum", [f"of_{name}" for name in _CHANNELS], ["sum"]),
        helper.make_node("Mul", ["sum", "thirtieth"], ["little"]),
        helper.make_node("Add", ["asked", "little"], ["raw"]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["inside"]),
        helper.make_node("Mul", ["inside", "gain"], ["plane"]),
        helper.make_node("Concat", ["plane"] * planes, [names[0]], axis=1),
        helper.make_node("Mul", ["sum", "third"], ["mean"]),
        helper.make_node("Reshape", ["mean", "column"], ["told"]),
        helper.make_node("Mul", ["told", "scale"], ["more"]),
        helper.make_node("Add", ["more", "half"], [names[1]]),
    ]
    return write(
        path,
        nodes,
        [
            *((name, FLOAT, ["n", 3, f"h{step}", f"w{step}"]) for name, step in _CHANNELS.items()),
            ("question", FLOAT, ["n", 4, "h", "w"]),
        ],
        [
            (names[0], FLOAT, ["n", planes, "h", "w"]),
            (names[1], FLOAT, ["n"] if flat else ["n", 1]),
        ],
        [
            ("ones", np.ones(4, np.int64)),
            ("half", np.float32(0.5)),
            ("thirtieth", np.float32(1 / 30)),
            ("third", np.float32(1 / 3)),
            ("zero", np.float32(0)),
            ("one", np.float32(1)),
            ("gain", np.float32(gain)),
            ("scale", np.float32(scale)),
            ("column", np.array([-1] if flat else [-1, 1])),
        ],
    )
