"""A PNG encoder that is fast on photos: rows filtered in NumPy, deflated by ISA-L, on all cores.

PNG (Portable Network Graphics) Specification, third edition, W3C 2025; RFC 1950, RFC 1951.

The picture is cut into blocks of whole rows whose size depends on nothing but the picture's width.
Each block is filtered and deflated on its own, ends on a byte boundary (a sync flush), and the
blocks are joined into one zlib stream. So the bytes are the same for any number of threads.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias, cast

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from nukki import settings
from nukki.errors import InputError
from nukki.io.pngfilters import filter_by_row, filter_of_block
from nukki.types import RowSource

__all__ = ["encode_png"]

Effort = Literal["fast", "small"]
Bytes: TypeAlias = NDArray[np.uint8]
Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADLER = 65521
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
# 256 KiB and what the filters need beside it stay in a core's own cache; the small files profit
# from longer stretches without a flush.
_BLOCK_BYTES = {"fast": 1 << 18, "small": 1 << 20}
_LARGEST_SIDE = 0x7FFFFFFF
_ZLIB_HEADER = b"\x78\x01"


def encode_png(
    pixels: Samples | RowSource,
    *,
    effort: Effort = "fast",
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    threads: int | None = None,
) -> bytes:
    """The picture as a PNG file, the same bytes for any number of threads.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16; or a source of
            such rows.
        effort: "fast" for photos on their way; "small" tries every filter and the strongest
            deflate.
        icc_profile: Of the pixels; None writes no colour chunk at all.
        dpi: Pixels per inch, across and down.
        exif: A TIFF structure, without the prefix that JPEG has.
        threads: At most so many; None asks `settings.threads()`.

    Raises:
        InputError: If the array is none of these.
    """
    if effort not in _BLOCK_BYTES:
        message = f'`effort` must be "fast" or "small", got {effort!r}'
        raise InputError(message, hint='use effort="fast"')
    source = _checked(pixels)
    height, width = source.shape[:2]
    channels = source.shape[2] if len(source.shape) == 3 else 1
    depth = 8 * source.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [SIGNATURE, _chunk(b"IHDR", header)]
    if icc_profile:
        squeezed = isal_zlib.compress(icc_profile, 3)
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + squeezed))
    if dpi:
        across, down = (max(1, round(value / 0.0254)) for value in dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if exif:
        parts.append(_chunk(b"eXIf", exif))
    parts.extend(_data(source, effort, threads or settings.threads()))
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


class _Array:
    """An array as a source of rows."""

    def __init__(self, pixels: Samples) -> None:
        self.pixels = np.ascontiguousarray(pixels)
        self.shape = pixels.shape
        self.dtype = pixels.dtype

    def rows(self, top: int, bottom: int) -> Samples:
        return cast("Samples", self.pixels[top:bottom])


def _checked(pixels: Samples | RowSource) -> RowSource:
    """The picture as a source of rows.

    Raises:
        InputError: If it is no picture that PNG can hold.
    """
    shape = pixels.shape
    channels = shape[2] if len(shape) == 3 else 1
    known = pixels.dtype in (np.uint8, np.uint16)
    if not known or len(shape) not in (2, 3) or channels not in _COLOUR_TYPES:
        message = (
            "`pixels` must be (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16, "
            f"got {shape} of {pixels.dtype}"
        )
        raise InputError(message, hint="convert the array before it is encoded")
    if 0 in shape or max(shape[:2]) > _LARGEST_SIDE:
        message = f"`pixels` must have 1 to 2³¹-1 rows and columns, got {shape}"
        raise InputError(message, hint="check the crop")
    return _Array(pixels) if isinstance(pixels, np.ndarray) else pixels


def _data(pixels: RowSource, effort: Effort, threads: int) -> Iterator[bytes]:
    """The IDAT chunks, one for each block."""
    height = pixels.shape[0]
    row_bytes = math.prod(pixels.shape[1:]) * pixels.dtype.itemsize
    step = max(1, _BLOCK_BYTES[effort] // row_bytes)
    starts = range(0, height, step)

    def job(top: int) -> tuple[bytes, int, int]:
        return _block(pixels, top, min(top + step, height), effort)

    if threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            blocks = list(pool.map(job, starts))
    else:
        blocks = [job(top) for top in starts]
    checksum = 1
    for number, (squeezed, adler, length) in enumerate(blocks):
        checksum = _adler_joined(checksum, adler, length)
        head = _ZLIB_HEADER if number == 0 else b""
        tail = struct.pack(">I", checksum) if number == len(blocks) - 1 else b""
        yield _chunk(b"IDAT", head + squeezed + tail)


def _block(pixels: RowSource, top: int, bottom: int, effort: Effort) -> tuple[bytes, int, int]:
    """Rows filtered and deflated, the Adler-32 of the filtered bytes, and their number."""
    rows = _network_order(pixels.rows(max(0, top - 1), bottom))
    if top == 0:  # above the first row the standard has zeros
        rows = np.concatenate([np.zeros_like(rows[:1]), rows])
    out = np.empty((bottom - top, rows.shape[1] + 1), np.uint8)
    pixel = rows.shape[1] // pixels.shape[1]
    choose = filter_of_block if effort == "fast" else filter_by_row
    choose(rows[1:], rows[:-1], pixel, out)
    raw = out.reshape(-1)
    last = bottom == pixels.shape[0]
    squeezed = _deflated(raw, last) if effort == "fast" else _deflated_small(raw, last)
    return squeezed, isal_zlib.adler32(raw), raw.size


def _deflated(raw: Bytes, last: bool, level: int = 1) -> bytes:
    """Raw deflate by ISA-L, ended on a byte boundary."""
    deflater = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -15)
    head = deflater.compress(raw)
    return bytes(head + deflater.flush(isal_zlib.Z_FINISH if last else isal_zlib.Z_SYNC_FLUSH))


def _deflated_small(raw: Bytes, last: bool) -> bytes:
    """The smallest of zlib's strongest level, plain and for filtered rows, and ISA-L's."""
    tries = [_deflated(raw, last, 3)]
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
        head = deflater.compress(raw.data)
        tries.append(head + deflater.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH))
    return min(tries, key=len)


def _network_order(rows: Samples) -> Bytes:
    """(rows, row bytes): the samples as bytes, most significant first."""
    flat = rows.reshape((len(rows), -1))
    return flat.view(np.uint8) if flat.dtype == np.uint8 else flat.astype(">u2").view(np.uint8)


def _adler_joined(first: int, second: int, length: int) -> int:
    """Adler-32 of two pieces joined, from theirs and the second one's length (RFC 1950, 8.2)."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % ADLER
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % ADLER
    return high << 16 | low


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)))
