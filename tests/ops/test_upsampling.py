"""Alphas enlarged by local models of colour."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import averaged, disc_truth, frozen, photo, texture
from nukki.ops import upsampling as module
from nukki.ops.grid import enlarge
from nukki.ops.reduce import box_reduce
from nukki.ops.upsampling import upsampled


def scene(height, width, factor, dtype=np.uint8):
    truth = disc_truth(height, width, 1)
    front = texture(height, width, (0.8, 0.45, 0.25), 0.03, 1)
    behind = texture(height, width, (0.2, 0.4, 0.6), 0.03, 10)
    pixels = frozen(photo(front, truth, behind, dtype))
    small = box_reduce(pixels, factor)
    coarse = frozen(averaged(truth, small.shape[:2]).astype(np.float32))
    return pixels, truth, small, coarse


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("factor", [2, 4])
def test_edges_are_sharper_than_enlarged_ones(dtype, factor):
    pixels, truth, small, coarse = scene(120, 160, factor, dtype)
    everywhere = frozen(np.full((120, 160), 128, np.uint8))
    found = upsampled(coarse, small, pixels, everywhere, 1 / factor)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    band = (truth > 0.01) & (truth < 0.99)
    plain = np.abs(enlarge(coarse, 120, 160) - truth)[band].mean()
    assert np.abs(found - truth)[band].mean() < 0.6 * plain


@pytest.mark.parametrize("step", [1 / 3, 1 / 2.99])
def test_only_what_is_unknown_and_tiles_and_threads_change_nothing(monkeypatch, step):
    pixels, _, small, coarse = scene(131, 147, 3)
    trimap = np.zeros((131, 147), np.uint8)
    trimap[20:100, 30:147] = 128
    trimap[60:70, 60:70] = 255
    whole = upsampled(coarse, small, pixels, frozen(trimap), step)
    np.testing.assert_array_equal(whole[trimap != 128], trimap[trimap != 128] == 255)
    assert (whole[trimap == 128] > 0).mean() > 0.2
    monkeypatch.setattr(module, "TILE", 37)
    monkeypatch.setattr(module, "FITTED", 13)
    parts = upsampled(coarse, small, pixels, frozen(trimap), step, threads=3)
    np.testing.assert_allclose(parts, whole, atol=2e-5)
    again = upsampled(coarse, small, pixels, frozen(trimap), step, threads=1)
    np.testing.assert_array_equal(parts, again)


def test_what_is_nearly_gone_is_cleared():
    pixels, _, small, coarse = scene(60, 90, 2)
    trimap = frozen(np.full((60, 90), 128, np.uint8))
    plain = upsampled(coarse, small, pixels, trimap, 0.5)
    cleared = upsampled(coarse, small, pixels, trimap, 0.5, clear=0.05)
    np.testing.assert_allclose(cleared, np.clip((plain - 0.05) / 0.9, 0, 1), atol=1e-5)


def test_steps_that_are_no_whole_factor():
    """From a fifth to a half of a picture's size."""
    pixels, truth, small, coarse = scene(150, 200, 5)
    middle = box_reduce(pixels, 2)
    everywhere = frozen(np.full(middle.shape[:2], 128, np.uint8))
    found = upsampled(coarse, small, middle, everywhere, 2 / 5)
    wanted = averaged(truth, middle.shape[:2])
    assert np.abs(found - wanted).mean() < 0.8 * np.abs(enlarge(coarse, 75, 100) - wanted).mean()
