"""Holes of things: nothing of a soft edge stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.ops.distance import nearest
from nukki.ops.growing import grown_hole, usual_growth
from nukki.types import Box

SIZE = (60, 80)
WHOLE = Box(0, 0, 80, 60)


def disc(radius, soft=0.0):
    """Levels of a disc in the middle whose edge falls over `soft` pixels."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    away = np.hypot(rows - 30, columns - 40)
    alpha = np.clip((radius + soft / 2 - away) / max(soft, 1e-6), 0, 1)
    return np.rint(255 * alpha).astype(np.uint8)


def whole(levels, place, size, grow):
    """The hole at the photo's size."""
    box, part = grown_hole(levels, place, size, grow)
    hole = np.zeros(size, np.bool_)
    hole[box.slices()] = part
    return hole


def test_zero_is_the_mask_itself():
    levels = disc(12, soft=6)
    np.testing.assert_array_equal(whole(levels, WHOLE, SIZE, 0), levels >= 128)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.floats(1, 14), st.integers(0, 2**31))
def test_all_within_the_growth_goes_and_nothing_far(grow, radius, seed):
    """An independent oracle: exact distances from what the alpha touches."""
    levels = disc(radius)
    levels[np.random.default_rng(seed).random(SIZE) > 0.7] = 0
    levels[levels < 128] = 0
    if not levels.any():
        return
    hole = whole(levels, WHOLE, SIZE, grow)
    away = nearest(levels >= 8)[0]
    assert hole[away <= grow].all()
    assert not hole[away > grow + 2 * grow + 1].any()


def test_a_hard_edge_grows_by_just_that():
    hole = whole(disc(12), WHOLE, SIZE, 4)
    away = nearest(disc(12) >= 8)[0]
    np.testing.assert_array_equal(hole, away <= 4.5)


def test_a_wide_soft_edge_grows_farther():
    hard, soft = disc(14), disc(8, soft=12)
    reach = [
        int(whole(levels, WHOLE, SIZE, 2)[30].sum() - (levels[30] >= 8).sum())
        for levels in (hard, soft)
    ]
    assert reach[0] == 4
    assert reach[1] > reach[0]


def test_a_veil_without_a_core_stays():
    levels = disc(8)
    levels[5:9, 5:15] = 60
    assert not whole(levels, WHOLE, SIZE, 3)[:12, :20].any()


def test_at_the_rim_it_stays_in_the_photo():
    levels = np.full((4, 5), 255, np.uint8)
    hole = whole(levels, Box(76, 0, 80 + 1, 4), (60, 81), 3)
    assert hole.shape == (60, 81)
    assert hole[:7, 73:].any()
    assert not hole[8:].any()


def test_nothing_has_no_hole():
    assert not whole(np.zeros(SIZE, np.uint8), WHOLE, SIZE, 5).any()


@pytest.mark.parametrize(
    ("area", "size", "expected"),
    [(100, (480, 640), 3), (90_000, (800, 1200), 6), (1_440_000, (3000, 4000), 25),
     (12_000_000, (3000, 4000), 61)],
)  # fmt: skip
def test_the_usual_growth_follows_thing_and_photo(area, size, expected):
    assert usual_growth(area, size) == expected


def test_it_is_bounded_by_the_photo():
    assert usual_growth(10**9, (100, 300)) == 6
