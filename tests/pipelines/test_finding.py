"""Boxes and masks become things: no doubles, no pixel twice, the same whatever comes first."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.boxes import Boxes
from nukki.ops.crops import question
from nukki.pipelines.finding import Found, OwnFinder, doubles, joint_score
from nukki.tasks.picking import Answer
from nukki.zoo.cards import parse_card

CARD = """
task = "detection"
input.size = [64, 64]
classes.labels = ["person", "dog", "sports ball", "chair"]
classes.min_score = 0.3
[boxes]
"""
GRID = (64, 64)
SIZE = (120, 160)


class Detector:
    """Finds what it is told: (box, score, class), in the order in which it is told."""

    labels = ("person", "dog", "sports ball", "chair")

    def __init__(self, *things):
        self.card = parse_card(CARD, source="made.toml", brief=True)
        self.things = things

    def find(self, image):
        return Boxes(
            np.array([one[0] for one in self.things], np.float32).reshape(-1, 4),
            np.array([one[1] for one in self.things], np.float32),
            np.array([one[2] for one in self.things], np.intp),
        )


class Picker:
    """Fills every box, and remembers the frames that it was shown."""

    def __init__(self, *, level=1.0, score=1.0):
        self.level, self.score = level, score
        self.frames = []

    def look(self, image, frames):
        self.frames += frames

        def ask(questions):
            return [
                Answer(
                    frame,
                    np.float32(self.level) * question(frame, GRID, box=one.box)[0],
                    self.score,
                )
                for frame, one in zip(frames, questions, strict=True)
            ]

        return SimpleNamespace(ask=ask)


COLOURS = ((220, 40, 40), (40, 60, 220), (30, 160, 60), (230, 190, 30))


def photo(*boxes, size=SIZE):
    """Grey, with a block of colour in each box."""
    pixels = np.full((*size, 3), 90, np.uint8)
    for colour, (left, top, right, bottom) in zip(itertools.cycle(COLOURS), boxes, strict=False):
        pixels[int(top) : int(bottom), int(left) : int(right)] = colour
    return frozen(pixels)


def finder(*things, picker=None, threads=1):
    return OwnFinder(Detector(*things), picker or Picker(), threads=threads)


def overlap(mask, box):
    left, top, right, bottom = box
    inside = np.zeros(mask.shape, bool)
    inside[top:bottom, left:right] = True
    return (mask & inside).sum() / (mask | inside).sum()


def told(segments):
    return [(one.label, one.score, one.box, one.levels.tobytes()) for one in segments]


LEFT, RIGHT = (20, 30, 60, 100), (90, 20, 140, 110)


def test_each_box_becomes_a_thing():
    found = finder((LEFT, 0.9, 0), (RIGHT, 0.8, 1), picker=Picker(score=0.7))
    first, second = found.predict(photo(LEFT, RIGHT))
    assert (first.label, second.label) == ("person", "dog")
    assert first.score == pytest.approx(joint_score(0.9, 0.7))
    assert second.score == pytest.approx(joint_score(0.8, 0.7))
    assert first.corners == LEFT
    assert first.size == second.size == SIZE
    assert overlap(first.mask, LEFT) > 0.95
    assert overlap(second.mask, RIGHT) > 0.95
    assert found.card is found.detector.card
    assert found.labels == Detector.labels


def test_crops_are_whole_pixels_around_the_box():
    picker = Picker()
    finder(((20.3, 30.6, 60.2, 100.9), 0.9, 0), picker=picker).predict(photo(LEFT))
    (frame,) = picker.frames
    assert all(edge == int(edge) for edge in frame)
    assert frame == (12, 16, 69, 115)  # a fifth more: 12.3 to 68.2, 16.5 to 115.0


MEASURED = {0.3: 0.02, 0.5: 0.15, 0.6: 0.3, 0.7: 0.7, 0.8: 0.9, 0.9: 0.95}  # docs/people.md


@pytest.mark.parametrize(("said", "right"), MEASURED.items())
def test_scores_are_how_often_masks_were_right(said, right):
    assert joint_score(said, said) == pytest.approx(right, abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_scores_grow_with_what_both_networks_say(box, mask, more):
    score = joint_score(box, mask)
    assert 0 < score < 1
    assert score == joint_score(mask, box)
    assert joint_score(max(box, more), mask) >= score
    assert joint_score(-1e-9, mask) == joint_score(0, mask)


def test_nothing_is_found_where_there_are_no_boxes():
    picker = Picker()
    assert finder(picker=picker).predict(photo()) == []
    assert picker.frames == []


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_masks_that_are_all_empty_are_no_things(level):
    found = finder((LEFT, 0.9, 0), (RIGHT, 0.8, 1), picker=Picker(level=level))
    assert found.predict(photo(LEFT, RIGHT)) == []


def test_masks_of_which_nobody_is_sure_are_no_things():
    found = finder((LEFT, 0.9, 0), picker=Picker(score=0.0))
    assert found.predict(photo(LEFT), min_score=0.1) == []


def test_what_is_less_sure_is_left_out_and_not_looked_at():
    """Not even the best of masks would make the third box's score .2, or the second's .8."""
    picker = Picker(score=0.6)
    found = finder((LEFT, 0.9, 0), (RIGHT, 0.5, 1), ((0, 0, 9, 9), 0.2, 1), picker=picker)
    (one,) = found.predict(photo(LEFT, RIGHT), min_score=0.79)
    assert one.label == "person"
    assert len(picker.frames) == 1
    both = found.predict(photo(LEFT, RIGHT), min_score=0.2)
    scores = [joint_score(0.9, 0.6), joint_score(0.5, 0.6)]
    assert [each.score for each in both] == pytest.approx(scores)
    assert len(picker.frames) == 3
    found.predict(photo(LEFT, RIGHT), min_score=0.0)
    assert len(picker.frames) == 6


def test_a_doubtful_box_with_a_good_mask_counts():
    """What is left out is what the thing's score says, not what the box's alone does."""
    (one,) = finder((LEFT, 0.45, 0), picker=Picker(score=1.0)).predict(photo(LEFT), min_score=0.55)
    assert one.score == pytest.approx(joint_score(0.45, 1.0))


# --- doubles


def thing(left, top, right, bottom, score=0.9, label="person", frame=None):
    """A thing that fills its box."""
    box = (left, top, right, bottom)
    frame = frame or (0.0, 0.0, float(SIZE[1]), float(SIZE[0]))
    alpha = question(frame, (120, 160), box=box)[0]
    return Found(label, score, box, Answer(frame, alpha, 0.9))


@pytest.mark.parametrize(
    ("other", "stays"),
    [
        (thing(20, 30, 60, 100, 0.8), False),  # the same again
        (thing(20, 30, 60, 80, 0.8), False),  # a part of it
        (thing(26, 30, 66, 100, 0.8), False),  # moved by 6 of 40: an IoU of .74
        (thing(30, 30, 70, 100, 0.8), True),  # by 10: .6
        (thing(50, 80, 90, 110, 0.8), True),
        (thing(20, 30, 60, 100, 0.8, "dog"), False),  # a person that may be a dog
        (thing(26, 30, 66, 100, 0.8, "dog"), True),  # two things, one before the other
        (thing(20, 30, 60, 80, 0.8, "dog"), True),  # a dog in somebody's arms
    ],
)
def test_what_shows_the_same_thing_goes(other, stays):
    one = thing(20, 30, 60, 100)
    assert doubles([one, other], SIZE) == ([one, other] if stays else [one])
    assert doubles([other, one], SIZE) == ([one, other] if stays else [one])


def test_what_a_surer_one_holds_goes_even_if_it_is_larger():
    small, large = thing(30, 40, 50, 90), thing(20, 30, 60, 100, 0.8)
    assert doubles([large, small], SIZE) == [small]


def test_doubles_of_doubles_stay():
    """The third is a double of the second, which is none of the first's and stays no more."""
    one, two, three = (
        thing(20, 30, 60, 100),
        thing(27, 30, 67, 100, 0.8),
        thing(37, 30, 77, 100, 0.7),
    )
    assert doubles([three, two, one], SIZE) == [one, three]


def test_no_things_no_doubles():
    assert doubles([], SIZE) == []


def test_masks_are_compared_wherever_their_frames_lie():
    one = thing(20, 30, 60, 100)
    framed = thing(20, 30, 60, 100, 0.8, frame=(10.0, 16.0, 70.0, 114.0))
    assert doubles([one, framed], SIZE) == [one]
    large = (3000, 4000)
    wide = Found("person", 0.8, (0, 0, 4000, 3000), Answer((0.0, 0.0, 4000.0, 3000.0),
                 np.ones((8, 8), np.float32), 0.9))  # fmt: skip
    corner = Found("person", 0.9, (3990, 2990, 4000, 3000), Answer((3990.0, 2990.0, 4000.0, 3000.0),
                   np.ones((8, 8), np.float32), 0.9))  # fmt: skip
    assert doubles([wide, corner], large) == [corner]  # a part of it, and surer


def test_empty_masks_are_nobodys_doubles():
    nothing = np.zeros((8, 8), np.float32)
    things = [
        Found("dog", score, (0, 0, 9, 9), Answer((0.0, 0.0, 9.0, 9.0), nothing, 0.5))
        for score in (0.9, 0.8)
    ]
    assert doubles(things, SIZE) == things


# --- together


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 70), st.integers(0, 40), st.integers(9, 60), st.integers(9, 50),
            st.floats(0.3, 1), st.integers(0, 3),
        ),
        min_size=1,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_no_pixel_is_given_twice_and_the_order_does_not_matter(rows, random):
    size = (64, 96)
    things = [
        ((x, y, min(x + wide, 96), min(y + high, 64)), score, number)
        for x, y, wide, high, score, number in rows
    ]
    picture = photo(*[one[0] for one in things], size=size)
    found = finder(*things).predict(picture)
    total = np.zeros(size, int)
    for one in found:
        total += one.grey
    assert total.max() <= 255 + len(found) / 2
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    shuffled = random.sample(things, len(things))
    if len({score for _, score, _ in things}) == len(things):
        assert told(finder(*shuffled).predict(picture)) == told(found)


def test_equally_sure_things_come_from_the_top_and_left():
    boxes = [(100, 60, 140, 110), (10, 60, 50, 110), (60, 5, 90, 50)]
    for order in itertools.permutations(boxes):
        found = finder(*[(box, 0.9, 0) for box in order]).predict(photo(*boxes))
        assert [one.corners for one in found] == [boxes[2], boxes[1], boxes[0]]


def test_equally_sure_doubles_do_not_depend_on_the_order():
    """Of one corner, score and class: the larger or the smaller one, but always the same."""
    small, large = thing(20, 30, 56, 100), thing(20, 30, 60, 100)
    assert doubles([small, large], SIZE) == doubles([large, small], SIZE)


def test_threads_change_nothing():
    things = [(LEFT, 0.9, 0), ((40, 50, 120, 115), 0.85, 1)]
    picture = photo(LEFT, (40, 50, 120, 115))
    one, many = (finder(*things, threads=threads).predict(picture) for threads in (1, 3))
    assert told(one) == told(many)


def test_overlapping_things_share_a_border():
    boxes = [(20, 20, 90, 100), (70, 40, 140, 110)]
    found = finder((boxes[0], 0.9, 0), (boxes[1], 0.6, 1)).predict(photo(*boxes))
    assert [one.label for one in found] == ["person", "dog"]
    shared = np.zeros(SIZE, bool)
    shared[45:95, 75:85] = True
    assert found[0].mask[shared].mean() > 0.9  # the surer one's
    assert not found[1].mask[shared].any()
    assert (found[0].grey[shared].astype(int) + found[1].grey[shared] >= 254).all()


def test_forty_people():
    boxes = [(x, y, x + 24, y + 34) for y in range(4, 190, 38) for x in range(4, 230, 29)]
    assert len(boxes) == 40
    size = (200, 240)
    things = [(box, 0.9 - 0.01 * number, 0) for number, box in enumerate(boxes)]
    found = finder(*things).predict(photo(*boxes, size=size))
    assert [one.corners for one in found] == boxes
    assert min(overlap(one.mask, box) for one, box in zip(found, boxes, strict=True)) > 0.85


def test_a_hundred_boxes_are_looked_at():
    things = [((n % 15 * 10, n // 15 * 10, n % 15 * 10 + 9, n // 15 * 10 + 9), 0.9, 0)
              for n in range(150)]  # fmt: skip
    picker = Picker(level=0.0)
    assert finder(*things, picker=picker).predict(photo()) == []
    assert len(picker.frames) == 100


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 5)])
def test_any_shape(size):
    height, width = size
    found = finder(((0, 0, width, height), 0.9, 0)).predict(photo(size=size))
    assert [one.area for one in found] == [height * width]
    # A single pixel of a photo of one colour: the edges may lose it.
    corner = finder(((width - 1, height - 1, width, height), 0.9, 0)).predict(photo(size=size))
    assert all(one.size == size for one in corner)


# --- how sure things must be


def test_the_threshold_is_the_photos_own():
    """A share of the mean of what is sure; never less than .3."""
    threshold = finder().threshold
    share = threshold((1.0, 1.0))
    assert 0.3 < share < 1
    assert threshold(()) == threshold((0.1, 0.2)) == threshold((0.3,)) == 0.3
    assert threshold((0.9, 0.8, 0.7)) == pytest.approx(0.8 * share)
    # The doubtful do not count, nor does the order.
    assert threshold((0.29, 0.7, 0.8, 0.9)) == pytest.approx(0.8 * share)
    assert threshold((0.9, 0.9, 0.9, 0.3)) == pytest.approx(0.75 * share)


# --- people and what is theirs


def test_around_people_nothing_else_is_looked_at():
    ball, chair = (62, 40, 72, 50), (0, 0, 15, 15)
    things = [(LEFT, 0.9, 0), (ball, 0.7, 2), (chair, 0.8, 3), (RIGHT, 0.8, 1)]
    picker = Picker()
    found = finder(*things, picker=picker).around_people(photo(LEFT, ball, chair, RIGHT))
    assert [one.label for one in found] == ["person", "sports ball"]
    assert len(picker.frames) == 2


def test_around_nobody_there_is_nothing():
    picker = Picker()
    things = [((62, 40, 72, 50), 0.9, 2), (LEFT, 0.2, 0)]
    assert finder(*things, picker=picker).around_people(photo(), min_score=0.3) == []
    assert picker.frames == []
