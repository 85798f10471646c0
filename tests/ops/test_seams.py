"""Borders of holes: what is touched, how soft it is, and steps that go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import frozen, shifted
from nukki.ops.alpha import gaussian
from nukki.ops.seams import FEATHER, edge_width, feathered, settled


def block(shape=(40, 50), rows=slice(12, 28), columns=slice(15, 35)):
    mask = np.zeros(shape, np.bool_)
    mask[rows, columns] = True
    return frozen(mask)


def flat(colour, shape=(40, 50)):
    return frozen(np.full((*shape, 3), colour, np.uint8))


@given(width=st.floats(0, 20))
def test_a_feather_is_1_inside_and_0_beyond_its_width(width):
    hole = block()
    alpha = feathered(hole, width)
    rows, columns = np.nonzero(hole)
    y, x = np.indices(hole.shape)
    away = np.sqrt(((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(axis=-1))
    assert alpha.dtype == np.float32
    assert (alpha[hole] == 1).all()
    assert (alpha[~hole] < 1).all()
    assert not alpha[away >= min(width, FEATHER) + 1].any()
    assert (np.diff(alpha[20, 35:]) <= 0).all()
    if width >= 2:
        assert 0 < alpha[20, 36] < alpha[20, 35]


@given(data=st.data())
def test_a_feather_falls_with_the_distance_from_the_hole(data):
    """Exactly the smooth step of the distance, computed pixel by pixel."""
    shape = data.draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    places = data.draw(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=5))
    hole = np.zeros(shape, np.bool_)
    for row, column in places:
        hole[row % shape[0], column % shape[1]] = True
    width = data.draw(st.integers(1, FEATHER))
    if not hole.any():
        return
    rows, columns = np.nonzero(hole)
    y, x = np.indices(shape)
    away = np.sqrt(((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(axis=-1))
    share = np.clip(1 - away / (width + 1), 0, 1)
    np.testing.assert_allclose(
        feathered(frozen(hole), width), share * share * (3 - 2 * share), atol=1e-5
    )


def test_no_hole_no_feather():
    assert not feathered(block(rows=slice(0, 0)), 5).any()


def test_a_shade_that_is_off_settles():
    image, hole = np.full((40, 50, 3), 120, np.uint8), block()
    image[hole] = (135, 120, 100)
    texture = np.random.default_rng(1).integers(-6, 7, image.shape)
    image = frozen((image + texture).astype(np.uint8))
    result = settled(image, hole)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    assert np.abs(result[hole].mean(axis=0) - 120).max() < 3
    # What was in it stays.
    shown = result[hole].astype(float) - result[hole].mean(axis=0)
    assert np.corrcoef(shown.reshape(-1), texture[hole].reshape(-1))[0, 1] > 0.9


def test_an_edge_at_the_border_is_no_shade():
    """The hole's left neighbour is a black wall: the wall must not darken what is beside it."""
    image, hole = np.full((40, 50, 3), 200, np.uint8), block()
    image[:, :15] = 10
    result = settled(frozen(image), hole)
    assert result[12:28, 24:35].min() > 195


@pytest.mark.parametrize("rows", [slice(0, 40), slice(0, 1), slice(39, 40)])
def test_settling_at_the_photos_sides(rows):
    image, hole = flat(90).copy(), block(rows=rows)
    image[hole] = 100
    result = settled(frozen(image), hole)
    assert np.abs(result[hole].astype(int) - 90).max() <= 2


def blurred(sigma, seed=0):
    """Blocks of many shades, out of focus."""
    shades = np.random.default_rng(seed).integers(20, 236, (10, 12)).astype(np.float32)
    plane = shades.repeat(16, axis=0).repeat(16, axis=1)
    plane = gaussian(plane, sigma) if sigma else plane
    return frozen(np.rint(plane)[..., None].repeat(3, 2).astype(np.uint8))


@pytest.mark.parametrize("sigma", [2.0, 3.0, 4.0])
def test_the_width_of_blurred_edges_is_told(sigma):
    everywhere = frozen(np.ones((160, 192), np.bool_))
    assert edge_width(blurred(sigma), everywhere) == pytest.approx(sigma, rel=0.25)


def test_sharp_edges_have_next_to_no_width():
    everywhere = frozen(np.ones((160, 192), np.bool_))
    assert edge_width(blurred(0), everywhere) < 1
    noise = np.random.default_rng(1).integers(100, 130, (160, 192, 3), np.uint8)
    assert edge_width(frozen(noise), everywhere) < 1


def test_where_nothing_is_seen_edges_have_no_width():
    assert edge_width(flat(90), frozen(np.ones((40, 50), np.bool_))) == 0
    assert edge_width(blurred(3.0), frozen(np.zeros((160, 192), np.bool_))) == 0


def test_widths_are_the_same_wherever_the_photo_lies_in_memory():
    image, everywhere = blurred(3.0), frozen(np.ones((160, 192), np.bool_))
    assert edge_width(shifted(image, 5), everywhere) == edge_width(image, everywhere)
