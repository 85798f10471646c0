"""`key`, `flood`, `keep_shadow`, `despill`: what they promise, through the library."""

from __future__ import annotations

import numpy as np
import pytest

import nukki
from helpers import averaged, texture
from nukki import api
from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.ops.alpha import gaussian
from nukki.ops.hues import to_ycc
from nukki.pipelines import keying
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.remove import remove
from screen_files import BLUE, GREEN, WHITE, shot


class Mapper:
    """A network whose answer is the truth on a coarse grid."""

    def __init__(self, truth):
        self.answer = averaged(truth, (32, 32))

    def reduction(self, height, width):
        return 1

    def predict(self, image):
        return self.answer


@pytest.fixture
def no_network(monkeypatch):
    """Loading any network fails."""

    def refuse(*_, **__):
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(api, "load_as", refuse)
    monkeypatch.setattr(api, "load_finder", refuse)


def alone(one, **options):
    return remove(Picture(one.pixels), RemoveOptions(**options), None)


@pytest.mark.parametrize(
    ("key", "screen"),
    [("green", GREEN), ("blue", BLUE), ("auto", GREEN), ("#1eaa4c", GREEN), ("white", WHITE)],
)
def test_a_colour_needs_no_network(no_network, key, screen):
    one = shot(screen, falloff=0.1)
    cut = nukki.remove(one.pixels, key=key)
    assert cut.found
    assert cut.road == "key"
    assert cut.confidence > 0.9
    assert cut.reason.startswith("background #" if key == "white" else "screen #")
    assert np.abs(cut.alpha - one.alpha).mean() < 0.01
    assert not cut.rgba()[cut.alpha == 0].any()


def test_flat_graphics_need_no_network_either(no_network):
    pixels = np.full((40, 60, 3), 240, np.uint8)
    pixels[10:30, 10:30] = (200, 20, 40)
    pixels[15:25, 15:25] = 240
    assert nukki.remove(pixels, flood="border").alpha[20, 20] == 1
    assert nukki.remove(pixels, flood="all").alpha[20, 20] == 0
    by_colour = nukki.remove(pixels, flood="all", key="#c81428")
    assert by_colour.alpha[12, 12] == 0
    assert by_colour.alpha[2, 2] == 1


def test_before_white_the_network_decides_the_inside_and_colour_the_edge():
    """A white shirt, which colour alone would cut out, stays; the edge is the photo's own."""
    one = shot(WHITE, (0.6, 0.25, 0.2), falloff=0.1, height=240, width=300)
    pixels = one.pixels.copy()
    shirt = np.zeros(one.alpha.shape, bool)
    shirt[110:150, 110:160] = True
    pixels[shirt] = np.rint(255 * np.float32(WHITE))
    picture = Picture(pixels)
    both = remove(picture, RemoveOptions(key="auto", subject="salient"), Mapper(one.alpha))
    fast = RemoveOptions(subject="salient", edges="fast")
    network = remove(picture, fast, Mapper(one.alpha))
    assert both.road == "salient"
    assert "edges by the plain background #" in both.reason
    assert both.alpha[shirt].min() == 1
    colour = remove(picture, RemoveOptions(key="white"), None)
    assert colour.alpha[shirt].max() < 0.5
    errors = [np.abs(cut.alpha - one.alpha).mean() for cut in (both, network)]
    assert errors[0] < 0.7 * errors[1]


def test_a_shadow_is_kept_as_black_only_if_asked_for():
    one = shot(shadow=0.5)
    dark = (one.shadow > 0.3) & (one.alpha == 0)
    bare, kept = alone(one, key="green"), alone(one, key="green", keep_shadow=True)
    assert bare.alpha[dark].mean() < 0.02
    assert kept.alpha[dark].mean() == pytest.approx(one.shadow[dark].mean(), abs=0.08)
    assert not kept.foreground[dark & (bare.alpha == 0)].any()
    lit = (one.alpha == 0) & (gaussian(one.shadow, 2.0) < 0.001)
    assert kept.alpha[lit].mean() < 0.03
    # Over the screen as it would be without a shadow, the picture comes back, darkness and all.
    solid = bare.alpha == 1
    np.testing.assert_array_equal(kept.foreground[solid], bare.foreground[solid])
    assert (kept.alpha >= bare.alpha - 1e-6).all()


def chroma(pixels):
    return to_ycc((pixels / np.float32(255)).transpose(2, 0, 1))[1:]


def test_a_key_takes_its_own_light_off_unless_told_not_to():
    one = shot(GREEN, (0.5, 0.5, 0.5))
    reach = gaussian(1 - one.alpha, 5.0)[..., None] * one.alpha[..., None]
    lit = one.pixels + 0.3 * 255 * reach * np.float32(GREEN)
    picture = Picture(np.clip(lit, 0, 255).astype(np.uint8))
    edge = (one.alpha == 1) & (reach[..., 0] > 0.15)
    much = {}
    for word in (None, "none", "green", "auto", "#20aa50", "blue"):
        cut = remove(picture, RemoveOptions(key="green", despill=word), None)
        much[word] = np.hypot(*chroma(cut.foreground))[edge].mean()
    assert much[None] < 0.5 * much["none"]
    assert much["blue"] == pytest.approx(much["none"], rel=0.05)
    for word in ("green", "auto", "#20aa50"):
        assert much[word] < 0.6 * much["none"]


@pytest.mark.parametrize("options", [{"key": "green"}, {"flood": "border"}])
def test_without_despill_solid_pixels_stay_to_the_bit(options):
    one = shot(GREEN, (0.5, 0.55, 0.5))
    cut = alone(one, despill="none", **options)
    solid = cut.rgba()[..., 3] == 255
    assert solid.mean() > 0.1
    np.testing.assert_array_equal(cut.rgba()[solid][:, :3], one.pixels[solid])


def test_light_from_around_is_taken_off_a_subject_of_a_network_as_well():
    one = shot((0.65, 0.2, 0.15), (0.5, 0.5, 0.5))
    reach = gaussian(1 - one.alpha, 5.0)[..., None] * one.alpha[..., None]
    lit = one.pixels + 0.4 * 255 * reach * np.float32([0.65, 0.2, 0.15])
    picture = Picture(np.clip(lit, 0, 255).astype(np.uint8))
    edge = (one.alpha == 1) & (reach[..., 0] > 0.15)
    plain = remove(picture, RemoveOptions(), Mapper(one.alpha)).foreground
    done = remove(picture, RemoveOptions(despill="auto"), Mapper(one.alpha)).foreground
    before, after = (np.hypot(*chroma(pixels))[edge].mean() for pixels in (plain, done))
    assert after < 0.75 * before


def test_a_plain_border_is_reported_once_and_never_taken_silently():
    one = shot(GREEN)
    cut = remove(Picture(one.pixels), RemoveOptions(), Mapper(one.alpha))
    assert cut.road == "salient"
    assert cut.advice.startswith("the border is a plain #")
    assert "--key auto" in cut.advice
    for options in (RemoveOptions(key="green"), RemoveOptions(subject="salient")):
        mapper = None if options.key else Mapper(one.alpha)
        assert remove(Picture(one.pixels), options, mapper).advice == ""
    white = shot(WHITE)
    assert remove(Picture(white.pixels), RemoveOptions(), Mapper(white.alpha)).advice == ""


def test_an_icc_profile_does_not_move_a_named_colour():
    """16 bits and 8 bits of one picture are keyed alike."""
    wide, narrow = shot(dtype=np.uint16, noise=0), shot(noise=0)
    one, other = (alone(s, key="#1fab4d").alpha for s in (wide, narrow))
    assert np.abs(one - other).mean() < 0.002


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "blue"}, "`key` = blue: the picture has no plain area of that colour"),
        ({"key": "#102080"}, "`key` = #102080: the picture has no plain area of that colour"),
        ({"flood": "border", "key": "red"}, "`flood` found nothing of #ff0000 at the border"),
    ],
)
def test_a_colour_that_is_not_there(options, says):
    with pytest.raises(InputError, match=says) as caught:
        alone(shot(GREEN), **options)
    assert "--key '#" in caught.value.hint


def test_nothing_plain_at_the_border():
    busy = (255 * texture(60, 80, (0.5, 0.5, 0.5), 0.8, 1)).astype(np.uint8)
    for options in ({"key": "auto"}, {"flood": "border"}):
        with pytest.raises(InputError, match="of one colour") as caught:
            nukki.remove(busy, **options)
        assert "name the colour" in caught.value.hint


def test_a_bare_screen_holds_no_subject():
    empty = np.full((60, 80, 3), (30, 170, 75), np.uint8)
    cut = nukki.remove(empty, key="green")
    assert not cut.found
    assert not cut.alpha.any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "grren"}, "`key` must be a colour, got 'grren'"),
        ({"despill": "magneta"}, "`despill` must be a colour, got 'magneta'"),
        ({"key": 7}, "`key` must be a word, got 7"),
        ({"flood": "inside"}, "`flood` must be one of border, all"),
        ({"key": "green", "key_tolerance": (0.9, 0.1)}, "`key_tolerance` must be 0 ≤ INNER"),
        ({"key_tolerance": (0.1, 0.9)}, "`key_tolerance` is nothing without"),
        ({"key": "green", "matting": "indexnet"}, "`matting` draws the edge"),
        ({"key": "green", "subject": "people"}, "`subject` = people needs a network"),
        ({"flood": "all", "subject": "salient"}, "`subject` = salient needs a network"),
        ({"keep_shadow": True}, "`keep_shadow` needs `key`"),
        ({"keep_shadow": True, "key": "green", "invert": True}, "`keep_shadow` needs `key`"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, says):
    with pytest.raises(InputError, match=says) as caught:
        RemoveOptions(**options)
    assert caught.value.hint


def test_near_names_are_suggested():
    with pytest.raises(InputError) as caught:
        RemoveOptions(despill="magneta")
    assert caught.value.hint.startswith("did you mean magenta")


def test_whether_colour_is_enough_is_known_before_anything_is_loaded():
    green, white = Picture(shot(GREEN).pixels), Picture(shot(WHITE, falloff=0.1).pixels)
    asks = keying.colour_alone
    assert asks(white, RemoveOptions(key="green"))
    assert asks(green, RemoveOptions(key="auto"))
    assert not asks(green, RemoveOptions(key="auto", subject="people"))
    assert not asks(white, RemoveOptions(key="auto"))
    assert not asks(green, RemoveOptions())
