"""Time and size of nukki's PNG encoder against Pillow's default, in one run.

    python benchmarks/png.py [PHOTO ...] [--megapixels 12] [--repeat 3]

Each photo is enlarged (and given sensor noise, so that enlarging is no gift) to the size asked for,
and cut out by an ellipse that fills most of the frame, colours under alpha 0 wiped. A file that
has alpha already (a finished cut-out) keeps it. Without photos: scikit-image's.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nukki.io.png import encode_png


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--megapixels", type=float, default=12.0, help="0 keeps each size")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    speeds, sizes = [], []
    print(f"{'photo':24} {'size':>11} {'pillow s':>9} {'nukki s':>8} {'faster':>7} {'larger':>7}")
    for name, photo in pictures(options.photos):
        cut = cut_out(photo, options.megapixels)
        theirs, their_size = timed(lambda cut=cut: pillow(cut), 1)
        ours, our_size = timed(
            lambda cut=cut: encode_png(cut, threads=options.threads), options.repeat
        )
        speeds.append(theirs / ours)
        sizes.append(our_size / their_size)
        print(
            f"{name:24} {cut.shape[1]:>5}×{cut.shape[0]:<5} {theirs:9.3f} {ours:8.3f} "
            f"{speeds[-1]:6.1f}× {100 * sizes[-1] - 100:+6.1f}%"
        )
    print(
        f"faster: mean {statistics.mean(speeds):.1f}×, least {min(speeds):.1f}×; "
        f"larger: "
        f"mean {100 * statistics.mean(sizes) - 100:+.1f}%, most {100 * max(sizes) - 100:+.1f}%"
    )


def pictures(paths: list[Path]) -> Iterator[tuple[str, Image.Image]]:
    if not paths:
        from skimage import data

        for name in ("astronaut", "chelsea", "coffee", "rocket"):
            yield name, Image.fromarray(getattr(data, name)())
    for path in paths:
        with Image.open(path) as image:
            yield path.stem, image.convert("RGBA" if image.has_transparency_data else "RGB")


def cut_out(photo: Image.Image, megapixels: float) -> NDArray[np.uint8]:
    """(H, W, 4) uint8."""
    scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5 if megapixels else 1
    size = (round(photo.width * scale), round(photo.height * scale))
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    if scale > 1:
        noise = np.random.default_rng(0).normal(0, 2, (*pixels.shape[:2], 3))
        pixels[..., :3] += np.rint(noise).astype(np.int16)
    colours = np.clip(pixels[..., :3], 0, 255).astype(np.uint8)
    alpha = pixels[..., 3].astype(np.uint8) if pixels.shape[2] == 4 else ellipse(*size)
    return np.dstack([np.where(alpha[..., None] > 0, colours, 0).astype(np.uint8), alpha])


def ellipse(width: int, height: int) -> NDArray[np.uint8]:
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    distance = np.sqrt(rows**2 + columns**2)
    return np.rint(255 * np.clip((0.98 - distance) * 200 + 0.5, 0, 1)).astype(np.uint8)


def pillow(cut: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(cut).save(out, "png")
    return out.getvalue()


def timed(job: Callable[[], bytes], repeat: int) -> tuple[float, int]:
    """The best time in seconds, and the number of bytes."""
    times, size = [], 0
    for _ in range(repeat):
        started = time.perf_counter()
        size = len(job())
        times.append(time.perf_counter() - started)
    return min(times), size


if __name__ == "__main__":
    main()
