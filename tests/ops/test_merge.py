"""Several looks become one answer: worked cases, and properties of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.boxes import Boxes, no_boxes
from nukki.ops.merge import Look, cut_off, merged
from nukki.types import Box

HEIGHT, WIDTH = 1000, 2000
WHOLE = Box(0, 0, WIDTH, HEIGHT)
LEFT, RIGHT = Box(0, 0, 1200, HEIGHT), Box(800, 0, WIDTH, HEIGHT)


def boxes(*rows):
    """Boxes of (left, top, right, bottom, score[, class])."""
    table = np.array([(*row, 0)[:6] for row in rows], np.float32).reshape(-1, 6)
    return Boxes(frozen(table[:, :4]), frozen(table[:, 4]), frozen(table[:, 5].astype(np.intp)))


def far(*rows):
    """The whole photo on 640 pixels."""
    return Look(boxes(*rows), WHOLE, 0.32)


def near(*rows, region=WHOLE):
    """A look from twice as near."""
    return Look(boxes(*rows), region, 0.64)


def answer(*looks):
    found = merged(looks, HEIGHT, WIDTH)
    return [
        (*(round(value) for value in corners), round(float(score), 3))
        for corners, score in zip(found.corners.tolist(), found.scores, strict=True)
    ]


MAN = (500, 100, 900, 900, 0.8)  # √area is 566: 181 pixels from afar, 362 from near


def test_one_look_is_its_own_answer():
    small, other = (10, 10, 20, 30, 0.3), (500, 500, 510, 530, 0.9)
    assert answer(far(small, MAN, other)) == [other, MAN, small]
    assert answer() == answer(far()) == answer(far(), near()) == []


def test_a_thing_that_both_saw_is_there_once():
    again = (504, 96, 905, 890, 0.9)
    assert answer(far(MAN), near(again)) == [again]
    assert answer(far((*MAN[:4], 0.95)), near(again)) == [(*MAN[:4], 0.95)]


def test_twins_survive():
    """Two people whose boxes overlap by .4, each seen best by another look."""
    twin = (671, 100, 1071, 900, 0.7)
    assert answer(far(MAN), near(twin)) == [MAN, twin]


def test_one_look_may_see_two_where_boxes_overlap_more():
    second = (600, 100, 1000, 900, 0.6)  # by .6 with the man: its own look let both stay
    assert answer(near(MAN, second)) == [MAN, second]
    assert answer(far(MAN), near(second)) == [MAN]


def test_classes_leave_each_other_alone():
    horse = (*MAN, 17)
    assert len(answer(far(MAN), near(horse))) == 2


@pytest.mark.parametrize(
    ("region", "box", "cut"),
    [
        (RIGHT, (801, 100, 1000, 500, 0.9), True),
        (RIGHT, (810, 100, 1000, 500, 0.9), False),
        (RIGHT, (1500, 100, 2000, 500, 0.9), False),  # the photo's own border
        (LEFT, (1000, 100, 1199, 500, 0.9), True),
        (LEFT, (0, 0, 500, 1000, 0.9), False),
        (Box(0, 300, 2000, 700), (100, 300, 300, 500, 0.9), True),
        (Box(0, 300, 2000, 700), (100, 400, 300, 699, 0.9), True),
        (WHOLE, (0, 0, 2000, 1000, 0.9), False),
    ],
)
def test_what_a_border_cut_off(region, box, cut):
    assert cut_off(near(box, region=region), HEIGHT, WIDTH).tolist() == [cut]


def test_half_a_man_goes_where_another_look_saw_the_whole():
    half = (800, 105, 905, 880, 0.9)  # what the border at 800 left of him
    assert answer(far(MAN), near(half, region=RIGHT)) == [MAN]
    # Another tile is another look, however sure it is.
    whole = (500, 100, 900, 900, 0.3)
    assert answer(near(half, region=RIGHT), near(whole, region=LEFT)) == [whole]
    # Where nobody saw the whole, the half is better than nothing.
    assert answer(far(), near(half, region=RIGHT)) == [half]


HEAD = (640, 100, 780, 260, 0.9)  # √area is 150: 48 pixels from afar


def test_a_part_of_a_thing_that_was_seen_from_afar_goes():
    assert answer(far(MAN), near(HEAD)) == [MAN]


def test_a_part_stays_where_the_larger_thing_is_doubtful():
    assert answer(far((*MAN[:4], 0.4)), near(HEAD)) == [HEAD, (*MAN[:4], 0.4)]


def test_what_could_not_be_seen_from_afar_stays():
    child = (640, 300, 700, 400, 0.6)  # √area is 77: 25 pixels from afar
    assert answer(far(MAN), near(child)) == [MAN, child]


def test_a_look_that_saw_both_is_believed():
    child = (600, 500, 760, 880, 0.6)
    again = (502, 98, 900, 905, 0.7)
    assert answer(far(MAN), near(child)) == [MAN]
    assert answer(far(MAN), near(child, again)) == [MAN, child]


def test_small_things_are_left_to_the_nearer_look():
    """Of what is small from afar only that counts which no nearer look could see."""
    small, beside = (100, 100, 150, 200, 0.5), (1300, 100, 1350, 200, 0.5)
    assert answer(far(small, beside), near(region=LEFT)) == [beside]
    assert answer(far(small), near((104, 100, 150, 198, 0.4))) == [(104, 100, 150, 198, 0.4)]
    sure = (*small[:4], 0.7)
    assert answer(far(sure), near()) == [sure]


def test_large_things_are_left_to_the_look_from_afar():
    """From 384 pixels of the tensor on: here 600 of the photo."""
    house, hut = (100, 100, 900, 800, 0.9), (1000, 100, 1500, 600, 0.9)
    assert answer(far(), near(house, hut)) == [hut]


@pytest.mark.parametrize("side", [20, 60, 150, 300, 380, 420, 500, 700, 900])
@pytest.mark.parametrize("factor", [1.25, 2, 3, 4, 6])
def test_no_size_falls_between_two_looks(side, factor):
    """A thing that both see in the same place is in the answer, whatever its size."""
    thing = (100, 50, 100 + side, 50 + side, 0.8)
    found = merged([far(thing), Look(boxes(thing), WHOLE, 0.32 * factor)], HEIGHT, WIDTH)
    assert len(found) == 1


def test_looks_of_the_same_scale_are_equals():
    one, other = (850, 100, 950, 300, 0.8), (852, 102, 955, 300, 0.7)
    alone = (900, 500, 1000, 600, 0.5)
    found = answer(near(one, region=LEFT), near(other, alone, region=RIGHT))
    assert found == [one, alone]


# --- any looks

corner = st.tuples(st.integers(0, 18), st.integers(0, 9), st.integers(1, 8), st.integers(1, 6))
rows = st.lists(
    st.tuples(corner, st.integers(1, 9), st.integers(0, 1)).map(
        lambda row: (
            100 * row[0][0], 100 * row[0][1],
            min(WIDTH, 100 * (row[0][0] + row[0][2])), min(HEIGHT, 100 * (row[0][1] + row[0][3])),
            row[1] / 10, row[2],
        )
    ),
    max_size=8,
)  # fmt: skip
places = st.lists(
    st.tuples(st.sampled_from([WHOLE, LEFT, RIGHT]), st.sampled_from([0.32, 0.64, 1.28])),
    max_size=4,
    unique_by=lambda place: (place[0].left, place[0].right, place[1]),
)


@st.composite
def any_looks(draw):
    return [Look(boxes(*draw(rows)), region, scale) for region, scale in draw(places)]


def as_rows(found):
    return [
        (*corners, score, number)
        for corners, score, number in zip(
            found.corners.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
        )
    ]


@settings(deadline=None)
@given(any_looks(), st.randoms())
def test_the_order_does_not_matter_and_nothing_is_made_up(looks, random):
    found = as_rows(merged(looks, HEIGHT, WIDTH))
    mixed = [
        Look(look.boxes.chosen(np.array(order, np.intp)), look.region, look.scale)
        for look in random.sample(looks, len(looks))
        for order in [random.sample(range(len(look.boxes)), len(look.boxes))]
    ]
    assert as_rows(merged(mixed, HEIGHT, WIDTH)) == found
    given_rows = [row for look in looks for row in as_rows(look.boxes)]
    for row in set(found):
        assert found.count(row) <= given_rows.count(row)
    assert found == sorted(found, key=lambda row: -row[4])


@settings(deadline=None)
@given(any_looks())
def test_an_empty_look_of_the_same_scale_changes_nothing(looks):
    if not looks:
        return
    more = [*looks, Look(no_boxes(), Box(0, 0, 1, 1), looks[0].scale)]
    assert as_rows(merged(more, HEIGHT, WIDTH)) == as_rows(merged(looks, HEIGHT, WIDTH))
