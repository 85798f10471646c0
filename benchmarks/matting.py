"""Closed-form matting: nukki's against PyMatting's `estimate_alpha_cf`, in one run.

    python benchmarks/matting.py --pymatting-python VENV/bin/python --data FOLDER

PyMatting lives in an environment of its own, `pip install pymatting pillow`. FOLDER holds pictures
with true soft alphas and trimaps as alphamatting.com lays them out: images/, masks/, trimap1/,
trimap2/, the same stem in each. Both tools run in a process of their own that has solved a small
picture before (PyMatting compiles then), take turns picture by picture, and report wall and CPU
seconds and the peak of the memory that the call added. The sum of absolute differences (SAD, in
thousands of pixels) is taken over the unknown pixels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

NUKKI = """
import sys
from nukki.ops.closed_form import solve_closed_form
def solve(image, trimap, threads=int(sys.argv[1])):
    return solve_closed_form(image, trimap, threads=threads).alpha
"""
PYMATTING = """
from pymatting import estimate_alpha_cf
def solve(image, trimap):
    levels = np.where(trimap == 128, 0.5, trimap / 255)
    return estimate_alpha_cf(image / 255, levels).astype(np.float32)
"""
BEFORE = """
import ctypes, json, os, sys, threading, time
import numpy as np
"""
LOOP = """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
class Peak(threading.Thread):
    def run(self):
        self.top = 0
        self.over = threading.Event()
        while not self.over.wait(0.002):
            self.top = max(self.top, resident())
answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
small = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
marks = np.full((60, 60), 128, np.uint8)
marks[:20], marks[40:] = 0, 255
solve(small, marks)
for line in sys.stdin:
    given = np.load(line.strip())
    image, trimap = given["image"], given["trimap"]
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what earlier calls left shall not hide this one's
    before, peak = resident(), Peak(daemon=True)
    peak.start()
    wall, cpu = time.perf_counter(), time.process_time()
    alpha = solve(image, trimap)
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak.over.set()
    peak.join()
    np.save(line.strip() + ".npy", alpha)
    found["memory"] = (max(peak.top, resident()) - before) / 2**20
    print(json.dumps(found), file=answers, flush=True)
    del alpha, given, image, trimap
"""


class Worker:
    """A process that solves one picture after the other."""

    def __init__(self, python: str, code: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [python, "-c", BEFORE + code + LOOP, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def solve(self, path: Path) -> dict[str, float]:
        """What one call took; its alpha lies beside the file then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@dataclass(frozen=True)
class Row:
    """One picture with one trimap.

    Attributes:
        name: Of the picture and the trimap.
        unknown: Pixels.
        ours: Seconds, memory and SAD of nukki.
        theirs: Of PyMatting.
    """

    name: str
    unknown: int
    ours: dict[str, float]
    theirs: dict[str, float]


def grey(path: Path) -> np.ndarray:
    """A grey picture, (H, W) uint8."""
    return np.asarray(Image.open(path).convert("L"))


def measured(data: Path, workers: dict[str, Worker], folder: Path) -> list[Row]:
    rows = []
    for path in sorted((data / "images").iterdir()):
        image = np.asarray(Image.open(path).convert("RGB"))
        truth = grey(data / "masks" / f"{path.stem}.png") / np.float32(255)
        for kind in ("trimap1", "trimap2"):
            drawn = grey(data / kind / f"{path.stem}.png")
            trimap = np.where(np.isin(drawn, (0, 255)), drawn, 128).astype(np.uint8)
            place = folder / "picture.npz"
            np.savez(place, image=image, trimap=trimap)
            found = {}
            for name, worker in workers.items():
                spent = worker.solve(place)
                wrong = np.abs(np.load(f"{place}.npy") - truth)[trimap == 128]
                found[name] = {**spent, "sad": float(wrong.sum(dtype=np.float64)) / 1000}
            unknown = int((trimap == 128).sum())
            rows.append(Row(f"{path.stem}/{kind[-1]}", unknown, found["nukki"], found["pymatting"]))
            print(line(rows[-1]), flush=True)
    return rows


def line(row: Row) -> str:
    """A row of the table."""
    ours, theirs = row.ours, row.theirs
    cells = [
        row.name,
        f"{row.unknown / 1000:.0f}",
        f"{theirs['sad']:.2f}",
        f"{ours['sad']:.2f}",
        f"{ours['sad'] / theirs['sad']:.3f}",
        f"{theirs['wall']:.2f}",
        f"{ours['wall']:.2f}",
        f"{ours['wall'] / theirs['wall']:.2f}",
        f"{ours['cpu'] / theirs['cpu']:.2f}",
        f"{theirs['memory']:.0f}",
        f"{ours['memory']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pymatting-python", required=True, metavar="FILE")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=1, help="of nukki (default: 1)")
    given = parser.parse_args()

    workers = {
        "pymatting": Worker(given.pymatting_python, PYMATTING),
        "nukki": Worker(sys.executable, NUKKI, str(given.threads)),
    }
    print("| picture/trimap | unknown, thousands | SAD PyMatting | SAD nukki | ratio ", end="")
    print("| s PyMatting | s nukki | ratio | ratio, CPU | MB PyMatting | MB nukki |")
    print(f"|---|{'--:|' * 10}")
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(given.data, workers, Path(folder))
    total = {
        key: sum(row.ours[key] for row in rows) / sum(row.theirs[key] for row in rows)
        for key in ("sad", "wall", "cpu")
    }
    memory = [row.ours["memory"] / row.theirs["memory"] for row in rows]
    better = sum(row.ours["sad"] <= 1.02 * row.theirs["sad"] for row in rows)
    print(
        f"\nall together: SAD {total['sad']:.3f}, wall {total['wall']:.2f}, CPU {total['cpu']:.2f}"
    )
    print(f"memory: {np.median(memory):.2f} in the median, {max(memory):.2f} at most")
    print(f"SAD within 1.02 of PyMatting's: {better} of {len(rows)}")


if __name__ == "__main__":
    main()
