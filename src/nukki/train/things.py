"""Photos and the things in them: boxes, labels and masks, however a set tells of them.

A folder of prepared data has `images/` and either `instances.json` in COCO's format
(cocodataset.org, "Data format": outlines, runs, or boxes alone) or `masks/` of the same stems, the
alpha of the one thing that the photo shows, whose label follows from the set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io.images import read
from nukki.ops.runs import from_runs, from_text
from nukki.train.coco import ANNOTATIONS
from nukki.train.data import Pair as MaskPair
from nukki.train.data import find_pairs, load_pair
from nukki.train.masks import drawn
from nukki.types import RGB8, ClassSpec
from nukki.zoo.labels import labels_of

__all__ = [
    "CAT", "COCO_NUMBERS", "DOG", "PERSON", "UNKNOWN",
    "Corners", "Mask8", "Photo", "Thing", "find_things", "load_things", "tight",
]  # fmt: skip

Mask8: TypeAlias = NDArray[np.uint8]
Corners: TypeAlias = tuple[float, float, float, float]

UNKNOWN, PERSON, CAT, DOG = -1, 0, 15, 16
# What COCO's files call the labels 0..79.
COCO_NUMBERS = tuple(
    number for number, name in enumerate(labels_of(ClassSpec("coco-91"))) if name
)  # fmt: skip
_LABEL_OF = {number: label for label, number in enumerate(COCO_NUMBERS)}
# Portraits whose mask is of several people, looked through by eye.
_GROUPS = frozenset(map(str, (
    8, 12, 13, 17, 18, 19, 20, 21, 23, 28, 39, 61, 69, 75, 88, 89, 90, 91, 92, 93, 94, 105, 107,
    186, 193, 194, 196, 197, 201, 202, 206, 207, 209, 210, 212, 213, 214, 216, 219, 221, 223,
    224, 225, 227, 229, 234, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248,
    249, 251, 252, 253, 254, 256, 258, 260, 263, 265, 266, 267, 268, 272, 273, 276, 277, 280,
    289, 300,
)))  # fmt: skip
_FINE = 4  # outlines are drawn so many times larger and reduced, which gives them soft rims
_INSIDE = 128  # the least alpha of a pixel that a thing's box encloses
_HINT = "prepare the data again"
_OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing in a photo.

    Attributes:
        label: 0..79 in the order of COCO's names, -1 where it is not known.
        box: Left, top, right, bottom in pixels (edges, 0..W and 0..H, parts of pixels).
        mask: uint8 (H, W), the alpha of what is seen of it; None where only the box is known.
        crowd: Whether it is to be passed over: a group in one outline, or a doubtful box.
        score: How sure the box is, 0..1; 1 where people drew it.
    """

    label: int
    box: Corners
    mask: Mask8 | None
    crowd: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class Told:
    """What annotations say of a thing.

    Attributes:
        label: As in `Thing`.
        box: As in `Thing`.
        outlines: Each x, y, x, y, …
        runs: Lengths or their short form; None where there are none.
        crowd: As in `Thing`.
        score: As in `Thing`.
    """

    label: int
    box: Corners
    outlines: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] | str | None = None
    crowd: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class Photo:
    """A photo of a set, and where the truth about it lies.

    Attributes:
        image: The photo.
        mask: The alpha of its one thing; None where annotations tell, or nothing is there.
        label: Of that thing.
        crowd: Whether that mask is of several things, and is to be passed over.
        size: (width, height) that the annotations say; None without annotations.
        told: What the annotations say of its things.
    """

    image: Path
    mask: Path | None = None
    label: int = UNKNOWN
    crowd: bool = False
    size: tuple[int, int] | None = None
    told: tuple[Told, ...] = field(default=(), repr=False)


# --- finding


def find_things(folder: Path) -> tuple[Photo, ...]:
    """The photos of a set in the order of their names.

    Args:
        folder: Holds `images/` and `instances.json` or `masks/` (places: images only, and nothing
            in them counts as a thing).

    Raises:
        InputError: If there are no photos, one lacks its mask, one that the annotations name is
            not there, or the annotations are not in COCO's format.
    """
    file = folder / ANNOTATIONS
    if file.is_file():
        return _annotated(folder, file)
    return tuple(
        Photo(
            pair.image,
            pair.mask,
            _label_by_set(folder.name, pair.image.stem),
            folder.name == "portraits" and pair.image.stem in _GROUPS,
        )
        for pair in find_pairs(folder)
    )


def _label_by_set(name: str, stem: str) -> int:
    """What the photos of a set show; Oxford's pets name breeds of cats with a capital."""
    if name in ("people", "portraits"):
        return PERSON
    if name == "pets":
        return CAT if stem[:1].isupper() else DOG
    return UNKNOWN


def _annotated(folder: Path, file: Path) -> tuple[Photo, ...]:
    try:
        content = json.loads(file.read_bytes())
        photos = tuple(_photos(folder / "images", content))
    except OSError as error:
        message = f"`{file}` cannot be read: {error.strerror or error}"
        raise InputError(message, hint=_HINT) from error
    except _OTHER_FORM as error:
        message = f"`{file}` must hold annotations in COCO's format: {error!r}"
        raise InputError(message, hint=_HINT) from error
    missing = [photo.image.name for photo in photos if not photo.image.is_file()]
    if missing or not photos:
        lack = f"{len(missing)} of {len(photos)} photos of its annotations are not in images/"
        first = f", the first is `{missing[0]}`" if missing else ""
        message = f"`{folder}`: {lack}{first}" if missing else f"`{file}` names no photo"
        raise InputError(message, hint=_HINT)
    return photos


def _photos(images: Path, content: Mapping[str, Any]) -> list[Photo]:
    """Every photo of the annotations with what they say of it, by name."""
    inside: dict[int, list[Mapping[str, Any]]] = {}
    for row in content["annotations"]:
        inside.setdefault(row["image_id"], []).append(row)
    photos = []
    for row in content["images"]:
        name, size = str(row["file_name"]), (int(row["width"]), int(row["height"]))
        if Path(name).name != name:
            message = f"`{name}` is no plain name of a file"
            raise ValueError(message)
        told = (_told(one, size) for one in inside.get(row["id"], ()))
        kept = tuple(one for one in told if one is not None)
        photos.append(Photo(images / name, size=size, told=kept))
    return sorted(photos, key=lambda photo: photo.image.name)


def _told(row: Mapping[str, Any], size: tuple[int, int]) -> Told | None:
    """A row of the annotations; None where its box is empty, as a few in COCO are."""
    left, top, width, height = (float(value) for value in row["bbox"])
    score = float(row.get("score", 1.0))
    if not all(map(math.isfinite, (left, top, width, height, score))):
        message = f"annotation {row.get('id')} has numbers that are none"
        raise ValueError(message)
    box = (
        max(0.0, left), max(0.0, top),
        min(float(size[0]), left + width), min(float(size[1]), top + height),
    )  # fmt: skip
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    shape = row.get("segmentation")
    outlines: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] | str | None = None
    if isinstance(shape, Mapping):
        if list(shape["size"]) != [size[1], size[0]]:
            message = f"annotation {row.get('id')} has runs of another size than its photo"
            raise ValueError(message)
        counts = shape["counts"]
        runs = counts if isinstance(counts, str) else tuple(int(count) for count in counts)
    elif shape:
        outlines = tuple(_outline(points) for points in shape)
    label = _LABEL_OF[row["category_id"]]
    return Told(label, box, outlines, runs, bool(row.get("iscrowd", 0)), score)


def _outline(points: Sequence[float]) -> tuple[float, ...]:
    if len(points) < 6 or len(points) % 2:
        message = f"an outline has {len(points)} numbers: expected x, y of three points or more"
        raise ValueError(message)
    return tuple(float(value) for value in points)


# --- loading


def load_things(photo: Photo) -> tuple[RGB8, tuple[Thing, ...]]:
    """The photo (H, W, 3) uint8 and the things in it.

    Raises:
        InputError: If the photo or its mask cannot be read, they differ in size, or the photo is
            not of the size that its annotations say.
        LimitExceeded: If one of them is too large.
    """
    if photo.size is None:
        image, mask = load_pair(MaskPair(photo.image, photo.mask))
        box = tight(mask)
        thing = None if box is None else Thing(photo.label, box, mask, photo.crowd)
        return image, () if thing is None else (thing,)
    image = read(photo.image).rgb8()
    height, width = image.shape[:2]
    if (width, height) != photo.size:
        message = (
            f"`{photo.image}` is {width} x {height}, "
            f"its annotations say {photo.size[0]} x {photo.size[1]}"
        )
        raise InputError(message, hint=_HINT)
    try:
        return image, tuple(_thing(told, photo.size) for told in photo.told)
    except ValueError as error:
        message = f"`{photo.image}`: {error}"
        raise InputError(message, hint=_HINT) from error


def tight(mask: Mask8) -> Corners | None:
    """The box around all pixels of at least half alpha; None where there is none."""
    inside = mask >= _INSIDE
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _thing(told: Told, size: tuple[int, int]) -> Thing:
    mask: Mask8 | None = None
    if told.outlines:
        mask = _filled(told.outlines, size)
    elif told.runs is not None:
        runs = from_text(told.runs) if isinstance(told.runs, str) else told.runs
        mask = from_runs(runs, (size[1], size[0])).astype(np.uint8) * np.uint8(255)
    return Thing(told.label, told.box, mask, told.crowd, told.score)


def _filled(outlines: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask8:
    """Outlines (x, y, x, y, … in pixels, 0 the picture's left or upper edge) as an alpha.

    They are drawn four times as large and reduced: Pillow draws the rim of an outline too, which
    would make small things a tenth larger than they are.
    """
    width, height = size
    xs = [x for outline in outlines for x in outline[::2]]
    ys = [y for outline in outlines for y in outline[1::2]]
    left, top = (max(0, math.floor(min(values))) for values in (xs, ys))
    right = min(width, math.ceil(max(xs)))
    low = min(height, math.ceil(max(ys)))
    mask = np.zeros((height, width), np.uint8)
    if left >= right or top >= low:
        return mask
    # Pillow's whole numbers are the centres of pixels.
    moved = [
        [
            (value - (top if place % 2 else left)) * _FINE - 0.5
            for place, value in enumerate(outline)
        ]
        for outline in outlines
    ]
    fine = drawn(((right - left) * _FINE, (low - top) * _FINE), moved)
    mask[top:low, left:right] = np.asarray(fine.reduce(_FINE))
    return mask
