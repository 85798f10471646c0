"""16 bit PNG files against a slow and simple encoder."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest

from io_files import chunk, png_file
from nukki.errors import InputError
from nukki.io import png16
from nukki.io.images import read

TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def samples(height, width, channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 65536, (height, width, channels), dtype=np.uint16)


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0), (0, 1, 2)])
@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", TYPES)
def test_every_filter_depth_and_interlace(channels, interlace, filters):
    pixels = samples(11, 13, channels)
    data = png_file(pixels, TYPES[channels], filters=filters, interlace=interlace)
    picture = read(data)
    colours = pixels[..., :3] if channels > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    assert np.array_equal(picture.pixels, colours)
    if channels in (2, 4):
        assert np.array_equal(picture.alpha, pixels[..., -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 4)])
@pytest.mark.parametrize("interlace", [False, True])
def test_small_and_narrow_pictures(shape, interlace):
    pixels = samples(*shape, 3)
    assert np.array_equal(read(png_file(pixels, 2, interlace=interlace)).pixels, pixels)


def test_bands_join(monkeypatch):
    monkeypatch.setattr(png16, "_BAND", 4)
    pixels = samples(19, 5, 4)
    assert np.array_equal(
        read(png_file(pixels, 6, filters=(4, 1, 3, 4, 2))).pixels, pixels[..., :3]
    )


def test_the_transparent_colour():
    pixels = samples(6, 7, 3)
    key = chunk(b"tRNS", pixels[2, 3].astype(">u2").tobytes())
    alpha = read(png_file(pixels, 2, extra=key)).alpha
    assert alpha[2, 3] == 0
    assert (alpha == 65535).sum() == 41


def test_truncated_rows_are_said_and_then_taken():
    pixels = samples(40, 20, 3)
    data = png_file(pixels, 2)
    cut = data[: len(data) // 2]
    with pytest.raises(InputError, match="truncated") as caught:
        read(cut)
    assert "--allow-truncated" in caught.value.hint
    picture = read(cut, allow_truncated=True)
    assert np.array_equal(picture.pixels[:15], pixels[:15])
    assert (picture.pixels[-5:] == 0).all()
    assert any("truncated" in note for note in picture.notes)


def test_a_wrong_checksum_is_refused():
    data = bytearray(png_file(samples(8, 8, 3), 2))
    place = data.index(b"IDAT") + 30
    data[place] ^= 1
    with pytest.raises(InputError, match="checksum"):
        read(bytes(data))


def test_an_unknown_filter_is_refused():
    data = bytearray(png_file(samples(4, 4, 3), 2))
    import zlib

    raw = bytearray(zlib.decompress(data[41 : 41 + struct.unpack_from(">I", data, 33)[0]]))
    raw[0] = 9
    wrong = bytes(data[:33]) + chunk(b"IDAT", zlib.compress(bytes(raw))) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="filter"):
        read(wrong)


def test_a_megapixel_takes_less_than_seconds():
    from nukki.io.png import encode_png

    rows, columns = np.mgrid[0:1000, 0:1000]
    pixels = ((rows * 37 + columns * 11) % 65536).astype(np.uint16)
    data = encode_png(np.dstack([pixels] * 3), effort="fast")
    started = time.perf_counter()
    assert np.array_equal(read(data).pixels[..., 0], pixels)
    assert time.perf_counter() - started < 5
