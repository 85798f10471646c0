from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.errors import InputError  # noqa: E402
from nukki.nets import build, convert  # noqa: E402
from nukki.nets.birefnet import BiRefNet, _tiles  # noqa: E402
from nukki.nets.swin import SwinEncoder  # noqa: E402

PARITY = Path(__file__).parent / "parity" / "birefnet_swin_v1_t"


@pytest.fixture(scope="module")
def net():
    return settled(BiRefNet(SwinEncoder(8, (2, 2, 2, 2), (1, 1, 2, 2))))


def test_keys_shapes_and_kinds_are_those_of_the_checkpoint():
    with torch.device("meta"):
        ours = build("birefnet_swin_v1_t").state_dict()
    found = {key: [list(t.shape), str(t.dtype).split(".")[1]] for key, t in ours.items()}
    stored = json.loads((PARITY / "keys.json").read_text(encoding="utf-8"))
    assert found == {key: [shape, kind] for key, shape, kind in stored}


def test_positions_within_windows_are_those_of_the_checkpoint(net):
    wanted = np.load(PARITY / "constants.npz")
    ours = {key: t.numpy() for key, t in net.state_dict().items() if key.endswith("_index")}
    assert len(ours) == 8
    for key, index in ours.items():
        np.testing.assert_array_equal(index, wanted[key])


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_are_taken_off(wrapper):
    tensors = {"bb.norm0.weight": torch.ones(1), "decoder.conv_out1.0.bias": torch.zeros(1)}
    wrapped = {f"{wrapper}{key}": tensor for key, tensor in tensors.items()}
    assert convert("birefnet_swin_v1_t", wrapped) == tensors


def test_tiles_lie_over_each_other_channel_by_channel():
    image = torch.stack([torch.arange(8).reshape(2, 4), 10 * torch.arange(8).reshape(2, 4)])[None]
    tiles = _tiles(image, 2)
    assert tiles.shape == (1, 8, 1, 2)
    assert tiles[0, :4, 0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert tiles[0, 4:, 0].tolist() == [[0, 10], [20, 30], [40, 50], [60, 70]]


@torch.no_grad()
@pytest.mark.parametrize("size", [(32, 32), (32, 96), (160, 64)])
def test_logits_have_the_size_of_the_picture(net, size):
    logits = net(noise(1, 3, *size))
    assert logits.shape == (1, 1, *size)
    assert bool(logits.isfinite().all())


@torch.no_grad()
def test_a_batch_of_two_is_two_batches(net):
    x = noise(2, 3, 64, 32)
    both, first, second = net(x), net(x[:1]), net(x[1:])
    spread = float(both.std())
    assert torch.allclose(both, torch.cat([first, second]), atol=1e-3 * spread)
    assert not torch.allclose(first, second, atol=0.1 * spread)


@torch.no_grad()
def test_the_encoder_sees_the_picture_at_half_size_too(net):
    seen = []
    hook = net.bb.register_forward_hook(lambda _, given, __: seen.append(tuple(given[0].shape)))
    net(noise(1, 3, 64, 96))
    hook.remove()
    assert seen == [(1, 3, 64, 96), (1, 3, 32, 48)]


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 3, 64, 33), (1, 4, 64, 64), (3, 64, 64)])
def test_other_inputs_are_refused(net, shape):
    with pytest.raises(InputError, match=r"multiples of 32.*got") as caught:
        net(noise(*shape))
    assert str(shape) in caught.value.message


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_graph_holds_for_other_sizes(net):
    """What belongs into which window is computed in the graph: traced at one size, run at others.

    Traced so small that every stage at half size has a single window.
    """
    pytest.importorskip("onnxscript")
    from nukki.nets.export import Ports, answers, graph

    ports = Ports({"image": ("n", 3, "h", "w")}, ("logits",))
    model = graph(net, {"image": torch.zeros(2, 3, 96, 160)}, ports).SerializeToString()
    for shape in [(1, 3, 32, 32), (3, 3, 96, 160), (1, 3, 288, 480)]:
        x = noise(*shape)
        with torch.no_grad():
            wanted = net(x).numpy()
        (found,) = answers(model, [{"image": x.numpy()}])
        assert np.abs(found["logits"] - wanted).max() < 1e-3 * wanted.std()
