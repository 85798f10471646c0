"""What would go, drawn on the photo: the hole, its things by number, shadows and reflections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nukki.io.images import Picture
from nukki.ops.marking import marked, outlined
from nukki.ops.overlay import Drawn, labelled
from nukki.ops.tiles import tight_box
from nukki.pipelines.going import Going, Thing
from nukki.types import Box

__all__ = ["preview"]

_GOES = (225, 30, 45)
_SHADOW, _REFLECTION = (40, 90, 240), (0, 170, 190)
_DOUBTFUL = (255, 170, 0)


def preview(picture: Picture, going: Going, things: Sequence[Thing]) -> Picture:
    """The photo with what would go, 8 bit sRGB.

    The hole is striped in red; in it, shadows in blue and reflections in green-blue. Shadows that
    may be some, and stay, have a broken yellow outline.

    Args:
        picture: The photo.
        going: What would go.
        things: The same, as they were found.
    """
    pixels = picture.rgb8().copy()
    whole = Box(0, 0, picture.width, picture.height)
    box = tight_box(going.hole, whole)
    if box is not None:
        marked(pixels, going.hole[box.slices()], box, _GOES)
    for part in going.parts:
        for cast, goes in zip(part.casts, part.taken, strict=True):
            colour = _SHADOW if cast.kind == "shadow" else _REFLECTION
            inside = cast.mask & going.hole[cast.box.slices()] if goes else cast.mask
            if goes and inside.any():
                marked(pixels, inside, cast.box, colour)
            elif not goes:
                outlined(pixels, inside, cast.box, _DOUBTFUL, dashed=True)
    drawn = [
        Drawn(thing.segment, part.title, part.number)
        for thing, part in zip(things, going.parts, strict=True)
    ]
    result = labelled(np.ascontiguousarray(pixels), drawn)
    return replace(picture, pixels=result, alpha=None, icc_profile=None)
