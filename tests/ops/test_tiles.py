"""Pieces of work: every pixel once, every error heard."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nukki.ops.tiles import each, row_blocks, tight_box, tile_boxes
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
