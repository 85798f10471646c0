"""Flat graphics: the paper goes, mixtures at its edge are taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from helpers import frozen
from nukki.ops.flood import flood, paper_of

PAPER, RED, INK = (250, 248, 240), (220, 30, 60), (20, 60, 160)


def logo(paper=PAPER, dtype=np.uint8):
    """A ring and a triangle, drawn eight times too large and averaged; and the true alpha."""
    large = Image.new("RGB", (960, 480), paper)
    mask = Image.new("L", (960, 480), 0)
    for image, red, ink, hole in ((large, RED, INK, paper), (mask, 255, 255, 0)):
        draw = ImageDraw.Draw(image)
        draw.ellipse((60, 60, 420, 420), fill=red)
        draw.ellipse((160, 160, 320, 320), fill=hole)
        draw.polygon([(500, 420), (700, 70), (880, 410)], fill=ink)
    pixels = np.asarray(large, np.float64).reshape(60, 8, 120, 8, 3).mean((1, 3))
    alpha = np.asarray(mask, np.float64).reshape(60, 8, 120, 8).mean((1, 3)) / 255
    scale = np.iinfo(dtype).max / 255
    return frozen(np.rint(pixels * scale).astype(dtype)), alpha


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_antialiased_edges_come_apart_exactly(dtype):
    pixels, truth = logo(dtype=dtype)
    paper, like, share = paper_of(pixels)
    np.testing.assert_allclose(paper * 255, PAPER, atol=0.01)
    assert share == 1
    found = flood(pixels, paper, like, everywhere=True)
    # Up to `like` of the paper's colour is paper: of the fainter red, 4 of 218 levels.
    assert np.abs(found.alpha - truth).max() < 0.025
    seen = found.alpha > 0
    colours = found.colours[seen] / np.iinfo(dtype).max * 255
    away = [np.abs(colours - colour).max(axis=1) for colour in (RED, INK)]
    assert np.minimum(*away).max() < 4.5  # a share above .98 is 1, and such a pixel stays as it is
    assert np.median(np.minimum(*away)) == 0


def test_put_back_on_its_paper_a_graphic_is_as_it_was():
    pixels, _ = logo()
    paper, like, _ = paper_of(pixels)
    found = flood(pixels, paper, like)
    again = found.alpha[..., None] * found.colours + (1 - found.alpha[..., None]) * paper * 255
    assert np.abs(again - pixels).max() <= 255 * like + 1


def test_what_the_graphic_encloses_stays_unless_all_is_asked_for():
    pixels, truth = logo()
    paper, like, _ = paper_of(pixels)
    inside = np.s_[24:36, 24:36]
    assert truth[inside].max() == 0
    assert flood(pixels, paper, like).alpha[inside].min() == 1
    assert flood(pixels, paper, like, everywhere=True).alpha[inside].max() == 0


def test_paper_of_a_jpeg_varies_and_is_found():
    random = np.random.default_rng(3)
    pixels, truth = logo()
    noisy = np.clip(pixels + random.normal(0, 2.5, pixels.shape), 0, 255).astype(np.uint8)
    paper, like, share = paper_of(noisy)
    assert like > 4 / 255
    assert share > 0.95
    found = flood(noisy, paper, like, everywhere=True)
    assert np.abs(found.alpha - truth).mean() < 0.01


def test_a_border_of_many_colours_is_no_paper():
    random = np.random.default_rng(4)
    pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
    assert paper_of(pixels)[2] < 0.1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1), st.booleans())
def test_any_picture(height, width, seed, everywhere):
    random = np.random.default_rng(seed)
    pixels = frozen(random.choice(np.uint8([0, 128, 255]), (height, width, 1)).repeat(3, axis=2))
    paper, like, _ = paper_of(pixels)
    found = flood(pixels, paper, like, everywhere=everywhere)
    assert found.alpha.shape == (height, width)
    assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
    solid = found.alpha == 1
    np.testing.assert_array_equal(found.colours[solid], pixels[solid])
