"""Window sums against loops; linear models found where there are some."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen, texture
from nukki.ops.guided import guided_coefficients, window_sum


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(1, 25), st.integers(0, 30), st.integers(1, 3))
def test_window_sums_against_loops(height, width, radius, channels):
    planes = frozen(
        np.random.default_rng(radius).random((channels, height, width)).astype(np.float32)
    )
    sums = window_sum(planes, radius)
    assert sums.dtype == np.float32
    expected = np.zeros(planes.shape)
    for y in range(height):
        for x in range(width):
            top, left = max(0, y - radius), max(0, x - radius)
            window = planes[:, top : y + radius + 1, left : x + radius + 1]
            expected[:, y, x] = window.sum(axis=(1, 2), dtype=np.float64)
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


def test_sums_of_large_values_stay_exact():
    """Running sums would have lost the small value beside the large ones."""
    planes = np.zeros((1, 1, 400), np.float32)
    planes[..., :100] = 1e7
    planes[..., 300] = 0.001
    sums = window_sum(frozen(planes), 5)
    assert sums[0, 0, 300] == np.float32(0.001)
    assert sums[0, 0, 200] == 0


def scene(height=40, width=50, seed=1):
    """Colours that vary in all three directions of colour space."""
    grain = np.random.default_rng(seed).uniform(-0.3, 0.3, (3, height, width))
    smooth = texture(height, width, (0.5, 0.5, 0.5), 0.2, seed).transpose(2, 0, 1)
    return frozen(np.clip(smooth + grain, 0, 1).astype(np.float32))


def applied(models, guide):
    return (models[:3] * guide).sum(axis=0) + models[3]


@pytest.mark.parametrize("radius", [2, 4, 9])
def test_an_alpha_that_is_linear_in_colour_is_found(radius):
    guide = scene()
    slope, offset = np.array([0.7, -0.4, 0.3], np.float32), np.float32(0.2)
    alpha = frozen(np.tensordot(slope, guide, 1) + offset)
    ones = frozen(np.ones_like(alpha))
    models = guided_coefficients(guide, alpha, ones, radius, 1e-4)
    assert models.shape == (4, 40, 50)
    assert models.dtype == np.float32
    assert np.abs(applied(models, guide) - alpha).max() < 0.005


def test_a_flat_picture_gives_the_mean():
    guide = frozen(np.full((3, 20, 20), 0.5, np.float32))
    coarse = np.zeros((20, 20), np.float32)
    coarse[:, 10:] = 1
    models = guided_coefficients(guide, frozen(coarse), frozen(np.ones_like(coarse)), 2, 1e-4)
    fitted = applied(models, guide)
    np.testing.assert_allclose(models[:3], 0, atol=1e-3)
    assert (np.diff(fitted[10]) >= -1e-5).all()
    np.testing.assert_allclose(fitted[10, [2, 17]], [0, 1], atol=1e-5)


def two_sides():
    """Left dark, right bright, and a map whose edge is four pixels off."""
    guide = np.full((3, 30, 40), 0.2, np.float32)
    guide[:, :, 20:] = 0.8
    guide += np.random.default_rng(0).normal(0, 0.01, guide.shape).astype(np.float32)
    truth = np.zeros((30, 40), np.float32)
    truth[:, 20:] = 1
    coarse = np.zeros_like(truth)
    coarse[:, 24:] = 1
    coarse[:, 16:24] = 0.5
    return frozen(guide), frozen(truth), frozen(coarse)


def test_pixels_that_are_not_believed_do_not_count():
    guide, truth, coarse = two_sides()
    even = frozen(np.ones_like(coarse))
    sure = frozen(np.abs(2 * coarse - 1) ** 2 + np.float32(0.01))
    plain = applied(guided_coefficients(guide, coarse, even, 6, 1e-4), guide)
    weighted = applied(guided_coefficients(guide, coarse, sure, 6, 1e-4), guide)
    band = np.s_[:, 16:24]
    assert np.abs(weighted - truth)[band].mean() < 0.12
    assert np.abs(plain - truth)[band].mean() > 2.5 * np.abs(weighted - truth)[band].mean()


def test_the_weights_scale_does_not_matter():
    guide, _, coarse = two_sides()
    weight = frozen(np.abs(2 * coarse - 1) + np.float32(0.1))
    once = guided_coefficients(guide, coarse, weight, 4, 1e-4)
    twice = guided_coefficients(guide, coarse, frozen(weight * 8), 4, 1e-4)
    np.testing.assert_allclose(applied(once, guide), applied(twice, guide), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1)])
def test_thin_pictures(shape):
    guide = frozen(np.random.default_rng(3).random((3, *shape), np.float32))
    coarse = frozen(np.full(shape, 0.3, np.float32))
    models = guided_coefficients(guide, coarse, frozen(np.ones(shape, np.float32)), 3, 1e-4)
    np.testing.assert_allclose(applied(models, guide), 0.3, atol=1e-3)


def test_grey_edges_do_not_drown_in_rounding():
    """One large eigenvalue and two of nothing: the same in float64."""
    grey = np.zeros((24, 30), np.float32)
    grey[:, 15:] = 0.9
    grey += np.random.default_rng(3).normal(0, 0.02, grey.shape).astype(np.float32)
    guide = frozen(np.stack([grey] * 3))
    alpha = frozen(np.random.default_rng(4).random(grey.shape).astype(np.float32))
    ones, eps = frozen(np.ones_like(alpha)), 1e-5
    models = guided_coefficients(guide, alpha, ones, 1, eps)
    exact = np.zeros((4, 24, 30))
    for y in range(1, 23):
        for x in range(1, 29):
            window = np.s_[y - 1 : y + 2, x - 1 : x + 2]
            colours = guide[:, *window].reshape(3, 9).astype(np.float64)
            away, wanted = colours - colours.mean(axis=1, keepdims=True), alpha[window].ravel()
            a = np.linalg.solve(away @ away.T / 9 + eps * np.eye(3), away @ wanted / 9)
            exact[:, y, x] = *a, wanted.mean() - a @ colours.mean(axis=1)
    averaged = window_sum(exact.astype(np.float32), 1) / 9
    inner = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(
        applied(models, guide)[inner[1:]], applied(averaged, guide)[inner[1:]], atol=2e-3
    )
