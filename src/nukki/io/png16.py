"""Pixels of 16 bit PNG files, which Pillow would cut to 8 bit.

PNG Specification, third edition, W3C 2025: filters (section 9), interlace (section 8).

Sub, Average and Paeth need the pixel on the left, so that a row cannot be undone at once. Pixels
(row, column) on one anti-diagonal, row + column = d, need only d - 1 and d - 2:

    row 0   d   d+1  d+2          left      (row, column - 1)     on d - 1
    row 1   d+1 d+2  d+3          above     (row - 1, column)     on d - 1
    row 2   d+2 d+3  d+4          above left                      on d - 2

so a band of rows is laid out askew, one anti-diagonal after the other, and undone in
width + rows steps of NumPy instead of width × rows steps of Python.
"""

from __future__ import annotations

import numpy as np
from isal import isal_zlib
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from nukki.io.faults import damaged, truncated
from nukki.io.pngfile import INFLATE_FAULTS, PngFile

__all__ = ["read_pixels"]

Bytes = NDArray[np.uint8]
NONE, SUB, UP, AVERAGE, PAETH = range(5)
_BAND = 256
# Adam7: first row, first column, step of rows, step of columns of each pass.
_PASSES = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
    (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
)  # fmt: skip
_WHOLE = ((0, 0, 1, 1),)


def read_pixels(name: str, file: PngFile, *, allow_truncated: bool) -> NDArray[np.uint16]:
    """(H, W, channels) uint16 of a 16 bit file; rows that are missing are 0.

    Raises:
        InputError: If the stream is damaged, or ends early and that is not allowed.
    """
    pixel_bytes = 2 * file.channels
    passes = [
        (y, x, dy, dx, -(-(file.height - y) // dy), -(-(file.width - x) // dx))
        for y, x, dy, dx in (_PASSES if file.interlaced else _WHOLE)
        if y < file.height and x < file.width
    ]
    expected = sum(rows * (1 + columns * pixel_bytes) for *_, rows, columns in passes)
    raw = _inflate(name, file, expected, allow_truncated)
    out = np.zeros((file.height, file.width, file.channels), np.uint16)
    place = 0
    for y, x, dy, dx, rows, columns in passes:
        size = 1 + columns * pixel_bytes
        lines = raw[place : place + rows * size].reshape(rows, size)
        if lines[:, 0].max() > PAETH:
            raise damaged(name, "PNG", "a row has an unknown filter")
        undone = _unfilter(lines, pixel_bytes)
        out[y::dy, x::dx] = undone.view(">u2").reshape(rows, columns, file.channels)
        place += rows * size
    return out


def _inflate(name: str, file: PngFile, expected: int, allow_truncated: bool) -> Bytes:
    """The filtered rows, filled up with zeros where the stream ends early."""
    inflater = isal_zlib.decompressobj()
    parts: list[bytes] = []
    size = 0
    try:
        for part in file.data:
            if size < expected:
                parts.append(inflater.decompress(part, expected - size))
                size += len(parts[-1])
    except INFLATE_FAULTS as error:
        if not allow_truncated:
            raise damaged(name, "PNG", "its pixels cannot be inflated") from error
        file.notes.append("the pixels are damaged: rows are missing")
    if size < expected:
        if not allow_truncated:
            raise truncated(name, "PNG")
        parts.append(bytes(expected - size))
    return np.frombuffer(b"".join(parts), np.uint8)


def _unfilter(lines: Bytes, pixel_bytes: int) -> Bytes:
    """(rows, 1 + row bytes) filtered to (rows, row bytes)."""
    filters = lines[:, 0]
    out = np.empty((lines.shape[0], lines.shape[1] - 1), np.uint8)
    above = np.zeros(out.shape[1], np.uint8)
    for top in range(0, len(lines), _BAND):
        band = slice(top, top + _BAND)
        if filters[band].max() <= UP:
            _by_rows(lines[band, 1:], filters[band], above, out[band], pixel_bytes)
        else:
            _by_diagonals(lines[band, 1:], filters[band], above, out[band], pixel_bytes)
        above = out[band][-1]
    return out


def _by_rows(data: Bytes, filters: Bytes, above: Bytes, out: Bytes, pixel_bytes: int) -> None:
    for row, kind in enumerate(filters.tolist()):
        if kind == SUB:
            pixels = data[row].reshape(-1, pixel_bytes)
            np.add.accumulate(pixels, axis=0, dtype=np.uint8, out=out[row].reshape(-1, pixel_bytes))
        elif kind == UP:
            np.add(data[row], above, out=out[row])
        else:
            out[row] = data[row]
        above = out[row]


def _by_diagonals(data: Bytes, filters: Bytes, above: Bytes, out: Bytes, pixel_bytes: int) -> None:
    rows, width = len(data), data.shape[1] // pixel_bytes
    # askew[d + 2, row + 1]: row 0 is the row above the band; cells off the picture stay 0.
    askew = np.zeros((width + rows + 3, rows + 1, pixel_bytes), np.int16)
    step, next_row, sample = askew.strides
    view = as_strided(askew[1:], (rows + 1, width, pixel_bytes), (step + next_row, step, sample))
    view[0] = above.reshape(width, pixel_bytes)
    view[1:] = data.reshape(rows, width, pixel_bytes)
    kinds = filters[:, None]
    uses = [kinds == kind for kind in range(5)]
    has_average, has_paeth = uses[AVERAGE].any(), uses[PAETH].any()
    for d in range(width + rows - 1):
        first, last = max(0, d - width + 1), min(rows, d + 1)
        here = askew[d + 2, first + 1 : last + 1]
        left = askew[d + 1, first + 1 : last + 1]
        up = askew[d + 1, first:last]
        corner = askew[d, first:last]
        guess = np.where(uses[SUB][first:last], left, 0)
        np.copyto(guess, up, where=uses[UP][first:last])
        if has_average:
            np.copyto(guess, (left + up) >> 1, where=uses[AVERAGE][first:last])
        if has_paeth:
            np.copyto(guess, _paeth(left, up, corner), where=uses[PAETH][first:last])
        here += guess
        here &= 255
    out.reshape(rows, width, pixel_bytes)[...] = view[1:]


def _paeth(
    left: NDArray[np.int16], up: NDArray[np.int16], corner: NDArray[np.int16]
) -> NDArray[np.int16]:
    """The neighbour nearest to left + up - corner; left before up before corner."""
    to_left = up - corner
    to_up = left - corner
    to_corner = np.abs(to_left + to_up)
    np.abs(to_left, out=to_left)
    np.abs(to_up, out=to_up)
    best = np.where(to_up <= to_corner, up, corner)
    np.copyto(best, left, where=(to_left <= to_up) & (to_left <= to_corner))
    return best
