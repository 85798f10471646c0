"""What phones do to photos, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.evaluate.variations import agreement, exposed, half, jpeg, mirrored
from nukki.ops.grid import enlarge

RAMP = frozen(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))


def test_a_mirror():
    assert np.array_equal(mirrored(RAMP)[0, :, 0], np.arange(255, -1, -1))


def test_half_is_the_mean_of_four():
    block = frozen(np.array([[[0] * 3, [4] * 3], [[8] * 3, [4] * 3]], np.uint8))
    assert half(block).tolist() == [[[4, 4, 4]]]
    assert half(frozen(np.zeros((5, 3, 3), np.uint8))).shape == (3, 2, 3)


def test_stops_are_in_linear_light():
    # Code 128 is .21586 of the light. Twice that is .43172, code 175.6; half is .10793, code 92.4.
    assert exposed(RAMP, 1)[0, 128].tolist() == [176] * 3
    assert exposed(RAMP, -1)[0, 128].tolist() == [92] * 3
    # The straight part near black, and what is clipped.
    assert exposed(RAMP, 1)[0, [0, 3, 255], 0].tolist() == [0, 6, 255]
    assert exposed(RAMP, -1)[0, 255, 0] == 188  # half of the light
    assert np.array_equal(exposed(RAMP, 0), RAMP)


def test_a_poor_jpeg(astronaut):
    copy = jpeg(astronaut)
    difference = np.abs(copy.astype(int) - astronaut)
    assert copy.shape == astronaut.shape
    assert 1 < difference.mean() < 12


def bright(photo):
    """A network for which light is the subject, exactly."""
    return (photo[..., 0] > 100).astype(np.float32)


def test_masks_that_stay_agree():
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[16:48, 8:24] = 250
    found = agreement(frozen(photo), bright)
    assert list(found) == ["mirrored", "half", "jpeg40", "brighter", "darker", "mean"]
    assert found["mirrored"] == found["brighter"] == found["half"] == found["darker"] == 1
    assert found["mean"] == pytest.approx(np.mean(list(found.values())[:-1]))


def test_masks_that_change_do_not():
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[16:48, 8:24] = 120  # a stop less light: 86, below the network's 100
    found = agreement(frozen(photo), bright)
    assert found["darker"] == 0
    assert found["mirrored"] == 1

    def left(image):
        """A network that marks the left half, whatever is there."""
        alpha = np.zeros(image.shape[:2], np.float32)
        alpha[:, : image.shape[1] // 2] = 1
        return alpha

    assert agreement(frozen(photo), left)["mirrored"] == 0


def test_the_half_sized_mask_is_enlarged():
    photo = frozen(np.zeros((10, 12, 3), np.uint8))
    sizes = []

    def mapper(image):
        sizes.append(image.shape[:2])
        return enlarge(np.array([[1, 0]], np.float32), *image.shape[:2])

    assert agreement(photo, mapper)["half"] > 0.7
    assert sizes[2] == (5, 6)


def test_nothing_anywhere_agrees():
    black = frozen(np.zeros((16, 16, 3), np.uint8))
    assert set(agreement(black, bright).values()) == {1.0}
