"""Photos of COCO by their annotations (cocodataset.org, "Data format").

Either those that have a subject, or all with what is said of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from nukki.errors import InputError
from nukki.io.annotations import ANNOTATIONS
from nukki.train.pairs import Item, Listing, Split
from nukki.train.sources import Source

__all__ = ["ANNOTATIONS", "from_annotations", "joined", "with_annotations"]

# A thing this large can be the subject; all such things together this large; the rest at most this
# large; so many at most. All as shares of the picture's area.
_LARGE, _COVER, _REST, _MANY = 0.04, (0.08, 0.7), 0.05, 4
# What JSON of another form makes the reader below raise.
_OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)

Rows = Mapping[str, Any]


def from_annotations(source: Source, images: str, file: str) -> Listing:
    """The photos whose large things are their subject.

    Args:
        source: Holds the photos and what is said of them.
        images: The folder of the photos.
        file: The annotations.

    Raises:
        InputError: If there is no such folder or file, or it is not in COCO's format.
    """

    def chosen(listing: Listing, photo: Rows, things: Sequence[Rows], path: str) -> Item | None:
        stem, size = PurePosixPath(path).stem, _size(photo)
        outlines = _subject(size, things)
        if outlines is None:
            listing.left_out.append((stem, "its large things are not clearly its subject"))
            return None
        return Item(stem, "train", path, None, size, outlines)

    return _listed(source, images, file, chosen)


def with_annotations(
    source: Source, images: str, file: str, split: Callable[[int], Split]
) -> Listing:
    """All photos, each with what is said of it.

    Args:
        source: Holds the photos and what is said of them.
        images: The folder of the photos.
        file: The annotations.
        split: Which part of the data the photo of a number belongs to, in the order of stems.

    Raises:
        InputError: If there is no such folder or file, or it is not in COCO's format.
    """

    def chosen(_: Listing, photo: Rows, things: Sequence[Rows], path: str) -> Item | None:
        for thing in things:
            if len(thing["bbox"]) != 4 or int(thing["category_id"]) < 1:
                message = f"annotation {thing.get('id')} has no box or category"
                raise ValueError(message)
        told = {"image": photo, "annotations": list(things)}
        return Item(PurePosixPath(path).stem, "train", path, None, _size(photo), told=told)

    listing = _listed(source, images, file, chosen)
    stems = sorted([item.stem for item in listing.items] + [stem for stem, _ in listing.bad])
    places = {stem: number for number, stem in enumerate(stems)}
    listing.items = [
        replace(item, split=split(places[item.stem]))
        for item in sorted(listing.items, key=lambda item: item.stem)
    ]
    return listing


def joined(told: Sequence[tuple[str, Rows]], head: Rows) -> bytes:
    """One file of annotations.

    Args:
        told: The name of each photo's file, and `Item.told` of it.
        head: The rest of the file: categories, licences.
    """
    content = {
        **head,
        "images": [{**rows["image"], "file_name": name} for name, rows in told],
        "annotations": [row for _, rows in told for row in rows["annotations"]],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return (text + "\n").encode("utf-8", "backslashreplace")


def _listed(
    source: Source,
    images: str,
    file: str,
    chosen: Callable[[Listing, Rows, Sequence[Rows], str], Item | None],
) -> Listing:
    """What `chosen` makes of the photos that the annotations name."""
    held = set(source.listed(images))
    listing = Listing()
    counts: Counter[str] = Counter()
    try:
        told = json.loads(source.read(file))
        licences = {row["id"]: row["name"] for row in told.get("licenses", ())}
        inside: dict[int, list[Rows]] = {}
        for thing in told["annotations"]:
            inside.setdefault(thing["image_id"], []).append(thing)
        for row in told["images"]:
            path = f"{images}/{row['file_name']}"
            item = chosen(listing, row, inside.get(row["id"], []), path)
            if item is None:
                continue
            if row["file_name"] not in held:
                listing.bad.append((item.stem, f"`{source.named(path)}` is not there"))
            else:
                listing.items.append(item)
                counts[licences.get(row.get("license"), "not stated")] += 1
        listing.head = {key: told[key] for key in ("categories", "licenses") if key in told}
    except _OTHER_FORM as error:
        if isinstance(error, InputError):
            raise
        message = f"`{source.named(file)}` must hold annotations in COCO's format: {error!r}"
        raise InputError(message, hint="fetch the set again") from error
    listing.notes["licences"] = dict(sorted(counts.items()))
    return listing


def _size(photo: Rows) -> tuple[int, int]:
    return int(photo["width"]), int(photo["height"])


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
