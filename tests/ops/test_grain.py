"""Noise of known strength is told, and given to what lacks it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.alpha import gaussian
from nukki.ops.grain import estimate_grain, grained


def scene(sigma, softness=0.0, seed=0, shape=(96, 128)):
    """A slope from dark to light with an edge, and noise on it."""
    random = np.random.default_rng(seed)
    light = np.linspace(40, 210, shape[1])[None, :, None] + np.zeros((shape[0], 1, 3))
    light[: shape[0] // 4] += 30
    noise = random.normal(0, 1, light.shape).astype(np.float32)
    if softness:
        noise = np.stack([gaussian(noise[..., c], softness) for c in range(3)], axis=-1)
        noise /= noise.std()
    return frozen(np.rint(np.clip(light + sigma * noise, 0, 255)).astype(np.uint8))


def everywhere(image):
    return frozen(np.ones(image.shape[:2], np.bool_))


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_its_strength_is_told(sigma):
    image = scene(sigma)
    found = estimate_grain(image, everywhere(image))
    assert np.median(found.sigma) == pytest.approx(sigma, rel=0.2)
    assert found.softness < 0.35


def test_its_strength_by_lightness_and_channel():
    """Twice as much in the lighter half, and none in blue."""
    weak, strong = scene(3, shape=(96, 256)), scene(6, shape=(96, 256))
    image = weak.copy()
    image[:, 128:] = strong[:, 128:]
    image[..., 2] = scene(0, shape=(96, 256))[..., 2]
    found = estimate_grain(frozen(image), everywhere(image))
    assert found.sigma[2, 0] == pytest.approx(3, rel=0.25)
    assert found.sigma[5, 1] == pytest.approx(6, rel=0.25)
    assert found.sigma[..., 2].max() < 0.6


def test_soft_noise_is_told_from_sharp():
    image = scene(6, softness=0.8)
    assert estimate_grain(image, everywhere(image)).softness == pytest.approx(0.8, abs=0.25)


def test_a_flat_drawing_and_a_small_part_have_none():
    image = frozen(np.full((40, 40, 3), 90, np.uint8))
    assert not estimate_grain(image, everywhere(image)).sigma.any()
    nothing = estimate_grain(scene(5), frozen(np.zeros((96, 128), np.bool_)))
    assert (nothing.sigma.any(), nothing.softness) == (False, 0.0)


@pytest.mark.parametrize("softness", [0.0, 0.8])
def test_a_smooth_painting_becomes_as_grainy_as_the_photo(softness):
    image = scene(5, softness).copy()
    hole = np.zeros(image.shape[:2], np.bool_)
    hole[32:80, 24:104] = True
    image[hole] = scene(0)[hole]
    image, hole = frozen(image), frozen(hole)
    photo = estimate_grain(image, frozen(~hole))
    result = grained(image, hole, photo, seed=3)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    added = (result[hole].astype(float) - image[hole]).std()
    assert added == pytest.approx(5, rel=0.3)
    np.testing.assert_array_equal(result, grained(image, hole, photo, seed=3))
    assert (result != grained(image, hole, photo, seed=4)).any()
    # Now nothing is lacking, or hardly anything.
    again = grained(frozen(result), hole, photo, seed=5)
    assert (again[hole].astype(float) - result[hole]).std() < 2.5


def test_nothing_is_added_to_what_is_grainy_enough():
    image = scene(5)
    hole = np.zeros(image.shape[:2], np.bool_)
    hole[30:70, 30:90] = True
    less = estimate_grain(scene(2), everywhere(image))
    assert grained(image, frozen(hole), less) is image
