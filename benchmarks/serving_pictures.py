"""Pictures for the trials of the server: made in code, good ones and every kind of broken ones."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    """A soft ground with a bright figure of two discs and some grain."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = np.stack([60 + 40 * x / width, 90 + 30 * y / height, 120 + 0 * x], axis=2)
    side = min(height, width)
    body = (x - width / 2) ** 2 + (y - height * 0.68) ** 2 < (side * 0.28) ** 2
    head = (x - width / 2) ** 2 + (y - height * 0.32) ** 2 < (side * 0.13) ** 2
    ground[body] = (210, 80, 60)
    ground[head] = (235, 195, 165)
    ground += noise.normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(np.rint(ground), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 92} if kind in ("JPEG", "WEBP", "AVIF") else {}))
    return out.getvalue()


def broken_pictures(count: int, seed: int = 0) -> Iterator[bytes]:
    """Bytes of small pictures of every format with bytes changed, cut, doubled, or made up."""
    chance = random.Random(seed)
    small = picture(40, 56)
    wholes = [encoded(small, kind) for kind in KINDS]
    grey = small.convert("L")
    wholes += [encoded(grey, "PNG"), encoded(small.convert("RGBA"), "PNG"), encoded(grey, "TIFF")]
    wholes += [encoded(small.convert("CMYK"), "JPEG"), encoded(small.convert("P"), "PNG")]
    for _ in range(count):
        data = bytearray(chance.choice(wholes))
        way = chance.randrange(6)
        if way == 0:
            data = data[: chance.randrange(len(data))]
        elif way == 1:
            for _ in range(chance.randint(1, 12)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif way == 2:  # in the header, where sizes and offsets are
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(min(64, len(data)))] = chance.choice((0, 1, 127, 128, 255))
        elif way == 3:
            at = chance.randrange(len(data))
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 40)))
        elif way == 4:
            at = chance.randrange(len(data))
            del data[at : at + chance.randint(1, 60)]
        else:
            head = data[: chance.randint(4, 24)]
            data = head + bytes(chance.randrange(256) for _ in range(chance.randint(0, 300)))
        yield bytes(data)


def broken_forms(whole: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """A form with bytes of its structure changed, cut, or doubled."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(whole)
        way = chance.randrange(4)
        if way == 0:
            data = data[: chance.randrange(len(data))]
        elif way == 1:
            for _ in range(chance.randint(1, 6)):
                data[chance.randrange(min(400, len(data)))] = chance.randrange(256)
        elif way == 2:
            at = chance.randrange(min(400, len(data)))
            data[at:at] = chance.choice((b"\r\n", b"--", b"\0", b'"', b"\r\n\r\n", b";", b"\xff"))
        else:
            at = chance.randrange(min(300, len(data)))
            del data[at : at + chance.randint(1, 30)]
        yield bytes(data)
