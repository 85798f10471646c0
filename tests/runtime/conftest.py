"""Tiny networks made in code, so that tests go through the real engine."""

from __future__ import annotations

import pytest
from onnx import TensorProto, helper


def network(nodes, inputs, outputs, *, initialisers=(), opset=13, domain=None):
    """The bytes of an ONNX file."""
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, list(initialisers))
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


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
    """x (1, n) → y = max(x, 0)."""
    node = helper.make_node("Relu", ["x"], ["y"])
    return build([node], [value("x", [1, "n"])], [value("y", [1, "n"])])


@pytest.fixture(autouse=True)
def _empty_cache():
    from nukki.runtime import sessions

    sessions.clear()
    yield
    sessions.clear()
