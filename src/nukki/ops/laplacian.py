"""The matting Laplacian of a picture, as the 25 numbers of each pixel of a band.

Levin, Lischinski & Weiss 2008 ("A closed-form solution to natural image matting", TPAMI 30(2)),
eq. 12: in every 3 × 3 window alpha is thought to be a linear function of the colour; what is left
over, Σ (alpha - a · I - b)² + eps |a|², is the quadratic form alphaᵀ L alpha with

    L_ij = Σ over windows of  δ_ij - 1/9 (1 + (I_i - μ)ᵀ (Σ + eps/9)⁻¹ (I_j - μ))

Pixels meet in a window where they lie within two rows and two columns: a 5 × 5 stencil. The inverse
is never formed: with Σ + eps/9 = C Cᵀ the product is that of two vectors C⁻¹ (I - μ).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nukki.ops.band import FULL, HALO, SIDE, Band
from nukki.ops.tiles import each
from nukki.types import RGB8

__all__ = ["EPS", "REACH", "stencils"]

EPS = 1e-7  # how much |a|² counts; the authors' value for colours in 0..1
REACH = 2 * HALO + 1
WINDOWS = FULL - 2  # windows along a side of a square that hold one of its pixels
PIXELS = tuple((down, right) for down in range(3) for right in range(3))

Values = NDArray[np.float32]


def stencils(image: RGB8, band: Band, *, eps: float = EPS, threads: int = 1) -> Values:
    """The rows of the Laplacian for the pixels of a band.

    Args:
        image: (H, W, 3) uint8.
        band: Of the picture's size.
        eps: Regularisation, in units of colours in 0..1.
        threads: How many threads may work.

    Returns:
        (chunks, REACH, REACH, SIDE, SIDE, squares) float32: element [k, i, j, y, x, s] weighs the
        pixel i - 2 rows below and j - 2 columns right of pixel (y, x). Rows sum up to 0, and those
        of pixels outside the band are 0.
    """
    shape = (band.chunks, REACH, REACH, SIDE, SIDE, band.rows.shape[1])
    result = np.zeros(shape, np.float32)

    def work(chunk: int) -> None:
        colours = band.gathered(image, chunk)
        whole = _whole(band, chunk)
        white = _whitened(np.ascontiguousarray(colours.transpose(3, 0, 1, 2), np.float32), eps)
        white *= whole
        _add_pairs(white, whole, result[chunk])
        result[chunk] *= band.inside[chunk]

    each(work, range(band.chunks), threads)
    return result


def _whole(band: Band, chunk: int) -> Values:
    """1 for windows that lie in the picture whole, (WINDOWS, WINDOWS, squares), else 0."""
    (rows, columns), (height, width) = band.places(chunk), band.shape
    rows, columns = rows[1:-1], columns[:, 1:-1]
    down = (rows > 0) & (rows < height - 1)
    along = (columns > 0) & (columns < width - 1)
    return np.asarray(down & along, np.float32)


def _windows(planes: Values, pixel: tuple[int, int]) -> Values:
    """What each window has at one of its nine pixels; planes (…, FULL, FULL, squares)."""
    down, right = pixel
    return planes[..., down : down + WINDOWS, right : right + WINDOWS, :]


def _whitened(colours: Values, eps: float) -> Values:
    """C⁻¹ (I - μ) / 3 of the nine pixels of each window.

    Args:
        colours: (3, FULL, FULL, squares), 0..255.
        eps: See `stencils`.

    Returns:
        (9, 3, WINDOWS, WINDOWS, squares).
    """
    # In ninths of a level deviations are whole numbers, and so are their products and sums: float32
    # is exact (but for the strongest edges, which do not mind). What is left of one channel without
    # the others may be a millionth of it, so that is found in float64.
    white = np.stack([_windows(colours, pixel) for pixel in PIXELS])
    total = white.sum(axis=0)
    white *= 9
    white -= total
    red, green, blue = white[:, 0], white[:, 1], white[:, 2]
    least = eps * (9 * 255) ** 2
    first = np.sqrt(_product(red, red) + least)
    down, corner = _product(red, green) / first, _product(red, blue) / first
    second = np.sqrt(np.maximum(_product(green, green) + least - down * down, least))
    across = (_product(green, blue) - down * corner) / second
    third = _product(blue, blue) + least - corner * corner - across * across
    third = np.sqrt(np.maximum(third, least))
    red *= (1 / first).astype(np.float32)
    green -= down.astype(np.float32) * red
    green *= (1 / second).astype(np.float32)
    blue -= corner.astype(np.float32) * red
    blue -= across.astype(np.float32) * green
    blue *= (1 / third).astype(np.float32)
    return white


def _product(one: Values, other: Values) -> NDArray[np.float64]:
    """Sum of products over the nine pixels of each window, (WINDOWS, WINDOWS, squares)."""
    return np.asarray(np.einsum("kabs,kabs->abs", one, other), np.float64)


def _add_pairs(white: Values, whole: Values, result: Values) -> None:
    """Add what pairs of pixels get from all windows, then make rows sum up to 0."""
    ninth = whole / 9
    for first, second in combinations(range(9), 2):
        (y, x), (v, u) = PIXELS[first], PIXELS[second]
        share = np.einsum("cabs,cabs->abs", white[first], white[second])
        share += ninth
        down, right = v - y, u - x
        _add(share, (y, x), result[HALO + down, HALO + right])
        _add(share, (v, u), result[HALO - down, HALO - right])
    total = result.sum(axis=(0, 1))
    np.negative(result, out=result)
    result[HALO, HALO] = total


def _add(share: Values, pixel: tuple[int, int], target: Values) -> None:
    """Add what windows give to the pixel that is their `pixel`, for all pixels of the squares."""
    # Window (0, 0) is around the pixel one above and one left of the square's first.
    top, left = 2 - pixel[0], 2 - pixel[1]
    target += share[top : top + SIDE, left : left + SIDE]
