"""What holds for every combination of options of `remove`, drawn from the table itself."""

from __future__ import annotations

import types
from dataclasses import fields
from functools import cache
from typing import Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers import averaged, frozen
from nukki.errors import InputError
from nukki.io.images import Picture
from nukki.pipelines.keying import colour_alone
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.remove import remove
from screen_files import GREEN, WHITE, shot

# Words that options without choices take. The networks, and a background that `save` puts behind,
# are resolved by the caller.
WORDS = {
    "key": ["green", "auto", "white", "#1eaa4c"],
    "despill": ["green", "auto", "none", "tomato"],
    "subject": ["auto", "salient"],
}
RESOLVED = {"model", "card", "instances", "matting", "background", "trimap"}
NUMBERS = {"grow": st.sampled_from([-2.0, -0.5, 1.5, 3.0]), "sharpen": st.just(0.7)}
BANDS = st.sampled_from([(2.0, 3.0), (0.0, 4.0), (9.0, 0.0)])
RANGES = st.sampled_from([(0.0, 1.0), (0.1, 0.9), (0.3, 0.5)])


class Mapper:
    def __init__(self, truth):
        self.answer = averaged(truth, (12, 16))

    def reduction(self, height, width):
        return 1

    def predict(self, image):
        return self.answer


def values(name, hint):
    """What an option may be given, by its type; None where only its default is tried."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in kinds:
        if get_origin(kind) is Literal:
            return st.sampled_from(get_args(kind))
        if get_origin(kind) is tuple:
            return BANDS if name == "band" else RANGES
        if kind is bool:
            return st.booleans()
        if kind is int:
            return st.integers(0, 3)
        if kind is float:
            return NUMBERS.get(name, st.sampled_from([0.5, 2.0]))
    return st.sampled_from(WORDS[name]) if name in WORDS else None


@cache
def table():
    hints = get_type_hints(RemoveOptions)
    found = {
        field.name: values(field.name, hints[field.name])
        for field in fields(RemoveOptions)
        if field.name not in RESOLVED
    }
    return {name: value for name, value in found.items() if value is not None}


@st.composite
def wishes(draw):
    names = draw(st.sets(st.sampled_from(sorted(table())), max_size=5))
    wish = {name: draw(table()[name]) for name in sorted(names)}
    try:
        return RemoveOptions(**wish)
    except InputError:  # what cannot be meant together
        assume(False)


@cache
def scene(screen, dtype, own_alpha):
    one = shot(screen, height=44, width=56, dtype=dtype, falloff=0.1)
    own = None
    if own_alpha:
        own = np.full(one.alpha.shape, np.iinfo(dtype).max, dtype)
        own[:, :8] = 0
        own[:5] //= 2
        own = frozen(own)
    return Picture(one.pixels, own), Mapper(one.alpha)


def changed(options):
    """What the given options declare to change."""
    given_ones = (f for f in fields(options) if getattr(options, f.name) != f.default)
    return {f.metadata.get("changes") for f in given_ones}


def check(options, picture, mapper):
    try:
        alone = colour_alone(picture, options)
        cut = remove(picture, options, None if alone else mapper)
    except InputError:  # the picture has no such colour
        return
    rgba, changes = cut.rgba(), changed(options)
    top = np.iinfo(picture.pixels.dtype).max
    assert rgba.dtype == picture.pixels.dtype
    assert np.isfinite(cut.alpha).all()
    assert 0 <= cut.alpha.min() <= cut.alpha.max() <= 1
    if "size" not in changes:
        assert rgba.shape == (*picture.pixels.shape[:2], 4)
    solid, gone = rgba[..., 3] == top, rgba[..., 3] == 0
    if "colours" not in changes:
        np.testing.assert_array_equal(rgba[solid][:, :3], cut.picture.pixels[solid])
    if options.hidden == "zero":
        assert not rgba[gone].any()
    if picture.alpha is not None and "size" not in changes:
        assert gone[picture.alpha == 0].all()  # what the file had cut away stays away
    again = remove(picture, options, None if alone else mapper, threads=2)
    assert again.encode("png") == cut.encode("png")


PICTURES = st.tuples(
    st.sampled_from([GREEN, WHITE]), st.sampled_from([np.uint8, np.uint16]), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(wishes(), PICTURES)
def test_every_combination_keeps_what_remove_promises(options, picture):
    check(options, *scene(*picture))


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(wishes(), PICTURES)
def test_many_more_combinations(options, picture):
    check(options, *scene(*picture))


def test_the_table_is_drawn_from_and_says_what_it_changes():
    drawn = set(table())
    assert {"edges", "key", "flood", "despill", "crop", "hidden", "grow", "threshold"} <= drawn
    says = {f.name: f.metadata.get("changes") for f in fields(RemoveOptions)}
    assert {name for name, what in says.items() if what == "size"} == {"crop"}
    assert {name for name, what in says.items() if what == "colours"} == {
        "key",
        "despill",
        "sharpen",
    }
