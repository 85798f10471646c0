"""DeepFillv2: its attention against one written with loops, its gates, sizes, and names."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.nets import build, convert, parity_run  # noqa: E402 after the skip
from nukki.nets.deepfillv2 import (  # noqa: E402
    DeepFillV2,
    _Gated,
    composite,
    contextual_attention,
)
from nukki.nets.export import Ports, answers, graph  # noqa: E402


def noise(*shape, seed=2):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def prepared(count, height, width):
    """Pictures with a hole, a different one in each: (N, 5, H, W)."""
    x = torch.cat((noise(count, 3, height, width), torch.ones(count, 2, height, width)), 1)
    x[:, 4] = 0.0
    for number in range(count):
        x[number, 4, 8 + 16 * number : 40, 16:48] = 1.0
    x[:, :3] *= 1 - x[:, 4:]
    return x


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    result = DeepFillV2().eval()
    for layer in result.modules():  # as torch starts them, signals fade away
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    return result


def patch(grid, top, left, size):
    """A patch of (C, H, W), zero outside."""
    wider = np.pad(grid, ((0, 0), (4, 4), (4, 4)))
    return wider[:, top + 4 : top + 4 + size, left + 4 : left + 4 + size]


def attended(x, mask):
    """Contextual attention of (C, H, W) under a mask of its half size, place by place."""
    half = x[:, ::2, ::2]
    height, width = half.shape[1:]
    places = [(row, column) for row in range(height) for column in range(width)]
    seen = [patch(half, row - 1, column - 1, 3) for row, column in places]
    scores = np.array(
        [[(a * b).sum() / max(np.sqrt((b * b).sum()), 1e-4) for b in seen] for a in seen]
    )
    for order in (places, sorted(places, key=lambda place: (place[1], place[0]))):
        index = [places.index(place) for place in order]
        ordered, result = scores[np.ix_(index, index)], np.zeros_like(scores)
        for a in range(len(index)):
            for b in range(len(index)):
                for step in (-1, 0, 1):
                    if 0 <= a + step < len(index) and 0 <= b + step < len(index):
                        result[index[a], index[b]] += ordered[a + step, b + step]
        scores = result
    shows_hole = [patch(mask[None], row - 1, column - 1, 3).any() for row, column in places]
    scores[:, shows_hole] = -np.inf
    weights = np.exp(10 * (scores - scores.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    copies = np.array([patch(x, 2 * row - 1, 2 * column - 1, 4) for row, column in places])
    total = np.zeros((x.shape[0], x.shape[1] + 2, x.shape[2] + 2))
    times = np.zeros(total.shape[1:])
    for number, (row, column) in enumerate(places):
        here = np.s_[2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        total[:, here[0], here[1]] += np.tensordot(weights[number], copies, 1)
        times[here] += 1
    return (total / times)[:, 1:-1, 1:-1]


@pytest.mark.parametrize("size", [(8, 12), (10, 6)])
def test_attention_is_what_loops_give(size):
    x = noise(1, 2, *size) * 0.3  # short patches: so that the softmax is soft
    x[:, :, :4, :4] = 0.0  # and one without a length
    mask = torch.zeros(1, 1, 4 * size[0], 4 * size[1])
    mask[:, :, 4 * size[0] - 9 :, : 2 * size[1]] = 1.0
    result = contextual_attention(x, mask)[0].numpy()
    truth = attended(x[0].double().numpy(), mask[0, 0, ::8, ::8].numpy())
    np.testing.assert_allclose(result, truth, atol=1e-5)


def test_nothing_of_the_hole_is_copied():
    x = noise(1, 2, 16, 16) * 0.3
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 16:48, 16:48] = 1.0
    x[:, :, 4:12, 4:12] = 1000.0
    assert contextual_attention(x, mask).max() < 1


def test_a_picture_that_is_one_hole_gives_numbers():
    result = contextual_attention(noise(1, 2, 8, 8), torch.ones(1, 1, 32, 32))
    assert torch.isfinite(result).all()


def test_the_gate_is_the_second_half_of_the_channels():
    layer = _Gated(1, 1, 1)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1))
        layer.conv.bias.copy_(torch.tensor([0.0, 1.0]))
        x = torch.tensor([-2.0, 0.5]).reshape(1, 1, 1, 2)
        elu = np.array([np.expm1(-2.0), 0.5])
        gate = 1 / (1 + np.exp(-(3 * np.array([-2.0, 0.5]) + 1)))
        np.testing.assert_allclose(layer(x).numpy().ravel(), elu * gate, rtol=1e-5)
        layer.linear = True
        np.testing.assert_allclose(layer(x).numpy().ravel(), [-2.0, 0.5] * gate, rtol=1e-5)


def test_what_is_not_the_hole_stays_to_the_bit():
    x, painted = prepared(2, 72, 80), noise(2, 3, 72, 80, seed=5)
    filled, hole = composite(x, painted), x[:, 4:].bool().expand(-1, 3, -1, -1)
    assert torch.equal(filled[hole], painted[hole])
    assert torch.equal(filled[~hole], x[:, :3][~hole])


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = prepared(2, 72, 80)
    with torch.no_grad():
        coarse, fine = net(x)
        alone = [net(x[number : number + 1]) for number in range(2)]
    assert tuple(coarse.shape) == tuple(fine.shape) == (2, 3, 72, 80)
    assert -1 <= fine.min() < fine.max() <= 1
    assert (coarse - torch.cat([one for one, _ in alone])).abs().max() < 1e-4
    assert (fine - torch.cat([one for _, one in alone])).abs().max() < 1e-3


@pytest.mark.slow
def test_the_graph_takes_any_size(net):
    pytest.importorskip("onnxscript")
    ports = Ports({"image": ("n", 5, "h", "w")}, ("coarse", "fine"), multiple=8, least=72)
    model = graph(net, {"image": prepared(2, 80, 96)}, ports)
    inputs = [prepared(1, 88, 104), prepared(3, 128, 72)]
    given = answers(model.SerializeToString(), [{"image": x.numpy()} for x in inputs])
    for x, answer in zip(inputs, given, strict=True):
        with torch.no_grad():
            coarse, fine = net(x)
        np.testing.assert_allclose(answer["coarse"], coarse.numpy(), atol=1e-4)
        np.testing.assert_allclose(answer["fine"], fine.numpy(), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 4, 80, 80), (1, 6, 80, 80), (1, 5, 64, 80)])
def test_other_channels_and_too_small_pictures_are_refused(net, shape):
    with pytest.raises(RuntimeError, match=r"channels|Padding size"):
        net(torch.zeros(shape))


def test_a_run_tells_both_stages_and_the_filled_picture(net):
    x = prepared(1, 72, 72)
    with torch.no_grad():
        results = parity_run(net, "deepfillv2", "any", {"input": x})
    assert list(results) == ["stage1", "stage2", "fake_img"]
    assert torch.equal(results["fake_img"], composite(x, results["stage2"]))


def test_mmediting_s_file_is_read_without_its_discriminator(net):
    ours = net.state_dict()
    file = {f"generator.{name}".replace(".conv.", ".conv.conv."): ours[name] for name in ours}
    assert "generator.stage1.encoder.enc1.conv.conv.weight" in file
    assert "generator.stage2.contextual_attention_neck.conv1.conv.conv.bias" in file
    copying = "generator.stage2.contextual_attention_neck.contextual_attention"
    file[f"{copying}.fuse_kernel"] = torch.eye(3).reshape(1, 1, 3, 3)
    file["disc.convs.conv1.conv.weight_orig"] = torch.zeros(1)
    with torch.device("meta"):
        other = DeepFillV2()
    other.load_state_dict(convert("deepfillv2", file), strict=True, assign=True)
    assert len(file) == 85 + 1  # and the discriminator's


def test_it_has_as_many_weights_as_the_published_one():
    with torch.device("meta"):
        assert sum(p.numel() for p in build("deepfillv2").parameters()) == 4_414_908
