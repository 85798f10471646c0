"""The chunks of a PNG file: checked, sorted, and given on without what only costs or endangers.

PNG Specification, third edition, W3C 2025, sections 5 and 11. Every checksum is verified here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import cast

from isal import isal_zlib

from nukki.errors import InputError
from nukki.io.faults import damaged, truncated

__all__ = ["INFLATE_FAULTS", "PngFile", "parse"]

INFLATE_FAULTS = (zlib.error, ValueError, EOFError, cast("type[Exception]", isal_zlib.error))
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_PROFILE = 1 << 24
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass
class PngFile:
    """What a PNG file says, its pixels still deflated."""

    width: int = 0
    height: int = 0
    depth: int = 0
    colour_type: int = 0
    interlaced: bool = False
    header: bytes = b""
    palette: bytes | None = None
    transparency: bytes | None = None
    data: list[memoryview] = field(default_factory=list)
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    frames: int = 1
    notes: list[str] = field(default_factory=list)

    @property
    def channels(self) -> int:
        """Samples of one pixel."""
        return _CHANNELS[self.colour_type]

    def critical(self) -> bytes:
        """A file of only those chunks that make the picture."""
        chunks = [(b"IHDR", [memoryview(self.header)])]
        if self.palette is not None:
            chunks.append((b"PLTE", [memoryview(self.palette)]))
        if self.transparency is not None:
            chunks.append((b"tRNS", [memoryview(self.transparency)]))
        chunks += [(b"IDAT", [part]) for part in self.data]
        chunks.append((b"IEND", []))
        out: list[bytes | memoryview] = [SIGNATURE]
        for kind, parts in chunks:
            checksum = isal_zlib.crc32(kind)
            for part in parts:
                checksum = isal_zlib.crc32(part, checksum)
            length = sum(len(part) for part in parts)
            out += [struct.pack(">I", length), kind, *parts, struct.pack(">I", checksum)]
        return b"".join(out)


def parse(name: str, data: bytes, *, allow_truncated: bool) -> PngFile:
    """Walk over the chunks, check each, and keep what matters.

    Raises:
        InputError: If the header is not one, a checksum is wrong or the file ends early; with
            `allow_truncated` the last two become notes.
    """
    file = PngFile()
    view = memoryview(data)
    place, ended = len(SIGNATURE), False
    while place + 8 <= len(data) and not ended:
        length, kind = struct.unpack_from(">I4s", data, place)
        body = view[place + 8 : place + 8 + length]
        whole = place + 12 + length <= len(data)
        if place == len(SIGNATURE):
            _header(name, file, kind, body)
        if whole:
            (said,) = struct.unpack_from(">I", data, place + 8 + length)
            _check(
                name,
                file,
                kind,
                isal_zlib.crc32(body, isal_zlib.crc32(kind)) == said,
                allow_truncated,
            )
            _take(file, kind, body)
        elif kind == b"IDAT":
            file.data.append(body)
        ended = kind == b"IEND" and whole
        place += 12 + length
    if not file.header:
        raise truncated(name, "PNG")
    if not ended:
        if not allow_truncated or not file.data:
            raise truncated(name, "PNG", hopeless=allow_truncated)
        file.notes.append("the file is truncated: rows are missing")
    if not file.data:
        raise damaged(name, "PNG", "it holds no pixels")
    if file.colour_type == 3 and file.palette is None:
        raise damaged(name, "PNG", "its palette is missing")
    return file


def _header(name: str, file: PngFile, kind: bytes, body: memoryview) -> None:
    if kind != b"IHDR" or len(body) < 13:
        if kind == b"IHDR":
            raise truncated(name, "PNG", hopeless=True)
        raise damaged(name, "PNG", "it does not begin with a header")
    file.header = bytes(body[:13])
    file.width, file.height, file.depth, file.colour_type, method, filters, interlace = (
        struct.unpack(">IIBBBBB", file.header)
    )
    known = file.depth in _DEPTHS.get(file.colour_type, ())
    if not known or method or filters or interlace > 1:
        raise damaged(name, "PNG", "its header holds unknown values")
    file.interlaced = bool(interlace)


def _check(name: str, file: PngFile, kind: bytes, good: bool, allow: bool) -> None:
    if good:
        return
    word = kind.decode("latin-1")
    if not allow:
        message = f"`{name}` is damaged: the checksum of its PNG chunk {word!r} is wrong"
        raise InputError(message, hint="add --allow-truncated to take what is there")
    file.notes.append(f"the checksum of the chunk {word!r} is wrong")


def _take(file: PngFile, kind: bytes, body: memoryview) -> None:
    """Keep what the chunk says; ancillary chunks that are malformed count as absent."""
    if kind == b"IDAT":
        file.data.append(body)
    elif kind == b"PLTE":
        file.palette = bytes(body)
    elif kind == b"tRNS":
        file.transparency = bytes(body)
    elif kind == b"iCCP":
        file.icc_profile = _profile(bytes(body))
        if file.icc_profile is None:
            file.notes.append("the colour profile is damaged and was dropped")
    elif kind == b"pHYs" and len(body) == 9:
        across, down, unit = struct.unpack(">IIB", body)
        if unit == 1 and across and down:
            file.dpi = (across * 0.0254, down * 0.0254)
    elif kind == b"eXIf":
        file.exif = bytes(body)
    elif kind == b"acTL" and len(body) == 8:
        file.frames = max(1, struct.unpack(">II", body)[0])


def _profile(body: bytes) -> bytes | None:
    _, _, rest = body.partition(b"\0")
    try:
        return bytes(isal_zlib.decompressobj().decompress(rest[1:], _LARGEST_PROFILE)) or None
    except INFLATE_FAULTS:
        return None
