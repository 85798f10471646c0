"""Weighted Fβ: worked by hand, and against the published steps written with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers import disc_truth, toolbox_example
from nukki.ops.weighted import weighted_f


def with_scipy(alpha, truth):
    """The authors' steps, one line each; ties between nearest pixels are SciPy's."""
    from scipy.ndimage import correlate, distance_transform_edt

    error = np.abs(alpha.astype(float) - truth)
    distance, (rows, columns) = distance_transform_edt(~truth, return_indices=True)
    copied = error.copy()
    copied[~truth] = copied[rows[~truth], columns[~truth]]
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x * x + y * y) / (2 * 5 * 5))
    spread = correlate(copied, kernel / kernel.sum(), mode="constant", cval=0)
    least = np.where(truth & (spread < error), spread, error)
    importance = np.where(truth, 1.0, 2 - np.exp(np.log(1 - 0.5) / 5 * distance))
    weighed = least * importance
    hits = truth.sum() - weighed[truth].sum()
    recall = 1 - weighed[truth].mean()
    precision = hits / (np.finfo(float).eps + hits + weighed[~truth].sum())
    return 2 * recall * precision / (np.finfo(float).eps + recall + precision)


def test_a_picture_of_one_pixel():
    # The Gaussian's middle, since nothing lies beyond the rim, takes a part of the error only.
    middle = 1 / sum(np.exp(-(k**2) / 50) for k in range(-3, 4))
    score = weighted_f(np.array([[0.5]], np.float32), np.array([[True]]))
    recall = 1 - 0.5 * middle**2  # precision is 1: there is nothing outside
    assert score == pytest.approx(2 * recall / (1 + recall))


def test_an_alarm_one_pixel_away():
    # Importance at distance 1 is 2 - .5^(1/5); nothing is missed.
    extra = 0.5 * (2 - 0.5**0.2)
    precision = 1 / (1 + extra)
    score = weighted_f(np.array([[1, 0.5]], np.float32), np.array([[True, False]]))
    assert score == pytest.approx(2 * precision / (1 + precision))


def test_an_alarm_far_away_counts_more():
    truth = np.zeros((9, 40), bool)
    truth[3:6, 2:5] = True
    scores = []
    for column in (6, 12, 38):
        alpha = truth.astype(np.float32)
        alpha[4, column] = 1
        scores.append(weighted_f(alpha, truth))
    assert 1 > scores[0] > scores[1] > scores[2] > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_even_errors_on_the_subject_against_scipy(seed):
    """Where ties between nearest pixels cannot show, to the last digit."""
    random = np.random.default_rng(seed)
    truth = disc_truth(60, 71) > random.uniform(0.2, 0.8)
    alpha = np.where(truth, 0.8, random.random(truth.shape) * 0.5).astype(np.float32)
    assert weighted_f(alpha, truth) == pytest.approx(with_scipy(alpha, truth), abs=1e-12)
    mirrored = weighted_f(alpha[:, ::-1], truth[:, ::-1])
    assert mirrored == pytest.approx(weighted_f(alpha, truth), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_any_errors_against_scipy(seed):
    random = np.random.default_rng(seed)
    truth = disc_truth(60, 71) > 0.5
    alpha = random.random(truth.shape, np.float32)
    assert weighted_f(alpha, truth) == pytest.approx(with_scipy(alpha, truth), abs=1e-3)


def test_as_the_field_s_toolbox():
    levels, truth = toolbox_example()
    alpha = levels.astype(np.float32) / np.float32(255)
    assert weighted_f(alpha, truth) == pytest.approx(0.6505496935922351, abs=3e-3)  # ties


def test_truths_of_one_kind():
    alpha = np.array([[1, 0.5], [0, 0.1]], np.float32)
    assert np.isnan(weighted_f(alpha, np.zeros((2, 2), bool)))
    full = np.ones((2, 2), bool)
    assert weighted_f(alpha, full) == pytest.approx(with_scipy(alpha, full))


def test_a_map_of_nothing():
    truth = np.zeros((30, 40), bool)
    truth[10:20, 10:30] = True
    assert weighted_f(np.zeros((30, 40), np.float32), truth) == pytest.approx(0, abs=1e-12)


@given(
    arrays.arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32)),
    arrays.arrays(bool, (7, 9)),
)
@settings(deadline=None)
def test_range_perfection_and_inverse(alpha, truth):
    if not truth.any():
        return
    assert -1e-9 <= weighted_f(alpha, truth) <= 1 + 1e-9
    assert weighted_f(truth.astype(np.float32), truth) == pytest.approx(1)
    assert weighted_f((~truth).astype(np.float32), truth) < 1
