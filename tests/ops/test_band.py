"""Squares of a band: what is cut out goes back to its place, and halos hold what lies beside."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops import band as module
from nukki.ops.band import FULL, HALO, SIDE, make_band


def blob(height, width, seed):
    """A mask of blobs, some of them at the rim."""
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.bool_)
    for _ in range(4):
        top, left = random.integers(0, height), random.integers(0, width)
        mask[top : top + random.integers(1, 20), left : left + random.integers(1, 20)] = True
    return frozen(mask)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (9, 31), (50, 7), (60, 45)])
@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_halos_hold_the_neighbours_and_nothing_beyond_the_band(shape, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    mask = blob(*shape, seed=shape[0])
    band = make_band(mask)
    assert band is not None
    values = np.arange(1, mask.size + 1, dtype=np.float32).reshape(shape)
    flat, full = band.buffer()
    for k in range(band.chunks):
        inner = np.s_[HALO:-HALO, HALO:-HALO]
        full[k][inner] = np.where(band.inside[k], band.gathered(values, k)[inner], 0)
    for k in range(band.chunks):
        band.refresh(flat, k)
    wide = np.pad(np.where(mask, values, 0), 2 * FULL)
    for k in range(band.chunks):
        for s, (row, column) in enumerate(zip(band.rows[k], band.columns[k], strict=True)):
            top, left = row - HALO + 2 * FULL, column - HALO + 2 * FULL
            expected = wide[top : top + FULL, left : left + FULL] if row >= 0 else 0
            np.testing.assert_array_equal(full[k, :, :, s], expected)


@pytest.mark.parametrize("chunk", [2, 256])
def test_every_pixel_of_the_band_is_added_to_once_and_no_other(chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    mask = blob(53, 38, 5)
    band = make_band(mask)
    assert band is not None
    plane = np.ones(mask.shape, np.float32)
    band.add(np.full(band.inside.shape, 2, np.float32), plane)
    np.testing.assert_array_equal(plane, np.where(mask, 3, 1))
    assert band.inside.sum() == mask.sum()
    assert band.inside.shape[1:3] == (SIDE, SIDE)


def test_what_is_known_is_the_rest():
    mask = blob(40, 40, 2)
    band = make_band(mask)
    assert band is not None
    for k in range(band.chunks):
        inner = band.known(k)[HALO:-HALO, HALO:-HALO]
        assert not (inner & band.inside[k]).any()


def test_an_empty_mask_has_no_band():
    assert make_band(frozen(np.zeros((20, 30), np.bool_))) is None
