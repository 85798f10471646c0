"""What people hold or ride is theirs; what nobody touches is nobody's."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from nukki.ops.segments import segment_of
from nukki.pipelines.holding import HELD, RIDDEN, holders
from nukki.types import Box, ClassSpec
from nukki.zoo.labels import labels_of

SIZE = (300, 400)  # small enough that cells are pixels


def thing(label, left, top, right, bottom, *, score=0.9, size=SIZE):
    inside = np.ones((bottom - top, right - left), bool)
    return segment_of(inside, Box(left, top, right, bottom), size, label=label, score=score)


PERSON = thing("person", 100, 50, 160, 250)  # 200 high: things within 5 pixels are touched


def held(*things):
    return holders([PERSON, *things])


def test_the_kinds_are_cocos():
    labels = set(labels_of(ClassSpec("coco-80")))
    assert labels >= HELD | RIDDEN
    assert not HELD & RIDDEN
    assert not (HELD | RIDDEN) & {"person", "dog", "chair", "car", "bench", "dining table"}


def test_nobody_and_nothing():
    assert holders([]) == {}
    assert holders([PERSON]) == {}
    assert holders([thing("sports ball", 10, 10, 20, 20)]) == {}


@pytest.mark.parametrize(
    ("left", "joins"), [(130, True), (160, True), (164, True), (165, False), (300, False)]
)
def test_a_ball_is_held_where_it_touches(left, joins):
    """Over the person, at its rim, four pixels off, five, and far off."""
    ball = thing("sports ball", left, 100, left + 15, 115)
    assert held(ball) == ({1: 0} if joins else {})


@pytest.mark.parametrize(("gap", "joins"), [(4, False), (3, True)])
def test_a_corner_is_touched_by_four_cells(gap, joins):
    """Grown by five cells it meets one cell of the person's corner, or four."""
    bag = thing("handbag", 160 + gap, 250 + gap, 190, 280)
    assert held(bag) == ({1: 0} if joins else {})


def test_a_thing_of_fewer_cells_needs_no_four():
    """Two cells in the photo's corner that reach two of the person's."""
    person = thing("person", 0, 2, 2, 22)  # touched within one cell
    ball = thing("sports ball", 0, 0, 2, 1)
    assert holders([person, ball]) == {}
    assert holders([person, thing("sports ball", 0, 1, 2, 2)]) == {1: 0}


@pytest.mark.parametrize(
    ("label", "box", "joins"),
    [
        ("suitcase", (160, 100, 240, 190), True),  # 7200 of the person's 12000 pixels
        ("suitcase", (160, 100, 241, 190), False),
        ("bicycle", (60, 180, 220, 290), True),
        ("skis", (0, 180, 400, 300), True),  # 48000
        ("skis", (0, 179, 400, 300), False),
        ("bicycle", (60, 150, 220, 290), True),
        ("bicycle", (60, 60, 120, 220), False),  # its middle lies above the person's
        ("horse", (60, 140, 200, 280), True),
        ("chair", (150, 150, 200, 250), False),
        ("dog", (160, 200, 190, 250), False),
        ("person", (160, 200, 190, 250), False),
    ],
)
def test_kinds_and_sizes(label, box, joins):
    assert held(thing(label, *box)) == ({1: 0} if joins else {})


def test_the_one_who_owns_most_of_the_contact_holds_it():
    other = thing("person", 180, 50, 240, 250)
    bag = thing("handbag", 155, 100, 182, 130)  # over five columns of one, two of the other
    assert holders([PERSON, other, bag]) == {2: 0}
    assert holders([bag, other, PERSON]) == {0: 2}
    assert holders([PERSON, other, thing("handbag", 158, 100, 190, 130)]) == {2: 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (thing("person", 180, 50, 240, 250, score=0.95), thing("person", 100, 50, 160, 250)),
        (thing("person", 100, 50, 160, 250), thing("person", 180, 50, 240, 250)),
    ],
    ids=["the surer", "the left"],
)
def test_where_two_touch_it_alike(first, second):
    ball = thing("sports ball", 160, 100, 180, 120)
    assert holders([first, second, ball]) == {2: 0}
    assert holders([second, first, ball]) == {2: 1}


def test_nothing_depends_on_the_order():
    things = [
        PERSON,
        thing("person", 200, 60, 260, 260),
        thing("bicycle", 90, 190, 190, 280),
        thing("handbag", 172, 120, 197, 150),
        thing("sports ball", 350, 20, 360, 30),
    ]
    wanted = holders(things)
    assert wanted == {2: 0, 3: 1}
    for order in itertools.islice(itertools.permutations(range(5)), 0, None, 7):
        found = holders([things[place] for place in order])
        assert {order[one]: order[person] for one, person in found.items()} == wanted


def test_contact_is_seen_in_large_photos_too():
    """Six cells for a pixel less: a photo of 12 megapixels."""
    size = (3000, 4000)
    person = thing("person", 1000, 500, 1600, 2500, size=size)
    near = thing("sports ball", 1640, 1000, 1790, 1150, size=size)
    far = thing("sports ball", 1680, 1000, 1830, 1150, size=size)
    assert holders([person, near, far]) == {1: 0}


def test_a_team_with_its_things_takes_little_time():
    people = [thing("person", 30 * n, 20, 30 * n + 40, 290) for n in range(10)]
    balls = [thing("sports ball", 30 * n + 5, 100, 30 * n + 35, 130) for n in range(10)]
    started = time.process_time()
    assert len(holders([*people, *balls])) == 10
    assert time.process_time() - started < 1.0
