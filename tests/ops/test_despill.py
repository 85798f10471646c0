"""Coloured light taken off a subject."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import disc_truth, frozen, texture
from nukki.ops.alpha import gaussian
from nukki.ops.despill import despill, surrounding_light
from nukki.ops.hues import to_ycc

GREEN, BLUE = np.float32([0.1, 0.65, 0.3]), np.float32([0.1, 0.3, 0.75])


def spilled(colour, light, dtype=np.uint8, size=160):
    """A disc of a colour with a light on its edge: picture, alpha, colours without the light."""
    alpha = disc_truth(size, size, 2)
    clean = texture(size, size, colour, 0.02, 3)
    reach = gaussian(1 - alpha, 0.03 * size)[..., None]
    seen = np.clip(clean + 0.3 * reach * light, 0, 1)
    top = np.iinfo(dtype).max
    levels = np.rint(seen * top).astype(dtype)
    return frozen(levels), frozen(alpha), np.rint(clean * top).astype(dtype)


def planes(pixels):
    return to_ycc((pixels / np.float32(np.iinfo(pixels.dtype).max)).transpose(2, 0, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("light", [GREEN, BLUE], ids=["green", "blue"])
def test_light_on_a_grey_subject_goes_and_brightness_stays(dtype, light):
    pixels, alpha, clean = spilled((0.5, 0.5, 0.5), light, dtype)
    done = despill(pixels, alpha, light)
    assert done.dtype == dtype
    edge = (alpha > 0.9) & (gaussian(1 - alpha, 4.0) > 0.1)
    before, after, truth = planes(pixels), planes(done), planes(clean)
    wrong = np.hypot(*(before - truth)[1:])[edge].mean()
    assert np.hypot(*(after - truth)[1:])[edge].mean() < 0.35 * wrong
    assert np.abs(after[0] - before[0]).max() < (1.5 / 255 if dtype == np.uint8 else 0.01)


@pytest.mark.parametrize(
    "colour",
    [(0.85, 0.65, 0.55), (0.35, 0.22, 0.16), (0.9, 0.85, 0.05), (0.1, 0.6, 0.65), (0.7, 0.1, 0.1)],
    ids=["skin", "dark skin", "yellow", "cyan", "red"],
)
def test_colours_that_are_not_the_lights_stay(colour):
    pixels, alpha, _ = spilled(colour, 0 * GREEN)
    done = despill(pixels, alpha, GREEN)
    # Yellow and cyan lie at the very rim of what counts as green.
    assert np.abs(done.astype(int) - pixels)[alpha > 0.5].mean() < 1.5


def test_a_green_shirt_stays_green():
    pixels, alpha, _ = spilled((0.25, 0.6, 0.3), 0 * GREEN)
    done = despill(pixels, alpha, GREEN)
    assert np.abs(done.astype(int) - pixels)[alpha > 0.98].mean() < 4
    everywhere = np.hypot(*planes(done)[1:])[alpha > 0.98]
    assert everywhere.mean() > 0.9 * np.hypot(*planes(pixels)[1:])[alpha > 0.98].mean()


def test_far_from_edges_and_under_no_alpha_every_byte_stays():
    pixels = frozen(np.full((400, 400, 3), (110, 160, 120), np.uint8))
    alpha = np.zeros((400, 400), np.float32)
    alpha[50:350, 50:350] = 1
    done = despill(pixels, frozen(alpha), np.float32([0, 1, 0]))
    np.testing.assert_array_equal(done[alpha == 0], pixels[alpha == 0])
    np.testing.assert_array_equal(done[130:270, 130:270], pixels[130:270, 130:270])


def test_grey_light_does_nothing():
    pixels, alpha, _ = spilled((0.5, 0.6, 0.5), GREEN)
    np.testing.assert_array_equal(despill(pixels, alpha, np.float32([0.5, 0.5, 0.52])), pixels)


def test_threads_do_not_change_a_byte():
    pixels, alpha, _ = spilled((0.5, 0.5, 0.5), GREEN, size=700)
    light = surrounding_light(pixels, alpha)
    one = despill(pixels, alpha, light)
    assert despill(pixels, alpha, light, threads=3).tobytes() == one.tobytes()


def test_the_light_around_is_what_stands_there():
    alpha = disc_truth(200, 200, 2)
    picture = np.full((200, 200, 3), (200, 200, 200), np.uint8)
    picture[alpha < 0.5] = (20, 160, 60)
    picture[:, 100:][alpha[:, 100:] < 0.5] = (160, 30, 30)
    light = surrounding_light(frozen(picture), frozen(alpha))
    side = light.shape[2]
    assert light[1, side // 2, 3] > 0.5 > light[0, side // 2, 3]
    assert light[0, side // 2, -4] > 0.5 > light[1, side // 2, -4]
    assert np.isfinite(light).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (3, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_shape(shape, value):
    pixels = frozen(np.full((*shape, 3), (20, 200, 60), np.uint8))
    alpha = frozen(np.full(shape, value, np.float32))
    done = despill(pixels, alpha, surrounding_light(pixels, alpha))
    assert done.shape == pixels.shape
