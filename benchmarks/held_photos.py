"""Photos of known truth that no network of ours was trained on, to judge segment and remove by.

Five parts, all from the folder that `nukki data prepare things` made:

    things   photos of the validation list of DUTS: a subject of any kind
    single   held-back people and portraits: one person
    groups   held-back people, 2 to 6 of them, pasted into held-back places: the masks are known
    crowd    held-back photos of COCO with people in them: outlines by hand, coarse ones
    places   held-back places: nobody and nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nukki.train.scenes import compose_scene
from nukki.train.things import PERSON, Photo, find_things, load_things
from nukki.types import RGB8

__all__ = ["PARTS", "Case", "cases"]

PARTS = ("things", "single", "groups", "crowd", "places")
SEED = 20261121
_LEAST = 0.0005  # of the photo's area: smaller people of COCO's photos are passed over


@dataclass(frozen=True, eq=False)
class Case:
    """A photo and its truth.

    Attributes:
        part: Of `PARTS`.
        name: Of the photo.
        image: (H, W, 3) uint8.
        masks: (n, H, W) bool, each thing that is the subject: people where the part is of people.
        crowds: (m, H, W) bool, people that are passed over: neither right nor wrong.
    """

    part: str
    name: str
    image: RGB8
    masks: NDArray[np.bool_]
    crowds: NDArray[np.bool_]

    @property
    def union(self) -> NDArray[np.bool_]:
        """(H, W) bool: the whole subject."""
        return self.masks.any(axis=0)


def cases(folder: Path, part: str, count: int) -> Iterator[Case]:
    """The photos of a part, always the same ones.

    Args:
        folder: The prepared data.
        part: Of `PARTS`.
        count: At most so many, spread evenly over the part.
    """
    if part == "groups":
        yield from _groups(folder, count)
    elif part == "things":
        yield from _plain(part, find_things(folder / "validate" / "duts"), count)
    elif part == "single":
        people = find_things(folder / "held" / "people")
        yield from _plain(part, (*people, *find_things(folder / "held" / "portraits")), count)
    elif part == "places":
        yield from _plain(part, find_things(folder / "held" / "places"), count)
    else:
        yield from _crowd(find_things(folder / "held" / "coco"), count)


def _spread(photos: tuple[Photo, ...], count: int) -> tuple[Photo, ...]:
    return (
        tuple(photos[round(place)] for place in np.linspace(0, len(photos) - 1, count))
        if (len(photos) > count)
        else photos
    )


def _plain(part: str, photos: tuple[Photo, ...], count: int) -> Iterator[Case]:
    for photo in _spread(photos, count):
        image, things = load_things(photo)
        masks = [one.mask >= 128 for one in things if one.mask is not None]
        yield _case(part, photo.image.name, image, masks, [])


def _groups(folder: Path, count: int) -> Iterator[Case]:
    people = find_things(folder / "held" / "people")
    portraits = find_things(folder / "held" / "portraits")
    places = find_things(folder / "held" / "places")
    for number in range(count):
        chance = np.random.default_rng([SEED, number])
        cutouts = []
        for _ in range(int(chance.integers(2, 7))):
            pool = people if chance.random() < 0.8 else portraits
            image, things = load_things(pool[int(chance.integers(len(pool)))])
            cutouts += [(image, one.mask, PERSON) for one in things if one.mask is not None]
        behind, _ = load_things(places[int(chance.integers(len(places)))])
        image, things = compose_scene(behind, cutouts, chance)
        masks = [one.mask >= 128 for one in things if one.mask is not None and not one.crowd]
        crowds = [one.mask >= 128 for one in things if one.mask is not None and one.crowd]
        if masks:
            yield _case("groups", f"group-{number:03d}", image, masks, crowds)


def _crowd(photos: tuple[Photo, ...], count: int) -> Iterator[Case]:
    there = tuple(
        photo
        for photo in photos
        if any(told.label == PERSON and not told.crowd for told in photo.told)
    )
    for photo in _spread(there, count):
        image, things = load_things(photo)
        people = [one for one in things if one.label == PERSON and one.mask is not None]
        least = _LEAST * image.shape[0] * image.shape[1]
        hard = [(one.mask >= 128, one.crowd) for one in people if one.mask is not None]
        masks = [mask for mask, crowd in hard if not crowd and mask.sum() >= least]
        crowds = [mask for mask, crowd in hard if crowd or mask.sum() < least]
        if masks:
            yield _case("crowd", photo.image.name, image, masks, crowds)


def _case(
    part: str,
    name: str,
    image: RGB8,
    masks: list[NDArray[np.bool_]],
    crowds: list[NDArray[np.bool_]],
) -> Case:
    none = np.zeros((0, *image.shape[:2]), np.bool_)
    return Case(
        part,
        name,
        image,
        np.stack(masks) if masks else none,
        np.stack(crowds) if crowds else none,
    )
