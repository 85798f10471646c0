"""Formats by name, what each can hold, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nukki.errors import InputError, OutputError
from nukki.io import encode as module
from nukki.io.encode import FORMATS, Encoding, encode, format_of, supports_alpha
from nukki.io.images import Picture, read


@pytest.mark.parametrize(
    ("target", "format", "expected"),
    [("a.png", None, "png"), ("a.JPG", None, "jpeg"), ("a.tif", None, "tiff"),
     ("a.x", "webp", "webp"),
     (io.BytesIO(), None, "png"), (io.BytesIO(), "avif", "avif"), ("a.jfif", None, "jpeg"),
     ("a.png", ".jpeg", "jpeg")],
)  # fmt: skip
def test_the_format_comes_from_the_name(target, format, expected):
    assert format_of(target, format) == expected


def test_unknown_formats_and_near_words():
    with pytest.raises(InputError, match="names no format") as caught:
        format_of("a.pgn")
    assert "png" in caught.value.hint
    with pytest.raises(InputError, match="HEIC is not supported") as caught:
        format_of("a.heic")
    assert "avif" in caught.value.hint
    with pytest.raises(InputError, match="no ending"):
        format_of("picture")


def test_which_formats_have_alpha(gradient):
    assert [name for name in FORMATS if not supports_alpha(name)] == ["jpeg"]
    with pytest.raises(InputError, match="transparency") as caught:
        encode(np.dstack([gradient, gradient[..., :1]]), "jpg")
    assert "--background white" in caught.value.hint


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_lossless_keeps_every_byte_hidden_ones_too(gradient, format, channels):
    pixels = np.dstack([gradient, gradient[..., :1]])[..., :channels].squeeze()
    data = encode(pixels, format, encoding=Encoding(lossless=True))
    picture = read(data)
    colours = np.repeat(pixels[..., None], 3, axis=2) if channels == 1 else pixels[..., :3]
    assert np.array_equal(picture.pixels, colours)
    if channels == 4:
        assert np.array_equal(picture.alpha, pixels[..., 3])


def test_avif_does_not_pretend_to_be_lossless(gradient):
    with pytest.raises(InputError, match="without loss") as caught:
        encode(gradient, "avif", encoding=Encoding(lossless=True))
    assert "webp" in caught.value.hint


@pytest.mark.parametrize("format", ["webp", "avif", "jpeg"])
def test_sixteen_bits_round_for_formats_of_eight(format):
    grey = np.full((16, 16, 3), 130, np.uint16) * 257 + 128
    expected = np.rint(grey / 257)
    assert np.abs(read(encode(grey, format)).pixels - expected).max() <= 1


@pytest.mark.parametrize("format", ["webp", "avif", "jpeg"])
def test_quality_counts(astronaut, format):
    part = astronaut[:128, :128]
    sizes = [len(encode(part, format, encoding=Encoding(quality=q))) for q in (20, 60, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.7 * sizes[2]


def test_jpeg_is_written_without_subsampling(gradient):
    with Image.open(io.BytesIO(encode(gradient, "jpeg"))) as image:
        assert [part[1:3] for part in image.layer] == [(1, 1)] * 3


def test_too_large_for_the_format():
    with pytest.raises(InputError, match="16383"):
        encode(np.zeros((1, 16384, 3), np.uint8), "webp")
    with pytest.raises(InputError, match="65500"):
        encode(np.zeros((1, 65501, 3), np.uint8), "jpeg")


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2), np.float64),
                                   np.zeros((2, 0, 3), np.uint8)])  # fmt: skip
def test_other_arrays_are_refused(wrong):
    with pytest.raises(InputError, match="pixels"):
        encode(wrong, "tiff")


def test_options_are_checked(gradient, tmp_path):
    for wrong in ({"quality": 0}, {"quality": 101}, {"png": "tiny"}):
        with pytest.raises(InputError):
            Encoding(**wrong)
    with pytest.raises(InputError, match="no option"):
        Picture(gradient).save(tmp_path / "a.png", qualty=3)


def test_exif_that_jpeg_cannot_hold_is_left_out(gradient):
    from io_files import exif_blob

    picture = read(encode(gradient, "jpeg", exif=exif_blob() + bytes(70_000)))
    assert picture.exif is None


def test_an_encoder_that_fails_is_our_error(gradient, monkeypatch):
    def broken(*_, **__):
        raise OSError("encoder error -2")

    monkeypatch.setattr(module.Image.Image, "save", broken)
    with pytest.raises(OutputError, match="webp"):
        encode(gradient, "webp")


@pytest.mark.parametrize("dpi", [(0, 300), (300, float("nan")), (1e9, 1e9)])
def test_resolutions_that_no_device_has(gradient, dpi):
    with pytest.raises(InputError, match="dpi"):
        encode(gradient, "png", dpi=dpi)
    image = Image.fromarray(gradient)
    image.info["dpi"] = dpi
    assert read(image).dpi is None
