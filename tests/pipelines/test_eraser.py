"""From the choice to the second look, with finders and fillers that say what they are told."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.distance import nearest
from nukki.ops.segments import segment_of, soft_segment_of
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.eraser import by_choice, by_cutout, by_mask, carry_out, needs_finder
from nukki.pipelines.filling import Patches
from nukki.pipelines.results import Cutout, Segmentation
from nukki.pipelines.second_look import look
from nukki.pipelines.segment import segment
from nukki.types import Box

SIZE = (96, 128)
COLOUR = (10, 200, 90)
PLAIN = GoOptions(shape="mask", grow=0, shadow="never")


def block(rows, columns, label="person", score=0.9, size=SIZE):
    mask = np.zeros(size, np.bool_)
    mask[rows, columns] = True
    return segment_of(mask, Box(0, 0, size[1], size[0]), size, label=label, score=score)


LEFT, RIGHT = block(slice(20, 80), slice(10, 40)), block(slice(30, 70), slice(80, 100), score=0.8)
DOG = block(slice(60, 90), slice(50, 70), "dog", 0.7)


class Finder:
    """Finds what it is told, in crops as well; remembers what it was shown."""

    labels = ("person", "dog", "snowboard")

    card = SimpleNamespace(name="told")

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []

    def predict(self, image, *, min_score=0.0):
        self.seen.append(image)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found = answer(image) if callable(answer) else answer
        return [one for one in found if one.score >= min_score]

    def threshold(self, scores):
        return 0.5


class Paint:
    """Fills with one colour; remembers the holes and what was forbidden."""

    name = "paint"

    def __init__(self):
        self.seen = []

    def fill(self, image, mask, *, forbidden=None, seed=0):
        self.seen.append((mask.copy(), None if forbidden is None else forbidden.copy(), seed))
        return np.where(mask[..., None], np.uint8(COLOUR), image)


@pytest.fixture
def picture():
    return Picture(frozen(np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)))


def planned(picture, what, wish=PLAIN, except_=None, finder=None):
    finder = finder or Finder([LEFT, RIGHT, DOG], [])
    return by_choice(picture, what, wish, finder, except_=except_)


# choices


@pytest.mark.parametrize(
    ("what", "except_", "numbers"),
    [
        ("people", None, [1, 2]),
        ("people", "main", [2]),
        ("2,3", None, [2, 3]),
        ("dog", None, [3]),
        ("at:90,50", None, [2]),
        ("all", "people", [3]),
    ],
)
def test_words_mean_what_they_mean_for_segment(picture, what, except_, numbers):
    plan = planned(picture, what, except_=except_)
    assert [part.number for part in plan.going.parts] == numbers


def test_only_the_hole_changes_and_the_record_says_all(picture):
    filler = Paint()
    made = carry_out(planned(picture, "people", except_="1"), filler, seed=5)
    np.testing.assert_array_equal(made.hole, RIGHT.mask)
    np.testing.assert_array_equal(made.pixels[~made.hole], picture.pixels[~made.hole])
    assert (made.pixels[made.hole] == COLOUR).all()
    assert [part.title for part in made.parts] == ["2 person .80"]
    assert set(made.seconds) == {"find", "plan", "fill", "colours", "look"}
    (seen,) = filler.seen
    assert seen[2] == 5
    assert seen[1][LEFT.mask].all(), "who stays is copied into the hole"
    assert seen[1][DOG.mask].all()
    assert [look.left for look in made.passes] == [()]


def test_things_that_were_found_before_need_no_finder(picture):
    found = segment(picture, Finder([LEFT, RIGHT, DOG]))
    for what in (found[1], [found[1]], found[1:2], found.choose("2")):
        plan = by_choice(picture, what, PLAIN, None, except_=None)
        np.testing.assert_array_equal(plan.going.hole, RIGHT.mask)
    kept = by_choice(picture, found, PLAIN, None, except_=[found[0]])
    assert [part.number for part in kept.going.parts] == [2, 3]
    assert isinstance(found, Segmentation)


def test_things_of_another_photo_are_refused(picture):
    other = Picture(np.zeros((40, 50, 3), np.uint8))
    small = segment(other, Finder([block(slice(5, 9), slice(5, 9), size=(40, 50))]))
    with pytest.raises(InputError, match="size, 128 × 96, got 50 × 40") as caught:
        by_choice(picture, small[0], PLAIN, None, except_=None)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("what", "except_", "error", "said"),
    [
        ("dog", "dog", NothingFound, "nothing is `dog`"),
        ("snowboard", None, NothingFound, "there are 1 person .90"),
        ("score<.1", None, NothingFound, "nothing is"),
        ("7", None, InputError, "no number 7"),
        ("cat", None, InputError, "there is no label 'cat'"),
        ("people", "catt", InputError, "`except`"),
        ([], None, NothingFound, "holds no thing"),
    ],
)
def test_choices_that_mean_nothing(picture, what, except_, error, said):
    with pytest.raises(error, match=said) as caught:
        planned(picture, what, except_=except_)
    assert caught.value.hint


def test_a_photo_in_which_nothing_was_found(picture):
    with pytest.raises(NothingFound, match="nothing was found"):
        planned(picture, "people", finder=Finder([]))


def test_words_and_things_do_not_mix(picture):
    found = segment(picture, Finder([LEFT, RIGHT]))
    with pytest.raises(InputError, match="must both be"):
        planned(picture, "people", except_=found[0])


def test_what_is_not_there_to_be_excepted_does_not_matter(picture):
    plan = planned(picture, "people", except_="snowboard")
    assert [part.number for part in plan.going.parts] == [1, 2]


def test_the_whole_photo_is_nothing_to_fill_from(picture):
    everything = block(slice(0, 96), slice(0, 128))
    with pytest.raises(InputError, match="nothing to fill from"):
        planned(picture, "people", finder=Finder([everything]))


def test_a_hole_under_who_stays_is_no_hole(picture):
    hidden = block(slice(30, 70), slice(80, 100), "dog", 0.6)
    with pytest.raises(NothingFound, match="lies under what keeps its pixels"):
        planned(picture, "dog", except_="people", finder=Finder([LEFT, RIGHT, hidden]))


@pytest.mark.parametrize(("grow", "feather"), [(0, 0), (2, 2), (9, 4), ("auto", 4)])
def test_the_filling_goes_over_into_the_photo_around_the_hole(picture, grow, feather):
    wish = GoOptions(shape="mask", grow=grow, shadow="never", second_pass="never")
    plan = planned(picture, "2", wish, except_="1")
    made = carry_out(plan, Paint())
    changed = (made.pixels != picture.pixels).any(axis=2)
    assert not (changed & ~made.hole).any()
    away = nearest(plan.going.hole)[0]
    assert away[made.hole].max() < feather + 1
    assert not (made.hole & LEFT.mask).any()
    if feather:
        assert (made.hole & ~plan.going.hole).any()


# masks


def mask(rows=slice(20, 30), columns=slice(40, 60)):
    inside = np.zeros(SIZE, np.bool_)
    inside[rows, columns] = True
    return inside


@pytest.mark.parametrize(("grow", "pixels"), [(0, 0), (4, 4), ("auto", 1)])
def test_exactly_the_mask_and_its_growth_goes(picture, grow, pixels):
    plan = by_mask(picture, mask(), GoOptions(grow=grow), None, except_=None)
    hole = plan.going.hole
    assert hole[20 - pixels : 30 + pixels, 40:60].all()
    assert hole.any(axis=1).sum() == 10 + 2 * pixels
    assert hole.any(axis=0).sum() == 20 + 2 * pixels
    assert plan.looking is None
    assert plan.going.parts[0].casts == ()


def test_box_and_second_look_act_on_a_mask_if_asked(picture):
    two = mask() | mask(slice(60, 70), slice(100, 110))
    two[24:26, 45:50] = False
    finder = Finder([])
    wish = GoOptions(shape="box", grow=0, second_pass="always")
    plan = by_mask(picture, two, wish, finder, except_=None)
    assert len(plan.going.parts) == 2
    np.testing.assert_array_equal(plan.going.hole, mask() | mask(slice(60, 70), slice(100, 110)))
    made = carry_out(plan, Paint())
    assert len(made.passes) == 1
    assert finder.seen


def test_who_is_excepted_guards_a_mask(picture):
    finder = Finder([LEFT, RIGHT])
    whole = mask(slice(10, 90), slice(5, 60))
    plan = by_mask(picture, whole, GoOptions(grow=0), finder, except_="1")
    np.testing.assert_array_equal(plan.going.hole, whole & ~LEFT.mask)


def test_what_a_mask_needs_a_finder_for():
    assert not needs_finder(None, None, GoOptions())
    assert needs_finder(None, "main", GoOptions())
    assert needs_finder(None, None, GoOptions(second_pass="always"))
    assert needs_finder("people", None, GoOptions(second_pass="never"))
    assert needs_finder((), None, GoOptions())
    assert not needs_finder((), None, GoOptions(second_pass="never"))


# the second look


def local(one, crop):
    """A segment of the photo, in a crop's pixels."""
    part = one.mask[crop.slices()]
    whole = Box(0, 0, crop.width, crop.height)
    return segment_of(part, whole, part.shape, label=one.label, score=one.score)


def rest_of(rest, crop):
    """A finder's answer: the rest, as long as it is not painted over."""

    def answer(image):
        size = image.shape[:2]
        assert size == (crop.height, crop.width)
        found = local(rest, crop)
        painted = (image[found.box.slices()] == COLOUR).all(axis=2)
        return [] if painted[found.crop].mean() > 0.9 else [found]

    return answer


CROP = Box(80, 30, 100, 70).grown(64, *SIZE)


def test_a_leg_that_is_left_makes_the_hole_wider(picture):
    leg = block(slice(70, 80), slice(85, 92), score=0.4)
    finder = Finder([LEFT, RIGHT, DOG], rest_of(leg, CROP))
    made = carry_out(planned(picture, "2", finder=finder), Paint())
    assert [look.widened for look in made.passes] == ["wider", ""]
    assert made.passes[0].left == ("person .40",)
    assert "wider by it" in made.passes[0].reason
    assert made.hole[leg.mask].all()
    assert not (made.hole & LEFT.mask).any()
    np.testing.assert_array_equal(made.pixels[~made.hole], picture.pixels[~made.hole])


def test_it_is_widened_twice_at_most_and_by_the_box_then(picture):
    shape = np.zeros(SIZE, np.bool_)
    shape[72:90, 84:86] = shape[88:90, 84:96] = True
    rest = segment_of(shape, Box(0, 0, 128, 96), SIZE, label="person", score=0.9)
    touching = block(slice(68, 72), slice(84, 86), score=0.9)
    joined = segment_of(shape | touching.mask, Box(0, 0, 128, 96), SIZE, label="person", score=0.9)
    finder = Finder([LEFT, RIGHT, DOG], lambda image: [local(joined, CROP)])
    filler = Paint()
    made = carry_out(planned(picture, "2", finder=finder), filler)
    assert [look.widened for look in made.passes] == ["wider", "box", ""]
    assert "seen still" in made.passes[-1].reason
    assert len(filler.seen) == 3
    box = rest.box
    assert made.hole[box.slices()].all()


@pytest.mark.parametrize(
    "other",
    [
        block(slice(70, 80), slice(85, 92), "dog", 0.9),  # of another kind
        block(slice(75, 85), slice(85, 92), score=0.9),  # apart from the hole
        LEFT,  # who stays
        block(slice(40, 42), slice(85, 87), score=0.9),  # a speck
        block(slice(40, 60), slice(82, 98), score=0.4),  # in the hole, but not sure
    ],
)
def test_what_is_no_rest(picture, other):
    finder = Finder([LEFT, RIGHT, DOG], lambda image: [local(other, CROP)])
    filler = Paint()
    made = carry_out(planned(picture, "2", finder=finder), filler)
    assert [look.left for look in made.passes] == [()]
    assert len(filler.seen) == 1


@pytest.mark.parametrize(("crowd", "left"), [({"person": 0.45}, 0), ({"person": 0.35}, 1), ({}, 1)])
def test_a_crowd_in_the_background_goes_on_in_the_hole(picture, crowd, left):
    """What is seen in the hole and is no surer than the people of the audience beside it."""
    leg = block(slice(70, 80), slice(85, 92), score=0.4)
    finder = Finder(lambda image: [local(leg, CROP)])
    nothing = np.zeros(SIZE, np.bool_)
    seen = look(picture.pixels, RIGHT.mask, finder, {"person"}, nothing, crowd=crowd)
    assert len(seen.left) == left


def test_who_is_hardly_seen_and_stays_is_the_crowd(picture):
    audience = block(slice(5, 15), slice(110, 120), score=0.45)
    finder = Finder([LEFT, RIGHT, DOG, audience])
    plan = planned(picture, "2", GoOptions(min_score=0.4), finder=finder)
    assert plan.crowd() == {"person": 0.45}
    assert planned(picture, "1,2,4", GoOptions(min_score=0.4), finder=finder).crowd() == {}


def test_never_is_never(picture):
    finder = Finder([LEFT, RIGHT, DOG])
    wish = GoOptions(shape="mask", grow=0, shadow="never", second_pass="never")
    made = carry_out(planned(picture, "2", wish, finder=finder), Paint())
    assert made.passes == ()
    assert len(finder.seen) == 1


# edges of who stays


def test_the_soft_edge_of_who_stays_is_mixed_over_the_filling():
    levels = np.zeros(SIZE, np.uint8)
    levels[30:70, 42:60], levels[30:70, 40:42] = 255, 51
    stays = soft_segment_of(levels, Box(0, 0, 128, 96), SIZE, label="person", score=0.8)
    for dtype in (np.uint8, np.uint16):
        pixels = np.full((*SIZE, 3), 100 * (257 if dtype is np.uint16 else 1), dtype)
        plan = planned(Picture(frozen(pixels)), "1", except_="2", finder=Finder([LEFT, stays], []))
        # The thing that goes reaches under the soft edge.
        plan.going.hole[40, 40] = True
        plan.going.guard[40, 40] = 51
        made = carry_out(plan, Paint())
        full = 257 if dtype is np.uint16 else 1
        np.testing.assert_allclose(
            made.pixels[40, 40] / full,
            0.8 * np.array(COLOUR) + 0.2 * 100,
            atol=0.6 if full == 1 else 1.3,
        )
        np.testing.assert_array_equal(made.pixels[stays.mask], pixels[stays.mask])


# the plate


def test_the_plate_of_a_cut_out(picture):
    alpha = LEFT.alpha
    cut = Cutout(picture, picture.pixels, alpha, 0.9, True, "salient")
    made = carry_out(by_cutout(cut), Paint())
    assert made.hole[LEFT.mask].all()
    assert not made.hole[:, 60:].any()
    assert made.parts[0].title == "subject"
    nothing = Cutout(picture, picture.pixels, np.zeros(SIZE, np.float32), 0.1, False, "salient")
    with pytest.raises(NothingFound, match="no subject"):
        by_cutout(nothing)


def test_one_thread_or_two_the_bytes_are_the_same(picture):
    smooth = Picture(frozen(np.linspace(0, 200, 96 * 128 * 3).reshape(96, 128, 3).astype(np.uint8)))
    one, two = (
        carry_out(planned(smooth, "people", except_="1"), Patches(threads)) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.encode("png") == two.encode("png")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"grow": -1}, "`grow`"),
        ({"grow": float("nan")}, "`grow`"),
        ({"grow": "wide"}, "`grow`"),
        ({"shape": "round"}, "`shape`"),
        ({"shadow": "maybe"}, "`shadow`"),
        ({"second_pass": 2}, "`second_pass`"),
        ({"min_score": 2}, "`min_score`"),
        ({"what": ",,"}, "`what`"),
        ({"except_": ""}, "`except`"),
    ],
)
def test_options_that_are_none(wish, said):
    with pytest.raises(InputError, match=said) as caught:
        GoOptions(**wish)
    assert caught.value.hint
