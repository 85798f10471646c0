"""Pictures come in upright, in RGB, in their own depth, whatever they were."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import nukki.io.images as module
from io_files import ENTRIES, exif_blob, file_of, profile
from nukki.errors import InputError
from nukki.io import colour
from nukki.io.images import Picture, read

LOSSLESS = {"png": {}, "webp": {"lossless": True}, "tiff": {}, "bmp": {}}
TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_files_give_their_bytes_by_every_entry(gradient, tmp_path, format, entry):
    data = file_of(Image.fromarray(gradient), format, **LOSSLESS[format])
    picture = read(ENTRIES[entry](data, tmp_path))
    assert np.array_equal(picture.pixels, gradient)
    assert picture.alpha is None
    assert picture.format == format


@pytest.mark.parametrize("entry", ["bytes", "pil"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["png", "webp", "tiff", "jpeg", "avif"])
def test_orientation_is_applied_once(gradient, tmp_path, format, orientation, entry):
    options = {"webp": {"lossless": True}, "jpeg": {"quality": 100, "subsampling": 0}}
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "nukki cam"
    data = file_of(Image.fromarray(gradient), format, exif=exif, **options.get(format, {}))
    picture = read(ENTRIES[entry](data, tmp_path))
    expected = TURNED[orientation](gradient)
    assert picture.pixels.shape == expected.shape
    difference = np.abs(picture.pixels.astype(int) - expected)
    assert difference.mean() < (1 if format in ("png", "webp", "tiff") else 6)
    again = io.BytesIO()
    picture.save(again, "png")
    assert np.array_equal(read(again.getvalue()).pixels, picture.pixels)
    assert b"nukki cam" in (picture.exif or b"")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["png", "tiff"])
def test_orientation_of_sixteen_bits(gradient, format, orientation):
    deep = gradient.astype(np.uint16) * 257 + 3
    blob = exif_blob(orientation)
    if format == "png":
        from nukki.io.png import encode_png

        data = encode_png(deep, exif=blob)
    else:
        import tifffile

        out = io.BytesIO()
        tifffile.imwrite(out, deep, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
        data = out.getvalue()
    picture = read(data)
    assert picture.pixels.dtype == np.uint16
    assert np.array_equal(picture.pixels, TURNED[orientation](deep))


@pytest.mark.parametrize(
    ("mode", "alpha"),
    [("1", 0), ("L", 0), ("LA", 1), ("P", 0), ("PA", 1), ("RGB", 0), ("RGBA", 1), ("RGBX", 0),
     ("CMYK", 0), ("YCbCr", 0), ("HSV", 0), ("LAB", 0), ("I", 0), ("I;16", 0), ("RGBa", 1),
     ("La", 1)],
)  # fmt: skip
def test_every_mode_becomes_rgb(gradient, mode, alpha):
    rgba = Image.fromarray(gradient).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize(rgba.size))
    if mode == "La":
        image = rgba.convert("LA").convert("La")
    elif mode == "LAB":
        image = Image.new("LAB", rgba.size, (255, 128, 128))
    elif mode in ("I", "I;16"):
        image = Image.fromarray(gradient[..., 1].astype(np.uint16) * 257).convert(mode)
    elif mode == "PA":
        image = rgba.convert("RGB").quantize(16)
        image.putalpha(rgba.getchannel("A"))
    else:
        image = rgba.convert(mode) if alpha else rgba.convert("RGB").convert(mode)
    picture = read(image)
    assert picture.pixels.shape == gradient.shape
    assert picture.pixels.dtype == (np.uint16 if mode in ("I", "I;16") else np.uint8)
    assert (picture.alpha is not None) == bool(alpha)
    if mode not in ("P", "RGB", "RGBA", "RGBX", "PA", "RGBa"):
        assert any("converted to RGB" in note for note in picture.notes)


def test_a_white_lab_picture_is_white():
    picture = read(Image.new("LAB", (4, 4), (255, 128, 128)))
    assert picture.pixels.min() >= 254


def test_floating_point_and_large_integers_are_refused():
    with pytest.raises(InputError, match="floating point"):
        read(Image.new("F", (3, 3)))
    with pytest.raises(InputError, match="32 bit"):
        read(Image.new("I", (3, 3), 70000))


@pytest.mark.parametrize("form", ["palette", "grey", "rgb"])
def test_a_transparent_colour_is_alpha(gradient, form):
    image = Image.fromarray(gradient)
    if form == "palette":
        data = file_of(image.quantize(8), "png", transparency=3)
        hidden = np.asarray(image.quantize(8)) == 3
    elif form == "grey":
        data = file_of(Image.fromarray(gradient[..., 0]), "png", transparency=13)
        hidden = gradient[..., 0] == 13
    else:
        data = file_of(image, "png", transparency=tuple(gradient[2, 3].tolist()))
        hidden = (gradient == gradient[2, 3]).all(axis=2)
    alpha = read(data).alpha
    assert hidden.any()
    assert np.array_equal(alpha == 0, hidden)


def test_opaque_alpha_is_none(gradient):
    full = np.dstack([gradient, np.full(gradient.shape[:2], 255, np.uint8)])
    assert read(full).alpha is None
    assert read(file_of(Image.fromarray(full), "png")).alpha is None


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken_and_said(format):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    data = file_of(frames[0], format, save_all=True, append_images=frames[1:])
    picture = read(data)
    assert "first frame of 3" in picture.notes
    red = picture.pixels.astype(int) - (255, 0, 0)
    assert np.abs(red).max() < 8


def test_cmyk_without_a_profile(gradient):
    cmyk = Image.fromarray(gradient).convert("CMYK")
    picture = read(file_of(cmyk, "jpeg", quality=100, icc_profile=b"nonsense"))
    assert picture.icc_profile is None
    assert any("CMYK" in note for note in picture.notes)
    assert np.abs(picture.pixels.astype(int) - np.asarray(cmyk.convert("RGB"))).mean() < 4


def test_arrays_are_copied_and_checked(gradient):
    mine = gradient.copy()
    picture = read(mine)
    mine[:] = 0
    assert np.array_equal(picture.pixels, gradient)
    assert np.array_equal(read(gradient[..., 0]).pixels, np.repeat(gradient[..., :1], 3, axis=2))
    for wrong in (gradient.astype(np.float32), gradient[None], gradient[..., :2], gradient > 3):
        with pytest.raises(InputError, match="uint8 or uint16"):
            read(wrong)
    with pytest.raises(InputError, match="no pixels"):
        read(gradient[:0])


def test_the_picture_given_is_not_changed(gradient):
    image = Image.fromarray(gradient)
    image.getexif()[0x0112] = 6
    before = image.tobytes()
    read(image)
    assert image.tobytes() == before
    assert image.size == (27, 19)


def test_a_profile_is_kept_and_used(gradient, wide_profile):
    data = file_of(Image.fromarray(gradient), "png", icc_profile=wide_profile)
    picture = read(data)
    assert picture.icc_profile == wide_profile
    assert np.array_equal(picture.pixels, gradient)
    seen = picture.rgb8()
    assert np.abs(seen.astype(int) - gradient[..., ::-1]).mean() < 40
    assert np.abs(seen.astype(int) - gradient).mean() > 10
    back = colour.from_srgb(seen, wide_profile)
    inside = (gradient > 30).all(axis=2) & (gradient < 220).all(axis=2)
    assert np.abs(back.astype(int) - gradient)[inside].mean() < 40


def test_srgb_profiles_cost_no_conversion(gradient):
    data = file_of(Image.fromarray(gradient), "png", icc_profile=profile("srgb"))
    picture = read(data)
    assert picture.icc_profile is not None
    assert picture.rgb8() is picture.pixels


@pytest.mark.parametrize("bad", [b"short", profile()[:300], b"\0" * 500])
@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "tiff"])
def test_damaged_profiles_are_dropped_and_said(gradient, format, bad):
    picture = read(file_of(Image.fromarray(gradient), format, icc_profile=bad))
    assert picture.icc_profile is None
    assert any("profile" in note for note in picture.notes)


def test_rgb8_of_sixteen_bits_rounds():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    seen = Picture(np.repeat(every[..., None], 3, axis=2)).rgb8()
    assert np.array_equal(seen[..., 0], np.rint(every / 257).astype(np.uint8))


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_rgb8_reduces_by_boxes(gradient, factor, depth, monkeypatch):
    monkeypatch.setattr(module, "_BAND_BYTES", 300)
    deep = gradient.astype(depth) * (257 if depth is np.uint16 else 1)
    seen = Picture(deep).rgb8(reduce=factor)
    height, width = gradient.shape[:2]
    assert seen.shape == (-(-height // factor), -(-width // factor), 3)
    block = gradient[:factor, :factor].astype(float).mean(axis=(0, 1))
    assert np.abs(seen[0, 0] - block).max() <= 1
    with pytest.raises(InputError, match="at least 1"):
        Picture(gradient).rgb8(reduce=0)


def test_rgb8_shows_grey_through_its_own_alpha(gradient):
    alpha = np.zeros(gradient.shape[:2], np.uint8)
    alpha[:, 10:] = 255
    seen = Picture(gradient, alpha).rgb8()
    assert (seen[:, :10] == 128).all()
    assert np.array_equal(seen[:, 10:], gradient[:, 10:])


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("format", ["png", "tiff", "webp", "avif", "jpeg"])
def test_saving_gives_back_what_the_file_said(gradient, wide_profile, tmp_path, format, depth):
    exif = exif_blob()
    pixels = gradient.astype(depth) * (257 if depth is np.uint16 else 1)
    picture = Picture(pixels, None, wide_profile, (300.0, 200.0), exif)
    target = tmp_path / f"out.{format}"
    picture.save(target, lossless=format == "webp")
    again = read(target)
    assert again.icc_profile == wide_profile
    assert b"nukki cam" in again.exif
    assert again.format == format
    if format in ("png", "tiff", "jpeg"):
        assert np.allclose(again.dpi, (300, 200), atol=0.02)
    if format in ("png", "tiff"):
        assert again.pixels.dtype == depth
        assert np.array_equal(again.pixels, pixels)


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_alpha_and_hidden_colours_are_kept(gradient, format):
    alpha = np.zeros(gradient.shape[:2], np.uint8)
    alpha[4:, 5:] = 200
    out = io.BytesIO()
    Picture(gradient, alpha).save(out, format, lossless=True)
    again = read(out.getvalue())
    assert np.array_equal(again.alpha, alpha)
    assert np.array_equal(again.pixels, gradient)


def test_real_photos_read_as_pillow_reads_them(shared):
    for path in sorted((shared / "photos").glob("*.[jp][pn]g"))[:4]:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(read(path).pixels, expected)
