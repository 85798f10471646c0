"""Made-up pictures to train on, and a recipe that is done with them in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from nukki.ops.runs import to_runs

COLOURS = ((220, 40, 40), (40, 60, 220), (30, 160, 60), (230, 190, 30))


def shape(seed, *, height=72, width=96):
    """(picture, mask): an ellipse or a box of one colour on noise, soft at its rim."""
    chance = np.random.default_rng(seed)
    noise = chance.integers(90, 170, (height, width, 3), dtype=np.uint8)
    big = Image.new("L", (width * 4, height * 4))
    left, top = chance.uniform(0.1, 0.3, 2) * (width * 4, height * 4)
    right, low = chance.uniform(0.6, 0.9, 2) * (width * 4, height * 4)
    draw = ImageDraw.Draw(big)
    (draw.ellipse if seed % 2 else draw.rectangle)((left, top, right, low), fill=255)
    mask = big.resize((width, height), Image.Resampling.BOX)
    colour = Image.new("RGB", (width, height), COLOURS[seed % len(COLOURS)])
    return Image.composite(colour, Image.fromarray(noise), mask), mask


def make_set(folder, count, *, first=0, masks=True):
    """Write pictures and masks of one set."""
    folder = Path(folder)
    (folder / "images").mkdir(parents=True)
    if masks:
        (folder / "masks").mkdir()
    for seed in range(first, first + count):
        picture, mask = shape(seed)
        if not masks:
            picture = Image.fromarray(
                np.random.default_rng(seed).integers(0, 255, (64, 80, 3), dtype=np.uint8)
            )
        picture.save(folder / "images" / f"{seed:03d}.png")
        if masks:
            mask.save(folder / "masks" / f"{seed:03d}.png")


def make_data(folder):
    """Prepared data: eight shapes and two places to train on, three shapes to validate on."""
    folder = Path(folder)
    make_set(folder / "train" / "shapes", 8)
    make_set(folder / "train" / "places", 2, masks=False)
    make_set(folder / "validate" / "shapes", 3, first=50)
    return folder


def make_things(folder, count, *, first=0, boxes=True):
    """Write pictures of one set, and what is in them in COCO's format.

    Each shows a shape, a person (1) or a dog (18) by turns; every third also has a small box that a
    teacher drew.
    """
    make_set(folder, count, first=first, masks=False)
    photos, told = [], []
    for seed in range(first, first + count):
        picture, mask = shape(seed)
        picture.save(Path(folder) / "images" / f"{seed:03d}.png")
        photos.append({"id": seed, "file_name": f"{seed:03d}.png", "width": 96, "height": 72})
        inside = np.asarray(mask) >= 128
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        row = {
            "id": 2 * seed,
            "image_id": seed,
            "category_id": 18 if seed % 2 else 1,
            "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
            "segmentation": {"size": [72, 96], "counts": to_runs(inside)},
        }
        told.append(row)
        if boxes and seed % 3 == 0:
            small = {"id": 2 * seed + 1, "image_id": seed, "category_id": 1, "score": 0.6}
            told.append({**small, "bbox": [1, 1, 6, 9]})
    text = json.dumps({"images": photos, "annotations": told})
    (Path(folder) / "instances.json").write_text(text, encoding="utf-8")


def make_things_data(folder):
    """Prepared data of things: annotated photos, people with masks, places; to validate on too."""
    folder = Path(folder)
    make_things(folder / "train" / "coco", 4)
    make_set(folder / "train" / "people", 3, first=20)
    make_set(folder / "train" / "places", 2, masks=False)
    make_things(folder / "validate" / "coco", 3, first=50)
    return folder


_THINGS = """\
name = "tiny"
kind = "KIND"
seed = 7
start = "nothing"
size = 64
every = 2
warm_up = 1

[sets.coco]
paste = 0.5
empty = 0.1

[sets.people]
paste = 0.7

[sets.places]

[[stages]]
steps = 2
sizes = [32, 64]
batch = 2
rate = 1e-4
last_rate = 5e-5
frozen = 2

[[stages]]
steps = 1
sizes = [64]
batch = 3
rate = 5e-5
last_rate = 0
"""


def things_recipe(kind):
    """A recipe for `detect` or `pick`, done in three steps."""
    return _THINGS.replace("KIND", kind)


RECIPE = """\
name = "tiny"
seed = 7
start = "the shipped network"
size = 64
every = 3
warm_up = 2

[sets.shapes]
paste = 0.3
empty = 0.1

[sets.places]

[[stages]]
steps = 4
sizes = [32, 64]
batch = 2
rate = 1e-4
last_rate = 5e-5
frozen = 3

[[stages]]
steps = 2
sizes = [64]
batch = 3
rate = 5e-5
last_rate = 0
"""


def stored_as_float16(model, judge, _):
    """In the place of `nets.storage.compact`, without asking which tensors bear how few bytes."""
    from nukki.nets.storage import halved

    small = halved(model)
    return small, {"everything": "half"}, judge(small)


def write_recipe(folder, text=RECIPE):
    path = Path(folder) / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path
