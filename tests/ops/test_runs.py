"""Masks as runs: by hand, there and back, and as pycocotools has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from nukki.ops.runs import from_runs, from_text, to_runs, to_text

masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40))


def test_runs_go_down_the_columns_and_begin_outside():
    mask = np.array([[0, 1, 1], [0, 1, 0]], np.bool_)
    assert to_runs(mask) == [2, 3, 1]
    np.testing.assert_array_equal(from_runs([2, 3, 1], (2, 3)), mask)


def test_a_mask_that_begins_inside_has_a_first_run_of_nothing():
    assert to_runs(np.ones((2, 2), np.bool_)) == [0, 4]
    assert to_runs(np.zeros((2, 2), np.bool_)) == [4]


def test_the_short_form_by_hand():
    # Small numbers are one character; from the fourth on each is less the one two before it.
    assert to_text([2, 3, 1]) == "231"
    assert to_text([35]) == "S1"  # 00011 with more to come, then 00001
    assert to_text([2, 3, 1, 5, 0]) == "2312O"  # 5 - 3, and 0 - 1, whose five bits are all set
    assert from_text("2312O") == [2, 3, 1, 5, 0]
    assert from_text("S1") == [35]


@settings(deadline=None)
@given(masks)
def test_there_and_back(mask):
    runs = to_runs(mask)
    assert from_text(to_text(runs)) == runs
    np.testing.assert_array_equal(from_runs(runs, mask.shape), mask)


@settings(deadline=None)
@given(masks)
def test_pycocotools_reads_and_writes_the_same(mask):
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert to_text(to_runs(mask)) == theirs["counts"].decode()
    np.testing.assert_array_equal(from_runs(from_text(theirs["counts"].decode()), mask.shape), mask)


@pytest.mark.parametrize("runs", [[5], [7], [-1, 7], [[6]]])
def test_runs_that_are_not_the_mask_are_refused(runs):
    with pytest.raises(ValueError, match="2 × 3"):
        from_runs(runs, (2, 3))


@pytest.mark.parametrize("text", ["2 3", "2\x80", "ÿ"])
def test_foreign_characters_are_refused(text):
    with pytest.raises(ValueError, match="no character"):
        from_text(text)


def test_a_number_that_is_cut_off_is_refused():
    with pytest.raises(ValueError, match="within a number"):
        from_text("2S")
