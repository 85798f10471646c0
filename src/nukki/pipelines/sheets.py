"""Pictures that were put together of layers, which stay apart in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from nukki.errors import InputError
from nukki.io.encode import Encoding, encode, format_of, supports_alpha
from nukki.io.files import write
from nukki.io.images import Picture
from nukki.io.openraster import RasterLayer, encode_openraster
from nukki.ops.alpha import bounds
from nukki.ops.composite import Layer, compose, stacked
from nukki.types import Alpha, Box, Pixels

__all__ = ["Replaced", "Sheet", "is_openraster", "merged"]


@dataclass(frozen=True, eq=False)
class Sheet:
    """One layer of a canvas.

    Attributes:
        name: "background", "shadow", "outline", "subject" or "in front".
        pixels: (H, W, 3), or (3,) for one colour.
        alpha: (H, W); None where it covers everything.
    """

    name: str
    pixels: Pixels
    alpha: Alpha | None = None


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Replaced(Picture):
    """A picture that was put together: it is saved like any other, and knows its layers.

    Attributes:
        sheets: From the lowest to the uppermost.
        found: Whether there was a subject at all.
        confidence: How sure the network is of that, 0 to 1.
        road: How it was found; see `Cutout.road`.
        reason: Why by that road.
        advice: See `Cutout.advice`.
        seconds: Time of each step.
        threads: How many threads its methods may use.
    """

    sheets: tuple[Sheet, ...] = ()
    found: bool = True
    confidence: float = 1.0
    road: str = ""
    reason: str = ""
    advice: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1

    def save(
        self,
        target: str | PathLike[str] | BinaryIO,
        format: str | None = None,
        **encoding: Any,
    ) -> None:
        """Write the picture; a name that ends in `.ora`, or "ora", gives its layers (OpenRaster).

        Args:
            target: A path, whose ending names the format, or a binary file.
            format: "ora" or what `Picture.save` takes.
            **encoding: Fields of `Encoding`: png, quality, lossless.

        Raises:
            InputError: If the format cannot hold the picture.
            OutputError: If the target cannot be written.
        """
        kind = "ora" if is_openraster(target, format) else format_of(target, format)
        write(target, self.encode(kind, **encoding))

    def encode(self, format: str = "png", **encoding: Any) -> bytes:
        """The bytes that `save` writes; takes what `save` takes."""
        if format == "ora":
            return encode_openraster(
                [self._raster(sheet) for sheet in self.sheets],
                self._whole(),
                icc_profile=self.icc_profile,
                dpi=self.dpi,
                threads=self.threads,
            )
        if self.alpha is not None and not supports_alpha(format):
            message = f"{format.upper()} has no transparency, and the picture has"
            raise InputError(message, hint="name a background, or write PNG, WebP, AVIF or TIFF")
        return encode(
            self._whole(),
            format,
            icc_profile=self.icc_profile,
            dpi=self.dpi,
            exif=self.exif,
            encoding=Encoding.of(encoding),
            threads=self.threads,
        )

    def layers(self) -> dict[str, bytes]:
        """Each layer as the bytes of a PNG of the canvas's size, by its name."""
        size = self.height, self.width
        return {
            sheet.name.replace(" ", "-"): encode(
                _layer(sheet, Box(0, 0, size[1], size[0])),
                "png",
                icc_profile=self.icc_profile,
                dpi=self.dpi,
                threads=self.threads,
            )
            for sheet in self.sheets
        }

    def save_layers(self, folder: str | PathLike[str]) -> None:
        """Write `background.png`, `shadow.png`, `subject.png`, … into a folder that is there.

        Raises:
            OutputError: If one cannot be written.
        """
        for name, data in self.layers().items():
            write(Path(folder) / f"{name}.png", data)

    def _raster(self, sheet: Sheet) -> RasterLayer:
        box = Box(0, 0, self.width, self.height)
        if sheet.alpha is not None:
            least = 0.5 / float(np.iinfo(self.pixels.dtype).max)
            box = bounds(sheet.alpha, least) or Box(0, 0, 1, 1)
        return RasterLayer(sheet.name, _layer(sheet, box).joined(self.threads), box.left, box.top)

    def _whole(self) -> Pixels:
        if self.alpha is None:
            return self.pixels
        return cast("Pixels", np.dstack([self.pixels, self.alpha]))


def is_openraster(target: object, format: str | None = None) -> bool:
    """Whether a name or a format asks for OpenRaster, by the same rules as `format_of`."""
    if format is not None:
        return format.lower().removeprefix(".") == "ora"
    return isinstance(target, str | PathLike) and Path(target).suffix.lower() == ".ora"


def _layer(sheet: Sheet, box: Box) -> Layer:
    """A part of a sheet as RGBA rows."""
    part = box.slices()
    pixels = sheet.pixels[part] if sheet.pixels.ndim == 3 else sheet.pixels
    alpha = np.ones((box.height, box.width), np.float32)
    if sheet.alpha is not None:
        alpha = sheet.alpha[part]
    wide = np.broadcast_to(pixels, (box.height, box.width, 3))
    return Layer(cast("Pixels", wide), alpha, wipe=True)


def merged(
    picture: Picture,
    sheets: tuple[Sheet, ...],
    size: tuple[int, int],
    *,
    linear: bool = False,
    threads: int = 1,
) -> Replaced:
    """The layers as one picture, transparent where the lowest one does not cover everything.

    Args:
        picture: Whose colour space, depth and file data the result has.
        sheets: From the lowest to the uppermost; the uppermost is no plain colour.
        size: (height, width).
        linear: Mix light instead of encoded levels.
        threads: How many threads may work; the result does not depend on it.
    """
    dtype = picture.pixels.dtype
    own: Any = None
    if sheets[0].alpha is None:
        pixels = sheets[0].pixels
        for sheet in sheets[1:]:
            if sheet.alpha is not None:
                pixels = compose(sheet.pixels, sheet.alpha, pixels, linear=linear, threads=threads)
        if pixels.ndim == 1:
            pixels = cast("Pixels", np.broadcast_to(pixels, (*size, 3)))
    else:
        pixels, alpha = sheets[0].pixels, sheets[0].alpha
        for sheet in sheets[1:]:
            if sheet.alpha is not None:
                pixels, alpha = stacked(pixels, alpha, sheet.pixels, sheet.alpha, linear=linear)
        joined = Layer(pixels, alpha, wipe=True).joined(threads)
        pixels, own = joined[..., :3], joined[..., 3]
        if (own == np.iinfo(dtype).max).all():
            own = None
    return Replaced(
        pixels=cast("Pixels", np.ascontiguousarray(pixels)),
        alpha=None if own is None else np.ascontiguousarray(own),
        icc_profile=picture.icc_profile,
        dpi=picture.dpi,
        exif=picture.exif,
        format=picture.format,
        notes=picture.notes,
        sheets=sheets,
        threads=threads,
    )
