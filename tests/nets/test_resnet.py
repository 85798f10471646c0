from __future__ import annotations

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from net_files import near, noise, settled  # noqa: E402
from nukki.nets.resnet import Bottleneck, FrozenBatchNorm, ResNet  # noqa: E402

BLOCKS = (1, 2, 2, 2)


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 96), (61, 75), (33, 40)])
def test_dilation_is_the_strided_net_at_every_place(size):
    strided = settled(ResNet(BLOCKS, width=4))
    dilated = ResNet(BLOCKS, width=4, dilated=2).eval()
    dilated.load_state_dict(strided.state_dict())
    x = noise(1, 3, *size)
    coarse, fine = strided(x), dilated(x)
    for stage, step in enumerate((1, 1, 2, 4)):
        assert near(fine[stage][..., ::step, ::step], coarse[stage])


@torch.no_grad()
def test_maps_have_the_strides_they_are_said_to_have():
    maps = ResNet(BLOCKS, width=4).eval()(noise(2, 3, 65, 40))
    assert [tuple(m.shape) for m in maps] == [
        (2, 16, 17, 10),
        (2, 32, 9, 5),
        (2, 64, 5, 3),
        (2, 128, 3, 2),
    ]


@torch.no_grad()
@pytest.mark.parametrize("in_1x1", [True, False])
def test_a_stride_in_the_1x1_never_sees_odd_pixels(in_1x1):
    block = Bottleneck(8, 4, torch.nn.BatchNorm2d, stride=2, stride_in_1x1=in_1x1)
    settled(block)
    x = noise(1, 8, 12, 12)
    odd = x.clone()
    odd[:, :, 1::2] += 1
    assert block(x).shape == (1, 16, 6, 6)
    assert torch.equal(block(odd), block(x)) is in_1x1


@torch.no_grad()
def test_a_block_of_its_own_width_adds_its_input():
    block = settled(Bottleneck(16, 4, torch.nn.BatchNorm2d))
    block.bn3.weight.zero_()
    block.bn3.bias.zero_()
    x = noise(1, 16, 5, 7)
    assert torch.equal(block(x), x.clamp(min=0))


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.1])
def test_frozen_batch_norm_is_a_line_for_each_channel(eps):
    norm = settled(FrozenBatchNorm(3, eps=eps)).train()
    x = noise(2, 3, 4, 5)
    named = {key: value.numpy()[:, None, None] for key, value in norm.state_dict().items()}
    line = named["weight"] / np.sqrt(named["running_var"].astype(np.float64) + eps)
    wanted = (x.numpy() - named["running_mean"]) * line + named["bias"]
    assert np.allclose(norm(x).numpy(), wanted, atol=1e-5)
    assert list(norm.parameters()) == []
    assert set(named) == {"weight", "bias", "running_mean", "running_var"}


@torch.no_grad()
def test_a_batch_of_two_is_two_batches_even_while_training():
    frozen = partial(FrozenBatchNorm, eps=0.0)
    net = settled(ResNet(BLOCKS, frozen, width=4, stride_in_1x1=True)).train()
    x = noise(2, 3, 50, 34)
    for both, first, second in zip(net(x), net(x[:1]), net(x[1:]), strict=True):
        assert near(both, torch.cat([first, second]))
