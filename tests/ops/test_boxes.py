"""Boxes as arrays: worked cases, and properties of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.errors import InputError
from nukki.ops.boxes import Boxes, areas, joined, no_boxes, overlap_matrix, shared_matrix
from nukki.ops.nms import overlaps

numbers = st.integers(0, 20)
things = st.lists(
    st.tuples(numbers, numbers, numbers, numbers, st.integers(0, 3), st.integers(0, 1)), max_size=12
)


def boxes(rows):
    """Boxes of (left, top, right, bottom, score, class)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(frozen(table[:, :4]), frozen(table[:, 4]), frozen(table[:, 5].astype(np.intp)))


def rows(found):
    return [
        (*corners, score, number)
        for corners, score, number in zip(
            found.corners.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
        )
    ]


FIRST = boxes([(1, 2, 3, 6, 0.5, 7), (0, 0, 10, 10, 0.25, 0)])


def test_areas_and_length():
    assert len(FIRST) == 2
    np.testing.assert_array_equal(FIRST.areas, [8, 100])
    np.testing.assert_array_equal(areas(frozen(np.array([[4, 4, 2, 8]], np.float32))), [0])


def test_scaling_and_moving():
    assert rows(FIRST.scaled(2, 0.5)) == [(2, 1, 6, 3, 0.5, 7), (0, 0, 20, 5, 0.25, 0)]
    assert rows(FIRST.moved(10, -1)) == [(11, 1, 13, 5, 0.5, 7), (10, -1, 20, 9, 0.25, 0)]
    assert FIRST.scaled(2, 0.5).corners.dtype == np.float32


def test_clipping_drops_what_lies_outside():
    found = boxes([(-5, -5, 3, 3, 0.5, 0), (8, 1, 12, 2, 0.5, 1), (10, 1, 12, 2, 0.5, 2)])
    assert rows(found.clipped(4, 10)) == [(0, 0, 3, 3, 0.5, 0), (8, 1, 10, 2, 0.5, 1)]


def test_choosing_by_numbers_mask_and_slice():
    assert rows(FIRST.chosen(np.array([1, 0]))) == rows(FIRST)[::-1]
    assert rows(FIRST.chosen(np.array([False, True]))) == rows(FIRST)[1:]
    assert rows(FIRST.chosen(slice(1))) == rows(FIRST)[:1]


def test_joining():
    assert rows(joined([FIRST, no_boxes(), FIRST])) == rows(FIRST) * 2
    nothing = joined([])
    assert (len(nothing), nothing.corners.dtype, nothing.classes.dtype) == (0, np.float32, np.intp)


def test_shapes_that_do_not_go_together():
    with pytest.raises(InputError, match="shapes"):
        Boxes(FIRST.corners, FIRST.scores[:1], FIRST.classes)
    with pytest.raises(InputError, match="shapes"):
        Boxes(FIRST.corners[:, :3], FIRST.scores, FIRST.classes)


@settings(deadline=None)
@given(things, st.randoms())
def test_the_order_does_not_depend_on_the_order(given_rows, random):
    mixed = random.sample(given_rows, len(given_rows))
    ordered = rows(boxes(mixed).in_order())
    assert ordered == rows(boxes(given_rows).in_order())
    assert [row[4] for row in ordered] == sorted((row[4] for row in ordered), reverse=True)


def test_ties_go_by_top_then_left_then_class():
    found = boxes([(5, 1, 9, 9, 0.5, 0), (5, 0, 9, 9, 0.5, 1), (4, 1, 9, 9, 0.5, 2)])
    assert found.in_order().classes.tolist() == [1, 2, 0]


@settings(deadline=None)
@given(things, things)
def test_matrices_agree_with_single_boxes(first, second):
    one, other = boxes(first).corners, boxes(second).corners
    matrix = overlap_matrix(one, other)
    assert matrix.shape == (len(first), len(second))
    for row, box in zip(matrix, one, strict=True):
        np.testing.assert_array_equal(row, overlaps(box, other))
    np.testing.assert_array_equal(overlap_matrix(other, one), matrix.T)
    shared = shared_matrix(one, other)
    assert (shared <= np.minimum(areas(one)[:, None], areas(other)[None])).all()
