"""A recipe: everything that makes a network, as one TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nukki.errors import InputError
from nukki.io.files import load
from nukki.zoo.schema import Reader

__all__ = ["Recipe", "SetUse", "Stage", "read_recipe"]


@dataclass(frozen=True)
class SetUse:
    """How a set of the prepared data is used.

    Attributes:
        repeat: How often each of its pictures comes up per round through the data; fractions are
            met on average.
        paste: Chance that a picture's subject is put over another background.
        empty: Chance that only a part without the subject is shown, as a picture of nothing.
    """

    repeat: float = 1.0
    paste: float = 0.0
    empty: float = 0.0


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        steps: Batches.
        sizes: Sides of the square grid in pixels, multiples of 32; each batch draws one.
        batch: Pictures in a batch.
        rate: Learning rate of the decoder at the start.
        last_rate: At the end; between them half a cosine.
        crop: The smallest part of a photo that is shown, as a share of its area.
        frozen: How many of the encoder's blocks keep their weights, counted from the picture.
        degrade: Chance that a picture's colours and sharpness are changed.
    """

    steps: int
    sizes: tuple[int, ...]
    batch: int
    rate: float
    last_rate: float
    crop: float = 0.4
    frozen: int = 0
    degrade: float = 0.85


@dataclass(frozen=True)
class Recipe:
    """What is trained, from what, on what, and for how long.

    Attributes:
        name: Of the network; the checkpoint's and the file's stem.
        seed: Of everything that is drawn.
        start: What the weights start from, a line for the record; the file is given by `--start`.
        sets: The sets under `train/` of the prepared data, by name; `places` has no masks.
        stages: One after the other.
        size: Side of the grid that the network is judged at, and shipped with.
        every: Steps between two validations.
        encoder_share: The encoder's learning rate as a share of the decoder's.
        weight_decay: Of AdamW, on weights of more than one axis.
        warm_up: Steps over which the learning rate rises from 0.
        average: Decay per step of the moving average of the weights, which is what ships.
    """

    name: str
    seed: int
    start: str
    sets: Mapping[str, SetUse]
    stages: tuple[Stage, ...]
    size: int
    every: int = 500
    encoder_share: float = 0.3
    weight_decay: float = 0.01
    warm_up: int = 200
    average: float = 0.998

    @property
    def digest(self) -> str:
        """A fingerprint of what the recipe says, whatever its layout and comments."""
        text = json.dumps(asdict(self), sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def steps(self) -> int:
        """Batches in all."""
        return sum(stage.steps for stage in self.stages)

    def stage_of(self, step: int) -> tuple[int, int]:
        """(which stage, the step within it) of a step counted from 0."""
        for number, stage in enumerate(self.stages):
            if step < stage.steps:
                return number, step
            step -= stage.steps
        return len(self.stages) - 1, self.stages[-1].steps


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        InputError: If it cannot be read, is not TOML, or does not say what a recipe must.
    """
    name, data = load(path)
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"`{name}` is not a recipe: {error}"
        raise InputError(message, hint="compare it with recipes/subject.toml") from error
    recipe = Reader(name, what="recipe", error=InputError).table(Recipe, table, "")
    _check(name, recipe)
    return recipe


def _check(name: str, recipe: Recipe) -> None:
    stages = recipe.stages
    faults = {
        "`stages` must name at least one stage": not stages,
        "`sets` must name at least one set": not recipe.sets,
        "`size` must be a multiple of 32, at least 32": recipe.size < 32 or recipe.size % 32 > 0,
        "`stages.sizes` must be multiples of 32, at least 32": any(
            not stage.sizes or any(side < 32 or side % 32 for side in stage.sizes)
            for stage in stages
        ),
        "`stages.steps` and `stages.batch` must be at least 1": any(
            stage.steps < 1 or stage.batch < 1 for stage in stages
        ),
        "`every` must be at least 1": recipe.every < 1,
        "`average` must lie in 0..1": not 0 <= recipe.average < 1,
    }
    for fault, there in faults.items():
        if there:
            message = f"`{name}`: {fault}"
            raise InputError(message, hint="correct the recipe")
