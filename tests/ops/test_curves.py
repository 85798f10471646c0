"""Curves over thresholds, worked by hand and against counting pixels one threshold at a time."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import toolbox_example
from nukki.ops.curves import alignment, counts, f_beta, precision, recall

LEVELS = np.array([[255, 100], [200, 0]], np.uint8)
TRUTH = np.array([[True, True], [False, False]])


def slow_alignment(levels, truth, threshold):
    """Eφ as its paper writes it, pixel by pixel."""
    mask = (levels >= threshold).astype(float)
    a, b = mask - mask.mean(), truth - truth.mean()
    xi = 2 * a * b / (a * a + b * b)
    return ((1 + xi) ** 2 / 4).mean()


def test_worked_counts():
    found = counts(LEVELS, TRUTH)
    assert (found.subject, found.pixels) == (2, 4)
    for threshold, hits, alarms in [(0, 2, 2), (1, 2, 1), (100, 2, 1), (101, 1, 1), (201, 1, 0)]:
        assert (found.hits[threshold], found.alarms[threshold]) == (hits, alarms)
    assert precision(found)[[0, 1, 101, 255]] == pytest.approx([1 / 2, 2 / 3, 1 / 2, 1])
    assert recall(found)[[0, 100, 101, 255]] == pytest.approx([1, 1, 1 / 2, 1 / 2])


def test_worked_f():
    assert f_beta(np.array([0.5]), np.array([1.0])) == pytest.approx(0.65 / 1.15)
    assert f_beta(np.array([0.5]), np.array([1.0]), beta2=1) == pytest.approx(2 / 3)
    assert f_beta(np.zeros(3), np.array([0, 0.5, 1])).tolist() == [0, 0, 0]


def test_worked_alignment():
    # At 201 only one pixel is marked: a = ±, b = ±1/2.
    # a = 3/4 and b = 1/2 give xi = 12/13; a = -1/4: with b = 1/2 -4/5, with b = -1/2 twice 4/5.
    expected = ((25 / 13) ** 2 + (1 / 5) ** 2 + 2 * (9 / 5) ** 2) / 16
    assert alignment(counts(LEVELS, TRUTH))[201] == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_curves_against_slow_counting(seed):
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, (13, 9), dtype=np.uint8)
    truth = random.random((13, 9)) < 0.4
    found = counts(levels, truth)
    fast = alignment(found)
    for threshold in range(256):
        marked = levels >= threshold
        both = (marked & truth).sum()
        assert precision(found)[threshold] == pytest.approx(both / max(1, marked.sum()))
        assert recall(found)[threshold] == pytest.approx(both / truth.sum())
        assert fast[threshold] == pytest.approx(slow_alignment(levels, truth, threshold))


def test_a_perfect_map_has_ones_and_its_inverse_does_not():
    truth = np.zeros((6, 7), bool)
    truth[2:4, 1:5] = True
    levels = np.where(truth, 255, 0).astype(np.uint8)
    perfect, wrong = counts(levels, truth), counts(255 - levels, truth)
    for found, expected in ((perfect, 1), (wrong, 0)):
        f = f_beta(precision(found), recall(found))
        assert np.allclose(f[1:], expected)
        assert np.allclose(alignment(found)[1:], expected)


@pytest.mark.parametrize("full", [False, True])
def test_truths_of_one_kind(full):
    truth = np.full((2, 2), full)
    found = counts(LEVELS, truth)
    right = [0, 1 / 4, 2 / 4, 3 / 4]
    if full:
        right = [1 - share for share in right]
    assert alignment(found)[[0, 100, 200, 255]] == pytest.approx(right)
    if full:
        assert precision(found).tolist() == [1] * 256
    else:
        assert np.isnan(recall(found)).all()
        assert precision(found).tolist() == [0] * 256


def test_as_the_field_s_toolbox():
    levels, truth = toolbox_example()
    found = counts(levels, truth)
    f, e = f_beta(precision(found), recall(found)), alignment(found)
    assert (f.max(), f.mean()) == pytest.approx((0.8046421663442941, 0.6260797319506726))
    pixels = truth.size / (truth.size - 1)  # it divides by one less
    assert (e.max() * pixels, e.mean() * pixels) == pytest.approx(
        (0.8984339705741745, 0.6850457037318369)
    )
