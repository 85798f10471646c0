"""What `nukki erase` takes out, where the truth is known: people pasted into places, with shadows.

    python benchmarks/erasing.py --held FOLDER [--only 0004,0052] [--fill patch] [--sheet out.png]
    python benchmarks/erasing.py --times PHOTO [--what people] [--megapixels 1,12]

FOLDER holds `people/images` and `people/masks`, and `places/images`. A person is cut out along its
mask, drawn back a little so that nothing of its own background comes along, reduced, and pasted
into a place with soft edges: without a shadow, with a contact shadow, and with a shadow cast on the
ground (sheared, softened, .3 to .6 of the light gone). It is then erased by `--what people`, as far
as it lies at the person. Told are: how many people are found; what of them is left; what of the
shadow is removed, in all and of those that are seen; shadows that were none; how far the result is
from the true place; and whether anybody is still seen there.

`--times` erases from one photo, resized, twice each, and tells the seconds of each stage, those of
the processor, and the memory; and, where OpenCV is installed, those of its Telea on the same hole.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nukki.io.images import Picture
from nukki.loading import load_filler, load_finder
from nukki.ops.alpha import gaussian
from nukki.ops.discs import dilated
from nukki.ops.foreground import estimate_foreground
from nukki.ops.light import from_linear, to_linear
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.eraser import by_choice, carry_out
from nukki.pipelines.results import Erased, Instance
from nukki.pipelines.segment import Finder, segment
from nukki.types import RGB8, Alpha, Mask

Kind = Literal["none", "contact", "cast"]
KINDS: tuple[Kind, ...] = ("none", "contact", "cast")
# Those of the places that have ground to stand on.
GROUND = (
    "0000", "0004", "0012", "0028", "0036", "0040", "0052", "0060", "0064", "0076", "0088", "0096",
    "0100", "0116", "0148", "0156", "0168", "0172",
)  # fmt: skip
_SEEN = 1.5  # contrast of a shadow over the noise of the ground from which on it is seen
_BLUER = np.array([1.0, 0.97, 0.9])  # of the light that a shadow takes


@dataclass(frozen=True, eq=False)
class Composite:
    """A person in a place.

    Attributes:
        name: Of the place, and which shadow.
        image: What is erased from.
        place: What it should be afterwards.
        alpha: The person.
        dark: Share of the light that its shadow takes, where the person does not cover it.
        seen: Contrast of the shadow over the noise of the ground.
    """

    name: str
    image: RGB8
    place: RGB8
    alpha: Alpha
    dark: NDArray[np.float32]
    seen: float


def person(image: Path, mask: Path) -> tuple[RGB8, Alpha]:
    """A cut-out, tight, with soft edges."""
    pixels = np.asarray(Image.open(image).convert("RGB"))
    inside = np.asarray(Image.open(mask).convert("L")) > 127
    soft = gaussian(inside.astype(np.float32), 1.2)
    alpha = np.clip((soft - 0.45) / 0.5, 0, 1).astype(np.float32)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    part = np.s_[max(0, rows[0] - 3) : rows[-1] + 4, max(0, columns[0] - 3) : columns[-1] + 4]
    colours = np.asarray(estimate_foreground(pixels, alpha), np.uint8)
    return colours[part], alpha[part]


def composed(
    name: str, place: RGB8, colours: RGB8, alpha: Alpha, kind: Kind, seed: int
) -> Composite:
    """A person in a place, with a shadow."""
    random = np.random.default_rng(seed)
    height, width = place.shape[:2]
    tall = int(height * random.uniform(0.35, 0.62))
    wide = max(8, round(alpha.shape[1] * tall / alpha.shape[0]))
    base = int(height * random.uniform(0.86, 0.95))
    left = int(np.clip(random.uniform(0.12, 0.88) * width - wide / 2, 0, width - wide))
    where = np.s_[base - tall : base, left : left + wide]
    there, front = np.zeros((height, width), np.float32), place.copy()
    small = Image.fromarray(alpha).resize((wide, tall), Image.Resampling.BILINEAR)
    there[where] = np.clip(np.asarray(small), 0, 1)
    front[where] = np.asarray(
        Image.fromarray(colours).resize((wide, tall), Image.Resampling.LANCZOS)
    )
    dark = shadow(there, tall, kind, random)
    lit = to_linear(place) * (1 - dark[..., None] * _BLUER)
    behind = from_linear(lit.astype(np.float32), np.dtype(np.uint8))
    share = there[..., None]
    image = np.rint(front * share + behind * (1 - share)).astype(np.uint8)
    dark = np.where(there < 0.02, dark, 0).astype(np.float32)
    return Composite(f"{name} {kind}", image, place, there, dark, visibility(place, dark))


def shadow(alpha: Alpha, tall: int, kind: Kind, random: np.random.Generator) -> Alpha:
    """The share of light that is gone."""
    dark = np.zeros_like(alpha)
    base = int(np.flatnonzero((alpha > 0.5).any(axis=1))[-1])
    if kind == "none":
        return dark
    foot = np.zeros_like(alpha)
    low = slice(base - max(3, int(0.05 * tall)), base + 1)
    foot[low] = alpha[low]
    contact = gaussian(np.roll(foot, int(0.01 * tall), axis=0), max(1.5, 0.018 * tall))
    contact = np.clip(1.15 * contact / max(float(contact.max()), 1e-3), 0, 1)
    dark = np.maximum(dark, contact * random.uniform(0.35, 0.6)).astype(np.float32)
    if kind == "cast":
        shear = random.choice([-1, 1]) * random.uniform(0.2, 1.0)
        length = random.choice([-1, 1], p=[0.55, 0.45]) * random.uniform(0.12, 0.35)
        rows, columns = np.indices(alpha.shape)
        up = (rows - base + 0.01 * tall) / length
        across = np.rint(columns - shear * up).astype(int)
        above = np.rint(base - 0.01 * tall - up).astype(int)
        inside = (up >= -2) & (above >= 0) & (above < alpha.shape[0])
        inside &= (across >= 0) & (across < alpha.shape[1])
        thrown = np.zeros_like(alpha)
        thrown[inside] = alpha[above[inside], across[inside]]
        thrown = gaussian(thrown, random.uniform(1, 3.5) * tall / 300)
        dark = np.maximum(dark, thrown * random.uniform(0.3, 0.6)).astype(np.float32)
    return dark


def visibility(place: RGB8, dark: NDArray[np.float32]) -> float:
    """The shadow's contrast over the noise of the ground beside it; 0 where there is none."""
    inside = dark > 0.1
    beside = dilated(inside, 12) & ~dilated(inside, 4)
    if inside.sum() < 50 or not beside.any():
        return 0.0
    light = np.log(to_linear(place).mean(axis=2) + 0.004)
    noise = float(gaussian(light, 1.5)[beside].std()) + 0.02
    return float(-np.log(1 - dark[inside]).mean()) / noise


def composites(folder: Path, only: tuple[str, ...]) -> Iterator[Composite]:
    """One of each kind in every place."""
    people = sorted((folder / "people" / "images").iterdir())
    for number, name in enumerate(only):
        (file,) = (folder / "places" / "images").glob(f"{name}*")
        place = np.asarray(Image.open(file).convert("RGB"))
        for kind in KINDS:
            photo = people[(number * 3 + KINDS.index(kind)) * 2 % len(people)]
            mask = folder / "people" / "masks" / f"{photo.stem}.png"
            cut = person(photo, mask)
            yield composed(name, place, *cut, kind, 1000 * number + KINDS.index(kind))


def who(found: list[Instance], truth: Alpha) -> list[Instance]:
    """The people of whom at least half lies where the pasted one does."""
    inside = truth > 0.5
    return [
        one for one in found if one.label == "person" and (one.mask & inside).sum() > 0.5 * one.area
    ]


def judged(one: Composite, made: Erased | None, finder: Finder) -> dict[str, float]:
    """What came of a composite."""
    if made is None:
        return {"found": 0.0}
    left = one.alpha * ~made.hole
    body = float(one.alpha.sum())
    taken = any(
        cast.kind == "shadow" and goes
        for part in made.parts
        for cast, goes in zip(part.casts, part.taken, strict=True)
    )
    changed = made.hole | (one.alpha > 0.02) | (one.dark > 0.04)
    apart = np.abs(made.pixels.astype(float) - one.place)[changed].mean()
    again = who(list(segment(Picture(made.pixels), finder).instances), one.alpha)
    dark = float(one.dark.sum())
    return {
        "found": 1.0,
        "left": float(left.sum()) / body,
        "clean": float((left > 0.2).sum() < 0.001 * (one.alpha > 0.5).sum()),
        "removed": float(one.dark[made.hole].sum()) / dark if dark else np.nan,
        "seen": float(one.seen > _SEEN),
        "took": float(taken),
        "error": float(apart),
        "nobody": float(not again),
        "passes": float(len(made.passes)),
        "seconds": sum(made.seconds.values()),
    }


def times(photo: Path, what: str, sizes: list[float], fill: str) -> None:
    """How long it takes, a line a run."""
    finder, filler = load_finder("default", device="cpu"), load_filler(fill, device="cpu")
    image = Image.open(photo).convert("RGB")
    for megapixels in sizes:
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = round(image.width * scale), round(image.height * scale)
        picture = Picture(np.asarray(image.resize(size, Image.Resampling.LANCZOS)))
        for _ in range(2):
            started, worked = time.perf_counter(), time.process_time()
            plan = by_choice(picture, what, GoOptions(), finder, except_=None)
            made = carry_out(plan, filler)
            seconds = {step: round(value, 2) for step, value in made.seconds.items()}
            print(
                f"{megapixels} MP, {len(made.parts)} things, hole {made.hole.mean():.3f}, "
                f"{len(made.passes)} fillings: "
                f"{time.perf_counter() - started:.2f} s, "
                f"of the processor {time.process_time() - worked:.2f} s, {seconds}, "
                f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB",
                flush=True,
            )
        print(f"  Telea on the same hole: {telea(picture.rgb8(), made.hole)}", flush=True)


def telea(image: RGB8, hole: Mask) -> str:
    """The seconds of OpenCV's inpainting."""
    try:
        import cv2
    except ImportError:
        return "OpenCV is not installed"
    started = time.perf_counter()
    cv2.inpaint(image, hole.astype(np.uint8) * 255, 3, cv2.INPAINT_TELEA)
    return f"{time.perf_counter() - started:.2f} s"


def main() -> None:
    """Judge, print a table, and lay what was made on a sheet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--held", type=Path)
    parser.add_argument("--times", type=Path)
    parser.add_argument("--what", default="people")
    parser.add_argument("--megapixels", default="1,12")
    parser.add_argument("--only", default=",".join(GROUND))
    parser.add_argument("--fill", default="default")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    if args.times is not None:
        sizes = [float(word) for word in args.megapixels.split(",")]
        times(args.times, args.what, sizes, args.fill)
    if args.held is None:
        return
    finder, filler = load_finder("default", device="cpu"), load_filler(args.fill, device="cpu")
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    cells = []
    for one in composites(args.held, tuple(args.only.split(","))):
        picture = Picture(one.image)
        found = segment(picture, finder)
        chosen = who(list(found.instances), one.alpha)
        made = None
        if chosen:
            numbers = ",".join(str(each.number) for each in chosen)
            plan = by_choice(picture, found.choose(numbers), GoOptions(), finder, except_=None)
            made = carry_out(plan, filler)
            cells.append((one.name, one.image, plan.preview().pixels, made.pixels))
        row = judged(one, made, finder)
        rows[one.name.split()[-1]].append(row)
        print(one.name, {key: round(value, 3) for key, value in row.items()}, flush=True)
    table(rows)
    if args.sheet is not None:
        sheet(cells).save(args.sheet)


def table(rows: dict[str, list[dict[str, float]]]) -> None:
    """Means, a line a kind of shadow."""
    print("| shadow | people | found | left, median | clean | removed | of those seen | took one "
          "| error | nobody left | seconds |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for kind, every in rows.items():
        good = [row for row in every if row["found"]]

        def mean(key: str, among: list[dict[str, float]]) -> float:
            values = [row[key] for row in among if not np.isnan(row[key])]
            return float(np.mean(values)) if values else float("nan")

        seen = [row for row in good if row["seen"]]
        print(
            f"| {kind} | {len(every)} | {len(good)} "
            f"| {np.median([row['left'] for row in good]):.4f} | {mean('clean', good):.2f} "
            f"| {mean('removed', good):.2f} | {mean('removed', seen):.2f} ({len(seen)}) "
            f"| {mean('took', good):.2f} | {mean('error', good):.1f} "
            f"| {mean('nobody', good):.2f} | {mean('seconds', good):.1f} |"
        )


def sheet(cells: list[tuple[str, RGB8, RGB8, RGB8]], height: int = 200) -> Image.Image:
    """Before, what goes, after: three in a cell, four cells a row."""
    strips = []
    for name, *pictures in cells:
        small = [Image.fromarray(each) for each in pictures]
        small = [each.resize((round(each.width * height / each.height), height)) for each in small]
        strip = Image.new("RGB", (sum(each.width for each in small), height + 14), "white")
        left = 0
        for each in small:
            strip.paste(each, (left, 14))
            left += each.width
        ImageDraw.Draw(strip).text((2, 1), name, fill="black")
        strips.append(strip)
    rows = [strips[start : start + 4] for start in range(0, len(strips), 4)]
    width = max(sum(each.width + 6 for each in row) for row in rows)
    page = Image.new("RGB", (width, len(rows) * (height + 20)), "white")
    for number, row in enumerate(rows):
        left = 0
        for each in row:
            page.paste(each, (left, number * (height + 20)))
            left += each.width + 6
    return page


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
