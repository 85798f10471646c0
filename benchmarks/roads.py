"""Which road `remove --subject auto` takes, and what that is worth: docs/roads.md.

    python benchmarks/roads.py --data data/things

Photos that no network of ours was trained on (`held_photos`): things, single people, pasted groups,
places without anybody. Each is cut out by the salient road alone, by the people alone and by
`auto`; the figure is the mean IoU of the masks at a half with the truth (1 where both are empty).
The table of decisions says which road `auto` took where.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from held_photos import Case, cases
from numpy.typing import NDArray

from nukki import api
from nukki.io.files import write

PARTS = {"things": 70, "single": 70, "groups": 60, "places": 45}
ROADS = ("salient", "people", "auto")


def iou(found: NDArray[np.bool_], case: Case) -> float:
    """With the whole subject; people that are passed over count for nobody."""
    known = ~case.crowds.any(axis=0)
    either = np.count_nonzero((found | case.union) & known)
    return np.count_nonzero(found & case.union & known) / either if either else 1.0


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    rows = []
    for part, count in PARTS.items():
        for case in cases(args.data, part, min(count, args.limit)):
            row: dict[str, object] = {"part": part, "name": case.name}
            for road in ROADS:
                cut = api.remove(case.image, subject=road, colours="keep")
                mask = (cut.alpha >= 0.5) & cut.found
                scores[part][road].append(iou(mask, case))
                row[road] = round(scores[part][road][-1], 4)
            taken[part][cut.road if cut.found else "nothing"] += 1
            row |= {"road": cut.road, "found": cut.found, "why": cut.reason}
            rows.append(row)
        means = {road: round(float(np.mean(scores[part][road])), 4) for road in ROADS}
        print(part, len(scores[part]["auto"]), means, dict(taken[part]), flush=True)
    every = {
        road: float(np.mean([value for part in scores.values() for value in part[road]]))
        for road in ROADS
    }
    print("all", {road: round(value, 4) for road, value in every.items()})
    if args.json is not None:
        write(args.json, json.dumps(rows, indent=1).encode())


if __name__ == "__main__":
    main()
