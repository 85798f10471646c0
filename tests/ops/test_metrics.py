"""Errors of an alpha, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen, toolbox_example
from nukki.ops.metrics import calibration_error, inside, iou, mae, mse, sad

ALPHA = frozen(np.array([[1.0, 0.5], [0.25, 0.0]], np.float32))
TRUTH = frozen(np.array([[1.0, 1.0], [0.0, 0.0]], np.float32))


def test_worked_errors():
    assert mae(ALPHA, TRUTH > 0) == pytest.approx(0.75 / 4)
    assert sad(ALPHA, TRUTH) == pytest.approx(0.75 / 1000)
    assert mse(ALPHA, TRUTH) == pytest.approx((0.25 + 0.0625) / 4)
    assert sad(ALPHA, ALPHA) == mse(ALPHA, ALPHA) == 0


def test_one_half_is_inside():
    assert inside(ALPHA).tolist() == [[True, True], [False, False]]
    assert inside(np.array([[127, 128]], np.float32) / 255).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("mask", "truth", "expected"),
    [
        ([[1, 1, 0, 0]], [[0, 1, 1, 0]], 1 / 3),
        ([[1, 1, 1, 1]], [[1, 0, 0, 0]], 1 / 4),
        ([[0, 1, 0, 0]], [[0, 1, 0, 0]], 1.0),
        ([[1, 0, 0, 0]], [[0, 1, 0, 0]], 0.0),
        ([[0, 0, 0, 0]], [[0, 0, 0, 0]], 1.0),
        ([[0, 0, 0, 1]], [[0, 0, 0, 0]], 0.0),
    ],
)
def test_worked_iou(mask, truth, expected):
    assert iou(np.array(mask, bool), np.array(truth, bool)) == pytest.approx(expected)


def test_worked_calibration():
    # Bins .9-1.0: means .95 and .85; .5-.6: .55 and .75. Gaps .1 and .2, half of the pictures each.
    sure, good = [0.92, 0.98, 0.52, 0.58], [0.8, 0.9, 0.7, 0.8]
    assert calibration_error(sure, good) == pytest.approx(0.5 * 0.1 + 0.5 * 0.2)
    # In one bin, faults of opposite sign cancel: that is what the measure says.
    assert calibration_error([0.92, 0.98], [0.98, 0.92]) == pytest.approx(0, abs=1e-12)
    assert calibration_error([1.0, 0.0], [1.0, 0.0]) == 0
    assert calibration_error([1.0], [0.0]) == 1


def test_as_the_field_s_toolbox():
    levels, truth = toolbox_example()
    alpha = levels.astype(np.float32) / np.float32(255)
    assert mae(alpha, truth) == pytest.approx(0.17169117647058826, abs=1e-7)


def test_flips_change_nothing():
    random = np.random.default_rng(3)
    alpha, truth = random.random((5, 8), np.float32), random.random((5, 8), np.float32)
    for measure in (sad, mse):
        assert measure(alpha[:, ::-1], truth[:, ::-1]) == pytest.approx(measure(alpha, truth))
    assert mae(alpha[::-1], inside(truth)[::-1]) == pytest.approx(mae(alpha, inside(truth)))
