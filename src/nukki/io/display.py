"""Pictures as notebooks show them: small, sRGB, what is see-through over a checkerboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import NukkiError
from nukki.io import colour
from nukki.io.encode import encode
from nukki.types import RGB8, Pixels

__all__ = ["LONGEST", "Shown", "checks", "reduced", "shown_png"]

# What is shown: pixels (H, W, 3), alpha (H, W) in their depth or None, and their profile.
Shown: TypeAlias = tuple[Pixels, NDArray[np.uint8] | NDArray[np.uint16] | None, bytes | None]

LONGEST = 800  # pixels of the longer side: a notebook keeps every picture that it shows
_CHECKS = (255, 204)  # the two greys that image editors show behind transparency
_CHECK = 8
_BAND_BYTES = 1 << 22


def shown_png(make: Callable[[], Shown]) -> bytes | None:
    """The bytes of a small PNG, for `_repr_png_`; None where there is nothing to show.

    Args:
        make: Gives the picture. What it raises because of the picture is no error here: whoever
            asks for a look at an object in a notebook wants the object, not a traceback.
    """
    try:
        pixels = reduced(*make())
        if pixels.shape[2] == 4:
            pixels = _over_checks(pixels)
        return encode(pixels, "png", threads=1)
    except (NukkiError, ValueError, TypeError, LookupError, OSError, MemoryError):
        return None


def reduced(
    pixels: Pixels,
    alpha: NDArray[np.uint8] | NDArray[np.uint16] | None = None,
    profile: bytes | None = None,
    *,
    longest: int = LONGEST,
) -> NDArray[np.uint8]:
    """A picture no larger than a screen needs it, 8 bits, sRGB.

    Averages are weighted by the alpha, so that colours that nobody sees do not matter.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        alpha: (H, W) in the same depth; None = opaque.
        profile: ICC profile of the pixels; None = sRGB.
        longest: Bound of the longer side; smaller pictures keep their size.

    Returns:
        (h, w, 3) uint8, or (h, w, 4) with straight alpha.
    """
    height, width = pixels.shape[:2]
    factor = max(1, max(height, width) // longest)
    image = Image.fromarray(_by_whole(pixels, alpha, factor))
    scale = min(1.0, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    small = np.array(image)
    small[..., :3] = colour.rgb8_from(np.ascontiguousarray(small[..., :3]), profile)
    return small


def _by_whole(
    pixels: Pixels, alpha: NDArray[np.uint8] | NDArray[np.uint16] | None, factor: int
) -> NDArray[np.uint8]:
    """Reduced by a whole factor, band by band: nothing of the photo's size is copied."""
    height, width = pixels.shape[:2]
    step = factor * max(1, _BAND_BYTES // (4 * width * factor))
    bands = []
    for top in range(0, height, step):
        rows = slice(top, top + step)
        band = colour.to_eight_bits(pixels[rows])
        if alpha is not None:
            band = np.dstack([band, colour.to_eight_bits(alpha[rows])])
        image = Image.fromarray(np.ascontiguousarray(band))
        bands.append(np.asarray(image if factor == 1 else image.reduce(factor)))
    return np.concatenate(bands)


def _over_checks(pixels: NDArray[np.uint8]) -> RGB8:
    height, width = pixels.shape[:2]
    behind = Image.fromarray(checks(height, width))
    image = Image.fromarray(pixels)
    behind.paste(image, mask=image.getchannel("A"))
    return np.asarray(behind)


def checks(height: int, width: int) -> RGB8:
    """A checkerboard of two greys, (H, W, 3) uint8."""
    rows, columns = np.ogrid[:height, :width]
    odd = (rows // _CHECK + columns // _CHECK) % 2
    grey = np.where(odd == 1, np.uint8(_CHECKS[1]), np.uint8(_CHECKS[0]))
    return np.repeat(grey[..., None], 3, axis=2)
