"""The plan's budgets, measured in one run: `python benchmarks/budgets.py [PHOTO ...]`.

Everything but the networks on a 12 megapixel JPEG, by step; start-up of the library and the command
line; a 1 megapixel photo from process start to file. Without photos, scikit-image's cat is
enlarged.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

import nukki

REPEAT = 7


def jpeg(source: Image.Image, megapixels: float) -> bytes:
    """The photo as JPEG bytes of that size."""
    rgb = source.convert("RGB")
    scale = (megapixels * 1e6 / (rgb.width * rgb.height)) ** 0.5
    size = (round(rgb.width * scale), round(rgb.height * scale))
    buffer = io.BytesIO()
    rgb.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def steps(data: bytes, **options: str) -> dict[str, float]:
    """Median seconds of each step of one call."""
    runs = []
    for _ in range(REPEAT + 1):
        started = time.perf_counter()
        picture = nukki.read(data)
        read = time.perf_counter()
        cut = nukki.remove(picture, **options)
        removed = time.perf_counter()
        cut.encode("png")
        done = time.perf_counter()
        run = {"read": read - started, **cut.seconds, "encode": done - removed}
        run["but network"] = done - started - cut.seconds["network"]
        runs.append(run)
    return {name: statistics.median(r[name] for r in runs[1:]) for name in runs[0]}


def process(*words: str) -> float:
    """Best wall seconds of a process; the best, since other processes only ever add."""
    times = []
    for _ in range(REPEAT):
        started = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path)
    pictures = {p.stem: Image.open(p) for p in parser.parse_args().photos}
    if not pictures:
        from skimage import data

        pictures = {"cat": Image.fromarray(data.chelsea())}
    for name, picture in pictures.items():
        twelve = jpeg(picture, 12)
        for label, options in {
            "auto": {},
            "fast, keep": {"edges": "fast", "colours": "keep"},
            "fast": {"edges": "fast"},
            "best": {"edges": "best"},
        }.items():
            found = steps(twelve, **options)
            line = "  ".join(f"{k} {v:.3f}" for k, v in found.items())
            print(f"12 MP {name:16} {label:11} {line}", flush=True)
    bare = process("-c", "pass")
    print(f"import nukki: {1000 * (process('-c', 'import nukki') - bare):.0f} ms over bare Python")
    print(f"nukki --help: {1000 * process('-m', 'nukki', '--help'):.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(jpeg(next(iter(pictures.values())), 1))
        target = str(Path(folder) / "cut.png")
        seconds = process("-m", "nukki", "remove", str(photo), "-o", target, "--overwrite")
    print(f"1 MP, process start to file: {seconds:.2f} s")


if __name__ == "__main__":
    main()
