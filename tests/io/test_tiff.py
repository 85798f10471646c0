"""TIFF files that others can read, with the EXIF where it was."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from io_files import exif_blob
from nukki.io import tiff
from nukki.io.images import read
from nukki.io.tiff import encode_tiff


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_readers_agree(gradient, monkeypatch, channels, depth, order):
    monkeypatch.setattr(tiff, "_STRIP_BYTES", 400)
    pixels = np.dstack([gradient, gradient[..., :1]])[..., :channels].squeeze().astype(depth)
    pixels *= 257 if depth is np.uint16 else 1
    data = encode_tiff(pixels, exif=exif_blob(order=order), dpi=(300, 150.5))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        assert page.tags[271].value == "nukki cam"
        assert page.tags[282].value == (300, 1)
        if channels == 4:
            assert page.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        assert np.array_equal(page.asarray(), pixels)
    if depth is np.uint8:
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image), pixels)


def test_damaged_exif_does_not_damage_the_file(gradient):
    data = encode_tiff(gradient, exif=b"II*\0\xff\xff\xff\x7f")
    assert np.array_equal(read(data).pixels, gradient)


@pytest.mark.parametrize("options", [
    {}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True},
    {"planarconfig": "separate"}, {"byteorder": ">"}, {"tile": (16, 16)}, {"bigtiff": True},
])  # fmt: skip
def test_sixteen_bits_of_other_writers(gradient, options):
    deep = gradient.astype(np.uint16) * 250 + 7
    byteorder = {k: options[k] for k in ("byteorder", "bigtiff") if k in options}
    rest = {k: v for k, v in options.items() if k not in byteorder}
    stored = np.moveaxis(deep, -1, 0) if "planarconfig" in rest else deep
    out = io.BytesIO()
    with tifffile.TiffWriter(out, **byteorder) as writer:
        writer.write(stored, photometric="rgb", **rest)
    assert np.array_equal(read(out.getvalue()).pixels, deep)


def test_grey_and_white_is_zero(gradient):
    deep = gradient[..., 0].astype(np.uint16) * 257
    for photometric, expected in (("minisblack", deep), ("miniswhite", 65535 - deep)):
        out = io.BytesIO()
        tifffile.imwrite(out, deep, photometric=photometric)
        assert np.array_equal(read(out.getvalue()).pixels[..., 0], expected)


def test_the_first_of_two_pages(gradient):
    out = io.BytesIO()
    Image.fromarray(gradient).save(
        out, "tiff", save_all=True, append_images=[Image.new("RGB", (5, 5))]
    )
    picture = read(out.getvalue())
    assert np.array_equal(picture.pixels, gradient)
    assert "first page of 2" in picture.notes


def test_the_camera_is_told_on(gradient):
    exif = Image.Exif()
    exif[0x010F] = "nukki cam"
    exif[0x8769] = {0x9003: "2026:01:02 03:04:05"}
    picture = read(encode_tiff(gradient, exif=exif.tobytes().removeprefix(b"Exif\0\0")))
    seen = Image.Exif()
    seen.load(picture.exif)
    assert seen[0x010F] == "nukki cam"
    assert seen.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert 256 not in seen
    again = io.BytesIO()
    picture.save(again, "jpeg")
    with Image.open(again) as image:
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"


def test_premultiplied_sixteen_bits_become_straight():
    stored = np.full((4, 5, 4), 20000, np.uint16)
    stored[..., 3] = 40000
    stored[0] = 0
    out = io.BytesIO()
    tifffile.imwrite(out, stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(out.getvalue())
    assert (picture.pixels[1:] == 32768).all()
    assert (picture.alpha[1:] == 40000).all()


def test_samples_that_nobody_named_are_left_out(gradient):
    stored = np.dstack([gradient, gradient]).astype(np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, stored, photometric="rgb", extrasamples=["unspecified"] * 3)
    picture = read(out.getvalue())
    assert np.array_equal(picture.pixels, gradient)
    assert picture.alpha is None
