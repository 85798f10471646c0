"""Tiny networks made in code, so that tests go through the real engine."""

from __future__ import annotations

import pytest
from onnx import TensorProto, helper


def network(nodes, inputs, outputs, *, kinds=None, initialisers=(), opset=13, domain=None):
    """The bytes of an ONNX file; shapes by name, float32 unless `kinds` says otherwise."""

    def values(shapes):
        return [
            helper.make_tensor_value_info(name, (kinds or {}).get(name, TensorProto.FLOAT), shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "tiny", values(inputs), values(outputs), list(initialisers))
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


@pytest.fixture
def build(tmp_path):
    """A function that writes a network and gives its path."""

    def write(nodes, inputs, outputs, *, name="net.onnx", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(network(nodes, inputs, outputs, **options))
        return path

    return write


@pytest.fixture
def relu(build):
    """Input x (1, n), output y = max(x, 0)."""
    return build([helper.make_node("Relu", ["x"], ["y"])], {"x": [1, "n"]}, {"y": [1, "n"]})


@pytest.fixture(autouse=True)
def _empty_cache():
    from nukki.runtime import sessions

    sessions.clear()
    yield
    sessions.clear()
