"""Shadows lie where shadows lie; an outline is as wide as it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.shadows import contact_shadow, drop_shadow, sticker


def block(top=20, bottom=60, left=30, right=50, size=(100, 80)):
    alpha = np.zeros(size, np.float32)
    alpha[top:bottom, left:right] = 1
    return frozen(alpha)


def test_a_hard_drop_shadow_is_the_shape_moved():
    alpha = block()
    cast = drop_shadow(alpha, (7, -4), 0, 0.5)
    np.testing.assert_array_equal(cast[:-4, 7:], 0.5 * alpha[4:, :-7])
    assert cast.sum() == 0.5 * alpha.sum()
    assert drop_shadow(alpha, (500, 0), 0, 1).max() == 0


def test_a_soft_drop_shadow_keeps_its_mass_and_its_opacity():
    alpha = block(size=(200, 200), top=80, bottom=120, left=80, right=120)
    cast = drop_shadow(alpha, (0, 0), 5, 0.8)
    assert cast.sum() == pytest.approx(0.8 * alpha.sum(), rel=0.01)
    assert cast.max() == pytest.approx(0.8, abs=0.01)
    edge = cast[100, 70:90]
    assert (np.diff(edge) > 0).all()


def test_a_contact_shadow_lies_at_the_foot_flat_and_within_its_opacity():
    alpha = block()
    cast = contact_shadow(alpha, (0, 0), 2, 0.7)
    assert cast.max() <= 0.7 + 1e-6
    assert cast[55:64].max() > 0.5
    assert cast[:40].max() < 0.01
    assert cast[75:].max() < 0.01
    rows, columns = np.nonzero(cast > 0.05)
    assert np.ptp(columns) > 1.5 * np.ptp(rows)


def test_only_what_is_near_the_floor_casts():
    alpha = np.zeros((100, 100), np.float32)
    alpha[10:70, 10:30] = 1  # stands
    alpha[10:30, 70:90] = 1  # hangs
    cast = contact_shadow(frozen(alpha), (0, 0), 2, 1)
    assert cast[66:72, 12:28].min() > 0.2
    assert cast[:, 65:].max() < 0.02


def test_who_is_cut_off_by_the_lower_side_stands_on_nothing():
    assert contact_shadow(block(bottom=100), (0, 0), 2, 1).max() < 0.02
    assert contact_shadow(frozen(np.zeros((9, 9), np.float32)), (0, 0), 2, 1).max() == 0


@pytest.mark.parametrize("width", [3.0, 8.0, 30.0])
def test_an_outline_is_as_wide_as_was_asked_for(width):
    alpha = block(size=(200, 200), top=70, bottom=130, left=70, right=130)
    shape = sticker(alpha, width)
    assert shape.min() >= 0
    assert shape.max() <= 1
    assert (shape >= alpha).all()
    row = shape[100]
    assert row.sum() == pytest.approx(60 + 2 * width, abs=1.5)
    soft = (row > 0.02) & (row < 0.98)
    assert soft.sum() <= 8  # crisp on both sides


def test_an_outline_closes_narrow_gaps_and_leaves_specks_out():
    alpha = np.zeros((120, 120), np.float32)
    alpha[40:80, 40:56] = 1
    alpha[40:80, 61:80] = 1  # five pixels of gap
    alpha[5, 5] = 1
    shape = sticker(frozen(alpha), 6.0)
    assert shape[60, 58] == pytest.approx(1, abs=0.02)
    assert shape[3, 3] == 0
    assert shape[5, 5] == 1  # the subject itself is always there
    nothing = frozen(np.zeros((9, 9), np.float32))
    np.testing.assert_array_equal(sticker(nothing, 4.0), nothing)


def test_an_outline_at_the_rim_of_the_canvas():
    alpha = block(top=0, bottom=40, left=0, right=20)
    shape = sticker(alpha, 5.0)
    assert shape.shape == alpha.shape
    assert shape[20, :24].min() > 0.9
    assert shape[20, 27:].max() < 0.1
