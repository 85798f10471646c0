"""Which sets our networks learn from: where they are from, what is kept back, how pairs are made.

A pair is a photo and its alpha. Who is trained on and who is kept back is decided by names alone,
before anything is read, so a picture that cannot be read moves no other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal

from nukki.errors import InputError
from nukki.io.sniff import PICTURES
from nukki.train import pairs
from nukki.train.coco import from_annotations, with_annotations
from nukki.train.pairs import Item, Listing, Maker, Split
from nukki.train.sources import Source

__all__ = ["OWN_HELD", "SETS", "TASKS", "THINGS", "PhotoSet", "Task", "listing_of", "own_set"]

Task = Literal["subject", "things"]

OWN_HELD = 8


@dataclass(frozen=True)
class PhotoSet:
    """A set of photos.

    Attributes:
        name: Of its folder in what is made.
        origin: Who published it, and in which repository.
        terms: In which terms, as published.
        make: Makes the files of a pair.
        images: The folder of photos in its source; "" is the top.
        masks: That of masks or trimaps; None where there are none.
        annotations: A file in COCO's format that says what is in the photos.
        whole: Whether the annotations go along with all photos; else photos with a clear subject
            are taken, and its alpha is drawn.
        commit: What of a repository is read; None for sets that come as zips.
        held: Every so-manieth photo, from the first on, is kept back; 0 keeps none.
        validated: Every so-manieth photo, from a quarter of that on, is validated on; 0 has none.
        left_out: Stems that are not used, and why.
    """

    name: str
    origin: str
    terms: str
    make: Maker
    images: str = "images"
    masks: str | None = "masks"
    annotations: str | None = None
    whole: bool = False
    commit: str | None = None
    held: int = 0
    validated: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


def listing_of(
    photos: PhotoSet, source: Source, validate: Collection[str] | None = None
) -> Listing:
    """Say which pairs a source holds; reads no picture.

    Args:
        photos: The set.
        source: Holds it.
        validate: Stems to validate on, all of which must be there; None where the set has none.

    Raises:
        InputError: If a folder that the set needs is not there, its annotations cannot be read,
            or a name to validate on is not among the photos.
    """
    if photos.annotations is not None:
        if photos.whole:
            by_number = partial(_split, photos, "", validate=None)
            return with_annotations(source, photos.images, photos.annotations, by_number)
        return from_annotations(source, photos.images, photos.annotations)
    images = _by_stem(source, photos.images)
    drawn = {} if photos.masks is None else _by_stem(source, photos.masks)
    unknown = sorted(set(validate or ()) - set(images))
    if unknown:
        message = (
            f"`{source.path}` must hold all names to validate on, "
            f"but {len(unknown)} are not there, the first is `{unknown[0]}`"
        )
        raise InputError(message, hint="give the list of names that belongs to this set")
    listing = Listing()
    # In the order of stems, not of file names: "a.b.jpg" would come before "a.jpg".
    for number, stem in enumerate(sorted(images)):
        reason = _unpaired(source, photos, images[stem], drawn.get(stem, ()))
        if stem in photos.left_out:
            listing.left_out.append((stem, photos.left_out[stem]))
        elif reason is not None:
            listing.bad.append((stem, reason))
        else:
            split = _split(photos, stem, number, validate=validate)
            mask = drawn[stem][0] if stem in drawn else None
            listing.items.append(Item(stem, split, images[stem][0], mask))
    for stem in sorted(set(drawn) - set(images)):
        listing.bad.append((stem, f"`{source.named(drawn[stem][0])}` has no photo of its stem"))
    return listing


def _split(photos: PhotoSet, stem: str, number: int, *, validate: Collection[str] | None) -> Split:
    if validate is not None and stem in validate:
        return "validate"
    if photos.held and number % photos.held == 0:
        return "held"
    if photos.validated and number % photos.validated == photos.validated // 4:
        return "validate"
    return "train"


def _by_stem(source: Source, folder: str) -> dict[str, list[str]]:
    """Paths of the pictures of a folder by their stem, in one Unicode form.

    Raises:
        InputError: If there is no such folder, or no picture in it.
    """
    found: dict[str, list[str]] = {}
    for name in source.listed(folder):
        path = PurePosixPath(name)
        if path.suffix.lower() in PICTURES and not name.startswith("."):
            stem = unicodedata.normalize("NFC", path.stem)
            found.setdefault(stem, []).append(f"{folder}/{name}" if folder else name)
    if not found:
        message = f"`{source.path}` must hold pictures in `{folder or '.'}`, but it has none there"
        raise InputError(message, hint="check the path, and which set it is given for")
    return found


def _unpaired(
    source: Source, photos: PhotoSet, images: Sequence[str], drawn: Sequence[str]
) -> str | None:
    """Why no pair can be made; None where it can."""
    if photos.masks is not None and not drawn:
        return f"`{source.named(images[0])}` has no mask of its stem in `{photos.masks}`"
    for paths in (images, drawn):
        if len(paths) > 1:
            several = " and ".join(f"`{source.named(path)}`" for path in paths)
            return f"{several} share a stem: expected one"
    return None


# --- the sets


SETS: Mapping[str, PhotoSet] = MappingProxyType(
    {
        photos.name: photos
        for photos in (
            PhotoSet(
                "duts",
                origin="DUTS-TR, github.com/aviroshkovan/DUTS-TR",
                terms="no licence file; ImageNet and SUN photos, research use",
                make=pairs.copied,
                images="DUTS-TR-Image",
                masks="DUTS-TR-Mask",
                commit="e08375297908cacbca05f2d3780e0ad813490eb9",
                left_out={"n04273569_3309": "its mask is all but empty"},
            ),
            PhotoSet(
                "people",
                origin="clothing co-parsing, github.com/bearpaw/clothing-co-parsing (fe34fb7)",
                terms="annotations Apache-2.0; photos are street fashion of third parties",
                make=pairs.copied,
                held=8,
            ),
            PhotoSet(
                "portraits",
                origin="github.com/VikramShenoy97/Human-Segmentation-Dataset",
                terms="no licence stated",
                make=pairs.reduced,
                images="Training_Images",
                masks="Ground_Truth",
                commit="fe4efc56003005a58b7d2449aa563a20e3861e24",
                held=8,
            ),
            PhotoSet(
                "pets",
                origin="Oxford-IIIT pets, github.com/Naveen-Dodda/Sample_Pets_dataset (9281626)",
                terms="CC BY-SA 4.0",
                make=pairs.from_trimap,
                masks="trimaps",
                held=8,
            ),
            PhotoSet(
                "coco",
                origin="COCO train2017, out of five small collections (docs/training.md)",
                terms="annotations CC BY 4.0; photos under their Flickr licences",
                make=pairs.outlined,
                masks=None,
                annotations="instances.json",
            ),
            PhotoSet(
                "matting",
                origin="alphamatting.com, out of github.com/XiyunYue/"
                "Harry-Potter-and-the-Matting-Muggles (bc98b6a)",
                terms="research use",
                make=pairs.grey,
            ),
            PhotoSet(
                "places",
                origin="places and facades, github.com/jbhuang0604/SelfExSR (8f6dd8c)",
                terms="none stated",
                make=pairs.copied,
                images="",
                masks=None,
                held=4,
            ),
        )
    }
)


# What tells things apart sees all of COCO, and large photos in which teachers find things.
THINGS: Mapping[str, PhotoSet] = MappingProxyType(
    {
        **SETS,
        "coco": replace(SETS["coco"], make=pairs.annotated, whole=True, held=8, validated=16),
        "openimages": PhotoSet(
            "openimages",
            origin="Open Images, github.com/DineshRamachandran14/data",
            terms="CC BY 4.0",
            make=pairs.smaller,
            images="coco/test2017",  # those in coco/train2017 were turned, their corners are black
            masks=None,
            commit="598a5ba0854a24147e42d994aa0b5754efca69e4",
        ),
    }
)
TASKS: Mapping[Task, Mapping[str, PhotoSet]] = MappingProxyType({"subject": SETS, "things": THINGS})


def own_set(name: str) -> PhotoSet:
    """A set of somebody's own: `images/` and `masks/`, every 8th kept back.

    Raises:
        InputError: If the name is not a plain word, or that of another set.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name) or name in THINGS:
        message = (
            f"`{name}` cannot name a set: expected small letters, digits, - and _, "
            f"and none of {', '.join(THINGS)}"
        )
        raise InputError(message, hint="give --own NAME=FOLDER with another name")
    return PhotoSet(name, origin="own pictures", terms="own", make=pairs.own, held=OWN_HELD)
