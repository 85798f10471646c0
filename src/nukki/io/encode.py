"""Arrays to the bytes of a file: PNG by our own encoder, TIFF likewise, the rest through Pillow."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image

from nukki.errors import InputError, OutputError
from nukki.io.colour import to_eight_bits
from nukki.io.files import write
from nukki.io.png import encode_png
from nukki.io.tiff import encode_tiff
from nukki.types import Pixels, RowSource

__all__ = ["FORMATS", "Encoding", "encode", "format_of", "supports_alpha", "write"]

FORMATS = ("png", "webp", "avif", "tiff", "jpeg")
_NAMES = {
    "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "tif": "tiff",
    "jpeg": "jpeg", "jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg",
}  # fmt: skip
_READ_ONLY = {"heic", "heif", "gif", "bmp", "jxl", "svg", "jp2", "pdf", "psd"}
_LARGEST = {"webp": 16383, "jpeg": 65500, "avif": 65536}
_QUALITY = {"jpeg": 95, "webp": 90, "avif": 80}
_JPEG_EXIF_BYTES = 65527
LEAST_DPI, LARGEST_DPI = 0.1, 1e6
_USUAL = "use one of: " + ", ".join(FORMATS)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a file is written, for the formats that have a choice.

    Attributes:
        png: "fast" or "small".
        quality: 1 to 100 for JPEG, WebP and AVIF; None takes 95, 90 and 80.
        lossless: WebP without loss; PNG and TIFF always are, AVIF and JPEG never (AVIF says so).
    """

    png: Literal["fast", "small"] = "fast"
    quality: int | None = None
    lossless: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Encoding:
        """From keyword arguments.

        Raises:
            InputError: If one of them is no field of this class.
        """
        known = {item.name for item in fields(cls)}
        for name in options:
            if name not in known:
                message = f"`{name}` is no option of encoding, expected " + ", ".join(sorted(known))
                raise InputError(message, hint="leave it out")
        return cls(**options)

    def __post_init__(self) -> None:
        if self.png not in ("fast", "small"):
            message = f'`png` must be "fast" or "small", got {self.png!r}'
            raise InputError(message, hint='use png="fast"')
        if self.quality is not None and not 1 <= self.quality <= 100:
            message = f"`quality` must be 1 to 100, got {self.quality}"
            raise InputError(message, hint="use quality=95")


def format_of(target: str | PathLike[str] | BinaryIO, format: str | None = None) -> str:
    """The format to write: "png", "webp", "avif", "tiff" or "jpeg".

    Args:
        target: A path, whose ending counts, or a binary file.
        format: A format's name or ending, which counts more. A file without one gets PNG.

    Raises:
        InputError: If the name or the ending is of no format that can be written.
    """
    if format is not None:
        return _canonical(format, f"format {format!r}")
    if not isinstance(target, str | PathLike):
        return "png"
    ending = Path(target).suffix
    if not ending:
        message = f"`{target}` has no ending that names a format"
        raise InputError(message, hint="add an ending such as .png, or name the format")
    return _canonical(ending, str(target))


def supports_alpha(format: str) -> bool:
    """Whether pictures of this format can be transparent."""
    return _canonical(format, f"format {format!r}") != "jpeg"


def encode(
    pixels: Pixels | RowSource,
    format: str,
    *,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    encoding: Encoding | None = None,
    threads: int | None = None,
) -> bytes:
    """The bytes of a file that holds the picture.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, uint8 or uint16.
            Formats without 16 bits get `rint(x / 257)`. Or a source of such rows.
        format: "png", "webp", "avif", "tiff" or "jpeg", or one of their endings.
        icc_profile: Of the pixels; None means sRGB.
        dpi: Pixels per inch; WebP and AVIF have no place for it.
        exif: A TIFF structure, without the prefix that JPEG has.
        encoding: Choices that a format may have.
        threads: How many threads may work; None takes `settings.threads()`.

    Raises:
        InputError: If the array or the format is none of these, the format has no alpha and the
            picture has, or the picture is too large for the format.
        OutputError: If the encoder failed.
    """
    encoding = encoding or Encoding()
    kind = _canonical(format, f"format {format!r}")
    _check(pixels, kind)
    if dpi and not all(LEAST_DPI <= value <= LARGEST_DPI for value in dpi):
        message = f"`dpi` must be {LEAST_DPI} to {LARGEST_DPI}, got {dpi}"
        raise InputError(message, hint="leave it out, or give pixels per inch")
    if encoding.lossless and kind == "avif":
        message = "`avif` cannot be written without loss: its colours pass through YCbCr"
        raise InputError(message, hint="write a webp with lossless, a png or a tiff")
    said: dict[str, Any] = {"icc_profile": icc_profile, "dpi": dpi, "exif": exif}
    if kind == "png":
        return encode_png(pixels, effort=encoding.png, threads=threads, **said)
    if not isinstance(pixels, np.ndarray):
        pixels = pixels.rows(0, pixels.shape[0])
    if kind == "tiff":
        return encode_tiff(pixels, **said)
    options = _pillow_options(kind, encoding) | {k: v for k, v in said.items() if v}
    if kind == "jpeg" and exif and len(exif) > _JPEG_EXIF_BYTES:
        options.pop("exif")  # one JPEG segment holds no more
    elif exif:
        options["exif"] = b"Exif\0\0" + exif
    if kind != "jpeg":
        options.pop("dpi", None)
    out = io.BytesIO()
    try:
        Image.fromarray(to_eight_bits(pixels)).save(out, kind.upper(), **options)
    except (OSError, ValueError, MemoryError) as error:
        message = f"`{kind}` could not be encoded: {error}"
        raise OutputError(message, hint="choose another format") from error
    return out.getvalue()


def _pillow_options(kind: str, encoding: Encoding) -> dict[str, Any]:
    quality = _QUALITY[kind] if encoding.quality is None else encoding.quality
    if kind == "jpeg":
        return {"quality": quality, "subsampling": 0}
    if kind == "webp":
        # `exact`: what stands under alpha 0 is the caller's choice, not the encoder's.
        options = {"quality": quality, "exact": True, "method": 4}
        return options | {"lossless": True, "quality": 80} if encoding.lossless else options
    return {"quality": quality, "subsampling": "4:4:4"}


def _canonical(name: str, subject: str) -> str:
    word = name.strip().lower().removeprefix(".")
    if word in _NAMES:
        return _NAMES[word]
    if word in _READ_ONLY:
        message = f"`{subject}`: writing {word.upper()} is not supported"
        raise InputError(message, hint=_USUAL)
    near = difflib.get_close_matches(word, _NAMES, n=1)
    message = f"`{subject}` names no format that can be written, expected " + ", ".join(FORMATS)
    raise InputError(message, hint=f"did you mean {near[0]}?" if near else _USUAL)


def _check(pixels: Pixels | RowSource, kind: str) -> None:
    shape = pixels.shape
    channels = shape[2] if len(shape) == 3 else 1
    known = pixels.dtype in (np.uint8, np.uint16)
    if not known or len(shape) not in (2, 3) or channels not in (1, 3, 4) or 0 in shape:
        message = (
            "`pixels` must be (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16, "
            f"got {shape} of {pixels.dtype}"
        )
        raise InputError(message, hint="convert the array before it is encoded")
    if channels == 4 and kind == "jpeg":
        message = "`jpeg` has no transparency, and the picture has"
        raise InputError(message, hint="add --background white, or write a png")
    largest = _LARGEST.get(kind)
    if largest and max(shape[:2]) > largest:
        message = f"`{kind}` holds at most {largest} pixels a side, got {shape[1]} × {shape[0]}"
        raise InputError(message, hint="write a png or a tiff")
