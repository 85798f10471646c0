"""The samples of `pick`: crops of photos and pasted scenes, questions about them, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.errors import NukkiError
from nukki.ops.components import find_pieces
from nukki.ops.crops import Frame, cropped, frame_around, question, whole
from nukki.train import asking, augment
from nukki.train.data import PLACES
from nukki.train.recipe import Recipe
from nukki.train.scenes import Cutout, compose_scene, how_many
from nukki.train.stream import Draw, Stream
from nukki.train.things import UNKNOWN, Photo, Thing, find_things, load_things
from nukki.types import RGB8

__all__ = ["VIEWS", "PickStream", "named", "people_of"]

VIEWS = 2  # questions that are asked about a photo: reading and pasting cost more than asking
_LEAST = 12.0  # pixels of the shorter side of a thing that is asked for
_WHOLE = 0.9  # share that the largest piece must have of what is taken for one thing
_CUTOUTS = ("people", "portraits", "pets")  # sets whose things are pasted
_OFTEN = (0.62, 0.23, 0.15)  # how often each of them


def named(photo: Photo, error: NukkiError) -> str:
    """What is wrong with a photo, its name in front where the error does not tell it."""
    known = any(str(path) in error.message for path in (photo.image, photo.mask))
    return error.message if known else f"`{photo.image}`: {error.message}"


def people_of(sets: Sequence[str]) -> tuple[str, ...]:
    """The sets of a recipe whose things can be pasted."""
    return tuple(name for name in _CUTOUTS if name in sets)


class PickStream(Stream[Photo]):
    """Photos and the things in them; see `Stream` for arguments and errors.

    A set's `paste` is the chance that a photo becomes the ground of a scene with pasted people and
    animals: of a set whose things are pasted its own thing is then one of several over another
    photo; of other sets the photo is what stands behind. `empty` is the chance that it is asked for
    a thing where there is none.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, skip_bad: bool = False) -> None:
        super().__init__(recipe, folder, find_things, skip_bad=skip_bad)
        self._pasted = people_of(tuple(self.sets))
        self._behind = tuple(name for name in (PLACES, "coco") if name in self.sets)

    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """Crops (V, 3, S, S) uint8, questions (V, 4, S, S) int8 in −127..127, answers (V, 1, S, S)."""
        image, things = self._scene(draw)
        views = [self._view(image, things, draw) for _ in range(VIEWS)]
        crops, questions, answers = (np.stack(column) for column in zip(*views, strict=True))
        return crops, questions, answers

    # --- what there is to see

    def _scene(self, draw: Draw) -> tuple[RGB8, tuple[Thing, ...]]:
        """The photo, or a scene made of it."""
        chance = draw.chance
        image, things = self._load(draw.set, draw.item, draw.bad)
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
            return self._load(name, int(chance.integers(len(self.sets[name]))), bad)
        height, width = (400, 560) if chance.random() < 0.7 else (560, 400)
        return augment.backdrop(None, height, width, chance), ()

    def _cutout(self, chance: np.random.Generator, bad: list[str]) -> list[Cutout]:
        shares = np.array([_OFTEN[_CUTOUTS.index(name)] for name in self._pasted])
        name = self._pasted[int(chance.choice(len(shares), p=shares / shares.sum()))]
        image, things = self._load(name, int(chance.integers(len(self.sets[name]))), bad)
        return [(image, one.mask, one.label) for one in things if one.mask is not None]

    def _load(self, name: str, item: int, bad: list[str]) -> tuple[RGB8, tuple[Thing, ...]]:
        return self.read_one(self.sets[name], item, load_things, named, bad)

    # --- what is asked

    def _view(
        self, image: RGB8, things: Sequence[Thing], draw: Draw
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.uint8]]:
        """A crop, a question and its answer."""
        chance, side, size = draw.chance, draw.side, image.shape[:2]
        nowhere = _nowhere(things, size, chance) if chance.random() < draw.use.empty else None
        wanted = _one(things, chance) if nowhere is None else None
        if wanted is None and nowhere is None:
            nowhere = _nowhere(things, size, chance)
        mask = None if wanted is None else wanted.mask
        box = wanted.box if wanted is not None else nowhere or whole(size)
        by_box = wanted is None or not _is_one(wanted) or chance.random() < 0.7
        shown = asking.jittered(box, chance, size) if by_box else None
        frame = asking.looked(box, chance, size) if shown is None else frame_around(shown, size)
        grid = side, side
        truth = np.zeros(grid, np.uint8) if mask is None else cropped(mask, frame, grid)
        others = _others(things, wanted, frame, grid)
        extra = int(chance.choice(4, p=(0.6, 0.2, 0.1, 0.1))) if by_box else int(chance.integers(3))
        on = asking.points_on(truth, extra if by_box else 1 + extra, chance)
        beside = asking.points_beside(
            truth, others, int(chance.choice(4, p=(0.6, 0.2, 0.1, 0.1))), chance
        )
        has_guess = mask is not None and chance.random() < 0.2
        maps = question(
            frame,
            grid,
            box=shown,
            points=[
                *asking.as_points(on, frame, side, keep=True),
                *asking.as_points(beside, frame, side, keep=False),
            ],
            guess=asking.guessed(truth, others, chance) if has_guess else None,
        )
        crop = cropped(image, frame, grid)
        if chance.random() < draw.stage.degrade:
            crop = augment.degrade(crop, chance)
        asked = np.asarray(np.rint(maps * 127), np.int8)
        picture = np.asarray(crop).transpose(2, 0, 1)
        if chance.random() < 0.5:
            picture, asked, truth = picture[..., ::-1], asked[..., ::-1], truth[..., ::-1]
        return tuple(np.ascontiguousarray(one) for one in (picture, asked, truth[None]))  # type: ignore[return-value]


def _one(things: Sequence[Thing], chance: np.random.Generator) -> Thing | None:
    """A thing to ask for, larger ones more often; None where there is none of its own mask."""
    fit = [
        one
        for one in things
        if one.mask is not None
        and not one.crowd
        and min(one.box[2] - one.box[0], one.box[3] - one.box[1]) >= _LEAST
    ]
    if not fit:
        return None
    sizes = np.array([(one.box[2] - one.box[0]) * (one.box[3] - one.box[1]) for one in fit])
    weights = sizes**0.25
    return fit[int(chance.choice(len(fit), p=weights / weights.sum()))]


def _is_one(thing: Thing) -> bool:
    """Whether a mask of unknown label shows one thing: sets of subjects take several for one."""
    if thing.label != UNKNOWN or thing.mask is None:
        return True
    areas = find_pieces(thing.mask >= 128).areas()
    return bool(areas.max(initial=0) >= _WHOLE * areas.sum())


def _others(
    things: Sequence[Thing],
    wanted: Thing | None,
    frame: Frame,
    grid: tuple[int, int],
) -> NDArray[np.uint8] | None:
    """What the other things cover of a crop."""
    total: NDArray[np.uint8] | None = None
    for one in things:
        if one is not wanted and one.mask is not None and _meets(one.box, frame):
            part = cropped(one.mask, frame, grid)
            total = part if total is None else np.maximum(total, part)
    return total


def _meets(box: Sequence[float], frame: Sequence[float]) -> bool:
    return box[0] < frame[2] and box[2] > frame[0] and box[1] < frame[3] and box[3] > frame[1]


def _nowhere(
    things: Sequence[Thing], size: tuple[int, int], chance: np.random.Generator
) -> Frame | None:
    """A box that touches none of the things; None where eight tries find none."""
    for _ in range(8):
        high = float(chance.uniform(0.15, 0.7)) * size[0]
        wide = min(high * float(chance.uniform(0.3, 1.2)), 0.9 * size[1])
        left, top = chance.uniform(0, size[1] - wide), chance.uniform(0, size[0] - high)
        box = (float(left), float(top), float(left + wide), float(top + high))
        if not any(_meets(one.box, box) for one in things):
            return box
    return None
