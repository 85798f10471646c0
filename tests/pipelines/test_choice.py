"""Which things a choice means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from choice_files import SIZE, choices, thing
from nukki.errors import InputError, NothingFound
from nukki.pipelines.choice import choose, parse, prominence, told
from nukki.pipelines.terms import Choice

LARGE = thing(1, "person", 0.98, 30, 10, 50, 55)  # 900 pixels in the middle
LEFT = thing(2, "dog", 0.91, 2, 30, 22, 50)  # 400
BALL = thing(3, "sports ball", 0.7, 60, 2, 70, 12)  # 100, right and top
SMALL = thing(4, "Person", 0.55, 72, 40, 77, 58)  # 90, at the right
EVERY = (LARGE, LEFT, BALL, SMALL)


def numbers(what, except_=None, things=EVERY, **more):
    less = None if except_ is None else parse(except_, option="except")
    chosen = choose(parse(what), things, SIZE, except_=less, **more)
    return [one.number for one in chosen]


@pytest.mark.parametrize(
    ("what", "meant"),
    [
        ("all", [1, 2, 3, 4]),
        ("people", [1, 4]),
        ("person,dog", [1, 2, 4]),
        ("SPORTS  BALL", [3]),
        ("3,1", [1, 3]),
        ("2-4", [2, 3, 4]),
        ("score>.7", [1, 2]),
        ("score>=.7", [1, 2, 3]),
        ("score<60%", [4]),
        ("score<=.55", [4]),
        ("area>8%", [1, 2]),  # 400 of 4800 pixels are 8.3 %
        ("area<100", [4]),
        ("largest", [1]),
        ("smallest", [4]),
        ("left", [2]),
        ("right", [4]),
        ("right people", [4]),
        ("left person", [1]),
        ("top", [3]),
        ("bottom", [4]),
        ("center", [1]),
        ("largest dog,smallest people", [2, 4]),
        ("at:35,20", [1]),
        ("at:29.5,10", [1]),
        ("at:35,20,dog", [1, 2]),
        ("box:0,0,40,60", [1, 2]),  # exactly half of the first
        ("box:0,0,39,60", [2]),
        ("box:-9,-9,999,999", [1, 2, 3, 4]),
        ("main", [1]),
        ("main dog", [2]),
    ],
)
def test_what_is_meant(what, meant):
    assert numbers(what) == meant


@pytest.mark.parametrize(
    ("what", "except_", "meant"),
    [
        ("all", "people", [2, 3]),
        ("people", "main", [4]),
        ("people", "score<.6", [1]),
        ("all", "2,3", [1, 4]),
        ("all", "cat", [1, 2, 3, 4]),
        ("all", "at:0,0", [1, 2, 3, 4]),
    ],
)
def test_what_is_left_out(what, except_, meant):
    assert numbers(what, except_) == meant


def test_a_point_means_the_smallest_thing_whose_mask_has_it():
    ring = np.ones((40, 40), bool)
    ring[10:30, 10:30] = False
    around = thing(1, "bus", 0.9, 0, 0, 40, 40, mask=ring)
    inside = thing(2, "person", 0.8, 5, 5, 25, 25)
    every = (around, inside, thing(3, "person", 0.7, 0, 0, 39, 39))
    assert numbers("at:7,7", things=every) == [2]
    assert numbers("at:20,20", things=every[:2]) == [2]
    assert numbers("at:35,35", things=every[:2]) == [1]
    with pytest.raises(NothingFound):
        numbers("at:28,28", things=every[:2])  # the hole of the ring


def test_a_box_looks_at_the_mask():
    every = (thing(1, "dog", 0.9, 0, 0, 20, 20, mask=np.eye(20, dtype=bool)),)
    assert numbers("box:0,0,10,10", things=every) == [1]
    with pytest.raises(NothingFound):
        numbers("box:0,0,9.4,9.4", things=every)


@pytest.mark.parametrize(
    ("what", "except_", "said", "caret"),
    [
        ("dog,5", None, "`what`: there is no number 5, there are 4 things", 4),
        ("3-9", None, "there is no number 9, there are 4 things", 0),
        ("all", "1,7", "`except`: there is no number 7", 2),
        ("at:80,0", None, "the point lies outside the photo, which has 80 × 60 pixels", 0),
        ("dog,at:0,59.5", None, "the point lies outside", 4),
        ("at:-1,0", None, "the point lies outside", 0),
        ("box:80,0,90,10", None, "the box lies outside", 0),
        ("all", "box:-9,0,0,10", "`except`: the box lies outside", 0),
    ],
)
def test_what_the_photo_does_not_have(what, except_, said, caret):
    with pytest.raises(InputError) as caught:
        numbers(what, except_)
    assert not isinstance(caught.value, NothingFound)
    first, _, under = caught.value.message.split("\n")
    assert said in first
    assert under == "  " + " " * caret + "^"
    assert caught.value.hint


def test_one_thing_is_said_as_one():
    with pytest.raises(InputError, match="there is 1 thing") as caught:
        numbers("2", things=(LARGE,))
    assert caught.value.hint == "there is 1 person .98"


@pytest.mark.parametrize(
    ("what", "except_", "said"),
    [
        ("cat", None, "nothing is `cat`: there are 1 person .98, 2 dog .91, 3 sports ball .70"),
        ("score>.99", None, "nothing is `score>0.99`: there are"),
        ("dog", "2", "nothing is `dog` except `2`: there are"),
        ("largest cat", None, "nothing is `largest cat`"),
    ],
)
def test_nothing_of_it_says_what_there_is(what, except_, said):
    with pytest.raises(NothingFound) as caught:
        numbers(what, except_)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_point_where_nothing_is_leads_to_pick():
    for things in ((), (thing(1, "person", 0.5, 0, 0, 5, 5),)):
        with pytest.raises(NothingFound) as caught:
            numbers("at:60,40", things=things)
        assert "`nukki pick --at X,Y`" in caught.value.hint
        with pytest.raises(NothingFound) as caught:
            numbers("dog", things=things)
        assert "pick" not in caught.value.hint


def test_nothing_at_all():
    for what in ("all", "dog", "2"):
        with pytest.raises(NothingFound, match="nothing was found in the photo"):
            numbers(what, things=())


def test_a_crowd_is_told_in_part():
    crowd = [thing(number, "person", 0.5, 0, 0, 5, 5) for number in range(1, 41)]
    assert told(crowd).endswith("8 person .50 and 32 more")


@pytest.mark.parametrize("what", ["all", "at:0,0", "box:0,0,1,1", "main", "largest person"])
def test_a_photo_of_one_pixel(what):
    one = thing(1, "person", 0.9, 0, 0, 1, 1)
    assert choose(parse(what), (one,), (1, 1)) == (one,)


def test_of_things_alike_the_first():
    twins = [thing(number, "dog", 0.5, 10, 10, 20, 20) for number in (1, 2)]
    for word in ("main", "largest", "smallest", "left", "right", "top", "bottom", "center"):
        assert numbers(word, things=twins) == [1]


# --- what holds for any choice

boxes = st.tuples(
    st.integers(0, 70), st.integers(0, 50), st.integers(1, 10), st.integers(1, 10)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
photos = st.lists(
    st.tuples(st.sampled_from(["person", "dog", "sports ball"]), st.floats(0, 1), boxes),
    min_size=1,
    max_size=6,
).map(
    lambda rows: tuple(
        thing(number, label, score, *box)
        for number, (label, score, box) in enumerate(sorted(rows, key=lambda row: -row[1]), start=1)
    )
)


def meant(choice, things, except_=None):
    """Numbers; None for a choice that this photo does not allow."""
    try:
        return {one.number for one in choose(choice, things, SIZE, except_=except_)}
    except NothingFound:
        return set()
    except InputError:
        return None


@given(photos, choices)
def test_things_keep_their_order(things, choice):
    assume(meant(choice, things))
    chosen = choose(choice, things, SIZE)
    places = [things.index(one) for one in chosen]
    assert places == sorted(set(places))


@given(photos, choices, choices)
def test_a_union_is_of_both_and_in_any_order(things, one, other):
    first, second = meant(one, things), meant(other, things)
    assume(first is not None and second is not None)
    both = Choice(one.terms + other.terms)
    assert meant(both, things) == first | second
    assert meant(Choice(other.terms + one.terms), things) == first | second


@given(photos, choices, choices)
def test_except_takes_away_what_it_means_and_no_more(things, one, other):
    first, second = meant(one, things), meant(other, things)
    assume(first is not None and second is not None)
    assert meant(one, things, other) == first - second


@given(photos, choices)
def test_all_is_everything_and_except_itself_nothing(things, choice):
    assert meant(parse("all"), things) == {one.number for one in things}
    assume(meant(choice, things) is not None)
    assert meant(choice, things, choice) == set()


# --- main


def test_the_formula_by_hand():
    # A person of a quarter of the photo, its middle half way to the right rim: d² = .5² / 2.
    one = thing(1, "person", 0.8, 40, 15, 80, 45)
    wanted = 2.5 * 0.5 * np.exp(-2 * 0.125) * 1.2 * 0.8
    assert prominence(one, SIZE, 0.7) == pytest.approx(wanted)
    assert prominence(thing(1, "dog", 0.8, 40, 15, 80, 45), SIZE, 0.7) == pytest.approx(
        wanted / 2.5
    )


def test_people_come_before_things():
    horse = thing(1, "horse", 0.95, 15, 20, 65, 58)
    rider = thing(2, "person", 0.9, 30, 5, 45, 35)
    assert numbers("main", things=(horse, rider)) == [2]


def test_a_thing_that_is_clearly_larger_and_more_central_comes_before_people():
    dog = thing(1, "dog", 0.95, 15, 10, 65, 58)
    passer = thing(2, "person", 0.9, 74, 20, 79, 40)
    assert numbers("main", things=(dog, passer)) == [1]


def test_the_sharper_of_two_people():
    near = thing(1, "person", 0.95, 5, 5, 35, 58)  # before the lens, out of focus
    meant = thing(2, "person", 0.95, 46, 10, 74, 58)
    sharp = {1: 0.1, 2: 0.65}
    assert numbers("main", things=(near, meant)) == [1]
    assert numbers("main", things=(near, meant), sharpness=lambda one: sharp[one.number]) == [2]


def test_sharpness_is_asked_for_main_only():
    def never(one):
        raise AssertionError("asked")

    assert numbers("largest,people,left", sharpness=never)
    with pytest.raises(AssertionError, match="asked"):
        numbers("main", sharpness=never)
