"""EXIF loses its orientation and its thumbnail, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from io_files import exif_blob
from nukki.io import exif

THUMBNAIL = b"\xff\xd8" + b"the picture with its background" + b"\xff\xd9"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9, 700])
def test_the_orientation_is_found_and_taken_out(order, orientation):
    blob = exif_blob(orientation, order=order)
    assert exif.orientation(blob) == (orientation if 1 <= orientation <= 8 else 1)
    cleaned = exif.cleaned(blob)
    assert exif.orientation(cleaned) == 1
    seen = Image.Exif()
    seen.load(cleaned)
    assert dict(seen) == {0x010F: "nukki cam"}


@pytest.mark.parametrize("order", "<>")
def test_the_thumbnail_is_gone(order):
    blob = exif_blob(6, thumbnail=THUMBNAIL, order=order)
    assert b"background" in blob
    for data in (blob, blob + b"maker's note that lies behind"):
        cleaned = exif.cleaned(data)
        assert b"background" not in cleaned
        assert b"nukki cam" in cleaned
        seen = Image.Exif()
        seen.load(cleaned)
        assert seen.get_ifd(1) == {}
    assert b"lies behind" in exif.cleaned(blob + b"maker's note that lies behind")


def test_nothing_left_is_none():
    only = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    assert exif.orientation(only) == 6
    assert exif.cleaned(only) is None


def test_the_prefix():
    assert exif.without_prefix(b"Exif\0\0" + exif_blob()) == exif_blob()
    assert exif.without_prefix(b"nonsense") is None
    assert exif.without_prefix(None) is None


@given(st.binary(max_size=120), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_any_bytes_are_survived(tail, head):
    blob = head + tail
    assert 1 <= exif.orientation(blob) <= 8
    cleaned = exif.cleaned(blob)
    assert cleaned is None or exif.orientation(cleaned) in range(1, 9)


@given(st.integers(0, 130), st.integers(0, 255))
def test_any_changed_byte_is_survived(place, value):
    blob = bytearray(exif_blob(6, thumbnail=THUMBNAIL))
    blob[place % len(blob)] = value
    exif.orientation(bytes(blob))
    exif.cleaned(bytes(blob))
