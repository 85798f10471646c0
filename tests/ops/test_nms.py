"""Doubles are struck out: worked boxes, and properties of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.nms import overlaps, suppress

numbers = st.integers(0, 20)
things = st.lists(
    st.tuples(numbers, numbers, numbers, numbers, st.integers(0, 3), st.integers(0, 1)), max_size=15
)


def arrays(rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return frozen(table[:, :4]), frozen(table[:, 4] / 3), frozen(table[:, 5].astype(np.intp))


def test_worked_overlaps():
    box = frozen(np.array([0, 0, 4, 2], np.float32))
    others = [[0, 0, 4, 2], [2, 0, 6, 2], [2, 1, 4, 3], [4, 0, 8, 2], [1, 1, 1, 1], [3, 3, 2, 2]]
    found = overlaps(box, frozen(np.array(others, np.float32)))
    np.testing.assert_allclose(found, [1, 4 / 12, 2 / 10, 0, 0, 0], rtol=1e-6)
    point = frozen(np.array([1, 1, 1, 1], np.float32))
    np.testing.assert_array_equal(overlaps(point, point[None]), [0])


def test_the_better_one_stays_and_other_classes_are_left_alone():
    boxes, scores, classes = arrays(
        [
            (0, 0, 10, 10, 1, 0),
            (0, 0, 10, 9, 3, 0),  # strikes out the first
            (0, 0, 10, 10, 2, 1),  # another class
            (9, 9, 20, 20, 0, 0),  # hardly overlaps
        ]
    )
    np.testing.assert_array_equal(suppress(boxes, scores, classes, 0.5), [1, 2, 3])


def test_a_box_that_was_struck_out_strikes_out_nothing():
    # Each overlaps the next by 2/3; the middle one goes, so the last stays.
    boxes, _, classes = arrays([(0, 0, 10, 1, 0, 0), (2, 0, 12, 1, 0, 0), (4, 0, 14, 1, 0, 0)])
    scores = frozen(np.array([0.9, 0.8, 0.7], np.float32))
    np.testing.assert_array_equal(suppress(boxes, scores, classes, 0.5), [0, 2])


def test_overlap_at_the_threshold_is_allowed():
    boxes, scores, classes = arrays([(0, 0, 4, 2, 3, 0), (2, 0, 6, 2, 2, 0)])
    third = float(overlaps(boxes[0], boxes[1:])[0])
    np.testing.assert_array_equal(suppress(boxes, scores, classes, third), [0, 1])
    np.testing.assert_array_equal(suppress(boxes, scores, classes, third - 1e-6), [0])


def test_no_box_at_all():
    assert suppress(*arrays([]), 0.5).shape == (0,)


@settings(deadline=None)
@given(things, st.floats(0, 1))
def test_what_stays_is_apart_and_what_goes_has_a_better_neighbour(rows, threshold):
    boxes, scores, classes = arrays(rows)
    kept = suppress(boxes, scores, classes, threshold)
    assert (np.diff(scores[kept]) <= 0).all()
    for place in range(len(boxes)):
        near = (overlaps(boxes[place], boxes[kept]) > threshold) & (classes[kept] == classes[place])
        if place in kept:
            assert set(kept[near]) <= {place}
        else:
            assert scores[kept][near].max() >= scores[place]


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_against_the_plain_definition(seed):
    random = np.random.default_rng(seed)
    corner = random.random((60, 2)) * 20
    boxes = np.hstack([corner, corner + 1 + random.random((60, 2)) * 12]).astype(np.float32)
    scores, classes = random.random(60).astype(np.float32), random.integers(0, 2, 60)
    left = sorted(range(60), key=lambda place: -scores[place])
    expected = []
    while left:
        best = left.pop(0)
        expected.append(best)
        left = [o for o in left if classes[o] != classes[best] or plain(boxes, o, best) <= 0.4]
    np.testing.assert_array_equal(suppress(boxes, scores, classes, 0.4), expected)


def plain(boxes, one, two):
    a, b = boxes[one].tolist(), boxes[two].tolist()
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(area) - wide * high)
