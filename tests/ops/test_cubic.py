"""Cubic sampling: OpenCV's kernel, by hand and by its formula; nothing is averaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.cubic import resized


def kernel(distance):
    """Keys' kernel with a = -0.75."""
    a, x = -0.75, abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def one_by_one(line, count):
    """Each value from the kernel's definition, the line's ends repeated."""
    step = len(line) / count
    result = []
    for place in range(count):
        at = (place + 0.5) * step - 0.5
        near = range(int(np.floor(at)) - 1, int(np.floor(at)) + 3)
        ends = [line[min(max(tap, 0), len(line) - 1)] for tap in near]
        taps = zip(ends, near, strict=True)
        result.append(sum(value * kernel(at - tap) for value, tap in taps))
    return np.array(result)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(1, 30))
def test_lines_by_the_formula(values, count):
    line = np.array(values, np.float64)
    rows = resized(frozen(line[None].astype(np.float32)), 1, count)
    columns = resized(frozen(line[:, None].astype(np.float32)), count, 1)
    np.testing.assert_allclose(rows[0], one_by_one(line, count), atol=1e-3)
    np.testing.assert_array_equal(columns[:, 0], rows[0])


def test_the_same_size_is_the_same():
    planes = frozen(np.random.default_rng(0).integers(0, 256, (3, 7, 9), np.uint8))
    np.testing.assert_array_equal(resized(planes, 7, 9), planes)


def test_twice_the_size_by_hand():
    """At a quarter of the way the shares are -0.10546875, 0.87890625, 0.26171875, -0.03515625."""
    line = frozen(np.array([[0, 0, 0, 1, 0, 0, 0]], np.float32))
    expected = [0, 0, 0, -0.03515625, -0.10546875, 0.26171875, 0.87890625]
    np.testing.assert_allclose(resized(line, 1, 14)[0, :7], expected, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (33, 1), (31, 45)])
def test_flat_planes_stay_flat(shape):
    big = resized(frozen(np.full((2, *shape), 77, np.uint8)), 64, 32)
    assert big.dtype == np.float32
    assert big.shape == (2, 64, 32)
    np.testing.assert_allclose(big, 77, atol=1e-4)
