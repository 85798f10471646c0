"""Which photos of COCO have a subject, by their annotations (cocodataset.org, "Data format")."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from nukki.errors import InputError
from nukki.train.pairs import Item, Listing
from nukki.train.sources import Source

__all__ = ["from_annotations"]

# A thing this large can be the subject; all such things together this large; the rest at most this
# large; so many at most. All as shares of the picture's area.
_LARGE, _COVER, _REST, _MANY = 0.04, (0.08, 0.7), 0.05, 4
# What JSON of another form makes the reader below raise.
_OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)


def from_annotations(source: Source, images: str, file: str) -> Listing:
    """The photos whose large things are their subject.

    Args:
        source: Holds the photos and what is said of them.
        images: The folder of the photos.
        file: The annotations.

    Raises:
        InputError: If there is no such folder or file, or it is not in COCO's format.
    """
    held = set(source.listed(images))
    listing = Listing()
    counts: Counter[str] = Counter()
    try:
        told = json.loads(source.read(file))
        licences = {row["id"]: row["name"] for row in told.get("licenses", ())}
        inside: dict[int, list[dict[str, Any]]] = {}
        for thing in told["annotations"]:
            inside.setdefault(thing["image_id"], []).append(thing)
        for row in told["images"]:
            name, size = str(row["file_name"]), (int(row["width"]), int(row["height"]))
            stem = PurePosixPath(name).stem
            chosen = _subject(size, inside.get(row["id"], []))
            if chosen is None:
                listing.left_out.append((stem, "its large things are not clearly its subject"))
            elif name not in held:
                reason = f"`{source.named(f'{images}/{name}')}` is not there"
                listing.bad.append((stem, reason))
            else:
                path = f"{images}/{name}"
                listing.items.append(Item(stem, "train", path, None, size, chosen))
                counts[licences.get(row.get("license"), "not stated")] += 1
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        if isinstance(error, InputError):
            raise
        message = f"`{source.named(file)}` must hold annotations in COCO's format: {error!r}"
        raise InputError(message, hint="fetch the set again") from error
    listing.notes["licences"] = dict(sorted(counts.items()))
    return listing


def _subject(
    size: tuple[int, int], things: Sequence[Mapping[str, Any]]
) -> tuple[tuple[float, ...], ...] | None:
    """Outlines of the large things of a photo; None where they are not clearly its subject.

    They are where there are one to four of at least 4 % of the picture, together 8 to 70 % of it,
    and everything else that is annotated covers at most 5 %.
    """
    if any(thing["iscrowd"] for thing in things):
        return None
    area = size[0] * size[1]
    large, rest = [], 0.0
    for thing in things:
        if thing["area"] >= _LARGE * area and isinstance(thing["segmentation"], list):
            large.append(thing)
        else:
            rest += thing["area"]
    cover = sum(thing["area"] for thing in large) / area
    if not _COVER[0] <= cover <= _COVER[1] or rest / area > _REST or len(large) > _MANY:
        return None
    return tuple(_outline(points) for thing in large for points in thing["segmentation"])


def _outline(points: Sequence[float]) -> tuple[float, ...]:
    if len(points) < 6 or len(points) % 2:
        message = f"an outline has {len(points)} numbers: expected x, y of three points or more"
        raise ValueError(message)
    return tuple(float(value) for value in points)
