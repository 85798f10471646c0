"""Descriptions of patches: their distances are those of the patches, as far as they are smooth."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.patches import CHANNELS, LENGTH, MEANS, PATCH, covers, describe, opponent


def waves(height=20, width=24, seed=0):
    """(5, H, W) planes without fine detail: roughness and colours are flat, lightness waves."""
    random = np.random.default_rng(seed)
    planes = np.empty((CHANNELS, height, width), np.float32)
    planes[:] = random.uniform(0, 50, (CHANNELS, 1, 1))
    y, x = np.indices((height, width))
    for _ in range(4):
        down, across = random.uniform(-0.35, 0.35, 2)
        planes[0] += random.uniform(5, 30) * np.cos(down * y + across * x)
    return frozen(planes)


def test_distances_are_those_of_the_patches():
    planes = waves()
    told = describe(planes)
    assert told.shape == (14, 18, LENGTH)
    random = np.random.default_rng(1)
    for _ in range(30):
        (a, b), (c, d) = random.integers(0, (14, 18), (2, 2))
        one, two = planes[:, a : a + PATCH, b : b + PATCH], planes[:, c : c + PATCH, d : d + PATCH]
        true = float(np.square(one - two).sum())
        assert float(np.square(told[a, b] - told[c, d]).sum()) == pytest.approx(true, rel=0.03)


def test_no_distance_is_larger_than_that_of_the_patches():
    planes = frozen(np.random.default_rng(2).uniform(0, 255, (CHANNELS, 9, 9)).astype(np.float32))
    told = describe(planes).reshape(-1, LENGTH)
    patches = np.stack(
        [planes[:, y : y + PATCH, x : x + PATCH].reshape(-1) for y in range(3) for x in range(3)]
    )
    for first in range(9):
        seen = np.square(told - told[first]).sum(axis=1)
        assert (seen <= np.square(patches - patches[first]).sum(axis=1) * 1.001).all()


def test_a_part_is_told_as_in_the_whole_and_knows_where_it_lies():
    planes = waves(30, 26)
    pull = (3.0, 0.5)
    whole = describe(planes, pull=pull)
    part = describe(
        np.ascontiguousarray(planes[:, 8:22, 5:20]), corner=(8, 5), pull=pull, threads=2
    )
    np.testing.assert_array_equal(part, whole[8:16, 5:14])
    flat = describe(np.zeros((CHANNELS, 10, 12), np.float32), pull=pull)
    assert np.square(flat[3, 5] - flat[1, 1]).sum() == pytest.approx((2 * 3) ** 2 + (4 * 0.5) ** 2)


def test_places_of_means_hold_means_of_colours_and_nothing_else():
    flat = np.zeros((CHANNELS, PATCH, PATCH), np.float32)
    flat[:3] = np.array([10, 20, 30], np.float32)[:, None, None]
    told = describe(flat)[0, 0]
    means = np.zeros(LENGTH, bool)
    means[list(MEANS)] = True
    assert np.abs(told[~means]).max() < 1e-3
    np.testing.assert_allclose(np.abs(told[means]), [70, 140, 210], atol=0.01)


def test_opponent_colours_keep_distances_and_grey_is_lightness():
    image = np.random.default_rng(3).integers(0, 256, (4, 5, 3), np.uint8)
    turned = np.moveaxis(opponent(image), 0, -1)
    for one, two in ((0, 1), (2, 3)):
        true = np.linalg.norm(image[one, 0].astype(float) - image[two, 4])
        assert np.linalg.norm(turned[one, 0] - turned[two, 4]) == pytest.approx(true, rel=1e-4)
    grey = opponent(np.full((1, 1, 3), 80, np.uint8))
    np.testing.assert_allclose(grey[1:], 0, atol=1e-3)


def test_patches_that_touch_a_mask():
    mask = np.zeros((12, 15), np.bool_)
    mask[6, 9] = True
    expected = np.zeros((6, 9), np.bool_)
    expected[0:6, 3:9] = True
    np.testing.assert_array_equal(covers(frozen(mask)), expected)
