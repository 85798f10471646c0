"""A cut-out as arrays, before backgrounds, and as files."""

from __future__ import annotations

import io
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from helpers import disc_truth, frozen
from io_files import profile
from nukki.errors import InputError, OutputError
from nukki.io.images import Picture, read
from nukki.ops.foreground import estimate_foreground
from nukki.ops.segments import segment_of, soft_segment_of
from nukki.pipelines.results import Cutout, Instance
from nukki.types import Box


def cutout(dtype=np.uint8, size=(40, 60), **changes):
    random = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    pixels = frozen(random.integers(0, top, (*size, 3), dtype, endpoint=True))
    picture = Picture(pixels, dpi=(300.0, 300.0), format="jpeg")
    alpha = frozen(disc_truth(*size, 4))
    made = Cutout(picture, pixels, alpha, confidence=0.9, found=True, road="salient")
    return replace(made, **changes)


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8 bit", "16 bit"])
def depth(request):
    return request.param


def test_nobody_changes_a_cut_out():
    with pytest.raises(FrozenInstanceError):
        cutout().found = False


def test_the_mask_is_the_alpha_rounded(depth):
    cut = cutout(depth)
    assert cut.mask().dtype == np.uint8
    assert np.abs(cut.mask() / 255 - cut.alpha).max() <= 0.5 / 255 + 1e-6


def test_the_box_holds_everything_that_is_saved(depth):
    alpha = np.zeros((40, 60), np.float32)
    alpha[10:20, 30:50] = 1
    alpha[5, 7] = 0.001  # visible in 16 bit, rounded away in 8
    cut = cutout(depth, alpha=frozen(alpha))
    assert cut.box() == (Box(7, 5, 50, 20) if depth == np.uint16 else Box(30, 10, 50, 20))
    seen = cut.rgba()[..., 3] > 0
    box = cut.box()
    assert seen.sum() == seen[box.slices()].sum()
    assert cut.cropped().rgba().shape == (box.height, box.width, 4)


def test_cropping_nothing_gives_the_whole():
    cut = cutout(alpha=frozen(np.zeros((40, 60), np.float32)), found=False)
    assert cut.box() is None
    assert cut.cropped(3) is cut


def test_a_negative_margin_is_refused():
    with pytest.raises(InputError, match="margin"):
        cutout().cropped(-1)


def test_cropping_takes_the_files_own_alpha_along():
    own = np.arange(40 * 60, dtype=np.uint32).reshape(40, 60).astype(np.uint8)
    cut = cutout()
    cut = replace(cut, picture=replace(cut.picture, alpha=frozen(own)))
    box = cut.box()
    np.testing.assert_array_equal(cut.cropped().picture.alpha, own[box.slices()])


# backgrounds


def test_over_a_colour(depth):
    cut = cutout(depth)
    over = cut.over((10, 200, 255))
    factor = 1 if depth == np.uint8 else 257
    assert over.pixels.dtype == depth
    assert over.pixels.shape == (40, 60, 3)
    assert over.alpha is None
    assert over.dpi == (300.0, 300.0)
    np.testing.assert_array_equal(over.pixels[cut.alpha == 1], cut.picture.pixels[cut.alpha == 1])
    assert (over.pixels[cut.alpha == 0] == np.array([10, 200, 255]) * factor).all()


def test_over_a_picture_of_another_size(depth):
    behind = np.zeros((30, 300, 3), np.uint8)
    behind[:, 100:200] = (0, 250, 30)
    cut = cutout(depth)
    over = cut.over(Picture(frozen(behind)))
    assert over.pixels.dtype == depth
    factor = 1 if depth == np.uint8 else 257
    assert (over.pixels[cut.alpha == 0] == np.array([0, 250, 30]) * factor).all()


@pytest.mark.parametrize("space", ["srgb", "swapped"])
def test_a_background_is_brought_into_the_photos_space(space):
    """Seen through the photo's profile, the colour behind is the one that was asked for."""
    icc = profile(space)
    cut = cutout()
    cut = replace(cut, picture=replace(cut.picture, icc_profile=icc))
    flat = Picture(frozen(np.full((8, 8, 3), (200, 120, 60), np.uint8)))
    for background in ((200, 120, 60), flat):
        over = cut.over(background)
        assert over.icc_profile == icc
        gone = cut.alpha == 0
        stored = over.pixels[gone][0]
        assert (over.pixels[gone] == stored).all()
        if space == "srgb":
            assert stored.tolist() == [200, 120, 60]
        else:
            assert np.abs(stored.astype(int) - (200, 120, 60)).max() > 30
        seen = over.rgb8()[gone][0].astype(int)
        assert np.abs(seen - (200, 120, 60)).max() <= 2


def test_a_backgrounds_own_profile_counts():
    """A picture in another space is seen behind the subject as it was seen by itself."""
    swapped = Picture(
        frozen(np.full((8, 8, 3), (180, 130, 90), np.uint8)), icc_profile=profile("swapped")
    )
    cut = cutout()
    over = cut.over(swapped)
    assert over.icc_profile is None
    expected = swapped.rgb8()[0, 0].astype(int)
    assert np.abs(expected - (180, 130, 90)).max() > 10
    assert np.abs(over.pixels[cut.alpha == 0].astype(int) - expected).max() <= 1


# files


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_saving_to_a_path_and_to_a_file(tmp_path):
    cut = cutout()
    cut.save(tmp_path / "a.png")
    cut.save(str(tmp_path / "b.png"))
    file = io.BytesIO()
    cut.save(file)
    data = (tmp_path / "a.png").read_bytes()
    assert data == (tmp_path / "b.png").read_bytes() == file.getvalue() == cut.encode("png")
    np.testing.assert_array_equal(decoded(data), cut.rgba())
    assert Image.open(io.BytesIO(data)).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("hidden", ["zero", "keep", "bleed"])
def test_saved_files_hold_what_rgba_says(depth, hidden):
    cut = cutout(depth, hidden=hidden)
    saved = read(cut.encode("png"))
    np.testing.assert_array_equal(saved.pixels, cut.rgba()[..., :3])
    np.testing.assert_array_equal(saved.alpha, cut.rgba()[..., 3])
    assert saved.pixels.dtype == depth


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_profile_and_exif_survive(format):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    blob = exif.tobytes().removeprefix(b"Exif\0\0")
    cut = cutout()
    cut = replace(cut, picture=replace(cut.picture, icc_profile=icc, exif=blob))
    saved = read(cut.encode(format))
    assert saved.icc_profile == icc
    assert saved.dpi == pytest.approx((300, 300), abs=0.1)
    if format == "png":
        assert b"Maker" in saved.exif


def test_the_mask_as_a_grey_picture():
    cut = cutout(background=(1, 2, 3))
    mask = decoded(cut.encode("png", mask=True))
    np.testing.assert_array_equal(mask, cut.mask())
    assert decoded(cut.encode("jpeg", mask=True)).ndim == 2


def test_jpeg_needs_a_background(tmp_path):
    with pytest.raises(InputError, match="transparency") as caught:
        cutout().save(tmp_path / "a.jpg")
    assert "--background" in caught.value.hint
    assert not list(tmp_path.iterdir())
    cutout(background=(255, 255, 255)).save(tmp_path / "a.jpg", quality=95)
    assert decoded((tmp_path / "a.jpg").read_bytes()).shape == (40, 60, 3)


def test_a_background_goes_into_the_file():
    cut = cutout(background=(9, 8, 7))
    np.testing.assert_array_equal(decoded(cut.encode("png")), cut.over((9, 8, 7)).pixels)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.xyz",), "xyz"),
        (("a",), "ending"),
        (("a.png", "pgn"), "pgn"),
    ],
)
def test_formats_that_are_none(tmp_path, arguments, said):
    with pytest.raises(InputError, match=said):
        cutout().save(tmp_path / arguments[0], *arguments[1:])
    assert not list(tmp_path.iterdir())


def test_unknown_ways_of_encoding():
    with pytest.raises(InputError, match="speed") as caught:
        cutout().encode("png", speed=9)
    assert caught.value.hint


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError):
        cutout().save(tmp_path / "nowhere" / "a.png")


# --- things


def soft_thing(picture, softness=4):
    height, width = picture.height, picture.width
    levels = frozen(np.rint(disc_truth(height, width, softness) * 255).astype(np.uint8))
    size = (height, width)
    return Instance(
        1,
        soft_segment_of(levels, Box(0, 0, width, height), size, label="disc", score=0.7),
        picture,
    )


def test_a_thing_cut_out(depth):
    random = np.random.default_rng(0)
    pixels = frozen(random.integers(0, np.iinfo(depth).max, (120, 160, 3), depth))
    one = soft_thing(Picture(pixels))
    cut = one.cut()
    assert (cut.road, cut.found, cut.confidence) == ("instance", True, 0.7)
    np.testing.assert_array_equal(cut.alpha, one.alpha)
    np.testing.assert_array_equal(one.mask, np.rint(one.alpha * 255) >= 128)
    rgba = cut.rgba()
    full = np.iinfo(depth).max
    solid = rgba[..., 3] == full
    np.testing.assert_array_equal(rgba[solid][:, :3], pixels[solid])
    assert (rgba[rgba[..., 3] == 0] == 0).all()
    assert solid.any()
    # Edge pixels have colours of their own: what `remove` would give them.
    edge = (rgba[..., 3] > 0) & ~solid
    assert (cut.foreground != pixels).any(axis=2)[edge].mean() > 0.9
    np.testing.assert_array_equal(cut.foreground, estimate_foreground(pixels, one.alpha))
    np.testing.assert_array_equal(cut.foreground, one.cut(threads=3).foreground)


def test_a_small_thing_in_a_large_photo_has_the_colours_that_the_whole_photo_gives_it():
    random = np.random.default_rng(1)
    pixels = frozen(random.integers(0, 256, (400, 600, 3), np.uint8) // 4 + 90)
    levels = frozen(np.rint(disc_truth(60, 60, 5) * 255).astype(np.uint8))
    box = Box(300, 150, 360, 210)
    segment = soft_segment_of(levels, box, (400, 600), label="x", score=1)
    cut = Instance(1, segment, Picture(pixels)).cut()
    whole = estimate_foreground(pixels, segment.alpha)
    assert np.abs(cut.foreground.astype(int) - whole).max() <= 12
    outside = np.ones((400, 600), bool)
    outside[box.slices()] = False
    np.testing.assert_array_equal(cut.foreground[outside], pixels[outside])


def test_a_thing_with_a_hard_edge_has_the_photos_colours():
    picture = cutout().picture
    segment = segment_of(np.ones((10, 12), bool), Box(5, 6, 17, 16), (40, 60), label="x", score=1)
    cut = Instance(1, segment, picture).cut()
    np.testing.assert_array_equal(cut.foreground, picture.pixels)
    assert cut.cropped().rgba().shape == (10, 12, 4)
    assert set(np.unique(cut.alpha)) == {0, 1}


def test_what_the_file_cut_away_stays_away():
    picture = cutout().picture
    own = np.full((40, 60), 255, np.uint8)
    own[:, 30:] = 51
    picture = replace(picture, alpha=frozen(own))
    one = soft_thing(picture)
    cut = one.cut()
    np.testing.assert_array_equal(cut.alpha[:, :30], one.alpha[:, :30])
    np.testing.assert_allclose(cut.alpha[:, 30:], one.alpha[:, 30:] / 5, rtol=1e-6)
