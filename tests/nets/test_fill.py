"""`fill`: the smooth beginning, what the network sees, sizes, and its file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from nukki.nets.export import Ports, answers, graph  # noqa: E402 after the skip
from nukki.nets.fill import MULTIPLE, FillNet, smooth_fill  # noqa: E402

CELLS = st.integers(1, 3)


def noise(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def some_hole(height, width, seed=0):
    """A box and single pixels."""
    chance = np.random.default_rng(seed)
    hole = chance.random((height, width)) < 0.05
    top, left = chance.integers(0, height // 2), chance.integers(0, width // 2)
    hole[top : top + height // 2, left : left + width // 2] = True
    return torch.from_numpy(hole[None, None]).float()


def shown(height, width, seed=0):
    """What the network gets: (1, 4, H, W)."""
    hole = some_hole(height, width, seed)
    return torch.cat((noise(1, 3, height, width, seed=seed + 1) * (1 - hole), hole), 1)


def lively(dilations=(1, 4)):
    """A network whose every layer does something."""
    torch.manual_seed(3)
    net = FillNet(dilations).eval()
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
            torch.nn.init.normal_(layer.weight, std=0.02)
    return net


@pytest.fixture(scope="module")
def net():
    return lively()


# --- the smooth beginning


def halved(x):
    """Means of squares of two by two: (H, W, C)."""
    height, width, channels = x.shape
    return x.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


def doubled(x):
    """Bilinear between the middles of cells, the outermost continued."""
    for axis in (0, 1):
        count = x.shape[axis]
        place = (np.arange(2 * count) + 0.5) / 2 - 0.5
        low = np.floor(place).astype(int)
        part = (place - low).reshape(-1, *[1] * (2 - axis))
        before, after = (x.take(np.clip(low + step, 0, count - 1), axis) for step in (0, 1))
        x = before + part * (after - before)
    return x


def windowed(x, size):
    result = np.empty_like(x)
    for i, j in np.ndindex(x.shape[:2]):
        reach = size // 2
        window = x[max(0, i - reach) : i + reach + 1, max(0, j - reach) : j + reach + 1]
        result[i, j] = window.mean(axis=(0, 1))
    return result


def blended(sums, shares, coarser):
    trust = np.minimum(16 * shares, 1)
    return trust * sums / np.maximum(shares, 1e-6) + (1 - trust) * coarser


def slow_fill(picture, hole):
    """The same by plain loops over levels: (H, W, C) and (H, W), float64."""
    known = 1 - hole[..., None]
    levels = [(picture * known, known)]
    for _ in range(5):
        levels.append(tuple(halved(one) for one in levels[-1]))
    sums, shares = levels[-1]
    filled = np.zeros_like(sums) + sums.mean(axis=(0, 1)) / max(shares.mean(), 1e-6)
    for size in (15, 11, 7, 5, 3):
        filled = blended(windowed(sums, size), windowed(shares, size), filled)
    filled = blended(sums, shares, filled)
    for sums, shares in levels[-2::-1]:
        filled = blended(sums, shares, doubled(filled))
    return filled


@settings(max_examples=15, deadline=None)
@given(CELLS, CELLS, st.integers(0, 99))
def test_the_smooth_filling_against_plain_numpy(down, across, seed):
    height, width = down * MULTIPLE, across * MULTIPLE
    x = shown(height, width, seed)
    found = smooth_fill(x[:, :3], x[:, 3:])[0].permute(1, 2, 0).numpy()
    wanted = slow_fill(x[0, :3].permute(1, 2, 0).double().numpy(), x[0, 3].double().numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("colour", [0.0, 0.3, 1.0])
def test_around_a_hole_of_one_colour_there_is_one_colour(colour):
    hole = some_hole(96, 64)
    picture = torch.full((1, 3, 96, 64), colour) * (1 - hole)
    assert torch.allclose(smooth_fill(picture, hole), torch.tensor(colour), atol=1e-6)


def test_the_smooth_filling_keeps_what_is_known_and_invents_no_colours():
    x = shown(64, 96)
    picture, hole = x[:, :3], x[:, 3:]
    filled = smooth_fill(picture, hole)
    known = (hole == 0).expand_as(filled)
    assert torch.equal(filled[known], picture[known])
    assert filled.min() >= picture[known].min() - 1e-6
    assert filled.max() <= picture[known].max() + 1e-6


def test_a_hole_with_nothing_around_it_is_black_and_finite():
    everything = torch.ones(1, 1, 32, 32)
    assert not smooth_fill(torch.zeros(1, 3, 32, 32), everything).any()


# --- the network


def test_it_begins_as_the_smooth_filling():
    x = shown(64, 64)
    with torch.no_grad():
        found = FillNet().eval()(x)
    assert torch.allclose(found, smooth_fill(x[:, :3], x[:, 3:]), atol=1e-6)


def test_outside_the_hole_every_bit_is_the_pictures(net):
    x = shown(96, 64)
    with torch.no_grad():
        found = net(x)
    outside = (x[:, 3:] == 0).expand_as(found)
    assert torch.equal(found[outside], x[:, :3][outside])
    inside = found[~outside]
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert (inside - smooth_fill(x[:, :3], x[:, 3:])[~outside]).abs().mean() > 0.01


def test_a_pixel_of_the_hole_sees_the_whole_picture(net):
    x = shown(256, 256)
    row, column = (x[0, 3] > 0).nonzero()[1].tolist()
    x.requires_grad_()
    net.train()(x)[0, :, row, column].sum().backward()
    seen = x.grad[0, :3].abs().amax(dim=0)
    corners = [seen[:8, :8], seen[:8, -8:], seen[-8:, :8], seen[-8:, -8:]]
    assert all(corner.max() > 0 for corner in corners)
    net.eval()


def test_pictures_do_not_look_at_each_other(net):
    pair = torch.cat((shown(64, 64, 5), shown(64, 64, 6)))
    with torch.no_grad():
        together, alone = net(pair), net(pair[1:])
    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_every_layer_learns_in_bfloat16_too():
    net = lively().train()
    with torch.autocast("cpu", torch.bfloat16):
        found = net(shown(64, 64))
    assert found.dtype == torch.float32
    found.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


def test_it_fits_into_the_wheel_and_keeps_no_statistics():
    net = FillNet()
    assert 1_000_000 < sum(one.numel() for one in net.parameters()) < 4_000_000  # 2 bytes each
    assert list(net.buffers()) == []  # the average of the weights would not average these


@pytest.mark.slow
def test_the_file_computes_what_the_network_does_at_any_size(net):
    ports = Ports({"image": ("n", 4, "h", "w")}, ("filled",), multiple=32, least=32)
    model = graph(net, {"image": torch.cat((shown(64, 96), shown(64, 96, 4)))}, ports)
    pictures = [shown(64, 96), shown(32, 32), shown(192, 128), shown(320, 64)]
    given_back = answers(model.SerializeToString(), [{"image": one.numpy()} for one in pictures])
    for picture, answer in zip(pictures, given_back, strict=True):
        with torch.no_grad():
            wanted = net(picture).numpy()
        np.testing.assert_allclose(answer["filled"], wanted, atol=2e-4)
