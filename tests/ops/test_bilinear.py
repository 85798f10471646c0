"""Bilinear sampling against values worked out by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.bilinear import magnified, sampled, span
from nukki.types import Box


def test_twice_as_large_lies_a_quarter_off_the_centres():
    """Pixel centres 0.25 and 0.75 between the source's; the rim repeats."""
    row = np.array([[0, 4, 8]], np.uint8)
    found = sampled(row, span(0, 1, 1, 1.0), span(0, 6, 3, 0.5))
    np.testing.assert_array_equal(found, [[0, 1, 3, 5, 7, 8]])
    assert found.dtype == np.float32


def test_a_part_equals_the_same_part_of_the_whole():
    planes = np.random.default_rng(1).random((4, 9, 7), np.float32)
    planes.flags.writeable = False
    whole = sampled(planes, span(0, 27, 9, 1 / 3), span(0, 21, 7, 1 / 3))
    part = sampled(planes, span(5, 19, 9, 1 / 3), span(8, 20, 7, 1 / 3))
    np.testing.assert_array_equal(part, whole[:, 5:19, 8:20])


def test_the_same_size_is_the_picture_itself():
    plane = np.random.default_rng(2).random((5, 6), np.float32)
    np.testing.assert_array_equal(sampled(plane, span(0, 5, 5, 1.0), span(0, 6, 6, 1.0)), plane)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.data())
def test_whole_factors_are_steps_of_their_inverse(height, width, factor, data):
    planes = frozen(np.random.default_rng(factor).random((2, height, width), np.float32))
    top = data.draw(st.integers(0, height * factor - 1))
    left = data.draw(st.integers(0, width * factor - 1))
    bottom = data.draw(st.integers(top + 1, height * factor))
    right = data.draw(st.integers(left + 1, width * factor))
    found = magnified(planes, factor, Box(left, top, right, bottom))
    rows, columns = span(top, bottom, height, 1 / factor), span(left, right, width, 1 / factor)
    np.testing.assert_allclose(found, sampled(planes, rows, columns), atol=1e-6)
