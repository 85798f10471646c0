"""What differs between the kinds of networks that are trained; the rest is the loop's affair."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from nukki.errors import NukkiError
from nukki.nets.export import Parity
from nukki.train.recipe import KINDS, Recipe
from nukki.train.stream import Stream

__all__ = ["Exported", "Kind", "Measure", "kind_of"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Measure:
    """How good a network is, in one figure.

    Attributes:
        key: Its name in the record.
        title: On the card and above its curve; Pillow's own font has no Greek letters.
        short: In the line of a validation.
        sign: 1 where more is better, -1 where less is.
        drawn: Whether it has a curve.
    """

    key: str
    title: str
    short: str
    sign: int = 1
    drawn: bool = True


@dataclass(frozen=True)
class Exported:
    """A file that ships of a network.

    Attributes:
        path: Where it is.
        parity: How far it is from the network.
    """

    path: Path
    parity: Parity


class Kind(ABC, Generic[Item]):
    """A kind of network: what it is, sees, must make small, is judged by and leaves behind.

    Attributes:
        name: What recipes call it.
        task: Of its model card.
        measures: What it is judged by.
    """

    name: str
    task: str
    measures: tuple[Measure, ...]

    @abstractmethod
    def network(self) -> nn.Module:
        """One with weights drawn at random."""

    @abstractmethod
    def start_from(self, net: nn.Module, path: Path) -> tuple[int, int]:
        """Fill it with the weights of a file: how many tensors were filled, of how many.

        Raises:
            InputError: If the file does not fit.
        """

    @abstractmethod
    def stream(self, recipe: Recipe, folder: Path, *, skip_bad: bool) -> Stream[Item]:
        """The samples.

        Raises:
            InputError: If the folder lacks what the recipe asks for.
        """

    @abstractmethod
    def held(self, folder: Path) -> tuple[Item, ...]:
        """The photos of prepared data that are validated on; may be none.

        Raises:
            InputError: If a set is not what it should be.
        """

    @abstractmethod
    def check(self, one: Item) -> None:
        """Read a photo and what is known of it, to see whether that is possible.

        Raises:
            NukkiError: If it is not.
        """

    @abstractmethod
    def named(self, one: Item, error: NukkiError) -> str:
        """What is wrong with a photo, in a line that names it."""

    @abstractmethod
    def loss(self, net: nn.Module, tensors: Sequence[Tensor], *, half: bool) -> Tensor:
        """What one batch says, a scalar in float32 with its gradient.

        Args:
            net: In training mode.
            tensors: The samples' arrays, stacked, where the network is.
            half: Whether to compute in bfloat16 where torch's autocast thinks that safe.
        """

    @abstractmethod
    def judge(
        self, net: nn.Module, held: Sequence[Item], recipe: Recipe, device: torch.device
    ) -> Mapping[str, float]:
        """Each measure, by its key.

        Raises:
            InputError: If a photo cannot be read; it is named.
        """

    @abstractmethod
    def is_encoder(self, name: str) -> bool:
        """Whether a parameter is a part of what was trained before, and so learns more slowly."""

    @abstractmethod
    def freeze(self, net: nn.Module, blocks: int) -> None:
        """Keep the weights of the first blocks, counted from the picture."""

    @abstractmethod
    def export(
        self, net: nn.Module, folder: Path, recipe: Recipe, shown: Sequence[Item], *, skip_bad: bool
    ) -> tuple[Exported, ...]:
        """Write the files that ship.

        Args:
            net: On the processor.
            folder: Where to; the first file is called after the recipe.
            recipe: As it was used.
            shown: Photos to compare them on.
            skip_bad: Whether photos that cannot be read are passed over.

        Raises:
            InputError: If a photo cannot be read.
            MissingExtra: If a package that exporting needs is not installed.
            ModelOutputError: If a file does not compute what the network does.
            OutputError: If one cannot be written.
        """

    @abstractmethod
    def tables(self, recipe: Recipe) -> Sequence[str]:
        """The card's tables on input and output, as lines of TOML."""


def kind_of(recipe: Recipe) -> Kind[Any]:
    """The kind of network that a recipe makes."""
    module = importlib.import_module(f"nukki.train.{KINDS[recipe.kind]}")
    kind: Kind[Any] = module.KIND
    return kind
