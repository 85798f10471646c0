"""Structure measure: worked by hand, and the figures of the field's toolbox."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers import frozen, toolbox_example
from nukki.ops.structure import s_alpha

LEFT = frozen(np.repeat([[1, 1, 0, 0]], 4, axis=0).astype(bool))


def test_an_even_half():
    # Objects: 2 · .5 / (.25 + 1) = .8, twice. Parts: the truth is even in each, and so is the map.
    assert s_alpha(np.full((4, 4), 0.5, np.float32), LEFT) == pytest.approx(0.5 * 0.8 + 0.5)


def test_parts_that_are_uneven():
    # Everything marked: objects .5 · (2 / 2) + .5 · 0. The parts are still even.
    assert s_alpha(np.ones((4, 4), np.float32), LEFT) == pytest.approx(0.5 * 0.5 + 0.5)
    # A truth of the first column, centre at column 0: the left parts are columns 0 (all subject),
    # so a map of the first two columns is even on the left and uneven on the right, where the
    # truth is empty: 0 there. Right parts are 3 of 4 columns.
    truth = np.zeros((4, 4), bool)
    truth[:, 0] = True
    alpha = np.zeros((4, 4), np.float32)
    alpha[:, :2] = 1
    # Around it: 1 - alpha has 4 zeros and 8 ones: mean 2/3, deviation √(8/3 / 11).
    mean, spread = 2 / 3, np.sqrt((4 * 4 / 9 + 8 / 9) / 11)
    objects = 0.25 * 1 + 0.75 * 2 * mean / (mean**2 + 1 + spread)
    assert s_alpha(alpha, truth) == pytest.approx(0.5 * objects + 0.5 * 0.25)
    assert s_alpha(alpha, truth, weight=1) == pytest.approx(objects)
    assert s_alpha(alpha, truth, weight=0) == pytest.approx(0.25)


def test_truths_of_one_kind():
    alpha = np.array([[1, 0.5], [0, 0.1]], np.float32)
    assert s_alpha(alpha, np.ones((2, 2), bool)) == pytest.approx(0.4)
    assert s_alpha(alpha, np.zeros((2, 2), bool)) == pytest.approx(0.6)


def test_as_the_field_s_toolbox():
    levels, truth = toolbox_example()
    alpha = levels.astype(np.float32) / np.float32(255)
    assert s_alpha(alpha, truth) == pytest.approx(0.7663980086558184, abs=1e-7)


def test_a_single_pixel_in_the_corner():
    truth = np.zeros((3, 3), bool)
    truth[2, 2] = True
    assert s_alpha(truth.astype(np.float32), truth) == pytest.approx(1)


@given(
    arrays.arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32)),
    arrays.arrays(bool, (7, 9)),
)
@settings(deadline=None)
def test_range_and_perfection(alpha, truth):
    assert 0 <= s_alpha(alpha, truth) <= 1 + 1e-9
    assert s_alpha(truth.astype(np.float32), truth) == pytest.approx(1)
