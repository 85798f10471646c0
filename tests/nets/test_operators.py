from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from net_files import noise  # noqa: E402
from nukki.errors import MissingExtra  # noqa: E402
from nukki.nets.operators import best, roi_align, suppress, translations  # noqa: E402


def boxes_of(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def scattered(count, size, seed):
    """Boxes of all shapes, some of them partly outside."""
    draw = np.random.default_rng(seed)
    corner = draw.uniform(-0.1, 0.9, (count, 2)) * size
    boxes = np.concatenate([corner, corner + draw.uniform(0.01, 0.7, (count, 2)) * size], axis=1)
    return torch.from_numpy(boxes.astype(np.float32))


def by_onnx(node, **inputs):
    """What ONNX Runtime gives for one node."""
    kinds = {"float32": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64}
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [value(name, kinds[str(a.dtype)], a.shape) for name, a in inputs.items()],
        [onnx.ValueInfoProto(name=node.output[0])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 8
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)[0]


def greedy(boxes, scores, overlap):
    """The textbook: take the best, strike out what it covers, and so on."""
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if iou(boxes[best], boxes[i]) <= overlap]
    return kept


def iou(one, other):
    wide = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    union = area - wide * high
    return np.float32(wide * high) / np.float32(union) if union else 0.0


side = st.integers(0, 12)
box = st.tuples(side, side, side, side).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(box, st.integers(0, 5)), max_size=25),
    st.sampled_from([0.0, 0.3, 0.5, 0.7]),
)
def test_what_stays_is_what_the_textbook_keeps(rows, overlap):
    boxes, scores = [row[0] for row in rows], [row[1] for row in rows]
    given_boxes = torch.tensor(boxes, dtype=torch.float32).reshape(1, -1, 4)
    given_scores = torch.tensor([scores], dtype=torch.float32)
    found = suppress(given_boxes, given_scores, overlap, -math.inf, 100)
    assert found[:, 1].tolist() == greedy(boxes, scores, overlap)
    assert not bool(found[:, 0].any())


@given(st.lists(st.integers(0, 6), max_size=12), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_the_best_come_first_and_the_earlier_of_equals(scores, most):
    wanted = sorted(range(len(scores)), key=lambda i: -scores[i])[:most]
    assert best(torch.tensor(scores, dtype=torch.float32), most).tolist() == wanted


def test_what_is_covered_only_by_what_goes_stays():
    chain = boxes_of([0, 0, 10, 10], [0, 4, 10, 14], [0, 8, 10, 18])[None]
    found = suppress(chain, torch.tensor([[0.9, 0.8, 0.7]]), 0.3, 0.0, 9)
    assert found.tolist() == [[0, 0], [0, 2]]


def test_groups_leave_each_other_alone_and_have_their_own_limit():
    one = boxes_of([0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10])
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.05, 0.05]])
    found = suppress(torch.stack([one, one]), scores, 0.5, 0.05, 2)
    assert found.tolist() == [[0, 1], [0, 2], [1, 0]]


def test_no_box_is_no_box():
    assert suppress(torch.zeros(2, 0, 4), torch.zeros(2, 0), 0.5, 0.0, 9).shape == (0, 2)
    assert suppress(torch.zeros(1, 3, 4), torch.zeros(1, 3), 0.5, 0.0, 9).shape == (0, 2)


@pytest.mark.parametrize(("overlap", "most"), [(0.3, 200), (0.5, 200), (0.7, 40)])
def test_suppression_is_the_node_of_onnx(overlap, most):
    boxes = torch.stack([scattered(200, 100, seed) for seed in range(3)])
    scores = noise(3, 200)
    node = onnx.helper.make_node(
        "NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["found"]
    )
    wanted = by_onnx(
        node,
        boxes=boxes.numpy(),
        scores=scores[:, None].numpy(),
        most=np.array([most]),
        overlap=np.array([overlap], np.float32),
        least=np.array([-0.5], np.float32),
    )
    found = suppress(boxes, scores, overlap, -0.5, most).numpy()
    assert 60 < len(found) < int((scores > -0.5).sum())  # some went, many stayed
    assert np.array_equal(found, wanted[:, [0, 2]])


@pytest.mark.parametrize(("aligned", "mode"), [(True, "half_pixel"), (False, "output_half_pixel")])
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_regions_are_the_node_of_onnx(aligned, mode, sampling):
    feature, boxes = noise(1, 5, 20, 30), scattered(60, 120, 4)
    node = onnx.helper.make_node(
        "RoiAlign",
        ["feature", "boxes", "pictures"],
        ["pooled"],
        coordinate_transformation_mode=mode,
        output_height=7,
        output_width=7,
        sampling_ratio=sampling,
        spatial_scale=0.25,
    )
    pictures = np.zeros(len(boxes), np.int64)
    wanted = by_onnx(node, feature=feature.numpy(), boxes=boxes.numpy(), pictures=pictures)
    found = roi_align(feature, boxes, 7, 0.25, sampling, aligned)
    assert found.shape == (60, 5, 7, 7)
    assert np.allclose(found.numpy(), wanted, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(8, 60, width=32),
    st.floats(8, 60, width=32),
    st.floats(4, 60, width=32),
    st.integers(0, 3),
)
def test_bins_of_a_ramp_are_the_places_of_their_centres(left, top, long, sampling):
    ramp = torch.arange(32.0)
    feature = torch.stack([ramp.expand(32, 32), ramp[:, None].expand(32, 32)])[None]
    found = roi_align(feature, boxes_of([left, top, left + long, top + 8]), 4, 0.25, sampling, True)
    centres = torch.arange(4) + 0.5
    columns = left / 4 - 0.5 + centres * long / 16
    rows = top / 4 - 0.5 + centres * 8 / 16
    assert torch.allclose(found[0, 0], columns.expand(4, 4), atol=1e-4)
    assert torch.allclose(found[0, 1], rows[:, None].expand(4, 4), atol=1e-4)


def test_unaligned_is_half_a_cell_further_and_no_box_is_smaller_than_a_cell():
    feature = torch.arange(16.0).expand(1, 1, 16, 16)
    found = roi_align(feature, boxes_of([20, 20, 21, 21]), 2, 0.25, 2, False)
    assert torch.allclose(found[0, 0], torch.tensor([[5.25, 5.75]] * 2))


def test_a_box_far_outside_and_an_empty_one_see_nothing():
    feature = torch.ones(1, 3, 8, 8)
    outside = boxes_of([100, 0, 110, 8], [-40, -40, -20, -20], [5, 5, 5, 5])
    assert not bool(roi_align(feature, outside, 7, 1.0, 0, True).any())
    assert roi_align(feature, torch.zeros(0, 4), 7, 1.0, 0, True).shape == (0, 3, 7, 7)


def test_writing_nodes_without_onnxscript_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtra, match="onnxscript") as caught:
        translations()
    assert "pip install" in caught.value.hint
