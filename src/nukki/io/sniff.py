"""First bytes and headers: which format it is, how large, and whether its end is missing."""

from __future__ import annotations

import struct

from nukki.errors import InputError
from nukki.io.faults import check_size, truncated
from nukki.io.pngfile import SIGNATURE

__all__ = ["PICTURES", "check_webp", "ends_early", "sniff"]

# Endings that count as pictures inside a folder; a file that is named on its own is always read.
PICTURES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".tif", ".tiff", ".bmp"}
    | {".gif", ".heic", ".heif", ".jp2", ".ppm", ".pgm", ".tga"}
)
_HEIF_BRANDS = {
    b"heic",
    b"heix",
    b"hevc",
    b"hevx",
    b"heim",
    b"heis",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
}
_READABLE = "expected JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF or HEIC"


def sniff(name: str, data: bytes) -> str:
    """The format by its first bytes.

    Raises:
        InputError: If it is none that can be read.
    """
    head = bytes(data[:64])
    starts = {
        b"\xff\xd8\xff": "jpeg", SIGNATURE: "png", b"GIF87a": "gif", b"GIF89a": "gif",
        b"BM": "bmp", b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff",
    }  # fmt: skip
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        (size,) = struct.unpack_from(">I", head)
        brands = {data[8:12], *(bytes(data[at : at + 4]) for at in range(16, min(size, 256), 4))}
        if brands & {b"avif", b"avis"}:
            return "avif"
        if brands & _HEIF_BRANDS:
            return "heic"
    raise _unknown(name, data)


def _unknown(name: str, data: bytes) -> InputError:
    hint = "convert it to PNG or JPEG"
    if not data:
        return InputError(f"`{name}` is empty: {_READABLE}", hint="fetch or export the file again")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start and start[:1] == b"<":
        message = f"`{name}` is an SVG, a vector drawing without pixels: {_READABLE}"
        return InputError(message, hint="render it to a PNG first")
    if any(SIGNATURE.startswith(data[:n]) and len(data) == n for n in range(2, 8)):
        return truncated(name, "PNG", hopeless=True)
    try:
        data[:256].decode("utf-8")
    except UnicodeDecodeError:
        return InputError(f"`{name}` is not a picture that can be read: {_READABLE}", hint=hint)
    return InputError(f"`{name}` is text, not a picture: {_READABLE}", hint="name a picture file")


def check_webp(name: str, data: bytes, max_pixels: int | None) -> None:
    """Refuse by the container's header: Pillow's reader takes the memory when it opens.

    (WebP Container Specification; RFC 6386, section 9.1; WebP Lossless Bitstream, section 3.)
    """
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 " and len(data) >= 30:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    else:
        return
    check_size(name, width, height, max_pixels)


def ends_early(data: bytes, kind: str) -> bool:
    """Whether the container says that there should be more bytes."""
    if kind == "webp":
        return len(data) < 12 or struct.unpack_from("<I", data, 4)[0] + 8 > len(data)
    if kind in ("avif", "heic"):
        place = 0
        while place + 8 <= len(data):
            size, _ = struct.unpack_from(">I4s", data, place)
            if size < 8:
                return False
            place += size
        return place > len(data)
    if kind == "bmp":
        return len(data) < 26 or struct.unpack_from("<I", data, 2)[0] > len(data)
    if kind == "jpeg":
        return b"\xff\xd9" not in data[-64:]
    return kind == "gif" and not data.endswith((b";", b";\0"))
