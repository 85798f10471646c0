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

__all__ = ["from_srgb", "is_srgb", "profile_space", "rgb8_from", "to_eight_bits", "to_srgb", "usable"]

Space = Literal["RGB", "CMYK", "LAB", "L"]
_SPACES = {b"RGB ": "RGB", b"CMYK": "CMYK", b"GRAY": "L", b"Lab ": "LAB"}
_BAND_BYTES = 1 << 20
_PROBE_STEPS = 9


def profile_space(profile: bytes | None) -> str | None:
    """ "RGB", "CMYK", "L" or "LAB" as the profile's header says; None if it is no profile."""
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
    """(H, W, 3) uint8 in the profile's space as (H, W, 3) uint8 in sRGB; the same array if equal."""
    transform = None if profile is None or is_srgb(profile) else _transform(profile, "RGB")
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
def _transform(profile: bytes | None, space: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = (
            ImageCms.createProfile("LAB")
            if profile is None and space == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        )
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            space,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def from_srgb(pixels: RGB8, profile: bytes | None) -> RGB8:
    """(H, W, 3) uint8 in sRGB as (H, W, 3) uint8 in the profile's space; the same array if equal."""
    if profile is None or is_srgb(profile):
        return pixels
    transform = _inverse(profile)
    if transform is None:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(ImageCms.applyTransform(image, transform))


@lru_cache(maxsize=16)
def _inverse(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
