"""What people hold, wear on their backs or ride belongs to them.

A thing joins a person where all of this is so:

* it is of a kind that is held, carried or ridden (`HELD`, `RIDDEN`, by COCO's names), and its score
  is at least .2: sleeves and shadows are taken for bags and boards by the dozen,
* it touches the person: grown by a fortieth of the person's height, its mask meets the person's,
* it is not too large for it: what is held has at most 0.6 of the person's area, what is ridden at
  most 4 times that,
* what is ridden lies beside or below the person's middle, not above it.

Of several people that touch it, the one who owns most of the contact holds it. A ball that touches
nobody is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nukki.ops.segments import Segment
from nukki.ops.silhouettes import Silhouettes, grown

__all__ = ["HELD", "RIDDEN", "holders"]

PERSON = "person"
HELD = frozenset(
    (
        "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "sports ball", "kite",
        "baseball bat", "baseball glove", "tennis racket", "bottle", "wine glass", "cup", "fork",
        "knife", "spoon", "banana", "apple", "sandwich", "orange", "hot dog", "pizza", "donut",
        "cake", "book", "cell phone", "remote", "laptop", "scissors", "teddy bear", "hair drier",
        "toothbrush", "vase",
    )
)  # fmt: skip
RIDDEN = frozenset(
    (
        "bicycle", "motorcycle", "horse", "skateboard", "surfboard", "snowboard", "skis",
        "elephant",
    )
)  # fmt: skip
_SURE = 0.2
_TOUCH = 1 / 40  # of the person's height
_LARGEST = {True: 4.0, False: 0.6}  # area beside the person's, of what is ridden and what is held
_LEAST = 4  # cells of contact, or less where the thing itself is as small


def holders(segments: Sequence[Segment]) -> dict[int, int]:
    """Who holds what.

    Args:
        segments: The things of a photo.

    Returns:
        For each thing that is held or ridden, its place in `segments` and that of its person.
    """
    people = [place for place, one in enumerate(segments) if one.label == PERSON]
    things = [
        place
        for place, one in enumerate(segments)
        if (one.label in HELD or one.label in RIDDEN) and one.score >= _SURE
    ]
    if not people or not things:
        return {}
    shapes = Silhouettes.of(segments)
    found: dict[int, int] = {}
    for place in things:
        contacts = {person: _contact(segments, shapes, place, person) for person in people}
        best = max(contacts, key=lambda person: (contacts[person], _rank(segments[person])))
        if contacts[best] > 0:
            found[place] = best
    return found


def _rank(person: Segment) -> tuple[float, ...]:
    """Who comes first of those that touch a thing alike: the surer, the upper, the left one."""
    return person.score, -person.box.top, -person.box.left


def _contact(segments: Sequence[Segment], shapes: Silhouettes, thing: int, person: int) -> float:
    """Cells of the person that the grown thing meets; 0 where it cannot be the person's."""
    one, other = segments[thing], segments[person]
    ridden = one.label in RIDDEN
    if one.area > _LARGEST[ridden] * other.area:
        return 0.0
    middle = (one.box.top + one.box.bottom) / 2
    if ridden and middle < (other.box.top + other.box.bottom) / 2:
        return 0.0
    own, theirs = shapes.maps[thing] >= 0.5, shapes.maps[person] >= 0.5
    reach = max(1, round(_TOUCH * other.box.height * shapes.scale))
    met = float(np.count_nonzero(grown(own, reach) & theirs))
    return met if met >= min(_LEAST, int(np.count_nonzero(own))) else 0.0
