"""Depth: gradients that were painted in eight bits have no steps in sixteen."""

from __future__ import annotations

import numpy as np

from helpers import frozen
from nukki.ops.depth import deepened


def gradient(low=90.0, high=100.0, shape=(120, 400)):
    """(H, W, 3) float64 levels of 255, across and a little down."""
    across = np.linspace(low, high, shape[1])[None, :] + np.linspace(0, 2, shape[0])[:, None]
    return np.stack([across, across * 0.7, 200 - across], axis=-1)


def painted(levels, hole):
    """A 16-bit photo whose hole was filled in eight bits."""
    deep = np.rint(levels * 257).astype(np.uint16)
    deep[hole] = np.rint(levels[hole]).astype(np.uint16) * 257
    return frozen(deep)


def middle(shape=(120, 400)):
    hole = np.zeros(shape, np.bool_)
    hole[30:95, 80:330] = True
    return frozen(hole)


def test_a_gradient_has_no_bands_and_what_lies_around_stays():
    hole, truth = middle(), gradient()
    given = painted(truth, hole)
    result = deepened(given, hole)
    np.testing.assert_array_equal(result[~hole], given[~hole])
    before, after = (np.abs(one[hole] / 257 - truth[hole]) for one in (given, result))
    assert before.mean() > 0.2  # bands: off by a quarter of a level on average
    assert after.mean() < 0.03
    # No band is left: nowhere is the step to the neighbour half a level.
    steps = np.abs(np.diff(result.astype(int), axis=1))[31:94, 81:329]
    assert steps.max() < 0.25 * 257


def test_texture_stays_within_a_level():
    hole = middle()
    noise = np.random.default_rng(2).normal(0, 12, (120, 400, 3))
    given = painted(np.clip(gradient() + noise, 0, 255), hole)
    result = deepened(given, hole)
    apart = np.abs(result.astype(int) - given)
    assert 0 < apart.max() <= 257
    white = frozen(np.full((120, 400, 3), 65535, np.uint16))
    np.testing.assert_array_equal(deepened(white, hole), white)


def test_no_hole_no_change():
    given = painted(gradient(), middle())
    np.testing.assert_array_equal(deepened(given, np.zeros((120, 400), np.bool_)), given)
