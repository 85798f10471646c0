"""Pieces of work: every pixel once, every error heard."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nukki.ops.tiles import each, overlapping_boxes, ramps, row_blocks, tight_box, tile_boxes
from nukki.types import Box


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 128))
def test_tiles_cover_every_pixel_once(height, width, size):
    seen = np.zeros((height, width), int)
    for tile in tile_boxes(height, width, size):
        assert tile.width <= size
        assert tile.height <= size
        seen[tile.slices()] += 1
    assert (seen == 1).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.integers(1, 5000), st.integers(1, 4000))
def test_rows_cover_every_pixel_once(height, width, pixels):
    seen = np.zeros(height, int)
    for rows in row_blocks(height, width, pixels):
        assert (rows.stop - rows.start) * width <= max(pixels, width)
        seen[rows] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_piece_is_worked_on(threads):
    lock, done = threading.Lock(), []

    def work(piece):
        with lock:
            done.append(piece)

    each(work, (n for n in range(40)), threads)
    assert sorted(done) == list(range(40))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_a_piece_is_raised(threads):
    def work(piece):
        if piece == 7:
            message = "piece 7"
            raise ValueError(message)

    with pytest.raises(ValueError, match="piece 7"):
        each(work, range(20), threads)


def test_one_thread_is_the_callers_own():
    names = []
    each(lambda _: names.append(threading.get_ident()), range(3), 1)
    assert names == [threading.get_ident()] * 3


@given(
    mask=arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)),
    left=st.integers(0, 50),
    top=st.integers(0, 50),
)
def test_a_tight_box_holds_every_true_pixel_and_none_can_be_left_out(mask, left, top):
    height, width = mask.shape
    tile = Box(left, top, left + width, top + height)
    box = tight_box(mask, tile)
    if not mask.any():
        assert box is None
        return
    assert box is not None
    rows, columns = np.nonzero(mask)
    assert (box.top, box.bottom) == (top + rows.min(), top + rows.max() + 1)
    assert (box.left, box.right) == (left + columns.min(), left + columns.max() + 1)
    assert box.within(tile) == box


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_overlapping_tiles(data):
    top, left = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 50))
    height, width = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    size = data.draw(st.integers(2, 80))
    overlap = data.draw(st.integers(1, size - 1))
    region = Box(left, top, left + width, top + height)
    tiles = list(overlapping_boxes(region, size, overlap))
    total = np.zeros((top + height, left + width))
    for tile in tiles:
        assert tile.within(region) == tile
        assert tile.width == min(size, width)
        assert tile.height == min(size, height)
        rows, columns = ramps(tile, region, overlap)
        assert rows.dtype == columns.dtype == np.float32
        assert min(rows.min(), columns.min()) > 0
        assert max(rows.max(), columns.max()) <= 1
        total[tile.slices()] += np.multiply.outer(rows, columns)
    assert (total[region.slices()] > 0).all()
    lefts = sorted({tile.left for tile in tiles})
    assert all(lefts[n + 1] <= lefts[n] + size - overlap for n in range(len(lefts) - 1))


def test_one_tile_counts_everywhere_the_same():
    region = Box(3, 4, 20, 30)
    (tile,) = overlapping_boxes(region, 64, 8)
    assert tile == region
    for ramp in ramps(tile, region, 8):
        np.testing.assert_array_equal(ramp, 1)


def test_ramps_fall_only_towards_neighbours():
    region = Box(0, 0, 20, 8)
    first, second = overlapping_boxes(region, 12, 4)
    assert (first, second) == (Box(0, 0, 12, 8), Box(8, 0, 20, 8))
    columns = ramps(first, region, 4)[1]
    np.testing.assert_allclose(columns, [1] * 8 + [0.875, 0.625, 0.375, 0.125])
    np.testing.assert_array_equal(ramps(second, region, 4)[1], columns[::-1])
    np.testing.assert_array_equal(ramps(second, region, 4)[0], 1)
