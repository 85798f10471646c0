"""From matches to pixels: votes, copies that are bit by bit, and seams that go."""

from __future__ import annotations

import numpy as np

from helpers import frozen
from nukki.ops.patchcopy import Shifts, copied, shifts, votes
from nukki.ops.patchfield import Field
from nukki.ops.patchlevels import Level, Scene, roughness

SHAPE = (30, 48)


def scene():
    image = np.random.default_rng(8).integers(0, 256, (*SHAPE, 3), np.uint8)
    hole = np.zeros(SHAPE, np.bool_)
    hole[12:20, 30:38] = True
    pixels = np.concatenate([image, roughness(image, hole)], axis=2)
    return frozen(image), Scene(frozen(pixels), frozen(hole), frozen(np.zeros(SHAPE, np.bool_)))


def moved(level, by):
    """The field that copies everything from `by` columns to the left."""
    cost = np.ones(len(level.rows), np.float32)
    return Field(level.rows, level.columns, level.rows.copy(), level.columns - np.int32(by), cost)


def test_a_field_of_one_piece_votes_and_copies_that_piece():
    image, one = scene()
    level = Level(one, 1)
    field = moved(level, 20)
    said = votes(level, field)
    source = level.planes[:, level.inside[0], level.inside[1] - 20].T
    np.testing.assert_allclose(said, source, rtol=1e-4, atol=1e-3)
    shifted = shifts(level, field)
    assert (shifted.apart[one.hole] == (0, -20)).all()
    plain = Shifts(shifted.apart, np.zeros_like(shifted.change), shifted.hole)
    filled = copied(image, one.hole, plain, 1, threads=2)
    np.testing.assert_array_equal(filled[~one.hole], image[~one.hole])
    np.testing.assert_array_equal(filled[12:20, 30:38], image[12:20, 10:18])


def test_a_large_photo_is_copied_pixel_by_pixel():
    image = np.random.default_rng(9).integers(0, 256, (90, 144, 3), np.uint8)
    hole = np.zeros((90, 144), np.bool_)
    hole[37:58, 91:112] = True
    small = Scene(image, hole, np.zeros_like(hole)).reduced(3).hole
    apart = np.where(small[..., None], np.int32([-4, -20]), np.int32(0))
    still = np.zeros((30, 48, 3), np.float32)
    filled = copied(frozen(image), frozen(hole), Shifts(apart, still, small), 3)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    np.testing.assert_array_equal(filled[37:58, 91:112], image[25:46, 31:52])


def test_a_piece_of_another_shade_meets_the_photo():
    """The left half of the photo is brighter by 30: a copy of it comes out as dark as the right."""
    light = np.full(SHAPE, 150)
    light[:, 24:] = 120
    image = np.repeat(light[..., None], 3, axis=2).astype(np.uint8)
    hole = np.zeros(SHAPE, np.bool_)
    hole[10:20, 32:42] = True
    pixels = np.concatenate([image, roughness(image, hole)], axis=2)
    level = Level(Scene(pixels, hole, np.zeros_like(hole)), 1)
    shifted = shifts(level, moved(level, 26))
    filled = copied(frozen(image), frozen(hole), shifted, 1)
    assert np.abs(filled[hole].astype(int) - 120).max() <= 8


def test_roughness_is_the_step_between_known_neighbours():
    image = np.zeros((5, 6, 3), np.uint8)
    image[:, 3:] = 20
    hole = np.zeros((5, 6), np.bool_)
    hole[2, 3] = True
    rough = roughness(frozen(image), frozen(hole))
    expected = np.zeros((5, 6), int)
    expected[:, 3] = 140
    expected[2, 3] = 0
    np.testing.assert_array_equal(rough[..., 0], expected)
    assert not rough[..., 1].any()
