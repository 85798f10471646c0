"""Every pixel has its owners, once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import frozen
from nukki.ops import partition
from nukki.ops.partition import Claim, settled
from nukki.types import Box

SIZE = (6, 8)
few = settings(max_examples=25, deadline=None)


def claim(levels, *, left=0, top=0, weight=0.9):
    levels = frozen(np.atleast_2d(np.asarray(levels, np.uint8)))
    height, width = levels.shape
    return Claim(Box(left, top, left + width, top + height), levels, weight)


def totals(claims, size=SIZE):
    """What a photo's pixels get together."""
    total = np.zeros(size, int)
    for one, levels in zip(claims, settled(claims, size), strict=True):
        total[one.box.slices()] += levels
    return total


def pair(first, second, weights=(0.8, 0.8)):
    """What two things that claim the same pixel get of it."""
    claims = [
        claim([[level]], weight=one) for level, one in zip((first, second), weights, strict=True)
    ]
    return tuple(int(levels[0, 0]) for levels in settled(claims, (1, 1)))


def test_nobody_claims_anything():
    assert settled([], SIZE) == []


def test_what_one_thing_alone_claims_stays():
    levels = np.arange(48).reshape(SIZE) * 5
    (result,) = settled([claim(levels)], SIZE)
    np.testing.assert_array_equal(result, levels)


@few
@given(st.integers(0, 255), st.data())
def test_what_fits_together_stays(first, data):
    second = data.draw(st.integers(0, 255 - first))
    assert pair(first, second) == (first, second)


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ((250, 102), (252, 3)),  # .98 and .4: .99 and .01
        ((128, 128), (128, 128)),  # a border between two: half of it each
        ((140, 140), (128, 128)),
        ((255, 255), (128, 128)),
        ((255, 1), (255, 0)),
        ((153, 140), (155, 100)),  # .6⁵ and .549⁵ are .0778 and .0499
    ],
)
def test_contested_pixels_by_hand(claimed, kept):
    assert pair(*claimed) == kept
    assert pair(*claimed[::-1]) == kept[::-1]


def test_the_surer_thing_gets_more():
    assert pair(255, 255, (0.9, 0.3)) == (191, 64)
    assert pair(255, 255, (1e-3, 1e-3)) == (128, 128)


def test_a_pixel_that_two_hold_for_theirs_is_in_the_mask_of_one():
    """More than half by both: not lost to both."""
    for first in range(129, 256, 7):
        for second in range(129, first, 7):
            kept = pair(first, second)
            assert kept[0] >= 128
            assert sum(kept) in (254, 255, 256)


def test_claims_lie_where_their_boxes_are():
    one, other = claim(np.full((4, 4), 255)), claim(np.full((4, 4), 255), left=2, top=1)
    first, second = settled([one, other], SIZE)
    shared = np.zeros((4, 4), bool)
    shared[1:, 2:] = True
    np.testing.assert_array_equal(first, np.where(shared, 128, 255))
    np.testing.assert_array_equal(second, np.where(shared[::-1, ::-1], 128, 255))
    np.testing.assert_array_equal(one.levels, 255)  # what was given is not written to


@st.composite
def many(draw):
    claims = []
    for _ in range(draw(st.integers(1, 5))):
        left, top = draw(st.integers(0, 6)), draw(st.integers(0, 4))
        width, height = draw(st.integers(1, 8 - left)), draw(st.integers(1, 6 - top))
        levels = draw(arrays(np.uint8, (height, width)))
        claims.append(claim(levels, left=left, top=top, weight=draw(st.floats(1e-3, 1))))
    return claims


@few
@given(many())
def test_no_pixel_is_given_twice_or_lost(claims):
    asked = np.zeros(SIZE, int)
    for one in claims:
        asked[one.box.slices()] += one.levels
    total = totals(claims)
    slack = len(claims) / 2
    assert (total <= 255 + slack).all()
    np.testing.assert_array_equal(total[asked <= 255], asked[asked <= 255])
    assert (total[asked > 255] >= 255 - slack).all()
    # Nobody gets what it did not claim.
    for one, levels in zip(claims, settled(claims, SIZE), strict=True):
        assert not levels[one.levels == 0].any()


@few
@given(many(), st.randoms(use_true_random=False))
def test_the_order_of_the_claims_does_not_matter(claims, random):
    order = list(range(len(claims)))
    random.shuffle(order)
    wanted = settled(claims, SIZE)
    found = settled([claims[place] for place in order], SIZE)
    for place, levels in zip(order, found, strict=True):
        np.testing.assert_array_equal(levels, wanted[place])


@few
@given(many())
def test_strips_change_nothing(claims):
    wanted = settled(claims, SIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "_BLOCK", 9)  # one row at a time
        found = settled(claims, SIZE)
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_hundred_full_claims_do_not_overflow():
    claims = [claim([[255]], weight=1.0) for _ in range(100)]
    assert [int(one[0, 0]) for one in settled(claims, (1, 1))] == [3] * 100
