"""Sizes of people by their silhouettes: drawn ones, whose sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.bodies import body_of


def figure(scale=1.0, *, arms="down", neck=True):
    """A silhouette cut to its bounds: a head 40 high and 32 broad on a trunk 70 broad."""
    height, width = round(320 * scale), round(160 * scale)
    y, x = (axis / scale for axis in np.mgrid[0:height, 0:width].astype(float))
    x -= 80
    mask = (x / 16) ** 2 + ((y - 20) / 20) ** 2 <= 1
    mask |= (np.abs(x) <= (8 if neck else 16)) & (y > 30) & (y < 60)
    mask |= (np.abs(x) <= 35) & (y >= 50) & (y < 170)
    mask |= (np.abs(np.abs(x) - 18) <= 12) & (y >= 160)
    if arms == "down":
        mask |= (np.abs(np.abs(x) - 45) <= 8) & (y >= 55) & (y < 170)
    else:
        mask |= (np.abs(np.abs(x) - 55) <= 7) & (y < 70)
        mask |= (np.abs(x) <= 60) & (np.abs(y - 62) <= 8)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return frozen(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@pytest.mark.parametrize("arms", ["down", "up"])
@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_a_head_is_told_whatever_the_arms_do(arms, scale):
    body = body_of(figure(scale, arms=arms))
    assert body.head == pytest.approx(40 * scale, rel=0.2)
    assert body.trunk > 30 * scale


def test_two_sizes_of_one_figure_have_their_ratio():
    small, large = body_of(figure(0.5)), body_of(figure(2.0))
    assert large.head / small.head == pytest.approx(4, rel=0.08)
    assert large.trunk / small.trunk == pytest.approx(4, rel=0.08)


def test_where_no_neck_is_seen_the_trunk_alone_is_told():
    block = frozen(np.ones((200, 80), bool))
    body = body_of(block)
    assert body.head is None
    assert body.trunk == pytest.approx(40, rel=0.05)


def test_a_raised_leg_far_from_the_trunk_is_no_head():
    mask = np.zeros((200, 300), bool)
    mask[60:200, 20:120] = True
    mask[60:80, 120:260] = True
    y, x = np.mgrid[0:200, 0:300]
    mask |= np.hypot(y - 30, x - 260) < 28  # a boot
    assert body_of(frozen(mask)).head is None


def test_what_is_too_small_has_no_size():
    assert body_of(frozen(np.ones((5, 40), bool))) is None
    assert body_of(frozen(np.zeros((50, 50), bool))) is None
