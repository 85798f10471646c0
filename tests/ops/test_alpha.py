"""What users do to an alpha, against naive versions and shapes that a hand can draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.alpha import (
    bounds,
    drop_specks,
    feather,
    fill_holes,
    gaussian,
    grow,
    keep_largest,
    levels,
    quantise,
)
from nukki.ops.distance import nearest
from nukki.types import Box

STEPS = frozen(np.linspace(0, 1, 4001, dtype=np.float32)[None])


def noise(height, width, seed=0):
    return frozen(np.random.default_rng(seed).random((height, width), np.float32))


def disc(size, radius, softness=1.0):
    y, x = np.mgrid[0:size, 0:size] - size // 2
    return frozen(np.clip((radius - np.hypot(y, x)) / softness + 0.5, 0, 1).astype(np.float32))


# quantise


def test_bytes_survive_the_way_to_floats_and_back():
    levels_ = np.arange(256, dtype=np.uint8)[None]
    alpha = levels_.astype(np.float32) / np.float32(255)
    quantised = quantise(frozen(alpha))
    assert quantised.dtype == np.uint8
    np.testing.assert_array_equal(quantised, levels_)


def test_rounding_is_monotone_to_the_nearest_and_unbiased():
    bytes_ = quantise(STEPS).astype(np.float64)
    assert (np.diff(bytes_) >= 0).all()
    error = bytes_ - STEPS.astype(np.float64) * 255
    assert np.abs(error).max() <= 0.5 + 1e-4
    assert abs(error.mean()) < 0.01  # truncation would give -0.5
    np.testing.assert_array_equal(quantise(frozen(np.array([[-1, 2]], np.float32))), [[0, 255]])


# levels


def test_levels_by_hand():
    alpha = frozen(np.array([[0, 0.2, 0.35, 0.5, 0.8, 1]], np.float32))
    np.testing.assert_allclose(levels(alpha, 0.2, 0.5), [[0, 0, 0.5, 1, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(levels(alpha, 0.0, 1.0), alpha, atol=1e-7)
    split = levels(alpha, 0.5, 0.5)
    assert split.dtype == np.float32
    np.testing.assert_array_equal(split, [[0, 0, 0, 0, 1, 1]])


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_levels_are_monotone_and_stay_in_range(one, two):
    low, high = sorted((one, two))
    if 0 < high - low < 1e-3:
        return
    result = levels(STEPS, low, high)
    assert result.dtype == np.float32
    assert (np.diff(result) >= 0).all()
    assert result.min() >= 0
    assert result.max() <= 1
    assert (result[np.float32(low) - np.float32(1e-6) >= STEPS] == 0).all()
    assert (result[np.float32(high) + np.float32(1e-6) <= STEPS] == 1).all()


# holes and pieces


def test_a_ring_becomes_solid():
    ring = np.maximum(disc(61, 24) - disc(61, 10), 0)
    filled = fill_holes(frozen(ring))
    np.testing.assert_allclose(filled, disc(61, 24), atol=1e-6)
    assert filled.dtype == np.float32


def test_the_soft_rim_of_a_hole_is_filled_too():
    alpha = np.ones((41, 41), np.float32)
    alpha[0] = 0
    hole = disc(41, 8, softness=6)
    filled = fill_holes(frozen(np.minimum(alpha, 1 - hole)))
    assert (filled[1:] >= 0.98).all()
    assert (filled[5:-5, 5:-5][hole[5:-5, 5:-5] > 0.02] == 1).all()
    assert (filled[0] == 0).all()


def test_a_shape_that_is_open_is_not_filled():
    ring = np.maximum(disc(61, 24) - disc(61, 12), 0)
    ring[28:33, 30:] = 0  # the mouth of a C
    ring = frozen(ring)
    np.testing.assert_array_equal(fill_holes(ring), ring)


def test_a_wall_of_one_diagonal_step_holds():
    mask = np.zeros((7, 7), np.float32)
    mask[[1, 2, 3, 4, 5, 4, 3, 2], [3, 4, 5, 4, 3, 2, 1, 2]] = 1  # a diamond, joined by corners
    assert fill_holes(frozen(mask)).sum() == 13


def pieces_of(*areas):
    """Squares in a row, of the given sides."""
    alpha = np.zeros((40, 45 * len(areas)), np.float32)
    for number, side in enumerate(areas):
        alpha[2 : 2 + side, 45 * number + 2 : 45 * number + 2 + side] = 0.9
    return frozen(alpha)


def test_specks_go_and_pieces_stay():
    alpha = pieces_of(30, 2, 4, 12)  # 900, 4, 16, 144: one hundredth of 900 is 9
    kept = drop_specks(alpha)
    assert kept.dtype == np.float32
    assert kept[:, 45:90].sum() == 0
    rest = np.delete(kept, np.s_[45:90], axis=1)
    np.testing.assert_array_equal(rest, np.delete(alpha, np.s_[45:90], axis=1))
    np.testing.assert_array_equal(drop_specks(alpha, share=0.0), alpha)
    assert np.count_nonzero(drop_specks(alpha, share=0.1)) == 900 + 144


def test_only_the_largest_piece_is_kept():
    alpha = pieces_of(10, 31, 30)
    kept = keep_largest(alpha)
    assert np.count_nonzero(kept) == 31 * 31
    np.testing.assert_array_equal(kept[:, 45:90], alpha[:, 45:90])


@pytest.mark.parametrize("what", [drop_specks, keep_largest, fill_holes])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_flat_alpha_stays_as_it_is(what, value):
    alpha = frozen(np.full((5, 8), value, np.float32))
    result = what(alpha)
    np.testing.assert_array_equal(result, alpha)
    assert result.flags.writeable  # the caller's own


# bounds


def test_bounds_are_half_open():
    alpha = np.zeros((10, 12), np.float32)
    assert bounds(frozen(alpha)) is None
    alpha[3, 5] = alpha[7, 2] = 0.5
    assert bounds(frozen(alpha)) == Box(2, 3, 6, 8)
    alpha[9, 11] = 0.4 / 255  # saved as 0
    assert bounds(frozen(alpha)) == Box(2, 3, 6, 8)
    alpha[9, 11] = 0.6 / 255
    assert bounds(frozen(alpha)) == Box(2, 3, 12, 10)
    assert bounds(frozen(alpha), least=0.45) == Box(2, 3, 6, 8)


# growing


def dilated(alpha, radius):
    """Largest value within `radius` + ½ pixels, pixel by pixel."""
    height, width = alpha.shape
    result = np.zeros_like(alpha)
    reach = range(-radius, radius + 1)
    for dy in reach:
        for dx in reach:
            if dy * dy + dx * dx > (radius + 0.5) ** 2:
                continue
            there = np.zeros_like(alpha)
            ys, xs = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
            yt, xt = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
            there[yt, xt] = alpha[ys, xs]
            result = np.maximum(result, there)
    return result


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 8, 9, 12])
@pytest.mark.parametrize("shape", [(23, 31), (1, 40), (40, 1), (4, 4)])
def test_growing_is_the_largest_value_in_a_disc(radius, shape):
    alpha = noise(*shape, seed=radius)
    grown = grow(alpha, radius)
    assert grown.dtype == np.float32
    rounding = 0 if radius <= 8 else 1 / 65535
    np.testing.assert_allclose(grown, dilated_far(alpha, radius), rtol=0, atol=rounding)


@pytest.mark.parametrize("radius", [129, 150.5, 400])
def test_large_radii_are_off_by_little_of_them(radius):
    height, width = 500, 700
    alpha = np.zeros((height, width), np.float32)
    alpha[200:240, 100:160] = 1
    alpha[30:34, 500:503] = 0.5
    grown = grow(frozen(alpha), radius)
    assert (grown >= alpha).all()
    solid, _, _ = nearest(alpha == 1)
    near, _, _ = nearest(alpha > 0)
    slack = 4 * math.ceil(radius / 128)  # pixels of the plane averaged down
    assert (grown[solid < radius - slack] == 1).all()
    assert not grown[near > radius + slack].any()
    shrunk = grow(frozen(1 - alpha), -radius)
    np.testing.assert_allclose(shrunk, 1 - grown, atol=1e-6)


def dilated_far(alpha, radius):
    """`dilated` on a larger canvas, so that discs wider than the picture are no trouble."""
    padded = np.pad(alpha, radius)
    inside = dilated(padded, radius)
    return inside[radius : radius + alpha.shape[0], radius : radius + alpha.shape[1]]


def test_growing_against_scikit_image():
    from skimage.morphology import dilation, disk

    alpha = np.zeros((61, 61), np.float32)
    alpha[30, 30] = 1
    for radius in (3, 6, 10):
        mine = grow(frozen(alpha), radius)
        # Their disc ends at radius, ours at radius + ½: between theirs and the next larger one.
        assert (mine >= dilation(alpha, disk(radius))).all()
        assert (mine <= dilation(alpha, disk(radius + 1))).all()
        assert abs(mine.sum() - math.pi * (radius + 0.5) ** 2) < 0.08 * mine.sum()


@settings(max_examples=40, deadline=None)
@given(st.floats(-6, 6), st.floats(0, 4), st.integers(0, 99))
def test_growing_is_monotone(pixels, more, seed):
    alpha = noise(18, 15, seed)
    less, much = grow(alpha, pixels), grow(alpha, pixels + more)
    assert (much >= less - 2e-5).all()
    assert less.shape == alpha.shape
    assert less.min() >= 0
    assert less.max() <= 1 + 1e-6
    if pixels >= 0:
        assert (less >= alpha).all()
    else:
        assert (less <= alpha + 1e-6).all()


def test_parts_of_a_pixel_lie_between():
    alpha = disc(41, 10)
    low, half, high = grow(alpha, 2), grow(alpha, 2.5), grow(alpha, 3)
    np.testing.assert_allclose(half, (low + high) / 2, atol=1e-6)
    assert low.sum() < half.sum() < high.sum()


def test_shrinking_is_growing_what_is_behind():
    alpha = noise(20, 20, 4)
    np.testing.assert_allclose(grow(alpha, -3), 1 - grow(frozen(1 - alpha), 3), atol=1e-6)
    solid = frozen(np.ones((9, 9), np.float32))
    np.testing.assert_array_equal(grow(solid, -2), solid)  # the rim of the photo is no edge


def test_shrinking_after_growing_gives_a_smooth_shape_back():
    alpha = disc(81, 20)
    back = grow(frozen(grow(alpha, 4)), -4)
    assert np.abs(back - alpha).mean() < 0.01
    assert np.abs(back - alpha).max() < 0.75
    assert (back >= alpha - 1e-6).all()  # a closing never takes anything away


# feathering


def convolved(plane, sigma):
    """The Gaussian by the book: cut at three sigma, the rim repeated."""
    reach = math.ceil(3 * sigma)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(plane.astype(np.float64), reach, mode="edge")
    rows = np.apply_along_axis(np.convolve, 0, padded, kernel, "valid")
    return np.apply_along_axis(np.convolve, 1, rows, kernel, "valid")


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.7, 8.0])
@pytest.mark.parametrize("shape", [(29, 40), (1, 30), (1, 1)])
def test_gaussian_against_the_book(sigma, shape):
    plane = noise(*shape, seed=3)
    smooth = gaussian(plane, sigma)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth, convolved(plane, sigma), atol=2e-6)


@pytest.mark.parametrize("sigma", [8.5, 12.0, 25.0])
def test_a_large_sigma_by_way_of_a_smaller_picture(sigma):
    plane = np.zeros((260, 260), np.float32)
    plane[:, 130:] = 1
    plane[100:160, 40:90] = 1
    smooth = gaussian(frozen(plane), sigma)
    assert smooth.shape == plane.shape
    error = np.abs(smooth - convolved(plane, sigma))
    assert error[20:-20, 20:-20].max() < 1 / 255
    assert error.max() < 4 / 255


def test_a_sigma_beyond_the_picture():
    plane = noise(5, 3)
    smooth = gaussian(plane, 400)
    assert smooth.shape == (5, 3)
    assert np.ptp(smooth) < 0.01
    assert plane.min() <= smooth.min() <= plane.max()


def test_feathering_keeps_the_mean_away_from_the_rim():
    alpha = disc(121, 20)
    soft = feather(alpha, 5)
    assert soft.sum() == pytest.approx(alpha.sum(), rel=1e-4)
    assert soft.max() <= 1 + 1e-6
    assert (np.abs(np.diff(soft, axis=1)).max()) < 0.1 < np.abs(np.diff(alpha, axis=1)).max()


def test_feathering_outwards_leaves_the_core_solid():
    alpha = disc(121, 20)
    soft = feather(alpha, 4, outwards=True)
    assert (soft >= alpha).all()
    assert (soft[alpha == 1] == 1).all()
    assert soft.sum() > alpha.sum() * 1.2
    both_ways = feather(alpha, 4)
    assert (both_ways[alpha == 1] < 1).any()


@pytest.mark.parametrize("outwards", [False, True])
def test_no_feather_is_an_own_copy(outwards):
    alpha = noise(6, 7)
    result = feather(alpha, 0, outwards=outwards)
    np.testing.assert_array_equal(result, alpha)
    assert result.flags.writeable
