"""Boundary F: worked by hand, discs against SciPy's distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nukki.ops.contours import boundary_f, contour, within

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20)))


def block(top, bottom, left, right, size=(20, 20)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_contour_is_the_rim_inside_the_mask():
    drawn = contour(block(1, 4, 1, 5, (5, 6))).astype(int).tolist()
    assert drawn == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_the_rim_of_the_picture_is_no_contour():
    half = block(0, 4, 0, 2, (4, 4))
    assert np.flatnonzero(contour(half).any(axis=0)).tolist() == [1]
    assert not contour(np.ones((4, 4), bool)).any()


def test_discs_are_those_of_the_distance():
    from scipy.ndimage import distance_transform_edt

    mask = np.random.default_rng(0).random((30, 41)) < 0.01
    for reach in (0, 1, 2, 5, 60):
        assert np.array_equal(within(mask, reach), distance_transform_edt(~mask) <= reach)


def test_worked_f():
    truth, shifted = block(5, 15, 5, 15), block(5, 15, 7, 17)  # contours of 36 pixels each
    # Farther than one pixel from the other: of the left column 6 (not the 4 at and beside its
    # ends, which touch the other's rows), and the whole right column, 10.
    diagonal = np.hypot(20, 20)
    assert boundary_f(shifted, truth, tolerance=1 / diagonal) == pytest.approx(20 / 36)
    assert boundary_f(shifted, truth, tolerance=2 / diagonal) == 1
    assert boundary_f(block(16, 19, 16, 19), block(1, 3, 1, 3)) == 0


def test_the_tolerance_is_rounded_up_to_whole_pixels():
    # .008 of the diagonal of 20 × 20 is .23: one pixel. Of the outer contour the 4 corners are
    # farther from the inner one, √2. Two pixels are too many.
    truth = block(5, 15, 5, 15)
    assert boundary_f(block(6, 14, 6, 14), truth) == pytest.approx(2 / (1 + 36 / 32))
    assert boundary_f(block(7, 13, 7, 13), truth) == 0


def test_precision_and_recall_are_weighed_by_beta():
    truth = block(2, 6, 2, 6, (40, 40)) | block(30, 34, 30, 34, (40, 40))
    half = block(2, 6, 2, 6, (40, 40))  # precision 1, recall 1/2
    assert boundary_f(half, truth) == pytest.approx(2 / 3)
    assert boundary_f(half, truth, beta2=0.3) == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))


def test_without_a_contour():
    empty, full, some = np.zeros((9, 9), bool), np.ones((9, 9), bool), block(2, 5, 2, 5, (9, 9))
    assert boundary_f(empty, empty) == boundary_f(full, full) == 1
    assert boundary_f(some, empty) == boundary_f(empty, some) == boundary_f(some, full) == 0


@given(MASKS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_range_perfection_and_flips(mask, random):
    other = np.array([[random.random() < 0.5 for _ in row] for row in mask])
    score = boundary_f(mask, other)
    assert 0 <= score <= 1
    assert boundary_f(mask, mask) == 1
    assert boundary_f(other, mask) == pytest.approx(score)
    assert boundary_f(mask[::-1, ::-1], other[::-1, ::-1]) == pytest.approx(score)
