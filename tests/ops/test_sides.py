"""Sizes by the shortest side: worked values of four houses' rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.ops.sides import nearest, shortest_edge

sides = st.integers(1, 20_000)
rules = st.sampled_from(["nearest", "down", "down-float32"])


@pytest.mark.parametrize(
    ("size", "rounding", "expected"),
    [
        # 150 × 200 at 800/1333: 1066.67; the golden data of both houses hold these two.
        ((150, 200), "nearest", (800, 1067)),
        ((150, 200), "down-float32", (800, 1066)),
        ((150, 200), "down", (800, 1066)),
        ((200, 150), "nearest", (1067, 800)),
        # The longest side binds: 1000 × 2500 becomes 533.2 × 1333.
        ((1000, 2500), "nearest", (533, 1333)),
        ((1000, 2500), "down", (533, 1333)),
        ((1000, 2500), "down-float32", (533, 1333)),
        # One factor in single precision falls short of the side that it was made for.
        ((187, 187), "down", (800, 800)),
        ((800, 800), "down-float32", (800, 800)),
    ],
)
def test_worked_sizes(size, rounding, expected):
    assert shortest_edge(*size, 800, 1333, rounding) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((600, 900), (512, 768)),
        ((1000, 720), (704, 512)),  # 512 · 1000 / 720 = 711.1
        ((300, 400), (512, 672)),  # 682.7
        # One side below and one above 512: the picture's own size.
        ((400, 900), (384, 896)),
        ((900, 20), (896, 32)),
        ((512, 512), (512, 512)),
        # The longest side binds: 512 × 5120 becomes 204.8 × 2048.
        ((600, 6000), (192, 2048)),
    ],
)
def test_modnet_keeps_to_multiples_of_32(size, expected):
    assert shortest_edge(*size, 512, 2048, "down-to-32") == expected


def test_halves_go_up():
    # 401 · 0.5 = 200.5: Python's round would say 200.
    assert shortest_edge(200, 401, 100, 1000, "nearest") == (100, 201)
    assert [nearest(0.5), nearest(1.5), nearest(2.49)] == [1, 2, 2]


def test_single_precision_may_lose_a_pixel():
    """As torchvision computes it: 800 / h as float32, times h, rounded down."""
    lost = [h for h in range(1, 3000) if shortest_edge(h, h, 800, 1333, "down-float32")[0] == 799]
    assert lost
    assert all(shortest_edge(h, h, 800, 1333, "down") == (800, 800) for h in lost)


@settings(deadline=None)
@given(sides, sides, st.integers(1, 2000), st.integers(0, 2000), rules)
def test_any_picture_gets_a_size_within_the_bounds(height, width, shortest, more, rounding):
    longest = shortest + more
    result = shortest_edge(height, width, shortest, longest, rounding)
    assert min(result) >= 1
    assert max(result) <= longest
    assert min(result) <= shortest
    if height <= width:
        assert result[0] <= result[1]
    # Turning the picture turns the size.
    assert shortest_edge(width, height, shortest, longest, rounding) == result[::-1]


@pytest.mark.parametrize("rounding", ["nearest", "down", "down-float32"])
def test_lines_keep_a_pixel(rounding):
    assert shortest_edge(1, 5000, 800, 1333, rounding) == (1, 1333)
    assert shortest_edge(5000, 1, 800, 1333, rounding) == (1333, 1)
    assert shortest_edge(1, 1, 800, 1333, rounding) == (800, 800)
