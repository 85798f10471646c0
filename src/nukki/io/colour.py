"""ICC profiles: which ones count, which are sRGB, and the way from any of them to sRGB.

Done by Little CMS through Pillow, relative colorimetric with black point compensation, which keeps
in-gamut colours exactly (ICC.1:2022, section 6.2; Adobe's note on black point compensation).
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from nukki.types import RGB8, Pixels

__all__ = [
    "from_srgb",
    "is_srgb",
    "profile_space",
    "rgb8_from",
    "to_eight_bits",
    "to_srgb",
    "usable",
]

Space = Literal["RGB", "CMYK", "LAB", "L"]
_SPACES = {b"RGB ": "RGB", b"CMYK": "CMYK", b"GRAY": "L", b"Lab ": "LAB"}
_BAND_BYTES = 1 << 20
_PROBE_STEPS = 9


def profile_space(profile: bytes | None) -> str | None:
    """What the profile's header says: "RGB", "CMYK", "L" or "LAB"; None if it is no profile."""
    if not profile or len(profile) < 132 or profile[36:40] != b"acsp":
        return None
    return _SPACES.get(profile[16:20])


@lru_cache(maxsize=16)
def usable(profile: bytes, space: str) -> bool:
    """Whether the profile is whole and leads from `space` to sRGB."""
    return profile_space(profile) == space and _transform(profile, space) is not None


@lru_cache(maxsize=16)
def is_srgb(profile: bytes) -> bool:
    """Whether the profile moves no colour by more than one level, seen on a lattice of 9³."""
    steps = np.linspace(0, 255, _PROBE_STEPS).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    transform = _transform(profile, "RGB")
    if transform is None:
        return False
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(lattice), transform))
    return bool(np.abs(moved.astype(np.int16) - lattice).max() <= 1)


def to_srgb(image: Image.Image, profile: bytes | None, space: Space) -> Image.Image | None:
    """The picture in sRGB (mode RGB); None where the profile cannot be used."""
    transform = _transform(profile, space)
    return None if transform is None else ImageCms.applyTransform(image, transform)


def rgb8_from(pixels: RGB8, profile: bytes | None) -> RGB8:
    """(H, W, 3) uint8 from the profile's space to sRGB; the same array if they are equal."""
    if profile is None or is_srgb(profile):
        return pixels
    return _applied(pixels, _transform(profile, "RGB"))


def from_srgb(pixels: RGB8, profile: bytes | None) -> RGB8:
    """(H, W, 3) uint8 from sRGB to the profile's space; the same array if they are equal."""
    if profile is None or is_srgb(profile):
        return pixels
    return _applied(pixels, _transform(profile, "RGB", inverse=True))


def _applied(pixels: RGB8, transform: ImageCms.ImageCmsTransform | None) -> RGB8:
    if transform is None:
        return pixels
    out = np.empty_like(pixels)
    rows = max(1, _BAND_BYTES // (4 * pixels.shape[1]))
    for top in range(0, len(pixels), rows):
        band = Image.fromarray(np.ascontiguousarray(pixels[top : top + rows]))
        out[top : top + rows] = np.asarray(ImageCms.applyTransform(band, transform))
    return out


def to_eight_bits(pixels: Pixels) -> RGB8:
    """`rint(x / 257)` for uint16 of any shape, in integers; uint8 comes back as it is."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    out = np.empty(pixels.shape, np.uint8)
    row = max(1, pixels[0].size) if len(pixels) else 1
    rows = max(1, _BAND_BYTES // (4 * row))
    for top in range(0, len(pixels), rows):
        wide = pixels[top : top + rows].astype(np.uint32)
        wide *= 255
        wide += 32895
        wide >>= 16
        out[top : top + rows] = wide
    return out


@lru_cache(maxsize=16)
def _transform(
    profile: bytes | None, space: str, *, inverse: bool = False
) -> ImageCms.ImageCmsTransform | None:
    """From the profile's `space` to sRGB, or back; None where the profile cannot be used."""
    try:
        theirs = (
            ImageCms.createProfile("LAB")
            if profile is None and space == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        )
        ends = [(theirs, space), (ImageCms.createProfile("sRGB"), "RGB")]
        (source, mode), (target, target_mode) = reversed(ends) if inverse else ends
        return ImageCms.buildTransform(
            source,
            target,
            mode,
            target_mode,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
