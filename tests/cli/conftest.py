"""A network of one convolution, so that the command line is tested through the real path."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 32


def write_network(folder, red):
    """A network whose answer is `red` times the red channel, with its card."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.array([red, 0, 0], np.float32).reshape(1, 3, 1, 1), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "w"], ["alpha"])],
        "red",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "red.onnx"
    onnx.save(model, str(path))
    card = folder / "red.toml"
    card.write_text(
        f'task = "saliency"\ninput.size = [{SIDE}, {SIDE}]\noutput.range = "absolute"\n',
        encoding="utf-8",
    )
    return ["--model", str(path), "--card", str(card)]


@pytest.fixture(scope="session")
def red(tmp_path_factory):
    """Words that choose a network for which red is the subject."""
    return write_network(tmp_path_factory.mktemp("red"), 1.0)


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    """Words that choose a network that answers NaN."""
    return write_network(tmp_path_factory.mktemp("nan"), np.nan)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nukki():
    """Runs the command line in this process and gives its exit code."""
    from nukki.cli.main import main

    def run(*words):
        return main([str(word) for word in words])

    return run


def picture(*, empty=False, height=48, width=64):
    """Blue, with a red block in the middle unless it is empty."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[...] = (0, 60, 200)
    if not empty:
        pixels[height // 4 : -height // 4, width // 4 : -width // 4] = (255, 30, 10)
    return pixels


def write_picture(path, *, empty=False):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(empty=empty)).save(path)


@pytest.fixture
def photos(place):
    """Writes pictures: `photos("a.jpg", "sub/b.png", empty=True)`."""

    def make(*names, empty=False):
        for name in names:
            write_picture(name, empty=empty)

    return make


class _Stream(io.BytesIO):
    """Standard input of bytes."""

    @property
    def buffer(self):
        return self


@pytest.fixture
def stdin(monkeypatch):
    """Puts bytes on standard input."""

    def put(data):
        monkeypatch.setattr(sys, "stdin", _Stream(data))

    return put


@pytest.fixture
def jpeg():
    """The bytes of a picture: `jpeg()`, `jpeg(empty=True)`."""

    def make(*, empty=False):
        out = io.BytesIO()
        Image.fromarray(picture(empty=empty)).save(out, "JPEG", quality=95)
        return out.getvalue()

    return make


@pytest.fixture
def cut(nukki, red):
    """Runs `nukki remove` with the network of one convolution."""

    def run(*words):
        return nukki("remove", *words, *red)

    return run
