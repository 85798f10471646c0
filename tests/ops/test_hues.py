"""Brightness and colour apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukki.ops.hues import CONE, excess, from_ycc, saturation, to_ycc

PURE = {
    "red": (1, 0, 0), "yellow": (1, 1, 0), "green": (0, 1, 0),
    "cyan": (0, 1, 1), "blue": (0, 0, 1), "magenta": (1, 0, 1),
}  # fmt: skip


def ycc(*rgb):
    return to_ycc(np.array(rgb, np.float32)[:, None])


def test_green_is_where_the_standard_has_it():
    """ITU-R BT.601: Y' = .587, Cb = -.331264, Cr = -.418688."""
    np.testing.assert_allclose(ycc(0, 1, 0)[:, 0], [0.587, -0.331264, -0.418688], atol=1e-6)


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_there_and_back(rgb):
    np.testing.assert_allclose(from_ycc(ycc(*rgb))[:, 0], rgb, atol=1e-5)


@pytest.mark.parametrize("key", PURE)
def test_a_key_has_all_of_itself_and_nothing_of_the_hues_beside_it(key):
    names = list(PURE)
    place = names.index(key)
    mine = ycc(*PURE[key])[1:]
    assert excess(mine, mine)[0] == pytest.approx(1)
    assert excess(0.3 * mine, mine)[0] == pytest.approx(0.3)
    assert excess(0 * mine, mine)[0] == 0
    for beside in (names[place - 1], names[(place + 1) % 6]):
        assert excess(ycc(*PURE[beside])[1:], mine, CONE)[0] < 0
    assert excess(ycc(*PURE[names[place - 3]])[1:], mine)[0] < -0.5


def test_shade_hardly_changes_saturation():
    bright, dark = saturation(ycc(0.2, 0.8, 0.3)), saturation(ycc(0.1, 0.4, 0.15))
    assert bright[0] == pytest.approx(dark[0], rel=0.15)
    assert saturation(ycc(0.5, 0.5, 0.5))[0] < 1e-6
