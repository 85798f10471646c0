"""Holes filled with patches of the photo itself: what goes on through a hole is gone on with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen, shifted
from nukki.ops import patchfill
from nukki.ops.patchfill import complete


def tiles(height, width, period=8):
    """A photo that repeats: a random tile, again and again."""
    tile = np.random.default_rng(5).integers(0, 256, (period, period, 3), np.uint8)
    return frozen(np.tile(tile, (-(-height // period), -(-width // period), 1))[:height, :width])


def speckled(height, width, seed=0):
    """A photo of two halves, each of its own colour with texture."""
    random = np.random.default_rng(seed)
    image = np.empty((height, width, 3))
    image[:] = (60, 120, 70)
    image[: height // 2] = (190, 170, 150)
    return frozen(np.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8))


def block(shape, rows, columns):
    mask = np.zeros(shape, np.bool_)
    mask[rows, columns] = True
    return frozen(mask)


def apart(one, two, mask):
    return float(np.abs(one[mask].astype(int) - two[mask]).mean())


def test_a_periodic_texture_comes_back():
    image = tiles(56, 64)
    hole = block(image.shape[:2], slice(16, 34), slice(20, 42))
    assert apart(complete(image, hole), image, hole) < 2


def test_a_stripe_and_a_horizon_go_on():
    image = speckled(80, 100).copy()
    image[30:36] = (250, 30, 30)
    hole = block(image.shape[:2], slice(18, 62), slice(36, 64))
    filled = complete(image, hole)
    stripe = (filled[..., 0] > 200) & (filled[..., 1] < 90)
    inside = slice(38, 62)
    assert stripe[31:35, inside].all()
    assert not stripe[:28, inside].any()
    assert not stripe[38:, inside].any()
    means = [filled[rows, inside].mean(axis=(0, 1)) for rows in (slice(20, 28), slice(44, 60))]
    np.testing.assert_allclose(means, [(190, 170, 150), (60, 120, 70)], atol=8)


@pytest.mark.parametrize("offset", [3, 20])
def test_it_is_the_same_wherever_the_photo_lies_in_memory(offset):
    image = speckled(48, 60)
    hole = block(image.shape[:2], slice(12, 30), slice(20, 41))
    moved = complete(shifted(image, offset), shifted(hole, offset))
    np.testing.assert_array_equal(moved, complete(image, hole))


def test_it_is_as_rough_as_the_photo():
    image = speckled(80, 100)
    hole = block(image.shape[:2], slice(48, 72), slice(30, 70))
    filled = complete(image, hole)
    assert 0.75 < filled[hole].std(axis=0).mean() / image[hole].std(axis=0).mean() < 1.2


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(0, 1), slice(0, 1)),
        (slice(59, 60), slice(69, 70)),
        (slice(30, 31), slice(40, 41)),
        (slice(0, 60), slice(20, 34)),
        (slice(40, 60), slice(50, 70)),
        (slice(0, 60), slice(8, 70)),
        (slice(0, 60), slice(1, 70)),
    ],
)
def test_holes_at_corners_and_across(rows, columns):
    image = speckled(60, 70)
    hole = block(image.shape[:2], rows, columns)
    filled = complete(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert filled[hole].min() > 20  # nothing is left empty
    assert np.abs(filled[hole].astype(int) - image[hole]).mean() < 40


def test_a_hole_along_all_four_borders():
    image = speckled(60, 70)
    hole = ~block(image.shape[:2], slice(9, 51), slice(9, 61))
    filled = complete(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert apart(filled, image, hole) < 25


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_any_hole_in_any_small_photo(data):
    height, width = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    cells = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    hole = np.array(cells).reshape(height, width)
    hole[0, 0] = False
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    filled = complete(frozen(image), frozen(hole))
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(filled[~hole], image[~hole])


def test_what_the_hole_held_does_not_matter(monkeypatch):
    monkeypatch.setattr(patchfill, "_HOLE", 200)  # reduced by 3: blocks of both kinds
    image = speckled(70, 90)
    hole = block(image.shape[:2], slice(20, 50), slice(31, 60))
    other = np.where(hole[..., None], np.uint8(255), image)
    np.testing.assert_array_equal(complete(image, hole), complete(other, hole))


def test_threads_do_not_matter_and_the_seed_does(monkeypatch):
    monkeypatch.setattr(patchfill, "_ALL", 1000)  # tries at random at every size
    image = speckled(60, 70)
    hole = block(image.shape[:2], slice(16, 46), slice(24, 50))
    first = complete(image, hole, threads=1)
    np.testing.assert_array_equal(first, complete(image, hole, threads=2))
    assert (first != complete(image, hole, seed=1)).any()


def test_a_hole_too_large_to_match_at_full_size(monkeypatch):
    """Matches are sought at a third; what is copied are the photo's own pixels."""
    image = speckled(80, 100).copy()
    image[:, 4::8] = image[:, 5::8] = (20, 20, 200)  # stripes of two pixels
    hole = block(image.shape[:2], slice(20, 60), slice(30, 70))
    monkeypatch.setattr(patchfill, "_HOLE", 500)  # 1600 pixels: reduced by 2
    filled = complete(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    blue = filled[..., 2] > filled[..., 1].astype(int) + 60
    assert (blue == (np.arange(100) % 8 // 2 == 2))[hole].mean() > 0.97


def test_what_is_forbidden_is_not_copied():
    image = speckled(70, 110).copy()
    image[10:60, 8:28] = (255, 0, 255)
    hole = block(image.shape[:2], slice(12, 58), slice(30, 60))
    keep = block(image.shape[:2], slice(8, 62), slice(6, 30))
    filled = complete(image, hole, forbidden=keep)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    pink = (filled[..., 1].astype(int) < 40) & hole
    assert not pink.any()


def test_a_guide_decides_what_goes_where():
    """Without it the hole's upper half would be light."""
    image = speckled(80, 90)
    hole = block(image.shape[:2], slice(20, 60), slice(30, 64))
    guide = image.copy()
    guide[20:48, 30:64] = (60, 120, 70)
    guide[48:60, 30:64] = (190, 170, 150)
    filled = complete(image, hole, guide=frozen(guide))
    alone = complete(image, hole)
    low, high = (slice(50, 58), slice(36, 58)), (slice(26, 38), slice(36, 58))
    assert filled[low][..., 0].mean() > 140 > 100 > filled[high][..., 0].mean()
    assert alone[low][..., 0].mean() < 100 < 140 < alone[high][..., 0].mean()
    assert filled[high].std(axis=(0, 1)).mean() > 5  # the photo's own texture, not the guide's


def test_distant_holes_are_filled_by_themselves():
    image = np.concatenate([speckled(30, 90), speckled(30, 90)[::-1]], axis=1)
    first = block(image.shape[:2], slice(10, 18), slice(0, 6))
    both = first | block(image.shape[:2], slice(12, 16), slice(172, 180))
    one, two = complete(image, first), complete(image, both)
    np.testing.assert_array_equal(one[:, :90], two[:, :90])
