"""`SubjectNet`: shapes, what its layers do, and names that checkpoints rely on."""

from __future__ import annotations

import hashlib

import pytest

torch = pytest.importorskip("torch")

from nukki.nets.efficientnet import Conv, Inverted  # noqa: E402 after the skip
from nukki.nets.subject import SubjectNet  # noqa: E402


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    return SubjectNet()


def test_training_gives_a_map_for_each_level(net):
    maps = net.train()(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, 1, 32, 48),
        (2, 1, 16, 24),
        (2, 1, 8, 12),
        (2, 1, 4, 6),
        (2, 1, 2, 3),
    ]


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_what_ships_is_the_finest_map_in_the_picture_s_size(net, size, monkeypatch):
    for block in net.enc.blocks:
        monkeypatch.setattr(block, "drop", 0.0)
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.no_grad():
        (shipped,) = net.eval()(x)
        finest = net.train()(x)[0]
    assert tuple(shipped.shape) == (1, 1, *size)
    wanted = torch.nn.functional.interpolate(finest, scale_factor=2.0, mode="bilinear")
    assert torch.equal(shipped, wanted)


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.no_grad():
        together = net.eval()(x)[0]
        alone = torch.cat([net(x[n : n + 1])[0] for n in range(3)])
    assert torch.allclose(together, alone, rtol=1e-3, atol=1e-3)


def test_names_and_shapes_of_weights_stay():
    """Checkpoints and shipped files are read by them.

    hashlib.sha256(repr([(name, tuple(t.shape)) for name, t in state]).encode())
    """
    state = SubjectNet().state_dict()
    assert len(state) == 212
    text = repr([(name, tuple(tensor.shape)) for name, tensor in state.items()])
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest[:16] == "bfd854bf8e2dc1fd"


def test_the_encoder_is_efficientnet_lite2(net):
    """The published network has 6,092,072 parameters (timm's `tf_efficientnet_lite2`).

    Less the classifier (1,281,000) and the last layer (352 · 1280 and a batch norm's 2 · 1280):
    weights and two numbers a channel for the batch norm, of which one is left here when it is
    folded.
    """
    weights = sum(p.numel() for p in net.enc.parameters() if p.ndim == 4)
    biases = sum(p.numel() for p in net.enc.parameters() if p.ndim == 1)
    assert weights + 2 * biases == 6_092_072 - 1_281_000 - 352 * 1280 - 2 * 1280


def test_training_leaves_residuals_out_and_keeps_their_mean():
    torch.manual_seed(5)
    block = Inverted(8, 8, 3, 2, 1, drop=0.25)
    x = torch.rand(1, 8, 6, 6).expand(400, -1, -1, -1)
    with torch.no_grad():
        full = block.eval()(x) - x
        seen = block.train()(x) - x
    left_out = (seen.abs().amax(dim=(1, 2, 3)) < 1e-6).float().mean()
    assert 0.17 < float(left_out) < 0.33
    kept = seen[seen.abs().amax(dim=(1, 2, 3)) >= 1e-6]
    torch.testing.assert_close(kept, full[: len(kept)] / 0.75, atol=1e-5, rtol=1e-5)


def test_the_first_residual_is_never_left_out_and_the_last_most(net):
    chances = [block.drop for block in net.enc.blocks]
    assert chances[0] == 0
    assert chances == sorted(chances)
    assert chances[-1] == 0.2


def test_the_network_is_small(net):
    assert sum(p.numel() for p in net.parameters()) < 4_700_000


def test_a_stride_of_two_pads_right_and_bottom():
    """TensorFlow's "SAME": the first output sees the pixels 0, 1, 2, the last one 2, 3 and zero."""
    conv = Conv(1, 1, 3, stride=2)
    with torch.no_grad():
        conv.c.weight.copy_(torch.arange(9.0).reshape(1, 1, 3, 3))
        conv.c.bias.fill_(0.5)
        x = torch.arange(16.0).reshape(1, 1, 4, 4)
        y = conv(x)[0, 0]
    # 0·0+1·1+2·2 + 3·4+4·5+5·6 + 6·8+7·9+8·10 = 258; the last: 0·10+1·11+3·14+4·15 = 113
    assert y.shape == (2, 2)
    assert float(y[0, 0]) == 258.5
    assert float(y[1, 1]) == 113.5


def test_attention_and_deeper_parts_begin_as_the_identity(net):
    """So they can be added to a network that is already trained."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        coarse = torch.rand(2, 128, 2, 3, generator=generator)
        assert torch.equal(net.att(coarse), coarse)
        for part, channels in zip(net.deep, (64, 48), strict=True):
            x = torch.rand(1, channels, 4, 4, generator=generator)
            assert torch.equal(part(x), x)


def test_attention_sees_every_place():
    torch.manual_seed(5)
    part = SubjectNet().att
    torch.nn.init.normal_(part.answer.weight)
    x = torch.rand(1, 128, 2, 4)
    moved = x[..., [2, 0, 3, 1]]
    with torch.no_grad():
        # Places have no code of their own: the same places elsewhere answer the same.
        assert torch.allclose(part(moved), part(x)[..., [2, 0, 3, 1]], atol=1e-5)
        changed = x.clone()
        changed[0, :, 1, 3] += torch.rand(128)
        difference = (part(changed) - part(x)).abs().sum(dim=1)[0]
    assert (difference > 0).all()


def test_every_weight_learns(net):
    """No layer is cut off: after one step from weights that are not zero all have a gradient."""
    torch.manual_seed(6)
    net = SubjectNet()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    sum(m.square().mean() for m in net.train()(x)).backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
