"""What masks miss, told by colours; and how much a filled hole's border shows."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.leftover import leftover, seam

SIZE = (90, 100)
GREY, RED = (120, 120, 120), (200, 30, 40)


def scene(foot=RED):
    """A red block with a foot to the right, on grey with a little noise, and a mask without it."""
    random = np.random.default_rng(2)
    image = np.empty((*SIZE, 3))
    image[:] = GREY
    thing = np.zeros(SIZE, np.bool_)
    thing[30:60, 30:60] = True
    missed = np.zeros(SIZE, np.bool_)
    missed[48:58, 60:72] = True
    image[thing], image[missed] = RED, foot
    image += random.normal(0, 3, image.shape)
    hole = np.zeros(SIZE, np.bool_)
    hole[26:64, 26:64] = True
    return np.clip(image, 0, 255).astype(np.uint8), thing, hole, missed & ~hole


def test_a_foot_beyond_the_hole_is_found():
    image, thing, hole, missed = scene()
    found = leftover(image, thing, hole, 4)
    assert not (found & hole).any()
    assert found[48:58, 64:68].all()
    assert found[missed].mean() > 0.4  # as far as the ring goes
    assert not found[~missed].any()


def test_what_has_another_colour_is_none():
    image, thing, hole, _ = scene(foot=(40, 60, 200))
    assert not leftover(image, thing, hole, 4).any()


def test_what_stays_is_none():
    image, thing, hole, missed = scene()
    assert not leftover(image, thing, hole, 4, stays=missed).any()


def test_before_a_ground_of_its_own_colour_nothing_is_told():
    image, thing, hole, _ = scene()
    image[:] = RED
    assert not leftover(image, thing, hole, 4).any()


@pytest.mark.parametrize("factor", [1, 3])
def test_a_photo_three_times_as_large_says_the_same(factor):
    image, thing, hole, missed = (
        each.repeat(factor, axis=0).repeat(factor, axis=1) for each in scene()
    )
    assert leftover(image, thing, hole, 4 * factor)[missed].mean() > 0.4


def test_a_hole_of_everything_has_nothing_beside_it():
    image, thing, _, _ = scene()
    assert not leftover(image, thing, np.ones(SIZE, np.bool_), 4).any()


def test_a_border_that_is_not_to_be_seen_is_one():
    random = np.random.default_rng(5)
    image = random.integers(90, 150, (60, 60, 3), np.uint8)
    hole = np.zeros((60, 60), np.bool_)
    hole[20:40, 20:40] = True
    assert seam(image, hole) == pytest.approx(1, abs=0.15)
    image[hole] = 250
    assert seam(image, hole) > 4
    assert seam(image, np.zeros_like(hole)) == 0
