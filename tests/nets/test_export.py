from __future__ import annotations

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

import torch.nn.functional as F  # noqa: E402 after the skip

from nukki.errors import ModelOutputError  # noqa: E402
from nukki.nets import export as exporting  # noqa: E402
from nukki.nets.efficientnet import Conv  # noqa: E402
from nukki.nets.pyramid import Attention, OneMap  # noqa: E402
from nukki.nets.weights import start_from  # noqa: E402
from nukki.runtime.sessions import get_session  # noqa: E402


def picture(height: int, width: int, seed: int = 0):
    return np.random.default_rng(seed).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)


class Tiny(torch.nn.Module):
    """In the place of `SubjectNet`: logits at half of the size, enlarged; the finest map first.

    Those layers of it that know of the size, once each, and wide ones: traced in a fifth of the
    time. The whole network is exported in tests/cli/test_train.py, at any size by a slow test.
    """

    def __init__(self):
        super().__init__()
        self.stem = Conv(3, 48, 3, stride=2)
        self.att = Attention(48, heads=4)
        torch.nn.init.normal_(self.att.answer.weight, std=0.1)
        conv = torch.nn.Conv2d
        self.wide = torch.nn.ModuleList([conv(48, 48, 5, padding=2) for _ in range(4)])
        self.last = OneMap(48)

    def forward(self, x):
        y = F.relu6(self.stem(x))
        coarse = self.att(F.avg_pool2d(y, 16))
        y = y + F.interpolate(coarse, scale_factor=16.0, mode="bilinear")
        for layer in self.wide:
            y = y + layer(y).relu()
        y = self.last(y)
        return [F.interpolate(y, scale_factor=2.0, mode="bilinear"), y]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network, its file, and what the export said."""
    torch.manual_seed(5)
    net = Tiny()
    path = tmp_path_factory.mktemp("export") / "subject.onnx"
    return net.eval(), path, exporting.export(net, path, [picture(64, 96), picture(96, 64, 1)])


def test_the_file_computes_what_the_network_does(exported):
    net, path, parity = exported
    assert parity.full < 1e-5
    assert parity.stored < exporting.STORED_TOLERANCE
    tensor = picture(160, 128, 2)
    with torch.no_grad():
        truth = net(torch.from_numpy(tensor))[0].sigmoid().numpy()
    answer = get_session(path, device="cpu").run({"image": tensor})["alpha"]
    assert answer.shape == truth.shape == (1, 1, 160, 128)
    # Of a picture that was not looked at when weights were rounded.
    assert np.abs(answer - truth).mean() < 5 * exporting.STORED_TOLERANCE


def test_it_takes_many_pictures_of_any_size_at_once(exported):
    _, path, _ = exported
    session = get_session(path, device="cpu")
    one, two = picture(32, 64, 3), picture(32, 64, 4)
    both = session.run({"image": np.concatenate([one, two])})["alpha"]
    np.testing.assert_allclose(both[1:], session.run({"image": two})["alpha"], atol=1e-5)


def test_it_is_stored_in_few_bytes_and_described_truly(exported):
    net, path, parity = exported
    data = path.read_bytes()
    assert parity.size_bytes == len(data)
    assert parity.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    shipped = sum(value.numel() for name, value in net.named_parameters())
    assert len(data) < 1.15 * shipped
    assert (parity.halves, parity.eighths) == (5, 4)  # most biases are not worth it


def test_the_file_says_nothing_of_where_it_was_made(exported):
    model = onnx.load(str(exported[1]))
    assert b"/site-packages/" not in model.SerializeToString()
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


def test_its_weights_can_be_started_from(exported):
    net, path, _ = exported
    again = Tiny()
    start_from(again, path)
    with torch.no_grad():
        tensor = torch.from_numpy(picture(64, 64, 7))
        truth, answer = net(tensor)[0].sigmoid(), again.eval()(tensor)[0].sigmoid()
    assert float((truth - answer).abs().mean()) < 2 * exporting.STORED_TOLERANCE


def test_a_file_that_computes_something_else_is_not_written(exported, tmp_path, monkeypatch):
    stranger = onnx.load(str(exported[1]))
    monkeypatch.setattr(exporting, "graph", lambda *_: stranger)
    path = tmp_path / "subject.onnx"
    with pytest.raises(ModelOutputError, match="off by"):
        exporting.export(Tiny(), path, [picture(32, 32)])
    assert not path.exists()
