"""Flags from the option dataclasses, and back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import pytest

from nukki.cli.arguments import (
    Parser,
    add_options,
    bare_values,
    numbers,
    options_from,
    positive,
    words,
)
from nukki.errors import InputError
from nukki.pipelines.options import OutputOptions, ReadOptions, RemoveOptions, RunOptions, option

ALL = (RemoveOptions, OutputOptions, ReadOptions, RunOptions)


def parser(*options):
    made = Parser(prog="nukki remove")
    for one in options:
        add_options(made, one)
    return made


def parsed(options, *argv):
    return options_from(parser(options).parse_args(bare_values(argv)), options)


@pytest.mark.parametrize("options", ALL)
def test_without_flags_the_defaults_of_the_table_hold(options):
    assert parsed(options) == options()


@pytest.mark.parametrize("options", ALL)
def test_every_field_has_a_flag_of_its_name(options):
    shown = parser(options).format_help()
    for field in fields(options):
        assert "--" + field.name.replace("_", "-") in shown


def test_no_two_tables_claim_a_flag():
    assert parser(*ALL).parse_args([])


def test_every_kind_of_field_reads_its_value():
    argv = (
        "-m isnet --threshold 0.1,0.9 --fill-holes --grow -2.5 --feather 3 --edges best --crop 8"
        " --background #00ff00"
    )
    assert parsed(RemoveOptions, *argv.split()) == RemoveOptions(
        model="isnet",
        threshold=(0.1, 0.9),
        fill_holes=True,
        grow=-2.5,
        feather=3.0,
        edges="best",
        crop=8,
        background="#00ff00",
    )


def test_shrink_is_the_negative_of_grow():
    assert parsed(RemoveOptions, "--shrink", "3").grow == -3.0


@pytest.mark.parametrize(
    ("argv", "crop"),
    [
        (["--crop"], 0),
        (["--crop", "12"], 12),
        (["--crop=7"], 7),
        (["--crop", "--invert"], 0),
        ([], None),
    ],
)
def test_crop_may_stand_alone(argv, crop):
    assert parsed(RemoveOptions, *argv).crop == crop


def test_a_flag_that_stands_alone_does_not_take_the_picture():
    assert bare_values(["--crop", "a.jpg", "--crop", "3"]) == ["--crop=0", "a.jpg", "--crop", "3"]
    assert bare_values(["--", "--crop", "a.jpg"]) == ["--", "--crop", "a.jpg"]


def test_a_word_may_be_left_out_as_well():
    assert bare_values(["--flood", "a.png"]) == ["--flood=border", "a.png"]
    assert bare_values(["--flood", "all", "a.png"]) == ["--flood", "all", "a.png"]
    assert parsed(RemoveOptions, "--flood").flood == "border"


def test_a_pair_may_begin_with_a_minus():
    assert bare_values(["a", "--shadow-offset", "-6,4", "b"]) == ["a", "--shadow-offset=-6,4", "b"]
    assert bare_values(["--shadow-offset", "6,-4"]) == ["--shadow-offset", "6,-4"]
    assert bare_values(["--shadow-offset", "--json"]) == ["--shadow-offset", "--json"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--feather", "wide"], "argument --feather: must be a number, got 'wide'"),
        (["--feather", "nan"], "must be a number, got 'nan'"),
        (["--crop", "1.5"], "must be a whole number, got '1.5'"),
        (["--threshold", "0.5"], "must be two numbers LOW,HIGH, got '0.5'"),
        (["--threshold", "a,b"], "must be a number, got 'a'"),
        (["--shrink", "-1"], "must be at least 0, got '-1'"),
        (["--edges", "sharp"], "invalid choice: 'sharp'"),
        (["--model"], "expected one argument"),
    ],
)
def test_a_wrong_value_is_named(argv, expected, capsys):
    argv = [argv[0] + "=" + argv[1]] if len(argv) == 2 else argv
    with pytest.raises(SystemExit) as end:
        parsed(RemoveOptions, *argv)
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert expected in told
    assert "hint: see nukki remove --help" in told


def test_ranges_are_those_of_the_table():
    with pytest.raises(InputError, match="threshold"):
        parsed(RemoveOptions, "--threshold", "0.9,0.1")
    with pytest.raises(InputError, match="quality"):
        parsed(OutputOptions, "--quality", "101")


def test_flags_are_not_abbreviated(capsys):
    known, unknown = parser(RemoveOptions).parse_known_args(["--back", "red"])
    assert not hasattr(known, "background")
    assert unknown == ["--back", "red"]


def test_the_nearest_flag_is_named(capsys):
    with pytest.raises(SystemExit) as end:
        parser(RemoveOptions).refuse(["--bakground=white"])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "unknown option `--bakground`" in told
    assert "did you mean --background" in told


def test_a_new_field_needs_no_code():
    @dataclass(frozen=True, kw_only=True)
    class New:
        """What is new."""

        how_much: float = option(1.5, "percentage: 100 % is all")
        way: Literal["a", "b"] = option("a", "which way")
        name: str | None = option(None, "a name", flags=("-n",))

    made = parser(New)
    assert "100 % is all (default: 1.5)" in made.format_help()
    assert parsed(New, "--how-much", "2", "--way", "b", "-n", "x") == New(
        how_much=2.0, way="b", name="x"
    )


def test_lists_between_commas():
    import argparse

    assert words("a, b,") == ("a", "b")
    assert numbers("0.25,4") == (0.25, 4.0)
    assert positive("3") == 3
    for read, text in ((words, " , "), (numbers, "1,0"), (numbers, "x"), (positive, "0")):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)
