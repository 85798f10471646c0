"""What a result is in JSON: boxes in pixels, masks as COCO's runs in their short form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nukki.io.images import Picture
from nukki.ops.runs import to_runs, to_text
from nukki.pipelines.eraser import Plan
from nukki.pipelines.gone import Part
from nukki.pipelines.results import Cutout, Erased, Instance, Segmentation
from nukki.pipelines.sheets import Replaced
from nukki.types import Box, Mask

__all__ = [
    "cutout_record",
    "erased_record",
    "parts_of",
    "pick_record",
    "replaced_record",
    "rounded",
    "segment_record",
]

Record = dict[str, Any]


def cutout_record(cut: Cutout) -> Record:
    """Of a cut-out; its mask is where the alpha is one half or more."""
    return {
        **_size(cut.picture),
        "found": cut.found,
        "confidence": round(cut.confidence, 4),
        "road": cut.road,
        "reason": cut.reason,
        "advice": cut.advice,
        "box": _box(cut.box()),
        "mask": _runs(cut.alpha >= 0.5),
        "notes": list(cut.notes),
    }


def replaced_record(made: Replaced) -> Record:
    """Of a picture that was put together."""
    return {
        **_size(made),
        "found": made.found,
        "confidence": round(made.confidence, 4),
        "road": made.road,
        "reason": made.reason,
        "layers": [sheet.name for sheet in made.sheets],
        "notes": list(made.notes),
    }


def segment_record(found: Segmentation) -> Record:
    """Of the things of a photo: those asked for, the others, and what is less sure."""
    return {
        **_size(found.picture),
        "network": found.network,
        "min_score": found.min_score,
        "instances": _things(found.instances),
        "others": _things(found.others),
        "candidates": _things(found.candidates),
        "notes": list(found.picture.notes),
    }


def pick_record(one: Instance) -> Record:
    """Of the thing that was shown."""
    return {**_size(one.picture), **_thing(one), "notes": list(one.picture.notes)}


def erased_record(made: Erased | Plan) -> Record:
    """Of a photo from which something is gone, or of what would go."""
    if isinstance(made, Plan):
        picture, hole = made.picture, made.going.hole
        filled: Record = {"network": None, "passes": []}
    else:
        picture, hole = made, made.hole
        filled = {"network": made.network, "passes": [asdict(one) for one in made.passes]}
    return {
        **_size(picture),
        **filled,
        "hole": _runs(hole),
        "parts": [_part(part) for part in parts_of(made)],
        "notes": list(picture.notes),
    }


def parts_of(made: Erased | Plan) -> Sequence[Part]:
    """The things that went, or would go."""
    return made.going.parts if isinstance(made, Plan) else made.parts


def _part(part: Part) -> Record:
    casts = zip(part.casts, part.taken, strict=True)
    return {
        "number": part.number or None,
        "label": part.segment.label,
        "score": round(part.segment.score, 6),
        "box": _box(part.segment.box),
        "holder": part.holder,
        "shape": part.shape,
        "reason": part.reason,
        "grow": part.grow,
        "casts": [
            {
                "kind": cast.kind,
                "confidence": round(cast.confidence, 4),
                "box": _box(cast.box),
                "taken": taken,
            }
            for cast, taken in casts
        ],
    }


def rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    """Times in a few digits."""
    return {step: round(value, 4) for step, value in seconds.items()}


def _size(picture: Picture) -> Record:
    return {"width": picture.width, "height": picture.height}


def _box(box: Box | None) -> list[int] | None:
    return None if box is None else [box.left, box.top, box.right, box.bottom]


def _runs(mask: Mask) -> Record:
    return {"size": [int(side) for side in mask.shape], "counts": to_text(to_runs(mask))}


def _things(every: Sequence[Instance]) -> list[Record]:
    return [_thing(one) for one in every]


def _thing(one: Instance) -> Record:
    return {
        "number": one.number,
        "label": one.label,
        "score": round(one.score, 6),
        "box": _box(one.box),
        "corners": [round(float(side), 3) for side in one.corners],
        "area": one.area,
        "mask": _runs(one.mask),
    }
