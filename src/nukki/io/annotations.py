"""What COCO's files say of the things in photos (cocodataset.org, "Data format").

A folder has `images/` and `instances.json`, in which each thing has a class, a box, and perhaps an
outline or runs. Nothing of a photo is read here, and no mask is drawn (`ops.outlines` does that).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from nukki.errors import InputError

__all__ = ["ANNOTATIONS", "Annotated", "Corners", "Told", "read_annotations"]

Corners: TypeAlias = tuple[float, float, float, float]

ANNOTATIONS = "instances.json"
# What JSON of another form makes the reader below raise.
_OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Told:
    """What annotations say of a thing.

    Attributes:
        label: The number of its class, as the reader's caller numbers them.
        box: Left, top, right, bottom in pixels (edges, 0..W and 0..H, parts of pixels).
        outlines: Each x, y, x, y, …
        runs: Lengths or their short form (`ops.runs`); None where there are none.
        crowd: Whether it is to be passed over: a group in one outline, or a doubtful box.
        score: How sure the box is, 0..1; 1 where people drew it.
    """

    label: int
    box: Corners
    outlines: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] | str | None = None
    crowd: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class Annotated:
    """A photo that the annotations name.

    Attributes:
        image: The photo.
        size: (width, height) that they say.
        told: What they say of its things.
    """

    image: Path
    size: tuple[int, int]
    told: tuple[Told, ...] = field(repr=False)


def read_annotations(
    folder: Path, labels: Mapping[int, int], *, hint: str
) -> tuple[Annotated, ...]:
    """The photos of a folder with what its annotations say of them, by name.

    Args:
        folder: Holds `images/` and `instances.json`.
        labels: The number to give for each `category_id`.
        hint: What to do where something is wrong.

    Raises:
        InputError: If the annotations cannot be read, are not in COCO's format, name no photo, or
            one that is not there.
    """
    file = folder / ANNOTATIONS
    try:
        content = json.loads(file.read_bytes())
        photos = _photos(folder / "images", content, labels)
    except OSError as error:
        message = f"`{file}` cannot be read: {error.strerror or error}"
        raise InputError(message, hint=hint) from error
    except _OTHER_FORM as error:
        message = f"`{file}` must hold annotations in COCO's format: {error!r}"
        raise InputError(message, hint=hint) from error
    missing = [photo.image.name for photo in photos if not photo.image.is_file()]
    if missing or not photos:
        lack = f"{len(missing)} of {len(photos)} photos of its annotations are not in images/"
        first = f", the first is `{missing[0]}`" if missing else ""
        message = f"`{folder}`: {lack}{first}" if missing else f"`{file}` names no photo"
        raise InputError(message, hint=hint)
    return photos


def _photos(
    images: Path, content: Mapping[str, Any], labels: Mapping[int, int]
) -> tuple[Annotated, ...]:
    inside: dict[int, list[Mapping[str, Any]]] = {}
    for row in content["annotations"]:
        inside.setdefault(row["image_id"], []).append(row)
    photos = []
    for row in content["images"]:
        name, size = str(row["file_name"]), (int(row["width"]), int(row["height"]))
        if Path(name).name != name:
            message = f"`{name}` is no plain name of a file"
            raise ValueError(message)
        told = (_told(one, size, labels) for one in inside.get(row["id"], ()))
        kept = tuple(one for one in told if one is not None)
        photos.append(Annotated(images / name, size, kept))
    return tuple(sorted(photos, key=lambda photo: photo.image.name))


def _told(row: Mapping[str, Any], size: tuple[int, int], labels: Mapping[int, int]) -> Told | None:
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
    label = labels[row["category_id"]]
    return Told(label, box, outlines, runs, bool(row.get("iscrowd", 0)), score)


def _outline(points: Sequence[float]) -> tuple[float, ...]:
    if len(points) < 6 or len(points) % 2:
        message = f"an outline has {len(points)} numbers: expected x, y of three points or more"
        raise ValueError(message)
    return tuple(float(value) for value in points)
