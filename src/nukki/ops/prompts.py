"""Clicks and boxes by which people show a thing: whether they can be meant."""

from __future__ import annotations

import math

from nukki.errors import InputError
from nukki.types import Box, Point

__all__ = ["check_box", "check_point"]


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
