"""OpenRaster files: layers that image editors open (the specification's version 0.0.5).

A zip whose first member `mimetype` is stored, `stack.xml` with the layers from the uppermost to the
lowest, each a PNG in `data/`, `mergedimage.png` and `Thumbnails/thumbnail.png` of at most 256
pixels a side. Written the same byte by byte every time: members bear the first date that zips know.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

import numpy as np
from PIL import Image

from nukki.io.colour import rgb8_from, to_eight_bits
from nukki.io.png import encode_png
from nukki.types import RGBA

__all__ = ["RasterLayer", "encode_openraster"]

_VERSION = "0.0.5"
_DATE = (1980, 1, 1, 0, 0, 0)
_THUMBNAIL = 256


@dataclass(frozen=True, eq=False)
class RasterLayer:
    """A layer of a file.

    Attributes:
        name: What an editor shows.
        rgba: (h, w, 4) uint8 or uint16, straight alpha.
        left: Column of the canvas at which it begins.
        top: Row likewise.
    """

    name: str
    rgba: RGBA
    left: int = 0
    top: int = 0


def encode_openraster(
    layers: Sequence[RasterLayer],
    merged: RGBA,
    *,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    threads: int | None = None,
) -> bytes:
    """The bytes of an OpenRaster file.

    Args:
        layers: From the lowest to the uppermost.
        merged: (H, W, 3) or (H, W, 4), all of them together: its size is the canvas's.
        icc_profile: Of all pixels; None means sRGB.
        dpi: Pixels per inch, across and down.
        threads: How many threads may work; None takes `settings.threads()`.
    """
    height, width = merged.shape[:2]
    said = {"icc_profile": icc_profile, "dpi": dpi, "threads": threads}
    image = Xml.Element("image", version=_VERSION, w=str(width), h=str(height))
    if dpi is not None:
        image.set("xres", str(round(dpi[0])))
        image.set("yres", str(round(dpi[1])))
    stack = Xml.SubElement(image, "stack")
    files: list[tuple[str, bytes]] = []
    for number, layer in reversed(list(enumerate(layers))):
        path = f"data/{number:03d}.png"
        Xml.SubElement(
            stack,
            "layer",
            {
                "name": layer.name,
                "src": path,
                "x": str(layer.left),
                "y": str(layer.top),
                "opacity": "1.0",
                "visibility": "visible",
                "composite-op": "svg:src-over",
            },
        )
        files.append((path, encode_png(layer.rgba, **said)))  # type: ignore[arg-type]
    head = b"<?xml version='1.0' encoding='UTF-8'?>\n"
    files.insert(0, ("stack.xml", head + Xml.tostring(image, encoding="utf-8")))
    files.append(("mergedimage.png", encode_png(merged, **said)))  # type: ignore[arg-type]
    files.append(("Thumbnails/thumbnail.png", _thumbnail(merged, icc_profile)))
    return _zipped(files)


def _thumbnail(merged: RGBA, icc_profile: bytes | None) -> bytes:
    """At most 256 pixels a side, 8 bit sRGB."""
    eight = to_eight_bits(merged)
    colours = rgb8_from(np.ascontiguousarray(eight[..., :3]), icc_profile)
    whole = np.dstack([colours, eight[..., 3:]]) if eight.shape[2] == 4 else colours
    image = Image.fromarray(np.ascontiguousarray(whole))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX, reducing_gap=None)
    return encode_png(np.asarray(image))


def _zipped(files: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [("mimetype", b"image/openraster"), *files]:
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3  # or the bytes would depend on the system
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)  # stored: PNGs are deflated already
    return out.getvalue()
