"""How the files of a pair are made: a photo, and the alpha of its subject where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from PIL import Image

from nukki.errors import InputError
from nukki.io.masks import alpha_of
from nukki.ops.alpha import quantise
from nukki.ops.outlines import drawn
from nukki.train import masks
from nukki.train.sources import Source

__all__ = [
    "Item", "Listing", "Maker", "Pair", "Split",
    "annotated", "copied", "from_trimap", "grey", "outlined", "own", "reduced", "smaller",
]  # fmt: skip

Split = Literal["train", "validate", "held"]

_LARGEST_OWN = 1024  # pixels of the longer side
_LARGEST_FOUND = 800  # likewise, of photos that things are looked for in
_ASPECT = 0.01  # by which the sides of a photo and its smaller mask may differ in proportion


@dataclass(frozen=True)
class Item:
    """A pair that is to be made.

    Attributes:
        stem: What both files will be called.
        split: Which part of the data it belongs to.
        image: The photo's path in the source.
        mask: The mask's, or None where there is none, or it is drawn.
        size: (width, height) that the annotations say.
        outlines: Of the subject, each x, y, x, y, …
        told: Rows of annotations that go along: its own ("image") and those of the things in it
            ("annotations"); None where there are none.
    """

    stem: str
    split: Split
    image: str
    mask: str | None = None
    size: tuple[int, int] | None = None
    outlines: tuple[tuple[float, ...], ...] = ()
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Pair:
    """The files of a pair: bytes, and the ending of each name."""

    image: bytes
    image_ending: str
    mask: bytes | None = None
    mask_ending: str = ".png"


@dataclass
class Listing:
    """What a source offers to a set.

    Attributes:
        items: Pairs that can be made, as far as names tell.
        left_out: (stem, reason): not meant to be used.
        bad: (stem, reason): meant to be used, and cannot be.
        notes: What else the record should say.
        head: What its annotations say of all photos: categories, licences.
    """

    items: list[Item] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Source, Item], Pair]


def copied(source: Source, item: Item) -> Pair:
    """Both files as they are, after both were decoded to their ends."""
    data = source.read(item.image)
    size = masks.size_of(source.named(item.image), data)
    ending = PurePosixPath(item.image).suffix
    if item.mask is None:
        return Pair(data, ending)
    mask = source.read(item.mask)
    _check_same(source, item, size, masks.size_of(source.named(item.mask), mask))
    return Pair(data, ending, mask, PurePosixPath(item.mask).suffix)


def reduced(source: Source, item: Item) -> Pair:
    """The photo brought to the size of its mask, which is the smaller one."""
    _, image, mask = _both(source, item)
    wide, high = image.width / mask.width, image.height / mask.height
    if abs(wide / high - 1) > _ASPECT:
        _check_same(source, item, image.size, mask.size)
    small = image.convert("RGB").resize(mask.size, Image.Resampling.BILINEAR, reducing_gap=3)
    return Pair(masks.as_jpeg(small), ".jpg", masks.as_png(mask))


def from_trimap(source: Source, item: Item) -> Pair:
    """The photo as it is; the alpha from its trimap, the band decided by colour."""
    data, image, trimap = _both(source, item)
    _check_same(source, item, image.size, trimap.size)
    values = np.asarray(trimap)
    if values.ndim != 2 or values.dtype != np.uint8 or not {*np.unique(values)} <= {1, 2, 3}:
        message = (
            f"`{source.named(item.mask or '')}` must be a trimap of 1, 2 and 3 "
            "(foreground, background, border), but it holds something else"
        )
        raise InputError(message, hint="fetch the set again")
    mask = Image.fromarray(masks.banded(image, values))
    return Pair(data, PurePosixPath(item.image).suffix, masks.as_png(mask))


def grey(source: Source, item: Item) -> Pair:
    """The photo as it is; the alpha, kept in three equal channels, as one."""
    data, image, mask = _both(source, item)
    _check_same(source, item, image.size, mask.size)
    return Pair(data, PurePosixPath(item.image).suffix, masks.as_png(mask.convert("L")))


def outlined(source: Source, item: Item) -> Pair:
    """The photo as it is; the alpha drawn from the outlines of its large things."""
    data = source.read(item.image)
    size = masks.size_of(source.named(item.image), data)
    _check_same(source, item, size, item.size or size)
    mask = drawn(size, item.outlines)
    return Pair(data, PurePosixPath(item.image).suffix, masks.as_png(mask))


def annotated(source: Source, item: Item) -> Pair:
    """The photo as it is; annotations that go along say what is in it."""
    data = source.read(item.image)
    size = masks.size_of(source.named(item.image), data)
    _check_same(source, item, size, item.size or size)
    return Pair(data, PurePosixPath(item.image).suffix)


def smaller(source: Source, item: Item) -> Pair:
    """A photo alone: upright, in sRGB, at most 800 pixels long."""
    image = masks.picture_in(source.named(item.image), source.read(item.image))
    photo = Image.fromarray(image.rgb8())
    return Pair(masks.as_jpeg(_within(photo, _LARGEST_FOUND)), ".jpg")


def own(source: Source, item: Item) -> Pair:
    """Upright, in sRGB, at most 1024 pixels long: what somebody's own photos may not be."""
    image = masks.picture_in(source.named(item.image), source.read(item.image))
    name = source.named(item.mask or "")
    drawn = masks.picture_in(name, source.read(item.mask or ""))
    size = (image.width, image.height)
    _check_same(source, item, size, (drawn.width, drawn.height))
    photo = _within(Image.fromarray(image.rgb8()), _LARGEST_OWN)
    mask = _within(Image.fromarray(quantise(alpha_of(name, drawn))), _LARGEST_OWN)
    return Pair(masks.as_jpeg(photo), ".jpg", masks.as_png(mask))


def _within(image: Image.Image, longest: int) -> Image.Image:
    """The picture, reduced where its longer side is longer than that."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(small, Image.Resampling.BILINEAR, reducing_gap=3)


def _both(source: Source, item: Item) -> tuple[bytes, Image.Image, Image.Image]:
    """The photo's file, the photo, and its mask."""
    data, path = source.read(item.image), item.mask or ""
    image = masks.opened(source.named(item.image), data)
    return data, image, masks.opened(source.named(path), source.read(path))


def _check_same(source: Source, item: Item, image: tuple[int, int], mask: tuple[int, int]) -> None:
    """Refuse a photo and a mask that are not of one size, both (width, height)."""
    if image != mask:
        other = f"`{source.named(item.mask)}`" if item.mask else "its annotation"
        message = (
            f"`{source.named(item.image)}` is {image[0]} × {image[1]} pixels, "
            f"but {other} is {mask[0]} × {mask[1]}"
        )
        raise InputError(message, hint="make both of one size, and both upright")
