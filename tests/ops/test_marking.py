"""Masks marked on photos: seen on any, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.marking import marked, outlined
from nukki.types import Box

BOX = Box(20, 10, 60, 40)


def drawn(ground, how):
    pixels = np.empty((60, 80, 3), np.uint8)
    pixels[:] = ground
    before = pixels.copy()
    mask = np.zeros((30, 40), np.bool_)
    mask[5:25, 5:35] = True
    how(pixels, mask)
    return before, pixels


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), (225, 30, 45), (128, 128, 128)])
def test_on_any_ground_the_outline_is_dark_coloured_and_light(ground):
    before, after = drawn(ground, lambda pixels, mask: marked(pixels, mask, BOX, (225, 30, 45)))
    seen = {tuple(pixel) for pixel in after.reshape(-1, 3)}
    assert {(0, 0, 0), (255, 255, 255), (225, 30, 45)} <= seen
    # Two pixels of line around the mask, no more.
    far = np.ones((60, 80), np.bool_)
    far[12:38, 22:58] = False
    np.testing.assert_array_equal(after[far], before[far])


def test_stripes_let_the_photo_show():
    _, after = drawn((0, 0, 0), lambda pixels, mask: marked(pixels, mask, BOX, (200, 0, 0)))
    inner = after[17:33, 27:53, 0]
    assert set(np.unique(inner)) == {50, 120}


def test_a_dashed_outline_is_broken_and_leaves_the_inside():
    before, after = drawn(
        (90, 90, 90), lambda pixels, mask: outlined(pixels, mask, BOX, (255, 170, 0), dashed=True)
    )
    np.testing.assert_array_equal(after[18:32, 28:52], before[18:32, 28:52])
    top = (after[14, 25:55] == (255, 170, 0)).all(axis=1)
    assert 0 < top.sum() < len(top)
