"""What goes with what, by mask or by box, with which shadow; and who keeps every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.io.images import Picture
from nukki.ops.segments import Segment, segment_of, soft_segment_of
from nukki.pipelines.going import How, Thing, along, going
from nukki.pipelines.preview import preview
from nukki.pipelines.results import Instance
from nukki.types import Box
from standing import BASE, HEIGHT, WIDTH, cast, darkened, figure, photo, standing

SIZE = (HEIGHT, WIDTH)
PLAIN = How(shape="mask", grow=0, shadow="never")


def block(rows, columns, label="person", score=0.9, corners=None, size=SIZE):
    mask = np.zeros(size, np.bool_)
    mask[rows, columns] = True
    whole = Box(0, 0, size[1], size[0])
    return segment_of(mask, whole, size, label=label, score=score, corners=corners)


def instances(*segments):
    picture = Picture(np.zeros((*SIZE, 3), np.uint8))
    return [Instance(number, one, picture) for number, one in enumerate(segments, start=1)]


def grey():
    return np.full((*SIZE, 3), 128, np.uint8)


def planned(things, others=(), excepted=(), how=PLAIN, image=None):
    given = [Thing(number, one) for number, one in enumerate(things, start=1)]
    return going(grey() if image is None else image, given, others, excepted, how)


# who goes along


def test_what_is_held_goes_along_and_what_others_hold_stays():
    one, bag = block(slice(50, 150), slice(40, 70)), block(slice(90, 110), slice(70, 82), "handbag")
    two, ball = (
        block(slice(50, 150), slice(200, 230)),
        block(slice(90, 100), slice(230, 240), "sports ball"),
    )
    everything = instances(one, bag, two, ball)
    things, kept = along(everything, [everything[0]], [])
    assert [(each.number, each.holder) for each in things] == [(1, None), (2, 1)]
    assert kept == []
    things, kept = along(everything, everything, [everything[2]])
    assert [(each.number, each.holder) for each in things] == [(1, None), (2, None)]
    assert [each.number for each in kept] == [3, 4]  # who stays keeps the ball
    things, kept = along(everything, [everything[3]], [])
    assert [(each.number, each.holder) for each in things] == [(4, None)]


def test_what_was_hardly_seen_goes_along_only_if_it_can_be_held():
    one = block(slice(50, 150), slice(40, 70))
    bag = block(slice(90, 110), slice(70, 82), "handbag", 0.25)
    chair = block(slice(90, 110), slice(28, 40), "chair", 0.25)
    (person,), candidates = instances(one), instances(one, bag, chair)[1:]
    things, _ = along([person], [person], [], candidates)
    assert [(each.number, each.holder) for each in things] == [(1, None), (2, 1)]
    _, kept = along([person], [], [person], candidates)
    assert [each.number for each in kept] == [1, 2]


# who keeps what


def test_who_is_excepted_keeps_every_pixel():
    goes, stays = block(slice(50, 150), slice(40, 90)), block(slice(60, 140), slice(85, 120))
    for how in (How(), How(shape="box", grow=9), How(grow=30, shadow="always")):
        made = planned([goes], excepted=[stays], how=how)
        assert not (made.hole & stays.mask).any()
        assert made.stays[stays.mask].all()
    assert made.hole[:, :85][goes.mask[:, :85]].all()


def test_a_soft_edge_of_who_stays_is_mixed_not_kept():
    goes = block(slice(50, 150), slice(40, 90))
    levels = np.zeros(SIZE, np.uint8)
    levels[60:140, 90:120] = 255
    levels[60:140, 87:90] = (40, 90, 160)
    stays = soft_segment_of(levels, Box(0, 0, WIDTH, HEIGHT), SIZE, label="person", score=0.9)
    made = planned([goes], excepted=[stays])
    assert made.hole[100, 87:91].tolist() == [True, True, False, False]
    assert made.guard[100, 86:89].tolist() == [0, 40, 90]


def test_what_stands_in_front_keeps_its_pixels_what_is_behind_makes_room():
    goes = block(slice(50, 150), slice(40, 90))
    front = block(slice(100, 170), slice(90, 140), "dog")
    behind = block(slice(60, 110), slice(0, 40), "car")
    made = planned([goes], [front, behind], how=How(grow=5, shadow="never"))
    assert not made.hole[front.mask].any()
    assert made.hole[80, 35:40].all()
    assert not made.hole[80, :34].any()
    doubtful = block(slice(100, 170), slice(90, 140), "dog", score=0.3)
    made = planned([goes], [doubtful], how=How(grow=5, shadow="never"))
    assert made.hole[120, 90:94].all()


def test_a_box_takes_nothing_of_what_stays():
    goes = block(slice(50, 150), slice(40, 90), corners=(30.0, 40.0, 130.0, 170.0))
    behind = block(slice(45, 60), slice(95, 125), "car")
    made = planned([goes], [behind], how=How(shape="box", grow=2, shadow="never"))
    assert made.hole[38:172, 28:132][~behind.mask[38:172, 28:132]].all()
    assert not made.hole[behind.mask].any()
    assert not made.hole[:38].any()


def test_a_loose_piece_that_hangs_on_to_another_person_is_that_persons():
    mask = np.zeros(SIZE, np.bool_)
    mask[50:150, 40:90] = True
    mask[150:156, 202:210] = True
    whole = Box(0, 0, WIDTH, HEIGHT)
    goes = segment_of(mask, whole, SIZE, label="person", score=0.9)
    other = block(slice(60, 150), slice(200, 230))
    assert not planned([goes], excepted=[other]).hole[:, 190:].any()
    dog = block(slice(60, 150), slice(200, 230), "dog")
    assert planned([goes], excepted=[dog]).hole[152, 205]


# by mask or by box


@pytest.mark.parametrize(
    ("thing", "shape", "said"),
    [
        (block(slice(50, 150), slice(40, 90)), "mask", "is sure (0.90) and fills its box (1.00)"),
        (block(slice(50, 110), slice(40, 90), score=0.4), "box", "its mask is doubtful (0.40)"),
        (block(slice(0, 200), slice(40, 140), score=0.4), "mask", "large part of the photo"),
        (
            block(slice(50, 110), slice(40, 90), corners=(40, 50, 90, 150)),
            "box",
            "agree by 0.60 only",
        ),
        (block(slice(50, 60), slice(40, 52)), "box", "it is small"),
    ],
)
def test_auto_decides_by_the_mask_and_says_why(thing, shape, said):
    made = planned([thing], how=How(shadow="never"))
    (part,) = made.parts
    assert part.shape == shape
    assert said in part.reason


def test_of_a_large_box_only_what_lies_beyond_the_mask_goes():
    thing = block(slice(20, 120), slice(40, 180), corners=(40, 20, 180, 200))
    made = planned([thing], how=How(grow=3, shadow="never"))
    assert made.parts[0].shape == "box"
    assert made.hole[20:203, 40:180].all()
    assert not made.hole[:16].any()


def test_as_asked():
    thing = block(slice(50, 110), slice(40, 90), score=0.4)
    for shape in ("mask", "box"):
        assert planned([thing], how=How(shape=shape)).parts[0].reason == "as asked"


def test_zero_is_the_mask_itself():
    thing = standing(figure())
    made = planned([thing])
    np.testing.assert_array_equal(made.hole, thing.mask)
    assert made.parts[0].grow == 0


def test_what_the_mask_misses_goes_by_its_colour():
    thing = block(slice(50, 150), slice(60, 110))
    image = grey()
    image[50:150, 60:110] = (200, 40, 40)
    image[130:150, 110:124] = (200, 40, 40)  # a foot
    made = planned([thing], how=How(shadow="never"), image=image)
    assert made.hole[130:150, 110:124].all()
    assert not made.hole[60:120, 118:].any()


def test_a_speck_of_ground_within_a_thing_goes_a_gap_between_legs_stays():
    mask = np.zeros(SIZE, np.bool_)
    mask[40:160, 60:160] = True
    mask[60:70, 80:90] = False
    mask[90:150, 95:130] = False
    thing = segment_of(mask, Box(0, 0, WIDTH, HEIGHT), SIZE, label="person", score=0.9)
    hole = planned([thing], how=How(shadow="never")).hole
    assert hole[60:70, 80:90].all()
    assert not hole[105:135, 108:118].any()
    assert not planned([thing], how=How(grow=1, shadow="never")).hole[64:66, 84:86].any()


# shadows


@pytest.fixture(scope="module")
def shaded():
    levels = figure()
    shadow = cast(levels, 0.7, 0.35)
    return darkened(photo(levels), shadow, 0.45), standing(levels), shadow


def test_a_sure_shadow_goes_along(shaded):
    image, thing, shadow = shaded
    made = planned([thing], how=How(), image=image)
    (part,) = made.parts
    assert part.casts[0].kind == "shadow"
    assert part.taken[0]
    assert made.hole[shadow].mean() > 0.95
    stays = planned([thing], how=How(shadow="never"), image=image)
    assert stays.parts[0].casts == ()
    assert stays.hole[shadow].mean() < 0.4


def test_a_shadow_takes_nothing_of_who_stays(shaded):
    image, thing, shadow = shaded
    rows, columns = np.nonzero(shadow)
    other = block(slice(rows.max() - 12, rows.max() + 1), slice(columns.max() - 12, WIDTH))
    made = planned([thing], [other], how=How(), image=image)
    assert not made.hole[other.mask].any()


def test_the_ground_right_around_a_foot_goes(shaded):
    _, thing, _ = shaded
    made = planned([thing], how=How(grow=1), image=photo(figure()))
    below = made.hole[BASE + 2]
    assert below.any()
    assert not planned([thing], how=How(grow=1, shadow="never")).hole[BASE + 2].any()


def test_a_preview_shows_hole_number_and_shadow(shaded):
    image, thing, shadow = shaded
    things = [Thing(7, thing)]
    made = going(image, things, (), (), How())
    picture = Picture(image)
    seen = preview(picture, made, things)
    changed = (seen.pixels != image).any(axis=2)
    assert changed[made.hole].mean() > 0.95
    assert isinstance(made.parts[0].segment, Segment)
    assert made.parts[0].title == "7 person .90"
    inner = shadow & made.hole
    blue = seen.pixels[inner].astype(int)
    assert (blue[:, 2] > blue[:, 0]).mean() > 0.8
    far = np.ones(SIZE, np.bool_)
    far[20:, 60:] = False
    np.testing.assert_array_equal(seen.pixels[far], image[far])
