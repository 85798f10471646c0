"""Trimaps: what is known stays known, and the unknown band is where the definition has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from helpers import disc_truth, frozen
from nukki.errors import InputError
from nukki.ops.trimap import from_alpha, from_grey, keep_known, usual_radius


def by_definition(alpha, radius, low, high):
    """Every pixel against every other one."""
    y, x = (axis.ravel() for axis in np.indices(alpha.shape))
    near = np.hypot(y[:, None] - y, x[:, None] - x) <= radius + 0.5
    flat = alpha.ravel()
    solid = np.all(~near | (flat >= high), axis=1)
    gone = np.all(~near | (flat <= low), axis=1)
    trimap = np.where(solid, 255, np.where(gone, 0, 128))
    return trimap.reshape(alpha.shape).astype(np.uint8)


levels = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.9, 0.95, 0.96, 1.0]).map(np.float32)


@st.composite
def alphas(draw):
    """Flat, but for a few pixels: a dense one is unknown all over."""
    alpha = np.full(draw(array_shapes(min_dims=2, max_dims=2, max_side=14)), draw(levels))
    for _ in range(draw(st.integers(0, 3))):
        place = tuple(draw(st.integers(0, side - 1)) for side in alpha.shape)
        alpha[place] = draw(levels)
    return frozen(alpha)


@settings(max_examples=150, deadline=None)
@given(alphas(), st.integers(0, 8))
def test_the_band_is_the_definitions(alpha, radius):
    low, high = np.float32(0.05), np.float32(0.95)
    expected = by_definition(alpha, radius, low, high)
    np.testing.assert_array_equal(from_alpha(alpha, radius, low=low, high=high), expected)


def test_one_pixel_makes_a_disc_unknown():
    alpha = np.ones((9, 9), np.float32)
    alpha[4, 4] = 0
    expected = np.full((9, 9), 255, np.uint8)
    for row, half in zip(range(1, 8), (1, 2, 3, 3, 3, 2, 1), strict=True):
        expected[row, 4 - half : 5 + half] = 128
    np.testing.assert_array_equal(from_alpha(frozen(alpha), 3), expected)


def test_a_wider_band_only_takes_from_what_was_known():
    alpha = frozen(disc_truth(90, 120, 2))
    narrow, wide = from_alpha(alpha, 2), from_alpha(alpha, 7)
    assert ((wide == narrow) | (wide == 128)).all()
    assert (wide == 128).sum() > (narrow == 128).sum() > 0
    assert set(np.unique(wide)) == {0, 128, 255}


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0), (1.0, 255), (0.5, 128)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (20, 30)])
def test_flat_alphas(value, expected, shape):
    """The picture's rim is no border of the subject."""
    trimap = from_alpha(frozen(np.full(shape, value, np.float32)), 9)
    assert trimap.dtype == np.uint8
    assert trimap.shape == shape
    assert (trimap == expected).all()


def test_the_usual_band_grows_with_the_picture():
    assert usual_radius(100, 60) == 3
    assert usual_radius(800, 1000) == 10
    assert usual_radius(4000, 3000) == 40


def test_drawn_trimaps_have_three_levels():
    drawn = frozen(np.array([[0, 1, 127], [128, 254, 255]], np.uint8))
    np.testing.assert_array_equal(from_grey(drawn), [[0, 128, 128], [128, 128, 255]])


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)]
)
def test_what_is_no_drawn_trimap(wrong):
    with pytest.raises(InputError, match="`grey`") as caught:
        from_grey(wrong)
    assert caught.value.hint


def test_known_pixels_are_exact():
    trimap = frozen(np.array([[0, 128, 255]], np.uint8))
    alpha = frozen(np.array([[0.3, 0.4, 0.6]], np.float32))
    kept = keep_known(alpha, trimap)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, np.array([[0, 0.4, 1]], np.float32))
