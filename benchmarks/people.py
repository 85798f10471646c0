"""How well people are found and cut out one by one: docs/people.md.

    python benchmarks/people.py --data data/things --yolox yolox_nano.onnx \
        --starter recipes/subject/starter.onnx --json people.json

Judged on photos that no network of ours was trained on (`held_photos`): one person, 2 to 6 pasted
people, and COCO's own outlines. Of each photo the masks of people are asked for, at the threshold
that `min_score="auto"` chooses:

    union IoU    of all people's masks together with the truth's, mean over photos
    recall       share of people with a mask of IoU .5 or more
    precision    share of masks with a person of IoU .5 or more
    AP50         average precision at IoU .5, over all scores

Beside it the simple road: YOLOX-nano's boxes (score .3), and the first `subject` run on each of
them, grown by a tenth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from held_photos import Case, cases
from numpy.typing import NDArray

from nukki import api
from nukki.io.files import write
from nukki.ops.boxes import Boxes
from nukki.ops.detection_measures import (
    Judged,
    average_precision,
    judged,
    overlap_with_crowds,
    precision_and_recall,
)
from nukki.ops.grid import enlarge
from nukki.tasks.detection import Detection
from nukki.tasks.saliency import Saliency
from nukki.types import RGB8
from nukki.zoo import catalog

YOLOX = Path(catalog.__file__).parent / "forms" / "yolox.toml"
PARTS = {"single": 130, "groups": 120, "crowd": 43}
PERSON = "person"
_SURE = 0.3  # of the simple road's boxes

Answers = list[tuple[float, NDArray[np.bool_]]]  # score and mask of each person, the surest first
Method = Callable[[RGB8], tuple[Answers, float]]  # and the score from which on they count


def own(image: RGB8) -> tuple[Answers, float]:
    """`nukki.segment` as it is."""
    found = api.segment(image, what="all")
    everything = (*found.everything, *found.candidates)
    people = [(one.score, one.mask) for one in everything if one.label == PERSON]
    return people, found.min_score


def simple(detector: Detection, starter: Saliency) -> Method:
    """Boxes of a detector, each cut out by a salient network."""

    def run(image: RGB8) -> tuple[Answers, float]:
        boxes: Boxes = detector.find(image)
        height, width = image.shape[:2]
        answers: Answers = []
        for corners, score, number in zip(boxes.corners, boxes.scores, boxes.classes, strict=True):
            if detector.labels[int(number)] != PERSON or score < 0.05:
                continue
            grown = 0.1 * (corners[2:] - corners[:2])
            left, top = np.floor(np.maximum(corners[:2] - grown, 0)).astype(int)
            right, bottom = np.ceil(np.minimum(corners[2:] + grown, (width, height))).astype(int)
            if right - left < 2 or bottom - top < 2:
                continue
            part = np.ascontiguousarray(image[top:bottom, left:right])
            mask = np.zeros((height, width), np.bool_)
            mask[top:bottom, left:right] = enlarge(starter.predict(part), *part.shape[:2]) >= 0.5
            answers.append((float(score), mask))
        return answers, _SURE

    return run


def judge(method: Method, photos: Sequence[Case]) -> dict[str, float]:
    """The figures of a method on photos."""
    unions, curves, sure = [], [], []
    for case in photos:
        answers, least = method(case.image)
        chosen = [(score, mask) for score, mask in answers if score >= least]
        union = np.zeros(case.image.shape[:2], np.bool_)
        for _, mask in chosen:
            union |= mask
        known = ~case.crowds.any(axis=0)  # people that are passed over count for nobody
        both = np.count_nonzero(union & case.union & known)
        either = np.count_nonzero((union | case.union) & known)
        unions.append(both / either if either else 1.0)
        curves.append(_judged(answers, case))
        sure.append(_judged(chosen, case))
    precision, found = precision_and_recall(sure)
    return {
        "union IoU": float(np.mean(unions)),
        "recall": float(found[0]),
        "precision": float(precision[0]),
        "AP50": float(average_precision(curves)[0]),
    }


def _judged(answers: Answers, case: Case) -> Judged:
    truths = np.concatenate([case.masks, case.crowds]).reshape(
        len(case.masks) + len(case.crowds), -1
    )
    crowd = np.arange(len(truths)) >= len(case.masks)
    scores = np.array([score for score, _ in answers])
    flat = np.zeros((len(answers), truths.shape[1]), np.bool_)
    for row, (_, mask) in zip(flat, answers, strict=True):
        row[:] = mask.reshape(-1)
    shared = flat.astype(np.float32) @ truths.astype(np.float32).T
    areas = flat.sum(axis=1)
    overlaps = overlap_with_crowds(shared, areas, truths.sum(axis=1), crowd)
    return judged(overlaps, scores, crowd, (0.5,))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--yolox", type=Path)
    parser.add_argument("--starter", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    methods: dict[str, Method] = {"nukki": own}
    if args.yolox is not None and args.starter is not None:
        detector = api.load_as(Detection, args.yolox, card=str(YOLOX))
        starter = api.load_as(Saliency, args.starter, card=str(args.starter.with_suffix(".toml")))
        methods["YOLOX-nano boxes × first subject"] = simple(detector, starter)
    table: dict[str, dict[str, dict[str, float]]] = {}
    for part, count in PARTS.items():
        photos = list(cases(args.data, part, min(count, args.limit)))
        for name, method in methods.items():
            table.setdefault(part, {})[name] = judge(method, photos)
            print(part, len(photos), name, table[part][name], flush=True)
    if args.json is not None:
        write(args.json, json.dumps(table, indent=1).encode())


if __name__ == "__main__":
    main()
