"""What a cut-out costs against resolution and network, split into its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from nukki import api
from nukki.errors import InputError
from nukki.io.encode import Encoding, encode
from nukki.types import RGB8

__all__ = ["Timing", "measured", "photo_like", "table"]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of the steps of one cut-out, each the median over the repetitions.

    Attributes:
        photo: Name of the photo.
        model: Name of the network.
        edges: How edges were refined.
        width: Pixels.
        height: Pixels.
        decode: JPEG bytes to a picture.
        network: Picture to a map: sRGB, the grid, the network.
        edges_step: Map to alpha at the photo's size.
        colours: The subject's own colours at the edge.
        encode: Cut-out to PNG bytes.
        whole: JPEG bytes to PNG bytes in one go, timed by itself.
    """

    photo: str
    model: str
    edges: str
    width: int
    height: int
    decode: float
    network: float
    edges_step: float
    colours: float
    encode: float
    whole: float

    @property
    def megapixels(self) -> float:
        """Size of the photo."""
        return self.width * self.height / 1e6

    def record(self) -> dict[str, Any]:
        """Words and numbers for a program."""
        return {
            key: round(value, 5) if isinstance(value, float) else value
            for key, value in {**asdict(self), "megapixels": self.megapixels}.items()
        }


def measured(
    photo: RGB8,
    name: str,
    *,
    model: str = "subject",
    edges: str = "auto",
    megapixels: float | None = None,
    repeat: int = 3,
    **options: Any,
) -> Timing:
    """Time one network on one photo at one size.

    Args:
        photo: (H, W, 3) uint8.
        name: What to call it.
        model: Name of the network; loaded before the clock starts.
        edges: The option `edges`.
        megapixels: The photo is resampled to this size; None keeps its own.
        repeat: Repetitions, at least 1; the median counts.
        options: `device`, `threads`, `accept_licence`.

    Raises:
        InputError: If the size is not positive.
    """
    pixels = photo if megapixels is None else _sized(photo, megapixels)
    data = encode(pixels, "jpeg", encoding=Encoding(quality=90))
    wish = {"model": model, "edges": edges, **options}
    picture = api.read(data)
    api.remove(picture, **wish)  # loads the network and touches the memory
    cuts = [api.remove(picture, **wish) for _ in range(repeat)]
    steps = {step: median(cut.seconds[step] for cut in cuts) for step in cuts[0].seconds}

    def whole() -> None:
        api.remove(data, **wish).save(BytesIO(), "png")

    return Timing(
        photo=name,
        model=model,
        edges=edges,
        width=pixels.shape[1],
        height=pixels.shape[0],
        decode=_seconds(lambda: api.read(data), repeat),
        network=steps["network"],
        edges_step=steps["edges"],
        colours=steps["colours"],
        encode=_seconds(lambda: cuts[0].save(BytesIO(), "png"), repeat),
        whole=_seconds(whole, repeat),
    )


def table(timings: Sequence[Timing]) -> Iterator[str]:
    """The timings as lines of a table, milliseconds a step.

    Args:
        timings: Any number; none gives the header alone.

    Yields:
        The header, then a line each.
    """
    steps_of = ("decode", "network", "edges", "colours", "encode", "whole")
    rows: list[tuple[str, ...]] = [
        ("photo", "model", "edges", "MP", *(f"{step} ms" for step in steps_of))
    ]
    for one in timings:
        steps = (
            one.decode,
            one.network,
            one.edges_step,
            one.colours,
            one.encode,
            one.whole,
        )
        figures = (f"{1000 * seconds:.0f}" for seconds in steps)
        rows.append((one.photo, one.model, one.edges, f"{one.megapixels:.2f}", *figures))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        words = [word.ljust(width) for word, width in zip(row[:3], widths[:3], strict=True)]
        words += [word.rjust(width) for word, width in zip(row[3:], widths[3:], strict=True)]
        yield "  ".join(words).rstrip()


def photo_like(height: int = 768, width: int = 1024, *, seed: int = 0) -> RGB8:
    """A picture with a photo's statistics and a subject, for timing where there is no photo.

    Noise whose amplitude falls with frequency, as in photographs (Field, 1987), lit from above; a
    round thing in other colours and with its own grain stands in the middle.

    Args:
        height: Rows.
        width: Columns.
        seed: Of the noise: the same seed gives the same picture.

    Returns:
        (height, width, 3) uint8.
    """
    random = np.random.default_rng(seed)
    behind = 110 + 50 * _pink(random, height, width)[..., None] * (0.6, 0.9, 1.0)
    behind += np.linspace(40, -30, height)[:, None, None]
    thing = 140 + 40 * _pink(random, height, width)[..., None] * (1.0, 0.5, 0.3) + (60, -40, -70)
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    distance = np.hypot(rows / 0.7, columns * (width / height) / 0.6)
    inside = np.clip((1 - distance) * min(height, width) / 4, 0, 1)[..., None]
    return np.clip(np.rint(behind + (thing - behind) * inside), 0, 255).astype(np.uint8)


def _pink(random: np.random.Generator, height: int, width: int) -> np.ndarray[Any, Any]:
    """Noise of amplitude 1/frequency, mean 0 and standard deviation 1."""
    spectrum = np.fft.rfft2(random.standard_normal((height, width)))
    vertical = np.fft.fftfreq(height)[:, None]
    horizontal = np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(vertical, horizontal)
    frequency[0, 0] = np.inf  # no mean
    noise = np.fft.irfft2(spectrum / frequency, s=(height, width))
    return np.asarray(noise / noise.std())


def _sized(photo: RGB8, megapixels: float) -> RGB8:
    if not megapixels > 0:
        message = f"`megapixels` must be positive, got {megapixels}"
        raise InputError(message, hint="try 0.25, 1, 4, 12")
    scale = (megapixels * 1e6 / (photo.shape[0] * photo.shape[1])) ** 0.5
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))


def _seconds(step: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = perf_counter()
        step()
        times.append(perf_counter() - start)
    return median(times)
