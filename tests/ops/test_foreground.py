"""The subject's own colours, measured on pictures mixed from known ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers import disc_truth, frozen, photo, texture
from nukki.errors import InputError
from nukki.ops import foreground as module
from nukki.ops.foreground import estimate_background, estimate_foreground
from nukki.ops.refine import make_guide


def grown(pixels, size):
    image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32) / 255


def textures(size, seed, dtype=np.uint8):
    """The mixed picture, the true alpha, and the true colours in levels."""
    truth = disc_truth(size, size, max(4, size / 100))
    front = texture(size, size, (0.75, 0.45, 0.3), 0.1, seed)
    behind = texture(size, size, (0.3, 0.45, 0.6), 0.1, seed + 9)
    top = np.iinfo(dtype).max
    return frozen(photo(front, truth, behind, dtype)), frozen(truth), front * top


def gain(pixels, truth, colours):
    """How many times nearer the estimate is to the true colours than the picture itself."""
    band = (truth > 0.1) & (truth < 0.9)
    estimate = estimate_foreground(pixels, truth, threads=2)
    assert estimate.dtype == pixels.dtype
    assert estimate.shape == pixels.shape
    before = np.abs(pixels - colours)[band].mean()
    return before / np.abs(estimate - colours)[band].mean()


@pytest.mark.parametrize(
    ("size", "least"),
    [(200, 9.0), (1200, 8.0), (2100, 5.8)],  # whole, reduced by 2, reduced by 3
)
def test_colours_of_textures(size, least):
    assert gain(*textures(size, 1)) > least  # 9.6, 8.7 and 6.2 were measured


@pytest.mark.parametrize(
    ("size", "least"),
    [(200, 2.6), (1200, 4.5), pytest.param(3000, 4.5, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("swap", [False, True])
def test_colours_of_photos(size, least, swap, astronaut, cat):
    front, behind = grown(cat[:, :300], size), grown(astronaut, size)
    if swap:
        front, behind = behind, front
    truth = frozen(disc_truth(size, size, {200: 6, 1200: 12, 3000: 24}[size]))
    pixels = frozen(photo(front, truth, behind))
    assert gain(pixels, truth, front * 255) > least  # 2.8 to 5.0 were measured


def test_what_stands_behind_is_estimated_likewise():
    behind = np.float32([0.1, 0.3, 0.9])
    truth = frozen(disc_truth(200, 200, 10))
    front = np.broadcast_to(np.float32([0.9, 0.2, 0.1]), (200, 200, 3))
    pixels = frozen(photo(front, truth, np.broadcast_to(behind, front.shape)))
    estimate = estimate_background(pixels, truth)
    band = (truth > 0.01) & (truth < 0.8)
    assert np.abs(estimate[band] - 255 * behind).max() < 12
    assert np.abs(pixels[band] - 255 * behind).max() > 100
    saved = np.rint(truth * np.float32(255))
    still = (saved == 0) | (saved == 255)
    np.testing.assert_array_equal(estimate[still], pixels[still])


def test_wide_pictures_gain_as_much():
    assert gain(*textures(300, 3, np.uint16)) > 6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [150, 1300])
def test_what_is_solid_or_gone_is_bit_identical(dtype, size):
    pixels, truth, _ = textures(size, 2, dtype)
    estimate = estimate_foreground(pixels, truth)
    top = np.iinfo(dtype).max
    saved = np.rint(truth * np.float32(top))
    still = (saved == 0) | (saved == top)
    assert 0.3 < still.mean() < 1
    np.testing.assert_array_equal(estimate[still], pixels[still])
    assert (estimate[~still] != pixels[~still]).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_any_picture_and_any_alpha(height, width, seed):
    random = np.random.default_rng(seed)
    pixels = frozen(random.integers(0, 256, (height, width, 3), np.uint8))
    alpha = random.random((height, width), np.float32) * 1.4 - 0.2
    alpha = frozen(np.clip(alpha, 0, 1))
    estimate = estimate_foreground(pixels, alpha, threads=2)
    assert estimate.shape == pixels.shape
    saved = np.rint(alpha * np.float32(255))
    still = (saved == 0) | (saved == 255)
    np.testing.assert_array_equal(estimate[still], pixels[still])


@pytest.mark.parametrize("size", [700, 2100])
def test_threads_do_not_change_a_byte(size):
    pixels, truth, _ = textures(size, 5)
    one = estimate_foreground(pixels, truth, threads=1)
    assert estimate_foreground(pixels, truth, threads=3).tobytes() == one.tobytes()


@pytest.mark.parametrize("size", [700, 2100])
@pytest.mark.parametrize(("tile", "side"), [(38, 4), (256, 16), (256, 32)])
def test_tiles_leave_no_seams(size, tile, side, monkeypatch):
    pixels, truth, _ = textures(size, 5)
    monkeypatch.setattr(module, "TILE", 100_000)
    monkeypatch.setattr(module, "SIDE", 1024)
    whole = estimate_foreground(pixels, truth)
    monkeypatch.setattr(module, "TILE", tile)
    monkeypatch.setattr(module, "SIDE", side)
    tiled = estimate_foreground(pixels, truth)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_a_guide_at_hand_gives_the_same_bytes():
    pixels, truth, _ = textures(1300, 4)
    guide = make_guide(pixels, 2)
    np.testing.assert_array_equal(
        estimate_foreground(pixels, truth, guide=guide), estimate_foreground(pixels, truth)
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_alpha_on_any_shape(shape, value):
    pixels = frozen(np.full((*shape, 3), (20, 130, 250), np.uint8))
    alpha = frozen(np.full(shape, value, np.float32))
    estimate = estimate_foreground(pixels, alpha)
    # One colour everywhere is explained by that colour.
    assert np.abs(estimate.astype(int) - pixels).max() <= 1


def test_the_colour_behind_a_soft_red_subject_is_taken_out():
    """A red disc before blue: its edge is red, not purple."""
    truth = frozen(disc_truth(200, 200, 10))
    red = np.broadcast_to(np.float32([0.9, 0.1, 0.1]), (200, 200, 3))
    blue = np.broadcast_to(np.float32([0.1, 0.1, 0.9]), (200, 200, 3))
    pixels = frozen(photo(red, truth, blue))
    estimate = estimate_foreground(pixels, truth)
    band = (truth > 0.2) & (truth < 0.99)
    assert np.abs(estimate[band] - 255 * np.float32([0.9, 0.1, 0.1])).max() < 12
    assert pixels[band][:, 2].mean() > 90


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [((4, 5, 3), (5, 4)), ((4, 5, 4), (4, 5)), ((4, 5), (4, 5)), ((4, 5, 3), (4, 5, 1))],
)
def test_shapes_that_do_not_match(pixels, alpha):
    with pytest.raises(InputError, match="alpha"):
        estimate_foreground(np.zeros(pixels, np.uint8), np.zeros(alpha, np.float32))
