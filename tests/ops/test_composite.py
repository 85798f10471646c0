"""Layers: what must be bit-identical is, in both depths and for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import disc_truth, frozen
from nukki.ops import composite
from nukki.ops.composite import Layer, bleed, compose, cover, sharpen

dtypes = st.sampled_from([np.uint8, np.uint16])
sides = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


def pixels(height, width, dtype, seed=0, channels=3):
    random = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    return frozen(random.integers(0, top, (height, width, channels), dtype, endpoint=True))


def full(height, width, value):
    return frozen(np.full((height, width), value, np.float32))


@settings(max_examples=40, deadline=None)
@given(sides, sides, dtypes, seeds)
def test_the_ends_of_over_are_bit_identical(height, width, dtype, seed):
    front, behind = pixels(height, width, dtype, seed), pixels(height, width, dtype, seed + 1)
    over = compose(front, full(height, width, 1), behind)
    assert over.dtype == dtype
    np.testing.assert_array_equal(over, front)
    np.testing.assert_array_equal(compose(front, full(height, width, 0), behind), behind)


@settings(max_examples=40, deadline=None)
@given(sides, sides, dtypes, seeds)
def test_over_lies_between_and_is_rounded_to_the_nearest(height, width, dtype, seed):
    front, behind = pixels(height, width, dtype, seed), pixels(height, width, dtype, seed + 1)
    alpha = frozen(np.random.default_rng(seed).random((height, width), np.float32))
    over = compose(front, alpha, behind)
    assert (over >= np.minimum(front, behind)).all()
    assert (over <= np.maximum(front, behind)).all()
    a = alpha[..., None].astype(np.float64)
    exact = a * front + (1 - a) * behind
    assert np.abs(over - exact).max() <= 0.5 + 1e-2


def test_over_with_itself_changes_nothing():
    front = pixels(9, 9, np.uint16)
    alpha = frozen(np.random.default_rng(5).random((9, 9), np.float32))
    np.testing.assert_array_equal(compose(front, alpha, front), front)


def test_one_colour_is_a_flat_picture():
    front, alpha = pixels(8, 5, np.uint8), full(8, 5, 0.25)
    colour = frozen(np.array([10, 200, 30], np.uint8))
    flat = frozen(np.broadcast_to(colour, (8, 5, 3)))
    np.testing.assert_array_equal(compose(front, alpha, colour), compose(front, alpha, flat))


def test_over_by_hand():
    front = frozen(np.array([[[200, 0, 255]]], np.uint8))
    over = compose(front, full(1, 1, 0.25), frozen(np.array([100, 50, 0], np.uint8)))
    assert over.tolist() == [[[125, 38, 64]]]  # 125, 37.5 to even, 63.75


def test_threads_do_not_change_a_byte(monkeypatch):
    monkeypatch.setattr(
        composite,
        "row_blocks",
        lambda height, width, pixels=0: iter(np.s_[i : i + 7] for i in range(0, height, 7)),
    )
    front, behind = pixels(60, 33, np.uint8), pixels(60, 33, np.uint8, 1)
    alpha = frozen(np.random.default_rng(2).random((60, 33), np.float32).round(1))
    for work in (
        lambda threads: compose(front, alpha, behind, threads=threads),
        lambda threads: Layer(front, alpha, wipe=True).joined(threads),
        lambda threads: Layer(front, alpha, wipe=False).joined(threads),
    ):
        np.testing.assert_array_equal(work(1), work(2))


@settings(max_examples=40, deadline=None)
@given(sides, sides, dtypes, seeds)
def test_joining_wipes_what_cannot_be_seen_and_nothing_else(height, width, dtype, seed):
    front = pixels(height, width, dtype, seed)
    top = np.iinfo(dtype).max
    alpha = np.random.default_rng(seed).choice(
        np.array([0, 0.4 / top, 0.6 / top, 0.5, 1], np.float32), (height, width)
    )
    alpha = frozen(alpha)
    wiped, kept = Layer(front, alpha, wipe=True).joined(), Layer(front, alpha, wipe=False).joined()
    assert wiped.dtype == dtype
    assert wiped.shape == (height, width, 4)
    np.testing.assert_array_equal(wiped[..., 3], np.rint(alpha * np.float32(top)))
    np.testing.assert_array_equal(kept[..., 3], wiped[..., 3])
    np.testing.assert_array_equal(kept[..., :3], front)
    seen = wiped[..., 3] > 0
    np.testing.assert_array_equal(wiped[seen][:, :3], front[seen])
    assert not wiped[~seen].any()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_joining_blocks_that_are_all_seen_or_all_hidden(value):
    front = pixels(12, 9, np.uint8)
    joined = Layer(front, full(12, 9, value), wipe=True).joined()
    np.testing.assert_array_equal(joined[..., :3], front if value else np.zeros_like(front))


# bleeding


@settings(max_examples=40, deadline=None)
@given(sides, sides, dtypes, seeds, st.floats(0, 1))
def test_bleeding_touches_hidden_pixels_only(height, width, dtype, seed, share):
    rgba = pixels(height, width, dtype, seed, channels=4).copy()
    rgba[..., 3][np.random.default_rng(seed).random((height, width)) > share] = 0
    rgba = frozen(rgba)
    spread = bleed(rgba)
    assert spread.dtype == dtype
    np.testing.assert_array_equal(spread[..., 3], rgba[..., 3])
    seen = rgba[..., 3] > 0
    np.testing.assert_array_equal(spread[seen], rgba[seen])
    if seen.any():  # averages lie between the colours that they average
        low, high = rgba[seen].min(axis=0)[:3], rgba[seen].max(axis=0)[:3]
        assert (spread[..., :3] >= low).all()
        assert (spread[..., :3] <= high).all()


def test_colours_spread_from_the_edge_that_is_near():
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[20:44, 8:32] = (250, 10, 20, 255)
    rgba[20:44, 32:56] = (10, 20, 250, 255)
    spread = bleed(frozen(rgba))
    left, right = spread[20:44, 5:8, :3].astype(int), spread[20:44, 56:59, :3].astype(int)
    assert np.abs(left - (250, 10, 20)).max() < 30
    assert np.abs(right - (10, 20, 250)).max() < 30
    assert spread[..., :3].reshape(-1, 3).any(axis=1).all()  # no black is left anywhere


def test_interpolated_edges_do_not_darken():
    """What bleeding is for: a reader that halves the picture sees no black."""
    rgba = np.zeros((65, 65, 4), np.uint8)
    rgba[21:45, 21:45] = (240, 200, 160, 255)
    rgba = frozen(rgba)

    def halved(values):
        return values[:64, :64, :3].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))

    edge = halved(rgba)[10:22, 10]
    assert edge.max() < 130
    assert np.abs(halved(bleed(rgba))[10:22, 10] - (240, 200, 160)).max() < 3


# backgrounds


def test_a_background_of_the_same_size_is_taken_as_it_is():
    behind = pixels(20, 30, np.uint8)
    np.testing.assert_array_equal(cover(behind, 20, 30), behind)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_flat_background_fills_any_size(height, width, own_height, own_width):
    behind = frozen(np.full((own_height, own_width, 3), (9, 130, 240), np.uint8))
    filled = cover(behind, height, width)
    assert filled.shape == (height, width, 3)
    assert filled.dtype == np.uint8
    assert (filled == (9, 130, 240)).all()


def test_the_middle_of_a_background_is_kept():
    behind = np.zeros((30, 90, 3), np.uint8)
    behind[:, 30:60] = 255
    assert cover(frozen(behind), 30, 30).min() == 255
    enlarged = cover(frozen(behind.transpose(1, 0, 2)), 60, 60)
    assert enlarged[6:-6].min() >= 250  # Lanczos rings at the black beyond the rim


# sharpening


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_sharpening_leaves_flat_colour_alone(dtype):
    flat = frozen(np.full((11, 7, 3), (0, 77, np.iinfo(dtype).max), dtype))
    result = sharpen(flat, 2.0)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, flat)


def test_sharpening_steepens_edges_and_stays_in_range():
    alpha = disc_truth(60, 60, softness=4)[..., None]
    picture = frozen(np.rint(60 + 120 * np.repeat(alpha, 3, axis=2)).astype(np.uint8))
    crisp = sharpen(picture, 1.0).astype(int)
    assert (
        np.abs(np.diff(crisp, axis=1)).max()
        > 1.15 * np.abs(np.diff(picture.astype(int), axis=1)).max()
    )
    assert crisp.max() > picture.max()
    harsh = sharpen(pixels(30, 30, np.uint8), 20.0)  # wraps around if it is not clipped
    assert np.isin([0, 255], harsh).all()
    np.testing.assert_array_equal(sharpen(picture, 0.0), picture)
