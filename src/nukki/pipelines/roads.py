"""Which road leads to the subject: the salient map, or the people that were found one by one.

A salient network draws one subject well, its hair above all, and takes a team's banner for a part
of the team; a detector with masks finds every player and is rougher. `auto` looks at both answers.
S is the salient map, U the union of the people that the photo is about and of what they hold
(`pipelines.holding`), all on one coarse grid.

Who the photo is about: people that are sure and nearly as large as the largest of them, or that S
covers (then they need not be so sure); where S sees nothing, only people who are not tiny.

    nobody                                         salient
    S is sure and hardly touches U, or is mostly   salient: the photo is about something else
      something else
    one of them, and S holds at least half of him  salient, unless most of S is something else
    several, S holds half of U and little beside   both: U, S's edges, and what S holds far from U
    else                                           people: U and S's edges; what else S holds, a
                                                   banner or furniture, is left out

`docs/roads.md` shows the cases in pictures, with the figures behind the thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nukki.ops.grid import enlarge
from nukki.ops.segments import Segment
from nukki.ops.silhouettes import Silhouettes, grown
from nukki.pipelines.holding import PERSON, holders
from nukki.types import Alpha

__all__ = ["Decision", "decide", "softened"]

Map = NDArray[np.float32]

SURE = 0.2  # score of a person that counts
DOUBTFUL = 0.01  # and of one that the salient map covers
LARGE = 0.4  # area of a person that counts, beside the largest one's
SMALL = 0.04  # and of one that the salient map covers
GROUP = 2  # so many people are a group, to which smaller ones may belong ...
WITH = 0.75  # ... whose score is at least this
CLEAR = 0.88  # score of one whom the salient map does not cover
SEVERAL = 0.55  # score of those who make a group: a helmet may be a doubtful person
SEEN = 0.5  # share of one that the salient map must cover, if the person is smaller or doubtful
TINY = 0.01  # of the photo's area: people that are no subject where the salient map sees none
ELSEWHERE = 0.15  # share of the people in the salient map under which it is about something else
PART = 0.3  # share of the salient map that the people must be: of a bus its passengers are not
HALF = 0.5  # of the people that the salient map must hold to be believed
MOSTLY = 0.5  # share of the salient map that a single person must be
REST = 0.25  # share of the salient map beside the people that is let pass
WELL = 0.7  # share of the people that it must hold to be said to hold them
_GROWN = 1 / 40  # of the grid's longer side: how far soft edges may reach from the rim


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
    people = [place for place, one in enumerate(segments) if one.label == PERSON]
    if not any(segments[place].score >= SURE for place in people):
        return Decision("salient", "no people were found", salient)
    shapes = Silhouettes.of(segments)
    there = enlarge(salient, *shapes.maps.shape[1:])
    people = _main(people, segments, shapes, there if found else None)
    if not any(segments[place].score >= SURE for place in people):
        return Decision("salient", "no people that the photo is about", salient)
    chosen = _with_things(people, segments)
    union = shapes.union(chosen)
    both = float(np.minimum(union, there).sum())
    covered = both / max(float(union.sum()), 1e-6)
    kept = both / max(float(there.sum()), 1e-6)
    count = f"{len(people)} people" if len(people) > 1 else "one person"
    if found and (covered < ELSEWHERE or kept < PART):
        reason = f"{count} found, but the photo is about something else"
        return Decision("salient", reason, salient)
    several = sum(segments[place].score >= SEVERAL for place in people) >= GROUP
    if found and not several and covered >= HALF and kept >= MOSTLY:
        sure = "one person" if len(people) == 1 else "one person for sure"
        return Decision("salient", f"{sure}, and the salient map agrees", salient)
    edged = softened(union, there)
    if found and covered >= HALF and 1 - kept <= REST:
        far = np.where(grown(union >= 0.5, _reach(union)), 0, there)
        together = np.maximum(edged, far).astype(np.float32)
        return Decision("both", f"{count}, and the salient map agrees", together, chosen)
    if not found:
        why = "the salient map is not sure"
    elif covered >= WELL:
        why = "the salient map holds more than them"
    else:
        why = "the salient map misses some of them"
    return Decision("people", f"{count}, and {why}", edged, chosen)


def softened(union: Map, salient: Map) -> Alpha:
    """The union of the people with the salient map's soft edges where the two agree.

    Within reach of the union's rim, and where the salient map does not contradict by more than a
    half, the mean of both is taken: hair is soft there. Elsewhere the union stands, so its gaps
    stay open.
    """
    inside, reach = union >= 0.5, _reach(union)
    rim = grown(inside, reach) & grown(~inside, reach)
    agree = rim & (np.abs(union - salient) <= 0.5)
    edged = np.where(agree, (union + salient) / 2, union)
    # What both take for the subject, one of them half in doubt, is solid.
    both = (union >= 0.5) & (salient >= 0.5)
    return np.where(both, np.maximum(union, salient), edged).astype(np.float32)


def _reach(values: Map) -> int:
    return max(1, round(_GROWN * float(max(values.shape))))


def _shares(parts: NDArray[np.float32], salient: Map) -> NDArray[np.float32]:
    """How much of each thing the salient map holds."""
    areas = np.maximum(parts.sum(axis=(1, 2)), 1e-6)
    return np.asarray(np.minimum(parts, salient).sum(axis=(1, 2)) / areas, np.float32)


def _main(
    people: Sequence[int], segments: Sequence[Segment], shapes: Silhouettes, salient: Map | None
) -> list[int]:
    """The people that the photo is about; `salient` is None where that map sees no subject."""
    sure = [place for place in people if segments[place].score >= SURE]
    largest = max((segments[place].area for place in sure), default=0)
    photo = segments[0].size[0] * segments[0].size[1]
    if salient is None:
        least = max(LARGE * largest, TINY * photo)
        return [place for place in sure if segments[place].area >= least]
    seen = _shares(shapes.maps[people], salient) >= SEEN
    kept = [
        place
        for place, there in zip(people, seen, strict=True)
        if (segments[place].score >= CLEAR and segments[place].area >= LARGE * largest)
        or (there and segments[place].score >= DOUBTFUL and segments[place].area >= SMALL * largest)
    ]
    if len(kept) < GROUP:
        return kept
    # Among several even small ones belong to the group, if they are seen well.
    well = [place for place in sure if segments[place].score >= WITH]
    return sorted({*kept, *(place for place in well if segments[place].area >= SMALL * largest)})


def _with_things(people: Sequence[int], segments: Sequence[Segment]) -> tuple[int, ...]:
    """People, and what they hold or ride."""
    held = holders(segments)
    things = (thing for thing, person in held.items() if person in people)
    return tuple(sorted([*people, *things]))
