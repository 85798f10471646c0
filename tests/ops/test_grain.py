"""Grain: measured as it was made, and given to what has less of it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen, shifted
from nukki.ops.grain import Grain, grain_of, grained, grainy, missing
from nukki.ops.grid import enlarge


def noisy(sigma, size=200, *, coarse=0.0, seed=0, dtype=np.uint8):
    random = np.random.default_rng(seed)
    field = random.normal(0, sigma, (size, size))
    if coarse:
        small = random.normal(0, coarse, (size // 2, size // 2)).astype(np.float32)
        field += enlarge(small, size, size)
    ramp = 90 + 60 * np.linspace(0, 1, size)[:, None] + field
    scale = np.iinfo(dtype).max / 255
    return frozen(np.rint(np.clip(ramp, 0, 255) * scale)[..., None].repeat(3, 2).astype(dtype))


def holed(sigma, painted=0.0, *, coarse=0.0):
    """A photo in which a hole was painted with less noise, or with none, and the hole."""
    image, hole = noisy(sigma, coarse=coarse).copy(), np.zeros((200, 200), np.bool_)
    hole[50:170, 40:150] = True
    image[hole] = noisy(painted, seed=3)[hole]
    return frozen(image), frozen(hole)


@pytest.mark.parametrize("sigma", [1.5, 4.0, 9.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_noise_is_measured(sigma, dtype):
    grain = grain_of(noisy(sigma, dtype=dtype))
    assert grain.fine == pytest.approx(sigma, rel=0.1)
    assert grain.coarse == pytest.approx(sigma / 2, rel=0.2)


def test_of_a_large_photo_strips_tell_as_much_as_the_whole_would():
    one = noisy(4.0)
    grain = grain_of(frozen(np.tile(one, (9, 9, 1))))
    assert grain.fine == pytest.approx(4.0, rel=0.1)
    assert grain.coarse == pytest.approx(2.0, rel=0.2)


def test_edges_and_textures_are_no_grain():
    picture = noisy(2.0).copy()
    picture[::20] = 250
    picture[:, ::20] = 10
    assert grain_of(frozen(picture)).fine == pytest.approx(2.0, rel=0.35)


@pytest.mark.parametrize("offset", [1, 4, 17])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_it_is_the_same_wherever_the_picture_lies_in_memory(offset, dtype):
    image = noisy(3.0, 61, dtype=dtype)
    assert grain_of(shifted(image, offset)) == grain_of(image)


@pytest.mark.parametrize("coarse", [0.0, 6.0])
def test_a_clean_cut_out_gets_the_grain_of_the_photo(coarse):
    clean, target = noisy(0.3), noisy(3.0, coarse=coarse, seed=5)
    own, theirs = grain_of(clean), grain_of(target)
    alpha = np.ones((200, 200), np.float32)
    alpha[:, :20] = 0
    done = grainy(clean, frozen(alpha), missing(own, theirs))
    np.testing.assert_array_equal(done[:, :20], clean[:, :20])
    now = grain_of(done, alpha > 0)
    assert now.fine == pytest.approx(theirs.fine, rel=0.15)
    assert now.coarse == pytest.approx(theirs.coarse, rel=0.2)
    np.testing.assert_array_equal(done, grainy(clean, frozen(alpha), missing(own, theirs)))


@pytest.mark.parametrize("coarse", [0.0, 5.0])
def test_a_smooth_painting_becomes_as_grainy_as_the_photo(coarse):
    image, hole = holed(5.0, coarse=coarse)
    photo = grain_of(image, frozen(~hole))
    result = grained(image, hole, photo, seed=3)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    now = grain_of(result, hole)
    assert now.fine == pytest.approx(photo.fine, rel=0.15)
    assert now.coarse == pytest.approx(photo.coarse, rel=0.2)
    np.testing.assert_array_equal(result, grained(image, hole, photo, seed=3))
    assert (result != grained(image, hole, photo, seed=4)).any()
    assert grained(result, hole, photo) is result  # now nothing is lacking


def test_nothing_is_added_to_what_has_enough():
    picture, everywhere = noisy(5.0), frozen(np.ones((200, 200), np.bool_))
    assert missing(Grain(5, 2.5), Grain(2, 1)) == Grain(0, 0)
    assert grainy(picture, frozen(everywhere.astype(np.float32)), Grain(0, 0)) is picture
    image, hole = holed(5.0, 3.5)
    assert grained(image, hole, grain_of(image, ~hole)) is image
    assert grained(image, hole, Grain(0.1, 0.05)) is image


def test_too_little_tells_nothing():
    assert grain_of(noisy(2.0), np.zeros((200, 200), bool)) is None
    assert grain_of(frozen(np.full((50, 50, 3), 255, np.uint8))) is None
    assert grain_of(frozen(np.zeros((2, 2, 3), np.uint8))) is None
    image, hole = holed(5.0)
    assert grained(image, hole, None) is image
    assert grained(image, frozen(np.zeros_like(hole)), Grain(5, 2.5)) is image
