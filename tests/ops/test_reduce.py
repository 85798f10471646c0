"""Box reduction against means that a loop takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.reduce import box_reduce


def block_means(pixels, factor):
    height, width = pixels.shape[:2]
    rows, columns = range(0, height, factor), range(0, width, factor)
    return np.array(
        [[pixels[y : y + factor, x : x + factor].mean(axis=(0, 1)) for x in columns] for y in rows]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(1, 20),
    st.sampled_from([np.uint8, np.uint16]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_every_pixel_is_the_rounded_mean_of_its_block(height, width, factor, dtype, grey, seed):
    shape = (height, width) if grey else (height, width, 3)
    random = np.random.default_rng(seed)
    pixels = frozen(random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True))
    small = box_reduce(pixels, factor, threads=1 + seed % 3)
    assert small.dtype == dtype
    expected = block_means(pixels, factor)
    assert small.shape == expected.shape
    assert np.abs(small - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("factor", [300, 5000])
def test_large_factors_do_not_overflow(dtype, factor):
    top = np.iinfo(dtype).max
    white = frozen(np.full((700, 330), top, dtype))
    assert (box_reduce(white, factor) == top).all()


def test_factor_one_is_the_picture_itself():
    pixels = frozen(np.zeros((3, 4, 3), np.uint8))
    assert box_reduce(pixels, 1) is pixels
