from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.nets.agreement import difference, exact, judged, rounded  # noqa: E402


def test_figures_are_shares_of_large_values_and_plain_for_small_ones():
    truth = np.array([0.5, -0.25, 0.0, 0.0])
    off = difference([truth], [truth + np.array([0, 0.1, 0, 0])])
    assert off.largest == pytest.approx(0.1)
    assert off.rms == pytest.approx(0.05)
    assert off.mean == pytest.approx(0.025)
    large = difference([100 * truth], [100 * truth + np.array([0, 5, 0, 0])])
    assert large.largest == pytest.approx(0.1)


def test_the_worst_output_counts():
    one, two = np.zeros((2, 3)), np.ones(4)
    off = difference([one, two], [one + 1e-6, two - 1e-3])
    assert off.largest == pytest.approx(1e-3)


def test_another_shape_is_infinitely_far():
    assert difference([np.zeros((1, 2))], [np.zeros(2)]).largest == np.inf
    assert difference([np.zeros((0, 4))], [np.zeros((0, 4))]).largest == 0


def test_allowed_is_ten_times_what_rounding_costs():
    precise = np.linspace(0, 1, 50)
    truth = precise + 1e-4
    good = judged("a", [truth], [truth + 9e-4], [precise], things=False)
    assert good.agrees
    assert good.allowed.largest == pytest.approx(1e-3)
    assert not judged("a", [truth], [truth + 1.1e-3], [precise], things=False).agrees
    # A single wrong value is seen in the largest.
    spread = truth + np.where(np.arange(50) == 0, 1e-4, 0)
    assert judged("a", [truth], [spread], [truth], things=False).agrees is False


def test_where_rounding_costs_nothing_a_little_is_allowed():
    same = np.linspace(0, 1, 1000)
    near = judged("a", [same], [same + 1e-6], [same], things=False)
    assert near.agrees
    assert not judged("a", [same], [same + 1e-5], [same], things=False).agrees
    nothing = np.full_like(same, np.nan)
    assert not judged("a", [same], [nothing], [same], things=False).agrees


def things(*rows):
    """Boxes 10 × 10 at a place, with score, class and a mask of one value."""
    boxes = np.array([[x, x, x + 10, x + 10] for x, _, _, _ in rows], np.float32).reshape(-1, 4)
    scores, classes = (np.array([row[place] for row in rows], np.float32) for place in (1, 2))
    masks = np.array([[[row[3]]] for row in rows], np.float32).reshape(-1, 1, 1)
    return [boxes, scores, classes, masks]


FOUND = (0, 0.9, 1, 0.5), (50, 0.8, 1, 0.6), (90, 0.7, 2, 0.7)


def test_things_are_compared_whatever_their_order():
    off = difference(things(*FOUND), things(*reversed(FOUND)), things=True)
    assert (off.largest, off.missed) == (0, 0)
    other = (FOUND[0], (50, 0.8, 1, 0.65), FOUND[2])
    off = difference(things(*FOUND), things(*other), things=True)
    assert off.largest == pytest.approx(0.05, abs=1e-6)
    assert off.missed == 0


def test_things_that_only_one_finds_are_counted():
    assert difference(things(*FOUND), things(*FOUND[:2]), things=True).missed == pytest.approx(
        1 / 3
    )
    assert difference(things(*FOUND[:2]), things(*FOUND), things=True).missed == pytest.approx(
        1 / 3
    )
    elsewhere = (FOUND[0], FOUND[1], (95, 0.7, 2, 0.7))
    assert difference(things(*FOUND), things(*elsewhere), things=True).missed == pytest.approx(
        1 / 3
    )
    another_class = (FOUND[0], FOUND[1], (90, 0.7, 1, 0.7))
    off = difference(things(*FOUND), things(*another_class), things=True)
    assert off.missed == pytest.approx(1 / 3)
    assert difference(things(), things(), things=True).missed == 0
    assert difference(things(), things(*FOUND), things=True).missed == 1


def test_one_thing_is_not_the_partner_of_two():
    twice = (FOUND[0], FOUND[0])
    assert difference(things(*twice), things(FOUND[0]), things=True).missed == 0.5


def test_the_network_stays_in_float32():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 2)

        def forward(self, x, size=None):
            return (self.layer(x), x if size is None else size)

    net = Net()
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    inputs = {"x": values, "size": np.array([1, 2])}
    single, double = rounded(net, inputs), exact(net, [inputs])[0]
    assert (single[0].dtype, double[0].dtype) == (np.float32, np.float64)
    assert double[1].dtype == np.int64
    assert net.layer.weight.dtype == torch.float32
    assert 0 < difference([double[0]], [single[0]]).largest < 1e-6
