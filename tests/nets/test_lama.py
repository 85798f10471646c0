"""LaMa: both ways through the spectrum, what they see, sizes, and names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from nukki.nets import build, convert  # noqa: E402 after the skip
from nukki.nets.export import Ports, answers, graph  # noqa: E402
from nukki.nets.lama import (  # noqa: E402
    FourierUnit,
    Lama,
    _spectrum_by_products,
    _values_by_products,
)

SIDES = st.integers(1, 40)


def noise(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def small() -> Lama:
    """Two blocks of 16 local and 48 global channels, its norms not the identity."""
    torch.manual_seed(1)
    net = Lama(width=8, blocks=2).eval()
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
        elif isinstance(layer, torch.nn.Conv2d):  # as torch starts them, signals fade away
            torch.nn.init.kaiming_normal_(layer.weight)
    return net


@pytest.fixture(scope="module")
def net():
    return small()


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES)
def test_products_give_the_spectrum_of_any_size(height, width):
    x = noise(2, 3, height, width, seed=height * 41 + width)
    result = _spectrum_by_products(x).numpy()
    truth = np.fft.rfft2(x.double().numpy(), norm="ortho")  # (2, 3, H, W // 2 + 1)
    assert result.shape == (2, 6, height, width // 2 + 1)
    np.testing.assert_allclose(result[:, 0::2], truth.real, atol=1e-5)
    np.testing.assert_allclose(result[:, 1::2], truth.imag, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES)
def test_products_give_back_values_also_where_no_picture_has_that_spectrum(height, width):
    """After a ReLU a spectrum is no real picture's any more; what is left out must not matter."""
    parts = noise(2, 6, height, width // 2 + 1, seed=height * 41 + width)
    result = _values_by_products(parts, torch.zeros(2, 3, height, width)).numpy()
    spectrum = parts[:, 0::2].double().numpy() + 1j * parts[:, 1::2].double().numpy()
    truth = np.fft.irfft2(spectrum, s=(height, width), norm="ortho")
    np.testing.assert_allclose(result, truth, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (17, 25), (64, 6), (1, 5)])
def test_both_ways_through_a_fourier_unit_agree(size):
    torch.manual_seed(4)
    unit = FourierUnit(8).eval()
    x = noise(2, 8, *size)
    with torch.no_grad():
        usual = unit(x)
        unit.products = True
        products = unit(x)
    assert (usual - products).abs().max() < 1e-5
    assert usual.abs().max() > 0.1


def test_both_ways_through_the_network_agree():
    net, x = small(), noise(1, 4, 48, 72)
    with torch.no_grad():
        usual = net(x)
        for layer in net.modules():
            if isinstance(layer, FourierUnit):
                layer.products = True
        products = net(x)
    assert (usual - products).abs().max() < 1e-5
    assert usual.std() > 0.01


def test_whoever_traces_a_fourier_unit_gets_products(monkeypatch):
    def forbidden(*args, **options):
        raise AssertionError("no transform of torch's own here")

    unit, x = FourierUnit(2).eval(), noise(1, 2, 6, 8)
    with torch.no_grad():
        usual = unit(x)
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        monkeypatch.setattr(torch.fft, "rfft2", forbidden)
        assert (unit(x) - usual).abs().max() < 1e-5


@pytest.mark.slow
def test_the_graph_has_products_and_takes_any_size(net):
    pytest.importorskip("onnxscript")
    ports = Ports({"image": ("n", 4, "h", "w")}, ("painted",), multiple=8, least=16)
    model = graph(net, {"image": noise(2, 4, 32, 48)}, ports)
    kinds = {node.op_type for node in model.graph.node}
    assert "MatMul" in kinds
    assert "DFT" not in kinds
    inputs = [noise(1, 4, 48, 72), noise(3, 4, 72, 40)]
    given = answers(model.SerializeToString(), [{"image": x.numpy()} for x in inputs])
    for x, answer in zip(inputs, given, strict=True):
        with torch.no_grad():
            np.testing.assert_allclose(answer["painted"], net(x).numpy(), atol=1e-5)


def test_every_place_sees_the_whole_picture():
    torch.manual_seed(4)
    unit = FourierUnit(4).eval()
    x = noise(1, 4, 16, 16)
    changed = x.clone()
    changed[:, :, 0, 0] += 5.0
    with torch.no_grad():
        difference = (unit(changed) - unit(x)).abs().amax(dim=(0, 1))
    assert (difference > 1e-4).float().mean() > 0.95


@pytest.mark.parametrize(
    ("size", "becomes"), [((16, 24), (16, 24)), ((40, 16), (40, 16)), ((17, 31), (24, 32))]
)
def test_it_paints_colours_in_multiples_of_eight(net, size, becomes):
    with torch.no_grad():
        result = net(noise(1, 4, *size))
    assert tuple(result.shape) == (1, 3, *becomes)
    assert 0 <= result.min() < result.max() <= 1


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = noise(2, 4, 24, 32)
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[:1]), net(x[1:])])
    assert (together - alone).abs().max() < 1e-5


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 5, 32, 32), (1, 4, 8, 32)])
def test_other_channels_and_too_small_pictures_are_refused(net, shape):
    with pytest.raises(RuntimeError, match=r"channels|Padding size"):
        net(torch.zeros(shape))


@pytest.mark.parametrize("before", ["", "model."])
def test_only_the_generator_is_taken_from_the_training_s_file(net, before):
    ours = net.state_dict()
    assert all(name.startswith("generator.model.") for name in ours)
    file = {before + name: tensor for name, tensor in ours.items()}
    others = ("discriminator.model0.0.weight", "loss_resnet_pl.impl.conv1.weight", "evaluator.x")
    file |= {before + name: torch.zeros(1) for name in others}
    kept = convert("lama", file)
    assert list(kept) == list(ours)
    Lama(width=8, blocks=2).load_state_dict(kept, strict=True)


def test_it_has_as_many_weights_as_the_published_one():
    with torch.device("meta"):
        net = build("lama")
    assert sum(p.numel() for p in net.parameters()) == 50_975_875
    assert len(net.state_dict()) == 989
