"""Connected pieces against scikit-image's labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from helpers import frozen
from nukki.ops.components import find_pieces


def same_partition(mine, theirs):
    """Whether two label pictures cut the plane into the same sets."""
    pairs = np.unique(np.stack([mine.ravel(), theirs.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))


def labels(pieces):
    """(H, W) int: 0 outside, piece number + 1 inside, by way of `Pieces.mask`."""
    result = np.zeros(pieces.shape, int)
    for number in range(pieces.count):
        result[pieces.mask(np.arange(pieces.count) == number)] += number + 1
    return result


@settings(max_examples=120, deadline=None)
@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_the_same_pieces_as_scikit_image(height, width, share, seed, diagonal):
    mask = frozen(np.random.default_rng(seed).random((height, width)) < share)
    pieces = find_pieces(mask, diagonal=diagonal)
    theirs = label(mask, connectivity=2 if diagonal else 1)
    mine = labels(pieces)
    assert pieces.count == theirs.max()
    assert same_partition(mine, theirs)
    assert sorted(pieces.areas()) == sorted(np.bincount(theirs.ravel())[1:])
    np.testing.assert_array_equal(pieces.areas(), np.bincount(mine.ravel())[1:])
    framed = np.ones_like(mask)
    framed[1:-1, 1:-1] = False
    rim = {int(n) for n in np.unique(mine[framed]) if n}
    assert {int(n) + 1 for n in np.flatnonzero(pieces.touching_rim())} == rim


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1), st.booleans())
def test_all_pieces_together_are_the_mask(height, width, seed, diagonal):
    mask = frozen(np.random.default_rng(seed).random((height, width)) < 0.5)
    pieces = find_pieces(mask, diagonal=diagonal)
    everything = pieces.mask(np.ones(pieces.count, bool))
    assert everything.dtype == bool
    np.testing.assert_array_equal(everything, mask)
    assert not pieces.mask(np.zeros(pieces.count, bool)).any()


def spiral(size):
    """One piece that only many rounds of joining find: a wall that winds inwards."""
    mask = np.zeros((size, size), bool)
    top, left, bottom, right = 0, 0, size - 1, size - 1
    mask[0, :] = True
    while bottom - top > 3 and right - left > 3:
        mask[top : bottom + 1, right] = True
        mask[bottom, left : right + 1] = True
        mask[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
        mask[top, left - 2 : right + 1] = True
    return mask


@pytest.mark.parametrize("turned", [False, True])
def test_a_spiral_is_what_scikit_image_says(turned):
    mask = frozen(spiral(101).T if turned else spiral(101))
    pieces = find_pieces(mask, diagonal=False)
    assert pieces.count == label(mask, connectivity=1).max() == 1
    assert pieces.areas().tolist() == [int(mask.sum())]


def test_a_checkerboard_hangs_together_by_its_corners_only():
    mask = frozen(np.indices((9, 9)).sum(axis=0) % 2 == 0)
    assert find_pieces(mask).count == 1
    apart = find_pieces(mask, diagonal=False)
    assert apart.count == 41
    assert apart.areas().tolist() == [1] * 41
    assert apart.touching_rim().sum() == 16


def test_rows_do_not_run_into_each_other():
    mask = np.zeros((2, 4), bool)
    mask[0, 3] = mask[1, 0] = True  # neighbours in memory, not in the picture
    pieces = find_pieces(frozen(mask))
    assert pieces.count == 2
    np.testing.assert_array_equal(pieces.mask(np.array([True, True])), mask)
    np.testing.assert_array_equal(pieces.mask(np.array([True, False])).sum(), 1)


def test_nothing_has_no_pieces():
    pieces = find_pieces(frozen(np.zeros((3, 5), bool)))
    assert pieces.count == 0
    assert len(pieces.areas()) == len(pieces.touching_rim()) == 0
    assert not pieces.mask(np.zeros(0, bool)).any()
