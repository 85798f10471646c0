"""Which road leads to the subject: the salient map, or the people that were found one by one.

A salient network draws one subject well, its hair above all, and takes a team's banner for a part
of the team; a detector with masks finds every player and is rougher. `auto` looks at both answers.
Let S be the salient map, U the union of the people that the photo is about and of what they hold
(`pipelines.holding`), all on one coarse grid. People count when they are sure enough and not much
smaller than the largest of them; smaller ones only when S covers them.

    no people, or S is sure and hardly touches U   salient: the photo is about something else
    one of them, S and U agree                     salient: soft edges of the whole subject
    several, S and U agree                         both: U with S's edges
    else                                           people: the same, for another reason

They agree where their intersection over union is large, or where S holds U and the rest of S is
small. `docs/roads.md` shows the cases in pictures, with the figures behind the thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nukki.ops.grid import enlarge
from nukki.ops.segments import Segment
from nukki.ops.silhouettes import Silhouettes
from nukki.pipelines.holding import PERSON, holders
from nukki.types import Alpha

__all__ = ["Decision", "decide", "joined"]

Map = NDArray[np.float32]

SURE = 0.4  # score of a person that counts
LARGE = 0.12  # area of a person that counts, beside the largest one's
SEEN = 0.5  # share of a smaller one that the salient map must cover to count
ELSEWHERE = 0.15  # share of the people in the salient map under which it is about something else
AGREED = 0.7  # intersection over union
REST = 0.12  # share of the salient map beside the people that is let pass
_GROWN = 1 / 40  # of the grid's longer side: how far soft edges may reach beyond the union


@dataclass(frozen=True, eq=False)
class Decision:
    """The subject, and why it is that.

    Attributes:
        road: "salient", "people" or "both".
        reason: In words.
        map: (h, w) float32 in 0..1, spread over the whole photo.
        chosen: Places of the things that are in it; empty on the salient road.
    """

    road: Literal["salient", "people", "both"]
    reason: str
    map: Alpha
    chosen: tuple[int, ...] = ()


def decide(salient: Alpha, found: bool, segments: Sequence[Segment]) -> Decision:
    """Choose a road.

    Args:
        salient: (h, w) float32 in 0..1: the salient map, at any resolution.
        found: Whether the salient network is sure that there is a subject.
        segments: The things that were found, with masks that share no pixel.
    """
    people = [
        place for place, one in enumerate(segments) if one.label == PERSON and one.score >= SURE
    ]
    if not people:
        return Decision("salient", "no people were found", salient)
    shapes = Silhouettes.of(segments)
    there = enlarge(salient, *shapes.maps.shape[1:])
    people = _main(people, segments, shapes, there if found else np.zeros_like(there))
    chosen = _with_things(people, segments)
    union = shapes.union(chosen)
    both = float(np.minimum(union, there).sum())
    covered = both / max(float(union.sum()), 1e-6)
    kept = both / max(float(there.sum()), 1e-6)
    overlap = both / max(float(np.maximum(union, there).sum()), 1e-6)
    count = f"{len(people)} people" if len(people) > 1 else "one person"
    if found and covered < ELSEWHERE:
        reason = f"{count} found, but the photo is about something else"
        return Decision("salient", reason, salient)
    agreed = found and (overlap >= AGREED or (covered >= AGREED and 1 - kept <= REST))
    if agreed and len(people) == 1:
        return Decision("salient", "one person, and the salient map agrees", salient)
    if agreed:
        reason = f"{count}, and the salient map agrees"
        return Decision("both", reason, joined(union, there), chosen)
    why = (
        "the salient map holds more than them"
        if covered >= AGREED
        else ("the salient map misses some of them" if found else "the salient map is not sure")
    )
    return Decision("people", f"{count}, and {why}", joined(union, there), chosen)


def joined(union: Map, salient: Map) -> Alpha:
    """The union of the people with the salient map's soft edges where the two agree.

    Within reach of the union's rim, and where the salient map does not contradict its inside or
    outside by more than a half, the salient map is taken: hair is soft there. Elsewhere the union
    stands: its gaps stay open, and what only the salient map holds is left out.
    """
    reach = max(1, round(_GROWN * max(union.shape)))
    plain = Image.fromarray(np.asarray(np.rint(union * 255), np.uint8))
    grown = np.asarray(plain.filter(ImageFilter.MaxFilter(2 * reach + 1)), np.float32) / 255
    shrunk = np.asarray(plain.filter(ImageFilter.MinFilter(2 * reach + 1)), np.float32) / 255
    rim = (grown > 0.5) & (shrunk < 0.5)
    agree = rim & (np.abs(union - salient) <= 0.5)
    return np.where(agree, (union + salient) / 2, union).astype(np.float32)


def _main(
    people: Sequence[int], segments: Sequence[Segment], shapes: Silhouettes, salient: Map
) -> list[int]:
    """The people that the photo is about."""
    largest = max(segments[place].area for place in people)
    kept = []
    for place in people:
        one = shapes.maps[place]
        seen = float((one * salient).sum()) / max(float(one.sum()), 1e-6)
        if segments[place].area >= LARGE * largest or seen >= SEEN:
            kept.append(place)
    return kept


def _with_things(people: Sequence[int], segments: Sequence[Segment]) -> tuple[int, ...]:
    """People, and what they hold or ride."""
    held = holders(segments)
    things = (thing for thing, person in held.items() if person in people)
    return tuple(sorted([*people, *things]))
