"""Loose pieces that a network gave to the wrong one of two things: a foot, a hand, a veil on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nukki.ops.components import find_pieces
from nukki.ops.discs import dilated
from nukki.ops.segments import Segment
from nukki.types import Box

__all__ = ["without_strays"]

_THERE = 8  # levels of 255 from which on a pixel is part of a piece
_LOOSE, _TOUCH = 0.1, 0.01  # of the largest piece's area; of the thing's height


def without_strays(segment: Segment, others: Sequence[Segment]) -> Segment:
    """A thing less the loose pieces of its alpha that lie on things of its kind, or touch them.

    Args:
        segment: The thing.
        others: Those that such pieces may belong to.
    """
    levels, support = segment.levels, segment.support
    pieces = find_pieces(levels >= _THERE)
    if pieces.count < 2:
        return segment
    areas = pieces.areas()
    loose = areas < _LOOSE * areas.max()
    reach = max(2, round(_TOUCH * segment.box.height))
    around = support.grown(reach, *segment.size)
    near = np.zeros((around.height, around.width), np.bool_)
    for one in others:
        meeting = one.box.within(around)
        if one.label == segment.label and meeting.width > 0 and meeting.height > 0:
            near[_part_of(around, meeting)] |= one.crop[_part_of(one.box, meeting)]
    if not loose.any() or not near.any():
        return segment
    touched = dilated(near, reach)[_part_of(around, support)]
    strays = loose & (pieces.largest(touched.astype(np.float32)) > 0.5)
    if not strays.any():
        return segment
    kept = np.ones(segment.size, np.bool_)
    kept[support.slices()] = ~pieces.mask(strays)
    return segment.within(kept) or segment


def _part_of(outer: Box, inner: Box) -> tuple[slice, slice]:
    return (
        slice(inner.top - outer.top, inner.bottom - outer.top),
        slice(inner.left - outer.left, inner.right - outer.left),
    )
