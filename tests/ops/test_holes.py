"""Around a hole: what is shown, how it is reduced, and that nothing outside is ever touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.holes import enlarged, filled, reduced, surroundings
from nukki.types import Box


def hole(height, width, box):
    mask = np.zeros((height, width), np.bool_)
    mask[box.slices()] = True
    return frozen(mask)


def picture(height, width, seed=0):
    return frozen(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def test_a_picture_within_the_limit_is_shown_whole():
    mask = hole(100, 100, Box(10, 10, 12, 12))
    assert surroundings(mask, 100) == (Box(0, 0, 100, 100), 1)
    assert surroundings(mask, 99)[0] == Box(0, 0, 76, 76)
    long = hole(1, 900, Box(400, 0, 410, 1))
    assert surroundings(long, 30) == (Box(0, 0, 900, 1), 1)
    assert surroundings(long, 30, least=36) == (Box(336, 0, 474, 1), 3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_hole_is_inside_and_the_square_is_kept(data):
    height, width = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    limit = data.draw(st.integers(16, 128))
    box = Box(left, top, right, bottom)
    part, factor = surroundings(hole(height, width, box), limit)
    assert box.within(part) == box
    assert part.within(Box(0, 0, width, height)) == part
    assert part.width / factor * part.height / factor <= limit * limit


def test_wide_holes_get_wide_surroundings():
    part, factor = surroundings(hole(2000, 3000, Box(1000, 900, 1400, 1000)), 500)
    assert part == Box(800, 700, 1600, 1200)
    assert factor == 2


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(0, 99))
def test_nothing_of_the_hole_is_left_in_small_pixels(height, width, factor, seed):
    random = np.random.default_rng(seed)
    mask = frozen(random.random((height, width)) < 0.1)
    image = picture(height, width, seed)
    other = frozen(np.where(mask[..., None], 255 - image, image))
    small, hidden = reduced(image, mask, factor)
    assert small.shape == (-(-height // factor), -(-width // factor), 3)
    assert hidden.shape == small.shape[:2]
    np.testing.assert_array_equal(reduced(other, mask, factor)[0][~hidden], small[~hidden])
    back = hidden.repeat(factor, axis=0).repeat(factor, axis=1)[:height, :width]
    assert (back | ~mask).all()
    assert hidden.any() == mask.any()


def test_enlarging_puts_things_where_they_were():
    ramp = np.arange(0, 240, 2, np.uint8)[None].repeat(60, axis=0)[..., None].repeat(3, axis=2)
    small, _ = reduced(frozen(ramp), hole(60, 120, Box(0, 0, 1, 1)), 7)
    large = enlarged(small, 7, 60, 120)
    assert large.shape == ramp.shape
    inner = np.s_[:, 7:-8]
    assert np.abs(large[inner].astype(int) - ramp[inner]).max() <= 1


def test_enlarging_by_one_is_nothing():
    image = picture(5, 6)
    assert enlarged(image, 1, 5, 6) is image


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_only_the_hole_is_replaced(share):
    image, colours = picture(40, 50), picture(20, 30, 7)
    mask = frozen(np.random.default_rng(1).random((40, 50)) < share)
    part = Box(10, 5, 40, 25)
    result = filled(image, mask, part, colours)
    inside = np.zeros((40, 50), np.bool_)
    inside[part.slices()] = mask[part.slices()]
    np.testing.assert_array_equal(result[~inside], image[~inside])
    np.testing.assert_array_equal(result[inside], colours[mask[part.slices()]])
