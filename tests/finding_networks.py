"""Tiny networks that find things, made in code, with their cards: constants and one convolution."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from nukki import settings

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

SEMANTIC_CARD = """
task = "semantic"
[input]
size = [32, 64]
fit = "shortest-edge"
rounding = "down"
[output]
name = "out"
activation = "softmax"
[classes]
labels = ["", "red thing", "green thing"]
min_score = 0.0
"""
BOXES_CARD = """
task = "instances"
[input]
size = [32, 64]
fit = "shortest-edge"
multiple = 32
pad_after = true
name = "image"
[classes]
labels = ["", "person", "dog"]
[detections]
size = "size"
"""
QUERIES_CARD = """
task = "instances"
[input]
size = [64, 64]
multiple = 32
[classes]
labels = ["person", "dog"]
[queries]
enlarge = "nearest"
"""
PROMPTED_CARD = """
task = "prompted"
[input]
size = [64, 64]
fit = "letterbox"
pad_after = true
[prompts]
scores = "iou"
"""


def write(path, nodes, inputs, outputs, constants=()):
    """An ONNX file; `inputs` are (name, kind, shape), `outputs` (name, shape) in float32."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def semantic_network(path, classes=3, *, nan=False):
    """Logits: 0 (or NaN) for the background, 9 · red - 5 and 9 · green - 5."""
    weight = np.zeros((classes, 3, 1, 1), np.float32)
    bias = np.zeros(classes, np.float32)
    bias[0] = np.nan if nan else 0
    for number in range(1, min(classes, 4)):
        weight[number, number - 1], bias[number] = 9, -5
    return write(
        path,
        [helper.make_node("Conv", ["image", "w", "b"], ["out"])],
        [("image", FLOAT, [1, 3, "h", "w_"])],
        [("out", FLOAT, [1, classes, "h", "w_"])],
        [("w", weight), ("b", bias)],
    )


def boxes_network(path, things, *, side=28, nan=False, outputs=None):
    """Finds always the same: things are (box in parts of the picture, score, class, mask).

    A mask is a number, or an array (side, side).
    """
    count = len(things)
    parts = np.array([thing[0] for thing in things], np.float32).reshape(count, 4)
    scores = np.array([thing[1] for thing in things], np.float32)
    classes = np.array([thing[2] for thing in things], np.int64)
    masks = np.array(
        [np.broadcast_to(np.float32(thing[3]), (side, side)) for thing in things], np.float32
    ).reshape(count, side, side)
    nodes = [
        helper.make_node("Gather", ["size", "turned"], ["sides"]),
        helper.make_node("Cast", ["sides"], ["factors"], to=FLOAT),
        helper.make_node("Mul", ["parts", "factors"], ["boxes"]),
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "never"], ["nothing"]),
        helper.make_node("Sqrt" if nan else "Abs", ["sign"], ["one"]),
        helper.make_node("Mul", ["given", "one"], ["some"]),
        helper.make_node("Add", ["some", "nothing"], ["scores"]),
        helper.make_node("Identity", ["numbers"], ["classes"]),
        helper.make_node("Identity", ["small"], ["masks"]),
    ]
    shapes = {
        "boxes": (FLOAT, [count, 4]),
        "scores": (FLOAT, [count]),
        "classes": (INT64, [count]),
        "masks": (FLOAT, [count, side, side]),
    }
    return write(
        path,
        nodes,
        [("image", FLOAT, [1, 3, "h", "w"]), ("size", INT64, [2])],
        [(name, *shapes[name]) for name in outputs or shapes],
        [
            ("turned", np.array([1, 0, 1, 0])),
            ("parts", parts),
            ("never", np.float32(0)),
            ("sign", np.float32(-1)),
            ("given", scores),
            ("numbers", classes),
            ("small", masks),
        ],
    )


def queries_network(path, logits, planes):
    """Class logits are constant; masks are 9 · plane - 5 of the colours, a quarter of the size.

    `logits` are (queries, classes + 1); `planes` say which colour each query looks at, None for
    none.
    """
    count, classes = np.shape(logits)
    weight = np.zeros((count, 3, 1, 1), np.float32)
    for query, plane in enumerate(planes):
        if plane is not None:
            weight[query, plane] = 9
    return write(
        path,
        [
            helper.make_node("Identity", ["given"], ["class_queries_logits"]),
            helper.make_node(
                "AveragePool", ["image"], ["small"], kernel_shape=[4, 4], strides=[4, 4]
            ),
            helper.make_node("Conv", ["small", "w", "b"], ["masks_queries_logits"]),
        ],
        [("image", FLOAT, [1, 3, 64, 64])],
        [
            ("class_queries_logits", FLOAT, [1, count, classes]),
            ("masks_queries_logits", FLOAT, [1, count, 16, 16]),
        ],
        [
            ("given", np.asarray(logits, np.float32)[None]),
            ("w", weight),
            ("b", np.full(count, -5, np.float32)),
        ],
    )


def prompted_networks(encoder, decoder, *, radii=(4.0, 12.0, 20.0), scores=(0.3, 0.9, 0.5)):
    """Three discs around the first place of the prompt; radii in pixels of the tensor (64, 64).

    Scores grow by a hundredth of the sum of what the places stand for.
    """
    write(
        encoder,
        [
            helper.make_node(
                "AveragePool", ["image"], ["embedding"], kernel_shape=[4, 4], strides=[4, 4]
            )
        ],
        [("image", FLOAT, [1, 3, 64, 64])],
        [("embedding", FLOAT, [1, 3, 16, 16])],
    )
    axis = np.arange(16, dtype=np.float32) * 4 + 1.5  # centres of cells of four pixels
    grid = np.stack(np.meshgrid(axis, axis))[None]
    square = np.array(radii, np.float32).reshape(1, 3, 1, 1) ** 2
    write(
        decoder,
        [
            helper.make_node("Gather", ["points", "first"], ["place"], axis=1),
            helper.make_node("Reshape", ["place", "column"], ["centre"]),
            helper.make_node("Sub", ["grid", "centre"], ["away"]),
            helper.make_node("Mul", ["away", "away"], ["squares"]),
            helper.make_node("ReduceSum", ["squares", "channels"], ["distance"]),
            helper.make_node("ReduceMean", ["embedding"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "never"], ["nothing"]),
            helper.make_node("Sub", ["radii", "distance"], ["discs"]),
            helper.make_node("Add", ["discs", "nothing"], ["masks"]),
            helper.make_node("ReduceSum", ["labels"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "hundredth"], ["more"]),
            helper.make_node("Add", ["given", "more"], ["iou"]),
        ],
        [
            ("embedding", FLOAT, [1, 3, 16, 16]),
            ("points", FLOAT, [1, "n", 2]),
            ("labels", FLOAT, [1, "n"]),
        ],
        [("masks", FLOAT, [1, 3, 16, 16]), ("iou", FLOAT, [1, 3])],
        [
            ("first", np.array(0)),
            ("column", np.array([1, 2, 1, 1])),
            ("channels", np.array([1])),
            ("grid", grid),
            ("radii", square),
            ("never", np.float32(0)),
            ("hundredth", np.float32(0.01)),
            ("given", np.array([scores], np.float32)),
        ],
    )
    return encoder, decoder


def two_blocks(height, width):
    """(H, W, 3) uint8: red in the left third, green in the right one, black between."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 3, 0] = 255
    pixels[:, width - width // 3 :, 1] = 255
    return pixels


def boxes_at_home(name, things):
    """Let the user have a `boxes_network` of that name; gives the name."""
    words = f"""
    name = "{name}"
    title = "A net"
    commercial_use = "yes"
    origin = "https://example.org/net"
    files = [{{ name = "net.onnx" }}]
    licence = {{ code = "MIT", weights = "MIT", data = "made up" }}
    """
    folder = settings.models_folder() / name
    for place in (folder, settings.cards_folder()):
        place.mkdir(parents=True, exist_ok=True)
    card = settings.cards_folder() / f"{name}.toml"
    card.write_text(words + BOXES_CARD, encoding="utf-8")
    boxes_network(folder / "net.onnx", things)
    return name
