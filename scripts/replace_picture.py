"""Draw the pictures of docs/replace.md from docs/photos: `python scripts/replace_picture.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import nukki

PHOTOS = Path("docs/photos")
PICTURES = Path("docs/pictures")
SIDE = 300
GAP = 6


def shown(picture: nukki.Picture) -> Image.Image:
    """A picture in a square, what is transparent over a chessboard."""
    pixels = picture.pixels
    if picture.alpha is not None:
        y, x = np.mgrid[0 : picture.height, 0 : picture.width] // 12
        board = np.where((y + x) % 2, 205, 240)[..., None]
        cover = picture.alpha[..., None] / 255
        pixels = np.rint(pixels * cover + board * (1 - cover)).astype(np.uint8)
    image = Image.fromarray(pixels)
    scale = SIDE / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return image.crop((left, top, left + SIDE, top + SIDE))


def sheet(pictures: list[nukki.Picture], name: str) -> None:
    """Write pictures side by side."""
    wide = Image.new("RGB", (len(pictures) * (SIDE + GAP) - GAP, SIDE), "white")
    for place, picture in enumerate(pictures):
        wide.paste(shown(picture), (place * (SIDE + GAP), 0))
    wide.save(PICTURES / name, quality=84, method=6)


def main() -> None:
    """Draw them all."""
    astronaut = nukki.remove(PHOTOS / "astronaut.jpg")
    sheet(
        [
            astronaut.picture,
            astronaut.over("blur", blur=14),
            astronaut.over(PHOTOS / "cat.jpg", light_match=True),
            astronaut.over("#f2f2f2", shadow="drop", shadow_offset=(14, 10)),
        ],
        "replace-backgrounds.webp",
    )
    sheet(
        [
            astronaut.over("transparent", outline="8,white", shadow="drop", scale="88%"),
            astronaut.over("#b8d8e8", size="400x400", margin="12%", place="mass"),
            astronaut.over("white", scale="60%", place="right", flip=True),
            nukki.replace(
                PHOTOS / "astronaut.jpg",
                add=astronaut,
                behind="person",
                place="80%,62%",
                scale="76%",
                flip=True,
            ),
        ],
        "replace-places.webp",
    )


if __name__ == "__main__":
    main()
