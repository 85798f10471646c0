"""Files of every kind, made in code: what the tests of io share."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageCms


def file_of(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif_blob(orientation=None, *, thumbnail=None, order="<"):
    """A TIFF structure with Make "nukki cam", the orientation and, if given, a thumbnail."""
    make = b"nukki cam\0"
    entries = [(0x010F, 2, len(make), None)]
    if orientation is not None:
        value = struct.pack(order + "HH", orientation, 0)
        entries.append((0x0112, 3, 1, value))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    end = 8 + 2 + 12 * len(entries) + 4
    second = end + len(make)
    body = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count) + (
            value or struct.pack(order + "I", end)
        )
    body += struct.pack(order + "I", second if thumbnail else 0)
    blob = head + body + make
    if thumbnail:
        place = second + 2 + 24 + 4
        blob += struct.pack(order + "H", 2)
        blob += struct.pack(order + "HHII", 0x0201, 4, 1, place)
        blob += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail))
        blob += struct.pack(order + "I", 0) + thumbnail
    return blob


def png_file(samples, colour_type, *, filters=(0, 1, 2, 3, 4), interlace=False, extra=b""):
    """A 16 bit PNG by a slow and simple encoder: (H, W, C) uint16, row i gets filters[i % n]."""
    height, width, channels = samples.shape
    pixel = 2 * channels
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = bytearray()
    for y, x, dy, dx in passes:
        part = samples[y::dy, x::dx]
        if part.size == 0:
            continue
        above = bytes(part.shape[1] * pixel)
        for number, row in enumerate(part):
            line = row.astype(">u2").tobytes()
            kind = filters[number % len(filters)]
            raw.append(kind)
            for at, value in enumerate(line):
                left = line[at - pixel] if at >= pixel else 0
                corner = above[at - pixel] if at >= pixel else 0
                raw.append((value - _guess(kind, left, above[at], corner)) & 255)
            above = line
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, int(interlace))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(bytes(raw)))
        + chunk(b"IEND", b"")
    )


def _guess(kind, left, up, corner):
    if kind == 4:
        estimate = left + up - corner
        return min((left, up, corner), key=lambda value: abs(estimate - value))
    return (0, left, up, (left + up) // 2)[kind]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def profile(primaries="swapped"):
    """An ICC profile for RGB that is not sRGB: its red and blue columns exchanged."""
    blob = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    if primaries == "srgb":
        return bytes(blob)
    (count,) = struct.unpack_from(">I", blob, 128)
    for place in range(132, 132 + 12 * count, 12):
        name = bytes(blob[place : place + 4])
        if name in (b"rXYZ", b"bXYZ"):
            blob[place : place + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
    return bytes(blob)


def as_path(data, folder: Path):
    path = folder / "picture"
    path.write_bytes(data)
    return path


ENTRIES = {
    "path": as_path,
    "text": lambda data, folder: str(as_path(data, folder)),
    "bytes": lambda data, folder: data,
    "file": lambda data, folder: io.BytesIO(data),
    "pil": lambda data, folder: Image.open(io.BytesIO(data)),
}
