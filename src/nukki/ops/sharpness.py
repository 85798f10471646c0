"""How sharp a part of a photo is beside all of it.

The variance of the Laplacian tells what is in focus (Pech-Pacheco et al., "Diatom autofocusing in
brightfield microscopy", ICPR 2000). Its root within a part over that in the whole photo is the
ratio r, and r / (1 + r) is given: ½ where the part is as sharp as the photo, 0 where it is flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nukki.types import RGB8, Box, Mask

__all__ = ["laplacian", "reduction", "sharpness"]

_SIDE = 1024  # pixels of the longer side that are looked at


def reduction(height: int, width: int) -> int:
    """By what whole factor a photo is reduced before it is looked at."""
    return max(1, max(height, width) // _SIDE)


def laplacian(image: RGB8) -> NDArray[np.float32]:
    """The Laplacian of the luma (BT.601), 4-neighbour; the rim is repeated outwards.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (H, W) float32.
    """
    # In whole thousandths: a sum of floats would depend on where in memory a pixel lies, and a
    # photo of one colour would not be flat.
    red, green, blue = (image[..., channel].astype(np.int32) for channel in range(3))
    luma = 299 * red + 587 * green + 114 * blue
    framed = np.pad(luma, 1, mode="edge")
    around = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]
    return np.asarray((around - 4 * luma) / np.float32(1000), np.float32)


def sharpness(detail: NDArray[np.float32], factor: int, crop: Mask, box: Box) -> float:
    """How sharp a part is, 0 to 1.

    Args:
        detail: (h, w), the `laplacian` of the photo reduced by `factor`.
        factor: The reduction; a pixel of `detail` is asked at the middle of its block.
        crop: (box.height, box.width) bool, the part inside its box.
        box: Where in the photo it lies.

    Returns:
        ½ where the part is as sharp as the photo, also where nothing in the photo is.
    """
    rows = np.arange(box.top // factor, -(-box.bottom // factor))
    columns = np.arange(box.left // factor, -(-box.right // factor))
    inside = crop[
        np.ix_(
            np.clip(rows * factor + factor // 2 - box.top, 0, box.height - 1),
            np.clip(columns * factor + factor // 2 - box.left, 0, box.width - 1),
        )
    ]
    part = detail[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][inside]
    whole = float(detail.std())
    if not part.size or whole == 0:
        return 0.5
    own = float(part.std())
    return own / (own + whole)
