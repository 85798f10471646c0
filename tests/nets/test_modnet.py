"""MODNet: its norm and weighting, its three maps, and the backbone that its file holds twice."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.nets import build, convert, parity_run  # noqa: E402 after the skip
from nukki.nets.modnet import IBNorm, Weighting  # noqa: E402


def picture(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    result = build("modnet").eval()
    for layer in result.modules():  # as torch starts them, signals fade away
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    return result


def test_half_the_channels_remember_and_half_look_at_the_picture():
    norm = IBNorm(4).eval()
    mean, variance = np.float32([0.5, -1.0]), np.float32([4.0, 0.25])
    gain, shift = np.float32([2.0, 0.5]), np.float32([1.0, -3.0])
    norm.bnorm.load_state_dict(
        {
            "weight": torch.from_numpy(gain),
            "bias": torch.from_numpy(shift),
            "running_mean": torch.from_numpy(mean),
            "running_var": torch.from_numpy(variance),
            "num_batches_tracked": torch.tensor(0),
        }
    )
    x = picture(2, 4, 5, 3).numpy()
    first, second = x[:, :2], x[:, 2:]
    scale = (gain / np.sqrt(variance + 1e-5))[:, None, None]
    remembered = (first - mean[:, None, None]) * scale + shift[:, None, None]
    own = second - second.mean(axis=(2, 3), keepdims=True)
    looked = own / np.sqrt((own**2).mean(axis=(2, 3), keepdims=True) + 1e-5)
    with torch.no_grad():
        result = norm(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(result, np.concatenate([remembered, looked], axis=1), atol=1e-5)


def test_instance_norm_has_no_weights():
    assert not [key for key in IBNorm(4).state_dict() if key.startswith("inorm")]


def test_channels_are_weighted_by_what_the_whole_picture_says():
    torch.manual_seed(3)
    weighting = Weighting(8)
    x = picture(2, 8, 3, 5)
    narrow, wide = (weighting.fc[turn].weight.detach().numpy() for turn in (0, 2))
    inside = np.maximum(x.numpy().mean(axis=(2, 3)) @ narrow.T, 0)
    weights = 1 / (1 + np.exp(-(inside @ wide.T)))
    with torch.no_grad():
        result = weighting(x).numpy()
    np.testing.assert_allclose(result, x.numpy() * weights[:, :, None, None], atol=1e-6)


@pytest.mark.parametrize("size", [(32, 64), (64, 96)])
def test_three_maps_and_what_ships_is_the_first(net, size):
    x = picture(1, 3, *size)
    with torch.no_grad():
        maps = parity_run(net, "modnet", "any", {"image": x})
        shipped = net(x)
    assert list(maps) == ["matte", "semantic", "detail"]
    assert tuple(maps["semantic"].shape) == (1, 1, size[0] // 16, size[1] // 16)
    assert maps["matte"].shape == maps["detail"].shape == (1, 1, *size)
    assert torch.equal(maps["matte"], shipped)
    for tensor in maps.values():
        assert 0 <= float(tensor.min()) < float(tensor.max()) <= 1


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = picture(2, 3, 64, 32)
    with torch.no_grad():
        together = net(x)
        alone = torch.cat([net(x[:1]), net(x[1:])])
    assert not torch.allclose(alone[0], alone[1], atol=0.01)
    assert torch.allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 4, 32, 32), (1, 3, 48, 32), (1, 3, 65, 32)])
def test_other_channels_and_sizes_are_refused(net, shape):
    with pytest.raises(RuntimeError, match=r"channels|Sizes of tensors"):
        net(torch.zeros(shape))


def test_it_has_as_much_to_learn_as_published(net):
    assert sum(tensor.numel() for tensor in net.parameters()) == 6_487_075


def test_the_published_file_holds_the_backbone_twice_and_the_network_once(net):
    state = net.state_dict()
    twice = {f"lr_branch.{key}": state[key] for key in state if key.startswith("backbone.")}
    assert len(state) + len(twice) == 751
    file = {f"module.{key}": tensor for key, tensor in {**state, **twice}.items()}
    converted = convert("modnet", file)
    assert converted.keys() == state.keys()
    build("modnet").load_state_dict(converted, strict=True)
