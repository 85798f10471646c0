"""What the tables of a card cannot hold though its type is right: (key, expected, got)."""

from __future__ import annotations

from collections.abc import Iterator

from nukki.types import BoxesSpec, InpaintingSpec, InputSpec, MattingSpec

__all__ = [
    "MAX_SIDE",
    "Problem",
    "boxes_problems",
    "inpainting_problems",
    "input_problems",
    "matting_problems",
]

Problem = tuple[str, str, object]

MAX_SIDE = 8192  # of a network's grid: a slip in a card must not ask for terabytes
LEAST_LIMIT = 64  # tiles below that are all overlap


def input_problems(spec: InputSpec) -> Iterator[Problem]:
    """Of the table `[input]`."""
    if spec.multiple < 1:
        yield "input.multiple", "at least 1", spec.multiple
    for side in spec.size:
        if not 1 <= side <= MAX_SIDE:
            yield "input.size", f"two sides of 1 to {MAX_SIDE}", list(spec.size)
        if spec.fit in ("stretch", "letterbox") and side % max(1, spec.multiple):
            yield "input.size", f"multiples of {spec.multiple}", list(spec.size)
    if not isinstance(spec.scale, str) and spec.scale <= 0:
        yield "input.scale", 'above 0 or "own-maximum"', spec.scale
    if min(spec.std) <= 0:
        yield "input.std", "three numbers above 0", list(spec.std)
    if not 0 <= spec.pad_value <= 255:
        yield "input.pad_value", "0 to 255", spec.pad_value
    if spec.fit == "shortest-edge" and spec.size[0] > spec.size[1]:
        yield "input.size", "the shortest side, then the longest", list(spec.size)


def boxes_problems(spec: BoxesSpec) -> Iterator[Problem]:
    """Of the table `[boxes]`."""
    for key in ("min_score", "overlap"):
        if not 0 <= getattr(spec, key) <= 1:
            yield f"boxes.{key}", "0 to 1", getattr(spec, key)


def matting_problems(spec: MattingSpec) -> Iterator[Problem]:
    """Of the table `[matting]`."""
    yield from _limit_problems("matting", spec.limit)
    if not 1 <= spec.overlap <= spec.limit // 2:
        yield "matting.overlap", "1 to half of the limit", spec.overlap


def inpainting_problems(spec: InpaintingSpec, multiple: int) -> Iterator[Problem]:
    """Of the table `[inpainting]`; `multiple` is that of `[input]`."""
    yield from _limit_problems("inpainting", spec.limit)
    if not 1 <= spec.least <= spec.limit:
        yield "inpainting.least", "1 to the limit", spec.least
    if spec.limit % max(1, multiple):
        yield "inpainting.limit", f"a multiple of {multiple}", spec.limit
    if spec.mask[0] == spec.mask[1]:
        yield "inpainting.mask", "two values", list(spec.mask)
    if spec.range[0] == spec.range[1]:
        yield "inpainting.range", "two values", list(spec.range)
    values = [*spec.mask, *([] if spec.hole is None else [spec.hole])]
    if spec.dtype == "uint8" and not all(0 <= value <= 255 for value in values):
        yield "inpainting.mask", "0 to 255 where the dtype is uint8", values
    if spec.ones and spec.mask_name is not None:
        yield "inpainting.ones", "false where the mask has its own tensor", spec.ones


def _limit_problems(table: str, limit: int) -> Iterator[Problem]:
    if not LEAST_LIMIT <= limit <= MAX_SIDE:
        yield f"{table}.limit", f"{LEAST_LIMIT} to {MAX_SIDE}", limit
