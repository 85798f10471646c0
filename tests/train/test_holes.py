"""Holes to learn on: how large, of what shape, where, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.train import holes
from nukki.train.holes import MOST, boxes, draw_hole, placed, silhouette, strokes

SEEDS = st.integers(0, 10**6)


def disc(radius=20):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return y * y + x * x <= radius * radius


def standing():
    """Tall and narrow, with a gap at half its height on the left."""
    shape = np.ones((60, 20), np.bool_)
    shape[28:32, :12] = False
    return shape


# --- silhouettes


def test_a_silhouette_is_the_thing_cut_out():
    alpha = np.zeros((50, 70), np.uint8)
    alpha[10:30, 20:45] = 200
    alpha[12:14, 22:24] = 100  # less than half: not the thing
    shape = silhouette(alpha)
    assert shape is not None
    assert (shape.shape, shape.dtype) == ((20, 25), np.bool_)
    assert np.count_nonzero(~shape) == 4
    assert not shape[2:4, 2:4].any()


def test_large_things_are_reduced_and_small_ones_none():
    shape = silhouette(np.full((700, 300), 255, np.uint8))
    assert shape is not None
    assert shape.shape == (140, 60)  # every fifth pixel: at most 160
    alpha = np.zeros((40, 40), np.uint8)
    assert silhouette(alpha) is None
    alpha[:7, :9] = 255
    assert silhouette(alpha) is None
    alpha[:8, :8] = 255
    assert silhouette(alpha) is not None


# --- one hole


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([32, 64, 96]))
def test_every_kind_stays_in_the_picture(seed, side):
    for draw in (
        lambda chance: placed(side, disc(), chance),
        lambda chance: strokes(side, chance),
        lambda chance: boxes(side, chance),
    ):
        hole = draw(np.random.default_rng(seed))
        assert (hole.shape, hole.dtype) == ((side, side), np.bool_)
        assert hole.any()
        np.testing.assert_array_equal(hole, draw(np.random.default_rng(seed)))


def test_a_placed_thing_keeps_its_shape(monkeypatch):
    """Not grown, a disc that lies inside the picture covers what it should, wherever it lies."""
    monkeypatch.setattr(holes, "grown", lambda mask, reach: mask)
    inside = 0
    for seed in range(60):
        hole = placed(96, disc(), np.random.default_rng(seed))
        rim = np.concatenate((hole[0], hole[-1], hole[:, 0], hole[:, -1]))
        if rim.any():
            continue
        inside += 1
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert hole.sum() == pytest.approx(np.pi / 4 * high * wide, rel=0.08)
        assert 0.55 < high / wide < 1.8  # stretched by e^±0.25 each way
        assert 0.02 < hole.mean() < 0.4
    assert inside > 5


def test_things_are_mirrored_and_grown_by_chance():
    lefts, sums = [], []
    for seed in range(40):
        hole = placed(128, standing(), np.random.default_rng(seed))
        gaps = ~hole & np.roll(hole, 12, 0) & np.roll(hole, -12, 0)
        if gaps.any():
            lefts.append(gaps[:, : 128 // 2].sum() > gaps[:, 128 // 2 :].sum())
        sums.append(hole.mean())
    assert 0 < np.mean(lefts) < 1
    assert max(sums) > 3 * min(sums)


def test_a_straight_piece_against_distances_by_hand():
    y, x = np.mgrid[:21, :31].astype(np.float32)
    near = holes._near_piece(y, x, np.array([10.0, 8.0]), np.array([0.0, 12.0]), 3.5)
    wanted = np.zeros_like(near)
    for row, column in np.ndindex(near.shape):
        along = min(max(column, 8), 20)
        wanted[row, column] = np.hypot(row - 10, column - along) <= 3.5
    np.testing.assert_array_equal(near, wanted)


# --- what is drawn


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([32, 64, 128]), st.booleans())
def test_holes_leave_enough_and_take_enough(seed, side, with_shapes):
    shapes = [disc(), standing()] if with_shapes else []
    hole = draw_hole(side, shapes, np.random.default_rng(seed))
    assert (hole.shape, hole.dtype) == ((side, side), np.bool_)
    assert 0.01 < hole.mean() <= MOST
    again = draw_hole(side, shapes, np.random.default_rng(seed))
    np.testing.assert_array_equal(hole, again)


def test_holes_keep_away_from_the_photos_own_things():
    """The left half is a thing: less of it is hidden than where nobody says so."""
    own = np.zeros((64, 64), np.bool_)
    own[:, :32] = True
    hidden = {}
    for name, avoid in (("avoided", own), ("not", None)):
        shares = []
        for seed in range(60):
            hole = draw_hole(64, [disc()], np.random.default_rng(seed), avoid)
            shares.append((hole & own).sum() / hole.sum())
        hidden[name] = np.mean(shares)
    assert hidden["avoided"] < hidden["not"] - 0.15
    assert hidden["avoided"] > 0.05  # but it happens: things are partly hidden too


def test_shapes_that_never_fit_leave_a_box(monkeypatch):
    monkeypatch.setattr(holes, "_one", lambda side, *_: np.zeros((side, side), np.bool_))
    hole = draw_hole(64, [], np.random.default_rng(0))
    assert hole.sum() == 16 * 16
    assert hole[16:32, 16:32].all()
