"""Words for places and lengths, and what is said about wrong ones."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.errors import InputError
from nukki.ops.aims import Aim, Length
from nukki.pipelines.place_words import length_of, outline_of, place_of, scale_of, size_of
from nukki.pipelines.replace_options import (
    AddOptions,
    PlaceKeywords,
    PlaceOptions,
    ReplaceKeywords,
    place_options,
)


@pytest.mark.parametrize(
    ("text", "across", "down"),
    [
        ("left", Aim("start"), Aim()),
        ("bottom", Aim(), Aim("end")),
        ("left-bottom", Aim("start"), Aim("end")),
        ("Bottom left", Aim("start"), Aim("end")),
        ("top,right", Aim("end"), Aim("start")),
        ("center", Aim("middle"), Aim("middle")),
        ("centre", Aim("middle"), Aim("middle")),
        ("left-center", Aim("start"), Aim("middle")),
        ("mass", Aim("mass"), Aim("mass")),
        ("mass-bottom", Aim("mass"), Aim("end")),
        ("640,360", Aim(at=Length(640)), Aim(at=Length(360))),
        ("30%, 80%", Aim(at=Length(0.3, share=True)), Aim(at=Length(0.8, share=True))),
        ((12.5, 7), Aim(at=Length(12.5)), Aim(at=Length(7))),
    ],
)
def test_places(text, across, down):
    assert place_of(text) == (across, down)


def test_sizes_scales_and_lengths():
    assert size_of("1200x800") == (800, 1200)
    assert size_of("1200×800") == (800, 1200)
    assert size_of((30, 20)) == (20, 30)
    assert scale_of("1.5") == (1.5, None)
    assert scale_of(0.5) == (0.5, None)
    assert scale_of("800px") == (None, Length(800))
    assert scale_of("80%") == (None, Length(0.8, share=True))
    assert length_of("5%", "margin") == Length(0.05, share=True)
    assert length_of(40, "margin") == length_of("40px", "margin") == Length(40)
    assert outline_of("12,white") == (12, (255, 255, 255))
    assert outline_of("3.5,#f80") == (3.5, (255, 136, 0))
    assert outline_of("8") == outline_of((8, "white")) == (8, (255, 255, 255))
    assert outline_of((8, (1, 2, 3))) == (8, (1, 2, 3))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("size", "0x100", "at least 1 pixel"),
        ("size", "100", "WIDTHxHEIGHT"),
        ("size", "99999x10", "at most"),
        ("size", (29000, 29000), "200 million"),
        ("size", (1.5, 2), "WIDTHxHEIGHT"),
        ("scale", "0", "above 0"),
        ("scale", 0, "above 0"),
        ("scale", "0px", "above 0"),
        ("scale", -1, "above 0"),
        ("scale", "big", "a factor"),
        ("scale", float("nan"), "a factor"),
        ("scale", 1e9, "at most 100"),
        ("margin", "-3", "at least 0"),
        ("margin", "50%", "less than 50%"),
        ("margin", "wide", "pixels or per cent"),
        ("place", "middleish", "words or X,Y"),
        ("place", "left-right", "words or X,Y"),
        ("place", "left-left", "words or X,Y"),
        ("place", "-5,10", "on the canvas"),
        ("place", "120%,10%", "on the canvas"),
        ("place", "", "words or X,Y"),
        ("outline", "-2,white", "above 0"),
        ("outline", "0,white", "above 0"),
        ("outline", "5%,white", "PIXELS,COLOUR"),
        ("outline", "1001,white", "at most 1000"),
        ("outline", "4,whitee", "a colour"),
        ("outline", (4, (1, 2, 300)), "a colour"),
        ("shadow", "hard", "none, drop, contact"),
        ("fit", "zoom", "cover, contain"),
        ("blur", 0, "above 0"),
        ("blur", float("nan"), "above 0"),
        ("shadow_opacity", 1.5, "0 to 1"),
        ("shadow_softness", -1, "0 to"),
        ("shadow_offset", (1,), "RIGHT,DOWN"),
        ("shadow_offset", ("a", 1), "shadow_offset"),
    ],
)
def test_wrong_values_are_named_with_a_hint(option, value, said):
    with pytest.raises(InputError) as caught:
        PlaceOptions(**{option: value})
    assert f"`{option}`" in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_a_colour_has_near_names():
    with pytest.raises(InputError) as caught:
        PlaceOptions(outline="4,whitte")
    assert "white" in caught.value.hint


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([size_of, scale_of, place_of, outline_of, lambda v: length_of(v, "margin")]),
    st.one_of(st.text(max_size=9), st.from_regex(r"\A[-0-9.,%px a-z]{0,9}\Z"), st.floats()),
)
def test_whatever_is_given_is_read_or_refused(reads, value):
    try:
        reads(value)
    except InputError as error:
        refused = error
    else:
        return
    assert refused.hint


def test_keywords_are_the_fields_of_the_options():
    types = get_type_hints(PlaceOptions)
    assert get_type_hints(PlaceKeywords) == types
    assert set(get_type_hints(AddOptions)) <= set(get_type_hints(ReplaceKeywords))


def test_unknown_options_have_near_matches():
    with pytest.raises(InputError, match="shadoww") as caught:
        place_options({"shadoww": "drop"})
    assert "shadow" in caught.value.hint
    with pytest.raises(InputError, match="behind"):
        AddOptions(behind="2,,3")
