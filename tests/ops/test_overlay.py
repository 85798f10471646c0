"""Things over their photo: tints, outlines, and plates that can be read."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.overlay import Drawn, _rim, colour, draw
from nukki.ops.segments import segment_of
from nukki.types import Box


def drawn(mask, number=1, title="1 person .98"):
    size = mask.shape
    place = Box(0, 0, size[1], size[0])
    return Drawn(segment_of(frozen(mask), place, size, label="x", score=1), title, number)


def grey(height, width):
    return frozen(np.full((height, width, 3), 128, np.uint8))


def rectangle(height, width, top, left, bottom, right):
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_what_is_not_meant_stays_as_it_is():
    mask = rectangle(400, 600, 100, 100, 380, 500)
    photo = frozen(np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8))
    result = draw(photo, [drawn(mask)])
    np.testing.assert_array_equal(result[~mask], photo[~mask])
    assert (result != photo).any(axis=2)[mask].mean() > 0.99


def test_tint_and_outline_are_the_colour_of_the_number():
    result = draw(grey(400, 600), [drawn(rectangle(400, 600, 100, 100, 380, 500), number=3)])
    paint = np.array(colour(3))
    np.testing.assert_array_equal(result[100, 300], paint)
    np.testing.assert_array_equal(result[250, 499], paint)
    # Three eighths of the colour, rounded down, well inside and off the plate.
    np.testing.assert_array_equal(result[110, 110], (128 * 5 + paint * 3) // 8)


@pytest.mark.parametrize("level", [0, 255])
def test_the_title_can_be_read_on_any_photo(level):
    photo = frozen(np.full((400, 600, 3), level, np.uint8))
    bare = draw(photo, [drawn(rectangle(400, 600, 50, 50, 350, 550), title="")])
    titled = draw(photo, [drawn(rectangle(400, 600, 50, 50, 350, 550))])
    plate = (titled != bare).any(axis=2)
    assert plate.sum() > 500
    shown = titled[plate].astype(int).sum(axis=1)
    # Light letters on a dark plate, whatever is behind.
    assert (shown < 150).sum() > 300
    assert (shown > 600).sum() > 50


def test_the_surest_lies_on_top():
    both = rectangle(300, 300, 20, 20, 280, 280)
    result = draw(grey(300, 300), [drawn(both, 1, ""), drawn(both, 2, "")])
    np.testing.assert_array_equal(result[20, 150], colour(1))


def test_colours_of_neighbours_are_far_apart():
    colours = np.array([colour(number) for number in range(1, 41)], int)
    for step in (1, 2, 3):
        away = np.abs(colours[step:] - colours[:-step]).sum(axis=1)
        assert away.min() > 60
    assert len({tuple(one) for one in colours}) == 40


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_the_rim_is_what_a_window_cannot_stay_inside(height, width, reach, seed):
    mask = frozen(np.random.default_rng(seed).random((height, width)) < 0.8)
    framed = np.pad(mask, reach)
    inner = np.ones_like(mask)
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            inner &= framed[down : down + height, across : across + width]
    np.testing.assert_array_equal(_rim(mask, reach), mask & ~inner)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 5)])
def test_any_shape(shape):
    mask = np.ones(shape, bool)
    result = draw(grey(*shape), [drawn(mask, number) for number in (1, 2, 3)])
    assert result.shape == (*shape, 3)
    assert result.dtype == np.uint8


def test_nothing_to_draw_is_the_photo():
    photo = grey(30, 40)
    result = draw(photo, [])
    np.testing.assert_array_equal(result, photo)
    assert result is not photo


@pytest.mark.parametrize("size", [(1200, 1600), pytest.param((3000, 4000), marks=pytest.mark.slow)])
def test_many_things_take_bounded_memory(size):
    whole = drawn(np.ones(size, bool))
    things = [Drawn(whole.segment, f"{number} person .90", number) for number in range(1, 6)]
    photo = grey(*size)
    tracemalloc.start()
    draw(photo, things)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 11.7 * np.prod(size)  # bytes: two copies of the photo, a mask, its rim


def test_an_outline_is_dark_on_its_inner_side():
    mask = rectangle(400, 600, 100, 100, 380, 500)
    for level in (0, 128, 255):
        photo = frozen(np.full((400, 600, 3), level, np.uint8))
        result = draw(photo, [drawn(mask, title="")])
        inner, core = result[101, 300].astype(int), result[110, 110].astype(int)
        np.testing.assert_array_equal(inner, core >> 1)


def test_a_thing_in_a_narrow_place_has_its_number():
    row = [rectangle(300, 400, 5, left, 295, left + 30) for left in range(0, 365, 32)]
    photo = grey(300, 400)
    shown = draw(photo, [drawn(mask, number) for number, mask in enumerate(row, 1)])
    for mask in row:
        plate = (shown == (20, 20, 20)).all(axis=2)
        assert 30 < (plate & mask).sum() < 700
