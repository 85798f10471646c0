"""EXIF as bytes: find the orientation, take it and the thumbnail out, leave all else where it is.

The blob is a TIFF structure whose values are reached by offsets from its start, and the notes of
camera makers hold offsets that only the camera knows. So nothing is moved: an entry is removed
inside its own directory, and the thumbnail, which would still show what was cut away, is blanked.
(CIPA DC-008 "Exif", section 4.5; TIFF 6.0, section 2.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["cleaned", "orientation", "without_prefix"]

ORIENTATION = 0x0112
THUMBNAIL_OFFSET = 0x0201
THUMBNAIL_LENGTH = 0x0202
_INTEGERS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True)
class _Directory:
    """One image file directory: byte order, place of its count, number of entries."""

    order: str
    start: int
    count: int

    @property
    def end(self) -> int:
        """Where the offset of the next directory stands."""
        return self.start + 2 + 12 * self.count

    def entries(self, blob: bytes | bytearray) -> Iterator[tuple[int, int]]:
        """Tag and place of each entry."""
        for place in range(self.start + 2, self.end, 12):
            yield struct.unpack_from(self.order + "H", blob, place)[0], place


def without_prefix(blob: bytes | None) -> bytes | None:
    r"""The blob less the "Exif\0\0" that JPEG puts before it; None if it is no TIFF structure."""
    if not blob:
        return None
    if blob[:6] == b"Exif\0\0":
        blob = blob[6:]
    return blob if blob[:4] in (b"II*\0", b"MM\0*") else None


def orientation(blob: bytes | None) -> int:
    """How the stored picture must be turned, 1 to 8 (1 = upright, also where nothing is said)."""
    try:
        directory = _first(blob or b"")
        for tag, place in directory.entries(blob or b"") if directory else ():
            if tag == ORIENTATION:
                value = _integer(blob or b"", place, directory.order if directory else "<")
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def cleaned(blob: bytes | None) -> bytes | None:
    """The blob less orientation and thumbnail; None where nothing is left or it is damaged."""
    try:
        directory = _first(blob or b"")
        if directory is None:
            return None
        out = bytearray(blob or b"")
        _drop_thumbnail(out, directory)
        directory = _drop_entry(out, directory, ORIENTATION)
    except struct.error:
        return None
    return bytes(out) if directory.count else None


def _first(blob: bytes | bytearray) -> _Directory | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(blob[:4]))
    if order is None:
        return None
    return _directory(blob, order, struct.unpack_from(order + "I", blob, 4)[0])


def _directory(blob: bytes | bytearray, order: str, start: int) -> _Directory | None:
    if start < 8:
        return None
    (count,) = struct.unpack_from(order + "H", blob, start)
    directory = _Directory(order, start, count)
    return directory if directory.end <= len(blob) else None


def _integer(blob: bytes | bytearray, place: int, order: str) -> int:
    kind = _INTEGERS.get(struct.unpack_from(order + "H", blob, place + 2)[0])
    return int(struct.unpack_from(order + kind, blob, place + 8)[0]) if kind else 0


def _drop_entry(out: bytearray, directory: _Directory, wanted: int) -> _Directory:
    """Close the gap that the entry leaves; values elsewhere stay where their offsets say."""
    for tag, place in directory.entries(out):
        if tag == wanted:
            tail = out[place + 12 : directory.end + 4]
            out[place : place + len(tail)] = tail
            struct.pack_into(directory.order + "H", out, directory.start, directory.count - 1)
            return _Directory(directory.order, directory.start, directory.count - 1)
    return directory


def _drop_thumbnail(out: bytearray, directory: _Directory) -> None:
    """Unlink the second directory and blank the small picture that it points to."""
    if directory.end + 4 > len(out):
        out.extend(bytes(directory.end + 4 - len(out)))
    (start,) = struct.unpack_from(directory.order + "I", out, directory.end)
    struct.pack_into(directory.order + "I", out, directory.end, 0)
    second = _directory(out, directory.order, start) if start + 2 <= len(out) else None
    if second is None or second.start == directory.start:
        return
    values = {tag: _integer(out, place, second.order) for tag, place in second.entries(out)}
    begin, length = values.get(THUMBNAIL_OFFSET, 0), values.get(THUMBNAIL_LENGTH, 0)
    if begin > directory.end and begin + length >= len(out):
        del out[begin:]
    elif begin > directory.end:
        out[begin : begin + length] = bytes(length)
