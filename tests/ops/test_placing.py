"""Where a subject goes, in numbers; and pixels that stay what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import disc_truth, frozen
from nukki.ops.aims import Aim, Length
from nukki.ops.placing import Frame, Spot, frame_of, put, settle
from nukki.types import Box

WORDS = [None, *(Aim(word) for word in ("start", "middle", "end", "mass"))]


def frame(height=60, width=80, box=None, **more):
    box = box or Box(20, 10, 50, 50)
    mass = ((box.top + box.bottom) / 2, (box.left + box.right) / 2)
    return Frame(height, width, box, mass, **more)


@st.composite
def frames(draw):
    height, width = draw(st.integers(4, 90)), draw(st.integers(4, 90))
    top, left = draw(st.integers(0, height - 2)), draw(st.integers(0, width - 2))
    bottom, right = draw(st.integers(top + 1, height)), draw(st.integers(left + 1, width))
    mass = draw(st.floats(top, bottom)), draw(st.floats(left, right))
    return Frame(height, width, Box(left, top, right, bottom), mass)


@settings(max_examples=60, deadline=None)
@given(frames(), st.booleans())
def test_nothing_asked_for_is_nothing_done(one, flip):
    spot = settle(one, flip=flip)
    assert spot.target == one.box
    assert (spot.height, spot.width) == (one.height, one.width)
    assert not spot.scaled


@settings(max_examples=100, deadline=None)
@given(
    frames(),
    st.tuples(st.integers(10, 200), st.integers(10, 200)),
    st.floats(0, 0.4),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
)
def test_a_subject_fills_its_canvas_but_for_the_margin(one, canvas, share, across, down):
    spot = settle(one, canvas=canvas, across=across, down=down, margin=Length(share, share=True))
    free = share * min(canvas)
    rows, columns = canvas
    target = spot.target
    assert target.left >= 0
    assert target.top >= 0
    assert target.right <= columns
    assert target.bottom <= rows
    # One pixel of rounding on every side, no more.
    assert target.left >= free - 1 - 1e-6
    assert target.top >= free - 1 - 1e-6
    assert target.right <= columns - free + 1 + 1e-6
    assert target.bottom <= rows - free + 1 + 1e-6
    room = columns - 2 * free, rows - 2 * free
    filled = max(target.width / room[0], target.height / room[1])
    assert abs(filled - 1) <= 1 / min(room) + 1e-9
    aspect = one.box.width / one.box.height
    assert abs(target.width - target.height * aspect) <= 1 + aspect


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("margin", [1e-9, 0.4, 0.5, 3.7])
def test_a_margin_of_parts_of_a_pixel_moves_nothing_off_its_canvas(word, margin):
    one = Frame(7, 9, Box(2, 1, 6, 5), (3.0, 3.0))
    target = settle(one, canvas=(11, 10), across=word, down=word, margin=Length(margin)).target
    assert min(target.left, target.top) >= 0
    assert target.right <= 10
    assert target.bottom <= 11


@settings(max_examples=60, deadline=None)
@given(frames(), st.floats(0.2, 3))
def test_a_scaled_subject_stands_where_it_stood(one, factor):
    spot = settle(one, factor=factor)
    assert spot.target.bottom == one.box.bottom
    middle = (spot.target.left + spot.target.right) / 2
    assert abs(middle - (one.box.left + one.box.right) / 2) <= 1
    assert spot.target.height == max(1, int(one.box.height * factor + 0.5))


def test_words_and_numbers_by_hand():
    one, canvas = frame(), (100, 200)
    left = settle(one, canvas=canvas, across=Aim("start"), factor=1.0)
    assert left.target == Box(0, round(50 * 100 / 60) - 40, 30, round(50 * 100 / 60))
    corner = settle(
        one, canvas=canvas, across=Aim("end"), down=Aim("end"), factor=1.0, margin=Length(10)
    )
    assert corner.target == Box(160, 50, 190, 90)
    at = settle(one, canvas=canvas, across=Aim(at=Length(0.5, share=True)), down=Aim(at=Length(30)))
    assert at.target == Box(85, 10, 115, 50)
    assert settle(one, canvas=canvas, height=Length(0.5, share=True)).target.height == 50
    assert settle(one, canvas=canvas, height=Length(20)).target.width == 15


def test_the_centre_of_mass_is_centred_as_far_as_there_is_room():
    one = replace(frame(), mass=(40.0, 45.0))
    spot = settle(one, across=Aim("mass"), down=Aim("mass"))
    assert spot.target.left + 25 == 40  # 25 of 30 columns lie left of the mass
    assert spot.target.top + 30 == 30
    lopsided = replace(one, box=Box(5, 10, 75, 50), mass=(30.0, 70.0))
    assert settle(lopsided, across=Aim("mass")).target.left == 0


def test_a_side_that_is_cut_off_stays_at_the_side():
    cut = frame(box=Box(20, 10, 50, 60), cut=(False, False, False, True))
    shop = settle(cut, canvas=(100, 100), margin=Length(10))
    assert shop.target.bottom == 100
    assert shop.target.top == 10
    smaller = settle(cut, factor=0.5)
    assert smaller.target.bottom == 60
    beside = frame(box=Box(0, 10, 50, 50), cut=(True, False, False, False))
    assert settle(beside, factor=0.5).target.left == 0
    assert settle(beside, factor=0.5, flip=True).target.right == 50


def test_a_frame_knows_where_the_photo_cuts():
    alpha = np.zeros((20, 30), np.float32)
    alpha[5:, 10:20] = 1
    found = frame_of(frozen(alpha), Box(10, 5, 20, 20))
    assert found.cut == (False, False, False, True)
    assert found.mass == (12.5, 15.0)
    alpha[19] *= 0.3  # a soft shadow at the side is no cut
    assert not any(frame_of(frozen(alpha), Box(10, 5, 20, 20)).cut)


# pixels


def random_picture(height, width, dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    return frozen(random.integers(0, top, (height, width, 3), dtype, endpoint=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@settings(max_examples=40, deadline=None)
@given(frames(), st.integers(-40, 60), st.integers(-40, 60), st.booleans())
def test_moved_pixels_keep_their_bits(dtype, one, down, across, flip):
    pixels = random_picture(one.height, one.width, dtype)
    alpha = np.zeros((one.height, one.width), np.float32)
    alpha[one.box.slices()] = 0.75
    target = Box(across, down, across + one.box.width, down + one.box.height)
    spot = Spot(50, 40, one.box, target, flip)
    colours, cover = put(pixels, frozen(alpha), spot)
    assert colours.dtype == dtype
    source = pixels[one.box.slices()]
    source = source[:, ::-1] if flip else source
    for y in range(50):
        inside_row = 0 <= y - down < one.box.height
        for x in (0, 7, 39):
            inside = inside_row and 0 <= x - across < one.box.width
            assert cover[y, x] == (0.75 if inside else 0)
            if inside:
                np.testing.assert_array_equal(colours[y, x], source[y - down, x - across])


def test_what_does_not_move_is_not_copied():
    pixels, alpha = random_picture(9, 9), frozen(np.ones((9, 9), np.float32))
    box = Box(0, 0, 9, 9)
    same = put(pixels, alpha, Spot(9, 9, box, box))
    assert same[0] is pixels
    assert same[1] is alpha
    assert put(pixels, alpha, Spot(9, 9, box, box, flip=True))[0] is not pixels


@pytest.mark.parametrize("factor", [0.37, 2.6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_scaling_brings_no_colour_of_the_background(factor, dtype):
    """Premultiplied: what lies under alpha 0 is loud, and must not show."""
    top = np.iinfo(dtype).max
    alpha = disc_truth(90, 120, softness=2.0)
    pixels = np.full((90, 120, 3), (0, top, 0), dtype)
    pixels[alpha > 0] = (top, 0, 0)
    box = Box(0, 0, 120, 90)
    target = Box(3, 2, 3 + round(120 * factor), 2 + round(90 * factor))
    colours, cover = put(frozen(pixels), frozen(alpha), Spot(100, 130, box, target))
    assert cover.min() >= 0
    assert cover.max() <= 1
    seen = cover > 0.01
    assert seen.any()
    np.testing.assert_array_equal(colours[seen], np.broadcast_to((top, 0, 0), (seen.sum(), 3)))
    wanted = alpha.sum() * target.width * target.height / (90 * 120)
    if factor < 1:
        assert abs(cover.sum() - wanted) < 0.01 * wanted


def test_a_part_of_an_enlarged_subject_is_where_it_would_be_in_the_whole():
    pixels, alpha = random_picture(30, 30), frozen(disc_truth(30, 30))
    box = Box(0, 0, 30, 30)
    whole = put(pixels, alpha, Spot(120, 120, box, Box(0, 0, 120, 120)))
    part = put(pixels, alpha, Spot(60, 50, box, Box(-40, -30, 80, 90)))
    np.testing.assert_allclose(part[1], whole[1][30:90, 40:90], atol=1e-5)
    solid = part[1] > 0.5
    far = part[0][solid].astype(int) - whole[0][30:90, 40:90][solid]
    assert np.abs(far).max() <= 1
