"""`nukki evaluate subject`: a table for people, JSON and CSV for programs, errors with hints."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(photos, place):
    """A set: three pictures with a red block, their masks the block and a part of it."""
    photos("set/images/a.png", "set/images/b.png", "set/images/c.png")
    masks = Path("set/masks")
    masks.mkdir()
    block = np.zeros((48, 64), np.uint8)
    block[12:-12, 16:-16] = 255
    for stem in "ab":
        Image.fromarray(block).save(masks / f"{stem}.png")
    block[:, 32:] = 0
    Image.fromarray(block).save(masks / "c.png")
    return place / "set"


@pytest.fixture
def judge(nukki, red):
    """Runs the command with the network of one convolution."""

    def run(*words):
        return nukki("evaluate", "subject", *words, *red)

    return run


def test_a_table_for_people(judge, folder, capsys):
    assert judge("--set", "set") == 0
    title, header, row = capsys.readouterr().out.splitlines()
    assert title == "set"
    assert header.split()[:7] == ["model", "size", "edges", "kind", "pictures", "max", "F"]
    assert row.split()[:5] == ["red.onnx", "32", "none", "all", "3"]


def test_sets_networks_grids_and_edges_side_by_side(nukki, folder, red, capsys):
    words = ["--set", "set", "--set", str(folder), *red, "--model", "subject"]
    assert nukki("evaluate", "subject", *words, "--size", "32", "--edges", "none,fast") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["red.onnx", "32", "none"],
        ["red.onnx", "32", "fast"],
        ["subject", "32", "none"],
        ["subject", "32", "fast"],
    ]
    assert (lines[0], lines[6], lines[7], len(lines)) == ("set", "", str(folder), 13)


def test_one_card_for_all_files_or_one_each(nukki, folder, red, capsys):
    _, model, _, card = red
    Path("other.onnx").write_bytes(Path(model).read_bytes())
    files = ["--model", model, "--model", "other.onnx"]
    for cards in (["--card", card], ["--card", card, "--card", card]):
        assert nukki("evaluate", "subject", "--set", "set", *files, *cards, "--limit", 1) == 0
        rows = capsys.readouterr().out.splitlines()[2:]
        assert [row.split()[0] for row in rows] == ["red.onnx", "other.onnx"]
    assert nukki("evaluate", "subject", "--set", "set", *files, *["--card", card] * 3) == 2
    assert "once or for each of 2 files, got 3" in capsys.readouterr().err


def test_names_and_kinds(judge, folder, capsys):
    Path("names.txt").write_text("a\nc\n", encoding="utf-8")
    Path("kinds.txt").write_text("a whole\nb whole\nc part\n", encoding="utf-8")
    assert judge("--set", "set", "--names", "names.txt", "--kinds", "kinds.txt") == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split()[3:5] for row in rows] == [["all", "2"], ["part", "1"], ["whole", "1"]]


def test_robustness_needs_no_masks(judge, photos, capsys):
    photos("set/images/a.png", "set/images/b.png")
    photos("set/images/c.png", empty=True)
    assert judge("--set", "set", "--robust") == 0
    _, header, row, title, names, values = capsys.readouterr().out.splitlines()
    assert "IoU" not in header
    assert row.split()[6] == "33.3%"
    assert "copy" in title
    assert names.split()[5:] == ["mirrored", "half", "jpeg40", "brighter", "darker", "mean"]
    assert all(float(value) > 0.5 for value in values.split()[5:])


def test_bad_pictures(judge, folder, capsys):
    Path("set/images/b.png").write_bytes(b"no picture")
    Path("set/masks/c.png").unlink()
    assert judge("--set", "set") == 2
    told = capsys.readouterr().err
    assert "holds no picture `c`" in told
    assert "--skip-bad" in told
    assert judge("--set", "set", "--skip-bad", "--json", "-") == 0
    told = capsys.readouterr()
    (score,) = json.loads(told.out)
    assert (score["pictures"], [one["name"] for one in score["skipped"]]) == (1, ["c", "b"])
    assert told.err.count("passed over: ") == 2
    assert "2 passed over, 1 judged" in told.err
    assert judge("--set", "set", "--skip-bad", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_results_are_not_overwritten(judge, folder, capsys):
    for flag, name in (("--json", "a.json"), ("--each", "a.csv")):
        Path(name).write_text("mine")
        assert judge("--set", "set", flag, name) == 2
        assert "is there already" in capsys.readouterr().err
        assert Path(name).read_text() == "mine"
        assert judge("--set", "set", flag, name, "--overwrite") == 0
        assert "red.onnx" in Path(name).read_text("utf-8")
        assert "red.onnx" in capsys.readouterr().out  # the table, too


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "gone"], "no such folder"),
        (["--set", "."], "images` must be a folder"),
        (["--set", "set", "--names", "gone.txt"], "gone.txt` cannot be read"),
        (["--set", "set", "--edges", "sharp"], "`edges` must be one of"),
        (["--set", "set", "--size", "0"], "must be at least 1"),
        (["--set", "set", "--size", "big"], "must be a whole number"),
        (["--set", "set", "--limit", "0"], "must be at least 1"),
        (["--set", "set", "--json", "-", "--each", "-"], "both go to standard output"),
        (["--set", "set", "--json", "a", "--each", "a"], "both go to `a`"),
        (["--set", "gone", "--json", "gone/a.json"], "create the folder"),  # before any work
        ([], "--set"),
    ],
)
def test_wrong_usage(judge, folder, capsys, words, message):
    assert judge(*words) in (1, 2)
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_wrong_networks(nukki, folder, red, capsys):
    _, model, _, card = red
    for words, message in (
        (["--model", "subjct"], "`subjct` is not the name"),
        (["--model", model], "needs a card"),
        (["--card", card], "goes with an ONNX file"),
        (["--model", model, "--card", card, "--size", 64], "it takes 32 × 32"),
    ):
        assert nukki("evaluate", "subject", "--set", "set", *words) == 2
        assert message in capsys.readouterr().err


def test_without_a_command_it_says_which_there_are(nukki, capsys):
    assert nukki("evaluate") == 2
    assert "subject" in capsys.readouterr().err


def test_json_and_rows_for_programs(judge, folder, capsys):
    assert judge("--set", "set", "--json", "-", "--each", "each.csv") == 0
    (score,) = json.loads(capsys.readouterr().out)
    assert (score["model"], score["pictures"], score["skipped"]) == ("red.onnx", 3, [])
    rows = list(csv.DictReader(io.StringIO(Path("each.csv").read_text("utf-8"))))
    assert [row["stem"] for row in rows] == ["a", "b", "c"]
    ious = [float(row["iou"]) for row in rows]
    assert ious[0] == ious[1] > 0.9
    assert ious[2] == pytest.approx(ious[0] / 2, abs=0.05)
    assert score["iou"] == pytest.approx(np.mean(ious), abs=1e-5)
