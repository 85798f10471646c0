"""Things made by hand that can be chosen, and choices made by Hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nukki.io.images import Picture
from nukki.ops.segments import segment_of
from nukki.pipelines.results import Instance
from nukki.pipelines.terms import (
    At,
    Best,
    Choice,
    Everything,
    Inside,
    Labelled,
    Measure,
    Numbers,
    People,
)
from nukki.types import Box

SIZE = (60, 80)
PHOTO = Picture(np.zeros((*SIZE, 3), np.uint8))


def thing(number, label, score, left, top, right, bottom, *, mask=None, photo=PHOTO):
    """An instance whose mask fills its box, or is the array given."""
    box = Box(left, top, right, bottom)
    inside = np.ones((box.height, box.width), np.bool_) if mask is None else mask
    size = (photo.height, photo.width)
    return Instance(number, segment_of(inside, box, size, label=label, score=score), photo)


LABELS = ("person", "dog", "sports ball", "left", "top hat")

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3) + 0.0)
plain = st.builds(
    str.__add__,
    st.sampled_from("abcdefgxyz"),
    st.text("abc xyz-'/.0189()", max_size=12),
).map(lambda text: " ".join(text.split()))
labels = st.one_of(
    st.sampled_from((*LABELS, "all", "people", "score", "at", "main", "3d printer", "a,b", "at:3")),
    plain,
    st.text(min_size=1, max_size=8)
    .map(lambda text: " ".join(text.replace('"', "").split()).casefold())
    .filter(lambda text: text and text == " ".join(text.split()).casefold()),
)
things = st.one_of(st.just(Everything()), st.just(People()), labels.map(Labelled))
ranges = st.tuples(st.integers(1, 999_999_999), st.integers(0, 999)).map(
    lambda pair: Numbers(pair[0], min(999_999_999, pair[0] + pair[1]))
)
signs = st.sampled_from([">", ">=", "<", "<="])
measures = st.one_of(
    st.builds(Measure, st.just("score"), signs, st.floats(0, 1).map(lambda v: round(v, 6))),
    st.builds(Measure, st.just("area"), signs, st.integers(0, 10**9).map(float)),
    st.builds(
        Measure,
        st.sampled_from(["score", "area"]),
        signs,
        st.floats(0, 100).map(lambda v: round(v, 4)),
        st.just(True),
    ),
)
best = st.builds(
    Best,
    st.sampled_from(
        ["main", "largest", "smallest", "left", "right", "top", "bottom", "center"],
    ),
    things,
)
boxes = st.builds(
    lambda x, y, w, h: Inside(x, y, x + w, y + h),
    *[st.integers(-99, 999).map(float)] * 2,
    *[st.integers(1, 999).map(float)] * 2,
)
terms = st.one_of(things, best, ranges, measures, st.builds(At, numbers, numbers), boxes)
choices = st.lists(terms, min_size=1, max_size=5).map(lambda made: Choice(tuple(made)))
