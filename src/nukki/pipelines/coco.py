"""What was found in the format of COCO's results (cocodataset.org, "Results format").

Each thing is a record of `image_id`, `category_id` (COCO's own numbers, 1 to 90), `segmentation`
(runs in their short form, see `ops.runs`), `bbox` (left, top, width, height) and `score`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nukki.errors import InputError
from nukki.ops.runs import to_runs, to_text
from nukki.pipelines.results import Instance, Segmentation
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of

__all__ = ["categories", "results"]


def categories(labels: Sequence[str], network: str) -> Mapping[str, int]:
    """COCO's number of each label that a network can find.

    Args:
        labels: Of the network; empty texts stand for no thing.
        network: Its name, for errors.

    Raises:
        InputError: If COCO has no class of one of these names.
    """
    own = {label: number for number, label in enumerate(labels_of(ClassSpec("coco-91"))) if label}
    foreign = [label for label in labels if label and label not in own]
    if foreign:
        few = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        message = f"`{network}` also finds what COCO has no number for: {few}"
        raise InputError(message, hint="choose a network with COCO's labels, or take --json")
    return {label: own[label] for label in labels if label}


def results(found: Segmentation, image: int) -> list[dict[str, Any]]:
    """A record for each thing that was asked for.

    Args:
        found: The things of one photo.
        image: The photo's number in COCO's annotations.

    Raises:
        InputError: As `categories`.
    """
    numbers = categories([one.label for one in found], found.network)
    return [_record(one, image, numbers[one.label]) for one in found]


def _record(one: Instance, image: int, category: int) -> dict[str, Any]:
    left, top, right, bottom = (float(side) for side in one.corners)
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": {"size": list(one.segment.size), "counts": to_text(to_runs(one.mask))},
        "bbox": [round(side, 2) for side in (left, top, right - left, bottom - top)],
        "score": one.score,
    }
