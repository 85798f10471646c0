"""Boxes stay with their things whatever a photo goes through; all chance is the seed's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.train import box_augment
from nukki.train.box_augment import ABSENT, FILL, IGNORED, Boxed
from nukki.train.things import Thing

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(20, 120)
canvases = st.tuples(sides, sides)
quick = settings(max_examples=60, deadline=None)


def chance(seed):
    return np.random.default_rng([seed, 1])


def photo(height, width, seed, things=3):
    """Noise with boxes of random sizes anywhere, classes 0, 1, 2, ..."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    ends = random.uniform(0, 1, (things, 2, 2)) * [width, height]
    low, high = ends.min(axis=1), ends.max(axis=1) + 1
    corners = np.concatenate([low, np.minimum(high, [width, height])], axis=1)
    return Boxed(frozen(image), frozen(corners.astype(np.float32)), frozen(np.arange(things)))


def square(height, width, box, number=7):
    """A black photo with one white rectangle, which is its thing."""
    image = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = box
    image[top:bottom, left:right] = 255
    corners = np.array([box], np.float32)
    return Boxed(frozen(image), frozen(corners), frozen(np.array([number], np.intp)))


def check(one, size):
    assert one.image.shape == (*size, 3)
    assert one.image.dtype == np.uint8
    assert one.corners.dtype == np.float32
    assert one.corners.shape == (len(one.classes), 4)
    assert one.classes.dtype == np.intp
    if len(one.classes):
        assert one.corners.min() >= 0
        assert (one.corners.max(axis=0) <= [size[1], size[0]] * 2).all()
        shown = one.corners[:, 2:] - one.corners[:, :2]
        assert (shown > 0).all()
        assert (shown[one.classes >= 0] >= 4).all()


def same(one, other):
    for name in ("image", "corners", "classes"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


# --- from things


def test_crowds_and_things_without_a_label_are_passed_over():
    box = (1.0, 2.0, 3.5, 9.0)
    things = [
        Thing(15, box, None),
        Thing(0, box, None, crowd=True),
        Thing(-1, box, None),
        Thing(0, box, None, score=0.6),
    ]
    one = box_augment.boxed(np.zeros((10, 10, 3), np.uint8), things)
    assert one.classes.tolist() == [15, IGNORED, IGNORED, 0]
    assert one.corners.tolist() == [list(box)] * 4


def test_a_photo_of_nothing():
    one = box_augment.boxed(np.zeros((10, 10, 3), np.uint8), [])
    assert one.corners.shape == (0, 4)
    for result in (
        box_augment.flipped(one),
        box_augment.placed(one, (32, 64), chance(0)),
        box_augment.mosaic([one] * 4, (32, 64), chance(0)),
    ):
        assert result.corners.shape == (0, 4)
        assert result.classes.shape == (0,)


# --- one photo


@given(sides, sides, seeds)
@quick
def test_flipping_twice_changes_nothing(height, width, seed):
    one = photo(height, width, seed)
    once = box_augment.flipped(one)
    assert np.array_equal(once.image[:, 0], one.image[:, -1])
    assert np.allclose(once.corners[:, 0] + one.corners[:, 2], width)
    twice = box_augment.flipped(once)
    assert np.array_equal(twice.image, one.image)
    np.testing.assert_allclose(twice.corners, one.corners, atol=1e-4)


@given(sides, sides, canvases, seeds)
@quick
def test_a_photo_on_a_canvas(height, width, size, seed):
    one = photo(height, width, seed)
    result = box_augment.placed(one, size, chance(seed))
    check(result, size)
    same(result, box_augment.placed(one, size, chance(seed)))


@given(canvases, seeds)
@quick
def test_a_box_stays_with_its_thing(size, seed):
    """White pixels on the canvas against the box; a pixel of blur for each that one is enlarged."""
    one = square(60, 80, (22, 17, 61, 44))
    result = box_augment.placed(one, size, chance(seed), scales=(0.7, 2.5))
    grey = result.image[..., 0].astype(int)
    white = (grey > 127) & (grey != FILL)
    if not len(result.corners):
        assert not white.any()
        return
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(result.corners[0], found, atol=1.01)


def test_the_letterbox_by_hand():
    """40 x 20 on 40 x 40 is not enlarged, and lies somewhere from row 0 to row 20."""
    one = square(20, 40, (4, 5, 24, 15))
    tops = set()
    for seed in range(40):
        result = box_augment.placed(one, (40, 40), chance(seed), scales=(1, 1))
        left, top, right, bottom = result.corners[0]
        assert (left, right, bottom - top) == (4, 24, 10)
        start = int(top) - 5
        assert np.array_equal(result.image[start : start + 20], one.image)
        rest = np.delete(result.image, np.s_[start : start + 20], axis=0)
        assert (rest == FILL).all()
        tops.add(start)
    assert min(tops) <= 2
    assert max(tops) >= 18


def test_what_is_mostly_cut_off_or_tiny_is_passed_over():
    """Of a canvas of 100 x 100."""
    corners = np.array(
        [
            [-60, 0, 40, 50],  # two fifths are left
            [-70, 0, 30, 50],  # three tenths
            [10, 10, 20, 13.9],  # too small to tell
            [10, 10, 20, 14],
            [100, 0, 120, 50],  # beside the canvas
            [-10, -10, 300, 300],  # around it: a ninth is seen
            [5, 5, 50, 50],
        ],
        np.float32,
    )
    classes = np.array([1, 2, 3, 4, 5, 6, IGNORED])
    clipped, told = box_augment._seen(corners, classes, (100, 100))
    assert told.tolist() == [1, IGNORED, IGNORED, 4, IGNORED, IGNORED]
    assert clipped[0].tolist() == [0, 0, 40, 50]
    assert clipped[4].tolist() == [0, 0, 100, 100]


def test_parts_of_large_photos_mostly_show_a_thing():
    one = square(200, 200, (10, 10, 50, 50))
    shown = [
        (box_augment.placed(one, (50, 50), chance(seed), scales=(4, 4)).classes >= 0).any()
        for seed in range(60)
    ]
    # A part of a sixteenth shows it in a tenth of cases; four tries make more of them.
    assert sum(shown) >= 12


# --- four photos


@given(canvases, seeds)
@quick
def test_a_mosaic(size, seed):
    four = [photo(30 + 20 * turn, 90 - 10 * turn, seed + turn) for turn in range(4)]
    result = box_augment.mosaic(four, size, chance(seed))
    check(result, size)
    same(result, box_augment.mosaic(four, size, chance(seed)))


@given(seeds)
@quick
def test_each_photo_of_a_mosaic_has_its_quarter(seed):
    """Photos of one colour, all of each a thing: the box is where the colour is."""
    four = []
    for number in range(4):
        image = np.full((50, 50, 3), 20 + 60 * number, np.uint8)
        four.append(Boxed(image, np.array([[0, 0, 50, 50]], np.float32), np.array([number])))
    result = box_augment.mosaic(four, (80, 100), chance(seed), scales=(0.9, 0.9))
    assert result.classes.tolist() == [0, 1, 2, 3]
    for number, box in zip(result.classes, result.corners, strict=True):
        left, top, right, bottom = box.astype(int)
        own = result.image[..., 0] == 20 + 60 * number
        assert own[top:bottom, left:right].all()
        assert own.sum() == (bottom - top) * (right - left)


# --- all together


@given(seeds)
@quick
def test_a_sample_is_its_seed_s_and_leaves_its_photos_alone(seed):
    four = [photo(60, 90, seed + turn) for turn in range(4)]
    for others in (four[1:], ()):
        result = box_augment.sample(four[0], others, (64, 96), chance(seed))
        check(result, (64, 96))
        same(result, box_augment.sample(four[0], others, (64, 96), chance(seed)))


@pytest.mark.parametrize(("others", "least", "most"), [(3, 20, 80), (2, 0, 0)])
def test_some_samples_are_mosaics(others, least, most):
    """Things of the other photos are in them: photo 0 has the class 0, the others have others."""
    four = [square(40, 40, (2, 2, 38, 38), number) for number in range(4)]
    joined = 0
    for seed in range(120):
        result = box_augment.sample(four[0], four[1 : 1 + others], (96, 96), chance(seed))
        joined += bool((result.classes > 0).any())
    assert least <= joined <= most


def test_rows_for_stacking():
    one = photo(60, 90, 1, things=3)
    rows = box_augment.packed(one, 5)
    assert rows.dtype == np.float32
    assert np.array_equal(rows[:3, :4], one.corners)
    assert rows[:, 4].tolist() == [0, 1, 2, ABSENT, ABSENT]


def test_the_smallest_are_left_out_where_there_are_too_many():
    corners = np.array([[0, 0, side, side] for side in (5, 9, 3, 7)], np.float32)
    one = Boxed(np.zeros((10, 10, 3), np.uint8), corners, np.array([5, 9, 3, IGNORED]))
    rows = box_augment.packed(one, 2)
    assert rows[:, 4].tolist() == [9, IGNORED]
    assert rows[:, 2].tolist() == [9, 7]
