"""Answers to queries: worked values of the scoring."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.queries import best_pairs, mask_quality, softmax

PROBABILITIES = frozen(np.array([[0.6, 0.3, 0.1], [0.05, 0.05, 0.9], [0.2, 0.7, 0.1]], np.float32))


def test_as_many_pairs_as_queries_the_best_first():
    queries, classes, probabilities = best_pairs(np.log(PROBABILITIES))
    # A query may stand twice (0), and one whose answer is "nothing" (1) not at all.
    np.testing.assert_array_equal(queries, [2, 0, 0])
    np.testing.assert_array_equal(classes, [1, 0, 1])
    np.testing.assert_allclose(probabilities, [0.7, 0.6, 0.3], rtol=1e-6)


def test_the_last_class_is_nothing():
    _, classes, probabilities = best_pairs(frozen(np.array([[0, 50]], np.float32)))
    np.testing.assert_array_equal(classes, [0])
    assert probabilities[0] < 1e-20


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_pairs_are_the_largest_probabilities(queries, classes, seed):
    logits = frozen(np.random.default_rng(seed).normal(size=(queries, classes + 1)) * 5)
    logits = logits.astype(np.float32)
    query, label, probability = best_pairs(logits)
    table = softmax(logits, axis=1)
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probability, table[query, label])
    assert len(set(zip(query.tolist(), label.tolist(), strict=True))) == queries
    np.testing.assert_array_equal(probability, np.sort(table[:, :-1], axis=None)[::-1][:queries])


def test_softmax_of_large_logits_is_finite():
    table = softmax(frozen(np.array([[1e5, 0, -1e5]], np.float32)), axis=1)
    np.testing.assert_array_equal(table, [[1, 0, 0]])


@pytest.mark.parametrize(
    ("logits", "quality"),
    [
        ([[-1, -2], [-3, 0]], 0.0),  # nothing is above 0
        ([[np.log(3), -9], [-9, -9]], 0.75),
        ([[np.log(3), np.log(9)], [0, -1]], (0.75 + 0.9) / 2),
        ([[800.0]], 1.0),
    ],
)
def test_the_mean_probability_inside_a_mask(logits, quality):
    found = mask_quality(frozen(np.array(logits, np.float32)))
    assert found == pytest.approx(quality, abs=2e-6)
