"""Gradient and connectivity errors: by hand, and against SciPy's Gaussian derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import disc_truth, frozen
from nukki.ops.matting_measures import connectivity_error, gradient_error


def test_the_same_has_no_error():
    truth = frozen(disc_truth(60, 80, 4).astype(np.float32))
    assert gradient_error(truth, truth) == 0
    assert connectivity_error(truth, truth) == 0


def test_gradients_are_scipys():
    filters = pytest.importorskip("scipy.ndimage")
    random = np.random.default_rng(2)
    alpha, truth = (random.random((40, 50)).astype(np.float32) for _ in range(2))

    def slope(plane):
        pair = [
            filters.gaussian_filter(plane.astype(float), 1.4, order, mode="nearest", truncate=4.3)
            for order in ((0, 1), (1, 0))
        ]
        return np.hypot(*pair)

    expected = ((slope(alpha) - slope(truth)) ** 2).sum() / 1000
    assert gradient_error(alpha, truth) == pytest.approx(expected, rel=0.01)


def test_a_blurred_edge_costs_gradient():
    sharp = np.zeros((50, 60), np.float32)
    sharp[:, 30:] = 1
    soft = np.tile(np.clip((np.arange(60) - 24) / 12, 0, 1), (50, 1)).astype(np.float32)
    assert gradient_error(frozen(soft), frozen(sharp)) > 0.004
    assert gradient_error(frozen(sharp + np.float32(0)), frozen(sharp)) == 0


def test_what_floats_apart_costs_its_pixels():
    """A block of alpha .5 that hangs together with nothing: 100 · |φ(.5) - φ(0)| = 100 · .5."""
    truth = np.zeros((40, 60), np.float32)
    truth[10:30, 10:30] = 1
    alpha = truth.copy()
    alpha[15:25, 45:55] = 0.5
    assert connectivity_error(frozen(alpha), frozen(truth)) == pytest.approx(0.05)


def test_a_little_haze_costs_nothing():
    truth = np.zeros((40, 60), np.float32)
    truth[10:30, 10:30] = 1
    alpha = np.where(truth == 0, np.float32(0.1), truth)
    assert connectivity_error(frozen(alpha), frozen(truth)) == 0


def test_nothing_at_all():
    empty = frozen(np.zeros((9, 9), np.float32))
    full = frozen(np.ones((9, 9), np.float32))
    assert connectivity_error(empty, empty) == 0
    assert connectivity_error(empty, full) == pytest.approx(0.081)
