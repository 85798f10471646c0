"""How a training went, as a picture: loss and scores over steps, one panel each.

Drawn with Pillow at twice its size and reduced, which smooths the lines.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Panel", "curve_png", "ticks"]

Colour = tuple[int, int, int]
Point = tuple[float, float]

_SCALE = 2
_SIZE = 1120, 760
_HEAD = 56  # above the panels, for the title
_MARGINS = 74, 40, 30, 44  # of a panel: left, top, right, bottom
_PAPER, _INK, _QUIET = (255, 255, 255), (30, 30, 30), (105, 105, 105)
_GRID, _MARK = (228, 228, 228), (185, 185, 185)


@dataclass(frozen=True)
class Panel:
    """What a panel shows.

    Attributes:
        key: Of the rows of the history.
        title: Above it; Pillow's own font has no Greek letters.
        sign: 1 where more is better, -1 where less is.
    """

    key: str
    title: str
    sign: int = 1


_COLOURS: tuple[Colour, ...] = ((181, 83, 22), (24, 100, 171), (146, 43, 110), (20, 120, 80))


def curve_png(
    title: str,
    history: Sequence[Mapping[str, Any]],
    panels: Sequence[Panel],
    marks: Sequence[int] = (),
) -> bytes:
    """Draw the validations of a training.

    Args:
        title: Above all panels.
        history: A row a validation: `step`, and the panels' keys as far as they are known
            (missing, None and NaN are left out).
        panels: At most four.
        marks: Steps to mark by an upright line: where stages end.

    Returns:
        A PNG file of 1120 x 760 pixels.
    """
    page = Image.new("RGB", (_SIZE[0] * _SCALE, _SIZE[1] * _SCALE), _PAPER)
    draw = ImageDraw.Draw(page)
    _text(draw, (_MARGINS[0], 16), title, _INK, 20)
    wide, high = _SIZE[0] // 2, (_SIZE[1] - _HEAD) // 2
    end = max((float(row["step"]) for row in history), default=0.0) or 1.0
    for place, panel in enumerate(panels):
        left, top = place % 2 * wide, _HEAD + place // 2 * high
        area = _Area(
            left + _MARGINS[0],
            top + _MARGINS[1],
            left + wide - _MARGINS[2],
            top + high - _MARGINS[3],
        )
        points = [
            (float(row["step"]), float(row[panel.key])) for row in history if _has(row, panel)
        ]
        inner = [mark for mark in marks if 0 < mark < end]
        _draw_panel(draw, area, panel, _COLOURS[place], points, end, inner)
    file = io.BytesIO()
    page.resize(_SIZE, Image.Resampling.BOX).save(file, "PNG", optimize=True)
    return file.getvalue()


def ticks(low: float, high: float, most: int = 6, *, least: float = 0.0) -> list[float]:
    """Round numbers within a range: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low: Where the range begins.
        high: Where it ends, above `low`.
        most: How many at most, at least 2.
        least: The smallest distance between two of them; 1 gives whole numbers.
    """
    rough = max((high - low) / (most - 1), least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for m in (1, 2, 5, 10) if (step := m * power) >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True)
class _Area:
    """Where a panel's lines are, in pixels of the finished picture."""

    left: int
    top: int
    right: int
    bottom: int


def _has(row: Mapping[str, Any], panel: Panel) -> bool:
    value = row.get(panel.key)
    return value is not None and math.isfinite(value)


def _draw_panel(
    draw: ImageDraw.ImageDraw,
    area: _Area,
    panel: Panel,
    colour: Colour,
    points: Sequence[Point],
    end: float,
    marks: Sequence[int],
) -> None:
    values = [value for _, value in points]
    low, high = _span(values)

    def at(point: Point) -> Point:
        x = area.left + (area.right - area.left) * point[0] / end
        return x, area.bottom - (area.bottom - area.top) * (point[1] - low) / (high - low)

    heights = ticks(low, high)
    for height in heights:
        y = at((0, height))[1]
        _rule(draw, (area.left, y), (area.right, y), _GRID)
        label = _label(height, heights)
        _text(draw, (area.left - 8, y), label, _QUIET, 13, anchor="rm")
    for step in ticks(0, end, least=1):
        x = at((step, low))[0]
        _rule(draw, (x, area.bottom), (x, area.bottom + 5), _QUIET)
        _text(draw, (x, area.bottom + 8), f"{step:.0f}", _QUIET, 13, anchor="ma")
    for mark in marks:
        x = at((mark, low))[0]
        _rule(draw, (x, area.top), (x, area.bottom), _MARK)
    _text(draw, (area.left - 8, area.bottom + 8), "step", _QUIET, 13, anchor="ra")
    _rule(draw, (area.left, area.top), (area.left, area.bottom), _QUIET)
    _rule(draw, (area.left, area.bottom), (area.right, area.bottom), _QUIET)
    _text(draw, (area.left, area.top - 30), panel.title, _INK, 16)
    if not points:
        middle = (area.left + area.right) / 2, (area.top + area.bottom) / 2
        _text(draw, middle, "nothing measured yet", _QUIET, 14, anchor="mm")
        return
    _line(draw, [at(point) for point in points], colour)
    best = max(points, key=lambda point: panel.sign * point[1])
    for point in points if len(points) <= 40 else [points[-1]]:
        _dot(draw, at(point), colour, 2.5)
    _dot(draw, at(best), colour, 5)
    text = f"best {best[1]:.4f} at {best[0]:.0f}, last {values[-1]:.4f}"
    _text(draw, (area.right, area.top - 28), text, _QUIET, 13, anchor="ra")


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis: the values with room around them, 0 to 1 without any."""
    if not values:
        return 0.0, 1.0
    room = 0.08 * (max(values) - min(values)) or 0.05 * abs(values[0]) or 0.05
    return min(values) - room, max(values) + room


def _label(value: float, others: Sequence[float]) -> str:
    """A tick's number with as many decimals as tell it from its neighbours."""
    step = others[1] - others[0] if len(others) > 1 else 1.0
    decimals = -math.floor(math.log10(step) + 1e-9)
    return f"{value:.{max(0, decimals)}f}"


def _rule(draw: ImageDraw.ImageDraw, begin: Point, end: Point, colour: Colour) -> None:
    """A line along an axis, one whole pixel wide after the reduction."""
    low, high = ([round(place) * _SCALE for place in point] for point in (begin, end))
    draw.rectangle((*low, high[0] + _SCALE - 1, high[1] + _SCALE - 1), fill=colour)


def _line(draw: ImageDraw.ImageDraw, points: Sequence[Point], colour: Colour) -> None:
    if len(points) > 1:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        draw.line(scaled, fill=colour, width=2 * _SCALE, joint="curve")


def _dot(draw: ImageDraw.ImageDraw, point: Point, colour: Colour, radius: float) -> None:
    x, y, r = point[0] * _SCALE, point[1] * _SCALE, radius * _SCALE
    draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _text(
    draw: ImageDraw.ImageDraw,
    place: Point,
    text: str,
    ink: Colour,
    size: int,
    anchor: str = "la",
) -> None:
    scaled = place[0] * _SCALE, place[1] * _SCALE
    draw.text(scaled, text, fill=ink, font=_font(size), anchor=anchor)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size * _SCALE)
