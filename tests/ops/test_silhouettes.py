"""Things of a photo on one coarse grid."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.ops.segments import segment_of, soft_segment_of
from nukki.ops.silhouettes import Silhouettes, grown
from nukki.types import Box

few = settings(max_examples=30, deadline=None)


def block(left, top, right, bottom, size):
    inside = np.ones((bottom - top, right - left), bool)
    return segment_of(inside, Box(left, top, right, bottom), size, label="person", score=0.9)


def test_a_small_photo_is_its_own_grid():
    size = 30, 40
    levels = np.random.default_rng(1).integers(0, 256, (10, 12), np.uint8)
    soft = soft_segment_of(levels, Box(20, 5, 32, 15), size, label="dog", score=0.5)
    shapes = Silhouettes.of([block(3, 4, 9, 20, size), soft])
    assert shapes.scale == 1
    assert (shapes.maps.shape, shapes.maps.dtype) == ((2, *size), np.float32)
    np.testing.assert_array_equal(shapes.maps[0], block(3, 4, 9, 20, size).mask)
    np.testing.assert_allclose(shapes.maps[1], soft.alpha, atol=1e-6)


def test_cells_are_means_of_their_pixels():
    """A quarter of 80 × 160: cells of 4 × 4 pixels."""
    size = 80, 160
    one = block(10, 12, 50, 42, size)
    shapes = Silhouettes.of([one], side=40)
    assert shapes.scale == 0.25
    cells = one.mask.reshape(20, 4, 40, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(shapes.maps[0], cells, atol=0.003)  # of 255 levels


sides = st.integers(1, 120)


@few
@given(sides, sides, st.integers(1, 60), st.data())
def test_places_and_areas_are_kept_on_any_grid(height, width, side, data):
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right = data.draw(st.integers(left + 1, width))
    bottom = data.draw(st.integers(top + 1, height))
    shapes = Silhouettes.of([block(left, top, right, bottom, (height, width))], side=side)
    (cells,) = shapes.maps
    assert max(cells.shape) == min(side, max(height, width))
    assert cells.min() >= 0
    assert cells.max() <= 1
    down, across = cells.shape[0] / height, cells.shape[1] / width
    # Nothing beyond the cells that the thing touches, and full cells where all of it is.
    rows, columns = np.nonzero(cells)
    if len(rows):
        assert rows.min() >= int(top * down + 1e-9)
        assert rows.max() < np.ceil(bottom * down - 1e-9)
        assert columns.min() >= int(left * across + 1e-9)
        assert columns.max() < np.ceil(right * across - 1e-9)
    # Rims of cells lie on whole pixels, so areas are right but for half a pixel a side.
    wanted = (bottom - top) * down * (right - left) * across
    slack = ((bottom - top) * down + (right - left) * across + 1) * max(down, across) + 0.02
    # And every cell is rounded to a byte.
    assert abs(float(cells.sum()) - wanted) <= slack + cells.size / 255


def test_a_whole_photo_fills_every_cell():
    for size in ((1, 1), (1, 3000), (700, 1000), (513, 511)):
        shapes = Silhouettes.of([block(0, 0, size[1], size[0], size)])
        assert max(shapes.maps.shape[1:]) == min(512, max(size))
        np.testing.assert_array_equal(shapes.maps[0], 1)


def test_a_union_adds_up():
    size = 20, 30
    things = [block(0, 0, 10, 20, size), block(10, 0, 20, 20, size), block(0, 0, 20, 20, size)]
    shapes = Silhouettes.of(things)
    np.testing.assert_array_equal(shapes.union([0, 1]), shapes.maps[2])
    np.testing.assert_array_equal(shapes.union([0, 1, 2]), shapes.maps[2])  # at most 1
    assert not shapes.union([]).any()


# --- growing


@few
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 14), st.integers(0, 2**32 - 1))
def test_growing_against_every_cell(height, width, reach, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    wanted = np.zeros_like(mask)
    for y, x in zip(*np.nonzero(mask), strict=True):
        wanted[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    np.testing.assert_array_equal(grown(mask, reach), wanted)


def test_growing_far_takes_no_longer():
    """A fortieth of 512 cells; a maximum over every window takes half a second."""
    mask = np.random.default_rng(0).random((512, 512)) < 0.5
    started = time.process_time()
    grown(mask, 13)
    assert time.process_time() - started < 0.2


def test_growing_does_not_write_to_what_it_is_given():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    mask.flags.writeable = False
    assert grown(mask, 1).sum() == 9
    assert mask.sum() == 1


@pytest.mark.parametrize("reach", [0, 3])
def test_growing_nothing(reach):
    assert not grown(np.zeros((4, 6), bool), reach).any()
