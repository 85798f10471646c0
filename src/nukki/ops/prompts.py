"""Clicks and boxes by which people show a thing: whether they can be meant."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from nukki.errors import InputError
from nukki.types import Box, Point

__all__ = ["box_of", "check_box", "check_point", "point_of"]


def point_of(given: Point | Iterable[float]) -> Point:
    """A point, or two numbers (x, y) as one; anything else is an `InputError`."""
    if isinstance(given, Point):
        return given
    values = _numbers(given, 2)
    if values is None:
        message = f"`points` must be Points or pairs (x, y), got {given!r}"
        raise InputError(message, hint="give points=[(x, y)]; Point(x, y, keep=False) is beside it")
    x, y = values
    return Point(x, y)


def box_of(given: Box | Iterable[int]) -> Box:
    """A box, or four whole numbers as one; anything else is an `InputError`."""
    if isinstance(given, Box):
        return given
    values = _numbers(given, 4)
    if values is None or any(not math.isfinite(edge) or edge != int(edge) for edge in values):
        message = f"`box` must be a Box or four whole numbers, got {given!r}"
        raise InputError(message, hint="give left, top, right, bottom in pixels")
    return Box(*(int(edge) for edge in values))


def _numbers(given: Any, count: int) -> list[float] | None:
    """So many numbers; None where it is something else."""
    values = list(given) if isinstance(given, Iterable) else []
    return values if len(values) == count and all(isinstance(v, Real) for v in values) else None


def check_point(point: Point, height: int, width: int) -> None:
    """Refuse a point outside a (height, width) photo with an `InputError`."""
    inside = -0.5 <= point.x <= width - 0.5 and -0.5 <= point.y <= height - 0.5
    if not (math.isfinite(point.x) and math.isfinite(point.y) and inside):
        message = (
            f"`point` must lie in the photo of {width} × {height} pixels, "
            f"got ({point.x:g}, {point.y:g})"
        )
        raise InputError(message, hint="the first pixel's centre is (0, 0)")


def check_box(box: Box, height: int, width: int) -> None:
    """Refuse a box that is empty or reaches out of a (height, width) photo with an `InputError`."""
    within = box.within(Box(0, 0, width, height)) == box
    if not within or box.width < 1 or box.height < 1:
        message = (
            f"`box` must hold a pixel and lie in the photo of {width} × {height} pixels, "
            f"got ({box.left}, {box.top}, {box.right}, {box.bottom})"
        )
        raise InputError(message, hint="give left, top, right, bottom; right and bottom lie beyond")
