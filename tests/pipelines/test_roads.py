"""Every row of the table in docs/roads.md, with made-up people and salient maps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.ops.segments import soft_segment_of
from nukki.pipelines.roads import CLEAR, DOUBTFUL, SEVERAL, SURE, WITH, decide, softened
from nukki.types import Box

SIZE = (200, 300)  # small enough that cells are pixels; soft edges reach eight of them


def thing(label, box, score=0.9, *, size=SIZE):
    left, top, right, bottom = box
    levels = np.full((bottom - top, right - left), 255, np.uint8)
    made = soft_segment_of(levels, Box(*box), size, label=label, score=score)
    assert made is not None
    return made


def person(*box, score=0.9):
    return thing("person", box, score)


def seen(*boxes, value=1.0, size=SIZE):
    """A salient map that holds some boxes."""
    made = np.zeros(size, np.float32)
    for left, top, right, bottom in boxes:
        made[top:bottom, left:right] = value
    made.flags.writeable = False
    return made


def at(box):
    return slice(box[1], box[3]), slice(box[0], box[2])


FIRST = (40, 60, 80, 160)  # 4000 pixels
SECOND = (100, 60, 140, 160)
ASIDE = (200, 20, 260, 120)  # 6000 pixels that are nobody's
BANNER = (20, 20, 270, 50)  # 7500 pixels far above them


# --- nobody


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("others", [[], [thing("dog", FIRST), thing("bench", SECOND)]])
def test_without_people_the_salient_map_is_the_answer(found, others):
    salient = seen(FIRST)
    decision = decide(salient, found, others)
    assert (decision.road, decision.chosen) == ("salient", ())
    assert decision.reason == "no people were found"
    np.testing.assert_array_equal(decision.map, salient)


# --- who counts

# The second one beside a first of 4000 pixels: box, score, what S covers of it, whether it counts.
BESIDE = {
    "clear and large": ((100, 60, 116, 160), CLEAR, None, True),
    "clear and a little too small": ((100, 60, 115, 160), CLEAR, None, False),
    "large and not clear": (SECOND, CLEAR - 0.01, None, False),
    "small and sure, unseen": ((100, 60, 110, 110), 0.9, None, False),
    "doubtful and seen": ((100, 60, 108, 80), DOUBTFUL, (100, 60, 108, 80), True),
    "too doubtful": ((100, 60, 108, 80), DOUBTFUL - 0.01, (100, 60, 108, 80), False),
    "too small": ((100, 60, 108, 79), DOUBTFUL, (100, 60, 108, 79), False),
    "seen by half": ((100, 60, 108, 80), DOUBTFUL, (100, 60, 108, 70), True),
    "seen by less than half": ((100, 60, 108, 80), DOUBTFUL, (100, 60, 108, 69), False),
}


@pytest.mark.parametrize(("box", "score", "covered", "counts"), BESIDE.values(), ids=BESIDE)
def test_who_counts_beside_one_who_is_large(box, score, covered, counts):
    salient = seen(FIRST, ASIDE, *([covered] if covered else []))
    decision = decide(salient, True, [person(*FIRST), person(*box, score=score)])
    assert decision.road == "people"
    assert decision.chosen == ((0, 1) if counts else (0,))
    assert decision.reason.startswith("2 people" if counts else "one person")
    assert decision.map[at(box)].mean() > 0.9 if counts else decision.map[at(box)].mean() < 0.3


@pytest.mark.parametrize(("score", "counts"), [(WITH, True), (WITH - 0.01, False)])
def test_in_a_group_small_ones_count_who_are_seen_well(score, counts):
    child = 160, 60, 168, 80  # a twenty-fifth of the largest
    group = [person(*FIRST), person(*SECOND), person(*child, score=score)]
    decision = decide(seen(FIRST, SECOND, BANNER), True, group)
    assert decision.road == "people"
    assert decision.chosen == ((0, 1, 2) if counts else (0, 1))


def test_a_group_has_two():
    """The same child beside one: nobody's group."""
    child = 160, 60, 168, 80
    decision = decide(seen(FIRST, ASIDE), True, [person(*FIRST), person(*child)])
    assert decision.chosen == (0,)


@pytest.mark.parametrize(("right", "road"), [(70, "people"), (69, "salient")])
def test_tiny_people_do_not_count_where_the_map_sees_no_subject(right, road):
    """Thirty or twenty-nine columns of twenty: 600 pixels are a hundredth of the photo."""
    decision = decide(seen(ASIDE, value=0.3), False, [person(40, 60, right, 80)])
    assert decision.road == road
    if road == "salient":
        assert decision.reason == "no people that the photo is about"
    else:
        assert decision.reason == "one person, and the salient map is not sure"
        assert decision.map[at(ASIDE)].max() == 0


def test_tiny_people_count_where_the_map_sees_them():
    one, two = (40, 60, 50, 80), (60, 60, 70, 80)
    decision = decide(seen(one, two), True, [person(*one), person(*two)])
    assert (decision.road, decision.chosen) == ("both", (0, 1))


def test_people_who_are_all_doubtful_are_no_subject():
    people = [person(*FIRST, score=SURE - 0.01), person(*SECOND, score=DOUBTFUL)]
    salient = seen(FIRST, SECOND)
    decision = decide(salient, True, people)
    assert (decision.road, decision.reason) == ("salient", "no people were found")
    np.testing.assert_array_equal(decision.map, salient)


# --- the rows


@pytest.mark.parametrize(("rows", "road"), [(14, "salient"), (15, "people")])
def test_where_the_map_hardly_touches_people_it_is_about_something_else(rows, road):
    """It holds 14 or 15 of a hundred rows of each."""
    touched = [(left, 60, right, 60 + rows) for left, _, right, _ in (FIRST, SECOND)]
    beside = 200, 20, 230, 60  # as large as what it holds of them
    decision = decide(seen(*touched, beside), True, [person(*FIRST), person(*SECOND)])
    assert decision.road == road
    if road == "salient":
        assert decision.reason == "2 people found, but the photo is about something else"
    else:
        assert decision.reason == "2 people, and the salient map misses some of them"


def test_a_bus_is_not_its_passengers():
    bus = 20, 20, 280, 180
    salient = seen(bus)
    decision = decide(salient, True, [person(*FIRST), person(*SECOND)])
    assert decision.road == "salient"
    assert decision.reason == "2 people found, but the photo is about something else"
    np.testing.assert_array_equal(decision.map, salient)


def test_a_single_person_is_the_maps():
    """With what it holds beside, up to as much again: hair, a coat, a chair."""
    coat = 80, 60, 115, 160
    salient = seen(FIRST, coat, value=0.9)
    decision = decide(salient, True, [person(*FIRST)])
    assert (decision.road, decision.chosen) == ("salient", ())
    assert decision.reason == "one person, and the salient map agrees"
    np.testing.assert_array_equal(decision.map, salient)


def test_of_a_single_person_and_more_of_something_else_the_person_stays():
    decision = decide(seen(FIRST, ASIDE), True, [person(*FIRST)])
    assert (decision.road, decision.chosen) == ("people", (0,))
    assert decision.reason == "one person, and the salient map holds more than them"
    assert decision.map[at(ASIDE)].max() == 0
    assert decision.map[at(FIRST)].min() == 1


def test_a_single_person_whom_the_map_half_misses_is_whole():
    """It holds the head alone: it does not agree, whatever else it holds."""
    head = 40, 60, 80, 100
    decision = decide(seen(head), True, [person(*FIRST)])
    assert (decision.road, decision.chosen) == ("people", (0,))
    assert decision.reason == "one person, and the salient map misses some of them"
    assert decision.map[at(FIRST)].mean() > 0.95


def test_a_limb_far_from_the_masks_that_the_map_holds_comes_in():
    limb = 150, 100, 190, 130  # 1200 pixels beside 8000
    decision = decide(seen(FIRST, SECOND, limb), True, [person(*FIRST), person(*SECOND)])
    assert (decision.road, decision.chosen) == ("both", (0, 1))
    assert decision.reason == "2 people, and the salient map agrees"
    np.testing.assert_array_equal(decision.map, seen(FIRST, SECOND, limb))


def test_what_the_map_holds_close_to_the_masks_does_not():
    """The gap between two people stays open, although the map closes it."""
    gap = 80, 100, 100, 160
    decision = decide(seen(FIRST, SECOND, gap), True, [person(*FIRST), person(*SECOND)])
    assert decision.road == "both"
    # Eight columns on either side are within reach of the people's rims.
    assert decision.map[120, 80:88].max() == 0
    assert decision.map[120, 92:100].max() == 0


def test_a_banner_is_left_out():
    people = [person(*FIRST), person(*SECOND)]
    decision = decide(seen(FIRST, SECOND, BANNER), True, people)
    assert (decision.road, decision.chosen) == ("people", (0, 1))
    assert decision.reason == "2 people, and the salient map holds more than them"
    np.testing.assert_array_equal(decision.map, seen(FIRST, SECOND))


@pytest.mark.parametrize(("columns", "road"), [(26, "both"), (28, "people")])
def test_a_quarter_of_the_map_may_be_nobodys(columns, road):
    """2600 of 10600 pixels, or 2800 of 10800."""
    beside = 200, 20, 200 + columns, 120
    decision = decide(seen(FIRST, SECOND, beside), True, [person(*FIRST), person(*SECOND)])
    assert decision.road == road
    assert decision.map[at(beside)].max() == (1 if road == "both" else 0)


@pytest.mark.parametrize(("rows", "road"), [(50, "both"), (48, "people")])
def test_a_map_that_misses_most_of_the_people_does_not_agree(rows, road):
    """It holds 50 or 48 of a hundred rows of each, and nothing else."""
    heads = [(left, 60, right, 60 + rows) for left, _, right, _ in (FIRST, SECOND)]
    decision = decide(seen(*heads), True, [person(*FIRST), person(*SECOND)])
    assert decision.road == road
    assert min(decision.map[at(box)].min() for box in (FIRST, SECOND)) == 1


def test_people_whom_the_map_misses_are_there():
    third = 200, 60, 240, 160
    people = [person(*FIRST), person(*SECOND), person(*third)]
    decision = decide(seen(FIRST), True, people)
    assert (decision.road, decision.chosen) == ("people", (0, 1, 2))
    assert decision.reason == "3 people, and the salient map misses some of them"
    assert min(decision.map[at(box)].min() for box in (FIRST, SECOND, third)) == 1


def test_what_people_hold_comes_in_and_what_lies_about_does_not():
    ball, other = (140, 100, 155, 115), (250, 150, 265, 165)
    things = [
        thing("sports ball", other),
        person(*FIRST),
        thing("sports ball", ball),
        person(*SECOND),
        thing("bench", (20, 170, 280, 190)),
    ]
    decision = decide(seen(FIRST, SECOND, BANNER), True, things)
    assert (decision.road, decision.chosen) == ("people", (1, 2, 3))
    assert decision.reason.startswith("2 people")
    assert decision.map[at(ball)].mean() > 0.9
    assert decision.map[at(other)].max() == 0


def test_the_things_of_people_who_do_not_count_do_not_count():
    far = 260, 100, 266, 120
    bag = 266, 105, 271, 112
    things = [person(*FIRST), person(*far, score=SURE), thing("handbag", bag)]
    assert decide(seen(FIRST, ASIDE), True, things).chosen == (0,)


# --- soft edges


def test_the_maps_soft_edges_are_taken_where_both_agree():
    union, salient = np.zeros((9, 400), np.float32), np.zeros((9, 400), np.float32)
    union[:, :200] = 1
    salient[:, :180] = 1
    cells = {
        198: (1.0, 0.6, 1.0),  # both say yes: solid
        199: (1.0, 0.4, 1.0),  # they contradict each other: the union stands
        200: (0.0, 0.4, 0.2),  # hair
        201: (0.3, 0.5, 0.4),
        202: (0.8, 0.45, 0.625),
        203: (0.6, 0.9, 0.9),
        204: (0.0, 0.6, 0.0),  # a gap that stays open
        208: (0.0, 0.4, 0.2),
        240: (0.0, 0.4, 0.0),  # out of reach
        100: (1.0, 0.8, 1.0),
    }
    for column, (own, theirs, _) in cells.items():
        union[:, column], salient[:, column] = own, theirs
    made = softened(union, salient)
    assert made.dtype == np.float32
    for column, (_, _, wanted) in cells.items():
        np.testing.assert_allclose(made[:, column], wanted, atol=1e-6, err_msg=str(column))


# --- whatever comes first, and of whatever size


def test_nothing_depends_on_the_order():
    things = [
        person(*FIRST),
        person(*SECOND, score=SURE),
        person(160, 60, 180, 120, score=WITH),
        thing("sports ball", (140, 100, 155, 115), 0.6),
        thing("dog", (250, 150, 280, 170)),
    ]
    for salient, found in itertools.product([seen(FIRST, SECOND), seen(BANNER)], [True, False]):
        first = decide(salient, found, things)
        for order in itertools.islice(itertools.permutations(range(5)), 0, None, 11):
            decision = decide(salient, found, [things[place] for place in order])
            assert (decision.road, decision.reason) == (first.road, first.reason)
            assert tuple(sorted(order[place] for place in decision.chosen)) == first.chosen
            assert decision.map.tobytes() == first.map.tobytes()


def test_the_map_may_have_any_resolution():
    """Tenths of the photo's sides, and a photo of which a cell is many pixels."""
    people = [person(*FIRST), person(*SECOND)]
    decision = decide(seen(FIRST, SECOND, BANNER)[5::10, 5::10], True, people)
    assert (decision.road, decision.map.shape) == ("people", SIZE)
    size = 2000, 3000
    large = [thing("person", [10 * edge for edge in box], size=size) for box in (FIRST, SECOND)]
    decision = decide(seen(FIRST, SECOND, BANNER), True, large)
    assert decision.road == "people"
    assert decision.map.shape == (341, 512)
    assert decision.map.mean() == pytest.approx(8000 / 60000, rel=0.02)


boxes = st.tuples(
    st.integers(0, 50), st.integers(0, 30), st.integers(1, 30), st.integers(1, 20)
).map(lambda b: (b[0], b[1], min(60, b[0] + b[2]), min(40, b[1] + b[3])))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["person", "person", "sports ball", "dog"]), boxes, st.floats(0, 1)
        ),
        max_size=5,
    ),
    st.lists(boxes, max_size=3),
    st.floats(0, 1),
    st.booleans(),
)
def test_whatever_is_seen_there_is_an_answer(told, salient, value, found):
    size = 40, 60
    things = [thing(label, box, score, size=size) for label, box, score in told]
    decision = decide(seen(*salient, value=value, size=size), found, things)
    assert decision.map.min() >= 0
    assert decision.map.max() <= 1
    assert decision.map.dtype == np.float32
    assert decision.reason
    assert (decision.road == "salient") == (not decision.chosen)
    assert all(things[place].label in ("person", "sports ball") for place in decision.chosen)


@pytest.mark.parametrize(("score", "road"), [(SEVERAL - 0.01, "salient"), (SEVERAL, "both")])
def test_a_doubtful_person_makes_no_group(score, road):
    """A helmet before an astronaut: the salient map holds both, and is believed about the edges."""
    decision = decide(seen(FIRST, SECOND), True, [person(*FIRST), person(*SECOND, score=score)])
    assert decision.road == road
    assert decision.reason.startswith("2 people" if road == "both" else "one person for sure")
