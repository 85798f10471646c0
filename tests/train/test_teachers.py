"""What teachers agree on: doubts, doubles, parts, and what is known."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.boxes import Boxes
from nukki.train.teachers import Look, Rules, found_by, with_known
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of

RULES = Rules()


def boxes(*rows):
    """Rows of left, top, right, bottom, score, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.intp))


class Fake:
    """A detector that finds the same whatever it sees, and remembers what that was."""

    labels = labels_of(ClassSpec("coco-80"))

    def __init__(self, *rows):
        self.rows = rows
        self.seen = []

    def find(self, image, *, size=None):
        self.seen.append((image, size))
        return boxes(*self.rows)


def looks(*finders, **rest):
    return [Look(finder, "fake", **rest) for finder in finders]


def image(height=100, width=200):
    return np.arange(height * width * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)


def agreed(*finders, rules=RULES):
    found, things = found_by(image(), looks(*finders), rules)
    return [
        (tuple(np.round(corner).astype(int).tolist()), int(label), bool(thing))
        for corner, label, thing in zip(found.corners, found.classes, things, strict=True)
    ]


PERSON = (10, 10, 50, 90, 0.8, 0)


def test_two_looks_that_agree_make_a_thing():
    assert agreed(Fake(PERSON), Fake(PERSON)) == [((10, 10, 50, 90), 0, True)]


def test_what_a_single_look_saw_is_doubtful_however_sure():
    sure = (10, 10, 50, 90, 0.99, 0)
    assert agreed(Fake(sure), Fake()) == [((10, 10, 50, 90), 0, False)]
    assert agreed(Fake(PERSON), Fake(), Fake(), Fake(), Fake()) == []


@pytest.mark.parametrize(("score", "fate"), [(0.34, [False]), (0.36, [True]), (0.17, [])])
def test_scores_decide(score, fate):
    row = (10, 10, 50, 90, score, 0)
    assert [thing for *_, thing in agreed(Fake(row), Fake(row))] == fate


def test_the_less_sure_of_two_classes_at_one_place_is_left_out():
    dog, cat = (10, 10, 50, 90, 0.6, 16), (11, 10, 50, 90, 0.5, 15)
    assert [label for _, label, _ in agreed(Fake(dog, cat), Fake(dog, cat))] == [16]


def test_a_bag_in_front_of_a_person_is_no_double():
    bag = (15, 50, 45, 88, 0.6, 26)
    assert [label for _, label, _ in agreed(Fake(PERSON, bag), Fake(PERSON, bag))] == [0, 26]


def test_head_and_shoulders_of_a_person_are_doubtful_even_where_they_are_surer():
    part = (11, 10, 50, 40, 0.9, 0)
    assert agreed(Fake(PERSON, part), Fake(PERSON, part)) == [
        ((11, 10, 50, 40), 0, False),
        ((10, 10, 50, 90), 0, True),
    ]


def test_a_child_before_an_adult_is_a_person():
    child = (12, 50, 28, 90, 0.6, 0)
    fates = agreed(Fake(PERSON, child), Fake(PERSON, child))
    assert [thing for *_, thing in fates] == [True, True]


def test_mirrored_looks_see_the_mirror_picture_and_answer_in_the_photo():
    finder = Fake((10, 20, 50, 90, 0.8, 0))
    (look,) = looks(finder, size=64, mirrored=True)
    picture = image()
    np.testing.assert_array_equal(look.find(picture).corners, [[150, 20, 190, 90]])
    ((seen, size),) = finder.seen
    np.testing.assert_array_equal(seen, picture[:, ::-1])
    assert size == 64


def test_looks_that_would_enlarge_the_photo_much_are_left_out():
    finder = Fake(PERSON)
    some = [Look(finder, "fake", size=size) for size in (200, 349, 351, 800)]
    found_by(image(), some, RULES)
    assert [size for _, size in finder.seen] == [200, 349]
    finder.seen.clear()
    found_by(image(30, 40), some, RULES)
    assert len(finder.seen) == 4, "too few would be left to agree"


# --- what is known

KNOWN = (8.0, 8.0, 56.0, 92.0)


def corrected(*rows, things=None, label=0):
    found = boxes(*rows)
    flags = np.ones(len(found), np.bool_) if things is None else np.array(things)
    found, flags = with_known(found, flags, KNOWN, label)
    return [tuple(row) for row in found.corners.tolist()], flags.tolist(), found.scores.tolist()


def test_a_known_thing_takes_the_place_of_all_that_shows_it():
    whole, part, other = (10, 10, 50, 90, 0.8, 0), (10, 10, 50, 45, 0.9, 0), (90, 0, 99, 40, 0.5, 0)
    corners, things, scores = corrected(part, whole, other, things=[True, False, True])
    assert corners == [KNOWN, (90, 0, 99, 40)]
    assert things == [True, True]
    assert scores == [1.0, 0.5]


def test_a_doubtful_box_is_enough_to_mean_the_known_thing():
    _, things, _ = corrected((10, 10, 50, 90, 0.3, 0), things=[False])
    assert things == [True]


def test_what_no_box_means_is_not_told():
    corners, things, _ = corrected((10, 10, 50, 30, 0.8, 0))
    assert (corners, things) == ([(10, 10, 50, 30)], [True])


def test_another_class_does_not_mean_it_and_stays():
    bag = (12, 40, 50, 88, 0.8, 26)
    assert corrected(bag)[0] == [(12, 40, 50, 88)]
    corners, _, _ = corrected((10, 10, 50, 90, 0.8, 0), bag)
    assert corners == [KNOWN, (12, 40, 50, 88)]


def test_a_group_in_one_outline_stays_the_people_that_were_seen():
    people = [(9, 10, 30, 90, 0.8, 0), (32, 10, 54, 90, 0.8, 0), (10, 10, 50, 90, 0.4, 0)]
    corners, things, _ = corrected(*people, things=[True, True, False])
    assert (len(corners), things) == (3, [True, True, False])


def test_passers_by_behind_the_known_person_stay():
    corners, _, _ = corrected((10, 10, 50, 90, 0.8, 0), (50, 30, 55, 40, 0.5, 0))
    assert corners == [KNOWN, (50, 30, 55, 40)]
