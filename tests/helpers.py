"""Tiny networks made in code, and pictures whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper


def frozen(array):
    """The array, contiguous, that nobody may write to."""
    array = np.array(array, order="C")
    array.flags.writeable = False
    return array


def shifted(array, offset):
    """The same array, so many bytes off where arrays begin."""
    room = np.zeros(array.nbytes + offset + 64, np.uint8)[offset:]
    result = np.ndarray(array.shape, array.dtype, room.data)
    result[...] = array
    result.flags.writeable = False
    return result


def tiny_network(folder: Path, kind: str = "identity", size=(32, 32), value: float = 0.05) -> Path:
    """An ONNX file: input `image` (1, 3, h, w), output `map` (1, 1, h, w).

    Kinds: "identity" gives the mean of the channels, "flat" gives `value` everywhere, "nan" gives
    NaN everywhere, "half" gives a map of half the size.
    """
    height, width = size
    mean = helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1], keepdims=1)
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    constant = helper.make_tensor("constant", TensorProto.FLOAT, [], [value])
    minus = helper.make_tensor("minus", TensorProto.FLOAT, [], [-1.0])
    flat = [
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "constant" if kind == "flat" else "minus"], ["level"]),
    ]
    nodes = {
        "identity": [mean, helper.make_node("Identity", ["mean"], ["map"])],
        "flat": [mean, *flat, helper.make_node("Identity", ["level"], ["map"])],
        "nan": [mean, *flat, helper.make_node("Sqrt", ["level"], ["map"])],
        "half": [
            mean,
            helper.make_node("AveragePool", ["mean"], ["map"], kernel_shape=[2, 2], strides=[2, 2]),
        ],
    }[kind]
    out = (height // 2, width // 2) if kind == "half" else size
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, *out])],
        [zero, constant, minus],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / f"{kind}.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def tiny_card(folder: Path, size=(32, 32), *, name: str = "tiny", lines: str = "") -> Path:
    """A card file for `tiny_network`; `lines` are further keys, such as `output.index = 3`."""
    path = folder / f"{name}.toml"
    text = f'task = "saliency"\ninput.size = [{size[0]}, {size[1]}]\n{lines}\n'
    if "output." not in lines:
        text += 'output.range = "absolute"\n'
    path.write_text(text, encoding="utf-8")
    return path


def texture(height: int, width: int, colour, strength: float, seed: int):
    """(H, W, 3) float32 0..1: a colour with smooth and fine structure."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.zeros((height, width), np.float32)
    for _ in range(4):
        fy, fx, phase = (
            random.uniform(-0.12, 0.12),
            random.uniform(-0.12, 0.12),
            random.uniform(0, 6),
        )
        waves += np.sin(fy * y + fx * x + phase, dtype=np.float32)
    grain = random.normal(0, 0.3, (height, width, 1)).astype(np.float32)
    tint = random.uniform(0.6, 1.0, 3).astype(np.float32)
    field = (waves[..., None] / 4 + grain) * tint * np.float32(strength)
    return np.clip(np.asarray(colour, np.float32) + field, 0, 1)


def disc_truth(height: int, width: int, softness: float = 1.0):
    """(H, W) float32: a wavy disc with an edge `softness` pixels wide, and two thin bars."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dy, dx = y - height * 0.55, x - width * 0.45
    radius = np.hypot(dy, dx)
    angle = np.arctan2(dy, dx)
    edge = min(height, width) * (0.28 + 0.04 * np.sin(5 * angle))
    alpha = np.clip((edge - radius) / softness + 0.5, 0, 1)
    thick = max(2.0, min(height, width) / 60)
    for slope in (0.6, -0.8):
        away = np.abs(dx - slope * dy) / np.hypot(1, slope)
        bar = np.clip((thick - away) / softness + 0.5, 0, 1)
        bar *= (dy < 0) & (radius < min(height, width) * 0.45)
        alpha = np.maximum(alpha, bar)
    return alpha.astype(np.float32)


def photo(foreground, alpha, background, dtype=np.uint8):
    """Colours 0..1 mixed by alpha, rounded to the depth."""
    mixed = foreground * alpha[..., None] + background * (1 - alpha[..., None])
    return np.rint(mixed * np.iinfo(dtype).max).astype(dtype)


def averaged(alpha, size):
    """An alpha on a coarse grid, softened by a cell as networks soften it."""
    from skimage.filters import gaussian
    from skimage.transform import resize

    small = resize(alpha, size, order=1, anti_aliasing=True)
    return np.clip(gaussian(small, 0.6), 0, 1).astype(np.float32)


def toolbox_example():
    """A map of bytes and a mask whose figures PySODMetrics 1.6.2 gave for the tests of `ops`.

    Made by `measure.step(pred=levels, gt=truth * 255)` with `Smeasure()`, `Fmeasure(beta=0.3)`,
    `Emeasure()`, `MAE()` and `WeightedFmeasure()`. It stretches maps to 0..1; this one fills the
    range, so that nothing changes.
    """
    y, x = np.mgrid[0:12, 0:16]
    truth = (y - 6) ** 2 + (x - 7) ** 2 < 17
    hill = np.clip(230 - 9 * ((y - 5) ** 2 + (x - 8) ** 2), 0, 255)
    levels = (hill + (x * y) % 7 * 3).astype(np.uint8)
    levels[0, 0], levels[5, 8] = 0, 255
    return levels, truth
