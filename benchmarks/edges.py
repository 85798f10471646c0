"""How near edges come to the truth: `none`, `fast`, `auto` and `best`, and rembg's `-a`.

    python benchmarks/edges.py --data FOLDER --scenes FOLDER [--pymatting-python VENV/bin/python]

FOLDER of --data holds pictures with true soft alphas (images/, masks/; see matting.py); their
subjects, in their own colours, are put before photos of places from --scenes, six places each, and
the real network `subject` maps the result. Every second picture was looked at when constants were
chosen; the others judge. rembg's `-a` is its documented trimap (foreground above 240, background
below 10, both eroded by 10 × 10) of the same map, solved by PyMatting's `estimate_alpha_cf`, which
is what rembg calls; its environment also needs SciPy, which PyMatting brings.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matting import Worker, grey
from PIL import Image

from nukki.io.images import Picture
from nukki.loading import load_as
from nukki.ops.foreground import estimate_foreground
from nukki.ops.grid import enlarge
from nukki.ops.matting_measures import connectivity_error, gradient_error
from nukki.ops.metrics import sad
from nukki.ops.refine import guide_factor, make_guide
from nukki.pipelines.edges import View, Wish, draw
from nukki.tasks.saliency import Saliency

PLACES = 6  # before which each subject stands
EDGES = ("none", "fast", "auto", "best")
REMBG = """
from pymatting import estimate_alpha_cf
from scipy.ndimage import binary_erosion
def solve(image, trimap):
    square = np.ones((10, 10), np.uint8)
    front = binary_erosion(trimap > 240, structure=square)
    back = binary_erosion(trimap < 10, structure=square, border_value=1)
    levels = np.full(trimap.shape, 0.5)
    levels[front], levels[back] = 1, 0
    if front.any() and back.any():
        return estimate_alpha_cf(image / 255, levels).astype(np.float32)
    return (trimap / 255).astype(np.float32)
"""


@dataclass(frozen=True, eq=False)
class Scene:
    """A subject before a place.

    Attributes:
        judges: Whether nobody looked at the picture before.
        pixels: (H, W, 3) uint8.
        truth: (H, W) float32.
        coarse: What the network says.
    """

    judges: bool
    pixels: np.ndarray
    truth: np.ndarray
    coarse: np.ndarray


def scenes(data: Path, places: Path, network: Saliency, limit: int | None) -> Iterator[Scene]:
    pictures, grounds = sorted((data / "images").iterdir()), sorted(places.iterdir())
    for number, path in enumerate(pictures):
        truth = grey(data / "masks" / f"{path.stem}.png") / np.float32(255)
        photo = np.asarray(Image.open(path).convert("RGB"))
        front = estimate_foreground(photo, truth).astype(np.float32)
        for turn in range(PLACES if limit is None else limit):
            which = (number * PLACES + turn) * len(grounds) // (len(pictures) * PLACES)
            behind = filling(grounds[which], *truth.shape)
            share = truth[..., None]
            pixels = np.rint(share * front + (1 - share) * behind).astype(np.uint8)
            yield Scene(number % 2 == 1, pixels, truth, network.predict(pixels))


def filling(path: Path, height: int, width: int) -> np.ndarray:
    """The middle of a photo, enlarged or reduced to fill a size."""
    photo = Image.open(path).convert("RGB")
    scale = max(height / photo.height, width / photo.width)
    size = (max(width, round(photo.width * scale)), max(height, round(photo.height * scale)))
    large = np.asarray(photo.resize(size, Image.Resampling.LANCZOS), np.float32)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]


def measured(
    scene: Scene, methods: dict[str, Callable[[Scene], np.ndarray]]
) -> dict[str, tuple[float, ...]]:
    """SAD, gradient, connectivity and milliseconds of each method."""
    found = {}
    for name, method in methods.items():
        start = time.perf_counter()
        alpha = method(scene)
        spent = 1000 * (time.perf_counter() - start)
        truth = scene.truth
        found[name] = (
            sad(alpha, truth),
            gradient_error(alpha, truth),
            connectivity_error(alpha, truth),
            spent,
        )
    return found


def drawing(edges: str) -> Callable[[Scene], np.ndarray]:
    def method(scene: Scene) -> np.ndarray:
        factor = guide_factor(*scene.truth.shape)
        view = View(Picture(scene.pixels), make_guide(scene.pixels, factor))
        return draw(view, scene.coarse, Wish(edges)).alpha

    return method


def by_rembg(worker: Worker, place: Path) -> Callable[[Scene], np.ndarray]:
    def method(scene: Scene) -> np.ndarray:
        mask = np.rint(255 * enlarge(scene.coarse, *scene.truth.shape)).astype(np.uint8)
        np.savez(place, image=scene.pixels, trimap=mask)
        worker.solve(place)
        return np.load(f"{place}.npy")

    return method


def table(rows: list[dict[str, tuple[float, ...]]]) -> str:
    """Means over pictures, and the geometric means of the ratios to `fast`."""
    lines = ["| edges | SAD | gradient | connectivity | SAD / fast | gradient / fast | ms |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    base = np.array([row["fast"] for row in rows])
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        ratio = np.exp(np.log(values[:, :2] / base[:, :2]).mean(axis=0))
        mean = values.mean(axis=0)
        lines.append(
            f"| {name} | {mean[0]:.2f} | {mean[1]:.3f} | {mean[2]:.2f} | {ratio[0]:.2f} "
            f"| {ratio[1]:.2f} | {mean[3]:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--scenes", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--pymatting-python", metavar="FILE")
    parser.add_argument("--limit", type=int, metavar="N", help="places each (default: all)")
    given = parser.parse_args()
    methods = {name: drawing(name) for name in EDGES}
    rows = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        if given.pymatting_python is not None:
            worker = Worker(given.pymatting_python, REMBG)
            methods["rembg -a"] = by_rembg(worker, Path(folder) / "picture.npz")
        network = load_as(Saliency, "subject")
        for scene in scenes(given.data, given.scenes, network, given.limit):
            rows[scene.judges].append(measured(scene, methods))
            print(".", end="", flush=True)
    for judges, title in ((True, "judging"), (False, "looked at before")):
        print(f"\n\n{title}, {len(rows[judges])} composites\n\n{table(rows[judges])}")


if __name__ == "__main__":
    main()
