"""What people give to a `Cutter`, checked and in one form; and what they get, as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from numbers import Real
from typing import Any, cast

import numpy as np

from nukki.io.images import Picture
from nukki.ops.prompts import point_of
from nukki.pipelines.erase_options import GoOptions, WholeEraseKeywords
from nukki.pipelines.known import check_known, names
from nukki.pipelines.options import EraseOptions, RemoveKeywords, RemoveOptions
from nukki.pipelines.results import Cutout
from nukki.types import Pixels, Point

__all__ = ["as_picture", "erase_options", "places", "plain", "remove_options"]

# What check boxes and `Cutter` itself say.
_SAID = ("subject", "crop", "save_trimap", "trimap", "instances", "what", "except_")


def remove_options(given: RemoveKeywords | None) -> dict[str, Any]:
    """Options of `nukki.remove`, and `background`.

    Raises:
        InputError: If one is none, or is said by check boxes.
    """
    options: dict[str, Any] = dict(given or {})
    known = [name for name in (*names(RemoveOptions), "background") if name not in _SAID]
    check_known("Cutter.remove", options, known)
    RemoveOptions(**{name: value for name, value in options.items() if name != "background"})
    return options


def erase_options(given: WholeEraseKeywords | None) -> dict[str, Any]:
    """Options of `nukki.erase`.

    Raises:
        InputError: If one is none, or is said by check boxes.
    """
    options: dict[str, Any] = dict(given or {})
    known = [name for name in names(GoOptions) if name not in _SAID]
    check_known("Cutter.erase", options, (*known, *names(EraseOptions)))
    GoOptions(**{name: value for name, value in options.items() if name in known})
    EraseOptions(**{name: value for name, value in options.items() if name not in known})
    return options


def places(given: Any) -> list[Point]:
    """One place or several, as points.

    Raises:
        InputError: If it is neither.
    """
    if isinstance(given, Point) or not isinstance(given, Iterable):
        return [point_of(given)]
    several = list(given)
    alone = len(several) == 2 and all(isinstance(one, Real) for one in several)
    return [point_of(several)] if alone else [point_of(one) for one in several]


def plain(picture: Picture) -> Picture:
    """A picture that says no more of itself than any other."""
    if type(picture) is Picture:
        return picture
    return Picture(**{one.name: getattr(picture, one.name) for one in fields(Picture)})


def as_picture(cut: Cutout) -> Picture:
    """A cut-out as a picture with alpha, or before the background that it was given."""
    if cut.background is not None:
        return cut.over(cut.background)
    joined = cut.rgba()
    known = {one.name: getattr(cut.picture, one.name) for one in fields(Picture)}
    known["pixels"] = cast("Pixels", np.ascontiguousarray(joined[..., :3]))
    known["alpha"] = np.ascontiguousarray(joined[..., 3])
    return Picture(**known)
