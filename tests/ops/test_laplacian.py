"""The matting Laplacian against its definition, written out window by window."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from matting_oracle import dense_laplacian
from nukki.ops.band import make_band
from nukki.ops.laplacian import EPS, REACH, stencils


def spread(rows, band):
    """Stencils as a matrix of all pixels."""
    height, width = band.shape
    matrix = np.zeros((height * width, height * width))
    for k, i, j, y, x, s in zip(*np.nonzero(rows), strict=True):
        row, column = band.rows[k, s] + y, band.columns[k, s] + x
        other = (row + i - REACH // 2) * width + column + j - REACH // 2
        matrix[row * width + column, other] = rows[k, i, j, y, x, s]
    return matrix


def pictures():
    """Noise, smooth, grey, flat and hard-edged pictures."""
    random = np.random.default_rng(7)
    noise = random.integers(0, 256, (13, 11, 3)).astype(np.uint8)
    ramp = np.add.outer(np.arange(13) * 3, np.arange(11) * 2).astype(np.uint8)
    flat = np.full((13, 11, 3), 77, np.uint8)
    edge = flat.copy()
    edge[:, 5:] = (250, 3, 120)
    return {
        "noise": noise,
        "nearly flat": (flat + noise % 3).astype(np.uint8),
        "grey": np.repeat(noise[..., :1], 3, axis=2),
        "ramp": np.stack([ramp, 2 * ramp, 255 - ramp], axis=2),
        "flat": flat,
        "edge": edge,
    }


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("eps", [EPS, 1e-3])
def test_rows_are_the_definitions(name, eps):
    image = frozen(pictures()[name])
    mask = np.zeros((13, 11), np.bool_)
    mask[2:9, :6] = mask[11:, 8:] = True
    band = make_band(frozen(mask))
    assert band is not None
    found = spread(stencils(image, band, eps=eps), band)
    expected = np.where(mask.reshape(-1, 1), dense_laplacian(image, eps), 0)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_rows_sum_up_to_nothing():
    image = frozen(pictures()["noise"])
    band = make_band(frozen(np.ones((13, 11), np.bool_)))
    assert band is not None
    sums = stencils(image, band).sum(axis=(1, 2))
    np.testing.assert_allclose(sums, 0, atol=5e-6)


@pytest.mark.parametrize("shape", [(1, 9), (2, 2), (3, 3)])
def test_a_picture_without_windows_has_rows_of_zeros(shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    band = make_band(frozen(np.ones(shape, np.bool_)))
    assert band is not None
    assert stencils(frozen(image), band).any() == (min(shape) >= 3)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr("nukki.ops.band.CHUNK", 4)
    image = np.random.default_rng(3).integers(0, 256, (60, 50, 3)).astype(np.uint8)
    band = make_band(frozen(np.ones((60, 50), np.bool_)))
    assert band is not None
    one, three = (stencils(frozen(image), band, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
