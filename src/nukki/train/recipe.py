"""A recipe: everything that makes a network, as one TOML file."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from nukki.errors import InputError
from nukki.zoo.checks import MAX_SIDE
from nukki.zoo.schema import Reader

__all__ = ["KINDS", "Recipe", "SetUse", "Stage", "read_recipe"]

# The kinds of networks that recipes make, and the modules of `nukki.train` that know them.
KINDS: Mapping[str, str] = {
    "subject": "of_subject",
    "detect": "of_detect",
    "pick": "of_pick",
    "fill": "of_fill",
}

_Rule = tuple[str, str, bool]  # key, what it must be, whether it is
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # files are called after it, and a model's card
_SIDE = "a multiple of 32, at least 32"


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
        span: Steps over which the learning rate falls, where the stage was ended earlier than was
            meant; 0 means its `steps`.
        repeat: How often the pictures of these sets come up in this stage, where that is not what
            the set says.
    """

    steps: int
    sizes: tuple[int, ...]
    batch: int
    rate: float
    last_rate: float
    crop: float = 0.4
    frozen: int = 0
    degrade: float = 0.85
    span: int = 0
    repeat: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """What is trained, from what, on what, and for how long.

    Attributes:
        name: Of the network; the checkpoint's and the file's stem.
        seed: Of everything that is drawn.
        start: What the weights start from, a line for the record; the file is given by `--start`.
        sets: The sets under `train/` of the prepared data, by name; `places` has no masks.
        stages: One after the other.
        size: Side of the grid that the network is judged at, and shipped with; or its height and
            width.
        every: Steps between two validations.
        encoder_share: The encoder's learning rate as a share of the decoder's.
        weight_decay: Of AdamW, on weights of more than one axis.
        warm_up: Steps over which the learning rate rises from 0.
        average: Decay per step of the moving average of the weights, which is what ships.
        kind: What kind of network it is.
    """

    name: str
    seed: int
    start: str
    sets: Mapping[str, SetUse]
    stages: tuple[Stage, ...]
    size: int | tuple[int, int]
    every: int = 500
    encoder_share: float = 0.3
    weight_decay: float = 0.01
    warm_up: int = 200
    average: float = 0.998
    kind: Literal["subject", "detect", "pick", "fill"] = "subject"

    @property
    def digest(self) -> str:
        """A fingerprint of what the recipe says, whatever its layout and comments."""
        table = asdict(self)
        if table["kind"] == "subject":
            del table["kind"]  # recipes were written, and recorded, before there were others
        text = json.dumps(table, sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid that the network is judged at."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def steps(self) -> int:
        """Batches in all."""
        return sum(stage.steps for stage in self.stages)

    def uses(self, stage: int) -> dict[str, SetUse]:
        """The sets as a stage uses them."""
        own = self.stages[stage].repeat
        return {
            name: replace(use, repeat=own.get(name, use.repeat)) for name, use in self.sets.items()
        }

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
        InputError: If it cannot be read, is not TOML, or does not say what a recipe must; the key
            is named.
    """
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # TOML's and Unicode's are ValueErrors
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        message = f"`{path}` must be a recipe in TOML: {reason}"
        raise InputError(message, hint="docs/training.md says what a recipe holds") from error
    recipe = Reader(str(path), what="recipe", error=InputError).table(Recipe, table, "")
    _check(str(path), recipe)
    return recipe


def _check(name: str, recipe: Recipe) -> None:
    for key, expected, fine in (*_of_recipe(recipe), *_of_sets(recipe), *_of_stages(recipe)):
        if not fine:
            message = f"`{name}`: `{key}` must be {expected}"
            raise InputError(message, hint="correct the recipe")


def _of_recipe(recipe: Recipe) -> Iterator[_Rule]:
    plain = "a name of lower-case letters, digits, dot, dash or underscore"
    yield "name", plain, _NAME.fullmatch(recipe.name) is not None
    yield "seed", "at least 0", recipe.seed >= 0
    yield "sets", "at least one set", bool(recipe.sets)
    yield "stages", "at least one stage", bool(recipe.stages)
    yield "size", _SIDE, all(_is_side(side) for side in recipe.grid)
    yield "every", "at least 1", recipe.every >= 1
    yield "encoder_share", "at least 0", recipe.encoder_share >= 0
    yield "weight_decay", "at least 0", recipe.weight_decay >= 0
    yield "warm_up", "at least 0", recipe.warm_up >= 0
    yield "average", "at least 0 and below 1", 0 <= recipe.average < 1


def _of_sets(recipe: Recipe) -> Iterator[_Rule]:
    for name, use in recipe.sets.items():
        key = f"sets.{name}"
        yield key, "the plain name of a folder", _is_folder(name)
        yield f"{key}.repeat", "above 0", use.repeat > 0
        yield f"{key}.paste", "0 to 1", 0 <= use.paste <= 1
        yield f"{key}.empty", "0 to 1", 0 <= use.empty <= 1
        yield f"{key}.empty", "at most 1 with `paste`", use.empty + use.paste <= 1 + 1e-9


def _of_stages(recipe: Recipe) -> Iterator[_Rule]:
    for number, stage in enumerate(recipe.stages):
        key = f"stages[{number}]"
        yield f"{key}.steps", "at least 1", stage.steps >= 1
        yield f"{key}.sizes", "at least one side", bool(stage.sizes)
        yield f"{key}.sizes", f"each {_SIDE}", all(_is_side(side) for side in stage.sizes)
        yield f"{key}.batch", "at least 1", stage.batch >= 1
        yield f"{key}.rate", "at least 0", stage.rate >= 0
        yield f"{key}.last_rate", "at least 0", stage.last_rate >= 0
        yield f"{key}.crop", "above 0 and at most 1", 0 < stage.crop <= 1
        yield f"{key}.frozen", "at least 0", stage.frozen >= 0
        yield f"{key}.degrade", "0 to 1", 0 <= stage.degrade <= 1
        yield f"{key}.span", "0, or at least `steps`", _is_span(stage)
        for name, often in stage.repeat.items():
            yield f"{key}.repeat.{name}", "one of the recipe's sets", name in recipe.sets
            yield f"{key}.repeat.{name}", "above 0", often > 0


def _is_folder(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _is_span(stage: Stage) -> bool:
    return stage.span == 0 or stage.span >= stage.steps


def _is_side(side: int) -> bool:
    return 32 <= side <= MAX_SIDE and side % 32 == 0
