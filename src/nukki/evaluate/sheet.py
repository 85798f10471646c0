"""A contact sheet: photos and what networks make of them, side by side, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from nukki import api
from nukki.errors import InputError
from nukki.io.display import checks
from nukki.pipelines.options import Edges
from nukki.types import RGB8

__all__ = ["Cell", "cell", "check_backdrop", "compared", "sheet"]

_GAP = 12
_LINE = 20
_TEXT_SIZE = 14
_PAPER = (250, 250, 250)
_INK = (20, 20, 20)
_QUIET_INK = (110, 110, 110)


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet, already reduced, and the words around it.

    Attributes:
        picture: (h, w, 3) or (h, w, 4) uint8, straight alpha.
        title: Above the picture: what made it.
        caption: Below: sizes and seconds.
    """

    picture: NDArray[np.uint8]
    title: str
    caption: str = ""


def cell(picture: NDArray[np.uint8], title: str, caption: str = "", *, largest: int = 480) -> Cell:
    """A cell with the picture reduced to at most `largest` pixels a side; never enlarged."""
    image = Image.fromarray(picture)
    scale = min(1.0, largest / max(image.size))
    if scale < 1.0:
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        # Pillow multiplies by alpha before it resamples RGBA, so hidden colours do not leak.
        image = image.resize(size, Image.Resampling.LANCZOS)
    return Cell(np.asarray(image), title, caption)


def compared(
    photo: Any,
    name: str,
    models: Sequence[str],
    *,
    edges: Sequence[Edges] = ("auto",),
    largest: int = 480,
    **options: Any,
) -> Iterator[Cell]:
    """One row of a comparison: the photo, then every network with every way of refining edges.

    Args:
        photo: Whatever `nukki.read` takes.
        name: What to call it on the sheet.
        models: Names of networks.
        edges: Values of the option `edges`.
        largest: Longer side of a cell, in pixels.
        options: Further options of `nukki.remove`.

    Yields:
        Cells; each cut-out is timed without reading and writing, after the network was loaded.
    """
    pixels = api.read(photo).rgb8()
    height, width = pixels.shape[:2]
    yield cell(pixels, name, f"{width} x {height}", largest=largest)
    for model in models:
        for way in edges:
            api.remove(_speck(), model=model, edges=way, **options)
            start = perf_counter()
            cut = api.remove(pixels, model=model, edges=way, **options)
            seconds = perf_counter() - start
            found = f"confidence {cut.confidence:.2f}" if cut.found else "nothing found"
            title = f"{model}, edges {way}"
            yield cell(
                np.asarray(cut.rgba(), np.uint8),
                title,
                f"{seconds:.2f} s, {found}",
                largest=largest,
            )


def sheet(rows: Iterable[Sequence[Cell]], *, backdrop: str = "checker") -> RGB8:
    """Lay cells out in rows, transparency over a backdrop.

    Args:
        rows: Rows of cells; they may differ in length and the cells in size.
        backdrop: "checker" for grey checks, else a colour ("magenta", "#00ff00"): a loud one shows
            halos and holes.

    Returns:
        (H, W, 3) uint8 sRGB.

    Raises:
        InputError: If there is no cell, or no such colour.
    """
    table = [list(row) for row in rows]
    if not any(table):
        message = "`rows` must hold at least one cell, got none"
        raise InputError(message)
    columns = max(len(row) for row in table)
    widths = [
        max((row[place].picture.shape[1] for row in table if place < len(row)), default=1)
        for place in range(columns)
    ]
    widths = [max(width, 200) for width in widths]  # room for the words over narrow pictures
    heights = [max((one.picture.shape[0] for one in row), default=1) for row in table]
    full_width = sum(widths) + _GAP * (columns + 1)
    full_height = sum(heights) + (2 * _LINE + _GAP) * len(table) + _GAP
    page = Image.new("RGB", (full_width, full_height), _PAPER)
    draw = ImageDraw.Draw(page)
    top = _GAP
    for row, height in zip(table, heights, strict=True):
        left = _GAP
        for one, width in zip(row, widths, strict=False):
            page.paste(_over(one.picture, backdrop), (left, top + _LINE))
            _write(draw, (left, top), one.title, _INK, width)
            below = top + _LINE + one.picture.shape[0] + 2
            _write(draw, (left, below), one.caption, _QUIET_INK, width)
            left += width + _GAP
        top += height + 2 * _LINE + _GAP
    return np.asarray(page)


def check_backdrop(word: str) -> None:
    """Raise what `sheet` would raise over a backdrop.

    Raises:
        InputError: If it is neither checker nor a colour.
    """
    if word != "checker":
        _colour(word, (1, 1))


def _over(picture: NDArray[np.uint8], backdrop: str) -> Image.Image:
    image = Image.fromarray(picture)
    if image.mode != "RGBA":
        return image.convert("RGB")
    width, height = image.size
    checked = backdrop == "checker"
    behind = Image.fromarray(checks(height, width)) if checked else _colour(backdrop, image.size)
    behind.paste(image, mask=image.getchannel("A"))
    return behind


def _colour(word: str, size: tuple[int, int]) -> Image.Image:
    try:
        return Image.new("RGB", size, ImageColor.getrgb(word)[:3])
    except ValueError as error:
        message = f"`backdrop` must be checker or a colour, got {word!r}"
        raise InputError(message, hint="try checker, magenta, white or #00ff00") from error


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    ink: tuple[int, int, int],
    width: int,
) -> None:
    font = _font()
    shown, kept = text, text
    while kept and font.getlength(shown) > width:
        kept = kept[:-1]
        shown = kept + "..."
    draw.text(place, shown, fill=ink, font=font)


@cache
def _font() -> Any:
    """Pillow's own font: it holds Latin letters, but neither × nor …."""
    return ImageFont.load_default(_TEXT_SIZE)


@cache
def _speck() -> RGB8:
    """A picture so small that a call with it costs little but loads everything."""
    return np.full((32, 32, 3), 128, np.uint8)
