"""Storing an ONNX file's weights in fewer bytes, as far as its outputs allow.

Every large tensor is stored as float16, and those of them that do not react to it as int8 with one
scale for each output channel; nodes in front of their use make float32 of them again, so the
network still computes in float32 (ONNX Runtime folds such nodes when it loads the file). What a
tensor may be stored as is decided by the outputs on pictures, not by its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["SUFFIXES", "compact", "halved", "stored_weights"]

Form = Literal["half", "eighth"]
Judge = Callable[[Any], float]

SUFFIXES = (".half", ".eighth", ".scale")
_WORTH_HALF = 64  # tensors up to this many values are not worth a node
_WORTH_EIGHTH = 1 << 15
_EIGHTH_SHARE = 0.1  # of the tolerance: what a single tensor in int8 may cost


def compact(model: Any, judge: Judge, tolerance: float) -> tuple[Any, dict[str, Form], float]:
    """The model in as few bytes as the tolerance allows.

    Args:
        model: An onnx.ModelProto with float32 weights; it is not changed.
        judge: Tells how far a model's outputs are from what they should be.
        tolerance: The largest judgement that is accepted.

    Returns:
        The model, in which form each tensor is stored that is not float32, and the judgement.
        Where not even one tensor can be stored otherwise, the model as it was.
    """
    sizes = _sizes(model)
    forms: dict[str, Form] = dict.fromkeys(sizes, "half")
    error = judge(_stored(model, forms))
    if error > tolerance:
        # What one tensor alone does when only it is halved, for each value in it.
        harm = {name: judge(_stored(model, {name: "half"})) / sizes[name] for name in sizes}
        for name in sorted(harm, key=lambda name: -harm[name]):
            del forms[name]
            error = judge(_stored(model, forms))
            if error <= tolerance:
                break
    candidates = [name for name in forms if sizes[name] >= _WORTH_EIGHTH]
    harm = {name: judge(_stored(model, {**forms, name: "eighth"})) - error for name in candidates}
    for name in sorted(candidates, key=lambda name: harm[name] / sizes[name]):
        if harm[name] > _EIGHTH_SHARE * tolerance:
            continue
        tried = judge(_stored(model, {**forms, name: "eighth"}))
        if tried <= tolerance:
            forms[name], error = "eighth", tried
    return _stored(model, forms), forms, error


def halved(model: Any) -> Any:
    """The model with every tensor in float16 that is worth it and within its range.

    Args:
        model: An onnx.ModelProto with float32 weights; it is not changed.
    """
    return _stored(model, dict.fromkeys(_sizes(model), "half"))


def stored_weights(tensors: Iterable[Any]) -> Mapping[str, NDArray[np.float32]]:
    """The weights of a graph by their own names, whatever form they are stored in.

    Args:
        tensors: The graph's initialisers.
    """
    import onnx
    from onnx import numpy_helper

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)
    raw = {t.name: numpy_helper.to_array(t) for t in tensors if t.data_type in kinds}
    found = {}
    for name, array in raw.items():
        if name.endswith(".scale"):
            continue
        plain = name.removesuffix(".half").removesuffix(".eighth")
        values = array.astype(np.float32)
        found[plain] = values * raw[f"{plain}.scale"] if name.endswith(".eighth") else values
    return found


def _sizes(model: Any) -> dict[str, int]:
    """How many values each tensor holds that is worth halving and within float16's range."""
    import onnx
    from onnx import numpy_helper

    largest = float(np.finfo(np.float16).max)
    sizes = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor)
            if values.size > _WORTH_HALF and float(np.abs(values).max()) <= largest:
                sizes[tensor.name] = values.size
    return sizes


def _stored(model: Any, forms: Mapping[str, Form]) -> Any:
    """A copy with the named tensors in those forms."""
    import onnx
    from onnx import numpy_helper

    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.initializer[:]
    nodes: list[Any] = []
    for tensor in model.graph.initializer:
        form = forms.get(tensor.name)
        if form is None:
            result.graph.initializer.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        tensors, more = (
            _half(tensor.name, values) if form == "half" else _eighth(tensor.name, values)
        )
        result.graph.initializer.extend(tensors)
        nodes += more
    nodes += result.graph.node
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    onnx.checker.check_model(result)
    return result


def _half(name: str, values: NDArray[np.float32]) -> tuple[list[Any], list[Any]]:
    from onnx import TensorProto, helper, numpy_helper

    half = numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _eighth(name: str, values: NDArray[np.float32]) -> tuple[list[Any], list[Any]]:
    """Whole numbers in -127..127 and a scale for each index of the first axis."""
    from onnx import TensorProto, helper, numpy_helper

    axes = tuple(range(1, values.ndim))
    scale = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-12) / np.float32(127)
    whole = np.rint(values / scale).astype(np.int8)
    tensors = [
        numpy_helper.from_array(whole, f"{name}.eighth"),
        numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"),
    ]
    # Not DequantizeLinear: ONNX Runtime keeps that one in the graph and runs it for every picture.
    nodes = [
        helper.make_node("Cast", [f"{name}.eighth"], [f"{name}.whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name]),
    ]
    return tensors, nodes
