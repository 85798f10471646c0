"""Judging a subject network on a folder of pictures, through what ships.

Each picture goes through `pipelines.remove` as in `nukki remove --mask`, so that what is judged is
what a user gets: the grid, the network, the enlargement, and the edges if they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukki import api, settings
from nukki.errors import InputError, LimitExceeded, MissingExtra, NukkiError
from nukki.evaluate.figures import Figures, Row, figures, judge
from nukki.evaluate.sets import Sample, TestSet, open_set, truth_in
from nukki.evaluate.variations import agreement
from nukki.io import images
from nukki.io.images import Picture
from nukki.pipelines import remove as removal
from nukki.pipelines.options import Edges, RemoveOptions
from nukki.pipelines.results import Cutout
from nukki.runtime.sessions import Session
from nukki.tasks.saliency import Saliency
from nukki.types import RGB8, Alpha

__all__ = ["Score", "evaluate", "network_for"]

_SKIP = "or give --skip-bad to pass over such pictures and count them"
_BAD = (InputError, LimitExceeded, MissingExtra)  # a picture cannot be read or judged


@dataclass(frozen=True, kw_only=True)
class Score:
    """One network on one set.

    Attributes:
        folder: The set.
        model: The network's name, or the name of its file.
        size: (height, width) of its grid.
        edges: How edges were refined.
        all: Over all pictures.
        kinds: By kind, where kinds were given.
        rows: Picture by picture.
        skipped: Stems that could not be judged, and why.
    """

    folder: str
    model: str
    size: tuple[int, int]
    edges: Edges
    all: Figures
    kinds: Mapping[str, Figures]
    rows: tuple[Row, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def grid(self) -> str:
        """The size in words: 288, or 256x192."""
        height, width = self.size
        return str(height) if height == width else f"{height}x{width}"

    def record(self) -> dict[str, Any]:
        """For JSON; without the rows."""
        return {
            "set": self.folder,
            "model": self.model,
            "size": list(self.size),
            "edges": self.edges,
            **self.all.record(),
            "kinds": {kind: figures.record() for kind, figures in self.kinds.items()},
            "skipped": [{"name": stem, "reason": reason} for stem, reason in self.skipped],
        }


def evaluate(
    folder: str | Path,
    *,
    model: str = "subject",
    card: str | None = None,
    size: int | None = None,
    edges: Edges = "none",
    names: Collection[str] | None = None,
    limit: int | None = None,
    kinds: Mapping[str, str] | None = None,
    robust: bool = False,
    skip_bad: bool = False,
    device: str | None = None,
    threads: int | None = None,
    accept_licence: bool = False,
    done: Callable[[], None] | None = None,
) -> Score:
    """Judge a network on a folder.

    Args:
        folder: Holds `images` and, where the truth is known, `masks` of the same stems.
        model: A name, or an ONNX file.
        card: The card of a file.
        size: Side of the network's grid; None takes the card's.
        edges: How edges are refined; "none" judges the network's map as it is enlarged.
        names: Only these stems.
        limit: Only so many pictures.
        kinds: Kind by stem, for figures by kind; pictures without one are in no kind.
        robust: Also tell how well the masks of a photo and of its copies agree (`variations`).
        skip_bad: Pass over pictures that cannot be judged, and name them in the result.
        device: See `api.remove`.
        threads: Likewise.
        accept_licence: Likewise.
        done: Called after each picture.

    Raises:
        InputError: If the folder holds nothing to judge, or a picture cannot be judged.
        NukkiError: As loading and running the network say.
    """
    tests = open_set(Path(folder), names=names, limit=limit)
    _check_kinds(tests, kinds)
    network, stopwatch = _timed(
        network_for(
            model, card=card, size=size, device=device, threads=threads, licence=accept_licence
        )
    )
    skipped = list(tests.bad)
    if skipped and not skip_bad:
        raise InputError(skipped[0][1], hint=f"add or rename the file, {_SKIP}")
    run = _Run(network, stopwatch, RemoveOptions(edges=edges, colours="keep"), threads, robust)
    run.warm_up()
    rows: list[Row] = []
    for sample in tests.samples:
        try:
            rows.append(run.row(sample, (kinds or {}).get(sample.stem, "")))
        except _BAD as error:
            reason = _named(sample, error)
            if not skip_bad:
                raise InputError(reason, hint=f"{error.hint or 'mend it'}, {_SKIP}") from error
            skipped.append((sample.stem, reason))
        if done is not None:
            done()
    return _score(tests, network, model, edges, rows, skipped)


def _check_kinds(tests: TestSet, kinds: Mapping[str, str] | None) -> None:
    if kinds is not None and not any(sample.stem in kinds for sample in tests.samples):
        message = f"`kinds` names none of the {len(tests.samples)} pictures of `{tests.folder}`"
        raise InputError(message, hint="name pictures by their stems: `cat`, not `cat.jpg`")


def network_for(
    model: str,
    *,
    card: str | None = None,
    size: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    licence: bool = False,
) -> Saliency:
    """Load a network, with a grid of another size if one is wished.

    Raises:
        InputError: If the network does not take that size.
    """
    network = api.load_as(
        Saliency, model, card=card, device=device, threads=threads, accept_licence=licence
    )
    if size is None:
        return network
    spec = network.card.input
    shape = network.session.inputs[spec.name or next(iter(network.session.inputs))]
    fixed = [side for side in shape[-2:] if isinstance(side, int) and side != size]
    if fixed or spec.fit in ("pad", "round"):
        takes = f"{shape[-2]} × {shape[-1]}" if fixed else "the picture's own size"
        message = f"`{model}` cannot be run at {size}: it takes {takes}"
        raise InputError(message, hint="leave out --size for this network")
    if size % spec.multiple:
        near = max(1, round(size / spec.multiple)) * spec.multiple
        message = f"`{model}` takes multiples of {spec.multiple}, got the size {size}"
        raise InputError(message, hint=f"try {near}")
    wished = replace(network.card, input=replace(spec, size=(size, size)))
    return Saliency(wished, network.session)


class _Stopwatch(Session):
    """A session that remembers how long its last run took."""

    def __init__(self, session: Session) -> None:
        self.path, self.device, self.threads = session.path, session.device, session.threads
        self.inputs, self.outputs = session.inputs, session.outputs
        self.seconds = 0.0
        self._session = session

    def run(
        self, inputs: Mapping[str, NDArray[Any]], *, outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """As `Session.run`."""
        start = perf_counter()
        answers = self._session.run(inputs, outputs=outputs)
        self.seconds = perf_counter() - start
        return answers


def _timed(network: Saliency) -> tuple[Saliency, _Stopwatch]:
    stopwatch = _Stopwatch(network.session)
    return Saliency(network.card, stopwatch), stopwatch


@dataclass(frozen=True)
class _Run:
    """Everything about a run but the pictures."""

    network: Saliency
    stopwatch: _Stopwatch
    options: RemoveOptions
    threads: int | None
    robust: bool

    def warm_up(self) -> None:
        """Run once, so that no picture pays for what the first run sets up."""
        self.network.predict(_speck())

    def row(self, sample: Sample, kind: str) -> Row:
        """Judge one picture.

        Raises:
            InputError: If a file is no picture, or the two differ in size.
        """
        picture = images.read(sample.image)
        truth = None if sample.mask is None else truth_in(sample.mask)
        if truth is not None and truth.shape != picture.pixels.shape[:2]:
            sizes = [
                f"{width} × {height}" for height, width in (picture.pixels.shape[:2], truth.shape)
            ]
            message = f"`{sample.mask}` must be as large as its picture, {sizes[0]}, got {sizes[1]}"
            raise InputError(message)
        cut = self._cut(picture)
        network_ms = 1000 * self.stopwatch.seconds
        return Row(
            stem=sample.stem,
            kind=kind,
            confidence=cut.confidence,
            found=cut.found,
            network_ms=network_ms,
            alpha_ms=1000 * (cut.seconds["network"] + cut.seconds["edges"]),
            judged=None if truth is None else judge(cut.alpha, truth),
            agreement=agreement(picture.rgb8(), self._alpha) if self.robust else None,
        )

    def _cut(self, picture: Picture) -> Cutout:
        threads = self.threads or settings.threads()
        return removal.remove(picture, self.options, self.network, threads=threads)

    def _alpha(self, photo: RGB8) -> Alpha:
        return self._cut(Picture(photo)).alpha


def _speck() -> RGB8:
    return np.full((32, 32, 3), 128, np.uint8)


def _named(sample: Sample, error: NukkiError) -> str:
    """The error's message, with the picture in front where it is not named."""
    known = any(str(path) in error.message for path in (sample.image, sample.mask))
    return error.message if known else f"`{sample.image}`: {error.message}"


def _score(
    tests: TestSet,
    network: Saliency,
    model: str,
    edges: Edges,
    rows: list[Row],
    skipped: list[tuple[str, str]],
) -> Score:
    if not rows:
        message = f"`{tests.folder}` holds no picture that can be judged: {skipped[0][1]}"
        raise InputError(message, hint="mend the pictures that were named")
    kinds = sorted({row.kind for row in rows} - {""})
    return Score(
        folder=str(tests.folder),
        model=Path(model).name if model.lower().endswith(".onnx") else model,
        size=network.card.input.size,
        edges=edges,
        all=figures(rows),
        kinds={kind: figures([row for row in rows if row.kind == kind]) for kind in kinds},
        rows=tuple(rows),
        skipped=tuple(skipped),
    )
