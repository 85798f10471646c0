"""Closed-form matting against a dense system, on pictures with known alpha, and at its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from helpers import disc_truth, frozen, photo, texture
from matting_oracle import dense_alpha
from nukki.errors import InputError
from nukki.ops import alpha as shape
from nukki.ops import closed_form as module
from nukki.ops.closed_form import (
    Prior,
    closed_form_alpha,
    eased_alpha,
    finer_alpha,
    solve_closed_form,
)
from nukki.ops.trimap import from_alpha


def scene(height, width, seed=1, band=9, dtype=np.uint8):
    """A textured disc with a soft rim before a textured ground: photo, truth, trimap."""
    truth = disc_truth(height, width)
    front = texture(height, width, (0.8, 0.45, 0.25), 0.04, seed)
    behind = texture(height, width, (0.2, 0.4, 0.6), 0.04, seed + 9)
    image = photo(front, truth, behind, dtype)
    return frozen(image), frozen(truth), frozen(from_alpha(truth.astype(np.float32), band))


def clear_trimap(height, width):
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:3], trimap[-4:, 2:-2] = 0, 255
    return frozen(trimap)


@pytest.mark.parametrize("eps", [1e-7, 1e-4])
@pytest.mark.parametrize("shape", [(19, 14), (16, 25)])
def test_it_is_the_solution_of_the_dense_system(shape, eps):
    image, _, _ = scene(*shape)
    trimap = clear_trimap(*shape)
    found = solve_closed_form(image, trimap, eps=eps, tolerance=1e-6, iterations=5000)
    assert found.converged
    expected = np.clip(dense_alpha(image, trimap, eps), 0, 1)
    np.testing.assert_allclose(found.alpha, expected, atol=3e-3)


def test_a_prior_is_part_of_the_system():
    image, truth, _ = scene(18, 21)
    trimap = clear_trimap(18, 21)
    weight = np.random.default_rng(2).random((18, 21)).astype(np.float32)
    prior = Prior(frozen(np.asarray(truth, np.float32)), frozen(weight))
    found = solve_closed_form(image, trimap, prior=prior, tolerance=1e-6, iterations=5000)
    expected = np.clip(dense_alpha(image, trimap, 1e-7, truth, weight), 0, 1)
    np.testing.assert_allclose(found.alpha, expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(90, 120), (131, 77)])
def test_the_truth_comes_back_where_colours_are_apart(shape):
    image, truth, trimap = scene(*shape)
    unknown = trimap == 128
    found = solve_closed_form(image, trimap)
    assert found.converged
    assert found.alpha.dtype == np.float32
    assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
    assert np.abs(found.alpha - truth)[unknown].mean() < 0.02  # 0.08 with half sizes enlarged
    np.testing.assert_array_equal(found.alpha[~unknown], (trimap == 255)[~unknown])
    np.testing.assert_array_equal(closed_form_alpha(image, trimap), found.alpha)


def test_threads_and_regions(monkeypatch):
    """Threads change nothing; a band solved in parts is nearly the band solved at once."""
    monkeypatch.setattr("nukki.ops.band.CHUNK", 16)
    image, _, trimap = scene(120, 160)
    whole = solve_closed_form(image, trimap, threads=1)
    np.testing.assert_array_equal(whole.alpha, solve_closed_form(image, trimap, threads=3).alpha)
    monkeypatch.setattr(module, "MOST", 900)
    monkeypatch.setattr(module, "OVERLAP", 6)
    parts = solve_closed_form(image, trimap)
    unknown = trimap == 128
    assert unknown.sum() > 3 * 900
    assert np.abs(parts.alpha - whole.alpha)[unknown].mean() < 0.01
    assert not np.array_equal(parts.alpha, whole.alpha)


def test_regions_cover_the_unknown_once(monkeypatch):
    monkeypatch.setattr(module, "MOST", 50)
    unknown = np.random.default_rng(4).random((60, 45)) < 0.2
    unknown[20:40] = False
    count = np.zeros(unknown.shape, int)
    height, width = unknown.shape
    for box in module._regions(unknown, module.Box(0, 0, width, height)):
        assert 0 < unknown[box.slices()].sum() <= 50
        count[box.slices()] += 1
    assert (count[unknown] == 1).all()


def test_out_of_time_it_answers_with_what_it_has():
    image, _, trimap = scene(200, 260, band=40)
    found = solve_closed_form(image, trimap, seconds=1e-9)
    assert not found.converged
    assert found.iterations == 0
    assert math.isinf(found.residual)
    assert found.alpha.shape == trimap.shape
    known = trimap != 128
    np.testing.assert_array_equal(found.alpha[known], (trimap == 255)[known])
    few = solve_closed_form(image, trimap, iterations=2)
    assert not few.converged
    assert few.iterations == 2
    assert few.residual > module.TOLERANCE


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (47, 48), (49, 3)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_trimaps_of_one_kind(shape, value):
    """All known stays; all unknown is undecided, and stays finite."""
    image = np.random.default_rng(5).integers(0, 256, (*shape, 3)).astype(np.uint8)
    trimap = np.full(shape, value, np.uint8)
    found = solve_closed_form(frozen(image), frozen(trimap))
    assert found.alpha.shape == shape
    np.testing.assert_allclose(found.alpha, {0: 0, 128: 0.5, 255: 1}[value], atol=1e-3)
    assert found.converged


@pytest.mark.parametrize("level", [0, 255])
def test_flat_and_grey_pictures_stay_finite(level):
    trimap = clear_trimap(60, 70)
    flat = np.full((60, 70, 3), level, np.uint8)
    alpha = closed_form_alpha(frozen(flat), trimap)
    assert np.isfinite(alpha).all()
    middle = alpha[:, 35]
    assert (np.diff(middle) > -0.01).all()  # from 0 above to 1 below, evenly
    grey = np.random.default_rng(6).integers(0, 256, (60, 70, 1)).astype(np.uint8).repeat(3, 2)
    assert np.isfinite(closed_form_alpha(frozen(grey), trimap)).all()


def test_what_it_refuses():
    image, _, trimap = scene(30, 40)
    with pytest.raises(InputError, match="`trimap` must be"):
        closed_form_alpha(image, trimap[1:])
    with pytest.raises(InputError, match="nothing but 0, 128 and 255"):
        closed_form_alpha(image, np.full((30, 40), 7, np.uint8))
    with pytest.raises(InputError, match="`image`"):
        closed_form_alpha(image[..., 0], trimap)
    with pytest.raises(InputError, match="`seconds` must be above 0"):
        solve_closed_form(image, trimap, seconds=0)


def test_a_few_steps_keep_the_prior_at_large_and_follow_the_colours_near():
    image, truth, trimap = scene(130, 150, band=20)
    blurred = frozen(shape.gaussian(truth.astype(np.float32), 5))
    prior = Prior(blurred, frozen(np.zeros((130, 150), np.float32)))
    alpha = eased_alpha(image, trimap, prior, steps=6)
    known = trimap != 128
    np.testing.assert_array_equal(alpha[known], (trimap == 255)[known])
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.abs(alpha - truth).mean() < 0.35 * np.abs(blurred - truth).mean()
    again = eased_alpha(image, trimap, prior, steps=6, threads=3)
    np.testing.assert_array_equal(again, alpha)


def test_finer_steps_touch_what_may_change_and_nothing_else():
    image, truth, _ = scene(90, 110)
    start = frozen(shape.gaussian(truth.astype(np.float32), 1.5))
    unknown = np.zeros((90, 110), np.bool_)
    unknown[20:70, 30:110] = True
    alpha = finer_alpha(image, frozen(unknown), start, steps=12)
    np.testing.assert_array_equal(alpha[~unknown], start[~unknown])
    assert np.abs(alpha - truth)[unknown].mean() < 0.95 * np.abs(start - truth)[unknown].mean()
