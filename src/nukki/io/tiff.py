"""A small TIFF writer that keeps what EXIF says, and a reader for 16 bit.

TIFF revision 6.0 (Adobe 1992), with deflate from Technical Note 2 and predictor 2 (section 14).
EXIF is itself a TIFF structure. The writer therefore begins the file with the EXIF blob as it is,
appends the strips, and ends with a new first directory that takes over the blob's entries: every
offset in them, the camera maker's own included, still holds.
"""

from __future__ import annotations

import io
import logging
import lzma
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from nukki import settings

__all__ = ["described", "encode_tiff", "facts", "page_count", "read_sixteen"]

_STRIP_BYTES = 1 << 20
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of extra samples (TIFF 6.0, section 18)
_SILENCE = logging.NullHandler()  # tifffile logs what it also raises
_SHORT, _LONG, _RATIONAL, _UNDEFINED = 3, 4, 5, 7
# Tags that describe the stored pixels, so that the ones of another file must not come along.
_STRUCTURE = (
    frozenset(range(254, 270))
    | frozenset(range(273, 300)) - {305, 306, 315, 316}
    | {
        *range(317, 350),
        *range(512, 533),
        700,
        34377,
        34675,
        37724,
    }
)


def encode_tiff(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    *,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
) -> bytes:
    """The picture as a TIFF file: deflate, straight ("unassociated") alpha.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        icc_profile: Of the pixels.
        dpi: Pixels per inch, across and down.
        exif: A TIFF structure without orientation.
    """
    writer = _Writer.after(exif)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = 8 * pixels.dtype.itemsize
    step = max(1, _STRIP_BYTES // (pixels[0].size * pixels.dtype.itemsize))
    tops = range(0, len(pixels), step)
    with ThreadPoolExecutor(settings.threads()) as pool:
        strips = list(pool.map(lambda top: _strip(pixels[top : top + step], writer.order), tops))
    writer.short(258, *[bits] * channels)
    writer.long(256, pixels.shape[1])
    writer.long(257, pixels.shape[0])
    writer.short(259, 8)
    writer.short(262, 1 if channels == 1 else 2)
    writer.short(274, 1)
    writer.short(277, channels)
    writer.long(278, step)
    writer.short(317, 2)
    writer.long(273, *[writer.append(strip) for strip in strips])
    writer.long(279, *[len(strip) for strip in strips])
    if channels == 4:
        writer.short(338, 2)
    if dpi:
        writer.rational(282, dpi[0])
        writer.rational(283, dpi[1])
        writer.short(296, 2)
    if icc_profile:
        writer.add(34675, _UNDEFINED, len(icc_profile), icc_profile)
    return writer.finish()


def read_sixteen(data: bytes) -> NDArray[np.uint16] | None:
    """(H, W) or (H, W, channels) uint16 of the first page; None where it needs another reader.

    Min-is-white is turned round. Compressions that need more than NumPy and zlib give None.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(_SILENCE)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            name = getattr(page.photometric, "name", "")
            known = name in {"MINISWHITE", "MINISBLACK", "RGB"} and page.samplesperpixel <= 8
            if not known or page.dtype != np.uint16 or page.bitspersample != 16:
                return None
            if page.imagedepth != 1:
                return None
            array = page.asarray()
            kinds = [int(kind) for kind in page.extrasamples]
            if page.planarconfig == 2 and array.ndim == 3:
                array = np.moveaxis(array, 0, -1)
    except (tifffile.TiffFileError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(str(error)) from error
    if name == "MINISWHITE":
        array = 65535 - array
    return _without_extras(array, 3 if name == "RGB" else 1, kinds)


def facts(data: bytes) -> tuple[int, int, int, bytes | None]:
    """Width, height, orientation and colour profile by the header of the first page."""
    import tifffile

    logging.getLogger("tifffile").addHandler(_SILENCE)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            turned = page.tags.valueof(274, 1)
            profile = page.tags.valueof(34675)
            width, height = int(page.imagewidth), int(page.imagelength)
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
    orientation = turned if isinstance(turned, int) and 1 <= turned <= 8 else 1
    return width, height, orientation, profile if isinstance(profile, bytes) else None


def _without_extras(
    array: NDArray[np.uint16], colours: int, kinds: list[int]
) -> NDArray[np.uint16] | None:
    """Colours, and the first extra sample where it is alpha; premultiplied colours divided."""
    if array.ndim == 2:
        return np.ascontiguousarray(array)
    if array.ndim != 3 or array.shape[2] < colours:
        return None
    first = kinds[0] if kinds else 0
    if first not in (_ASSOCIATED, _UNASSOCIATED) or array.shape[2] == colours:
        return np.ascontiguousarray(array[:, :, :colours])
    out = array[:, :, : colours + 1].copy()
    if first == _ASSOCIATED:
        alpha = np.maximum(out[:, :, colours:], 1).astype(np.float64)
        straight = np.rint(out[:, :, :colours] * (65535 / alpha))
        out[:, :, :colours] = np.minimum(straight, 65535)
    return out


def described(image: Any) -> bytes | None:
    """What the first directory of Pillow's TIFF image says besides the pixels, as an EXIF blob."""
    found = Image.Exif()
    for tag, value in image.tag_v2.items():
        if tag not in _STRUCTURE and tag not in (34665, 34853, 40965):
            found[tag] = value
    said = image.getexif()
    for tag in (34665, 34853):
        if tag in said:
            found.get_ifd(tag).update(said.get_ifd(tag))
    try:
        blob = found.tobytes() if len(found) or found.get_ifd(34665) else b""
    except (ValueError, TypeError, OverflowError, struct.error, AttributeError):
        return None
    return blob.removeprefix(b"Exif\0\0") or None


def page_count(image: Any) -> int:
    """Pages of a TIFF; 1 where their chain is damaged."""
    try:
        return int(image.n_frames)
    except (OSError, EOFError, ValueError, SyntaxError, KeyError, struct.error):
        return 1


def _strip(rows: NDArray[np.uint8] | NDArray[np.uint16], order: str) -> bytes:
    """Rows as differences to the pixel on the left, deflated."""
    kind = f"{order}u{rows.dtype.itemsize}"
    flat = rows.copy()
    flat[:, 1:] -= rows[:, :-1]
    return bytes(isal_zlib.compress(flat.astype(kind).tobytes(), 3))


@dataclass
class _Writer:
    """The file so far, and the entries of its first directory."""

    order: str
    out: bytearray
    entries: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def after(cls, exif: bytes | None) -> _Writer:
        """A file that begins with the EXIF blob, or with an empty header."""
        if not exif:
            return cls("<", bytearray(b"II*\0\0\0\0\0"))
        order = "<" if exif[:2] == b"II" else ">"
        writer = cls(order, bytearray(exif))
        try:
            (start,) = struct.unpack_from(order + "I", exif, 4)
            (count,) = struct.unpack_from(order + "H", exif, start)
            for place in range(start + 2, start + 2 + 12 * count, 12):
                (tag,) = struct.unpack_from(order + "H", exif, place)
                if tag not in _STRUCTURE and place + 12 <= len(exif):
                    writer.entries[tag] = exif[place : place + 12]
        except struct.error:
            return cls("<", bytearray(b"II*\0\0\0\0\0"))
        return writer

    def append(self, data: bytes) -> int:
        """Put the bytes at the end, on an even place; the place."""
        self.out.extend(bytes(len(self.out) % 2))
        place = len(self.out)
        self.out.extend(data)
        return place

    def add(self, tag: int, kind: int, count: int, value: bytes) -> None:
        """An entry; values of more than four bytes lie outside of the directory."""
        if len(value) > 4:
            value = struct.pack(self.order + "I", self.append(value))
        head = struct.pack(self.order + "HHI", tag, kind, count)
        self.entries[tag] = head + value.ljust(4, b"\0")

    def short(self, tag: int, *values: int) -> None:
        """An entry of 16 bit numbers."""
        self.add(tag, _SHORT, len(values), struct.pack(f"{self.order}{len(values)}H", *values))

    def long(self, tag: int, *values: int) -> None:
        """An entry of 32 bit numbers."""
        self.add(tag, _LONG, len(values), struct.pack(f"{self.order}{len(values)}I", *values))

    def rational(self, tag: int, value: float) -> None:
        """An entry of one fraction."""
        exact = Fraction(value).limit_denominator(10_000)
        pair = struct.pack(self.order + "II", exact.numerator, exact.denominator)
        self.add(tag, _RATIONAL, 1, pair)

    def finish(self) -> bytes:
        """The file, its directory at the end."""
        body = struct.pack(self.order + "H", len(self.entries))
        body += b"".join(self.entries[tag] for tag in sorted(self.entries)) + bytes(4)
        struct.pack_into(self.order + "I", self.out, 4, self.append(body))
        return bytes(self.out)
