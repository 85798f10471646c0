from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from net_files import near, noise, settled  # noqa: E402
from nukki.nets import build, convert  # noqa: E402
from nukki.nets.deeplabv3 import DeepLabV3, Pyramid  # noqa: E402

PARITY = Path(__file__).parent / "parity" / "deeplabv3_resnet101"


def small():
    return settled(DeepLabV3((1, 1, 1, 1), width=4, classes=5))


def test_keys_and_shapes_are_those_of_the_checkpoint():
    with torch.device("meta"):
        ours = build("deeplabv3_resnet101").state_dict()
    wanted = {key: shape for key, shape, _ in json.loads((PARITY / "keys.json").read_text())}
    assert {key: list(tensor.shape) for key, tensor in ours.items()} == wanted


def test_a_wrapper_may_have_put_its_name_before_the_keys():
    tensors = {"backbone.conv1.weight": torch.ones(1), "classifier.4.bias": torch.zeros(1)}
    wrapped = {f"module.{key}": tensor for key, tensor in tensors.items()}
    assert convert("deeplabv3_resnet101", wrapped) == tensors


def test_other_classes_are_refused_by_name():
    other = DeepLabV3((1, 1, 1, 1), width=4, classes=7)
    with pytest.raises(RuntimeError, match=r"classifier\.4\.weight"):
        small().load_state_dict(other.state_dict())


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (7, 50), (33, 40)])
def test_logits_have_the_size_of_the_picture(size):
    out, aux = small()(noise(1, 3, *size))
    assert out.shape == aux.shape == (1, 5, *size)
    assert bool(out.isfinite().all())


@torch.no_grad()
def test_a_batch_of_two_is_two_batches():
    net, x = small(), noise(2, 3, 40, 56)
    for both, first, second in zip(net(x), net(x[:1]), net(x[1:]), strict=True):
        assert near(both, torch.cat([first, second]))
        assert not near(first, second)


@torch.no_grad()
def test_the_pyramid_looks_twelve_cells_away_and_at_the_whole():
    pyramid = settled(Pyramid(8))
    x = noise(1, 8, 101, 101)
    moved = x.clone()
    moved[..., 50, 50] += 1
    for rate, branch in zip((12, 24, 36), pyramid.convs[1:4], strict=True):
        rows, columns = ((branch(moved) - branch(x)).abs().amax((0, 1)) > 0).nonzero().unbind(1)
        assert set(rows.tolist()) <= {50 - rate, 50, 50 + rate}
        assert {50 - rate, 50 + rate} <= set(columns.tolist()) <= {50 - rate, 50, 50 + rate}
    even = x - x.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(pyramid.convs[4](even), pyramid.convs[4](0 * x), atol=1e-5)


def test_three_channels_are_needed():
    with pytest.raises(RuntimeError, match="channels"):
        small()(noise(1, 4, 32, 32))
