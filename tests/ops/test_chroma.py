"""Screens found, and subjects keyed, on pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen, texture
from nukki.ops.alpha import gaussian
from nukki.ops.chroma import doubt, key_alpha, unmix
from nukki.ops.refine import make_guide
from nukki.ops.screens import eroded, find_screen, look_at_border, shadows
from screen_files import BLUE, GREEN, GREY, WHITE, shot

HUES = {"green": np.float32([0, 1, 0]), "blue": np.float32([0, 0, 1])}


def keyed(one, wanted, *, factor=1, any_shade=True, **how):
    guide = make_guide(one.pixels, factor)
    screen = find_screen(guide, wanted, any_shade=any_shade)
    assert screen is not None
    return doubt(one.pixels, guide, screen, **how)


def error(found, truth):
    """Mean difference in per cent: over the whole picture, and where the truth is soft."""
    off = np.abs(found - truth)
    return 100 * off.mean(), 100 * off[(truth > 0) & (truth < 1)].mean()


@pytest.mark.parametrize(("name", "screen"), [("green", GREEN), ("blue", BLUE)])
@pytest.mark.parametrize(
    "how",
    [{}, {"light": 0.35, "noise": 3}, {"falloff": 0.7, "noise": 4}, {"dtype": np.uint16}],
    ids=["plain", "dim", "uneven", "wide"],
)
def test_a_subject_comes_off_its_screen(name, screen, how):
    one = shot(screen, **how)
    alpha = key_alpha(one.pixels, keyed(one, HUES[name]))
    everywhere, edge = error(alpha, one.alpha)
    assert everywhere < 0.6
    assert edge < (14 if "light" in how else 9)  # 10 to 12 where noise is a tenth of the screen
    assert (alpha[one.alpha == 0] > 0).mean() < 0.02
    assert (alpha[one.alpha == 1] < 1).mean() < 0.04


@pytest.mark.parametrize(
    "colour",
    [(0.85, 0.65, 0.55), (0.3, 0.2, 0.15), (0.85, 0.8, 0.1), (0.05, 0.05, 0.05), (0.9, 0.9, 0.9)],
    ids=["skin", "dark skin", "yellow", "black", "white"],
)
def test_skin_and_clothes_of_any_colour_are_whole(colour):
    one = shot(GREEN, colour, noise=3)
    alpha = key_alpha(one.pixels, keyed(one, HUES["green"]))
    assert alpha[eroded(one.alpha == 1, 2)].min() > 0.9
    assert error(alpha, one.alpha)[0] < 0.8


def test_a_shadow_on_the_screen_is_screen_and_can_be_measured():
    one = shot(shadow=0.4)
    guide = make_guide(one.pixels, 1)
    screen = find_screen(guide, HUES["green"], any_shade=True)
    alpha = key_alpha(one.pixels, doubt(one.pixels, guide, screen))
    assert error(alpha, one.alpha)[0] < 0.8
    dark = (one.shadow > 0.25) & (one.alpha == 0)
    assert (alpha[dark] > 0.05).mean() < 0.03
    found = shadows(guide, screen, alpha)
    assert np.abs(found - one.shadow)[one.alpha == 0].mean() < 0.04
    assert found[dark].mean() > 0.7 * one.shadow[dark].mean()


def test_colours_beside_a_known_screen_are_unmixed():
    one = shot(GREEN, (0.8, 0.4, 0.3))
    found = keyed(one, HUES["green"])
    colours = unmix(one.pixels, one.alpha, found)
    soft = (one.alpha > 0.1) & (one.alpha < 0.9)
    before = np.abs(one.pixels / 255 - one.front)[soft].mean()
    assert np.abs(colours / 255 - one.front)[soft].mean() < 0.25 * before
    still = (one.alpha == 0) | (one.alpha == 1)
    np.testing.assert_array_equal(colours[still], one.pixels[still])


@pytest.mark.parametrize("name", ["white", "grey"])
def test_plain_backgrounds_have_no_hue_and_are_keyed_by_difference(name):
    screen = {"white": WHITE, "grey": GREY}[name]
    one = shot(screen, (0.7, 0.3, 0.2), falloff=0.1)
    found = keyed(one, np.float32(screen), any_shade=False)
    assert not found.screen.coloured
    assert error(key_alpha(one.pixels, found), one.alpha)[0] < 0.8


def test_a_reduced_guide_keys_the_full_picture():
    one = shot(height=420, width=560)
    full = key_alpha(one.pixels, keyed(one, HUES["green"]))
    half = key_alpha(one.pixels, keyed(one, HUES["green"], factor=2))
    assert np.abs(full - half).mean() < 0.004
    assert error(half, one.alpha)[0] < 0.6


@pytest.mark.parametrize("factor", [1, 2])
def test_threads_do_not_change_a_byte(factor):
    one = shot(height=600, width=640)
    found = keyed(one, HUES["green"], factor=factor)
    alpha = key_alpha(one.pixels, found)
    assert key_alpha(one.pixels, found, threads=3).tobytes() == alpha.tobytes()
    colours = unmix(one.pixels, alpha, found)
    assert unmix(one.pixels, alpha, found, threads=3).tobytes() == colours.tobytes()


def test_tolerances_are_taken_at_their_word():
    one = shot()
    narrow = keyed(one, HUES["green"], tolerance=(0.0, 1.0))
    wide = keyed(one, HUES["green"], tolerance=(0.4, 0.6))
    soft = [((a > 0) & (a < 1)).sum() for a in (key_alpha(one.pixels, k) for k in (narrow, wide))]
    assert soft[0] > 2 * soft[1]


@pytest.mark.parametrize("light", [1.0, 0.7])
def test_what_is_black_is_no_screen_in_the_dark(light):
    """Black has no hue: in a subject's inside it is the subject's."""
    one = shot(colour=(0.012, 0.01, 0.01), height=300, width=400, light=light)
    alpha = key_alpha(one.pixels, keyed(one, HUES["green"]))
    assert alpha[eroded(one.alpha == 1, 2)].min() > 0.95
    assert alpha[eroded(one.alpha == 0, 2)].mean() < 0.005


@pytest.mark.parametrize("wanted", ["green", "blue"])
def test_a_picture_without_a_screen_has_none(wanted, astronaut):
    guide = make_guide(astronaut, 1)
    assert find_screen(guide, HUES[wanted], any_shade=True) is None


def test_the_other_colour_is_no_screen():
    assert find_screen(make_guide(shot(GREEN).pixels, 1), HUES["blue"], any_shade=True) is None


@pytest.mark.parametrize(
    ("screen", "coloured"), [(GREEN, True), (BLUE, True), (WHITE, False), (GREY, False)]
)
def test_the_border_tells_its_colour(screen, coloured):
    border = look_at_border(make_guide(shot(screen, falloff=0.15).pixels, 1))
    assert border.uniform
    assert border.coloured == coloured
    assert np.abs(border.colour - screen).max() < 0.12


def test_a_busy_border_and_a_meadow_are_no_screens(astronaut, cat):
    random = np.random.default_rng(1)
    blades = gaussian(random.normal(0, 2.0, (200, 300)).astype(np.float32), 2.0)
    meadow = texture(200, 300, (0.3, 0.55, 0.15), 0.05, 2) * (1 + blades[..., None])
    for pixels in (astronaut, cat, np.clip(255 * meadow, 0, 255).astype(np.uint8)):
        assert not look_at_border(make_guide(pixels, 1)).uniform


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([0, 255]))
def test_any_picture(height, width, seed, flat):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    pixels[random.random((height, width)) < 0.8] = (flat, 200, flat)
    guide = make_guide(frozen(pixels), 1)
    look_at_border(guide)
    for wanted, shade in ((HUES["green"], True), (np.float32([1, 0.8, 1]), False)):
        screen = find_screen(guide, wanted, any_shade=shade)
        if screen is not None:
            found = doubt(pixels, guide, screen)
            alpha = key_alpha(pixels, found)
            assert alpha.shape == (height, width)
            assert np.isfinite(alpha).all()
            assert 0 <= alpha.min() <= alpha.max() <= 1
            assert np.isfinite(shadows(guide, screen, alpha)).all()
            assert unmix(pixels, alpha, found).shape == pixels.shape
