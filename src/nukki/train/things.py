"""Photos and the things in them: boxes, labels and masks, however a set tells of them.

A folder of prepared data has `images/` and either `instances.json` in COCO's format
(cocodataset.org, "Data format": outlines, runs, or boxes alone) or `masks/` of the same stems, the
alpha of the one thing that the photo shows, whose label follows from the set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nukki.errors import InputError
from nukki.io.annotations import ANNOTATIONS, Corners, Told, read_annotations
from nukki.io.images import read
from nukki.ops.outlines import Mask8, told_mask
from nukki.train.data import Pair as MaskPair
from nukki.train.data import find_pairs, load_pair
from nukki.types import RGB8
from nukki.zoo.labels import COCO_NUMBERS

__all__ = [
    "CAT", "COCO_NUMBERS", "DOG", "PERSON", "UNKNOWN",
    "Corners", "Mask8", "Photo", "Thing", "find_things", "load_things", "tight",
]  # fmt: skip

UNKNOWN, PERSON, CAT, DOG = -1, 0, 15, 16
_LABEL_OF = {number: label for label, number in enumerate(COCO_NUMBERS)}
# Portraits whose mask is of several people, looked through by eye.
_GROUPS = frozenset(map(str, (
    8, 12, 13, 17, 18, 19, 20, 21, 23, 28, 39, 61, 69, 75, 88, 89, 90, 91, 92, 93, 94, 105, 107,
    186, 193, 194, 196, 197, 201, 202, 206, 207, 209, 210, 212, 213, 214, 216, 219, 221, 223,
    224, 225, 227, 229, 234, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248,
    249, 251, 252, 253, 254, 256, 258, 260, 263, 265, 266, 267, 268, 272, 273, 276, 277, 280,
    289, 300,
)))  # fmt: skip
_INSIDE = 128  # the least alpha of a pixel that a thing's box encloses
_HINT = "prepare the data again"


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
    if (folder / ANNOTATIONS).is_file():
        return tuple(
            Photo(photo.image, size=photo.size, told=photo.told)
            for photo in read_annotations(folder, _LABEL_OF, hint=_HINT)
        )
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
    mask = told_mask(told.outlines, told.runs, size)
    return Thing(told.label, told.box, mask, told.crowd, told.score)
