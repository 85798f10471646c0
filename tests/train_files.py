"""Made-up pictures to train on, and a recipe that is done with them in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

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


def write_recipe(folder, text=RECIPE):
    path = Path(folder) / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path
