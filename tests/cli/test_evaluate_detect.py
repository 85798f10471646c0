"""`nukki evaluate detect`: a table, JSON, a line a photo, and what is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detecting_networks import FREE_CARD, free_detector
from thing_files import annotated_set


@pytest.fixture
def judge(nukki, place):
    """Runs the command on a set of two photos with a detector that sees a man on the left."""
    path = free_detector(place / "net.onnx", [((0.0, 0.0, 0.5, 1.0), 0.9, 0)])
    Path("card.toml").write_text(FREE_CARD, encoding="utf-8")
    annotated_set(place / "set", {"a.png": [(0, 0, 32, 64, 1)], "b.png": [(0, 0, 32, 60, 1)]})

    def run(*words, card=("--card", "card.toml")):
        return nukki("evaluate", "detect", "--set", "set", "-m", path, *card, *words)

    return run


def test_a_table_for_people(judge, capsys):
    assert judge("--size", "64,32") == 0
    title, header, *rows = capsys.readouterr().out.splitlines()
    assert title == "set"
    assert header.split()[-4:] == ["P", "shown", "R", "ms"]
    assert [row.split()[:5] for row in rows] == [
        ["net.onnx", "64", "people", "2", "2"],
        ["net.onnx", "64", "all", "2", "2"],
        ["net.onnx", "32", "people", "2", "2"],
        ["net.onnx", "32", "all", "2", "2"],
    ]


def test_json_and_csv(judge, capsys):
    assert judge("--json", "-", "--each", "each.csv") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["size"] is None
    assert record["people"]["recall50"] == 1
    assert len(Path("each.csv").read_text().splitlines()) == 3
    assert judge("--each", "each.csv") == 2
    assert "there already" in capsys.readouterr().err


def test_what_is_passed_over_is_named(judge, capsys):
    Path("set/images/b.png").write_bytes(b"no picture")
    assert judge() == 2
    assert "b.png" in capsys.readouterr().err
    assert judge("--skip-bad") == 0
    assert "1 passed over, 1 judged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "nowhere"), "nowhere"),
        (("--size", "0"), "--size"),
        (("-m", "subject"), "must be a network for detection"),
        (("--names", "missing.txt"), "missing.txt"),
    ],
)
def test_what_cannot_be(judge, capsys, words, said):
    assert judge(*words) == 2
    assert said in capsys.readouterr().err


def test_a_file_without_a_card(judge, capsys):
    assert judge(card=()) == 2
    assert "--card" in capsys.readouterr().err
