"""Who is cut out: by what was found, by what stands out, or by both; with made-up networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops.segments import soft_segment_of
from nukki.pipelines.finding import OwnFinder
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.remove import looks_at_both, remove
from nukki.pipelines.roads import DOUBTFUL
from nukki.types import Box
from nukki.zoo.cards import parse_card

LABELS = ("person", "dog", "sports ball", "bench")
CARD = """
task = "instances"
input.size = [64, 64]
classes.labels = ["person", "dog", "sports ball", "bench"]
[detections]
"""
SIZE = (120, 160)
FIRST, SECOND = (20, 20, 50, 110), (60, 20, 90, 110)
BALL, DOG = (90, 50, 102, 62), (120, 70, 150, 110)
TEAM = [
    ("person", 0.95, FIRST),
    ("person", 0.9, SECOND),
    ("sports ball", 0.8, BALL),
    ("dog", 0.7, DOG),
]
BLOCK = {"first": FIRST, "second": SECOND, "ball": BALL, "dog": DOG}


class Finder:
    """Finds what it is told, and remembers what it was shown and asked."""

    labels = LABELS

    def __init__(self, *things, least=0.5):
        self.card = parse_card(CARD, source="made.toml", brief=True)
        self.things, self.least = things, least
        self.asked = []

    def threshold(self, scores):
        return self.least

    def predict(self, image, *, min_score=0.0):
        self.asked.append((image, min_score))
        size = image.shape[:2]
        found = []
        for label, score, box in self.things:
            place = Box(*box)
            levels = np.full((place.height, place.width), 255, np.uint8)
            if score >= min_score:
                found.append(soft_segment_of(levels, place, size, label=label, score=score))
        return found


class Mapper:
    """Answers with one map, and counts how often."""

    def __init__(self, *boxes, value=1.0):
        self.answer = np.zeros(SIZE, np.float32)
        for left, top, right, bottom in boxes:
            self.answer[top:bottom, left:right] = value
        self.runs = 0

    def reduction(self, height, width):
        return 1

    def predict(self, image):
        self.runs += 1
        return self.answer


def photo(dtype=np.uint8):
    """Grey, with a block of colour for each of the team."""
    pixels = np.full((*SIZE, 3), 90, np.uint8)
    colours = ((220, 40, 40), (40, 60, 220), (30, 160, 60), (230, 190, 30))
    for colour, (left, top, right, bottom) in zip(colours, BLOCK.values(), strict=True):
        pixels[top:bottom, left:right] = colour
    return Picture(frozen(pixels if dtype == np.uint8 else pixels.astype(np.uint16) * 257))


def cut(subject, *, things=TEAM, mapper=None, picture=None, **options):
    wish = RemoveOptions(subject=subject, edges="none", colours="keep", **options)
    finder = Finder(*things)
    return remove(picture or photo(), wish, mapper or Mapper(FIRST), finder=finder)


def held(cutout):
    """Names of the blocks that are in a cut-out, the rest being out; every one is whole or gone."""
    shares = {
        name: cutout.alpha[top + 3 : bottom - 3, left + 3 : right - 3].mean()
        for name, (left, top, right, bottom) in BLOCK.items()
    }
    assert all(share < 0.01 or share > 0.99 for share in shares.values()), shares
    return {name for name, share in shares.items() if share > 0.5}


# --- what is chosen

CHOICES = {
    "people": ({"first", "second", "ball"}, "2 people and 1 thing"),
    " People ": ({"first", "second", "ball"}, "2 people and 1 thing"),
    "main": ({"second", "ball"}, "1 person and 1 thing"),
    "all": ({"first", "second", "ball", "dog"}, "2 people and 2 things"),
    "person": ({"first", "second"}, "2 people"),
    "2,3": ({"second", "ball"}, "1 person and 1 thing"),
    "2": ({"second"}, "1 person"),
    "dog": ({"dog"}, "1 thing"),
    "dog,1": ({"first", "dog"}, "1 person and 1 thing"),
    "score>.85": ({"first", "second"}, "2 people"),
    "left": ({"first"}, "1 person"),
    "at:135,90": ({"dog"}, "1 thing"),
    "box:85,40,110,70": ({"ball"}, "1 thing"),
}


@pytest.mark.parametrize(("subject", "wanted"), CHOICES.items(), ids=CHOICES)
def test_what_a_choice_cuts_out(subject, wanted):
    names, counted = wanted
    mapper = Mapper(DOG)
    made = cut(subject, mapper=mapper)
    assert held(made) == names
    assert (made.found, made.road) == (True, "chosen")
    assert made.reason == f"{counted} chosen by {subject}"
    assert mapper.runs == 0  # nobody asked what stands out
    best = max(score for name, (_, score, _) in zip(BLOCK, TEAM, strict=True) if name in names)
    assert made.confidence == best


def test_the_ball_of_another_one_stays():
    """`main` is who stands in the middle: the ball is the one's at the side."""
    other = [("person", 0.9, (10, 40, 30, 100)), ("sports ball", 0.8, (30, 60, 40, 70))]
    made = cut("main", things=[("person", 0.95, (60, 5, 110, 115)), *other])
    assert made.reason == "1 person chosen by main"


def test_salient_asks_nobody_who_finds_things():
    finder, mapper = Finder(*TEAM), Mapper(FIRST)
    made = remove(photo(), RemoveOptions(subject="salient", edges="none"), mapper, finder=finder)
    assert finder.asked == []
    assert (made.road, made.reason) == ("salient", "")
    assert held(made) == {"first"}


# --- auto


def test_auto_takes_the_road_that_the_photo_wants():
    group = cut("auto", mapper=Mapper(FIRST, SECOND))
    assert (group.road, group.reason) == ("both", "2 people, and the salient map agrees")
    assert held(group) == {"first", "second", "ball"}
    assert group.confidence == 0.95
    banner = cut("auto", mapper=Mapper(FIRST, SECOND, (0, 0, 160, 18), (110, 18, 160, 60)))
    assert (banner.road, held(banner)) == ("people", {"first", "second", "ball"})
    assert banner.alpha[:17].max() == 0
    alone = cut("auto", things=TEAM[:1], mapper=Mapper(FIRST, value=0.9))
    assert (alone.road, alone.reason) == ("salient", "one person, and the salient map agrees")
    assert alone.confidence == pytest.approx(0.9, abs=1e-3)
    dog = cut("auto", things=TEAM[3:], mapper=Mapper(DOG))
    assert (dog.road, dog.reason) == ("salient", "no people were found")
    assert held(dog) == {"dog"}


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_auto_finds_people_whom_the_map_does_not_see(value):
    made = cut("auto", mapper=Mapper(FIRST, DOG, value=value))
    assert (made.found, made.road) == (True, "people")
    assert made.reason == "2 people, and the salient map is not sure"
    assert held(made) == {"first", "second", "ball"}


def test_auto_without_anything_is_no_subject():
    made = cut("auto", things=[], mapper=Mapper())
    assert (made.found, made.road, made.confidence) == (False, "salient", 0)
    assert made.reason == "no people were found"
    assert not made.alpha.any()


def test_auto_without_a_finder_is_salient():
    made = remove(photo(), RemoveOptions(edges="none"), Mapper(FIRST))
    assert (made.found, made.road, made.reason) == (True, "salient", "")


def test_auto_sees_doubtful_people_and_the_reduced_photo():
    finder = Finder()
    large = Picture(frozen(np.zeros((1500, 1000, 3), np.uint8)))
    remove(large, RemoveOptions(), Mapper(), finder=finder)
    ((image, least),) = finder.asked
    assert least == DOUBTFUL
    assert image.shape[0] < 1500


def test_our_own_finder_is_asked_for_people_alone():
    class Own(OwnFinder):
        def __init__(self):
            self.asked = []

        def around_people(self, image, *, min_score=0.0):
            self.asked.append((image.shape, min_score))
            return Finder(*TEAM).predict(image)

    finder = Own()
    made = remove(photo(), RemoveOptions(), Mapper(FIRST, SECOND), finder=finder)
    assert finder.asked == [((*SIZE, 3), DOUBTFUL)]
    assert made.road == "both"


@pytest.mark.parametrize(
    ("options", "both"),
    [
        ({}, True),
        ({"model": "u2net"}, False),
        ({"model": "u2net", "instances": "maskrcnn-r50"}, True),
        ({"instances": "maskrcnn-r50"}, True),
    ],
)
def test_who_names_a_network_for_what_stands_out_wants_its_answer(options, both):
    assert looks_at_both(RemoveOptions(**options)) is both


# --- nothing

NOTHING = {
    "people": ([], "nothing was found in the photo"),
    "all": ([], "nothing was found in the photo"),
    "main": ([], "nothing was found in the photo"),
    "score>.5": ([], "nothing was found in the photo"),
    "dog": (TEAM[:2], "there are 1 person .95, 2 person .90"),
    "score>.99": (TEAM, "there are 1 person .95"),
    "at:5,5": (TEAM, "there are 1 person .95"),
}


@pytest.mark.parametrize(("subject", "case"), NOTHING.items(), ids=NOTHING)
@pytest.mark.parametrize("crop", [None, 2])
def test_nothing_of_what_is_wished_is_an_answer(subject, case, crop):
    things, said = case
    made = cut(subject, things=things, crop=crop, feather=3)
    assert (made.found, made.road, made.confidence) == (False, "chosen", 0)
    assert said in made.reason
    assert not made.alpha.any()
    assert not made.rgba().any()


def test_without_a_thing_there_is_no_matting():
    class Matter:
        def predict(self, image, trimap):
            pytest.fail("there is no edge to draw")

    made = remove(
        photo(), RemoveOptions(subject="people"), Mapper(), finder=Finder(), matting=Matter()
    )
    assert not made.found


# --- what cannot be meant

WRONG = {
    "people,": ("nothing stands here", 7),
    "unicorn": ("unicorn", 0),
    "1,9": ("there is no number 9", 2),
    "at:500,5": ("outside", 0),
    "dog,,2": ("nothing stands here", 4),
}


@pytest.mark.parametrize(("subject", "case"), WRONG.items(), ids=WRONG)
def test_a_choice_that_cannot_be_meant_shows_the_place(subject, case):
    said, column = case
    with pytest.raises(InputError) as caught:
        cut(subject)
    first, text, caret = caught.value.message.split("\n")
    assert first.startswith("`subject`: ")
    assert said in first
    assert text == f"  {subject}"
    assert caret == "  " + " " * column + "^"


def test_a_choice_needs_somebody_who_finds_things():
    with pytest.raises(InputError, match="`subject` = 'people' needs a network") as caught:
        remove(photo(), RemoveOptions(subject="people"), Mapper())
    assert "salient" in caught.value.hint


# --- all kinds of photos


@pytest.mark.parametrize("subject", ["auto", "people", "2,3"])
@pytest.mark.parametrize("edges", ["none", "auto", "best"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_threads_do_not_change_a_byte(subject, edges, dtype):
    options = RemoveOptions(subject=subject, edges=edges, feather=1.5)
    one, two = (
        remove(photo(dtype), options, Mapper(FIRST), finder=Finder(*TEAM), threads=threads)
        for threads in (1, 2)
    )
    assert one.rgba().tobytes() == two.rgba().tobytes()
    assert (one.road, one.reason) == (two.road, two.reason)
    rgba = one.rgba()
    assert rgba.dtype == dtype
    assert rgba[..., 3].any()


@pytest.mark.parametrize("subject", ["auto", "people"])
def test_a_photo_of_sixteen_bits_has_the_same_alpha(subject):
    small, deep = (cut(subject, picture=photo(kind)) for kind in (np.uint8, np.uint16))
    np.testing.assert_array_equal(small.alpha, deep.alpha)
    solid = deep.alpha == 1
    np.testing.assert_array_equal(deep.rgba()[solid][:, :3], photo(np.uint16).pixels[solid])


@pytest.mark.parametrize("subject", ["auto", "people"])
def test_what_a_file_had_cut_away_stays_away(subject):
    own = np.full(SIZE, 255, np.uint8)
    own[:, :50] = 0  # the first one
    own[:60, 60:90] = 128  # half of the second one
    made = cut(subject, picture=replace(photo(), alpha=frozen(own)), mapper=Mapper(FIRST, SECOND))
    assert not made.rgba()[:, :50].any()
    assert made.alpha[70:100, 65:85].min() == 1
    np.testing.assert_allclose(made.alpha[30:50, 65:85], 128 / 255, atol=1e-3)


def test_people_who_were_cut_away_are_not_chosen():
    own = np.full(SIZE, 255, np.uint8)
    own[:, :55] = 0
    made = cut("people", picture=replace(photo(), alpha=frozen(own)))
    assert made.reason == "1 person and 1 thing chosen by people"
    nobody = cut("people", picture=replace(photo(), alpha=frozen(np.zeros(SIZE, np.uint8))))
    assert (nobody.found, nobody.reason) == (False, "nothing was found in the photo")


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
@pytest.mark.parametrize("subject", ["auto", "people", "all", "1"])
def test_extreme_shapes(size, subject):
    picture = Picture(frozen(np.full((*size, 3), 200, np.uint8)))
    everything = ("person", 0.9, (0, 0, size[1], size[0]))
    options = RemoveOptions(subject=subject, feather=2, crop=1)
    made = remove(picture, options, Mapper((0, 0, 160, 120)), finder=Finder(everything))
    assert made.found
    assert made.alpha.shape == size
    assert np.isfinite(made.alpha).all()
    if subject != "1":
        nobody = remove(picture, options, Mapper(), finder=Finder())
        assert not nobody.found
        assert not nobody.alpha.any()
