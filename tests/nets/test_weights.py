from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.errors import InputError  # noqa: E402
from nukki.nets.subject import SubjectNet  # noqa: E402
from nukki.nets.weights import start_from  # noqa: E402

ENCODER = [f"enc.{name}" for name in ("stem.c", "blocks.0.m.0.c", "blocks.0.m.1.c")]


def encoder_file(path: Path, **changes: np.ndarray) -> Path:
    """An .npz like MobileNetV2's, of all the encoder's layers, each filled with its number."""
    arrays = {}
    names = [name for name in SubjectNet().state_dict() if name.startswith("enc.")]
    for number, name in enumerate(name for name in names if name.endswith("weight")):
        weight = SubjectNet().state_dict()[name]
        arrays[f"{number:02d}.weight"] = np.full(weight.shape, number, np.float16)
        arrays[f"{number:02d}.bias"] = np.full(weight.shape[0], -number, np.float16)
    np.savez(path, **(arrays | changes))
    return path


def test_an_encoder_fills_the_encoder_in_network_order(tmp_path):
    net = SubjectNet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    filled, total = start_from(net, encoder_file(tmp_path / "mobilenet.npz"))
    assert (filled, total) == (102, len(before))
    for number, name in enumerate(ENCODER):
        assert (net.state_dict()[f"{name}.weight"] == number).all()
        assert (net.state_dict()[f"{name}.bias"] == -number).all()
    assert torch.equal(net.state_dict()["gp.weight"], before["gp.weight"])


def test_arrays_of_the_classifier_are_left_alone(tmp_path):
    path = encoder_file(tmp_path / "m.npz", **{"51.weight": np.zeros((1280, 320, 1, 1))})
    assert start_from(SubjectNet(), path)[0] == 102


def test_another_shape_is_refused_by_name(tmp_path):
    path = encoder_file(tmp_path / "m.npz", **{"00.weight": np.zeros((16, 3, 3, 3))})
    net = SubjectNet()
    before = net.enc.stem.c.weight.clone()
    with pytest.raises(InputError, match=r"enc\.stem\.c\.weight.*\(32, 3, 3, 3\)"):
        start_from(net, path)
    assert torch.equal(net.enc.stem.c.weight, before)


@pytest.mark.parametrize("name", ["weights.onnx", "weights.npz"])
def test_a_file_that_is_neither_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"not weights at all")
    with pytest.raises(InputError, match=name):
        start_from(SubjectNet(), path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        start_from(SubjectNet(), tmp_path / "nowhere.onnx")


def test_a_file_without_weights_of_this_network_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", lines=np.zeros(3))
    with pytest.raises(InputError, match="no weights of this network"):
        start_from(SubjectNet(), tmp_path / "other.npz")
