"""Weighted boxes fusion: worked by hand, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.errors import InputError
from nukki.ops.boxes import Boxes, no_boxes
from nukki.ops.fusion import fuse


def boxes(*rows):
    """Rows of left, top, right, bottom, score, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.intp))


@st.composite
def looks(draw):
    chance = np.random.default_rng(draw(st.integers(0, 10**6)))
    made = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(0, 6))
        low = chance.uniform(0, 60, (count, 2))
        corners = np.concatenate([low, low + chance.uniform(5, 40, (count, 2))], axis=1)
        scores = chance.uniform(0, 1, count)
        made.append(
            Boxes(
                corners.astype(np.float32),
                scores.astype(np.float32),
                chance.integers(0, 2, count).astype(np.intp),
            )
        )
    return made


def test_two_boxes_worked_by_hand():
    # Shared 9 × 10 = 90 of 110: IoU .818. Weights .9 and .6 of 1.5 together.
    fused, counts = fuse([boxes((0, 0, 10, 10, 0.9, 3)), boxes((1, 0, 11, 10, 0.6, 3))])
    np.testing.assert_allclose(fused.corners, [[0.4, 0, 10.4, 10]], rtol=1e-6)
    np.testing.assert_allclose(fused.scores, [0.75], rtol=1e-6)
    assert fused.classes.tolist() == [3]
    assert counts.tolist() == [2]


def test_the_mean_that_a_third_box_is_compared_with_has_moved():
    """0..10 and 2..12 fuse to 1..11; 3..13 overlaps that by 8/12, but the first by 7/13 only."""
    three = [
        boxes((0, 0, 10, 10, 0.5, 0)),
        boxes((2, 0, 12, 10, 0.5, 0)),
        boxes((3, 0, 13, 10, 0.4, 0)),
    ]
    fused, counts = fuse(three, overlap=0.6)
    assert counts.tolist() == [3]
    left = (0 * 0.5 + 2 * 0.5 + 3 * 0.4) / 1.4
    np.testing.assert_allclose(fused.corners, [[left, 0, left + 10, 10]], rtol=1e-5)
    np.testing.assert_allclose(fused.scores, [1.4 / 3], rtol=1e-6)
    apart, counts = fuse([three[0], three[2]], overlap=0.6)
    assert len(apart) == 2
    assert counts.tolist() == [1, 1]


def test_what_one_look_of_three_saw_is_worth_a_third():
    fused, counts = fuse([boxes((0, 0, 10, 10, 0.9, 0)), no_boxes(), no_boxes()])
    np.testing.assert_allclose(fused.scores, [0.3], rtol=1e-6)
    assert counts.tolist() == [1]


def test_classes_stay_apart():
    fused, _ = fuse([boxes((0, 0, 10, 10, 0.9, 0)), boxes((0, 0, 10, 10, 0.8, 1))])
    assert fused.classes.tolist() == [0, 1]


def test_two_boxes_of_one_look_stay_two_and_each_finds_its_own():
    pair = boxes((0, 0, 10, 10, 0.9, 0), (2, 0, 12, 10, 0.8, 0))
    fused, counts = fuse([pair, boxes((2, 0, 12, 10, 0.7, 0), (0, 0, 10, 10, 0.6, 0))])
    assert counts.tolist() == [2, 2]
    np.testing.assert_allclose(fused.corners, [[0, 0, 10, 10], [2, 0, 12, 10]], atol=1e-5)
    np.testing.assert_allclose(fused.scores, [0.75, 0.75], rtol=1e-6)


def test_the_best_overlap_wins_and_not_the_first():
    first = boxes((0, 0, 10, 10, 0.9, 0), (3, 0, 13, 10, 0.8, 0))
    fused, _ = fuse([first, boxes((2.5, 0, 12.5, 10, 0.5, 0))], overlap=0.3)
    assert sorted(fused.corners[:, 0].tolist()) == pytest.approx(
        [0, (3 * 0.8 + 2.5 * 0.5) / 1.3], rel=1e-5
    )


def test_nothing_at_all():
    fused, counts = fuse([no_boxes(), no_boxes()])
    assert (len(fused), len(counts)) == (0, 0)


def test_boxes_that_are_worth_nothing_have_corners_all_the_same():
    fused, _ = fuse([boxes((1, 2, 3, 4, 0.0, 0))])
    np.testing.assert_allclose(fused.corners, [[1, 2, 3, 4]], rtol=1e-5)


@settings(deadline=None)
@given(looks())
def test_what_holds_of_every_fusion(given_looks):
    fused, counts = fuse(given_looks)
    total = sum(len(one) for one in given_looks)
    assert counts.sum() == total, "every box is in one group, and no look twice in any"
    assert (counts <= len(given_looks)).all()
    assert (np.diff(fused.scores) <= 0).all()
    scores = sum(float(one.scores.sum()) for one in given_looks)
    np.testing.assert_allclose(fused.scores.sum() * len(given_looks), scores, atol=1e-3)
    if total:
        every = np.concatenate([one.corners for one in given_looks])
        assert (fused.corners >= every.min(axis=0) - 1e-3).all()
        assert (fused.corners <= every.max(axis=0) + 1e-3).all()


@settings(deadline=None)
@given(looks())
def test_one_look_twice_is_that_look_where_it_has_no_doubles(given_looks):
    one = given_looks[0]
    fused, counts = fuse([one, one], overlap=0.999)
    assert (counts == 2).all()
    order = np.argsort(-one.scores, kind="stable")
    np.testing.assert_allclose(fused.corners, one.corners[order], rtol=1e-5)
    np.testing.assert_allclose(fused.scores, one.scores[order], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("given_looks", "overlap"), [([], 0.5), ([no_boxes()], 0.0),
                                                      ([no_boxes()], 1.0)])  # fmt: skip
def test_what_cannot_be_fused(given_looks, overlap):
    with pytest.raises(InputError, match="overlap"):
        fuse(given_looks, overlap=overlap)
