"""Bytes of a file to pixels: which format it is, what its header says, what Pillow makes of it.

Only the formats listed here are ever opened, each by its own reader: the content decides, not the
name, and nothing is guessed by trying one decoder after the other.
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from nukki.errors import InputError, MissingExtra, NukkiError, pip_line
from nukki.io import exif, pngfile
from nukki.io.faults import check_size, damaged, truncated
from nukki.io.sniff import check_webp, ends_early, sniff

__all__ = ["FOREIGN", "Found", "decode", "quiet"]

# All that Pillow, its plugins and tifffile were seen to raise for a file that is not whole.
FOREIGN = (
    OSError, SyntaxError, ValueError, struct.error, EOFError, MemoryError, TypeError, KeyError,
    IndexError, OverflowError, AttributeError, RuntimeError, ZeroDivisionError, AssertionError,
    NotImplementedError, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


@dataclass
class Found:
    """A decoded picture before it is turned upright and made RGB.

    Attributes:
        image: What Pillow decoded; None where `array` holds the pixels.
        array: (H, W) or (H, W, channels) uint16.
        format: "jpeg", "png", …; None for what was no file.
        icc_profile: As found, not checked.
        dpi: As found, not checked.
        exif: As found, orientation included.
        orientation: 1 to 8.
        notes: What a user should know.
    """

    image: Image.Image | None = None
    array: NDArray[np.uint16] | None = None
    format: str | None = None
    icc_profile: bytes | None = None
    dpi: Any = None
    exif: bytes | None = None
    orientation: int = 1
    notes: list[str] = field(default_factory=list)


class _Gate:
    """Strict decoders side by side; a tolerant one alone, for Pillow's switch is global."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._strict = 0
        self._tolerant = 0

    @contextlib.contextmanager
    def strict(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._tolerant)
            self._strict += 1
        try:
            yield
        finally:
            with self._changed:
                self._strict -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def tolerant(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._tolerant)
            self._tolerant = 1  # from here on no strict decoder starts
            self._changed.wait_for(lambda: not self._strict)
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
            with self._changed:
                self._tolerant = 0
                self._changed.notify_all()


_GATE = _Gate()
_QUIET = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warning of Pillow's gets out; one thread at a time, for Python's filters are global."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode(name: str, data: bytes, *, max_pixels: int | None, allow_truncated: bool) -> Found:
    """The picture that the bytes of a file hold.

    Raises:
        InputError: If they are no picture, or one that is damaged or truncated.
        LimitExceeded: If the header says more than `max_pixels`.
        MissingExtra: If the format needs a package that is not installed.
    """
    kind = sniff(name, data)
    try:
        if kind == "png":
            return _png(name, data, max_pixels, allow_truncated)
        if kind == "webp":
            check_webp(name, data, max_pixels)
        return _through_pillow(name, data, kind, max_pixels, allow_truncated)
    except NukkiError:
        raise
    except FOREIGN as error:
        raise _mapped(name, data, kind, error, allow_truncated) from error


def _png(name: str, data: bytes, max_pixels: int | None, allow_truncated: bool) -> Found:
    if data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        check_size(name, width, height, max_pixels)
    file = pngfile.parse(name, data, allow_truncated=allow_truncated)
    check_size(name, file.width, file.height, max_pixels)
    found = Found(
        format="png",
        icc_profile=file.icc_profile,
        dpi=file.dpi,
        exif=file.exif,
        orientation=exif.orientation(exif.without_prefix(file.exif)),
        notes=file.notes,
    )
    if file.frames > 1:
        found.notes.append(f"first frame of {file.frames}")
    if file.depth == 16:
        from nukki.io.png16 import read_pixels

        found.array = read_pixels(name, file, allow_truncated=allow_truncated)
        found.array = _keyed(found.array, file.transparency)
        return found
    from PIL.PngImagePlugin import PngImageFile

    critical = file.critical()
    found.image = _loaded(lambda: _opened(PngImageFile, critical), "png", found, allow_truncated)
    return found


def _keyed(array: NDArray[np.uint16], transparency: bytes | None) -> NDArray[np.uint16]:
    """With alpha 0 where the pixel has the colour that tRNS names (PNG, section 11.3.1.1)."""
    channels = array.shape[2]
    if transparency is None or channels not in (1, 3) or len(transparency) != 2 * channels:
        return array
    key = np.frombuffer(transparency, ">u2").astype(np.uint16)
    alpha = np.where((array == key).all(axis=2, keepdims=True), 0, 65535).astype(np.uint16)
    return np.concatenate([array, alpha], axis=2)


def _through_pillow(
    name: str, data: bytes, kind: str, max_pixels: int | None, allow_truncated: bool
) -> Found:
    try:
        image = _opened(_reader(name, kind), data)
    except SyntaxError:
        found = _tiff_unknown_to_pillow(name, data, max_pixels) if kind == "tiff" else None
        if found is None:
            raise
        return found
    check_size(name, *image.size, max_pixels)
    found = Found(image=image, format=kind)
    found.icc_profile = image.info.get("icc_profile")
    found.dpi = image.info.get("dpi")
    frames = getattr(image, "n_frames", 1) if kind in ("gif", "webp", "avif") else 1
    if frames > 1:
        found.notes.append(f"first frame of {frames}")
    if kind == "tiff":
        return _tiff(name, data, found, allow_truncated)
    found.exif = image.info.get("exif")
    found.orientation = exif.orientation(exif.without_prefix(found.exif))
    found.image = _loaded(lambda: _opened(_reader(name, kind), data), kind, found, allow_truncated)
    return found


def _loaded(
    reopen: Callable[[], ImageFile.ImageFile], kind: str, found: Found, allow_truncated: bool
) -> ImageFile.ImageFile:
    """The picture decoded; with `allow_truncated` a second time, tolerantly, and noted."""
    image = cast("ImageFile.ImageFile", found.image) if found.image else reopen()
    try:
        _load(image, kind, tolerant=False)
    except FOREIGN:
        if not allow_truncated:
            raise
        image = reopen()
        _load(image, kind, tolerant=True)
        found.notes.append("the file is truncated or damaged: a part of the picture is missing")
    return image


def _tiff(name: str, data: bytes, found: Found, allow_truncated: bool) -> Found:
    from nukki.io.tiff import described, page_count, read_sixteen

    image = cast("ImageFile.ImageFile", found.image)
    with quiet():
        found.exif = described(image)
        found.orientation = _tag(image, 274)
        pages = page_count(image)
        deep = _tag(image, 258) == 16
    if pages > 1:
        found.notes.append(f"first page of {pages}")
    if deep:
        try:
            found.array = read_sixteen(data)
        except FOREIGN as error:
            if "runcat" in str(error) and not allow_truncated:
                raise
        if found.array is not None:
            found.image = None
            return found
        found.notes.append("16 bit reduced to 8: its compression needs another reader")
    image = found.image = _loaded(
        lambda: _opened(_reader(name, "tiff"), data), "tiff", found, allow_truncated
    )
    if _tag(image, 274) == 1:  # Pillow turns TIFFs itself when it loads them
        found.orientation = 1
    return found


def _tiff_unknown_to_pillow(name: str, data: bytes, max_pixels: int | None) -> Found | None:
    """16 bit grey with alpha, or colours with extra samples, for which Pillow has no mode."""
    from nukki.io.tiff import facts, read_sixteen

    width, height, orientation, profile = facts(data)
    check_size(name, width, height, max_pixels)
    array = read_sixteen(data)
    if array is None:
        return None
    return Found(array=array, format="tiff", icc_profile=profile, orientation=orientation)


def _tag(image: Any, number: int) -> int:
    value = image.tag_v2.get(number, 1)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else 1


def _reader(name: str, kind: str) -> Callable[[Any], ImageFile.ImageFile]:
    """Pillow's class for the format; opening through it skips Pillow's own limits and guesses."""
    if kind == "jpeg":
        from PIL.JpegImagePlugin import JpegImageFile as Reader
    elif kind == "webp":
        from PIL.WebPImagePlugin import WebPImageFile as Reader  # type: ignore[assignment]
    elif kind == "avif":
        from PIL.AvifImagePlugin import AvifImageFile as Reader  # type: ignore[assignment]
    elif kind == "tiff":
        from PIL.TiffImagePlugin import TiffImageFile as Reader  # type: ignore[assignment]
    elif kind == "bmp":
        from PIL.BmpImagePlugin import BmpImageFile as Reader  # type: ignore[assignment]
    elif kind == "gif":
        from PIL.GifImagePlugin import GifImageFile as Reader  # type: ignore[assignment]
    else:
        try:
            from pillow_heif import HeifImageFile as Reader  # type: ignore[assignment]
        except ImportError as error:
            message = f"`{name}` is a HEIC picture, which needs the package pillow-heif"
            raise MissingExtra(message, hint=pip_line("heif")) from error
    return Reader


def _opened(reader: Callable[[Any], ImageFile.ImageFile], data: bytes) -> ImageFile.ImageFile:
    with quiet():
        return reader(io.BytesIO(data))


def _load(image: ImageFile.ImageFile, kind: str, tolerant: bool) -> None:
    with _GATE.tolerant() if tolerant else _GATE.strict():
        if kind == "tiff":  # reads tags again when it loads, and warns of them
            with quiet():
                image.load()
        else:
            image.load()


def _mapped(
    name: str, data: bytes, kind: str, error: BaseException, allow_truncated: bool
) -> NukkiError:
    """The error of nukki's tree for one of Pillow's."""
    label = kind.upper()
    if isinstance(error, MemoryError):
        message = f"`{name}` does not fit in memory"
        return InputError(message, hint="make the picture smaller first")
    if "runcat" in str(error) or ends_early(data, kind):
        return truncated(name, label, hopeless=allow_truncated)
    return damaged(name, label, str(error) or type(error).__name__)
