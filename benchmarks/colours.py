"""Colours of soft edges: nukki's estimates against PyMatting's, where the truth is known.

    python benchmarks/colours.py --pymatting-python PYTHON --alphas alphamatting18.zip \
        [--scenes scenes.zip]

PyMatting lives in an environment of its own, `pip install pymatting`. The alphas are true ones of
alphamatting.com. No photo comes with the true colours of its soft edges, so pictures are mixed
whose colours are known, in three ways, and quantised to bytes:

spread  the photo's opaque colours, spread outwards from where the alpha is 1 (pull-push)
photo   another photo lies in the alpha's shape: colours with detail that no estimate can know
theirs  what PyMatting estimates on the photo itself: its assumptions hold exactly

each over magenta, over stripes of loud colours, and over a photo of a place. Errors are means over
the pixels with 0 < alpha < 1 of |F - truth|, weighted by alpha (the background's by 1 - alpha), in
levels of 255. Tools take turns on one thread; seconds are a processor's, medians over all pictures.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from nukki.ops.composite import bleed
from nukki.ops.foreground import estimate_background, estimate_foreground

THEIRS = """
import sys, time
import numpy as np
from pymatting import estimate_foreground_ml
for line in sys.stdin:
    data = np.load(line.strip())
    image, alpha = data["image"] / 255.0, data["alpha"].astype(np.float64)
    started = time.process_time()
    front, back = estimate_foreground_ml(image, alpha, return_background=True)
    seconds = time.process_time() - started
    np.savez(line.strip() + ".out.npz", front=front, back=back)
    print(seconds, flush=True)
"""
STRIPES = np.array([[255, 0, 255], [0, 255, 255], [255, 255, 0], [0, 255, 0]], np.uint8)
Colours = np.ndarray


class PyMatting:
    """A process that estimates the colours of one picture after the other."""

    def __init__(self, python: str, folder: Path) -> None:
        self.path = folder / "one.npz"
        self.process = subprocess.Popen(
            [python, "-c", THEIRS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def estimate(self, image: Colours, alpha: Colours) -> tuple[Colours, Colours, float]:
        """F and B as bytes, and the seconds of the call itself."""
        np.savez(self.path, image=image, alpha=alpha)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.path}\n")
        self.process.stdin.flush()
        seconds = float(self.process.stdout.readline())
        with np.load(f"{self.path}.out.npz") as found:
            front, back = (np.rint(found[name] * 255).clip(0, 255) for name in ("front", "back"))
        return front.astype(np.uint8), back.astype(np.uint8), seconds


def spread(image: Colours, known: Colours) -> Colours:
    """The colours of the known pixels everywhere."""
    return bleed(np.dstack([image, np.where(known, 255, 0).astype(np.uint8)]))[..., :3]


def backgrounds(shape: tuple[int, int], place: Image.Image | None) -> dict[str, Colours]:
    height, width = shape
    stripes = STRIPES[(np.arange(width)[None] // 40 + np.arange(height)[:, None] // 40) % 4]
    found = {"magenta": np.broadcast_to(STRIPES[0], (height, width, 3)), "stripes": stripes}
    if place is not None:
        found["place"] = np.asarray(place.convert("RGB").resize((width, height)))
    return found


def mixed(front: Colours, alpha: Colours, back: Colours) -> Colours:
    mean = alpha[..., None] * front.astype(np.float32) + (1 - alpha[..., None]) * back
    return np.rint(mean).astype(np.uint8)


def error(found: Colours, truth: Colours, weight: Colours) -> float:
    """Weighted mean of the absolute difference, in levels."""
    difference = np.abs(found.astype(np.float32) - truth).mean(axis=2)
    return float((difference * weight).sum() / weight.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pymatting-python", required=True)
    parser.add_argument("--alphas", required=True, type=Path)
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--pictures", type=int, default=99)
    arguments = parser.parse_args()
    alphas = zipfile.ZipFile(arguments.alphas)
    names = sorted(n.partition("/")[2][:-4] for n in alphas.namelist() if n.startswith("masks/"))
    scenes = None if arguments.scenes is None else zipfile.ZipFile(arguments.scenes)
    places = [] if scenes is None else sorted(n for n in scenes.namelist() if n.endswith("webp"))
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    seconds: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        theirs = PyMatting(arguments.pymatting_python, Path(folder))
        for number, name in enumerate(names[: arguments.pictures]):
            photo = np.asarray(picture(alphas, f"images/{name}.webp").convert("RGB"))
            alpha = np.asarray(picture(alphas, f"masks/{name}.png").convert("L"), np.float32) / 255
            other = picture(alphas, f"images/{names[number - 1]}.webp").convert("RGB")
            place = None
            if scenes is not None:
                place = picture(scenes, places[7 * number % len(places)])
            truths = {
                "spread": spread(photo, alpha == 1),
                "photo": np.asarray(other.resize(alpha.shape[::-1])),
                "theirs": theirs.estimate(photo, alpha)[0],
            }
            for kind, front in truths.items():
                for where, back in backgrounds(alpha.shape, place).items():
                    errors, times = compare(mixed(front, alpha, back), alpha, front, back, theirs)
                    rows.setdefault((kind, where), []).append(errors)
                    seconds.append(times)
            print(f"{name} {alpha.shape}", file=sys.stderr)
    table(rows, seconds)


def picture(source: zipfile.ZipFile, name: str) -> Image.Image:
    return Image.open(io.BytesIO(source.read(name)))


def compare(
    image: Colours, alpha: Colours, front: Colours, back: Colours, theirs: PyMatting
) -> tuple[tuple[float, ...], tuple[float, float, float]]:
    """Errors of the picture's own colours, of theirs and of ours; seconds of theirs and ours."""
    soft = (alpha > 0) & (alpha < 1)
    f_theirs, b_theirs, time_theirs = theirs.estimate(image, alpha)
    started = time.process_time()
    f_ours = estimate_foreground(image, alpha)
    between = time.process_time()
    b_ours = estimate_background(image, alpha)
    ended = time.process_time()
    over, under = soft * alpha, soft * (1 - alpha)
    errors = (
        *(error(found, front, over) for found in (image, f_theirs, f_ours)),
        *(error(found, back, under) for found in (image, b_theirs, b_ours)),
    )
    return errors, (time_theirs, between - started, ended - between)


def table(
    rows: dict[tuple[str, str], list[tuple[float, ...]]],
    seconds: list[tuple[float, float, float]],
) -> None:
    print(
        "| truth | over | F: photo | F: PyMatting | F: nukki | B: photo | B: PyMatting | B: nukki |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for (kind, where), errors in rows.items():
        means = (statistics.mean(column) for column in zip(*errors, strict=True))
        print(f"| {kind} | {where} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    every = [one for errors in rows.values() for one in errors]
    means = (statistics.mean(column) for column in zip(*every, strict=True))
    print("| all | all | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    won = sum(one[2] <= one[1] for one in every)
    lost = sum(one[5] > one[4] for one in every)
    print(f"\nF not worse in {won} of {len(every)} pictures, B in {len(every) - lost}")
    both, ours, background = (statistics.median(c) for c in zip(*seconds, strict=True))
    print(f"seconds: PyMatting, F and B {both:.3f}; nukki, F {ours:.3f}, B {background:.3f}")


if __name__ == "__main__":
    main()
