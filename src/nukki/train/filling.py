"""The samples of `fill`: square parts of photos, and holes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, NukkiError
from nukki.io.images import read
from nukki.ops.outlines import told_mask
from nukki.train import augment
from nukki.train.holes import draw_hole, silhouette
from nukki.train.recipe import Recipe
from nukki.train.staging import named
from nukki.train.stream import Draw, Stream
from nukki.train.things import Photo, Thing, find_things, load_things
from nukki.types import RGB8, Mask

__all__ = ["VIEWS", "FillStream", "held_out", "shape_of", "view"]

VIEWS = 2  # parts of a photo that are shown: reading it costs as much as drawing a hole
_SHAPES = 2  # silhouettes that a hole may be made of
# How often silhouettes come from these sets, as far as the recipe has them: people go most often.
_FROM = {"people": 0.4, "portraits": 0.1, "pets": 0.15, "coco": 0.15, "duts": 0.2}
_KEPT = 4096  # silhouettes that stay in memory, 25 kB each at most
_SMALLEST = 64  # pixels of a photo's side that is cut


class FillStream(Stream[Photo]):
    """Photos with holes; see `Stream` for arguments and errors.

    Raises:
        InputError: Also if the recipe has `paste`, `empty` or `frozen`, which mean nothing here.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, skip_bad: bool = False) -> None:
        _check(recipe)
        super().__init__(recipe, folder, find_things, skip_bad=skip_bad)
        self._from = [name for name in _FROM if name in self.sets]
        self._shape = lru_cache(_KEPT)(self._read_shape)

    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """Parts of a photo (V, 3, S, S), bytes, and their holes (V, 1, S, S), 1 in the hole."""
        image, things = self.read_one(self.sets[draw.set], draw.item, load_things, named, draw.bad)
        views = [self._view(image, things, draw) for _ in range(VIEWS)]
        pictures, holes = (np.stack(column) for column in zip(*views, strict=True))
        return pictures, holes

    def _view(
        self, image: RGB8, things: Sequence[Thing], draw: Draw
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        chance = draw.chance
        part, own = _part(image, things, draw.side, chance, draw.stage.crop)
        if chance.random() < draw.stage.degrade:
            part = augment.degrade(part, chance)
        hole = draw_hole(draw.side, self._shapes(chance), chance, own)
        if chance.random() < 0.5:
            part, hole = part[:, ::-1], hole[:, ::-1]
        return np.ascontiguousarray(part.transpose(2, 0, 1)), hole[None].astype(np.uint8)

    def _shapes(self, chance: np.random.Generator) -> list[Mask]:
        """Silhouettes of things of other photos."""
        if not self._from:
            return []
        shares = np.array([_FROM[name] for name in self._from])
        found = []
        for _ in range(_SHAPES):
            name = self._from[int(chance.choice(len(shares), p=shares / shares.sum()))]
            item = int(chance.integers(len(self.sets[name])))
            found.append(self._shape(name, item))
        return [shape for shape in found if shape is not None]

    def _read_shape(self, name: str, item: int) -> Mask | None:
        return shape_of(self.sets[name][item])


def shape_of(photo: Photo) -> Mask | None:
    """The silhouette of a photo's largest thing; None where there is none, or it cannot be read.

    A mask that cannot be read is told of where its photo is shown.
    """
    try:
        if photo.mask is not None:
            return silhouette(read(photo.mask).rgb8()[..., 1])
        if photo.size is None or not photo.told:
            return None
        most = max(photo.told, key=lambda one: _area(one.box) * (not one.crowd))
        mask = told_mask(most.outlines, most.runs, photo.size)
    except (NukkiError, ValueError):
        return None
    return None if mask is None else silhouette(mask)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _part(
    image: RGB8,
    things: Sequence[Thing],
    side: int,
    chance: np.random.Generator,
    least: float,
) -> tuple[RGB8, Mask]:
    """A square part of a photo on a grid, and where its own things are, (side, side) bool."""
    height, width = image.shape[:2]
    short = min(height, width)
    length = round(short * np.sqrt(chance.uniform(least, 1.0)))
    length = int(np.clip(length, min(short, _SMALLEST), short))
    top, left = (int(chance.integers(0, one - length + 1)) for one in (height, width))
    where = slice(top, top + length), slice(left, left + length)
    own = np.zeros((length, length), np.uint8)
    for thing in things:
        if thing.mask is not None and not thing.crowd:
            np.maximum(own, thing.mask[where], out=own)
    return _onto(image[where], side), _onto(own, side) >= 128


def _onto(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    plain = Image.fromarray(np.ascontiguousarray(part))
    return np.asarray(plain.resize((side, side), Image.Resampling.BICUBIC), np.uint8)


def view(
    photo: Photo, side: int, shapes: Sequence[Mask], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A part of a photo, as large as it can be, and a hole in it; the same for the same seed.

    Args:
        photo: Where the part is taken from.
        side: Of the part, in pixels.
        shapes: Silhouettes to take the hole from; may be none.
        seed: Of all that is drawn.

    Returns:
        (3, side, side) and (1, side, side), uint8, 1 in the hole.

    Raises:
        InputError: If the photo cannot be read.
        LimitExceeded: If it is too large.
    """
    chance = np.random.default_rng([seed, 5])
    image, things = load_things(photo)
    part, own = _part(image, things, side, chance, 1.0)
    hole = draw_hole(side, shapes, chance, own)
    return np.ascontiguousarray(part.transpose(2, 0, 1)), hole[None].astype(np.uint8)


def held_out(folder: Path, most: int) -> tuple[Photo, ...]:
    """Photos to validate on: of all sets under `validate/`, evenly, at most so many.

    Raises:
        InputError: If a set is not what it should be.
    """
    sets = sorted(path for path in (folder / "validate").glob("*") if path.is_dir())
    photos = [photo for one in sets for photo in find_things(one)]
    return tuple(photos[:: max(1, -(-len(photos) // most))])


def _check(recipe: Recipe) -> None:
    """Refuse what other kinds of networks know and this one does not."""
    stages: Mapping[str, bool] = {
        f"stages[{number}].frozen": stage.frozen > 0 for number, stage in enumerate(recipe.stages)
    }
    sets = {
        f"sets.{name}.{key}": value > 0
        for name, use in recipe.sets.items()
        for key, value in (("paste", use.paste), ("empty", use.empty))
    }
    for key, given in {**sets, **stages}.items():
        if given:
            message = f"recipe `{recipe.name}`: `{key}` has no meaning for a network that fills"
            raise InputError(message, hint="remove the key")
