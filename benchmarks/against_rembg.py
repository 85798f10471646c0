"""12 megapixel JPEG bytes → PNG bytes: nukki's `subject` against rembg's `u2netp`, in one run.

    python benchmarks/against_rembg.py --rembg-python PYTHON --u2netp u2netp.onnx [PHOTO ...]

rembg lives in an environment of its own, `pip install "rembg[cpu]"`; u2netp.onnx is the file that
it would fetch. Both run in a process of their own that has loaded its network, take turns photo by
photo, and report the median of their seconds and the peak of their memory. Photos are enlarged and
given a sensor's noise (--noise 0: none): what is merely enlarged compresses like no camera's
picture. Without photos, scikit-image's cat and astronaut are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

NUKKI = """
import sys, time, json, resource, nukki
options = json.loads(sys.argv[1])
def cut(data):
    return nukki.remove(data, **options).encode("png")
"""
REMBG = """
import sys, time, json, resource
from rembg import remove, new_session
session = new_session("u2netp")
def cut(data):
    return remove(data, session=session)
"""
LOOP = """
for line in sys.stdin:
    data = open(line.strip(), "rb").read()
    started = time.perf_counter()
    size = len(cut(data))
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "bytes": size, "memory": memory}), flush=True)
"""


class Worker:
    """A process that cuts out one file after the other."""

    def __init__(self, python: str, code: str, *words: str, home: str | None = None) -> None:
        environment = dict(os.environ, MODEL_CHECKSUM_DISABLED="1")
        if home:
            environment["U2NET_HOME"] = home
        self.process = subprocess.Popen(
            [python, "-c", code + LOOP, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def cut(self, path: Path) -> dict[str, float]:
        """Seconds, bytes and memory of one call."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def enlarged(source: Image.Image, name: str, folder: Path, megapixels: float, noise: float) -> Path:
    """The photo as a JPEG of `megapixels`, with noise of that many levels (sigma)."""
    rgb = source.convert("RGB")
    scale = (megapixels * 1e6 / (rgb.width * rgb.height)) ** 0.5
    size = (round(rgb.width * scale), round(rgb.height * scale))
    path = folder / f"{name}.jpg"
    pixels = np.asarray(rgb.resize(size, Image.Resampling.LANCZOS), np.float32)
    grain = np.random.default_rng(0).normal(0, noise, pixels.shape)
    whole = np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8)
    Image.fromarray(whole).save(path, quality=92)
    return path


def photos(paths: list[Path], folder: Path, megapixels: float, noise: float) -> list[Path]:
    if paths:
        return [enlarged(Image.open(p), p.stem, folder, megapixels, noise) for p in paths]
    from skimage import data

    pictures = {"cat": data.chelsea(), "astronaut": data.astronaut()}
    return [
        enlarged(Image.fromarray(a), name, folder, megapixels, noise)
        for name, a in pictures.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--rembg-python", required=True)
    parser.add_argument("--u2netp", required=True, type=Path)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--noise", type=float, default=2, metavar="SIGMA", help="of 255 (2)")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(arguments.u2netp, folder / "u2netp.onnx")
        fast = json.dumps({"edges": "fast", "colours": "keep", "subject": "salient"})
        workers = {
            "rembg": Worker(arguments.rembg_python, REMBG, home=name),
            "defaults": Worker(sys.executable, NUKKI, "{}"),
            "fast, keep": Worker(sys.executable, NUKKI, fast),
        }
        print(f"{'photo':20}{'subject':>8}" + "".join(f"{w + ' s':>14}" for w in workers), end="")
        print(f"{'× default':>11}{'× fast':>9}{'PNG ratio':>11}   memory MB")
        for path in photos(arguments.photos, folder, arguments.megapixels, arguments.noise):
            report(path, workers, arguments.repeat)


def report(path: Path, workers: dict[str, Worker], repeat: int) -> None:
    """One line: medians of interleaved runs, the first of which warms up."""
    import nukki

    share = float(nukki.remove(path).alpha.mean())
    runs = {name: [] for name in workers}
    for _ in range(repeat + 1):
        for name, worker in workers.items():
            runs[name].append(worker.cut(path))
    seconds = {n: statistics.median(r["seconds"] for r in rs[1:]) for n, rs in runs.items()}
    memory = {n: round(rs[-1]["memory"]) for n, rs in runs.items()}
    bytes_of = {n: rs[-1]["bytes"] for n, rs in runs.items()}
    print(
        f"{path.stem:20}{share:8.2f}"
        + "".join(f"{s:14.3f}" for s in seconds.values())
        + f"{seconds['rembg'] / seconds['defaults']:11.1f}"
        + f"{seconds['rembg'] / seconds['fast, keep']:9.1f}"
        + f"{bytes_of['defaults'] / bytes_of['rembg']:11.2f}   {memory}",
        flush=True,
    )


if __name__ == "__main__":
    main()
