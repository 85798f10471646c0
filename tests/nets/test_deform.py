from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from net_files import noise  # noqa: E402
from nukki.nets.deform import deform_conv2d  # noqa: E402


def by_loops(x, offset, mask, weight):
    """Straight from the formula, for one picture, in Python's numbers."""
    _, c, h, w = x.shape
    o, _, k, _ = weight.shape

    def pixel(channel, row, column):
        inside = 0 <= row < h and 0 <= column < w
        return float(x[0, channel, row, column]) if inside else 0.0

    result = torch.zeros(1, o, h, w)
    for row in range(h):
        for column in range(w):
            for tap in range(k * k):
                y = row + tap // k - k // 2 + float(offset[0, 2 * tap, row, column])
                z = column + tap % k - k // 2 + float(offset[0, 2 * tap + 1, row, column])
                top, left = math.floor(y), math.floor(z)
                for channel in range(c):
                    value = sum(
                        (1 - abs(y - a)) * (1 - abs(z - b)) * pixel(channel, a, b)
                        for a in (top, top + 1)
                        for b in (left, left + 1)
                    )
                    factor = value * float(mask[0, tap, row, column])
                    result[0, :, row, column] += factor * weight[:, channel, tap // k, tap % k]
    return result


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 9)])
def test_where_taps_stay_it_is_a_convolution(size, shape):
    x, weight = noise(2, 3, *shape), noise(4, 3, size, size)
    offset, mask = torch.zeros(2, 2 * size * size, *shape), torch.ones(2, size * size, *shape)
    wanted = torch.nn.functional.conv2d(x, weight, padding=size // 2)
    assert torch.allclose(deform_conv2d(x, offset, mask, weight), wanted, atol=1e-4)


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.sampled_from([1, 3]),
    reach=st.sampled_from([0.3, 2.0, 20.0]),
    seed=st.integers(0, 99),
)
def test_it_is_the_formula(shape, size, reach, seed):
    x, weight = noise(1, 2, *shape, seed=seed), noise(3, 2, size, size, seed=seed + 1)
    offset = reach * noise(1, 2 * size * size, *shape, seed=seed + 2)
    mask = noise(1, size * size, *shape, seed=seed + 3)
    found = deform_conv2d(x, offset, mask, weight)
    assert torch.allclose(found, by_loops(x, offset, mask, weight), atol=1e-4)


def test_each_picture_has_its_own_offsets_and_factors():
    x, weight = noise(2, 3, 6, 4), noise(5, 3, 3, 3)
    offset, mask = noise(2, 18, 6, 4, seed=2), noise(2, 9, 6, 4, seed=3)
    together = deform_conv2d(x, offset, mask, weight)
    for n in range(2):
        one = slice(n, n + 1)
        alone = deform_conv2d(x[one], offset[one], mask[one], weight)
        assert torch.allclose(together[one], alone, atol=1e-5)
