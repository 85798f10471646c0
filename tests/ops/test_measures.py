"""Confidence, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.measures import confidence


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 0], [0, 0]], 0.0),
        ([[1, 0], [0, 1]], 1.0),
        ([[0.5, 0.5], [0.5, 0.5]], 0.5),
        ([[0.1, 0.1], [0.1, 0.1]], 0.1),
        ([[1, 0.5], [0, 0]], 1.25 / 1.5),
        ([[0.8, 0.2], [0.2, 0.0]], (0.64 + 0.08) / 1.2),
    ],
)
def test_worked_values(values, expected):
    measured = confidence(frozen(np.array(values, np.float32)))
    assert isinstance(measured, float)
    assert measured == pytest.approx(expected, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1))
def test_a_fainter_map_is_less_sure_by_as_much(seed, faint):
    alpha = np.random.default_rng(seed).random((7, 9), np.float32)
    whole = confidence(frozen(alpha))
    assert 0 <= whole <= 1
    assert confidence(frozen(alpha * np.float32(faint))) == pytest.approx(whole * faint, rel=1e-4)


def test_empty_surroundings_change_nothing():
    alpha = np.random.default_rng(0).random((5, 5), np.float32)
    assert confidence(frozen(np.pad(alpha, 40))) == pytest.approx(confidence(frozen(alpha)))
