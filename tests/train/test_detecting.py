"""Who answers for what, and the losses, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from nukki.nets.detect import (  # noqa: E402 after the skip
    BINS,
    CLASSES,
    STRIDES,
    DetectNet,
    Detector,
    boxes_at,
    places,
)
from nukki.train import detecting  # noqa: E402
from nukki.train.box_augment import ABSENT, IGNORED  # noqa: E402
from nukki.train.detecting import Truth  # noqa: E402

SIDE = 512


def maps(side=SIDE, count=1, logit=-20.0, *, empty=False):
    """What is said where nothing is seen: boxes of three and a half strides each way, or none."""
    result = []
    for stride in STRIDES:
        y = torch.zeros(count, CLASSES + 4 * BINS, -(-side // stride), -(-side // stride))
        y[:, :CLASSES] = logit
        if empty:
            y[:, CLASSES::BINS] = 30.0  # sure of a distance of 0
        result.append(y)
    return result


def truth(corners=(), classes=(), ignored=()):
    return Truth(
        torch.tensor(corners, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(classes, dtype=torch.long),
        torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4),
    )


def owners(outputs, one):
    told = places(outputs)
    boxes = boxes_at(told.sides[0], told.points, told.strides)
    owner = detecting.assign(told.classes[0], boxes, told.points, told.strides, one)
    return owner, told


def say(outputs, level, x, y, number, sides):
    """Let a place be sure of a class and of whole distances in strides."""
    place = outputs[level][0, :, y, x]
    place[number] = 20.0
    place[CLASSES:] = 0.0
    for side, distance in enumerate(sides):
        place[CLASSES + side * BINS + distance] = 30.0


# --- boxes


def test_overlaps_by_hand():
    first = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 2, 2], [1, 1, 1, 1]])
    second = torch.tensor([[2.0, 0, 6, 4], [0, 0, 4, 4], [6, 0, 8, 2], [1, 1, 3, 3]])
    overlap, general = detecting.overlaps(first, second)
    np.testing.assert_allclose(overlap, [8 / 24, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(general, [8 / 24, 1, -(16 - 8) / 16, 0], atol=1e-6)


corner = st.integers(0, 40)


@given(st.tuples(*[corner] * 4), st.tuples(*[corner] * 4))
@settings(deadline=None)
def test_overlaps_against_pixels(one, other):
    """Boxes of whole pixels, drawn."""
    drawn = np.zeros((3, 40, 40), bool)
    boxes = []
    for number, (a, b, c, d) in enumerate((one, other)):
        left, right, top, bottom = min(a, b), max(a, b), min(c, d), max(c, d)
        drawn[number, top:bottom, left:right] = True
        boxes.append([left, top, right, bottom])
    low, high = np.minimum(*boxes)[:2], np.maximum(*boxes)[2:]
    around = np.prod(high - low)
    shared, either = (drawn[0] & drawn[1]).sum(), (drawn[0] | drawn[1]).sum()
    overlap, general = detecting.overlaps(*torch.tensor(boxes, dtype=torch.float32))
    wanted = shared / either if either else 0
    assert float(overlap) == pytest.approx(wanted, abs=1e-4)
    if around:
        assert float(general) == pytest.approx(wanted - (around - either) / around, abs=1e-4)


def test_the_focal_loss_by_hand():
    logits, wanted = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([1.0, 0.0, 0.6])
    found = detecting.focal(logits, wanted)
    for value, logit, target in zip(found.tolist(), logits.tolist(), wanted.tolist(), strict=True):
        score = 1 / (1 + math.exp(-logit))
        entropy = -target * math.log(score) - (1 - target) * math.log(1 - score)
        assert value == pytest.approx((target - score) ** 2 * entropy, rel=1e-5)


def test_sides_want_the_two_bins_around_a_distance():
    """A point at 100, 100 of stride 8 in a box 2.25, 0, 7 and 9 strides away: 9 is out of reach."""
    logits = torch.randn(1, 4, BINS, generator=torch.Generator().manual_seed(1))
    box = torch.tensor([[100 - 18.0, 100, 100 + 56, 100 + 72]])
    found = detecting._sides(logits, torch.tensor([[100.0, 100]]), torch.tensor([8.0]), box)
    chance = logits.log_softmax(dim=-1)[0]
    left = 0.75 * chance[0, 2] + 0.25 * chance[0, 3]
    wanted = -(left + chance[1, 0] + chance[2, 7] + chance[3, 7]) / 4
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)


# --- who answers


@pytest.mark.parametrize(("side", "level"), [(56, 0), (112, 1), (224, 2), (448, 3)])
def test_a_thing_is_answered_for_on_the_map_whose_boxes_fit(side, level):
    """Untrained places say boxes of seven strides."""
    low = SIDE // 2 - side // 2
    owner, told = owners(maps(), truth([[low, low, low + side, low + side]], [3]))
    assert (owner >= 0).any()
    assert set(told.strides[owner == 0].tolist()) == {STRIDES[level]}


def test_places_that_cannot_say_a_thing_do_not_answer_for_it():
    """150 pixels are more than two times seven strides of 8, however well a box there fits."""
    outputs = maps()
    box = [176, 176, 326, 326]
    owner, told = owners(outputs, truth([box], [3]))
    assert (told.strides[owner >= 0] >= 16).all()
    for y in outputs:  # all say the largest box that they can
        y[:, CLASSES + BINS - 1 :: BINS] = 30.0
    owner, told = owners(outputs, truth([box], [3]))
    strides = told.strides[owner >= 0]
    assert len(strides)
    assert (strides >= 16).all()
    points = told.points[owner >= 0]
    reach = torch.cat([points - torch.tensor(box[:2]), torch.tensor(box[2:]) - points], dim=1)
    assert (reach <= 7 * strides[:, None]).all()
    assert (reach >= 0).all()


def test_the_place_that_says_it_best_answers():
    outputs = maps()
    say(outputs, 1, 10, 12, 5, (2, 3, 1, 4))
    box = [160 - 32, 192 - 48, 160 + 16, 192 + 64]
    owner, told = owners(outputs, truth([box], [5]))
    (index,) = (
        (told.strides == 16) & (told.points == torch.tensor([160.0, 192])).all(dim=1)
    ).nonzero()[0]
    assert owner[index] == 0


def test_more_places_answer_for_what_is_seen_well():
    """Nine neighbours that say the same box are nine answers, of thirteen at most."""
    outputs = maps()
    for x in (15, 16, 17):
        for y in (15, 16, 17):
            say(outputs, 2, x // 1 - 8, y - 8, 0, (3 + x - 16, 3 + y - 16, 3 - x + 16, 3 - y + 16))
    middle = 8 * 32
    owner, told = owners(
        outputs, truth([[middle - 96, middle - 96, middle + 96, middle + 96]], [0])
    )
    answers = owner >= 0
    assert 9 <= int(answers.sum()) <= 13
    near = (told.strides == 32) & ((told.points - middle).abs() <= 32).all(dim=1)
    assert answers[near].all()


@pytest.mark.parametrize(
    ("box", "stride"),
    [
        ([9.0, 9, 12, 12], 8),  # between the finest places
        ([1.0, 100.5, 301, 103.5], 32),  # longer than stride 16 can say, and on no row of places
    ],
)
def test_a_thing_between_all_places_has_the_nearest(box, stride):
    owner, told = owners(maps(), truth([box], [2]))
    assert told.strides[owner >= 0].tolist() == [stride]
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert ((told.points[owner >= 0] - middle).abs() <= stride / 2).all()


def test_things_do_not_share_places():
    """Two people one behind the other: both are answered for."""
    boxes = [[100, 100, 200, 300], [110, 100, 210, 300]]
    owner, _ = owners(maps(), truth(boxes, [0, 0]))
    assert (owner == 0).any()
    assert (owner == 1).any()


def test_without_things_nobody_answers():
    owner, _ = owners(maps(), truth())
    assert (owner == -1).all()


# --- the whole


def perfect():
    """A thing of class 5 that one place is sure of, and no other knows of."""
    outputs = maps(empty=True)
    say(outputs, 1, 10, 12, 5, (2, 3, 1, 4))
    return outputs, [128.0, 144, 176, 256]


def test_a_perfect_prediction_costs_nothing():
    outputs, box = perfect()
    assert float(detecting.detect_loss(outputs, [truth([box], [5])])) < 1e-3


@pytest.mark.parametrize(
    ("other", "least"),
    [
        (truth([[128, 144, 176, 256]], [6]), 15),  # both classes are wrong
        (truth([[128, 144, 176, 300]], [5]), 0.3),
        (truth([[128, 144, 176, 256], [300, 300, 350, 350]], [5, 5]), 1.0),
        (truth(), 15),  # what is not there is seen
    ],
)
def test_what_is_wrong_costs(other, least):
    outputs, _ = perfect()
    assert float(detecting.detect_loss(outputs, [other])) > least


def test_ignored_regions_cost_nothing_and_others_do():
    outputs, box = perfect()
    one = detecting.detect_loss(outputs, [truth(ignored=[[150, 180, 170, 200]])])
    assert float(one) < 1e-3
    elsewhere = detecting.detect_loss(outputs, [truth(ignored=[[170, 180, 190, 200]])])
    assert float(elsewhere) > 15
    # What is a thing counts, in such a region too.
    inside = truth([box], [6], ignored=[[0, 0, SIDE, SIDE]])
    assert float(detecting.detect_loss(outputs, [inside])) > 15


def test_pictures_of_a_batch_are_judged_by_their_own_truths():
    outputs, box = perfect()
    both = [torch.cat([y, z]) for y, z in zip(outputs, maps(empty=True), strict=True)]
    assert float(detecting.detect_loss(both, [truth([box], [5]), truth()])) < 1e-3
    assert float(detecting.detect_loss(both, [truth(), truth([box], [5])])) > 15


@pytest.mark.parametrize(
    "one",
    [
        truth(),
        truth(ignored=[[0, 0, SIDE, SIDE]]),
        truth([[100, 100, 100, 100], [5, 5, 900, 900]], [0, 79]),
        truth([[100, 100, 180, 200]] * 40, [0] * 40),
    ],
)
def test_gradients_are_finite_whatever_is_there(one):
    outputs = [y.requires_grad_() for y in maps(logit=0.0)]
    loss = detecting.detect_loss(outputs, [one])
    assert loss.isfinite()
    loss.backward()
    for y in outputs:
        assert y.grad.isfinite().all()


def test_half_precision_is_judged_in_single():
    outputs, box = perfect()
    loss = detecting.detect_loss([y.bfloat16() for y in outputs], [truth([box], [5])])
    assert loss.dtype == torch.float32
    assert float(loss) < 1e-3


def test_rows_become_truths():
    rows = torch.full((2, 3, 5), float(ABSENT))
    rows[0, 0] = torch.tensor([1.0, 2, 3, 4, 17])
    rows[0, 2] = torch.tensor([5.0, 6, 7, 8, IGNORED])
    first, second = detecting.truths_of(rows)
    assert first.corners.tolist() == [[1, 2, 3, 4]]
    assert first.classes.tolist() == [17]
    assert first.ignored.tolist() == [[5, 6, 7, 8]]
    assert second.corners.shape == second.ignored.shape == (0, 4)
    assert second.classes.dtype == torch.long


# --- together


def test_a_small_network_learns_a_batch_by_heart():
    """Two pictures with a bright and a dark rectangle of two classes."""
    torch.manual_seed(0)
    net = DetectNet(0.5).train()
    x = torch.zeros(2, 3, 64, 64)
    boxes = [[12.0, 16, 36, 60], [24, 8, 60, 40]]
    for number, (left, top, right, bottom) in enumerate(np.array(boxes, int)):
        x[number, :, top:bottom, left:right] = 2.0 - 4 * number
    truths = [truth([box], [number]) for number, box in enumerate(boxes)]
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(40):
        loss = detecting.detect_loss(net(x), truths)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    with torch.no_grad():
        found, scores = Detector(net.eval())(x)
    for number, box in enumerate(boxes):
        best = scores[number].max(dim=1).values.argmax()
        assert int(scores[number, best].argmax()) == number
        overlap, _ = detecting.overlaps(found[number, best], torch.tensor(box))
        assert overlap > 0.7
