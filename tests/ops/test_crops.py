"""What is shown of a photo, and how it is asked: frames, crops and the four maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.crops import CLICK, cropped, frame_around, question, whole
from nukki.types import Point

few = settings(max_examples=30, deadline=None)

# --- frames


def test_the_whole_photo():
    assert whole((30, 40)) == (0, 0, 40, 30)


@pytest.mark.parametrize(
    ("box", "frame"),
    [
        ((100, 200, 200, 260), (80, 188, 220, 272)),  # a fifth more on every side
        ((100, 100, 110, 200), (70, 80, 140, 220)),  # half as wide as high: 140 / 2
        ((100, 100, 200, 110), (80, 70, 220, 140)),
        ((300, 300, 302, 303), (293, 293.5, 309, 309.5)),  # 16 pixels at least
        ((0, 0, 100, 100), (0, 0, 120, 120)),  # ends at the rim
        ((950, 450, 1000, 500), (940, 440, 1000, 500)),
        ((0, 0, 1000, 500), (0, 0, 1000, 500)),
    ],
)
def test_frames_by_hand(box, frame):
    assert frame_around(box, (500, 1000)) == pytest.approx(frame)


def test_the_margin_may_be_another():
    assert frame_around((100, 100, 200, 200), (500, 500), 0.5) == pytest.approx((50, 50, 250, 250))


sides = st.integers(1, 300)
parts = st.floats(0, 1)


@few
@given(sides, sides, st.tuples(parts, parts), st.tuples(parts, parts))
def test_a_frame_holds_its_box_and_ends_with_the_photo(height, width, xs, ys):
    box = min(xs) * width, min(ys) * height, max(xs) * width, max(ys) * height
    left, top, right, bottom = frame_around(box, (height, width))
    assert 0 <= left <= box[0] + 1e-9
    assert 0 <= top <= box[1] + 1e-9
    assert box[2] - 1e-9 <= right <= width
    assert box[3] - 1e-9 <= bottom <= height
    # Never empty, and never less than 16 pixels where the photo has them on both sides of the box.
    assert right - left >= min(8, width / 2)
    assert bottom - top >= min(8, height / 2)


# --- crops


def quarters(height=40, width=60):
    """Red, green, blue and white quarters."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2, 0] = 255
    pixels[: height // 2, width // 2 :, 1] = 255
    pixels[height // 2 :, : width // 2, 2] = 255
    pixels[height // 2 :, width // 2 :] = 255
    return frozen(pixels)


def test_a_crop_of_everything_at_its_own_size_is_the_photo():
    photo = quarters()
    np.testing.assert_array_equal(cropped(photo, whole((40, 60)), (40, 60)), photo)


@pytest.mark.parametrize(
    ("frame", "colour"),
    [
        ((0, 0, 29, 19), (255, 0, 0)),
        ((31, 0, 60, 19), (0, 255, 0)),
        ((0, 21, 29, 40), (0, 0, 255)),
        ((33.5, 20.75, 59.25, 40), (255, 255, 255)),  # parts of pixels
    ],
)
def test_a_crop_shows_its_frame_alone(frame, colour):
    """Enlarging looks at half a pixel more."""
    crop = cropped(quarters(), frame, (16, 16))
    assert (crop.shape, crop.dtype) == ((16, 16, 3), np.uint8)
    assert (crop == colour).all()


def test_a_crop_is_stretched_and_alphas_go_with_it():
    photo = quarters()
    crop = cropped(photo, (15, 10, 45, 30), (64, 32))
    assert crop[5, 5].tolist() == [255, 0, 0]
    assert crop[60, 5].tolist() == [0, 0, 255]
    assert crop[5, 28].tolist() == [0, 255, 0]
    alpha = cropped(frozen(photo[..., 0]), (15, 10, 45, 30), (64, 32))
    np.testing.assert_array_equal(alpha, crop[..., 0])


def test_a_photo_of_one_pixel_can_be_cropped():
    crop = cropped(frozen(np.full((1, 1, 3), 77, np.uint8)), (0, 0, 1, 1), (32, 32))
    assert (crop == 77).all()


# --- questions

FRAME, GRID = (10.0, 20.0, 50.0, 60.0), (20, 40)  # two pixels down, one across for one of the grid


def test_nothing_asked_is_zero():
    maps = question(FRAME, GRID)
    assert (maps.shape, maps.dtype) == ((4, *GRID), np.float32)
    assert not maps.any()


def test_a_box_is_one_inside():
    maps = question(FRAME, GRID, box=(20, 30, 30, 40))
    wanted = np.zeros(GRID)
    wanted[5:10, 10:20] = 1
    np.testing.assert_array_equal(maps[0], wanted)
    assert not maps[1:].any()


@pytest.mark.parametrize(
    "box", [(20, 30, 20, 40), (20, 30, 30, 30), (30, 40, 20, 30), (0, 0, 9, 9)]
)
def test_a_box_with_nothing_in_it_or_beside_the_frame_is_no_box(box):
    np.testing.assert_array_equal(question(FRAME, GRID, box=box), question(FRAME, GRID))


def test_a_box_around_the_frame_is_one_everywhere():
    assert (question(FRAME, GRID, box=(0, 0, 99, 99))[0] == 1).all()


coordinate = st.floats(-5, 70).map(lambda value: round(value, 2))


@few
@given(st.tuples(coordinate, coordinate, coordinate, coordinate))
def test_a_cell_is_in_the_box_when_its_centre_is(box):
    maps = question(FRAME, GRID, box=box)
    for y in range(GRID[0]):
        for x in range(GRID[1]):
            across, down = FRAME[0] + (x + 0.5), FRAME[1] + (y + 0.5) * 2
            if min(abs(across - box[0]), abs(across - box[2])) < 1e-6:
                continue  # on the edge
            if min(abs(down - box[1]), abs(down - box[3])) < 1e-6:
                continue
            inside = box[0] < across < box[2] and box[1] < down < box[3]
            assert maps[0, y, x] == inside


def test_clicks_are_discs_around_the_centres_of_pixels():
    """The pixel (30, 39) has its centre at 30.5, 39.5: the grid's 20.5, 9.75."""
    maps = question(FRAME, GRID, points=[Point(30, 39)])
    y, x = np.mgrid[: GRID[0], : GRID[1]] + 0.5
    wanted = np.hypot(x - 20.5, y - 9.75) <= CLICK
    np.testing.assert_array_equal(maps[1], wanted)
    assert wanted.sum() == pytest.approx(np.pi * CLICK**2, rel=0.06)
    assert not maps[[0, 2, 3]].any()


def test_clicks_on_and_beside_the_thing_have_maps_of_their_own():
    on, beside = Point(15, 30), Point(40, 50, keep=False)
    maps = question(FRAME, GRID, points=[on, beside])
    np.testing.assert_array_equal(maps[1], question(FRAME, GRID, points=[on])[1])
    np.testing.assert_array_equal(maps[2], question(FRAME, GRID, points=[beside])[2])
    assert maps[1].any()
    assert maps[2].any()
    assert not (maps[1] * maps[2]).any()
    both = question(FRAME, GRID, points=[on, Point(18, 30)])
    assert both.max() == 1  # discs that meet do not add up


def test_a_click_far_from_the_frame_is_not_seen():
    assert not question(FRAME, GRID, points=[Point(90, 90)]).any()
    assert question(FRAME, GRID, points=[Point(8, 40)])[1].any()  # its disc reaches in


def test_a_guess_is_minus_one_to_one():
    guess = frozen(np.linspace(0, 1, GRID[0] * GRID[1], dtype=np.float32).reshape(GRID))
    maps = question(FRAME, GRID, guess=guess)
    np.testing.assert_array_equal(maps[3], 2 * guess - 1)
    assert not maps[:3].any()
    empty = question(FRAME, GRID, guess=np.zeros(GRID, np.float32))
    assert (empty[3] == -1).all()  # an empty mask is not the same as none
