"""The one thing that a box or clicks show: look once, and refine with every click.

Without a box nobody knows how large the thing is, so it is looked for in the whole photo first, and
then looked at again from close by, with the first answer as a guess. What was seen of a part of the
photo is kept: a further click is answered without looking again, as long as the part is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.alpha import quantise
from nukki.ops.components import find_pieces
from nukki.ops.crops import Frame, frame_around, pixel_frame, whole
from nukki.ops.prompts import check_box, check_point
from nukki.ops.refine import Refinement, refine
from nukki.ops.segments import Segment, soft_segment_of
from nukki.pipelines.results import Instance
from nukki.tasks.picking import Answer, Picking, Question, Views
from nukki.types import RGB8, Box, Point

__all__ = ["Asked", "OwnPicker", "Picker", "pick"]

_CLOSE = 0.6  # of the photo's area: a part that is larger is not looked at a second time
_KEPT = 4  # parts of the photo that are remembered


class Asked(Protocol):
    """A photo that was looked at."""

    def ask(self, points: Sequence[Point] = (), box: Box | None = None) -> Segment | None:
        """The thing that is shown; None where there is none."""
        ...


class Picker(Protocol):
    """What answers clicks and boxes: `OwnPicker`, or a network of `tasks.prompted`."""

    def embed(self, image: RGB8) -> Asked:
        """Look at a photo."""
        ...


class OwnPicker:
    """Our own `pick` as a `Picker`.

    Args:
        network: The network.
        threads: How many threads the steps after it may use.
    """

    def __init__(self, network: Picking, *, threads: int = 1) -> None:
        self.network = network
        self.threads = threads

    def embed(self, image: RGB8) -> _Photo:
        """Begin to answer questions about a photo, (H, W, 3) uint8."""
        return _Photo(image, self.network, self.threads)


class _Photo:
    """A photo, and what was seen of its parts."""

    def __init__(self, image: RGB8, network: Picking, threads: int) -> None:
        self._image = image
        self._network = network
        self._threads = threads
        self._seen: dict[Frame, Views] = {}

    def ask(self, points: Sequence[Point] = (), box: Box | None = None) -> Segment | None:
        """The thing that is shown.

        Args:
            points: Places on it, and beside it (`keep=False`).
            box: Around it.

        Returns:
            It, its label empty, its score the IoU that its mask is likely to have; None where the
            network sees nothing there.

        Raises:
            InputError: If there is neither a point on it nor a box, or one lies outside the photo.
            ModelOutputError: If an answer is not that of the network's card.
        """
        size = self._image.shape[0], self._image.shape[1]
        for point in points:
            check_point(point, *size)
        if box is not None:
            check_box(box, *size)
        elif not any(point.keep for point in points):
            message = "a thing is shown by a point on it or a box, got neither"
            raise InputError(message, hint="give a point on the thing")
        on_it = [point for point in points if point.keep]
        corners = None if box is None else _with(box, on_it)
        answer = self._answer(size, tuple(points), corners)
        return None if answer is None else self._segment(answer, size)

    def _answer(
        self,
        size: tuple[int, int],
        points: tuple[Point, ...],
        corners: tuple[float, float, float, float] | None,
    ) -> Answer | None:
        """What the network says, from as close by as the thing allows."""
        if corners is not None:
            frame = pixel_frame(frame_around(corners, size), size)
            return _some(self._look(frame, Question(box=corners, points=points)))
        first = self._look(whole(size), Question(points=points))
        around = _bounds(first, points)
        if around is None:
            return None
        frame = pixel_frame(frame_around(around, size), size)
        if (frame[2] - frame[0]) * (frame[3] - frame[1]) > _CLOSE * size[0] * size[1]:
            return first
        guess = _moved(first, frame, self._network.grid)
        return _some(self._look(frame, Question(points=points, guess=guess)))

    def _look(self, frame: Frame, question: Question) -> Answer:
        views = self._seen.pop(frame, None) or self._network.look(self._image, [frame])
        self._seen[frame] = views  # the last one again
        while len(self._seen) > _KEPT:
            del self._seen[next(iter(self._seen))]
        return views.ask([question])[0]

    def _segment(self, answer: Answer, size: tuple[int, int]) -> Segment | None:
        left, top, right, bottom = (int(edge) for edge in answer.frame)
        place = Box(left, top, right, bottom)
        pixels = np.ascontiguousarray(self._image[place.slices()])
        alpha = refine(pixels, answer.alpha, Refinement(), threads=self._threads)
        return soft_segment_of(quantise(alpha), place, size, label="", score=answer.score)


def pick(
    picture: Picture, picker: Picker, *, points: Sequence[Point] = (), box: Box | None = None
) -> Instance:
    """The one thing of a photo that is shown.

    Args:
        picture: The photo. What it has cut away itself is no part of the thing.
        picker: Finds it.
        points: Places on it, and beside it (`keep=False`).
        box: Around it.

    Raises:
        InputError: If there is neither a point on it nor a box, or one lies outside the photo.
        NothingFound: If nothing is there.
    """
    found = picker.embed(picture.rgb8()).ask(points, box)
    if found is not None and picture.alpha is not None:
        found = found.within(picture.alpha > 0)
    if found is None:
        message = "nothing was found at the place that is shown"
        raise NothingFound(message, hint="give another point, or a box around the thing")
    return Instance(1, found, picture)


def _with(box: Box, points: Sequence[Point]) -> tuple[float, float, float, float]:
    """The box, grown so that it holds the points on the thing."""
    xs, ys = [point.x + 0.5 for point in points], [point.y + 0.5 for point in points]
    return (
        min([float(box.left), *xs]),
        min([float(box.top), *ys]),
        max([float(box.right), *xs]),
        max([float(box.bottom), *ys]),
    )


def _some(answer: Answer) -> Answer | None:
    """The answer, if there is anything in it."""
    return answer if float(answer.alpha.max()) >= 0.5 else None


def _bounds(answer: Answer, points: Sequence[Point]) -> tuple[float, float, float, float] | None:
    """Bounds, in the photo, of the pieces of a mask that hold a click; of all without such ones."""
    inside = answer.alpha >= 0.5
    if not inside.any():
        return None
    height, width = inside.shape
    left, top, right, bottom = answer.frame
    step_x, step_y = (right - left) / width, (bottom - top) / height
    clicked = np.zeros(inside.shape, np.float32)
    for point in points:
        if point.keep:
            row = _cell(point.y + 0.5 - top, step_y, height)
            clicked[row, _cell(point.x + 0.5 - left, step_x, width)] = 1
    pieces = find_pieces(inside)
    hit = pieces.largest(clicked) > 0
    if hit.any():
        inside = pieces.mask(hit)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return (
        left + step_x * float(columns[0]),
        top + step_y * float(rows[0]),
        left + step_x * float(columns[-1] + 1),
        top + step_y * float(rows[-1] + 1),
    )


def _cell(at: float, step: float, count: int) -> int:
    return min(max(int(at / step), 0), count - 1)


def _moved(answer: Answer, frame: Frame, grid: tuple[int, int]) -> NDArray[np.float32]:
    """The part of an answer that another frame shows, on that frame's grid."""
    height, width = answer.alpha.shape
    left, top, right, bottom = answer.frame
    scale_x, scale_y = width / (right - left), height / (bottom - top)
    part = (
        (frame[0] - left) * scale_x,
        (frame[1] - top) * scale_y,
        (frame[2] - left) * scale_x,
        (frame[3] - top) * scale_y,
    )
    bilinear = Image.Resampling.BILINEAR
    small = Image.fromarray(np.ascontiguousarray(answer.alpha))
    return np.asarray(small.resize((grid[1], grid[0]), bilinear, box=part), np.float32)
