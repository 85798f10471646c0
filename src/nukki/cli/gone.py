"""What `nukki erase` says of one photo: in words for people, in JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nukki.batch.outcome import Outcome

if TYPE_CHECKING:
    from nukki.io.images import Picture
    from nukki.pipelines.eraser import Plan
    from nukki.pipelines.gone import Look, Part
    from nukki.pipelines.results import Erased

__all__ = ["Gone", "answer"]


@dataclass(frozen=True, kw_only=True)
class Gone(Outcome):
    """What came of one photo.

    Attributes:
        answer: What a program wants to know of it besides.
    """

    answer: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Likewise, in words and numbers."""
        said = super().record()
        del said["confidence"]
        return said | dict(self.answer)

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person wants to read of it."""
        told = []
        for part in self.answer["parts"]:
            thrown = [one["kind"] for one in part["casts"] if one["taken"]]
            more = f", with its {' and '.join(thrown)}" if thrown else ""
            told.append(f"  {part['title']}: {part['shape']}, {part['reason']}{more}")
        looks = [look for look in self.answer["passes"] if look["left"]]
        return (*told, *(f"  look {look['number']}: {look['reason']}" for look in looks))


def answer(made: Erased | Plan) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The notes and the record of an erased photo, or of what would go."""
    from nukki.pipelines.results import Erased

    if isinstance(made, Erased):
        picture: Picture = made
        hole, parts = made.hole, made.parts
        more: dict[str, Any] = {
            "network": made.network,
            "passes": [_look(look) for look in made.passes],
        }
    else:
        picture = made.picture
        hole, parts = made.going.hole, made.going.parts
        more = {"network": None, "passes": []}
    record: dict[str, Any] = {
        "width": picture.width,
        "height": picture.height,
        "hole": int(hole.sum()),
        "parts": [_part(part) for part in parts],
        **more,
        "steps": {step: round(value, 4) for step, value in made.seconds.items()},
    }
    return picture.notes, record


def _part(part: Part) -> dict[str, Any]:
    box = part.segment.box
    return {
        "number": part.number or None,
        "title": part.title,
        "label": part.segment.label,
        "score": round(part.segment.score, 6),
        "box": [box.left, box.top, box.right, box.bottom],
        "holder": part.holder,
        "shape": part.shape,
        "reason": part.reason,
        "grow": part.grow,
        "casts": [
            {
                "kind": cast.kind,
                "confidence": round(cast.confidence, 4),
                "strength": round(cast.strength, 4),
                "lean": [round(value, 3) for value in cast.lean],
                "box": [cast.box.left, cast.box.top, cast.box.right, cast.box.bottom],
                "taken": taken,
            }
            for cast, taken in zip(part.casts, part.taken, strict=True)
        ],
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "number": look.number,
        "left": list(look.left),
        "seam": look.seam,
        "widened": look.widened or None,
        "reason": look.reason,
    }
