"""Questions that `pick` learns to answer lie where a person or a detector would put them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.crops import frame_around, question, whole
from nukki.train import asking

SIZE = (120, 160)
BOX = (40.0, 30.0, 100.0, 90.0)
few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def chance(seed=0):
    return np.random.default_rng(seed)


def block(left=16, top=16, right=40, bottom=48, side=64):
    mask = np.zeros((side, side), np.uint8)
    mask[top:bottom, left:right] = 255
    return frozen(mask)


# --- boxes and frames

edges = st.floats(0, 1)


@few
@given(
    st.integers(2, 300),
    st.integers(2, 300),
    st.tuples(edges, edges),
    st.tuples(edges, edges),
    seeds,
)
def test_a_detectors_box_is_near_and_lies_in_the_photo(height, width, xs, ys, seed):
    box = min(xs) * width, min(ys) * height, max(xs) * width, max(ys) * height
    left, top, right, bottom = asking.jittered(box, chance(seed), (height, width))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    # No edge moves by more than .3 of its side, but for boxes narrower than two pixels.
    for found, edge, side in zip(
        (left, top, right, bottom), box, (box[2] - box[0], box[3] - box[1]) * 2, strict=True
    ):
        assert abs(found - edge) <= 0.3 * side + 2


def test_boxes_are_mostly_off_by_hundredths_and_not_to_one_side():
    draw = chance(1)
    moves = np.array([asking.jittered(BOX, draw, SIZE) for _ in range(400)]) - BOX
    assert (np.abs(moves.mean(axis=0)) < 1.0).all()
    spread = moves.std(axis=0) / 60
    assert (spread > 0.04).all()
    assert (spread < 0.1).all()
    assert np.abs(moves).max() > 0.2 * 60  # rarely by more


@few
@given(seeds)
def test_who_knows_no_box_sees_the_thing_all_the_same(seed):
    left, top, right, bottom = asking.looked(BOX, chance(seed), SIZE)
    assert 0 <= left <= BOX[0]
    assert 0 <= top <= BOX[1]
    assert BOX[2] <= right <= SIZE[1]
    assert BOX[3] <= bottom <= SIZE[0]


def test_often_it_is_the_whole_photo():
    draw = chance(2)
    frames = [asking.looked(BOX, draw, SIZE) for _ in range(200)]
    assert 60 < frames.count(whole(SIZE)) < 100
    assert len(set(frames)) > 100


# --- clicks


@pytest.mark.parametrize("seed", range(4))
def test_clicks_on_a_thing_are_on_it(seed):
    mask = block()
    clicks = asking.points_on(mask, 20, chance(seed))
    assert len(clicks) == 20
    assert all(mask[y, x] == 255 for x, y in clicks)
    # Three of four are well inside: two pixels and more from the rim.
    inner = [18 <= x < 38 and 18 <= y < 46 for x, y in clicks]
    assert sum(inner) >= 14


def test_clicks_on_what_is_thin_or_nowhere():
    line = np.zeros((64, 64), np.uint8)
    line[30] = 255
    clicks = asking.points_on(frozen(line), 5, chance())
    assert [y for _, y in clicks] == [30] * 5
    assert asking.points_on(np.zeros((64, 64), np.uint8), 5, chance()) == []
    assert asking.points_on(block(), 0, chance()) == []


def test_clicks_beside_a_thing_are_mostly_on_its_neighbours():
    mask, others = block(), block(44, 16, 60, 48)
    clicks = asking.points_beside(mask, others, 100, chance(3))
    assert len(clicks) == 100
    assert all(mask[y, x] == 0 for x, y in clicks)
    on_neighbours = sum(int(others[y, x] == 255) for x, y in clicks)
    assert 45 < on_neighbours < 75
    # Where a neighbour overlaps it, the shared part is no place beside it.
    both = asking.points_beside(mask, block(30, 16, 60, 48), 50, chance(4))
    assert all(mask[y, x] == 0 for x, y in both)


def test_without_neighbours_they_are_close_to_the_rim_or_anywhere():
    mask = block()
    clicks = asking.points_beside(mask, None, 100, chance(5))
    close = [10 <= x < 46 and 10 <= y < 54 for x, y in clicks]
    assert 30 < sum(close) < 90
    assert all(mask[y, x] == 0 for x, y in clicks)


def test_nothing_is_beside_what_fills_the_crop():
    assert asking.points_beside(np.full((64, 64), 255, np.uint8), None, 5, chance()) == []


@few
@given(st.integers(0, 63), st.integers(0, 63), st.booleans())
def test_places_of_the_grid_and_points_of_the_photo_are_the_same(x, y, keep):
    """A question about the point has its disc around the very place."""
    frame = 12.5, 3.25, 140.0, 90.0
    (point,) = asking.as_points([(x, y)], frame, 64, keep=keep)
    assert point.keep == keep
    maps = question(frame, (64, 64), points=[point])
    rows, columns = np.mgrid[:64, :64]
    disc = (columns - x) ** 2 + (rows - y) ** 2 <= 4.5**2
    np.testing.assert_array_equal(maps[1 if keep else 2], disc)


# --- guesses


@pytest.mark.parametrize("seed", range(6))
def test_a_guess_is_rough_but_of_the_thing(seed):
    mask, others = block(), block(44, 16, 60, 48)
    guess = asking.guessed(mask, others, chance(seed))
    assert (guess.shape, guess.dtype) == ((64, 64), np.float32)
    assert guess.min() >= 0
    assert guess.max() <= 1
    found, wanted = guess >= 0.5, mask >= 128
    share = (found & wanted).sum() / (found | wanted).sum()
    assert 0.15 < share < 1


def test_guesses_lack_parts_or_have_those_of_neighbours():
    mask, others = block(), block(40, 16, 60, 48)
    guesses = [asking.guessed(mask, others, chance(seed)) >= 0.5 for seed in range(40)]
    lacking = [guess[mask == 255].mean() < 0.8 for guess in guesses]
    foreign = [guess[(others == 255) & (mask == 0)].mean() > 0.2 for guess in guesses]
    assert 3 <= sum(lacking) <= 25
    assert 3 <= sum(foreign) <= 25
    assert asking.guessed(mask, None, chance(1)).max() > 0.5


def test_the_same_chance_asks_the_same():
    mask, others = block(), block(44, 16, 60, 48)
    for one in (
        lambda draw: asking.jittered(BOX, draw, SIZE),
        lambda draw: asking.looked(BOX, draw, SIZE),
        lambda draw: asking.points_on(mask, 5, draw),
        lambda draw: asking.points_beside(mask, others, 5, draw),
        lambda draw: asking.guessed(mask, others, draw).tobytes(),
    ):
        assert one(chance(7)) == one(chance(7))
        assert len({str(one(chance(seed))) for seed in range(8)}) > 4


def test_frames_around_what_detectors_draw_can_be_cropped():
    """The smallest photo in which a thing can be asked for."""
    frame = frame_around(asking.jittered((0, 0, 12, 12), chance(3), (12, 12)), (12, 12))
    assert 0 <= frame[0] < frame[2] <= 12
