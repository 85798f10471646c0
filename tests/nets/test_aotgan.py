"""AOT-GAN: its gate, its sizes, and the two tables of names."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.nets import build, convert, parity_run  # noqa: E402 after the skip
from nukki.nets.aotgan import AotGan, _AotBlock, _normalised, _UpConv  # noqa: E402
from nukki.nets.export import Ports, answers, graph  # noqa: E402


def noise(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    return AotGan(width=8).eval()


def test_the_gate_s_logits_have_mean_minus_five_and_the_unbiased_deviation_ten():
    x = noise(2, 3, 5, 4) * 7 + 3
    result = _normalised(x).numpy()
    np.testing.assert_allclose(result.mean(axis=(2, 3)), -5, atol=1e-5)
    np.testing.assert_allclose(result.std(axis=(2, 3), ddof=1), 10, rtol=1e-5)
    assert np.isfinite(_normalised(torch.zeros(1, 2, 4, 4)).numpy()).all()


def test_a_gate_without_an_opinion_lets_the_sigmoid_of_minus_five_through():
    torch.manual_seed(3)
    block = _AotBlock(8).eval()
    with torch.no_grad():
        block.gate[1].weight.zero_()
        block.gate[1].bias.zero_()
        block.fuse[1].weight.zero_()
        block.fuse[1].bias.fill_(100.0)
        x = noise(1, 8, 12, 9)
        result = block(x).numpy()
    gate = 1 / (1 + np.exp(5.0))
    np.testing.assert_allclose(result, x.numpy() * (1 - gate) + 100 * gate, atol=1e-5)


def test_branches_look_one_two_four_and_eight_pixels_far():
    block = _AotBlock(8).eval()
    x = torch.zeros(1, 8, 32, 32)
    x[:, :, 16, 16] = 1.0
    for reach, branch in zip(
        (1, 2, 4, 8), (block.block00, block.block01, block.block02, block.block03), strict=True
    ):
        with torch.no_grad():
            branch[1].weight.fill_(1.0)
            branch[1].bias.zero_()
            rows = branch(x)[0, 0].sum(1).nonzero().flatten()
        assert rows.tolist() == [16 - reach, 16, 16 + reach]


def test_corners_stay_where_they_are_when_sides_are_doubled():
    layer = _UpConv(1, 1)
    with torch.no_grad():
        layer.conv.weight.zero_()
        layer.conv.weight[0, 0, 1, 1] = 1.0
        layer.conv.bias.zero_()
        result = layer(torch.tensor([[[[0.0, 3.0], [6.0, 9.0]]]]))[0, 0]
    np.testing.assert_allclose(result[0], [0, 1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(result[:, 3], [3, 5, 7, 9], atol=1e-6)


@pytest.mark.parametrize(("size", "becomes"), [((36, 40), (36, 40)), ((39, 45), (36, 44))])
def test_it_paints_colours_in_multiples_of_four(net, size, becomes):
    with torch.no_grad():
        result = net(noise(1, 4, *size))
    assert tuple(result.shape) == (1, 3, *becomes)
    assert -1 <= result.min() < result.max() <= 1


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = noise(2, 4, 36, 44)
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[:1]), net(x[1:])])
    # The gate amplifies rounding, and rounding depends on the size of the batch.
    assert (together - alone).square().mean().sqrt() < 1e-4


@pytest.mark.slow
def test_the_graph_takes_any_size(net):
    pytest.importorskip("onnxscript")
    ports = Ports({"image": ("n", 4, "h", "w")}, ("painted",), multiple=4, least=36)
    model = graph(net, {"image": noise(2, 4, 48, 40)}, ports)
    inputs = [noise(1, 4, 64, 52), noise(3, 4, 44, 80)]
    given = answers(model.SerializeToString(), [{"image": x.numpy()} for x in inputs])
    for x, answer in zip(inputs, given, strict=True):
        with torch.no_grad():
            painted = net(x).numpy()
        # The gate amplifies rounding.
        assert np.sqrt(np.square(answer["painted"] - painted).mean()) < 1e-4


@pytest.mark.parametrize("shape", [(1, 3, 40, 40), (1, 5, 40, 40), (1, 4, 32, 40)])
def test_other_channels_and_too_small_pictures_are_refused(net, shape):
    with pytest.raises(RuntimeError, match=r"channels|Padding size"):
        net(torch.zeros(shape))


def test_the_authors_hand_over_picture_and_mask(net):
    x = noise(1, 4, 36, 36)
    inputs = {"image": x[:, :3], "mask": x[:, 3:]}
    with torch.no_grad():
        assert torch.equal(parity_run(net, "aotgan", "any", inputs), net(x))
        assert torch.equal(parity_run(net, "aotgan_mmagic", "any", {"input": x}), net(x))


def theirs(name: str) -> str:
    """MMagic's name of a tensor: every convolution inside a module `conv`, activations inside."""
    part, place, *rest = name.split(".")
    if part == "middle":
        branch = rest[0].replace("block0", "blocks.")
        return f"generator.dilation_neck.model.{place}.{branch}.1.conv.{rest[-1]}"
    number = (int(place) + 1) // 2
    return f"generator.{part}.{part}.{number}.conv.{rest[-1]}"


def test_mmagic_s_file_is_the_same_network_under_other_names(net):
    ours = net.state_dict()
    file = {theirs(name): tensor for name, tensor in ours.items()}
    assert "generator.dilation_neck.model.7.blocks.3.1.conv.bias" in file
    assert "generator.decoder.decoder.2.conv.weight" in file
    file |= {"disc.disc.0.weight": torch.zeros(1), "loss_percep.vgg.mean": torch.zeros(1)}
    AotGan(width=8).load_state_dict(convert("aotgan_mmagic", file), strict=True)
    assert all(torch.equal(convert("aotgan_mmagic", file)[name], ours[name]) for name in ours)


def test_the_authors_names_are_ours(net):
    state = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
    AotGan(width=8).load_state_dict(convert("aotgan", state), strict=True)


def test_it_has_as_many_weights_as_the_paper_s():
    with torch.device("meta"):
        assert sum(p.numel() for p in build("aotgan").parameters()) == 15_200_835
