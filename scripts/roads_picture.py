"""Make docs/pictures/roads.webp: what `remove --subject auto` does with a thing, a person, a group.

The group is made of docs/photos/astronaut.jpg, three times before the cat's photo.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

import nukki
from nukki.io.files import write

ROOT = Path(__file__).resolve().parents[1]
HEIGHT = 300


def group() -> Image.Image:
    """Three of one person, of different sizes and one mirrored, before a blurred photo."""
    behind = Image.open(ROOT / "docs" / "photos" / "cat.jpg").convert("RGB").resize((48, 32))
    scene = behind.resize((960, 640), Image.Resampling.BICUBIC)
    cut = nukki.remove(ROOT / "docs" / "photos" / "astronaut.jpg", subject="salient").cropped()
    person = Image.fromarray(cut.rgba())
    for left, height, mirrored in ((40, 420, False), (560, 460, True), (290, 540, False)):
        one = person.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else person
        one = one.resize((round(one.width * height / one.height), height))
        scene.paste(one, (left, scene.height - height), one)
    return scene


def main() -> None:
    """Write the picture."""
    photos = [
        Image.open(ROOT / "docs" / "photos" / "cat.jpg").convert("RGB"),
        Image.open(ROOT / "docs" / "photos" / "astronaut.jpg").convert("RGB"),
        group(),
    ]
    rows = []
    for photo in photos:
        photo.thumbnail((960, 640))
        cut = nukki.remove(photo)
        print(cut.road, "-", cut.reason)
        cells = [
            np.asarray(photo),
            nukki.segment(photo, "all").numbered().pixels,
            cut.over("magenta").pixels,
        ]
        width = round(photo.width * HEIGHT / photo.height)
        rows.append(
            np.concatenate(
                [np.asarray(Image.fromarray(cell).resize((width, HEIGHT))) for cell in cells], 1
            )
        )
    wide = max(row.shape[1] for row in rows)
    page = [
        np.pad(row, ((0, 6), (0, wide - row.shape[1]), (0, 0)), constant_values=255) for row in rows
    ]
    target = ROOT / "docs" / "pictures" / "roads.webp"

    out = io.BytesIO()
    Image.fromarray(np.concatenate(page)).save(out, "WEBP", quality=80)
    write(target, out.getvalue())


if __name__ == "__main__":
    main()
