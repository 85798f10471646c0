"""Pictures as they come in: read, turned upright, made RGB, with what the file said kept beside.

`read` takes a path, bytes, a binary file, a PIL image or an array. `Picture` is what nukki works
on; its `rgb8` is what networks see, its `save` gives back what the file said.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError
from nukki.io import colour, exif, files, tiff
from nukki.io.decode import FOREIGN, Found, decode, quiet
from nukki.io.display import shown_png
from nukki.io.encode import LARGEST_DPI, LEAST_DPI, Encoding, encode, format_of
from nukki.io.faults import check_size
from nukki.types import RGB8, Pixels

__all__ = ["Picture", "Source", "read"]

Source: TypeAlias = (
    str | PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | NDArray[np.uint16]
)
Array: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
_MID_GREY = 128
_BAND_BYTES = 1 << 20
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, upright, and what the file said besides them.

    Attributes:
        pixels: (H, W, 3) uint8 or uint16, in the file's own RGB space.
        alpha: (H, W), the file's own alpha in the depth of `pixels`; None = opaque.
        icc_profile: Of the pixels; None = sRGB.
        dpi: Pixels per inch, across and down.
        exif: A TIFF structure less orientation and thumbnail.
        format: What the file was: "jpeg", "png", …; None for arrays.
        notes: What a user should know: "first frame of 12", "CMYK converted to RGB", …
    """

    pixels: Pixels
    alpha: Array | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    format: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Sizes instead of arrays: a notebook keeps this text beside the picture."""
        kind = f", {self.format}" if self.format else ""
        alpha = "" if self.alpha is None else ", with alpha"
        size = f"{self.width} × {self.height}"
        return f"{type(self).__name__}({size}, {self.pixels.dtype}{alpha}{kind})"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: small, what is see-through over a checkerboard."""
        return shown_png(lambda: (self.pixels, self.alpha, self.icc_profile))

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    def rgb8(self, *, reduce: int = 1) -> RGB8:
        """The picture as networks see it: (H, W, 3) uint8, sRGB.

        Args:
            reduce: Whole factor of a box reduction, done first; sides are rounded up.

        Its own alpha is composited over mid grey (128), so that hidden colours do not matter.

        Raises:
            InputError: If `reduce` is less than 1.
        """
        if reduce < 1:
            message = f"`reduce` must be at least 1, got {reduce}"
            raise InputError(message, hint="use reduce=1 for the full size")
        small = _reduced(self.pixels, self.alpha, reduce)
        return colour.rgb8_from(small, self.icc_profile)

    def as_own(self, colours: RGB8) -> Pixels:
        """(h, w, 3) uint8, sRGB, of any size, in this picture's own space and depth.

        The way back from `rgb8`: 16 bits get `257 · x`.
        """
        converted = colour.from_srgb(colours, self.icc_profile)
        if self.pixels.dtype == np.uint16:
            return converted.astype(np.uint16) * np.uint16(257)
        return converted

    def save(
        self,
        target: str | PathLike[str] | BinaryIO,
        format: str | None = None,
        **encoding: Any,
    ) -> None:
        """Write the picture with its profile, resolution and EXIF.

        Args:
            target: A path, whose ending names the format, or a binary file.
            format: "png", "webp", "avif", "tiff" or "jpeg"; a binary file without one gets PNG.
            encoding: Fields of `Encoding`: png, quality, lossless.

        Raises:
            InputError: If the format cannot hold the picture or an option is unknown.
            OutputError: If the target cannot be written.
        """
        files.write(target, self.encode(format_of(target, format), **encoding))

    def encode(self, format: str = "png", **encoding: Any) -> bytes:
        """The bytes that `save` writes; takes what `save` takes."""
        pixels = self.pixels
        if self.alpha is not None:
            pixels = cast("Pixels", np.dstack([self.pixels, self.alpha]))
        return encode(
            pixels,
            format,
            icc_profile=self.icc_profile,
            dpi=self.dpi,
            exif=self.exif,
            encoding=Encoding.of(encoding),
        )


def read(
    source: Source, *, max_pixels: int | None = None, allow_truncated: bool = False
) -> Picture:
    """Any picture as a `Picture`.

    Args:
        source: A path, the bytes of a file, a binary file, a PIL image, or an array of uint8 or
            uint16 with the shape (H, W), (H, W, 3) or (H, W, 4).
        max_pixels: Refuse larger pictures before they are decoded; None means 200 million.
        allow_truncated: Take what is there of a file that ends early, with a note.

    Raises:
        InputError: If it is no picture, or one that cannot be decoded.
        LimitExceeded: If it has more than `max_pixels`.
        MissingExtra: If the format needs a package that is not installed.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        return _picture("PIL image", _from_pil(source, max_pixels))
    name, data = files.load(source)
    found = decode(name, data, max_pixels=max_pixels, allow_truncated=allow_truncated)
    return _picture(name, found)


def _from_array(array: NDArray[Any], max_pixels: int | None) -> Picture:
    channels = array.shape[2] if array.ndim == 3 else 1
    if (
        array.dtype not in (np.uint8, np.uint16)
        or array.ndim not in (2, 3)
        or (array.ndim == 3 and channels not in (3, 4))
    ):
        message = (
            "`array` must be (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16, "
            f"got {array.shape} of {array.dtype}"
        )
        raise InputError(message, hint="scale and convert it to uint8 or uint16 first")
    check_size("array", array.shape[1], array.shape[0], max_pixels)
    pixels, alpha = _split(array[:, :, None] if array.ndim == 2 else array)
    return Picture(pixels, alpha)


def _from_pil(image: Image.Image, max_pixels: int | None) -> Found:
    check_size("PIL image", *image.size, max_pixels)
    found = Found(
        format=image.format.lower() if image.format else None,
        icc_profile=image.info.get("icc_profile"),
        dpi=image.info.get("dpi"),
    )
    try:
        with quiet():
            image.load()  # before its EXIF is asked: Pillow turns TIFFs here
            found.image = image
    except FOREIGN as error:
        message = f"`PIL image` cannot be decoded: {error}"
        raise InputError(message, hint="pass the file itself for a better message") from error
    try:
        with quiet():
            if hasattr(image, "tag_v2"):
                found.exif = tiff.described(image)
            else:
                said = image.getexif()
                found.exif = said.tobytes() if said else None
    except FOREIGN:
        found.notes.append("the EXIF data is damaged and was dropped")
    found.orientation = exif.orientation(exif.without_prefix(found.exif))
    return found


def _picture(name: str, found: Found) -> Picture:
    """Upright RGB with a checked profile."""
    notes = found.notes
    profile = found.icc_profile if isinstance(found.icc_profile, bytes) else None
    if found.image is not None:
        image, profile = _as_rgb(name, found.image, profile, notes)
        if isinstance(image, Image.Image):
            if found.orientation in _TURNS:
                image = image.transpose(_TURNS[found.orientation])
            pixels, alpha = _arrays(image)
        else:
            pixels, alpha = _split(_upright(image, found.orientation))
    elif found.array is not None:
        array = found.array if found.array.ndim == 3 else found.array[:, :, None]
        if array.shape[2] < 3:
            notes.append("grey converted to RGB")
        pixels, alpha = _split(_upright(array, found.orientation))
    else:
        message = f"`{name}` holds no pixels"
        raise InputError(message)
    if profile is not None and not colour.usable(profile, "RGB"):
        notes.append("the colour profile is damaged or not for RGB and was dropped")
        profile = None
    blob = exif.without_prefix(found.exif)
    return Picture(
        pixels,
        alpha,
        profile,
        _dpi(found.dpi, found.orientation),
        exif.cleaned(blob),
        found.format,
        tuple(notes),
    )


def _as_rgb(
    name: str, image: Image.Image, profile: bytes | None, notes: list[str]
) -> tuple[Image.Image | Array, bytes | None]:
    """The picture in mode RGB or RGBA, or a grey array of 16 bit, and the profile that is left."""
    mode = image.mode
    if mode in ("RGB", "RGBA") and "transparency" not in image.info:
        return image, profile
    if mode.startswith("I"):
        return _wide_grey(name, image, notes), None
    if mode == "F":
        message = f"`{name}` holds floating point samples: expected 8 or 16 bit"
        raise InputError(message, hint="convert it to 16 bit first")
    if mode in ("CMYK", "LAB"):
        return _to_srgb(image, profile, notes), None
    if mode in ("1", "L", "LA", "La"):
        notes.append("grey converted to RGB")
    elif mode not in ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa"):
        notes.append(f"{mode} converted to RGB")
    see_through = mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info
    with quiet():
        if mode == "La":
            image = image.convert("LA")
        return image.convert("RGBA" if see_through else "RGB"), profile


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """CMYK or LAB as sRGB, by the profile where it is one for that."""
    mode = image.mode
    if mode == "LAB":
        notes.append("LAB converted to RGB")
        return colour.to_srgb(image, None, "LAB") or image.convert("RGB")
    if profile is not None and colour.usable(profile, "CMYK"):
        converted = colour.to_srgb(image, profile, "CMYK")
        if converted is not None:
            notes.append("CMYK converted to RGB by its colour profile")
            return converted
    notes.append("CMYK converted to RGB without a colour profile")
    return image.convert("RGB")


def _wide_grey(name: str, image: Image.Image, notes: list[str]) -> Array:
    """(H, W, 1) uint16 of one of Pillow's integer modes."""
    array = np.asarray(image)
    if array.dtype.itemsize > 2 and (array.min() < 0 or array.max() > 65535):
        message = f"`{name}` holds 32 bit samples beyond 65535: expected 8 or 16 bit"
        raise InputError(message, hint="convert it to 16 bit first")
    notes.append("grey converted to RGB")
    return array.astype(np.uint16)[:, :, None]


def _arrays(image: Image.Image) -> tuple[Pixels, Array | None]:
    """(H, W, 3) and the alpha, None where all of it is opaque; in bands that stay in the cache."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    alpha = None
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        alpha = np.empty((height, width), np.uint8)
    step = max(1, _BAND_BYTES // (4 * width))
    for top in range(0, height, step):
        bottom = min(top + step, height)
        band = image.crop((0, top, width, bottom))
        samples = np.frombuffer(band.tobytes(), np.uint8).reshape(bottom - top, width, -1)
        pixels[top:bottom] = samples[:, :, :3]
        if alpha is not None:
            alpha[top:bottom] = samples[:, :, 3]
    return pixels, alpha


def _split(array: Array) -> tuple[Pixels, Array | None]:
    """(H, W, 1 to 4) as own copies of colour and alpha."""
    channels = array.shape[2]
    colours = array[:, :, :3] if channels >= 3 else np.repeat(array[:, :, :1], 3, axis=2)
    alpha = array[:, :, channels - 1] if channels in (2, 4) else None
    if alpha is not None and (alpha == np.iinfo(array.dtype).max).all():
        alpha = None
    copied = np.array(colours, order="C", copy=True)
    return cast("Pixels", copied), None if alpha is None else alpha.copy()


def _upright(array: Array, orientation: int) -> Array:
    """The array turned as EXIF says (CIPA DC-008, tag 274)."""
    if orientation >= 5:
        array = array.transpose(1, 0, 2)
    # Which sides are mirrored, after rows and columns were exchanged.
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _dpi(found: Any, orientation: int) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in found)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not all(LEAST_DPI <= value <= LARGEST_DPI for value in (across, down)):
        return None  # also NaN: what no device has was not meant
    return (down, across) if orientation >= 5 else (across, down)


def _reduced(pixels: Pixels, alpha: Array | None, factor: int) -> RGB8:
    """Eight bits, over grey, box-reduced: band by band, so that nothing photo-sized is copied."""
    if factor == 1 and alpha is None:
        return colour.to_eight_bits(pixels)
    height, width = pixels.shape[:2]
    out = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    step = factor * max(1, _BAND_BYTES // (4 * width * factor))
    for top in range(0, height, step):
        band = Image.fromarray(np.ascontiguousarray(colour.to_eight_bits(pixels[top : top + step])))
        if alpha is not None:
            mask = Image.fromarray(
                np.ascontiguousarray(colour.to_eight_bits(alpha[top : top + step]))
            )
            grey = Image.new("RGB", band.size, (_MID_GREY,) * 3)
            grey.paste(band, mask=mask)
            band = grey
        small = band if factor == 1 else band.reduce(factor)
        first = top // factor
        out[first : first + small.height] = np.asarray(small)
    return out
