"""The tables of docs/quality.md: how good `subject` is, on what, and at what price.

    python benchmarks/quality.py --data data/subject --starter recipes/subject/starter.onnx \
        --u2netp u2netp.onnx

`--data` is a folder made by `nukki data prepare subject`; of it only what was never trained on is
read. Everything runs on one thread, on what ships (ONNX Runtime). Results go to docs/quality.json
and, between their markers, to docs/quality.md; tables and networks that were not asked for keep
what they had, so that `--networks subject` judges a new file in a third of the time.

`--subject FILE.onnx --card CARD.toml` judges a file that is not embedded yet; `--limit N` tries
things on N pictures a set. Both print the tables and write nothing unless `--json` and `--page`
say where to.

`--tables fails` draws docs/pictures/subject-fails.webp from pictures that scikit-image ships.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import quality_tables
from PIL import Image
from quality_pictures import WORSE, marks

from nukki import api
from nukki.errors import NukkiError
from nukki.evaluate.bench import photo_like
from nukki.evaluate.figures import Figures, Row, figures
from nukki.evaluate.sets import kinds_in, names_in, open_set, truth_in
from nukki.evaluate.sheet import Cell, cell, sheet
from nukki.evaluate.subject import Score, evaluate, network_for
from nukki.io.files import write
from nukki.ops.grid import enlarge, fit
from nukki.ops.metrics import inside
from nukki.tasks.saliency import Saliency
from nukki.zoo.catalog import CARDS

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "subject"
TABLES = ("sets", "worse", "robust", "sizes", "speed", "fails")
HELD = ("people", "portraits", "pets", "places")
SIZES = (224, 256, 288, 320, 352, 384, 416, 448, 512)
FEW = 5  # every fifth photo of the list is made worse and tried for robustness
HALF = 2  # every second one is judged at each resolution
ROUNDS = 20


@dataclass(frozen=True)
class Network:
    """One of the networks that are compared.

    Attributes:
        key: What results are kept under.
        model: A name or a file.
        card: The card of a file.
    """

    key: str
    model: str
    card: str | None = None

    def load(self, size: int | None = None) -> Saliency:
        """The network on one thread."""
        return network_for(self.model, card=self.card, size=size, threads=1)

    @cached_property
    def path(self) -> Path:
        """Its file."""
        return self.load().session.path

    @cached_property
    def digest(self) -> str:
        """The first letters of its file's sha256."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def judged(self, folder: Path, **options: Any) -> Score:
        """Its score on a folder."""
        return evaluate(folder, model=self.model, card=self.card, threads=1, **options)


@dataclass(frozen=True)
class Plan:
    """What is measured on.

    Attributes:
        data: A folder made by `nukki data prepare subject`.
        names: The stems of the validation list.
        limit: Only so many pictures a set.
    """

    data: Path
    names: tuple[str, ...]
    limit: int | None

    @property
    def validation(self) -> Path:
        """The photos of the validation list."""
        return self.data / "validate" / "duts"

    def every(self, step: int) -> tuple[str, ...]:
        """Every so many stems of the list."""
        return self.names[::step][: self.limit]


# --- the tables


def judge_sets(network: Network, plan: Plan) -> dict[str, Any]:
    """The validation list and what was held back; the list by kinds, too."""
    score = network.judged(plan.validation, names=plan.names, limit=plan.limit)
    found = {"validation": record(score.all) | {"size": score.grid}}
    for name in HELD:
        folder = plan.data / "held" / name
        held = network.judged(folder, limit=plan.limit)
        found[name] = record(held.all) | {"size": held.grid}
    kinds = kinds_of(plan.validation, [row.stem for row in score.rows])
    return {"sets": found, "kinds": {"all": record(score.all), **by_kind(score.rows, kinds)}}


def judge_worse(network: Network, plan: Plan, copies: Mapping[str, Path]) -> dict[str, Any]:
    """Some photos as they are, and made worse in each way."""
    score = network.judged(plan.validation, names=plan.every(FEW))
    found = {"as they are": record(score.all)}
    for name, folder in copies.items():
        found[name] = record(network.judged(folder).all)
    return {"worse": found}


def judge_robust(network: Network, plan: Plan) -> dict[str, Any]:
    """Whether the masks of a photo and of its copies agree."""
    score = network.judged(plan.validation, names=plan.every(FEW), robust=True)
    agreement = {name: round(value, 6) for name, value in (score.all.agreement or {}).items()}
    return {"robust": {"pictures": score.all.pictures, **agreement}}


def judge_sizes(network: Network, plan: Plan) -> dict[str, Any]:
    """Quality at each resolution."""
    shipped = network.load().card.input.size
    found = {}
    for grid in grids(shipped):
        size = None if grid == shipped else grid[0]
        score = network.judged(plan.validation, size=size, names=plan.every(HALF))
        found[score.grid] = record(score.all) | {"shipped": size is None}
    return {"sizes": found}


def grids(shipped: tuple[int, int]) -> list[tuple[int, int]]:
    """The (height, width) that are tried, with the one that ships, from few pixels to many."""
    return sorted({shipped, *((size, size) for size in SIZES)}, key=math.prod)


def judge_speed(networks: Sequence[Network]) -> dict[str, dict[str, Any]]:
    """Milliseconds of each network, and of the first at each resolution, in turns.

    Other processes only ever add time, so the least of the rounds counts.
    """
    tasks = {network.key: network.load() for network in networks}
    first = networks[0]
    shipped = tasks[first.key].card.input.size
    sizes = {
        words(grid): tasks[first.key] if grid == shipped else first.load(grid[0])
        for grid in grids(shipped)
    }
    tasks |= {f"{first.key} {name}": task for name, task in sizes.items()}
    least = in_turns({key: runner(task) for key, task in tasks.items()}, ROUNDS)
    found: dict[str, dict[str, Any]] = {}
    for network in networks:
        found[network.key] = {
            "ms": least[network.key],
            "bytes": network.path.stat().st_size,
            "size": words(tasks[network.key].card.input.size),
        }
    found[first.key]["sizes"] = {name: least[f"{first.key} {name}"] for name in sizes}
    return found


def words(grid: tuple[int, int]) -> str:
    """A grid as `nukki evaluate` writes it: 320, or 352x384."""
    height, width = grid
    return str(height) if height == width else f"{height}x{width}"


def runner(task: Saliency) -> Callable[[], object]:
    """Runs the network alone, on a picture that already lies in its grid."""
    tensor, _ = fit(photo_like(), task.card.input)
    inputs = {task.card.input.name or next(iter(task.session.inputs)): tensor}
    return lambda: task.session.run(inputs)


def in_turns(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least milliseconds of each step over rounds in which every step has its turn."""
    least = dict.fromkeys(steps, float("inf"))
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = perf_counter()
            step()
            spent = 1000 * (perf_counter() - start)
            if turn:  # the first sets up
                least[name] = min(least[name], spent)
    return {name: round(value, 3) for name, value in least.items()}


# --- what they stand on


def record(found: Figures) -> dict[str, Any]:
    """Figures that are the same in every run: without times."""
    drop = ("network_ms", "alpha_ms", "agreement")
    return {key: value for key, value in found.record().items() if key not in drop}


def kinds_of(folder: Path, stems: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Kinds of each photo: what people say it shows, and what is hard about it."""
    said = [kinds_in(RECIPE / name) for name in ("kinds.txt", "landscapes.txt")]
    kinds = {}
    for sample in open_set(folder, names=stems).samples:
        mask = np.zeros((1, 1), bool) if sample.mask is None else inside(truth_in(sample.mask))
        hard = marks(api.read(sample.image).rgb8(), mask)
        kinds[sample.stem] = (*(one[sample.stem] for one in said if sample.stem in one), *hard)
    return kinds


ORDER = (
    *("people", "portraits", "animals", "things", "food", "vehicles", "buildings"),
    *("landscapes", "thin parts or holes", "small", "low contrast"),
)


def by_kind(rows: Sequence[Row], kinds: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Figures of the rows of each kind; a photo counts for all of its kinds."""
    groups = {kind: [row for row in rows if kind in kinds[row.stem]] for kind in ORDER}
    return {kind: record(figures(group)) for kind, group in groups.items() if group}


@contextmanager
def worse_copies(plan: Plan) -> Iterator[dict[str, Path]]:
    """Folders of copies made worse, with their masks, for as long as they are needed."""
    with tempfile.TemporaryDirectory() as home:
        folders = {name: Path(home) / name.replace(" ", "-") for name in WORSE}
        for folder in folders.values():
            (folder / "images").mkdir(parents=True)
            (folder / "masks").mkdir()
        samples = open_set(plan.validation, names=plan.every(FEW)).samples
        for seed, sample in enumerate(samples):
            if sample.mask is None:
                continue
            photo, truth = api.read(sample.image).rgb8(), truth_in(sample.mask)
            for name, folder in folders.items():
                copy = WORSE[name](photo, seed)
                mask = np.rint(255 * enlarge(truth, *copy.shape[:2])).astype(np.uint8)
                save(copy, folder / "images" / f"{sample.stem}.png")
                save(mask, folder / "masks" / f"{sample.stem}.png")
        yield folders


def save(picture: np.ndarray[Any, Any], path: Path) -> None:
    """Write a temporary picture: quickly, since it is read once or thrice."""
    Image.fromarray(picture).save(path, compress_level=1)


# --- where it fails

HARD = {
    "camera.png": "thin legs, grey picture",
    "coins.png": "many alike, grey picture",
    "rocket.jpg": "thin, small lights, dusk",
    "text.png": "nothing but writing",
    "retina.jpg": "no photo of the world",
    "chelsea.png": "cut off by the rim, whiskers",
    "coffee.png": "what belongs to it",
    "clock_motion.png": "moved while exposed",
    "hubble_deep_field.jpg": "many specks",
    "brick.png": "texture, no thing",
}


def draw_fails(network: Network, path: Path) -> None:
    """Pictures that are hard, each beside its map over magenta."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    task = network.load()
    pairs = [pair(folder / name, why, task) for name, why in HARD.items()]
    rows = [first + second for first, second in zip(pairs[::2], pairs[1::2], strict=True)]
    page = Image.fromarray(sheet(rows, backdrop="magenta"))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path, quality=85, method=6)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def pair(path: Path, why: str, task: Saliency) -> list[Cell]:
    """A picture, and its colours under the network's own map."""
    from nukki.pipelines.options import RemoveOptions
    from nukki.pipelines.remove import remove

    picture = api.read(path)
    cut = remove(picture, RemoveOptions(edges="none", colours="keep"), task, threads=1)
    said = f"confidence {cut.confidence:.2f}" if cut.found else "nothing found"
    shown = np.asarray(cut.rgba(), np.uint8)
    return [
        cell(picture.rgb8(), path.stem.replace("_", " "), why, largest=210),
        cell(shown, "its map", said, largest=210),
    ]


# --- command line


def main() -> None:
    arguments = parse()
    networks = chosen(arguments)
    if arguments.page is not None:  # before the work, not after it
        quality_tables.check(arguments.page.read_text(encoding="utf-8"))
    if "fails" in arguments.tables:
        draw_fails(networks["subject"], ROOT / "docs" / "pictures" / "subject-fails.webp")
    results = read_json(arguments.json)
    for found in measured(arguments, networks):
        results = quality_tables.merged(results, found)
        if arguments.json is not None:  # each at once: the next may be interrupted
            text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            write(arguments.json, text.encode())
    parts = quality_tables.tables(results)
    for name, text in parts.items():
        print(f"\n{name}\n\n{text}")
    for line in quality_tables.stale(results):
        print(f"take care: {line}", file=sys.stderr)
    if arguments.page is not None:
        page = quality_tables.filled(arguments.page.read_text(encoding="utf-8"), parts)
        write(arguments.page, page.encode())


def parse() -> argparse.Namespace:
    """The command line; a trial writes nothing unless it is told where."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="made by `nukki data prepare subject`")
    parser.add_argument("--subject", default="subject", help="a file instead of what is embedded")
    parser.add_argument("--card", help="its card")
    parser.add_argument("--starter", help="the first generation, an ONNX file")
    parser.add_argument("--u2netp", help="U²-Netp, an ONNX file")
    parser.add_argument("--tables", default=",".join(TABLES), help=f"some of {','.join(TABLES)}")
    parser.add_argument("--networks", help="judge only these again; all take part in `speed`")
    parser.add_argument("--limit", type=int, help="only so many pictures a set")
    parser.add_argument("--json", type=Path, help="results (default: docs/quality.json)")
    parser.add_argument("--page", type=Path, help="page with the tables (docs/quality.md)")
    arguments = parser.parse_args()
    arguments.tables = arguments.tables.split(",")
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    if arguments.data is None and set(arguments.tables) - {"speed", "fails"}:
        parser.error("--data is needed: the folder that `nukki data prepare subject` made")
    if arguments.limit is None and arguments.subject == "subject":
        arguments.json = arguments.json or ROOT / "docs" / "quality.json"
        arguments.page = arguments.page or ROOT / "docs" / "quality.md"
    return arguments


def chosen(arguments: argparse.Namespace) -> dict[str, Network]:
    """The networks whose files were given; `subject` always."""
    networks = {"subject": Network("subject", arguments.subject, arguments.card)}
    if arguments.starter:
        card = str(RECIPE / "starter.toml")
        networks["starter"] = Network("starter", arguments.starter, card)
    if arguments.u2netp:
        networks["u2netp"] = Network("u2netp", arguments.u2netp, str(CARDS / "u2netp.toml"))
    return networks


Found = dict[str, dict[str, Any]]  # by table and network: the network's file and its figures


def measured(arguments: argparse.Namespace, networks: Mapping[str, Network]) -> Iterator[Found]:
    """What was asked for, piece by piece as it is found."""
    names = arguments.networks.split(",") if arguments.networks else list(networks)
    if unknown := set(names) - set(networks):
        raise SystemExit(f"no file was given for {', '.join(sorted(unknown))}")
    tables = arguments.tables
    if "speed" in tables:
        times = judge_speed(list(networks.values()))
        yield {"speed": {key: entry(networks[key], kept) for key, kept in times.items()}}
    if arguments.data is None:
        return
    plan = Plan(arguments.data, names_in(RECIPE / "duts_val.txt"), arguments.limit)
    judged = [networks[name] for name in names]
    if "sets" in tables:
        yield from told("sets", judge_sets, judged, plan)
    if "robust" in tables:
        yield from told("robust", judge_robust, judged, plan)
    if "sizes" in tables:
        ours = [network for network in judged if network.key == "subject"]
        yield from told("sizes", judge_sizes, ours, plan)
    if "worse" in tables:
        with worse_copies(plan) as copies:
            yield from told("worse", judge_worse, judged, plan, copies)


def told(
    what: str, judge: Callable[..., dict[str, Any]], judged: Sequence[Network], *on: Any
) -> Iterator[Found]:
    """Judge one network after the other, and say how long each took."""
    for network in judged:
        start = perf_counter()
        found = judge(network, *on)
        spent = perf_counter() - start
        print(f"{what}: {network.key} took {spent:.0f} s", file=sys.stderr, flush=True)
        yield {table: {network.key: entry(network, kept)} for table, kept in found.items()}


def entry(network: Network, kept: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a network in a table."""
    return {"file": network.digest, "figures": kept}


def read_json(path: Path | None) -> dict[str, Any]:
    """What was measured before; nothing on a trial or the first time."""
    if path is None or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    try:
        main()
    except NukkiError as error:
        sys.exit(f"{error.message}\n{error.hint or ''}".rstrip())
