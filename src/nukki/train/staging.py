"""Photos of things, some of them turned into scenes with several pasted people and animals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nukki.errors import NukkiError
from nukki.train import augment
from nukki.train.data import PLACES
from nukki.train.recipe import Recipe
from nukki.train.scenes import Cutout, compose_scene, how_many
from nukki.train.stream import Draw, Stream
from nukki.train.things import Photo, Thing, find_things, load_things
from nukki.types import RGB8

__all__ = ["SceneStream", "named"]

_CUTOUTS = ("people", "portraits", "pets")  # sets whose things are pasted
_OFTEN = (0.62, 0.23, 0.15)  # how often each of them


def named(photo: Photo, error: NukkiError) -> str:
    """What is wrong with a photo, its name in front where the error does not tell it."""
    known = any(str(path) in error.message for path in (photo.image, photo.mask))
    return error.message if known else f"`{photo.image}`: {error.message}"


class SceneStream(Stream[Photo]):
    """Photos and the things in them; see `Stream` for arguments and errors.

    A set's `paste` is the chance that a photo becomes a part of a scene with pasted people and
    animals: of a set whose things are pasted its own thing is then one of several over another
    photo; of other sets the photo is what stands behind.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, skip_bad: bool = False) -> None:
        super().__init__(recipe, folder, find_things, skip_bad=skip_bad)
        self._pasted = tuple(name for name in _CUTOUTS if name in self.sets)
        self._behind = tuple(name for name in (PLACES, "coco") if name in self.sets)

    def scene(self, draw: Draw) -> tuple[RGB8, tuple[Thing, ...]]:
        """The photo of a sample, or a scene made of it, and what is there."""
        chance = draw.chance
        image, things = self.load(draw.set, draw.item, draw.bad)
        if not self._pasted or chance.random() >= draw.use.paste:
            return image, things
        cutouts: list[Cutout] = []
        behind, there = image, things
        if draw.set in self._pasted:
            cutouts += [(image, one.mask, one.label) for one in things if one.mask is not None]
            behind, there = self._ground(chance, draw.bad)
        for _ in range(max(1, how_many(chance) - len(cutouts))):
            cutouts += self._cutout(chance, draw.bad)
        return compose_scene(behind, cutouts, chance, there=there)

    def _ground(
        self, chance: np.random.Generator, bad: list[str]
    ) -> tuple[RGB8, tuple[Thing, ...]]:
        if self._behind and chance.random() < 0.9:
            name = self._behind[int(chance.integers(len(self._behind)))]
            return self.load(name, int(chance.integers(len(self.sets[name]))), bad)
        height, width = (400, 560) if chance.random() < 0.7 else (560, 400)
        return augment.backdrop(None, height, width, chance), ()

    def _cutout(self, chance: np.random.Generator, bad: list[str]) -> list[Cutout]:
        shares = np.array([_OFTEN[_CUTOUTS.index(name)] for name in self._pasted])
        name = self._pasted[int(chance.choice(len(shares), p=shares / shares.sum()))]
        image, things = self.load(name, int(chance.integers(len(self.sets[name]))), bad)
        return [(image, one.mask, one.label) for one in things if one.mask is not None]

    def load(self, name: str, item: int, bad: list[str]) -> tuple[RGB8, tuple[Thing, ...]]:
        """A photo of a set."""
        return self.read_one(self.sets[name], item, load_things, named, bad)
