"""The samples of `subject`: photos with the alphas of their subjects, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, NukkiError
from nukki.io.images import read
from nukki.train import augment
from nukki.train.recipe import Recipe, SetUse
from nukki.train.stream import Draw, Stream
from nukki.types import RGB8, InputSpec

__all__ = [
    "PLACES",
    "Pair",
    "Pairs",
    "SubjectStream",
    "find_pairs",
    "find_validation",
    "input_spec",
    "load_pair",
    "named",
]

PLACES = "places"  # the set that has no masks: nothing in it is a subject


@dataclass(frozen=True)
class Pair:
    """A photo and where its alpha lies; None = there is no subject in it."""

    image: Path
    mask: Path | None


Pairs = tuple[Pair, ...]


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


class SubjectStream(Stream[Pair]):
    """Photos with their alphas; see `Stream` for arguments and errors."""

    def __init__(self, recipe: Recipe, folder: Path, *, skip_bad: bool = False) -> None:
        super().__init__(recipe, folder, find_pairs, skip_bad=skip_bad)
        self.places = self.sets.get(PLACES, ())

    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """A picture (3, S, S) and its alpha (1, S, S), both uint8."""
        chance, stage = draw.chance, draw.stage
        image, mask = self._read(self.sets[draw.set], draw.item, draw.bad)
        image, mask = self._stage_scene(image, mask, draw.use, chance, draw.bad)
        if chance.random() < 0.5:
            image, mask = augment.flip(image, mask)
        if chance.random() < 0.12:
            image, mask = augment.turn(image, mask, chance, 15.0)
        if chance.random() < 0.75:
            image, mask = augment.crop(image, mask, chance, stage.crop)
        # Colours are changed after the reduction: it is the network's pixels that must look bad.
        picture, alpha = _onto(image, draw.side), _onto(mask, draw.side)
        if chance.random() < stage.degrade:
            picture = augment.degrade(picture, chance)
        return np.ascontiguousarray(picture.transpose(2, 0, 1)), alpha[None]

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
        return self.read_one(pairs, item, load_pair, named, bad)
