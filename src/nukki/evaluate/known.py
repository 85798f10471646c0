"""Things of photos whose masks are known, for judging what finds the thing that is shown.

A set tells them by `instances.json` in COCO's format, or by `masks/`, one thing a photo.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nukki.errors import InputError
from nukki.evaluate.sets import open_set, truth_in
from nukki.io.annotations import ANNOTATIONS, Annotated, Told, read_annotations
from nukki.io.images import read
from nukki.ops.outlines import told_mask
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Box, ClassSpec, Mask
from nukki.zoo.labels import COCO_NUMBERS, labels_of

__all__ = ["MOST", "NARROWEST", "Known", "Photo", "Photos", "open_photos"]

MOST = 6  # things a photo
NARROWEST = 16  # pixels: the shorter side of a box; what is smaller nobody points at
_COCO = labels_of(ClassSpec("coco-80"))
_UNKNOWN = -1  # a class that is none of COCO's: what is shown needs no name
_HALF = 128  # of 255: from here on a pixel is in the mask
_HINT = "make a folder with `images/` and `masks/`, or `instances.json` in COCO's format"


@dataclass(frozen=True, eq=False)
class Known:
    """A thing.

    Attributes:
        label: What it is, in COCO's words; empty where nothing says.
        box: Around it, the truth's own box rounded outwards.
        mask: (H, W) bool, at least one pixel.
    """

    label: str
    box: Box
    mask: Mask = field(repr=False)


@dataclass(frozen=True)
class Photo:
    """A photo, and where its truth lies.

    Attributes:
        image: The photo.
        truth: What annotations say of it, or a file with the mask of the one thing in it.
    """

    image: Path
    truth: Annotated | Path

    def load(self) -> tuple[RGB8, tuple[Known, ...]]:
        """The photo, and the things in it that are judged, the largest first.

        Raises:
            InputError: If a file is no picture, or the truth is of another size than the photo.
        """
        image = read(self.image).rgb8()
        size = image.shape[0], image.shape[1]
        things = _told(self.truth, size) if isinstance(self.truth, Annotated) else self._one(size)
        return image, tuple(things)

    def _one(self, size: tuple[int, int]) -> list[Known]:
        """The one thing of a mask; none where that is empty or too narrow."""
        if not isinstance(self.truth, Path):
            return []
        alpha = truth_in(self.truth)
        if alpha.shape != size:
            wanted, got = (f"{width} × {height}" for height, width in (size, alpha.shape))
            message = f"`{self.truth}` must be as large as its picture, {wanted}, got {got}"
            raise InputError(message)
        mask = alpha >= 0.5
        box = tight_box(mask, Box(0, 0, size[1], size[0]))
        if box is None or min(box.width, box.height) < NARROWEST:
            return []
        return [Known("", box, mask)]


def _told(photo: Annotated, size: tuple[int, int]) -> Iterator[Known]:
    """The largest things of which annotations tell a mask.

    Raises:
        InputError: If they are of a photo of another size, or of runs that are no mask.
    """
    if (size[1], size[0]) != photo.size:
        wanted = f"{photo.size[0]} × {photo.size[1]}, as its annotations say"
        message = f"`{photo.image}` must be {wanted}, got {size[1]} × {size[0]}"
        raise InputError(message)
    fit = [told for told in photo.told if not told.crowd and min(_sides(told)) >= NARROWEST]
    count = 0
    for told in sorted(fit, key=lambda told: -math.prod(_sides(told))):
        try:
            drawn = told_mask(told.outlines, told.runs, photo.size)
        except ValueError as error:
            message = f"`{photo.image}`: {error}"
            raise InputError(message) from error
        if drawn is None or not (drawn >= _HALF).any():
            continue
        left, top, right, bottom = told.box
        box = Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
        yield Known("" if told.label == _UNKNOWN else _COCO[told.label], box, drawn >= _HALF)
        count += 1
        if count == MOST:
            return


def _sides(told: Told) -> tuple[float, float]:
    left, top, right, bottom = told.box
    return right - left, bottom - top


@dataclass(frozen=True)
class Photos:
    """What a folder holds.

    Attributes:
        photos: By name.
        bad: Stems and why they cannot be judged: no mask, no picture, two of either.
    """

    photos: tuple[Photo, ...]
    bad: tuple[tuple[str, str], ...] = ()


def open_photos(
    folder: Path, *, names: Collection[str] | None = None, limit: int | None = None
) -> Photos:
    """List the photos of a folder; none is read.

    Args:
        folder: Holds `images/` and `instances.json`, or else `masks/`.
        names: Only these stems; None takes all.
        limit: Only so many, in the order of their names.

    Raises:
        InputError: If the truth cannot be read, there is none, or nothing is left.
    """
    if (folder / ANNOTATIONS).exists():
        return Photos(_annotated(folder, names)[:limit])
    found = open_set(folder, names=names, limit=limit)
    if not found.judged:
        message = f"`{folder}` tells no truth: it has neither `{ANNOTATIONS}` nor `masks`"
        raise InputError(message, hint=_HINT)
    pairs = tuple(Photo(one.image, one.mask) for one in found.samples if one.mask is not None)
    return Photos(pairs, found.bad)


def _annotated(folder: Path, names: Collection[str] | None) -> tuple[Photo, ...]:
    labels: dict[int, int] = defaultdict(lambda: _UNKNOWN)
    labels.update({number: label for label, number in enumerate(COCO_NUMBERS)})
    photos = read_annotations(folder, labels, hint=_HINT)
    chosen = tuple(
        Photo(photo.image, photo) for photo in photos if names is None or photo.image.stem in names
    )
    if not chosen:
        message = f"`{folder}` holds none of the names"
        raise InputError(message, hint="names are stems, one a line: `cat`, not `cat.jpg`")
    return chosen
