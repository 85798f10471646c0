"""A disc blur: what a lens does to the background, and nothing of the subject in it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import disc_truth, frozen
from nukki.ops.bokeh import bokeh, usual_blur
from nukki.ops.light import from_linear, to_linear


def photo(height, width, dtype=np.uint8, seed=1):
    """A background without red, and a red subject with a soft edge."""
    top = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    behind = random.integers(0, top, (height, width, 3)).astype(np.float64)
    behind[..., 0] = 0
    alpha = disc_truth(height, width, softness=3.0)
    mixed = alpha[..., None] * np.array([top, 0, 0]) + (1 - alpha[..., None]) * behind
    return frozen(np.rint(mixed).astype(dtype)), frozen(alpha)


@pytest.mark.parametrize("radius", [3.0, 20.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_red_subject_leaves_no_red(radius, dtype):
    pixels, alpha = photo(90, 120, dtype)
    soft = bokeh(pixels, alpha, radius)
    assert soft.shape == pixels.shape
    assert soft.dtype == dtype
    assert soft[..., 0].max() <= 0.02 * np.iinfo(dtype).max  # nowhere: nor behind the subject
    plain = bokeh(pixels, frozen(np.zeros_like(alpha)), radius)
    assert plain[..., 0].max() > 0.4 * np.iinfo(dtype).max  # what it would leave else


def test_a_point_of_light_becomes_a_disc_of_its_light():
    pixels = np.zeros((61, 61, 3), np.uint8)
    pixels[30, 30] = 255
    radius = 5.0
    soft = bokeh(frozen(pixels), frozen(np.zeros((61, 61), np.float32)), radius)
    y, x = np.mgrid[-30:31, -30:31]
    away = np.hypot(y, x)
    level = int(from_linear(np.float32([1 / (np.pi * radius**2)]), np.dtype(np.uint8))[0])
    inside = soft[away < radius - 1].astype(int)
    assert np.abs(inside - level).max() <= 2
    assert soft[away > radius + 1].max() <= 1


def test_flat_colours_and_means_stay():
    flat = frozen(np.full((40, 50, 3), (12, 130, 250), np.uint8))
    alpha = frozen(disc_truth(40, 50))
    assert np.abs(bokeh(flat, alpha, 6.0).astype(int) - flat).max() <= 1
    half = np.zeros((40, 200, 3), np.uint8)
    half[::2] = 255
    soft = bokeh(frozen(half), frozen(np.zeros((40, 200), np.float32)), 9.0)
    light = float(to_linear(soft[15:25, 90:110]).mean())
    assert light == pytest.approx(0.5, abs=0.03)  # light, not levels


def test_a_subject_that_fills_the_frame_and_tiny_pictures():
    pixels, _ = photo(30, 40)
    full = bokeh(pixels, frozen(np.ones((30, 40), np.float32)), 5.0)
    assert full.shape == pixels.shape
    one = bokeh(frozen(pixels[:1, :1]), frozen(np.zeros((1, 1), np.float32)), 50.0)
    assert np.abs(one.astype(int) - pixels[:1, :1]).max() <= 1


def test_threads_do_not_change_a_byte():
    pixels, alpha = photo(600, 500)
    np.testing.assert_array_equal(
        bokeh(pixels, alpha, 14.0, threads=1), bokeh(pixels, alpha, 14.0, threads=3)
    )


def test_the_usual_radius_grows_with_the_picture():
    assert usual_blur(3000, 4000) == 80
    assert usual_blur(10, 10) == 1
