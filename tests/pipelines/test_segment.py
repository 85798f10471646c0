"""What is found is numbered, chosen from and drawn."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.segments import segment_of
from nukki.pipelines.segment import check_finder, segment
from nukki.types import Box
from nukki.zoo.cards import parse_card

CARD = """
task = "instances"
input.size = [32, 32]
classes.labels = ["", "person", "dog", "fire hydrant"]
classes.min_score = 0.6
[detections]
"""
SIZE = (60, 80)


class Finder:
    """Finds what it was given, and remembers how it was asked."""

    labels = ("", "person", "dog", "fire hydrant")

    def __init__(self, *things):
        self.card = parse_card(CARD, source="made.toml", brief=True)
        self.things = things
        self.asked = None

    def threshold(self, scores):
        return self.card.classes.min_score

    def predict(self, image, *, min_score=0.0):
        assert image.shape == (*SIZE, 3)
        self.asked = min_score
        whole = frozen(np.ones((20, 20), bool))
        return [
            segment_of(whole, Box(left, top, left + 20, top + 20), SIZE, label=label, score=score)
            for label, score, left, top in self.things
            if score >= min_score
        ]


def photo(alpha=None):
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
    return Picture(pixels, alpha)


DOG, LOW, HIGH = ("dog", 0.9, 0, 0), ("person", 0.8, 30, 30), ("person", 0.8, 50, 5)


def test_numbers_go_by_score_then_place_and_do_not_depend_on_the_choice():
    finder = Finder(LOW, HIGH, DOG)
    everything = segment(photo(), finder)
    assert [(one.number, one.label, one.box.top) for one in everything] == [
        (1, "dog", 0),
        (2, "person", 5),
        (3, "person", 30),
    ]
    people = segment(photo(), finder, what="people")
    assert [one.number for one in people] == [2, 3]
    assert [one.number for one in people.others] == [1]
    assert [one.title for one in everything] == ["1 dog .90", "2 person .80", "3 person .80"]


@pytest.mark.parametrize(
    ("what", "except_", "numbers"),
    [
        ("all", None, [1, 2, 3]),
        ("people", None, [2, 3]),
        (" dog , person", None, [1, 2, 3]),
        ("people", "top person", [3]),
        ("all", "score>.85,fire hydrant", [2, 3]),
        ("at:52,7", None, [2]),
        ("main", None, [3]),  # of two people the one nearer to the middle
    ],
)
def test_choices(what, except_, numbers):
    found = segment(photo(), Finder(LOW, HIGH, DOG), what=what, except_=except_)
    assert [one.number for one in found] == numbers
    assert sorted(one.number for one in (*found, *found.others)) == [1, 2, 3]
    assert [one.number for one in found.everything] == [1, 2, 3]


def test_a_choice_can_be_made_again():
    people = segment(photo(), Finder(LOW, HIGH, DOG), what="people")
    assert [one.number for one in people.choose("dog")] == [1]
    assert [one.number for one in people.choose("all", except_="dog")] == [2, 3]
    with pytest.raises(InputError, match="no label 'cat'"):
        people.choose("cat")


def test_nothing_of_what_is_asked_for():
    with pytest.raises(NothingFound, match=r"there are 1 dog \.90, 2 person \.80, 3 person \.80"):
        segment(photo(), Finder(LOW, HIGH, DOG), what="fire hydrant")
    with pytest.raises(NothingFound, match="nothing was found in the photo"):
        segment(photo(), Finder(), what="people")


@pytest.mark.parametrize("option", ["what", "except_"])
@pytest.mark.parametrize(
    ("choice", "hint"),
    [("persn", "person"), ("unicorn", "dog, fire hydrant, person"), ("dog,", "labels")],
)
def test_choices_that_are_none_are_told_before_the_work(option, choice, hint):
    finder = Finder(DOG)
    with pytest.raises(InputError, match=f"`{option.strip('_')}`: ") as caught:
        segment(photo(), finder, **{option: choice})
    assert hint in caught.value.hint
    assert finder.asked is None


def test_a_network_that_knows_no_people():
    finder = Finder()
    finder.labels = ("dog",)
    with pytest.raises(InputError, match="people"):
        segment(photo(), finder, what="people")


def test_the_least_score_is_the_networks_own_or_the_callers():
    finder = Finder(DOG, ("dog", 0.5, 5, 5))
    found = segment(photo(), finder)
    assert (found.min_score, len(found)) == (0.6, 1)
    assert len(segment(photo(), finder, min_score=0.5)) == 2
    assert len(segment(photo(), finder, min_score=0.0)) == 2
    assert finder.asked == 0.0


def test_what_falls_just_below_is_a_candidate():
    below = [("dog", score, 5, 5) for score in (0.59, 0.12, 0.11)]
    found = segment(photo(), Finder(DOG, *below))
    assert [one.title for one in found.candidates] == ["2 dog .59", "3 dog .12"]
    assert [one.number for one in found.everything] == [1]
    with pytest.raises(InputError, match="no number 2, there is 1 thing"):
        found.choose("2")
    crowd = segment(photo(), Finder(*[("dog", 0.5, place, 0) for place in range(30)]))
    assert (len(crowd), len(crowd.candidates)) == (0, 20)


def test_what_the_file_cut_away_is_no_part_of_a_thing():
    alpha = np.full(SIZE, 255, np.uint8)
    alpha[:, :10] = 0  # half of the dog
    alpha[30:50, 30:50] = 0  # all of a person
    found = segment(photo(frozen(alpha)), Finder(LOW, HIGH, DOG))
    assert [one.label for one in found] == ["dog", "person"]
    assert found[0].box == Box(10, 0, 20, 20)
    assert found[0].area == 200


def test_nothing_is_an_empty_sequence():
    found = segment(photo(), Finder())
    assert (len(found), list(found), bool(found)) == (0, [], False)


def test_a_segmentation_is_a_sequence():
    found = segment(photo(), Finder(LOW, HIGH, DOG))
    assert found[-1].number == 3
    assert [one.number for one in found[:2]] == [1, 2]
    assert found[1] in found
    assert found[0].mask.shape == SIZE
    assert found[0].mask.sum() == found[0].area == found[0].crop.size
    assert found[0].corners == (0, 0, 20, 20)
    assert set(found.seconds) == {"network"}


def test_the_numbered_photo_has_its_size():
    picture = photo()
    shown = segment(picture, Finder(LOW, HIGH, DOG)).numbered()
    assert shown.pixels.shape == picture.pixels.shape
    assert (shown.pixels != picture.pixels).any()
    np.testing.assert_array_equal(shown.pixels[58:], picture.pixels[58:])


def test_the_map_of_numbers():
    found = segment(photo(), Finder(LOW, HIGH, DOG, ("dog", 0.7, 5, 5)))
    numbers = found.index_map()
    assert numbers.dtype == np.uint8
    assert set(np.unique(numbers)) == {0, 1, 2, 3, 4}
    for one in found:
        shown = numbers == one.number
        assert not (shown & ~one.mask).any()
        assert (numbers[one.mask] > 0).all()
    assert numbers[7, 7] == 1  # the surer one where two overlap
    assert set(np.unique(found.choose("3").index_map())) == {0, 3}
    many = segment(photo(), Finder(*[("dog", 0.9, place % 60, place % 40) for place in range(300)]))
    assert many.index_map().dtype == np.uint16
    assert many.index_map().max() > 255


def test_networks_for_something_else_are_refused():
    check_finder(parse_card(CARD, source="made.toml", brief=True))
    saliency = 'task = "saliency"\ninput.size = [8, 8]\noutput.index = 0\n'
    with pytest.raises(InputError, match="must be a network for instances, got one for saliency"):
        check_finder(parse_card(saliency, source="made.toml", brief=True))
