"""What is no picture, too large, damaged or cut short is refused in our own words."""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from io_files import chunk, exif_blob, file_of, png_file
from nukki.errors import InputError, LimitExceeded, MissingExtra, NukkiError
from nukki.io import decode
from nukki.io.images import Picture, read

FORMATS = ("png", "jpeg", "webp", "avif", "tiff", "bmp", "gif")


@pytest.fixture(scope="module")
def small_files():
    rows, columns = np.mgrid[0:12, 0:14]
    pixels = np.stack([rows * 20, columns * 18, (rows * columns) % 256], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    files = {name: file_of(image, name, dpi=(72, 72)) for name in FORMATS if name != "jpeg"}
    files["jpeg"] = file_of(image, "jpeg", exif=b"Exif\0\0" + exif_blob(6), dpi=(72, 72))
    files["lzw"] = file_of(image, "tiff", compression="tiff_lzw")
    files["progressive"] = file_of(image, "jpeg", progressive=True)
    files["lossless"] = file_of(image.convert("RGBA"), "webp", lossless=True)
    files["png16"] = png_file(pixels.astype(np.uint16) * 257, 2, interlace=True)
    out = io.BytesIO()
    Picture(pixels.astype(np.uint16) * 257, exif=exif_blob(), dpi=(72, 72)).save(out, "tiff")
    files["tiff16"] = out.getvalue()
    files["apng"] = file_of(image, "png", save_all=True, append_images=[image.rotate(180)])
    return files


def attempt(data, **options):
    """Success or one of our own errors; no warning, and quickly."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        words = "a picture"
        try:
            picture = read(data, **options)
        except NukkiError as error:
            picture, words = None, str(error)
    assert words
    assert not [str(item.message) for item in caught]
    if picture is not None:
        assert picture.pixels.ndim == 3
        picture.rgb8()
    return picture


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize(
    "name", [*FORMATS, "lzw", "progressive", "lossless", "png16", "tiff16", "apng"]
)
def test_cut_anywhere_it_is_our_error_or_a_picture(small_files, name, allow):
    data = small_files[name]
    for length in range(0, len(data), max(1, len(data) // 60)):
        attempt(data[:length], allow_truncated=allow)
    assert attempt(data) is not None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name", [*FORMATS, "lzw", "progressive", "lossless", "png16", "tiff16", "apng"]
)
def test_with_bytes_changed_it_is_our_error_or_a_picture(small_files, name, seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        data = bytearray(small_files[name])
        for _ in range(rng.integers(1, 6)):
            # headers are short and matter most
            last = len(data) if rng.random() < 0.5 else min(len(data), 120)
            data[rng.integers(0, last)] = rng.integers(0, 256)
        attempt(bytes(data), max_pixels=1_000_000, allow_truncated=bool(rng.random() < 0.3))


@pytest.mark.parametrize(
    "name", ["png", "jpeg", "webp", "bmp", "tiff", "gif", "avif", "progressive"]
)
def test_half_a_file_is_truncated_and_the_hint_says_how_to_take_it(name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    kind = "jpeg" if name == "progressive" else name
    options = {"progressive": True} if name == "progressive" else {}
    data = file_of(Image.fromarray(noise), kind, **options)
    with pytest.raises(InputError, match="truncated") as caught:
        read(data[: len(data) // 2])
    assert "--allow-truncated" in caught.value.hint


@pytest.mark.parametrize("name", ["png", "jpeg", "bmp", "gif"])
def test_what_is_there_of_half_a_file_is_taken(cat, name):
    data = file_of(Image.fromarray(cat), name, interlace=0)
    whole = read(data)
    picture = read(data[: len(data) // 2], allow_truncated=True)
    assert any("truncated" in note for note in picture.notes)
    rows = slice(-60, None) if name == "bmp" else slice(0, 60)  # from below
    assert np.array_equal(picture.pixels[rows], whole.pixels[rows])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_tolerance_does_not_leak_into_other_threads(cat):
    data = file_of(Image.fromarray(cat), "jpeg")
    half = data[: len(data) // 2]
    wrong = []

    def tolerant():
        for _ in range(15):
            read(half, allow_truncated=True)

    def strict():
        for _ in range(15):
            try:
                read(half)
            except InputError:
                continue
            wrong.append("a truncated file was taken")

    threads = [threading.Thread(target=job) for job in (tolerant, strict, tolerant, strict)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def huge_files():
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    ends = chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\x01") + chunk(b"IEND", b"")
    yield "png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ends
    small = Image.new("RGB", (8, 8))
    jpeg = bytearray(file_of(small, "jpeg"))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 60000, 60000)
    yield "jpeg", bytes(jpeg)
    bmp = bytearray(file_of(small, "bmp"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    yield "bmp", bytes(bmp)
    gif = bytearray(file_of(small, "gif"))
    gif[6:10] = struct.pack("<HH", 60000, 60000)
    yield "gif", bytes(gif)
    webp = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (59999).to_bytes(3, "little") * 2
    yield "webp", b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp
    tiff = file_of(small, "tiff")
    for tag in (256, 257):
        old = struct.pack("<HHII", tag, 4, 1, 8)
        assert old in tiff
        tiff = tiff.replace(old, struct.pack("<HHII", tag, 4, 1, 60000))
    yield "tiff", tiff


@pytest.mark.parametrize(
    ("name", "data"), list(huge_files()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_huge_header_is_refused_at_once(name, data):
    started = time.perf_counter()
    with pytest.raises(LimitExceeded, match="60000 × 60000") as caught:
        read(data)
    assert time.perf_counter() - started < 1
    assert "--max-pixels" in caught.value.hint
    assert "max_pixels=" in caught.value.hint


def test_the_limit_is_the_callers(gradient):
    data = file_of(Image.fromarray(gradient), "png")
    assert read(data, max_pixels=27 * 19).width == 27
    for source in (data, gradient, Image.fromarray(gradient)):
        with pytest.raises(LimitExceeded):
            read(source, max_pixels=27 * 19 - 1)


def test_pillows_own_limit_neither_warns_nor_changes(gradient, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("png", "jpeg", "bmp", "gif", "tiff", "avif"):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        data = file_of(Image.fromarray(gradient), name)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
        assert attempt(data) is not None
        assert Image.MAX_IMAGE_PIXELS == 300


def test_a_header_without_pixels():
    header = struct.pack(">IIBBBBB", 0, 10, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="no pixels"):
        read(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, this is a letter", "text"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "vector drawing"),
        (b"\x7fELF\x02\x01\x01\0\xff\xfe", "not a picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "not a picture"),
        (b"\x89PNG", "truncated"),
        (b"\xff\xd8\xff\xe0", "truncated"),
    ],
)
def test_what_is_no_picture(data, words):
    with pytest.raises(InputError, match=words) as caught:
        read(data)
    assert caught.value.hint


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "missing.jpg")
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)
    with pytest.raises(InputError):
        read("nul\0byte.png")
    with pytest.raises(InputError, match="device"):
        read("/dev/zero")
    with pytest.raises(InputError, match="expected bytes"):
        read(io.StringIO("text"))
    with pytest.raises(InputError, match="path, bytes"):
        read(12)


def test_the_content_decides_not_the_ending(gradient, tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(file_of(Image.fromarray(gradient), "png"))
    assert read(path).format == "png"


def test_text_in_a_png_neither_stops_nor_swells_it(gradient):
    import zlib

    data = file_of(Image.fromarray(gradient), "png")
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000)))
    assert np.array_equal(read(data[:33] + bomb + data[33:]).pixels, gradient)


def test_heic_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(40)
    with pytest.raises(MissingExtra, match="HEIC") as caught:
        read(data)
    assert caught.value.hint == 'pip install "nukki[heif]"'


def test_heic_with_its_package(gradient):
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    file = heif.from_pillow(Image.fromarray(np.tile(gradient, (4, 4, 1))))
    file.save(out, quality=-1, chroma=444)
    picture = read(out.getvalue())
    assert picture.format == "heic"
    assert np.abs(picture.pixels.astype(int) - np.tile(gradient, (4, 4, 1))).mean() < 4


def test_memory_that_is_not_there_is_our_error(gradient, monkeypatch):
    data = file_of(Image.fromarray(gradient), "jpeg")

    def starved(*_):
        raise MemoryError

    monkeypatch.setattr(decode, "_load", starved)
    with pytest.raises(InputError, match="memory"):
        read(data)


def test_a_png_whose_stream_ends_early_in_whole_chunks(gradient):
    import zlib

    raw = b"".join(b"\0" + row.tobytes() for row in gradient)
    header = struct.pack(">IIBBBBB", 27, 19, 8, 2, 0, 0, 0)
    short = chunk(b"IDAT", zlib.compress(raw, 0)[: len(raw) // 2])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + short + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="truncated"):
        read(data)
    picture = read(data, allow_truncated=True)
    assert np.array_equal(picture.pixels[:8], gradient[:8])
    assert any("missing" in note for note in picture.notes)
