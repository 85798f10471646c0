"""Plates do not hide each other, lie in the photo, and are seen to be their thing's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.ops.plates import place_plates
from nukki.ops.segments import segment_of
from nukki.types import Box

PHOTO = (300, 400)
FULL, SHORT = (90, 20), (24, 20)


def thing(left, top, right, bottom, photo=PHOTO):
    box = Box(left, top, right, bottom)
    whole = np.ones((box.height, box.width), bool)
    return segment_of(whole, box, photo, label="x", score=1)


def placed(*things, full=FULL, short=SHORT):
    return place_plates(things, [full] * len(things), [short] * len(things))


def meet(one, other):
    shared = one.within(other)
    return shared.width > 0 and shared.height > 0


def test_a_large_thing_carries_its_plate_in_its_middle():
    (plate,) = placed(thing(100, 50, 300, 250))
    assert not plate.short
    assert abs(plate.box.left + 45 - 200) <= 4
    assert abs(plate.box.top + 10 - 150) <= 4


def test_the_thickest_part_not_the_middle_of_the_box():
    mask = np.zeros((200, 300), bool)
    mask[:, :100] = True
    mask[180:, :] = True
    segment = segment_of(mask, Box(50, 50, 350, 250), PHOTO, label="x", score=1)
    (plate,) = placed(segment)
    assert abs(plate.box.left + 45 - 100) <= 8
    assert plate.box.bottom < 200


def test_a_small_thing_has_its_plate_beside_it():
    (plate,) = placed(thing(200, 100, 230, 130))
    assert plate.box == Box(169, 80, 259, 100)
    assert (plate.short, plate.tied) == (False, False)


def test_at_the_upper_rim_it_stands_below_and_at_the_left_one_it_is_moved_in():
    assert placed(thing(200, 0, 230, 30))[0].box.top == 30
    assert placed(thing(0, 100, 30, 130))[0].box.left == 0


def test_where_things_stand_close_they_carry_their_numbers():
    row = [thing(left, 10, left + 36, 290) for left in range(10, 360, 38)]
    plates = placed(*row)
    for plate, one in zip(plates, row, strict=True):
        assert plate.short
        assert plate.box.within(one.box) == plate.box


def test_things_that_lie_over_each_other_have_plates_above_each_other():
    plates = placed(*[thing(100, 20, 300, 280) for _ in range(3)])
    assert not any(plate.short or plate.tied for plate in plates)
    assert len({plate.box.top for plate in plates}) == 3


def test_what_finds_no_room_is_tied_to_its_thing():
    plates = placed(*[thing(190, 140, 210, 160) for _ in range(12)])
    assert any(plate.tied for plate in plates)
    for plate in plates:
        assert plate.tied <= plate.short
        assert abs(plate.anchor[0] - 200) <= 2


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 380), st.integers(0, 280), st.integers(1, 99), st.integers(1, 99)),
        max_size=25,
    )
)
def test_plates_never_overlap_and_lie_in_the_photo(rows):
    things = [
        thing(left, top, min(400, left + wide), min(300, top + high))
        for left, top, wide, high in rows
    ]
    plates = [plate.box for plate in placed(*things)]
    for place, plate in enumerate(plates):
        assert plate.within(Box(0, 0, 400, 300)) == plate
        assert not any(meet(plate, other) for other in plates[:place])


@pytest.mark.parametrize("photo", [(1, 1), (5, 7), (1, 300), (300, 1), (19, 23)])
def test_photos_smaller_than_a_plate(photo):
    whole = thing(0, 0, photo[1], photo[0], photo)
    for plate in placed(whole, whole, whole):
        assert (plate.box.left, plate.box.top) >= (0, 0)
