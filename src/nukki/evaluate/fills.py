"""Fillers side by side on one hole: what is compared by `nukki compare --erase`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from nukki import api
from nukki.evaluate.sheet import Cell, cell
from nukki.loading import load_filler
from nukki.pipelines.eraser import carry_out

__all__ = ["compared_fills"]


def compared_fills(
    photo: Any,
    name: str,
    what: str,
    fills: Sequence[str],
    *,
    except_: str | None = None,
    instances: str = "default",
    largest: int = 480,
    **loading: Any,
) -> Iterator[Cell]:
    """One row of a comparison: the photo with what goes, then what every filler makes of it.

    Args:
        photo: Whatever `nukki.read` takes.
        name: What to call it on the sheet.
        what: What goes.
        fills: Names of fillers.
        except_: What stays.
        instances: The network that finds things.
        largest: Longer side of a cell, in pixels.
        loading: On what the networks run: device, threads, accept_licence.

    Yields:
        Cells; each filling is timed by itself, after its network was loaded, on the same hole and
        without a second look.

    Raises:
        NothingFound: If nothing is what goes.
    """
    picture = api.read(photo)
    plan = api.what_goes(picture, what, except_=except_, instances=instances, **loading)
    plan = replace(plan, looking=None)
    share = float(plan.going.hole.mean())
    size = f"{picture.width} x {picture.height}, {share:.1%} goes"
    yield cell(plan.preview().rgb8(), name, size, largest=largest)
    for fill in fills:
        filler = load_filler(fill, **loading)
        speck = np.zeros((48, 48), np.bool_)
        speck[20:28, 20:28] = True
        filler.fill(np.full((48, 48, 3), 128, np.uint8), speck)  # loads all that is loaded once
        start = perf_counter()
        made = carry_out(plan, filler)
        seconds = perf_counter() - start
        yield cell(made.rgb8(), fill, f"{seconds:.2f} s", largest=largest)
