from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx")

from nukki.nets.storage import compact, stored_weights  # noqa: E402
from nukki.runtime.sessions import get_session  # noqa: E402


def model_of(**weights):
    """A graph that adds all weights to its input, one after the other."""
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    shape = list(next(iter(weights.values())).shape)
    steps = ["image", *(f"sum{number}" for number in range(len(weights) - 1)), "alpha"]
    nodes = [
        onnx.helper.make_node("Add", [before, name], [after])
        for before, name, after in zip(steps, weights, steps[1:], strict=False)
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name in ("image", "alpha")
    ]
    graph = onnx.helper.make_graph(nodes, "sums", ends[:1], ends[1:], tensors)
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9)


def judge_by(path, wanted):
    """The largest difference from `wanted` of what a model says to zeros."""
    count = iter(range(10_000))

    def judge(model):
        file = path / f"{next(count)}.onnx"
        file.write_bytes(model.SerializeToString())
        answer = get_session(file, device="cpu").run({"image": np.zeros_like(wanted)})
        return float(np.abs(answer["alpha"] - wanted).max())

    return judge


def names(model):
    return {tensor.name for tensor in model.graph.initializer}


def test_exact_values_go_into_half_the_bytes(tmp_path):
    weights = np.arange(100, dtype=np.float32).reshape(10, 10)
    stored, forms, error = compact(model_of(w=weights), judge_by(tmp_path, weights), 1e-6)
    assert (names(stored), forms, error) == ({"w.half"}, {"w": "half"}, 0.0)


@pytest.mark.parametrize("value", [2049, 70000])  # rounds to 2048; beyond half's range
def test_a_tensor_that_reacts_to_rounding_stays_whole(tmp_path, value):
    big, small = np.full((10, 10), value, np.float32), np.full((10, 10), 2, np.float32)
    judge = judge_by(tmp_path, big + small)
    stored, forms, error = compact(model_of(big=big, small=small), judge, 1e-3)
    assert (names(stored), forms, error) == ({"big", "small.half"}, {"small": "half"}, 0.0)


def test_small_tensors_are_judged_together_and_the_one_that_reacts_is_found(tmp_path):
    """Thirty beside a large one; the judgement is that of the file."""
    shape = (10, 10)
    weights = {f"w{number}": np.full(shape, number, np.float32) for number in range(30)}
    weights["w17"] += 2048.5
    sizes = []

    def judge(model):
        sizes.append(len(model.SerializeToString()))
        return judged(model)

    large = onnx.numpy_helper.from_array(np.zeros((400, 400), np.float32), "large")
    model = model_of(**weights)
    model.graph.initializer.append(large)
    judged = judge_by(tmp_path, sum(weights.values()))
    stored, forms, error = compact(model, judge, 0.1)
    halves = {name for name, form in forms.items() if form == "half"}
    assert halves == set(weights) - {"w17"}
    assert forms["large"] == "eighth"
    assert error == judged(stored) == 0
    assert len(stored.SerializeToString()) == min(sizes)
    assert len(sizes) < 30


@settings(deadline=None, max_examples=20)
@given(harms=st.lists(st.integers(0, 40), min_size=5, max_size=40), tolerance=st.integers(0, 300))
def test_no_choice_of_equal_tensors_stores_more_of_them(harms, tolerance):
    """Where harms add up, and each tensor is judged once and then a few choices."""
    weights = {f"w{number}": np.zeros((10, 10), np.float32) for number in range(len(harms))}
    judged = []

    def judge(model):
        taken = [name for name in names(model) if name.endswith(".half")]
        judged.append(sum(harms[int(name[1:-5])] for name in taken))
        return judged[-1]

    _, forms, error = compact(model_of(**weights), judge, tolerance)
    assert len(forms) == (np.cumsum(sorted(harms)) <= tolerance).sum()
    assert error == sum(harms[int(name[1:])] for name in forms) <= tolerance
    assert len(judged) <= len(harms) + 15


def test_few_values_are_left_alone(tmp_path):
    weights = np.ones((8, 8), np.float32)
    stored, forms, _ = compact(model_of(w=weights), judge_by(tmp_path, weights), 1.0)
    assert (names(stored), forms) == ({"w"}, {})


def test_a_large_tensor_goes_into_bytes_where_that_is_harmless(tmp_path):
    rng = np.random.default_rng(1)
    calm = rng.integers(-127, 128, (64, 1024)).astype(np.float32)
    calm[:, 0] = 127
    wild = rng.standard_normal((64, 1024)).astype(np.float32)
    judge = judge_by(tmp_path, calm + wild)
    stored, forms, error = compact(model_of(calm=calm, wild=wild), judge, 5e-3)
    assert forms == {"calm": "eighth", "wild": "half"}
    assert names(stored) == {"calm.eighth", "calm.scale", "wild.half"}
    assert error <= 5e-3
    assert len(stored.SerializeToString()) < 1.02 * (64 * 1024 * 3 + 64 * 4)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), rows=st.integers(1, 6), scale=st.floats(1e-3, 100))
def test_weights_come_back_within_the_step_of_their_form(seed, rows, scale):
    values = np.random.default_rng(seed).normal(0, scale, (rows, 40000)).astype(np.float32)
    stored, forms, _ = compact(model_of(w=values), lambda model: 0.0, 1.0)
    assert forms == {"w": "eighth"}
    found = stored_weights(stored.graph.initializer)
    assert list(found) == ["w"]
    step = np.abs(values).max(axis=1, keepdims=True) / 127
    assert (np.abs(found["w"] - values) <= 0.501 * step).all()
