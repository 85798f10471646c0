"""Clicks of a user who mends the worst place, and what they come to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from helpers import frozen
from nukki.ops.clicks import clicks_until, iou_by_clicks, next_click
from nukki.types import Point

SHAPE = (9, 12)


def block(top, bottom, left, right):
    mask = np.zeros(SHAPE, np.bool_)
    mask[top:bottom, left:right] = True
    return frozen(mask)


NOTHING = block(0, 0, 0, 0)


def test_the_first_click_is_in_the_middle_of_the_thing():
    assert next_click(NOTHING, block(2, 7, 3, 8)) == Point(5, 4, keep=True)


def test_the_rim_of_the_picture_is_a_rim():
    assert next_click(NOTHING, block(0, 5, 0, 5)) == Point(2, 2, keep=True)
    assert next_click(NOTHING, block(0, 9, 0, 12)) == Point(4, 4, keep=True)


def test_what_is_too_much_is_taken_away_where_it_is_thicker():
    truth = block(1, 4, 1, 4)
    assert next_click(block(1, 8, 5, 12), truth) == Point(8, 4, keep=False)
    # As deep as what is missing: that goes first.
    assert next_click(block(5, 8, 8, 11), truth) == Point(2, 2, keep=True)


def test_nothing_is_wrong():
    assert next_click(block(1, 3, 1, 3), block(1, 3, 1, 3)) is None
    assert next_click(NOTHING, NOTHING) is None


masks = arrays(np.bool_, SHAPE)


@settings(deadline=None)
@given(masks, masks)
def test_a_click_is_where_something_is_wrong(mask, truth):
    click = next_click(frozen(mask), frozen(truth))
    if click is None:
        np.testing.assert_array_equal(mask, truth)
    else:
        place = int(click.y), int(click.x)
        assert (truth[place], mask[place]) == (click.keep, not click.keep)


@settings(deadline=None, max_examples=20)
@given(masks, masks)
def test_clicks_that_mend_their_place_come_to_an_end(mask, truth):
    mask = mask.copy()
    for _ in range(SHAPE[0] * SHAPE[1]):
        click = next_click(mask, truth)
        if click is None:
            break
        mask[int(click.y), int(click.x)] = click.keep
    np.testing.assert_array_equal(mask, truth)


def test_mean_iou_by_clicks():
    curves = [[0.5, 0.7, 0.9], [0.8], [0.2, 0.6]]
    np.testing.assert_allclose(iou_by_clicks(curves, 4), [0.5, 0.7, 2.3 / 3, 2.3 / 3])
    np.testing.assert_allclose(iou_by_clicks(curves, 1), [0.5])
    assert np.isnan(iou_by_clicks([], 2)).all()


def test_clicks_until_it_is_good():
    curves = [[0.5, 0.7, 0.9], [0.8], [0.2, 0.6]]
    assert clicks_until(curves, 0.8, 20) == pytest.approx((3 + 1 + 20) / 3)
    assert clicks_until(curves, 0.6, 2) == pytest.approx((2 + 1 + 2) / 3)
    assert np.isnan(clicks_until([], 0.5, 20))
