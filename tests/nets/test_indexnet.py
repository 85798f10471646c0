"""IndexNet: what an index block does, sizes, and both publishers' names."""

from __future__ import annotations

import json
import math

import pytest

torch = pytest.importorskip("torch")

from nukki.nets import build, convert  # noqa: E402 after the skip
from nukki.nets.indexnet import Decode, IndexBlock  # noqa: E402


class Says(torch.nn.Module):
    """A judge of an index block that has its mind made up."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, x):
        n, c, h, w = x.shape
        return torch.full((n, c, h // 2, w // 2), self.logit)


def picture(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 4 - 2


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    result = build("indexnet_official").eval()
    for layer in result.modules():  # as torch starts them, signals fade away
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.bias, std=0.1)
    return result


def test_four_judges_judge_the_four_pixels_of_a_cell_row_by_row():
    block = IndexBlock(3)
    logits = (-2.0, -0.5, 0.5, 3.0)
    for number, logit in enumerate(logits, 1):
        setattr(block, f"indexnet{number}", Says(logit))
    weighted, _, decoding = block(torch.ones(2, 3, 4, 6))
    said = [1 / (1 + math.exp(-logit)) for logit in logits]
    shares = [math.exp(value) / sum(map(math.exp, said)) for value in said]
    for values, result in ((said, decoding), (shares, weighted)):
        cell = torch.tensor(values).reshape(2, 2)
        assert torch.allclose(result, cell.repeat(2, 3, 2, 3), atol=1e-6)


def test_pooling_by_index_sums_up_to_a_weighted_mean():
    torch.manual_seed(3)
    block = IndexBlock(4).eval()
    with torch.no_grad():
        _, flat, _ = block(torch.full((1, 4, 8, 8), 0.7))
        weighted, pooled, decoding = block(x := picture(1, 4, 8, 8))
    assert torch.allclose(flat, torch.full_like(flat, 0.7), atol=1e-6)
    sums = weighted.unfold(2, 2, 2).unfold(3, 2, 2).sum(dim=(-1, -2))
    assert torch.allclose(pooled, sums, atol=1e-6)
    cells = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    assert bool((pooled <= cells.amax(-1)).all())
    assert bool((pooled >= cells.amin(-1)).all())
    assert float(decoding.min()) > 0
    assert float(decoding.max()) < 1


def test_a_step_of_the_decoder_places_each_value_by_its_index():
    step = Decode(2, 2)
    step.dconv = torch.nn.Identity()
    coarse, seen = picture(1, 1, 2, 3), torch.zeros(1, 1, 4, 6)
    index = torch.zeros(1, 1, 4, 6)
    index[..., 1::2, ::2] = 0.5  # bottom left of each cell
    placed, beside = step(coarse, seen, index)[0]
    assert torch.equal(placed[1::2, ::2], coarse[0, 0] * 0.5)
    assert float(placed.abs().sum()) == pytest.approx(float(coarse.abs().sum()) * 0.5)
    assert torch.equal(beside, seen[0, 0])


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_alpha_has_the_picture_s_size(net, size):
    with torch.no_grad():
        alpha = net(picture(1, 4, *size))
    assert tuple(alpha.shape) == (1, 1, *size)
    assert float(alpha.std()) > 0.01


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = picture(2, 4, 64, 32)
    with torch.no_grad():
        together = net(x)
        alone = torch.cat([net(x[:1]), net(x[1:])])
    assert not torch.allclose(alone[0], alone[1], atol=0.01)
    assert torch.allclose(together, alone, rtol=1e-3, atol=1e-3 * float(alone.std()))


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 5, 32, 32), (1, 4, 48, 32), (1, 4, 33, 32)])
def test_other_channels_and_sizes_are_refused(net, shape):
    with pytest.raises(RuntimeError, match=r"channels|size of tensor"):
        net(torch.zeros(shape))


def test_it_has_as_much_to_learn_as_published(net):
    assert sum(tensor.numel() for tensor in net.parameters()) == 5_953_515
    assert len(net.state_dict()) == 549


def test_the_authors_wrapped_file_loads(net):
    state = net.state_dict()
    wrapped = {f"module.{key}": tensor for key, tensor in state.items()}
    assert convert("indexnet_official", wrapped).keys() == state.keys()
    build("indexnet_official").load_state_dict(convert("indexnet_official", wrapped), strict=True)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("encoder.layers.0.conv.weight", "layer0.0.weight"),
        ("encoder.layers.0.bn.running_mean", "layer0.1.running_mean"),
        ("encoder.layers.1.0.conv.depthwise_conv.conv.weight", "layer1.0.conv.0.weight"),
        ("encoder.layers.1.0.conv.pointwise_conv.bn.bias", "layer1.0.conv.4.bias"),
        ("encoder.layers.4.3.conv.0.bn.weight", "layer4.3.conv.1.weight"),
        ("encoder.layers.4.3.conv.1.depthwise_conv.bn.weight", "layer4.3.conv.4.weight"),
        ("encoder.layers.7.0.conv.1.pointwise_conv.conv.weight", "layer7.0.conv.6.weight"),
        ("encoder.index_layers.1.index_blocks.0.0.bn.weight", "index2.indexnet1.1.weight"),
        ("encoder.index_layers.4.index_blocks.3.1.conv.weight", "index6.indexnet4.3.weight"),
        ("encoder.dconv.convs.0.bn.bias", "dconv_pp.aspp1.atrous_conv.1.bias"),
        ("encoder.dconv.convs.3.pointwise_conv.conv.weight", "dconv_pp.aspp4.atrous_conv.3.weight"),
        ("encoder.dconv.convs.4.1.conv.weight", "dconv_pp.global_avg_pool.1.weight"),
        ("encoder.dconv.project.0.bn.weight", "dconv_pp.bottleneck_conv.1.weight"),
        ("decoder.decoder_layers.0.conv.conv.weight", "decoder_layer6.dconv.0.weight"),
        ("decoder.decoder_layers.6.conv.bn.weight", "decoder_layer0.dconv.1.weight"),
        ("decoder.pred.0.conv.weight", "pred.0.0.weight"),
        ("decoder.pred.1.weight", "pred.1.weight"),
    ],
)
def test_mmediting_s_names_become_the_authors(net, theirs, ours):
    assert ours in net.state_dict()
    assert list(convert("indexnet_mmedit", {f"backbone.{theirs}": torch.empty(0)})) == [ours]


def test_every_name_of_mmediting_has_the_authors_in_the_same_place(shared):
    """Both files list their tensors in the same order, so that the order pairs them."""
    names = {}
    for publisher in ("official", "mmedit"):
        text = (shared / "parity" / f"indexnet_{publisher}" / "keys.json").read_text()
        names[publisher] = [key for key, _, _ in json.loads(text)]
    state = dict.fromkeys(names["mmedit"], torch.empty(0))
    assert list(convert("indexnet_mmedit", state)) == names["official"]
