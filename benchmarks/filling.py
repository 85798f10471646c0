"""How well holes are filled where the truth is known: the tables of docs/filling.md.

    python benchmarks/filling.py --data data/things --encoder mobilenet_v2_imagenet.npz \
        --photos 30 --json filling.json --sheet filling.png

Held-back places and photos of the validation list of DUTS (`held_photos`), which no network of ours
was trained on, get holes in the shape of people of other photos, of 5, 15 and 30 % of their area,
grown by 1.5 % of their size. What the hole held is black before a filler sees it. The measures are
those of `filling_measures`; detail, seam and time are medians, the others means over photos. The
Fréchet distance is between crops of filled and of true photos: with few crops it is large, and only
comparable within a run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filling_measures import Encoder, detail, frechet, psnr, seam, ssim
from held_photos import cases
from numpy.typing import NDArray
from PIL import Image

from nukki.io.files import write
from nukki.io.png import encode_png
from nukki.loading import filler_name, load_filler
from nukki.ops.alpha import grow
from nukki.ops.tiles import tight_box
from nukki.types import RGB8, Box, Mask
from nukki.zoo import catalog

SHARES = (0.05, 0.15, 0.30)
SEED = 20261122
_GROWN = 0.015  # of the shape's longer side
_CROP = 96  # pixels of a side, for the Fréchet distance
_CROPS = 6  # of each photo
_SHEET = 240  # pixels of a picture's height
_MARK = (255, 0, 255)

Fill = Callable[[RGB8, Mask], RGB8]


@dataclass(frozen=True, eq=False)
class Hole:
    """A photo and what is to be filled."""

    name: str
    share: float
    truth: RGB8
    mask: Mask


def holes(folder: Path, photos: int) -> Iterator[Hole]:
    """Every photo with a hole of each size; always the same ones."""
    shapes = [case.union for case in cases(folder, "single", 60)]
    places = list(cases(folder, "places", -(-photos // 2)))
    things = list(cases(folder, "things", photos // 2))
    for number, case in enumerate([*places, *things]):
        for share in SHARES:
            random = np.random.default_rng([SEED, number, round(100 * share)])
            mask = placed(case.image.shape[:2], shapes[int(random.integers(60))], share, random)
            yield Hole(case.name, share, case.image, mask)


def placed(size: tuple[int, ...], shape: Mask, share: float, random: np.random.Generator) -> Mask:
    """A shape of that share of the photo's area somewhere on it; what sticks out is made up for."""
    height, width = size[0], size[1]
    box = tight_box(shape, Box(0, 0, shape.shape[1], shape.shape[0]))
    if box is None:
        message = "a shape must hold a pixel"
        raise ValueError(message)
    crop = Image.fromarray(shape[box.slices()])
    area, wanted = int(shape.sum()), share * height * width
    place = random.uniform(0, 1, 2)
    scale = (wanted / area) ** 0.5
    for _ in range(12):
        high, wide = max(1, round(box.height * scale)), max(1, round(box.width * scale))
        thing = np.asarray(crop.resize((wide, high)))
        top, left = round(place[0] * (height - high)), round(place[1] * (width - wide))
        mask = np.zeros((height, width), np.bool_)
        inside = Box(left, top, left + wide, top + high).within(Box(0, 0, width, height))
        mask[inside.slices()] = thing[
            inside.top - top : inside.bottom - top, inside.left - left : inside.right - left
        ]
        mask = grow(mask.astype(np.float32), max(2.0, _GROWN * max(high, wide))) > 0.5
        if abs(mask.sum() / wanted - 1) < 0.03:
            break
        scale *= (wanted / max(int(mask.sum()), 1)) ** 0.5
    return mask


def fillers(names: Sequence[str], threads: int) -> dict[str, Fill]:
    """Who is compared; without a card of the network `fill` there is no such column."""
    known = {card.name for card in catalog.cards()}
    found: dict[str, Fill] = {}
    for name in names:
        if name == "mean":
            found[name] = _mean
        elif (network := filler_name(name)) is None or network in known:
            found[name] = load_filler(name, threads=threads).fill
    return found


def _mean(image: RGB8, mask: Mask) -> RGB8:
    result = image.copy()
    result[mask] = np.rint(image[~mask].mean(axis=0)).astype(np.uint8)
    return result


def crops(image: RGB8, mask: Mask, seed: int) -> list[RGB8]:
    """Squares whose middles lie in the hole, moved into the photo."""
    rows, columns = np.nonzero(mask)
    side = min(_CROP, *mask.shape)
    found = []
    for pick in np.random.default_rng([SEED, seed]).integers(0, len(rows), _CROPS):
        top = int(np.clip(rows[pick] - side // 2, 0, mask.shape[0] - side))
        left = int(np.clip(columns[pick] - side // 2, 0, mask.shape[1] - side))
        found.append(image[top : top + side, left : left + side])
    return found


class Record:
    """What was measured of one filler on holes of one size."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.seen: list[NDArray[np.float64]] = []
        self.true: list[NDArray[np.float64]] = []

    def add(self, hole: Hole, filled: RGB8, seconds: float, encoder: Encoder, seed: int) -> None:
        """Measure a filled photo."""
        given = (filled, hole.truth, hole.mask)
        looks = encoder.distance(*given)
        self.rows.append((psnr(*given), ssim(*given), looks, detail(*given), seam(*given), seconds))
        self.seen.append(encoder.seen(crops(filled, hole.mask, seed)))
        self.true.append(encoder.seen(crops(hole.truth, hole.mask, seed)))

    def summary(self) -> dict[str, float]:
        """Figures by name."""
        table = np.array(self.rows)
        means, medians = table.mean(axis=0), np.median(table, axis=0)
        return {
            "PSNR": means[0],
            "SSIM": means[1],
            "perceptual": means[2],
            "detail": medians[3],
            "seam": medians[4],
            "Fréchet": frechet(np.concatenate(self.seen), np.concatenate(self.true)),
            "seconds": medians[5],
        }


def measured(
    folder: Path, photos: int, who: dict[str, Fill], encoder: Encoder, sheet: int
) -> tuple[dict[str, dict[str, dict[str, float]]], list[NDArray[np.uint8]]]:
    """Figures by share, filler and name, and the rows of a sheet of so many pictures."""
    records = {share: {name: Record() for name in who} for share in SHARES}
    rows = []
    for number, hole in enumerate(holes(folder, photos)):
        hidden = np.where(hole.mask[..., None], np.uint8(0), hole.truth)
        shown = [np.where(hole.mask[..., None], np.uint8(_MARK), hole.truth)]
        for name, fill in who.items():
            started = time.perf_counter()
            filled = fill(hidden, hole.mask)
            seconds = time.perf_counter() - started
            records[hole.share][name].add(hole, filled, seconds, encoder, number)
            shown.append(filled)
        if len(rows) < sheet:
            rows.append(np.concatenate([_small(one) for one in (*shown, hole.truth)], axis=1))
        print(number, hole.name, flush=True)
    figures = {
        f"{share:.0%}": {name: record.summary() for name, record in by_name.items()}
        for share, by_name in records.items()
    }
    return figures, rows


def _small(image: RGB8) -> RGB8:
    width = round(image.shape[1] * _SHEET / image.shape[0])
    return np.asarray(Image.fromarray(image).resize((width, _SHEET)))


def tables(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """The figures as Markdown, a table for each size of hole."""
    lines = []
    for share, by_name in figures.items():
        names = list(next(iter(by_name.values())))
        lines += [f"Holes of {share}:", "", "| filler | " + " | ".join(names) + " |"]
        lines += ["|---|" + "--:|" * len(names)]
        for name, values in by_name.items():
            shown = [f"{values[one]:.{_DIGITS.get(one, 2)}f}" for one in names]
            lines.append(f"| `{name}` | " + " | ".join(shown) + " |")
        lines.append("")
    return "\n".join(lines)


_DIGITS = {"SSIM": 3, "perceptual": 2, "Fréchet": 1, "seconds": 2}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=30)
    parser.add_argument("--fillers", default="default,fill,patch,telea,ns,mean")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    who = fillers(args.fillers.split(","), args.threads)
    count = 12 if args.sheet else 0
    figures, rows = measured(args.data, args.photos, who, Encoder(args.encoder), count)
    print(tables(figures))
    if args.json:
        write(args.json, json.dumps(figures, indent=1, ensure_ascii=False).encode())
    if args.sheet:
        width = max(row.shape[1] for row in rows)
        padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows]
        write(args.sheet, encode_png(np.concatenate(padded)))


if __name__ == "__main__":
    main()
