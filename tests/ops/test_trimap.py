"""Trimaps: what is known stays known, and the unknown band is where the definition has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from helpers import disc_truth, frozen
from nukki.errors import InputError
from nukki.ops import alpha as shape
from nukki.ops.trimap import (
    adaptive,
    check_trimap,
    enlarged,
    fixed,
    from_alpha,
    keep_known,
    reduced,
    snapped,
    usual_radius,
)


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
    assert usual_radius(40, 60) == 2
    assert usual_radius(800, 1000) == 20
    assert usual_radius(4000, 3000) == 80


@settings(max_examples=100, deadline=None)
@given(alphas(), st.data(), st.integers(1, 9))
def test_nothing_is_known_as_what_it_is_not(alpha, data, radius):
    """No erosion deletes: what either of the two sees, however thin, is known as it or unknown."""
    coarse = alpha.copy()
    for _ in range(data.draw(st.integers(0, 3))):
        place = tuple(data.draw(st.integers(0, side - 1)) for side in alpha.shape)
        coarse[place] = data.draw(levels)
    trimap = adaptive(alpha, frozen(coarse), radius)
    assert set(np.unique(trimap)) <= {0, 128, 255}
    for one in (alpha, coarse):
        assert (one[trimap == 255] >= 0.95).all()
        assert (one[trimap == 0] <= 0.05).all()


def test_thin_bars_and_slits_are_not_lost():
    alpha = np.zeros((60, 80), np.float32)
    alpha[:, 40:] = 1
    alpha[:, 10], alpha[:, 70] = 1, 0
    alpha = frozen(alpha)
    for trimap in (adaptive(alpha, alpha, 8), fixed(alpha, 6, 6), from_alpha(alpha, 6)):
        assert (trimap[:, 10] == 128).all()
        assert (trimap[:, 70] == 128).all()
        assert (trimap[:, 25] == 0).all()
        assert (trimap[:, 55] == 255).all()


def test_the_band_is_wide_at_what_is_soft_and_narrow_at_hard_edges():
    hard, soft = (np.tile(np.zeros(120, np.float32), (90, 1)) for _ in range(2))
    hard[:, 60:] = soft[:, 60:] = 1
    soft[:, 52:68] = np.linspace(0, 1, 16)
    hard, soft = frozen(hard), frozen(soft)
    narrow, wide = adaptive(hard, hard, 20), adaptive(soft, soft, 20)
    assert (narrow == 128)[45].sum() <= 10
    assert (wide == 128)[45].sum() >= 45


def test_slim_things_keep_a_core():
    """An arm that the band would cover keeps what is surely arm; a wide body has no such need."""
    alpha = np.zeros((100, 200), np.float32)
    alpha[:, 20:58] = alpha[:, 110:190] = 1
    soft = frozen(shape.gaussian(alpha, 4))
    trimap = adaptive(soft, soft, 24)
    assert (trimap[50, 37:41] == 255).all()
    assert (trimap[50, 145:155] == 255).all()
    inner = np.flatnonzero(trimap[50, 110:190] == 255)
    assert inner[0] >= 20  # the body's band is as wide as it is meant to be


@settings(max_examples=60, deadline=None)
@given(alphas(), st.integers(0, 6), st.integers(0, 6))
def test_a_fixed_band_is_the_definitions(alpha, inwards, outwards):
    inside = alpha >= 0.5
    y, x = (axis.ravel() for axis in np.indices(alpha.shape))
    away = np.hypot(y[:, None] - y, x[:, None] - x)
    flat = inside.ravel()
    front = flat & np.all((away > inwards + 0.5) | flat, axis=1)
    back = ~flat & np.all((away > outwards + 0.5) | ~flat, axis=1)
    expected = np.where(front, 255, np.where(back, 0, 128)).reshape(alpha.shape)
    np.testing.assert_array_equal(fixed(alpha, inwards, outwards), expected)


def test_drawn_trimaps_are_taken_as_they_are():
    drawn = frozen(np.array([[0, 128, 255]], np.uint8))
    trimap, note = snapped(drawn)
    np.testing.assert_array_equal(trimap, drawn)
    assert note is None


def test_nearly_three_values_are_snapped_with_a_note():
    drawn = np.tile(np.array([[2, 127, 130, 254]], np.uint8), (30, 10))
    drawn[0, 0] = 60  # the rim of an area
    trimap, note = snapped(frozen(drawn))
    np.testing.assert_array_equal(trimap[1], [0, 128, 128, 255] * 10)
    assert trimap[0, 0] == 128
    assert note.startswith("100.0% of the trimap")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((4, 4, 3), np.uint8), "(height, width)"),
        (np.zeros((4, 4), np.float32), "float32"),
        (np.zeros((0, 4), np.uint8), "(0, 4)"),
        (np.tile(np.arange(256, dtype=np.uint8), (9, 1)), "74% of it is between"),
        (np.full((9, 9), 128, np.uint8), "no foreground"),
        (np.tile(np.array([[0, 128]], np.uint8), (9, 9)), "no foreground"),
        (np.tile(np.array([[255, 128]], np.uint8), (9, 9)), "no background"),
    ],
)
def test_what_is_no_drawn_trimap(wrong, said):
    with pytest.raises(InputError, match="`trimap`") as caught:
        snapped(wrong)
    assert said in str(caught.value)
    assert caught.value.hint


def test_what_is_no_trimap_of_a_picture():
    check_trimap(np.zeros((3, 4), np.uint8), (3, 4))
    with pytest.raises(InputError, match="must be"):
        check_trimap(np.zeros((3, 4), np.uint8), (4, 3))
    with pytest.raises(InputError, match="got 7"):
        check_trimap(np.full((3, 4), 7, np.uint8), (3, 4))


def test_a_smaller_trimap_knows_what_half_of_a_block_does():
    large = np.full((4, 9), 128, np.uint8)
    large[:2, 0], large[2:, :2] = 255, 0
    large[:2, 4:6] = [[255, 255], [0, 255]]
    large[0, 2] = 255
    expected = [[255, 128, 128, 128, 128], [0, 128, 128, 128, 128]]
    np.testing.assert_array_equal(reduced(frozen(large), 2), expected)
    assert reduced(large, 1) is large


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_enlarged_and_reduced_it_is_the_same(factor, height, width):
    random = np.random.default_rng(height * width)
    small = frozen(random.choice(np.array([0, 128, 255], np.uint8), (height, width)))
    large = enlarged(small, 1 / factor, height * factor, width * factor)
    np.testing.assert_array_equal(large, small.repeat(factor, 0).repeat(factor, 1))
    np.testing.assert_array_equal(reduced(large, factor), small)


def test_known_pixels_are_exact():
    trimap = frozen(np.array([[0, 128, 255]], np.uint8))
    alpha = frozen(np.array([[0.3, 0.4, 0.6]], np.float32))
    kept = keep_known(alpha, trimap)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, np.array([[0, 0.4, 1]], np.float32))
