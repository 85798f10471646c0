"""`nukki bench`: a table for people, lines of JSON for programs."""

from __future__ import annotations

import json

import pytest


def test_a_table_of_sizes_and_ways(nukki, photos, capsys):
    photos("a.jpg")
    words = ("--sizes", "0.01,0.02", "--edges", "none,fast", "--repeat", "1")
    assert nukki("bench", "a.jpg", *words) == 0
    told = capsys.readouterr()
    header, *rows = told.out.splitlines()
    assert header.split()[:4] == ["photo", "model", "edges", "MP"]
    assert [row.split()[:4] for row in rows] == [
        ["a.jpg", "subject", "none", "0.01"],
        ["a.jpg", "subject", "none", "0.02"],
        ["a.jpg", "subject", "fast", "0.01"],
        ["a.jpg", "subject", "fast", "0.02"],
    ]
    assert "MP: " in told.err


def test_json_of_the_made_up_picture(nukki, place, capsys):
    assert nukki("bench", "--sizes", "0.03", "--repeat", "1", "--json", "--quiet") == 0
    told = capsys.readouterr()
    record = json.loads(told.out)
    assert told.err == ""
    assert (record["photo"], record["width"] * record["height"]) == ("made up", 200 * 150)
    steps = ("decode", "network", "edges_step", "colours", "encode")
    assert all(record[step] >= 0 for step in steps)
    assert record["network"] > 0
    assert record["whole"] < 60


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--sizes", "0"], 2, "must be numbers above 0"),
        (["--repeat", "0"], 2, "must be at least 1"),
        (["--edges", "sharp"], 2, "`edges` must be one of"),
        (["--models", "subjct"], 2, "`subjct`"),
        (["gone.jpg"], 2, "gone.jpg"),
    ],
)
def test_wrong_usage(nukki, place, capsys, words, code, message):
    assert nukki("bench", *words) == code
    assert message in capsys.readouterr().err
