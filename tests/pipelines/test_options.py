"""The table of options refuses what no step could use, and says what would do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choice_files import choices
from nukki.errors import InputError
from nukki.pipelines.options import (
    OutputOptions,
    ReadOptions,
    RemoveOptions,
    RunOptions,
    SegmentOptions,
)

TABLES = (RemoveOptions, OutputOptions, ReadOptions, RunOptions)


@pytest.mark.parametrize("table", TABLES)
def test_every_option_has_a_line_of_help_and_a_default(table):
    options = table()
    for field in fields(table):
        assert field.metadata["help"]
        choices = field.metadata["choices"]
        if choices and getattr(options, field.name) is not None:
            assert getattr(options, field.name) in choices
    with pytest.raises(FrozenInstanceError):
        setattr(options, fields(table)[0].name, None)


@pytest.mark.parametrize(
    ("table", "wrong", "said"),
    [
        (RemoveOptions, {"subject": "people,"}, "nothing stands here"),
        (RemoveOptions, {"edges": "soft"}, "none, fast, auto, best"),
        (RemoveOptions, {"colours": "guess"}, "estimate, keep"),
        (RemoveOptions, {"hidden": "black"}, "zero, keep, bleed"),
        (RemoveOptions, {"matting": "my/net.ONNX"}, "the name of a network, got `my/net.ONNX`"),
        (RemoveOptions, {"feather": -0.5}, "at least 0 and at most 3000, got -0.5"),
        (RemoveOptions, {"feather": float("nan")}, "at most 3000, got nan"),
        (RemoveOptions, {"feather": float("inf")}, "at most 3000, got inf"),
        (RemoveOptions, {"feather": "3"}, "at most 3000, got 3"),
        (RemoveOptions, {"sharpen": -1}, "at least 0 and at most 100, got -1"),
        (RemoveOptions, {"grow": float("nan")}, "at least -3000 and at most 3000, got nan"),
        (RemoveOptions, {"grow": float("-inf")}, "at most 3000, got -inf"),
        (RemoveOptions, {"grow": -3000.5}, "at least -3000"),
        (RemoveOptions, {"grow": 1e300}, "at most 3000"),
        (RemoveOptions, {"feather": 1e9}, "at most 3000"),
        (RemoveOptions, {"sharpen": 1e300}, "at most 100"),
        (RemoveOptions, {"crop": 10**400}, "at most 100000"),
        (RemoveOptions, {"crop": -1}, "at least 0"),
        (RemoveOptions, {"crop": 2.5}, "a whole number of at least 0 and at most 100000, got 2.5"),
        (RemoveOptions, {"threshold": (0.5, 0.5)}, "LOW < HIGH"),
        (RemoveOptions, {"threshold": (0.9, 0.1)}, "LOW < HIGH"),
        (RemoveOptions, {"threshold": (-0.1, 0.5)}, "0 ≤ LOW"),
        (RemoveOptions, {"threshold": (0.1, 1.5)}, "HIGH ≤ 1"),
        (RemoveOptions, {"threshold": (0.1, float("nan"))}, "nan"),
        (RemoveOptions, {"threshold": 0.5}, "got 0.5"),
        (RemoveOptions, {"threshold": (0.1, 0.5, 0.9)}, "0.9"),
        (RemoveOptions, {"threshold": ("a", "b")}, "LOW < HIGH"),
        (OutputOptions, {"png": "tiny"}, "fast, small"),
        (OutputOptions, {"quality": 0}, "1 to 100, got 0"),
        (OutputOptions, {"quality": 101}, "1 to 100, got 101"),
        (ReadOptions, {"max_pixels": 0}, "at least 1"),
        (RunOptions, {"threads": 0}, "at least 1"),
        (RunOptions, {"threads": 1.5}, "a whole number"),
    ],
)
def test_wrong_values(table, wrong, said):
    with pytest.raises(InputError) as caught:
        table(**wrong)
    (name,) = wrong
    assert f"`{name}`" in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "right",
    [
        {"feather": 0},
        {"feather": np.float32(2.5)},
        {"grow": -3},
        {"crop": np.int64(4)},
        {"crop": 0},
        {"threshold": (0, 1)},
        {"threshold": [0.2, 0.7]},
        {"sharpen": 0.5},
    ],
)
def test_values_at_the_limits_are_taken(right):
    ((name, value),) = right.items()
    assert getattr(RemoveOptions(**right), name) == value


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.sampled_from(["auto", "salient"]), choices.map(str)))
def test_every_choice_is_a_subject(subject):
    assert RemoveOptions(subject=subject).subject == subject


words = st.lists(
    st.sampled_from(
        ["people", "dog", "main", "2", "-", ",", " ", ">", "=", ".8", "%", "at:", "score", '"', "é"]
    ),
    max_size=7,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(words, st.text(max_size=12), st.none(), st.integers()))
def test_other_subjects_are_refused_where_a_choice_would_be(subject):
    """Whatever `segment` takes is a subject; an error shows the place, one line under the other."""
    if subject in ("auto", "salient"):
        return
    wrong = refusal(SegmentOptions, what=subject)
    same = refusal(RemoveOptions, subject=subject)
    if wrong is None:
        assert same is None
        return
    assert same.message == wrong.message.replace("`what`", "`subject`", 1)
    assert same.hint == wrong.hint
    if isinstance(subject, str) and subject.strip():
        assert same.message.splitlines()[-1].strip() == "^"


def refusal(table, **given):
    """The error of a table of options, None where it takes them."""
    try:
        table(**given)
    except InputError as error:
        return error
    return None
