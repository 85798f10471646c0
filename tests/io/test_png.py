"""The PNG encoder: every decoder reads its files, and the threads do not show."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from nukki.errors import InputError
from nukki.io import png, pngfilters
from nukki.io.images import read
from nukki.io.png import encode_png
from nukki.io.png16 import read_pixels
from nukki.io.pngfile import parse


def shapes():
    side = st.integers(1, 33)
    return st.tuples(side, side, st.sampled_from([None, 3, 4])).map(
        lambda s: s[:2] if s[2] is None else s
    )


@settings(deadline=None, max_examples=60)
@given(shapes().flatmap(lambda s: arrays.arrays(np.uint8, s)), st.sampled_from(["fast", "small"]))
def test_eight_bits_come_back_through_pillow(pixels, effort):
    with Image.open(io.BytesIO(encode_png(pixels, effort=effort))) as image:
        assert np.array_equal(np.asarray(image), pixels)


@settings(deadline=None, max_examples=60)
@given(shapes().flatmap(lambda s: arrays.arrays(np.uint16, s)), st.sampled_from(["fast", "small"]))
def test_sixteen_bits_come_back_through_our_reader(pixels, effort):
    data = encode_png(pixels, effort=effort)
    back = read_pixels("test", parse("test", data, allow_truncated=False), allow_truncated=False)
    assert np.array_equal(back, pixels.reshape(back.shape))
    with Image.open(io.BytesIO(data)) as image:  # Pillow checks the file, and the high bytes
        seen = np.asarray(image).reshape(back.shape)
    expected = back if seen.dtype == np.uint16 else back >> 8
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize("effort", ["fast", "small"])
def test_any_number_of_threads_gives_the_same_bytes(astronaut, monkeypatch, effort):
    monkeypatch.setattr(png, "_BLOCK_BYTES", {"fast": 1 << 14, "small": 1 << 15})
    photo = astronaut[:200, :200]
    files = {
        threads: encode_png(photo, effort=effort, threads=threads) for threads in (1, 2, 3, 16)
    }
    assert len(set(files.values())) == 1
    assert files[1].count(b"IDAT") > 2
    with Image.open(io.BytesIO(files[1])) as image:
        assert np.array_equal(np.asarray(image), photo)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("pixel", [1, 3, 4, 8])
def test_filters_are_those_of_the_standard(kind, pixel):
    rows = np.random.default_rng(kind).integers(0, 256, (9, 12 * pixel), dtype=np.uint8)
    rows[4:6] = np.random.default_rng(1).integers(100, 104, (2, 12 * pixel))  # many ties
    out = np.empty((8, rows.shape[1]), np.uint8)
    pngfilters.FILTERS[kind](rows[1:], rows[:-1], pixel, out)
    for row in range(1, 9):
        for at in range(rows.shape[1]):
            up = int(rows[row - 1, at])
            left = int(rows[row, at - pixel]) if at >= pixel else 0
            corner = int(rows[row - 1, at - pixel]) if at >= pixel else 0
            nearest = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            guess = (0, left, up, (left + up) // 2, nearest)[kind]
            assert out[row - 1, at] == (int(rows[row, at]) - guess) & 255


def test_paeth_agrees_on_every_kind_of_triple():
    values = np.array([0, 1, 2, 3, 126, 127, 128, 129, 253, 254, 255], np.uint8)
    left, up, corner = (v.ravel() for v in np.meshgrid(values, values, values))
    rows = np.stack([np.zeros_like(left), left, np.zeros_like(left)], axis=1)
    above = np.stack([np.zeros_like(left), corner, up], axis=1)
    out = np.empty_like(rows)
    pngfilters.FILTERS[4](rows, above, 1, out)
    triples = zip(left.tolist(), up.tolist(), corner.tolist(), strict=True)
    nearest = [min(t, key=lambda v, t=t: abs(t[0] + t[1] - t[2] - v)) for t in triples]
    assert np.array_equal(np.negative(out[:, 2]), np.array(nearest, np.uint8))


def test_what_the_file_says_comes_back(gradient, wide_profile):
    exif = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
    data = encode_png(gradient, icc_profile=wide_profile, dpi=(300, 72), exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == wide_profile
        assert np.allclose(image.info["dpi"], (300, 72), atol=0.02)
        assert image.getexif()[0x010F] == "abc"
    picture = read(data)
    assert (picture.icc_profile, picture.exif) == (wide_profile, exif)


def test_a_plain_file_says_nothing_of_colour(gradient):
    data = encode_png(gradient)
    assert not any(word in data for word in (b"iCCP", b"sRGB", b"gAMA", b"pHYs", b"eXIf"))


def test_small_is_smaller(astronaut):
    part = astronaut[:160, :160]
    fast, small = encode_png(part), encode_png(part, effort="small")
    pillow = io.BytesIO()
    Image.fromarray(part).save(pillow, "png")
    assert len(small) < len(fast) < 1.15 * len(pillow.getvalue())
    assert len(small) <= 1.01 * len(pillow.getvalue())


def test_rows_that_are_longer_than_a_block(monkeypatch):
    monkeypatch.setattr(png, "_BLOCK_BYTES", {"fast": 64})
    pixels = np.random.default_rng(2).integers(0, 256, (5, 50, 4), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels, threads=2))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_views_are_encoded_as_they_look(gradient):
    with Image.open(io.BytesIO(encode_png(gradient[::-2, ::3]))) as image:
        assert np.array_equal(np.asarray(image), gradient[::-2, ::3])


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2), np.float32),
                                   np.zeros((0, 2), np.uint8), np.zeros(4, np.uint8)])  # fmt: skip
def test_other_arrays_are_refused(wrong):
    with pytest.raises(InputError, match="pixels"):
        encode_png(wrong)


def test_another_effort_is_refused(gradient):
    with pytest.raises(InputError, match="effort"):
        encode_png(gradient, effort="tiny")


def test_the_header_is_the_standards(gradient):
    data = encode_png(gradient.astype(np.uint16))
    assert struct.unpack_from(">II5B", data, 16) == (27, 19, 16, 2, 0, 0, 0)
