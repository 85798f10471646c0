"""What a stroke covers, against distances that are worked out pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukki.notebook.strokes import some_of, stroke_of
from nukki.types import Box, Point

SIZE = (14, 18)
WHOLE = Box(0, 0, SIZE[1], SIZE[0])

places = st.tuples(st.floats(-0.5, SIZE[1] - 0.5), st.floats(-0.5, SIZE[0] - 0.5))


def away(x, y, start, end):
    """Distance of a place from a straight piece."""
    along = (end[0] - start[0], end[1] - start[1])
    length = along[0] ** 2 + along[1] ** 2
    place = 0.0
    if length:
        place = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length
        place = min(max(place, 0.0), 1.0)
    return math.hypot(x - start[0] - place * along[0], y - start[1] - place * along[1])


@given(st.lists(places, min_size=1, max_size=4), st.floats(0.3, 12))
def test_a_stroke_covers_what_is_near_its_way(way, radius):
    stroke = stroke_of("mark", [Point(*one) for one in way], radius, SIZE)
    expected = np.zeros(SIZE)
    for start, end in zip(way, way[1:] or way, strict=False):
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                inside = (radius + 0.5 - away(x, y, start, end)) / max(1.0, radius / 6)
                expected[y, x] = max(expected[y, x], min(1.0, inside))
    found = np.zeros(SIZE)
    if stroke is not None:
        assert stroke.box.within(WHOLE) == stroke.box
        assert stroke.cover.dtype == np.float32
        found[stroke.box.slices()] = stroke.cover
    assert np.abs(found - expected.clip(0)).max() < 1e-4


def test_a_tiny_dab_between_pixels_covers_nothing():
    assert stroke_of("mark", [Point(3.5, 3.5)], 1e-3, SIZE) is None


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, [0]), (2, [0, 1]), (8, list(range(8))), (15, [0, 2, 4, 6, 8, 10, 12, 14])],
)
def test_a_few_points_show_a_whole_stroke(count, chosen):
    way = [Point(float(place), 0) for place in range(count)]
    assert [int(one.x) for one in some_of(way)] == chosen
