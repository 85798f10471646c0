"""Masks as lengths of runs, as COCO writes them.

A mask is read column by column, each from top to bottom; its pixels are told as the lengths of
runs, of which the first is outside, the second inside, and so on. The short form writes these
lengths as text, each less the one two before it (from the fourth on), in groups of five bits from
the lowest, each group a character from "0" on; its sixth bit says that another follows, and the
last group's fifth is the sign (cocodataset.org, "Data format"; the form of `pycocotools.mask`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nukki.types import Mask

__all__ = ["from_runs", "from_text", "to_runs", "to_text"]

_FIRST = 48  # the character for five bits that are 0
_MORE, _SIGN, _BITS = 0x20, 0x10, 0x1F


def from_runs(runs: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask of some runs.

    Args:
        runs: Lengths: outside, inside, outside, … down the columns.
        size: (height, width).

    Raises:
        ValueError: If a length is negative, or all together are not the mask's pixels.
    """
    lengths = np.asarray(runs, np.int64)
    height, width = size
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != height * width:
        message = f"runs must be lengths of {height} × {width} pixels together"
        raise ValueError(message)
    inside = np.arange(len(lengths)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, lengths).reshape(width, height).T)


def to_runs(mask: Mask) -> list[int]:
    """The runs of a mask (H, W); the first is outside and may be 0."""
    column = np.concatenate(([False], mask.T.ravel()))  # so that the first run is outside
    changes = np.flatnonzero(column[1:] != column[:-1])
    ends = np.concatenate(([0], changes, [mask.size]))
    return [int(length) for length in np.diff(ends)]


def from_text(text: str) -> list[int]:
    """The runs that a text of the short form tells.

    Raises:
        ValueError: If a character is none of the form's, or the text ends within a number.
    """
    runs: list[int] = []
    number, shift = 0, 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 64:
            message = f"`{character}` is no character of runs in their short form"
            raise ValueError(message)
        number |= (bits & _BITS) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
        number, shift = 0, 0
    if shift:
        message = "runs in their short form end within a number"
        raise ValueError(message)
    return runs


def to_text(runs: Sequence[int]) -> str:
    """The short form of some runs."""
    characters = []
    for place, length in enumerate(runs):
        number = length - runs[place - 2] if place > 2 else length
        more = True
        while more:
            bits = number & _BITS
            number >>= 5  # keeps the sign
            more = number != (-1 if bits & _SIGN else 0)
            characters.append(chr(_FIRST + bits + (_MORE if more else 0)))
    return "".join(characters)
