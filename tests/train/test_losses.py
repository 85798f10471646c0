"""The loss, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.train.losses import rim_weight, subject_loss  # noqa: E402 after the skip


def alpha(rows):
    return torch.tensor(rows, dtype=torch.float32)[None, None]


# --- the weight of the rim


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_a_rim_every_pixel_counts_once(value):
    assert torch.equal(rim_weight(torch.full((2, 1, 40, 40), value)), torch.ones(2, 1, 40, 40))


def test_the_weight_of_a_rim_by_hand():
    """Of 20 x 20 the surroundings are 3 x 3: on a straight rim a third of them is of the other."""
    truth = torch.zeros(1, 1, 20, 20)
    truth[..., 10:] = 1
    weight = rim_weight(truth)[0, 0]
    wanted = torch.ones(20, 20)
    wanted[:, 9:11] = 1 + 5 / 3
    assert torch.allclose(weight, wanted, atol=1e-5)


def test_the_weight_against_the_formula():
    """1 + 5 · |mean of the window within the picture - alpha|, pixel for pixel."""
    chance = np.random.default_rng(3)
    truth = chance.random((40, 60)).astype(np.float32)
    wanted = np.empty_like(truth)
    for y in range(40):
        for x in range(60):
            window = truth[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
            wanted[y, x] = 1 + 5 * abs(window.mean() - truth[y, x])
    found = rim_weight(torch.from_numpy(truth)[None, None])[0, 0].numpy()
    assert np.abs(found - wanted).max() < 1e-5


# --- the whole


def test_no_answer_where_there_is_nothing():
    """Logits of 0 are alphas of a half: log 2, and 1 - (0 + .16) / (8 + .16) for the IoU."""
    maps = [torch.zeros(1, 1, 2, 2)]
    loss = subject_loss(maps, torch.zeros(1, 1, 4, 4))
    assert float(loss) == pytest.approx(math.log(2) + 1 - 0.16 / 8.16, abs=1e-6)


def test_coarser_maps_count_by_their_shares():
    """The same answer at every size costs the same, .5 + .4 + .3 + .2 times over."""
    one = math.log(2) + 1 - 0.01 / 0.51
    maps = [torch.zeros(2, 1, side, side) for side in (16, 8, 4, 2, 1)]
    loss = subject_loss(maps, torch.zeros(2, 1, 32, 32))
    assert float(loss) == pytest.approx(2.4 * one, abs=1e-5)


def test_a_wrong_slope_costs_twice_its_size():
    """Alpha a half everywhere, truth half black, half white: worked out on 4 x 4 by hand.

    The window is 3 x 3 within the picture, so the two middle columns differ from it by 1/3, the
    outer ones by 0, and weights are 1 and 8/3. Entropy is log 2 in every pixel. Shared and either
    are sums over rows: 4 · (.5 · (8/3 + 1)) = 22/3, and 4 · (.5 + .5 · 8/3 + 8/3 + 1) = 22. The
    slope of the truth is 1 in one of three differences across, nowhere down.
    """
    truth = alpha([[0, 0, 1, 1]] * 4)
    loss = subject_loss([torch.zeros(1, 1, 4, 4)], truth)
    total = 4 * (1 + 8 / 3 + 8 / 3 + 1)
    slack = 0.01 * total
    iou = 1 - (22 / 3 + slack) / (22 + slack)
    assert float(loss) == pytest.approx(math.log(2) + iou + 2 / 3, abs=1e-5)


def test_coarser_maps_are_compared_with_the_mean_of_their_cell():
    """A cell half covered: the logit that costs least says a half."""
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., 4:] = 1
    finest = torch.where(truth > 0, 20.0, -20.0)

    def cost(logit):
        return float(subject_loss([finest, torch.full((1, 1, 1, 1), logit)], truth))

    assert cost(0.0) < cost(1.0)
    assert cost(0.0) < cost(-1.0)
    assert cost(0.0) - cost(0.05) == pytest.approx(0, abs=0.02)


def test_being_right_costs_next_to_nothing_and_being_wrong_much():
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 16:48, 16:48] = 1
    right = torch.where(truth > 0, 30.0, -30.0)
    assert float(subject_loss([right], truth)) < 1e-4
    assert float(subject_loss([-right], truth)) > 20


def test_pictures_count_alike_whatever_their_subject():
    """The mean over a batch is the mean of its pictures alone."""
    generator = torch.Generator().manual_seed(1)
    maps = [torch.randn(3, 1, side, side, generator=generator) for side in (16, 8)]
    truth = (torch.rand(3, 1, 32, 32, generator=generator) > 0.7).float()
    each = [float(subject_loss([m[n : n + 1] for m in maps], truth[n : n + 1])) for n in range(3)]
    assert float(subject_loss(maps, truth)) == pytest.approx(sum(each) / 3, abs=1e-5)


def test_the_loss_is_float32_and_falls_along_its_gradient():
    truth = alpha([[0, 0, 1, 1]] * 4)
    logits = torch.zeros(1, 1, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    loss = subject_loss([logits], truth)
    assert loss.dtype == torch.float32
    loss.backward()
    assert torch.sign(logits.grad[0, 0, 0]).tolist() == [1, 1, -1, -1]
