"""The stream of samples: which photo comes when, as a function of the seed.

A sample is named by its place in the stream, so a training that was stopped goes on with the very
pictures that it would have seen. What becomes of a photo is the affair of each kind of network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError, NukkiError
from nukki.train.recipe import Recipe, SetUse, Stage

__all__ = ["BAD_HINT", "Draw", "Sample", "Stream", "check_sets"]

BAD_HINT = "mend or remove it, or give --skip-bad to pass over such pictures and count them"

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Sample = tuple[tuple[NDArray[Any], ...], list[str]]  # arrays, and what was skipped on the way


@dataclass(frozen=True)
class Draw:
    """What is drawn for a sample before its photo is looked at.

    Attributes:
        set: Name of the set.
        item: Which of its photos.
        stage: Of the recipe.
        use: How the stage uses the set.
        side: Of the grid, in pixels; the same for all samples of a batch.
        chance: Everything else is drawn from it.
        bad: What was skipped is written here.
    """

    set: str
    item: int
    stage: Stage
    use: SetUse
    side: int
    chance: np.random.Generator
    bad: list[str]


class Stream(ABC, Generic[Item]):
    """Samples by their place in the training, 0, 1, 2, …; an indexable set for a data loader.

    Args:
        recipe: What to draw, and how.
        folder: The prepared data.
        find: Lists the photos of a set's folder.
        skip_bad: Whether a photo that cannot be read is replaced by the next one of its set (and
            named beside the sample), or stops the training.

    Raises:
        InputError: If the folder lacks a set of the recipe, or `find` refuses one.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        find: Callable[[Path], tuple[Item, ...]],
        *,
        skip_bad: bool = False,
    ) -> None:
        check_sets(recipe, folder)
        self.recipe = recipe
        self.sets: Mapping[str, tuple[Item, ...]] = {
            name: find(folder / "train" / name) for name in recipe.sets
        }
        self.skip_bad = skip_bad
        self._round: tuple[tuple[int, ...], list[tuple[str, int]]] | None = None
        # Where each stage begins in the stream of samples.
        sizes = [stage.steps * stage.batch for stage in recipe.stages]
        self._starts = [sum(sizes[:number]) for number in range(len(sizes) + 1)]

    @abstractmethod
    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """The arrays of a sample.

        Raises:
            InputError: If a photo cannot be read (unless they are skipped); it is named.
        """

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Sample:
        """The arrays of a sample, and what was skipped.

        Raises:
            InputError: See `sample`.
            IndexError: Behind the end of the training.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = next(n for n, end in enumerate(self._starts[1:]) if index < end)
        stage = self.recipe.stages[number]
        step = (index - self._starts[number]) // stage.batch
        step += sum(earlier.steps for earlier in self.recipe.stages[:number])
        name, item = self._pick(index, number)
        chance = np.random.default_rng([self.recipe.seed, 2, index])
        use, side = self.recipe.sets[name], self.size_of(step)
        draw = Draw(name, item, stage, use, side, chance, [])
        return self.sample(draw), draw.bad

    def round_length(self, stage: int = 0) -> int:
        """Samples in a stage's round through the data."""
        # Not the length of an order: that would be drawn anew for every sample.
        uses = self.recipe.uses(stage)
        return sum(_drawn(len(items), uses[name]) for name, items in self.sets.items())

    def size_of(self, step: int) -> int:
        """Side of the grid for a batch, drawn among the sizes of its stage."""
        stage = self.recipe.stages[self.recipe.stage_of(step)[0]]
        chance = np.random.default_rng([self.recipe.seed, 1, step])
        return int(chance.choice(np.asarray(stage.sizes)))

    def first_of(self, step: int) -> int:
        """The place in the stream at which a step's batch begins."""
        stage, within = self.recipe.stage_of(step)
        return self._starts[stage] + within * self.recipe.stages[stage].batch

    def read_one(
        self,
        items: Sequence[Item],
        item: int,
        load: Callable[[Item], Loaded],
        name: Callable[[Item, NukkiError], str],
        bad: list[str],
    ) -> Loaded:
        """A photo of a set, or the next one that can be read.

        Args:
            items: The set.
            item: Which of it.
            load: Reads one.
            name: What is wrong with one.
            bad: What was skipped is written here.

        Raises:
            InputError: If it cannot be read (unless such are skipped), or none can.
        """
        for turn in range(len(items)):
            one = items[(item + turn) % len(items)]
            try:
                return load(one)
            except NukkiError as error:
                line = name(one, error)
                if not self.skip_bad:
                    raise InputError(line, hint=BAD_HINT) from error
                bad.append(line)
        message = f"none of the {len(items)} pictures of a set can be read: {bad[-1]}"
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
            for name, there in self.sets.items():
                items += [(name, item) for item in _repeated(len(there), uses[name], chance)]
            shuffled = [items[place] for place in chance.permutation(len(items))]
            self._round = draw, shuffled
        return self._round[1]


def check_sets(recipe: Recipe, folder: Path) -> None:
    """Tell a folder that is not there, or lacks a set, from a set that lacks pictures.

    Raises:
        InputError: If the folder lacks a set of the recipe.
    """
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
