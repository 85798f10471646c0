"""The samples of `pick`: crops of photos and pasted scenes, questions about them, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki.ops.components import find_pieces
from nukki.ops.crops import Frame, cropped, frame_around, question, whole
from nukki.train import asking, augment
from nukki.train.staging import SceneStream
from nukki.train.stream import Draw
from nukki.train.things import UNKNOWN, Thing
from nukki.types import RGB8

__all__ = ["VIEWS", "PickStream"]

VIEWS = 2  # questions that are asked about a photo: reading and pasting cost more than asking
_LEAST = 12.0  # pixels of the shorter side of a thing that is asked for
_WHOLE = 0.9  # share that the largest piece must have of what is taken for one thing


class PickStream(SceneStream):
    """Photos, and what is asked about them; see `Stream` for arguments and errors.

    A set's `empty` is the chance that it is asked for a thing where there is none.
    """

    def sample(self, draw: Draw) -> tuple[NDArray[Any], ...]:
        """Crops (V, 3, S, S), questions (V, 4, S, S) in −127..127, answers (V, 1, S, S): bytes."""
        image, things = self.scene(draw)
        views = [self._view(image, things, draw) for _ in range(VIEWS)]
        crops, questions, answers = (np.stack(column) for column in zip(*views, strict=True))
        return crops, questions, answers

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
