"""The stream of samples: which photo comes when, and what becomes of it, as a function of the seed.

A sample is named by its place in the stream, so a training that was stopped goes on with the very
pictures that it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, NukkiError
from nukki.io.images import read
from nukki.train import augment
from nukki.train.recipe import Recipe, SetUse
from nukki.types import RGB8, InputSpec

__all__ = [
    "BAD_HINT",
    "PLACES",
    "Pair",
    "Pairs",
    "Sample",
    "Stream",
    "find_pairs",
    "find_validation",
    "input_spec",
    "load_pair",
    "named",
]

BAD_HINT = "mend or remove it, or give --skip-bad to pass over such pictures and count them"
PLACES = "places"  # the set that has no masks: nothing in it is a subject


@dataclass(frozen=True)
class Pair:
    """A photo and where its alpha lies; None = there is no subject in it."""

    image: Path
    mask: Path | None


Pairs = tuple[Pair, ...]
Sample = tuple[NDArray[np.uint8], NDArray[np.uint8], list[str]]


def input_spec(grid: tuple[int, int]) -> InputSpec:
    """How pictures come onto the grid of `nets.subject`: stretched, RGB in -1..1."""
    return InputSpec(grid, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), multiple=32, name="image")


def find_pairs(folder: Path) -> Pairs:
    """The photos of a set in the order of their names, each with its mask of the same stem.

    Args:
        folder: Holds `images/` and, but for places, `masks/`.

    Raises:
        InputError: If there are no photos, or one lacks its mask.
    """
    images = _files(folder / "images")
    if not images:
        message = f"`{folder}` must hold photos in images/, but there is none"
        raise InputError(message, hint="make it by `nukki data prepare`")
    if folder.name == PLACES:
        return tuple(Pair(image, None) for image in images)
    masks = {path.stem: path for path in _files(folder / "masks")}
    missing = [image.name for image in images if image.stem not in masks]
    if missing:
        message = (
            f"`{folder}`: {len(missing)} of {len(images)} photos have no mask in masks/, "
            f"the first is `{missing[0]}`"
        )
        raise InputError(message, hint="give each photo a mask of the same stem, or remove it")
    return tuple(Pair(image, masks[image.stem]) for image in images)


def find_validation(folder: Path) -> Pairs:
    """The pictures to validate on: every set under `validate/` of the prepared data.

    Raises:
        InputError: See `find_pairs`.
    """
    sets = sorted(path for path in (folder / "validate").glob("*") if path.is_dir())
    return tuple(pair for one in sets for pair in find_pairs(one))


def _files(folder: Path) -> list[Path]:
    """Files by name, less those that systems hide."""
    paths = folder.glob("*")
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))


def named(pair: Pair, error: NukkiError) -> str:
    """What is wrong with a pair, its photo in front where the error does not name its file."""
    known = any(str(path) in error.message for path in (pair.image, pair.mask))
    return error.message if known else f"`{pair.image}`: {error.message}"


def load_pair(pair: Pair) -> tuple[RGB8, augment.Mask8]:
    """Photo (H, W, 3) and alpha (H, W), both uint8.

    Raises:
        InputError: If one of them cannot be read or they differ in size.
        LimitExceeded: If one of them is too large.
    """
    image = read(pair.image).rgb8()
    if pair.mask is None:
        return image, np.zeros(image.shape[:2], np.uint8)
    mask = read(pair.mask).rgb8()[..., 1]
    if mask.shape != image.shape[:2]:
        message = (
            f"`{pair.mask}` is {mask.shape[1]} x {mask.shape[0]}, "
            f"its photo {image.shape[1]} x {image.shape[0]}"
        )
        raise InputError(message, hint="make them the same size")
    return image, np.ascontiguousarray(mask)


def _onto(array: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Stretched onto a square grid as `ops.grid.fit` does it, in bytes."""
    plain = Image.fromarray(np.ascontiguousarray(array))
    return np.array(plain.resize((side, side), Image.Resampling.BILINEAR))


class Stream:
    """Samples by their place in the training, 0, 1, 2, …; an indexable set for a data loader.

    Args:
        recipe: What to draw, and how.
        folder: The prepared data.
        skip_bad: Whether a pair that cannot be read is replaced by the next one of its set (and
            named beside the sample), or stops the training.

    Raises:
        InputError: If the folder lacks a set of the recipe, or a photo its mask.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, skip_bad: bool = False) -> None:
        _check_sets(recipe, folder)
        self.recipe = recipe
        self.sets = {name: find_pairs(folder / "train" / name) for name in recipe.sets}
        self.skip_bad = skip_bad
        self.places = self.sets.get(PLACES, ())
        self._round: tuple[tuple[int, ...], list[tuple[str, int]]] | None = None
        # Where each stage begins in the stream of samples.
        sizes = [stage.steps * stage.batch for stage in recipe.stages]
        self._starts = [sum(sizes[:number]) for number in range(len(sizes) + 1)]

    def __len__(self) -> int:
        return self._starts[-1]

    def round_length(self, stage: int = 0) -> int:
        """Samples in a stage's round through the data."""
        # Not the length of an order: that would be drawn anew for every sample.
        uses = self.recipe.uses(stage)
        return sum(_drawn(len(pairs), uses[name]) for name, pairs in self.sets.items())

    def size_of(self, step: int) -> int:
        """Side of the grid for a batch, drawn among the sizes of its stage."""
        stage = self.recipe.stages[self.recipe.stage_of(step)[0]]
        chance = np.random.default_rng([self.recipe.seed, 1, step])
        return int(chance.choice(np.asarray(stage.sizes)))

    def first_of(self, step: int) -> int:
        """The place in the stream at which a step's batch begins."""
        stage, within = self.recipe.stage_of(step)
        return self._starts[stage] + within * self.recipe.stages[stage].batch

    def __getitem__(self, index: int) -> Sample:
        """A picture (3, S, S) and its alpha (1, S, S), both uint8, and what was skipped.

        Raises:
            InputError: If a pair cannot be read (unless they are skipped); it is named.
            IndexError: Behind the end of the training.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = next(n for n, end in enumerate(self._starts[1:]) if index < end)
        stage = self.recipe.stages[number]
        step = (index - self._starts[number]) // stage.batch
        step += sum(earlier.steps for earlier in self.recipe.stages[:number])
        chance = np.random.default_rng([self.recipe.seed, 2, index])
        name, item = self._pick(index, number)
        bad: list[str] = []
        image, mask = self._read(self.sets[name], item, bad)
        image, mask = self._stage_scene(image, mask, self.recipe.sets[name], chance, bad)
        if chance.random() < 0.5:
            image, mask = augment.flip(image, mask)
        if chance.random() < 0.12:
            image, mask = augment.turn(image, mask, chance, 15.0)
        if chance.random() < 0.75:
            image, mask = augment.crop(image, mask, chance, stage.crop)
        # Colours are changed after the reduction: it is the network's pixels that must look bad.
        side = self.size_of(step)
        picture, alpha = _onto(image, side), _onto(mask, side)
        if chance.random() < stage.degrade:
            picture = augment.degrade(picture, chance)
        return np.ascontiguousarray(picture.transpose(2, 0, 1)), alpha[None], bad

    def _stage_scene(
        self,
        image: RGB8,
        mask: augment.Mask8,
        use: SetUse,
        chance: np.random.Generator,
        bad: list[str],
    ) -> tuple[RGB8, augment.Mask8]:
        """The photo itself, its subject over another background, or a part without the subject."""
        fate = chance.random()
        if fate < use.empty:
            part = augment.empty_part(image, mask, chance)
            if part is not None:
                return part, np.zeros(part.shape[:2], np.uint8)
        elif fate < use.empty + use.paste:
            place = None
            if self.places and chance.random() < 0.8:
                place, _ = self._read(self.places, int(chance.integers(len(self.places))), bad)
            height, width = (300, 400) if chance.random() < 0.6 else (400, 300)
            behind = augment.backdrop(place, height, width, chance)
            return augment.paste(image, mask, behind, chance)
        return image, mask

    def _read(self, pairs: Pairs, item: int, bad: list[str]) -> tuple[RGB8, augment.Mask8]:
        for turn in range(len(pairs)):
            pair = pairs[(item + turn) % len(pairs)]
            try:
                return load_pair(pair)
            except NukkiError as error:
                if not self.skip_bad:
                    raise InputError(named(pair, error), hint=BAD_HINT) from error
                bad.append(named(pair, error))
        message = f"none of the {len(pairs)} pictures beside `{pairs[item].image}` can be read"
        raise InputError(message, hint="prepare the data again")

    def _pick(self, index: int, stage: int) -> tuple[str, int]:
        """Which picture of which set comes at a place in the stream.

        The rounds run on from stage to stage, but for a stage that uses the sets in its own way:
        that one has rounds of its own.
        """
        own = bool(self.recipe.stages[stage].repeat)
        number, place = divmod(
            index - (self._starts[stage] if own else 0), self.round_length(stage)
        )
        return self._order(stage, (4, stage, number) if own else (3, number))[place]

    def _order(self, stage: int, draw: tuple[int, ...]) -> list[tuple[str, int]]:
        """All pictures of a round, shuffled; every round of a stage has the same length."""
        if self._round is None or self._round[0] != draw:
            chance = np.random.default_rng([self.recipe.seed, *draw])
            uses = self.recipe.uses(stage)
            items: list[tuple[str, int]] = []
            for name, pairs in self.sets.items():
                items += [(name, item) for item in _repeated(len(pairs), uses[name], chance)]
            shuffled = [items[place] for place in chance.permutation(len(items))]
            self._round = draw, shuffled
        return self._round[1]


def _check_sets(recipe: Recipe, folder: Path) -> None:
    """Tell a folder that is not there, or lacks a set, from a set that lacks pictures."""
    train = folder / "train"
    if not train.is_dir():
        message = f"`{folder}` must be a folder of prepared data with train/ in it, but it is not"
        raise InputError(message, hint="make it by `nukki data prepare`")
    there = sorted(path.name for path in train.glob("*") if path.is_dir())
    for name in recipe.sets:
        if name not in there:
            message = f"`{train}` has no set `{name}`, which the recipe asks for"
            known = f"it has {', '.join(there)}" if there else "it is empty"
            raise InputError(message, hint=f"{known}: prepare the set, or change the recipe")


def _drawn(count: int, use: SetUse) -> int:
    """How many samples a set of `count` pictures gives to a round."""
    return max(1, round(count * use.repeat))


def _repeated(count: int, use: SetUse, chance: np.random.Generator) -> Sequence[int]:
    """Indices of a set for one round: whole repeats, then a random part for the fraction."""
    total = _drawn(count, use)
    whole = list(range(count)) * (total // count)
    return whole + [int(item) for item in chance.choice(count, total % count, replace=False)]
