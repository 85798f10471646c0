"""A subject before something else: what must keep its bits, and where things lie."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers import disc_truth, frozen
from io_files import profile
from nukki.errors import InputError
from nukki.io.images import Picture, read
from nukki.ops.composite import fitted
from nukki.pipelines.backgrounds import background_of, converted
from nukki.pipelines.replace_options import PlaceOptions
from nukki.pipelines.results import Cutout


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8 bit", "16 bit"])
def dtype(request):
    return request.param


def cutout(dtype=np.uint8, size=(60, 80), *, icc=None, **changes):
    """A disc of noise; what is soft has colours of its own."""
    random = np.random.default_rng(4)
    top = np.iinfo(dtype).max
    pixels = frozen(random.integers(0, top, (*size, 3), dtype, endpoint=True))
    alpha = np.zeros(size, np.float32)
    alpha[4:-4, 6:-10] = disc_truth(size[0] - 8, size[1] - 16, 3.0)
    picture = Picture(pixels, icc_profile=icc, dpi=(300.0, 300.0))
    made = Cutout(picture, pixels, frozen(alpha), confidence=0.9, found=True, road="salient")
    return replace(made, **changes)


def other(height=50, width=90, dtype=np.uint8, **more):
    top = np.iinfo(dtype).max
    random = np.random.default_rng(9)
    return Picture(frozen(random.integers(0, top, (height, width, 3), dtype)), **more)


OPTIONS = [
    {},
    {"linear": True},
    {"shadow": "drop"},
    {"shadow": "contact", "linear": True},
    {"outline": "5,red"},
    {"shadow": "drop", "shadow_offset": (3, -2), "outline": "2,#102030"},
    {"fit": "contain"},
    {"fit": "tile"},
    {"fit": "stretch"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("background", ["white", "blur", "picture", "transparent"])
def test_pixels_of_full_alpha_are_the_photos(dtype, background, options):
    cut = cutout(dtype)
    behind = other() if background == "picture" else background
    put = cut.over(behind, **options)
    solid = cut.alpha == 1
    assert solid.sum() > 100
    assert put.pixels.dtype == dtype
    np.testing.assert_array_equal(put.pixels[solid], cut.picture.pixels[solid])
    if put.alpha is not None:
        assert put.alpha.dtype == dtype
        assert (put.alpha[solid] == np.iinfo(dtype).max).all()
        assert not put.pixels[put.alpha == 0].any()
    assert put.dpi == (300.0, 300.0)
    assert put.found
    assert put.confidence == 0.9


VALUES = {
    "fit": st.sampled_from(["cover", "contain", "stretch", "tile"]),
    "blur": st.none() | st.floats(0.5, 30),
    "size": st.sampled_from(["70x50", (90, 30)]),
    "margin": st.sampled_from(["5%", 3]),
    "scale": st.sampled_from(["30%", 0.5, "25px"]),
    "place": st.sampled_from(["left", "mass", "20,30"]),
    "flip": st.just(True),
    "light_match": st.just(True),
    "linear": st.booleans(),
    "shadow": st.sampled_from(["none", "drop", "contact"]),
    "shadow_offset": st.none() | st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    "shadow_softness": st.none() | st.floats(0, 9),
    "shadow_opacity": st.none() | st.floats(0, 1),
    "outline": st.none() | st.sampled_from(["2,white", (4, "red")]),
}
TABLE = {field.name: field.metadata["changes"] for field in fields(PlaceOptions)}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([name for name, changes in TABLE.items() if changes] + [""]),
    st.fixed_dictionaries({}, optional={n: VALUES[n] for n, c in TABLE.items() if c is None}),
    st.sampled_from(["#808080", "blur", "transparent", "picture"]),
    st.data(),
)
def test_whatever_is_asked_for_the_table_says_what_changes(name, options, background, data):
    cut = cutout()
    wish = options | ({name: data.draw(VALUES[name])} if name else {})
    behind = Picture(other().pixels // 9) if background == "picture" else background
    put = cut.over(behind, **wish)
    solid = cut.alpha == 1
    same_size = put.pixels.shape == cut.picture.pixels.shape
    same = same_size and (put.pixels[solid] == cut.picture.pixels[solid]).all()
    changes = TABLE.get(name)
    if changes != "size":
        assert same_size
    if changes is None:
        assert same
    elif changes == "colours":
        assert same != (background == "picture")
    else:
        assert not same


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_call_gives_the_same_bytes(threads):
    cut = cutout(threads=threads)
    asked = {"shadow": "drop", "outline": "4,white", "scale": 0.7, "linear": True}
    assert cut.over("blur", **asked).encode("ora") == cutout().over("blur", **asked).encode("ora")


def test_a_background_keeps_its_depth_and_its_space():
    cut = cutout(np.uint16)
    wide = other(60, 80, np.uint16)
    put = cut.over(wide)
    gone = cut.alpha == 0
    np.testing.assert_array_equal(put.pixels[gone], wide.pixels[gone])
    swapped = cutout(icc=profile())
    plain = swapped.over("#ff0000")
    assert plain.icc_profile == profile()
    corner = plain.pixels[0, 0].astype(int)
    assert corner.argmax() == 2  # in this profile red is called blue
    assert read(plain.encode("png")).rgb8()[0, 0].argmax() == 0
    back = swapped.over(other(60, 80))
    away = Picture(back.pixels, icc_profile=profile()).rgb8().astype(int) - other(60, 80).pixels
    # Most of a noise lies in both gamuts.
    assert np.median(np.abs(away[swapped.alpha == 0])) <= 4


def test_depths_and_spaces_are_converted():
    eight, wide = other(), Picture(other().pixels.astype(np.uint16) * np.uint16(257))
    np.testing.assert_array_equal(converted(eight, eight.pixels, wide), wide.pixels)
    np.testing.assert_array_equal(converted(wide, wide.pixels, eight), eight.pixels)
    assert converted(eight, eight.pixels, eight) is eight.pixels
    srgb = other(icc_profile=profile("srgb"))
    assert converted(srgb, srgb.pixels, eight) is srgb.pixels
    # There and back is as near as 8 bits and a gamut let it.
    grey = Picture(frozen(np.full((4, 4, 3), 128, np.uint8)), icc_profile=profile())
    assert np.abs(converted(grey, grey.pixels, eight).astype(int) - 128).max() <= 2


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch", "tile"])
def test_a_background_fills_the_canvas(dtype, fit):
    flat = np.full((20, 30, 3), (9, 130, 240), dtype)
    filled = fitted(frozen(flat), 33, 17, fit)
    assert filled.shape == (33, 17, 3)
    assert filled.dtype == dtype
    assert (filled == (9, 130, 240)).all()


def test_ways_to_fit_by_hand(dtype):
    ramp = np.zeros((20, 40, 3), dtype)
    ramp[:, 20:] = 200
    tiled = fitted(frozen(ramp), 50, 100, "tile")
    np.testing.assert_array_equal(tiled[20:40, 40:80], ramp)
    inner = fitted(frozen(ramp), 60, 40, "contain")
    np.testing.assert_array_equal(inner[20:40], ramp)
    assert (inner[:20] == 100).all()  # the mean of the sides that meet the gap
    wide = fitted(frozen(ramp), 20, 80, "contain")
    assert (wide[:, :20] == 100).all()
    assert fitted(frozen(ramp), 20, 20, "stretch")[:, 0].max() < 20


def test_a_shop_picture_has_its_size_and_its_margin():
    cut = cutout()
    put = cut.over("white", size="200x100", margin="10%", place="mass")
    assert put.pixels.shape == (100, 200, 3)
    rows = np.flatnonzero((put.pixels < 200).any(axis=(1, 2)))
    assert rows[0] >= 9  # the soft rim of an enlarged one reaches a pixel further
    assert rows[-1] <= 90
    subject = put.sheets[-1].alpha
    mass = (subject.sum(axis=0) @ (np.arange(200) + 0.5)) / subject.sum()
    assert mass == pytest.approx(100, abs=1)
    assert cut.over("white", size=(50, 40)).pixels.shape == (40, 50, 3)


def test_places_that_are_outside():
    cut = cutout()
    for place, said in (("81,10", "X is 81 of 80"), ("10,61", "Y is 61 of 60")):
        with pytest.raises(InputError, match="place") as caught:
            cut.over("white", place=place)
        assert said in caught.value.message
    with pytest.raises(InputError, match="margin"):
        cut.over("white", margin=30)
    assert cut.over("white", place="80,60").pixels.shape == (60, 80, 3)


def test_shadow_and_outline_lie_below_the_subject_and_above_the_background():
    cut = cutout()
    put = cut.over("#808080", shadow="drop", shadow_offset=(12, 8), outline="3,#00ff00")
    assert [sheet.name for sheet in put.sheets] == ["background", "shadow", "outline", "subject"]
    green = (put.pixels == (0, 255, 0)).all(axis=2)
    assert green.sum() > 15
    assert (cut.alpha[green] < 0.01).all()
    assert put.pixels[cut.alpha == 0].min() < 100  # the shadow
    free = cut.over("transparent", shadow="drop", shadow_offset=(9, 5))
    assert ((free.alpha > 20) & (cut.alpha == 0)).sum() > 50
    with pytest.raises(InputError, match="transparency"):
        free.encode("jpeg")


def test_transparent_alone_is_the_cut_out():
    cut = cutout()
    np.testing.assert_array_equal(
        np.dstack([cut.over("transparent").pixels, cut.over("transparent").alpha]), cut.rgba()
    )


def test_light_is_matched_to_pictures_only():
    cut = cutout()
    dark = Picture(frozen(other().pixels // 8))
    matched = cut.over(dark, light_match=True).pixels[cut.alpha == 1]
    assert matched.mean() < 0.85 * cut.picture.pixels[cut.alpha == 1].mean()
    for same in ("black", "blur", "transparent"):
        np.testing.assert_array_equal(
            cut.over(same, light_match=True).pixels, cut.over(same).pixels
        )


def test_no_subject_is_an_empty_scene():
    empty = cutout(alpha=frozen(np.zeros((60, 80), np.float32)), found=False)
    put = empty.over("#102030", shadow="drop", outline="3,red", flip=True)
    assert (put.pixels == (16, 32, 48)).all()
    assert not put.found
    assert empty.over("white", size="30x20").pixels.shape == (20, 30, 3)
    assert empty.over("blur", size="30x20", light_match=True).pixels.shape == (20, 30, 3)
    assert (empty.over("transparent").alpha == 0).all()


# layers


def test_an_openraster_file_puts_the_picture_together_again(tmp_path):
    put = cutout().over(other(60, 80), shadow="drop", outline="3,white")
    path = tmp_path / "x.ora"
    put.save(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[0] == "mimetype"
        names = [name for name in archive.namelist() if name.startswith("data/")]
        assert names == [f"data/00{n}.png" for n in (3, 2, 1, 0)]
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png"))))
    np.testing.assert_array_equal(merged, put.pixels)
    assert path.read_bytes() == put.encode("ora")


def test_layers_in_a_folder_put_the_picture_together_again(tmp_path):
    put = cutout().over("#336699", shadow="contact")
    put.save_layers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "background.png", "shadow.png", "subject.png",
    ]  # fmt: skip
    whole = Image.new("RGBA", (80, 60))
    for name in ("background", "shadow", "subject"):
        whole.alpha_composite(Image.open(tmp_path / f"{name}.png").convert("RGBA"))
    away = np.asarray(whole)[..., :3].astype(int) - put.pixels
    assert np.abs(away).max() <= 3  # every layer's alpha is rounded by itself


# backgrounds in words


def test_special_backgrounds_and_near_names(tmp_path):
    assert background_of("blur") == "blur"
    assert background_of("transparent") == "transparent"
    Image.new("RGB", (4, 4), "red").save(tmp_path / "blur", "PNG")
    assert isinstance(background_of(str(tmp_path / "blur")), Picture)
    with pytest.raises(InputError) as caught:
        background_of("whitte")
    assert "white" in caught.value.hint


def test_a_cut_out_saves_what_its_background_says(tmp_path):
    cut = cutout(background="blur")
    np.testing.assert_array_equal(read(cut.encode("png")).pixels, cut.over("blur").pixels)
    with pytest.raises(InputError, match="transparency"):
        cutout(background="transparent").encode("jpeg")
