"""Storing an ONNX file's weights in fewer bytes, as far as its outputs allow.

Every large tensor is stored as float16, and those of them that do not react to it as int8 with one
scale for each output channel; nodes in front of their use make float32 of them again, so the
network still computes in float32 (ONNX Runtime folds such nodes when it loads the file). What a
tensor may be stored as is decided by the outputs on pictures, not by its values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["SUFFIXES", "compact", "halved", "stored_weights"]

Form = Literal["half", "eighth"]
Forms = dict[str, Form]
Judge = Callable[[Any], float]

SUFFIXES = (".half", ".eighth", ".scale")
_WORTH_HALF = 64  # tensors up to this many values are not worth a node
_WORTH_EIGHTH = 1 << 15
_EIGHTH_SHARE = 0.1  # of the tolerance: what a single tensor in int8 may cost


def compact(model: Any, judge: Judge, tolerance: float) -> tuple[Any, Forms, float]:
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
    storing = _Storing(sizes, lambda forms: judge(_stored(model, forms)), tolerance)
    everything: Forms = dict.fromkeys(sizes, "half")
    if not storing.take([everything]):
        storing.take_best([dict.fromkeys(names, "half") for names in _groups(sizes)], math.inf)
    large = [name for name in storing.forms if sizes[name] >= _WORTH_EIGHTH]
    storing.take_best([{name: "eighth"} for name in large], _EIGHTH_SHARE * tolerance)
    return _stored(model, storing.forms), storing.forms, storing.error


class _Storing:
    """Which form each tensor is stored in so far, and what that costs.

    A step is a few tensors in a smaller form.

    Attributes:
        forms: Of the tensors that are not float32.
        error: The judgement of them.
    """

    def __init__(
        self, sizes: Mapping[str, int], judged: Callable[[Forms], float], tolerance: float
    ) -> None:
        self._sizes = sizes
        self._judged = judged
        self._tolerance = tolerance
        self.forms: Forms = {}
        self.error = math.inf

    def take(self, steps: Sequence[Forms]) -> bool:
        """Take all steps, if the tolerance allows them together."""
        forms = self._with(steps)
        error = self._judged(forms)
        if error <= self._tolerance:
            self.forms, self.error = forms, error
            return True
        return False

    def take_best(self, steps: Sequence[Forms], most: float) -> None:
        """Take the steps that do the least harm for each value, as many as are allowed together.

        Each is judged once, alone; how many go together is found by halving. The first that does
        not go is left out, or taken apart where it is of several tensors, and the rest gone on with
        until one does not go at once.

        Args:
            steps: They do not share tensors.
            most: Harm that a step may do alone.
        """
        if not self.forms:
            self.error = self._judged({})
        rest = self._rated(steps, most)
        while rest:
            taken = self._take_first([step for _, step in rest])
            refused, rest = rest[taken : taken + 1], rest[taken + 1 :]
            parts = self._rated(_apart(refused[0][1]), most) if refused else []
            if taken == 0 and not parts:
                return
            rest = sorted([*rest, *parts], key=itemgetter(0))

    def _rated(self, steps: Sequence[Forms], most: float) -> list[tuple[float, Forms]]:
        """The steps that do not do too much harm, each after its harm for a value, least first."""
        harm = [self._judged(self._with([step])) - self.error for step in steps]
        rated = [
            (one / sum(self._sizes[name] for name in step), step)
            for one, step in zip(harm, steps, strict=True)
            if one <= most
        ]
        return sorted(rated, key=itemgetter(0))

    def _take_first(self, steps: Sequence[Forms]) -> int:
        """Take the longest beginning that is allowed, if harm grows with it; how many they are."""
        good, bad, tried = 0, len(steps) + 1, len(steps)
        while good + 1 < bad:
            if self.take(steps[good:tried]):
                good = tried
            else:
                bad = tried
            tried = (good + bad) // 2
        return good

    def _with(self, steps: Sequence[Forms]) -> Forms:
        return {**self.forms, **{name: form for step in steps for name, form in step.items()}}


def _groups(sizes: Mapping[str, int]) -> list[list[str]]:
    """Tensors that are judged together: small ones, up to a hundredth of all values."""
    enough = sum(sizes.values()) // 100
    groups: list[list[str]] = []
    small: list[str] = []
    count = 0
    for name, size in sizes.items():
        if size > enough:
            groups.append([name])
            continue
        if count + size > enough:
            groups.append(small)
            small, count = [], 0
        small.append(name)
        count += size
    return [*groups, small] if small else groups


def _apart(step: Forms) -> list[Forms]:
    """The halves of a step; none of a single tensor."""
    tensors = list(step.items())
    middle = len(tensors) // 2
    return [dict(tensors[:middle]), dict(tensors[middle:])] if middle else []


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
