"""OpenRaster files, opened by `zipfile` and Pillow alone."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from helpers import frozen
from io_files import profile
from nukki.io.openraster import RasterLayer, encode_openraster


def rgba(height, width, seed=0, dtype=np.uint8):
    top = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    return frozen(random.integers(0, top, (height, width, 4), dtype, endpoint=True))


@pytest.fixture
def layers():
    return [RasterLayer("background", rgba(30, 40)), RasterLayer("<you & me>", rgba(5, 6, 1), 7, 9)]


def opened(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def test_the_members_are_those_of_the_specification(layers):
    archive = opened(encode_openraster(layers, rgba(30, 40, 2), dpi=(300.0, 300.0)))
    first = archive.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert archive.read("mimetype") == b"image/openraster"
    # The name must lie at byte 38: what `file` and desktops look at.
    image = ElementTree.fromstring(archive.read("stack.xml"))
    assert (image.tag, image.get("w"), image.get("h")) == ("image", "40", "30")
    assert (image.get("xres"), image.get("yres")) == ("300", "300")
    names = [layer.get("name") for layer in image.find("stack")]
    assert names == ["<you & me>", "background"]  # uppermost first
    upper = image.find("stack")[0]
    assert (upper.get("x"), upper.get("y")) == ("7", "9")
    assert upper.get("composite-op") == "svg:src-over"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_picture_in_it_is_what_was_given(layers, dtype):
    wide = [RasterLayer(one.name, rgba(4, 5, 3, dtype), one.left, one.top) for one in layers]
    merged = rgba(30, 40, 2, dtype)[..., :3]
    archive = opened(encode_openraster(wide, frozen(merged), icc_profile=profile("P3")))
    from nukki.io.images import read

    inside = read(archive.read("data/000.png"))
    np.testing.assert_array_equal(inside.pixels, wide[0].rgba[..., :3])
    np.testing.assert_array_equal(inside.alpha, wide[0].rgba[..., 3])
    assert inside.icc_profile == profile("P3")
    np.testing.assert_array_equal(read(archive.read("mergedimage.png")).pixels, merged)


def test_the_thumbnail_is_small():
    data = encode_openraster([RasterLayer("one", rgba(300, 700))], rgba(300, 700))
    with Image.open(io.BytesIO(opened(data).read("Thumbnails/thumbnail.png"))) as image:
        assert image.size == (256, 110)
        assert image.mode == "RGBA"


def test_the_same_bytes_every_time(layers):
    one, two = (encode_openraster(layers, rgba(30, 40, 2), threads=n) for n in (1, 2))
    assert one == two
