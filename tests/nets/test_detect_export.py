"""The file of `detect`: proven against the network, free in its sizes, small; and its distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from nukki.nets import detect, detect_export  # noqa: E402
from nukki.nets.detect import DetectNet, Detector, start_from  # noqa: E402
from nukki.runtime.sessions import get_session  # noqa: E402


def picture(height, width, seed=0):
    return np.random.default_rng(seed).normal(size=(1, 3, height, width)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _fewer_blocks():
    """A network with every kind of block is traced in half of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect, "_REPEATS", (2, 1, 1))
        yield


def export(folder):
    """A network, its file, and what the export said."""
    torch.manual_seed(5)
    net = DetectNet(0.5)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if name.endswith("bias"):  # equal tensors are stored once
                tensor.add_(0.02 * torch.randn(tensor.shape))
    path = folder / "detect.onnx"
    return net, path, detect_export.export(net, path, [picture(64, 96), picture(64, 96, 1)])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A file for pictures of one size is traced in a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        ports = replace(detect_export.PORTS, inputs={"image": ("n", 3, 64, 96)})
        patch.setattr(detect_export, "PORTS", ports)
        return export(tmp_path_factory.mktemp("export"))


def agrees(exported, count, *sides):
    """The file against the network, on so many pictures of a size."""
    net, path, parity = exported
    assert parity.full < 1e-5
    assert parity.stored <= detect_export.STORED_TOLERANCE
    tensor = np.concatenate([picture(*sides, seed) for seed in range(count)])
    with torch.no_grad():
        boxes, scores = Detector(net)(torch.from_numpy(tensor))
    answer = get_session(path, device="cpu").run({"image": tensor})
    wanted = {"boxes": boxes.numpy(), "scores": scores.numpy()}
    assert {name: array.shape for name, array in answer.items()} == {
        name: array.shape for name, array in wanted.items()
    }
    assert detect_export.distance(answer, wanted) < 3 * detect_export.STORED_TOLERANCE


@pytest.mark.parametrize("count", [1, 3])
def test_the_file_computes_what_the_network_does(exported, count):
    agrees(exported, count, 64, 96)


@pytest.mark.slow
def test_the_file_takes_pictures_of_any_size(tmp_path):
    found = export(tmp_path)
    for size in ((1, 32, 32), (2, 96, 64), (3, 160, 224)):
        agrees(found, *size)


def test_training_goes_on_from_the_file(exported):
    net, path, _ = exported
    other = DetectNet(0.5)
    count = len(net.state_dict())
    assert start_from(other, path) == (count, count)
    for name, tensor in net.state_dict().items():
        step = tensor.abs().max() / 127
        assert (other.state_dict()[name] - tensor).abs().max() <= step, name


# --- the distance


def outputs(boxes, scores):
    return {"boxes": np.asarray(boxes, np.float32)[None], "scores": np.float32(scores)[None]}


@pytest.fixture
def pair():
    """300 places, of which the first hundred see something in a box of 20 x 80."""
    scores = np.zeros((300, 80))
    scores[:100, 7] = 0.6
    return outputs(np.tile([10, 10, 30, 90], (300, 1)), scores)


def test_what_is_equal_is_not_apart(pair):
    assert detect_export.distance(pair, pair) == 0


def test_a_score_counts_whatever_its_class(pair):
    other = {name: array.copy() for name, array in pair.items()}
    other["scores"][0, :50, 3] += 0.2
    assert detect_export.distance(other, pair) == pytest.approx(0.1)


def test_a_side_counts_in_parts_of_the_box(pair):
    other = {name: array.copy() for name, array in pair.items()}
    other["boxes"][0, :100, 2] += 4
    other["boxes"][0, :100, 0] += 1
    assert detect_export.distance(other, pair) == pytest.approx(4 / 40)


def test_boxes_of_places_that_see_nothing_do_not_count(pair):
    other = {name: array.copy() for name, array in pair.items()}
    other["boxes"][0, 100:] += 50
    assert detect_export.distance(other, pair) == 0
    other["scores"][0, 200:] = 0.9  # unless they say that they do
    assert detect_export.distance(other, pair) == pytest.approx(50 / 40)


def test_a_tiny_box_is_not_measured_finer_than_eight_pixels():
    one = outputs([[5, 5, 5, 5]], [[0.5]])
    other = outputs([[5, 5, 6, 5]], [[0.5]])
    assert detect_export.distance(other, one) == pytest.approx(1 / 8)
