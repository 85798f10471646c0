"""Holes taken apart: each pixel in one part, with room to fill it from."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.hole_parts import parts
from nukki.types import Box


def masked(shape, *boxes):
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[box.slices()] = True
    return frozen(mask)


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_every_pixel_lies_in_one_part(data):
    height, width = data.draw(st.tuples(st.integers(1, 400), st.integers(1, 400)))
    boxes = []
    for _ in range(data.draw(st.integers(1, 8))):
        top, left = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)))
        high, wide = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
        boxes.append(Box(left, top, min(width, left + wide), min(height, top + high)))
    hole = masked((height, width), *boxes)
    count = np.zeros(hole.shape, int)
    for part in parts(hole):
        count[part.slices()] += 1
        assert part.within(Box(0, 0, width, height)) == part
    assert (count[hole] == 1).all()


def test_far_holes_apart_near_ones_together():
    far = masked((300, 900), Box(20, 100, 40, 120), Box(800, 100, 830, 140))
    assert parts(far) == [Box(0, 36, 104, 184), Box(736, 36, 894, 204)]
    near = masked((300, 900), Box(20, 100, 40, 120), Box(80, 100, 100, 120))
    assert parts(near) == [Box(0, 36, 164, 184)]


def test_a_part_has_twice_the_room_of_its_hole():
    hole = masked((400, 400), Box(100, 0, 160, 400))
    usable = ~hole
    usable[:, :190] = False
    (part,) = parts(hole, usable=frozen(usable))
    assert usable[part.slices()].sum() >= 2 * hole.sum()


def test_many_specks_are_few_parts():
    hole = np.zeros((1000, 1500), np.bool_)
    hole[::37, ::41] = True
    assert len(parts(frozen(hole))) <= 24


def test_no_hole_no_part():
    assert parts(masked((30, 40))) == []
