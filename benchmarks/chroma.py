"""Keying against the truth: nukki, a threshold on hue, and OpenCV's GrabCut.

    python benchmarks/chroma.py --alphas alphamatting18.zip [--people FOLDER]
        [--opencv-python PYTHON] [--people-every N] [--leave-out N]

Subjects with known alphas (alphamatting.com's, and people of FOLDER, which holds `images` and
`masks`) stand before green and blue screens of seven kinds; see chroma_screens.py. The threshold
takes everything within 25 of 255 of the screen's hue, with a saturation above .27 and a value above
.12. GrabCut (`pip install opencv-python-headless`, in an environment of its own) starts from that
mask, whose insides 8 pixels from the edge are certain, and runs five times.

MAD is the mean absolute difference of alpha, in thousandths; "edge" that within 6 pixels of soft
alpha, in hundredths; "holes" the share of opaque pixels below .95, "dirt" of empty ones above .05,
in per cent; "over" the mean error in levels, there, of the subject put over black and over white.
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
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from chroma_screens import COLOURS, SCREENS, Screen, Shot, shoot
from PIL import Image

import nukki
from nukki.ops.alpha import gaussian, grow
from nukki.ops.composite import bleed
from nukki.ops.foreground import estimate_foreground
from nukki.ops.guided import window_sum

GRABCUT = """
import sys, time
import cv2
import numpy as np
cv2.setNumThreads(1)
for line in sys.stdin:
    with np.load(line.strip()) as data:
        image, mask = np.ascontiguousarray(data["image"][..., ::-1]), data["mask"]
    kernel = np.ones((17, 17), np.uint8)
    start = np.where(mask > 0, 3, 2).astype(np.uint8)
    start[cv2.erode(mask, kernel) > 0] = 1
    start[cv2.erode(1 - mask, kernel) > 0] = 0
    cv2.setRNGSeed(1)
    started = time.process_time()
    if (start == 1).any() and (start == 0).any():
        cv2.grabCut(image, start, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, 1)
    seconds = time.process_time() - started
    np.save(line.strip() + ".npy", (start % 2).astype(np.uint8))
    print(seconds, flush=True)
"""
CLOTHES = {
    "light skin": (0.93, 0.76, 0.67),
    "tanned skin": (0.76, 0.55, 0.42),
    "dark skin": (0.33, 0.22, 0.17),
    "white": (0.92, 0.92, 0.92),
    "black": (0.06, 0.06, 0.06),
    "yellow": (0.93, 0.83, 0.13),
    "khaki": (0.62, 0.57, 0.4),
    "olive": (0.42, 0.42, 0.2),
    "turquoise": (0.15, 0.62, 0.65),
    "pale green": (0.7, 0.82, 0.68),
    "bottle green": (0.08, 0.27, 0.17),
    "grass green": (0.3, 0.6, 0.2),
}
Array = np.ndarray


class GrabCut:
    """A process that runs GrabCut on one picture after the other."""

    def __init__(self, python: str, folder: Path) -> None:
        self.path = folder / "one.npz"
        self.process = subprocess.Popen(
            [python, "-c", GRABCUT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def cut(self, image: Array, mask: Array) -> tuple[Array, float]:
        """The alpha that it comes to from a first mask, and its seconds."""
        np.savez(self.path, image=image, mask=mask)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.path}\n")
        self.process.stdin.flush()
        seconds = float(self.process.stdout.readline())
        return np.load(f"{self.path}.npy").astype(np.float32), seconds


def subjects(arguments: argparse.Namespace) -> Iterator[tuple[str, Array, Array]]:
    """Name, own colours and true alpha of every subject."""
    source = zipfile.ZipFile(arguments.alphas)
    people = arguments.people
    for name in sorted(n for n in source.namelist() if n.startswith("masks/")):
        stem = Path(name).stem
        photo = np.asarray(opened(source.read(f"images/{stem}.webp")).convert("RGB"))
        alpha = np.asarray(opened(source.read(name)).convert("L"), np.float32) / 255
        yield stem, estimate_foreground(photo, alpha), alpha
    every = [] if people is None else sorted((people / "images").iterdir())
    for path in every[:: arguments.people_every]:
        found = next((people / "masks").glob(f"{path.stem}.*"))
        photo = np.asarray(Image.open(path).convert("RGB"))
        mask = (np.asarray(Image.open(found).convert("L")) > 127).astype(np.float32)
        solid = (grow(mask, -2) > 0.9).astype(np.uint8) * 255
        yield (
            f"person {path.stem}",
            bleed(np.dstack([photo, solid]))[..., :3],
            gaussian(grow(mask, -1), 0.8),
        )


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def by_hue(image: Array, colour: str) -> Array:
    """1 where a pixel is not of the screen's hue."""
    hue, saturation, value = np.asarray(Image.fromarray(image).convert("HSV")).astype(int).T
    screen = (abs(hue - {"green": 85, "blue": 155}[colour]) < 25) & (saturation > 70) & (value > 30)
    return (~screen.T).astype(np.float32)


def scores(alpha: Array, colours: Array, shot: Shot) -> tuple[float, ...]:
    truth = shot.alpha
    off = np.abs(alpha - truth)
    soft = ((truth > 0) & (truth < 1)).astype(np.float32)
    near = window_sum(soft[None], 6)[0] > 0.5
    over = []
    for level in (0, 255):
        mixed = alpha[..., None] * colours + (1 - alpha[..., None]) * level
        right = truth[..., None] * shot.front + (1 - truth[..., None]) * level
        over.append(float(np.abs(mixed - right)[near].mean()))
    holes = 100 * float((alpha[truth == 1] < 0.95).mean()) if (truth == 1).any() else 0.0
    dirt = 100 * float((alpha[truth == 0] > 0.05).mean())
    return 1000 * float(off.mean()), 100 * float(off[near].mean()), holes, dirt, sum(over) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alphas", required=True, type=Path)
    parser.add_argument("--people", type=Path)
    parser.add_argument("--opencv-python")
    parser.add_argument("--people-every", type=int, default=1, help="take every Nth of the people")
    parser.add_argument("--leave-out", type=int, help="every Nth subject: those tuned on")
    arguments = parser.parse_args()
    chosen = [
        one
        for number, one in enumerate(subjects(arguments))
        if not (arguments.leave_out and number % arguments.leave_out == 0)
    ]
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        grabcut = None
        if arguments.opencv_python:
            grabcut = GrabCut(arguments.opencv_python, Path(folder))
        for number, (name, front, alpha) in enumerate(chosen):
            for place, (kind, how) in enumerate(SCREENS.items()):
                colour = ("green", "blue")[(number + place) % 2]
                shot = shoot(front, alpha, how, COLOURS[colour], 100 * number + place)
                for tool, (found, colours, took) in answers(shot, colour, grabcut).items():
                    rows.setdefault((kind, tool), []).append(scores(found, colours, shot))
                    seconds.setdefault(tool, []).append(took)
            print(name, file=sys.stderr)
    print(f"{len(chosen)} subjects\n")
    table(rows)
    print()
    for tool, took in seconds.items():
        print(f"{tool}: {statistics.median(took):.3f} s of a processor, median")
    clothes()


def answers(
    shot: Shot, colour: str, grabcut: GrabCut | None
) -> dict[str, tuple[Array, Array, float]]:
    """Alpha, colours and seconds of every tool."""
    started = time.process_time()
    mask = by_hue(shot.image, colour)
    hue = time.process_time()
    cut = nukki.remove(shot.image, key=colour, threads=1)
    ended = time.process_time()
    found = {
        "nukki": (cut.alpha, cut.foreground, ended - hue),
        "hue": (mask, shot.image, hue - started),
    }
    if grabcut is not None:
        alpha, seconds = grabcut.cut(shot.image, mask.astype(np.uint8))
        found["GrabCut"] = (alpha, shot.image, seconds)
    return found


def table(rows: dict[tuple[str, str], list[tuple[float, ...]]]) -> None:
    print("| screen | tool | MAD | edge | holes | dirt | over |\n|---|---|--:|--:|--:|--:|--:|")
    tools = {tool: [] for _, tool in rows}
    for (kind, tool), found in rows.items():
        tools[tool] += found
        line(kind, tool, found)
    for tool, found in tools.items():
        line("all", tool, found)


def line(kind: str, tool: str, found: list[tuple[float, ...]]) -> None:
    means = (statistics.mean(column) for column in zip(*found, strict=True))
    print(f"| {kind} | {tool} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")


def clothes() -> None:
    """A disc of one colour of cloth before an uneven green screen."""
    print("\n| before green | MAD | holes | colour error inside |\n|---|--:|--:|--:|")
    down, across = np.mgrid[0:400, 0:600].astype(np.float32)
    alpha = np.clip((140 - np.hypot(down - 200, across - 300)) / 3 + 0.5, 0, 1)
    weave = gaussian(np.random.default_rng(1).normal(0, 1, alpha.shape).astype(np.float32), 1.5)
    for name, colour in CLOTHES.items():
        shade = 255 * np.float32(colour) * (1 + 0.3 * weave[..., None])
        front = np.clip(shade, 0, 255).astype(np.uint8)
        shot = shoot(front, alpha, Screen(falloff=0.3, noise=3), COLOURS["green"], 5)
        cut = nukki.remove(shot.image, key="green", threads=1)
        mad, _, holes, _, _ = scores(cut.alpha, cut.foreground, shot)
        inside = (alpha == 1) & (cut.alpha > 0.5)
        off = np.abs(cut.foreground.astype(float) - shot.image)[inside]
        print(f"| {name} | {mad:.2f} | {holes:.2f} | {off.mean() if off.size else 0:.2f} |")


if __name__ == "__main__":
    main()
