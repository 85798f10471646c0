"""A found thing keeps its mask in few bytes and gives it back exactly."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.segments import segment_of, soft_segment_of
from nukki.types import Box


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 999))
def test_the_mask_comes_back(height, width, density, seed):
    mask = frozen(np.random.default_rng(seed).random((height, width)) < density)
    segment = segment_of(mask, Box(3, 5, 3 + width, 5 + height), (40, 50), label="x", score=0.5)
    if not mask.any():
        assert segment is None
        return
    whole = np.zeros((40, 50), bool)
    whole[5 : 5 + height, 3 : 3 + width] = mask
    np.testing.assert_array_equal(segment.mask, whole)
    np.testing.assert_array_equal(segment.crop, whole[segment.box.slices()])
    assert segment.area == mask.sum()
    assert segment.crop.dtype == segment.mask.dtype == np.bool_
    # The bounds are tight.
    for rim in (segment.crop[0], segment.crop[-1], segment.crop[:, 0], segment.crop[:, -1]):
        assert rim.any()


def test_corners_are_the_networks_or_the_bounds():
    mask = frozen(np.array([[0, 1], [0, 0]], bool))
    place = Box(4, 6, 6, 8)
    own = segment_of(mask, place, (9, 9), label="x", score=0.5, corners=(3.5, 6.25, 6.0, 7.5))
    assert (own.box, own.corners) == (Box(5, 6, 6, 7), (3.5, 6.25, 6.0, 7.5))
    assert segment_of(mask, place, (9, 9), label="x", score=0.5).corners == (5, 6, 6, 7)


def test_forty_people_in_a_large_photo_fit():
    """Each as large as the photo of 12 megapixels: 60 MB, and one mask at a time."""
    mask = np.ones((3000, 4000), bool)
    tracemalloc.start()
    people = [
        segment_of(mask, Box(0, 0, 4000, 3000), mask.shape, label="person", score=0.5)
        for _ in range(40)
    ]
    kept, peak = tracemalloc.get_traced_memory()
    areas = [int(person.mask.sum()) for person in people[:3]]
    _, looking = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 62e6
    assert max(peak, looking) < 62e6 + 3 * 12.5e6
    assert areas == [12_000_000] * 3


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 999))
def test_the_alpha_comes_back(height, width, density, seed):
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, (height, width), np.uint8)
    levels = frozen(np.where(random.random((height, width)) < density, levels // 255 * 255, levels))
    place = Box(3, 5, 3 + width, 5 + height)
    segment = soft_segment_of(levels, place, (40, 50), label="x", score=0.5)
    if levels.max() < 128:
        assert segment is None
        return
    whole = np.zeros((40, 50), np.uint8)
    whole[place.slices()] = levels
    assert segment.alpha.dtype == np.float32
    np.testing.assert_array_equal(np.rint(segment.alpha * 255), whole)
    np.testing.assert_array_equal(segment.mask, whole >= 128)
    np.testing.assert_array_equal(segment.levels, whole[segment.support.slices()])
    for rim in (segment.levels[0], segment.levels[-1], segment.levels[:, 0], segment.levels[:, -1]):
        assert rim.any()


def test_without_a_soft_edge_the_alpha_is_the_mask():
    mask = frozen(np.array([[0, 1], [1, 1]], bool))
    segment = segment_of(mask, Box(4, 6, 6, 8), (9, 9), label="x", score=0.5)
    np.testing.assert_array_equal(segment.alpha, segment.mask.astype(np.float32))
    np.testing.assert_array_equal(segment.levels, mask * np.uint8(255))
    assert segment.support == segment.box


def test_a_part_of_a_segment():
    levels = frozen(np.full((6, 8), 200, np.uint8))
    soft = soft_segment_of(levels, Box(2, 2, 10, 8), (9, 12), label="x", score=0.5)
    hard = segment_of(frozen(levels > 0), Box(2, 2, 10, 8), (9, 12), label="x", score=0.5)
    there = np.zeros((9, 12), bool)
    there[:, 6:] = True
    for segment in (soft, hard):
        part = segment.within(there)
        assert (part.box, part.area, part.corners) == (Box(6, 2, 10, 8), 24, (2, 2, 10, 8))
        np.testing.assert_array_equal(part.alpha, segment.alpha * there)
        assert segment.within(~there).area == 24
        assert segment.within(np.zeros((9, 12), bool)) is None


def test_forty_soft_people_in_a_large_photo_fit():
    """Each as large as the photo of 12 megapixels, a tenth of it soft."""
    levels = np.full((3000, 4000), 255, np.uint8)
    levels[:, ::10] = 100
    tracemalloc.start()
    person = soft_segment_of(levels, Box(0, 0, 4000, 3000), levels.shape, label="person", score=0.5)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert person.area == 10_800_000
    assert 40 * kept < 240e6  # of which the bits of mask, solid and edge are 180
