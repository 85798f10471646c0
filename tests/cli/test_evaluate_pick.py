"""`nukki evaluate pick` with the network of the package: a table, JSON, a line a thing, errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def judge(nukki, photos):
    """Runs the command on a photo with a red block, its mask the block."""
    photos("set/images/a.png")
    Path("set/masks").mkdir()
    block = np.zeros((48, 64), np.uint8)
    block[12:-12, 16:-16] = 255
    Image.fromarray(block).save("set/masks/a.png")

    def run(*words, where="set"):
        return nukki("evaluate", "pick", "--set", where, *words)

    return run


def test_from_the_set_to_the_figures(judge, capsys):
    assert judge("--clicks", "2", "--threads", "1", "--each", "each.csv") == 0
    title, header, row = capsys.readouterr().out.splitlines()
    assert title == "set"
    assert header.split()[:6] == ["model", "pictures", "things", "box", "1", "2"]
    assert row.split()[:3] == ["pick", "1", "1"]
    assert float(row.split()[3]) > 0.8  # red on blue, in its box
    (line,) = csv.DictReader(Path("each.csv").read_text().splitlines())
    assert (line["stem"], line["left"], line["bottom"], line["area"]) == ("a", "16", "36", "768")
    assert f"{float(line['box_iou']):.4f}".removeprefix("0") == row.split()[3]
    assert judge("--each", "each.csv") == 2
    assert "there already" in capsys.readouterr().err


def test_json(judge, capsys):
    assert judge("--clicks", "1", "-m", "default", "-m", "pick", "--json", "-") == 0
    (record,) = json.loads(capsys.readouterr().out)  # the two are one
    assert (record["model"], record["clicks"], len(record["click_ious"])) == ("pick", 1, 1)


def test_what_is_passed_over_is_named(judge, photos, capsys):
    photos("set/images/b.png")
    Image.new("L", (8, 8), 255).save("set/masks/b.png")
    assert judge() == 2
    assert "b.png" in capsys.readouterr().err
    assert judge("--clicks", "1", "--skip-bad") == 0
    assert "1 passed over, 1 judged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "nowhere"), "nowhere"),
        (("--clicks", "0"), "--clicks"),
        (("-m", "subject"), "must be a network for prompted"),
        (("-m", "nobody"), "nobody"),
        (("--card", "pick.toml"), "pick.toml"),
        (("--names", "missing.txt"), "missing.txt"),
    ],
)
def test_what_cannot_be(judge, capsys, words, said):
    assert judge("--clicks", "1", *words) == 2
    assert said in capsys.readouterr().err


def test_an_empty_set(judge, place, capsys):
    (place / "empty" / "images").mkdir(parents=True)
    assert judge(where="empty") == 2
    assert "holds no picture" in capsys.readouterr().err


def test_the_help_says_what_the_columns_are(nukki, capsys):
    assert nukki("evaluate", "pick", "--help") == 0
    said = capsys.readouterr().out
    for words in ("instances.json", "--clicks N", "until .8", "score off", "six largest"):
        assert words in said
