"""`nukki remove --subject`: choices, networks that find things by name, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detecting_networks import yolox_detector
from finding_networks import boxes_at_home

# In parts of the picture: the left and the right half, and a dog in a corner.
LEFT, RIGHT, CORNER = (0.0, 0.0, 0.45, 1.0), (0.55, 0.0, 1.0, 1.0), (0.8, 0.8, 1.0, 1.0)
TEAM = [(LEFT, 0.95, 1, 1.0), (RIGHT, 0.9, 1, 1.0)]


@pytest.fixture
def team():
    """Words that choose a network that finds two people."""
    return ["--instances", boxes_at_home("team", TEAM), "--edges", "none"]


@pytest.fixture
def nobody():
    """And one that finds a dog, not surely."""
    return ["--instances", boxes_at_home("nobody", [(CORNER, 0.3, 2, 1.0)]), "--edges", "none"]


def alpha_of(path):
    return np.asarray(Image.open(path))[..., 3]


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_record_has_the_road_and_why(cut, photos, team, capsys):
    photos("a.jpg")
    assert cut("a.jpg", "--subject", "people", "--json", *team) == 0
    out, said = capsys.readouterr()
    (record,) = records(out)
    assert (record["road"], record["why"]) == ("chosen", "2 people chosen by people")
    assert record["confidence"] == 0.95
    assert "; chosen: 2 people chosen by people)" in said
    alpha = alpha_of("a.png")
    assert alpha[24, 10] == alpha[24, 54] == 255
    assert alpha[24, 32] == 0  # the gap, red as it is


@pytest.mark.parametrize(
    ("subject", "left", "right"), [("1", 255, 0), ("right", 0, 255), ("2,1", 255, 255)]
)
def test_choices(cut, photos, team, subject, left, right):
    photos("a.jpg")
    assert cut("a.jpg", "--subject", subject, *team) == 0
    alpha = alpha_of("a.png")
    assert (alpha[24, 10], alpha[24, 54]) == (left, right)


def test_auto_looks_at_both_where_both_are_named(cut, photos, team, capsys):
    photos("a.jpg")
    assert cut("a.jpg", "--json", *team) == 0
    (record,) = records(capsys.readouterr().out)
    assert record["road"] != "chosen"
    assert record["why"].startswith("2 people")
    assert cut("a.jpg", "--json", "--subject", "salient", "--overwrite", *team) == 0
    (record,) = records(capsys.readouterr().out)
    assert (record["road"], record["why"]) == ("salient", None)
    assert cut("a.jpg", "--json", "--overwrite") == 0  # --model alone: it is believed
    (record,) = records(capsys.readouterr().out)
    assert (record["road"], record["why"]) == ("salient", None)


def test_nothing_of_that_kind_writes_no_file(cut, photos, nobody, capsys):
    photos("a.jpg")
    assert cut("a.jpg", "--subject", "people", "--json", *nobody) == 3
    out, said = capsys.readouterr()
    (record,) = records(out)
    assert (record["outcome"], record["output"]) == ("nothing found", None)
    assert (record["road"], record["why"]) == ("chosen", "nothing was found in the photo")
    assert "nothing found in `a.jpg`" in said
    assert "nothing was found in the photo" in said
    assert not Path("a.png").exists()
    assert cut("a.jpg", "--subject", "people", "--allow-empty", *nobody) == 0
    assert not alpha_of("a.png").any()


def test_the_summary_of_a_folder_names_the_roads(cut, photos, nobody, monkeypatch, capsys):
    from nukki.pipelines import remove as removal
    from nukki.pipelines.subjects import Subject

    photos("p/a.jpg", "p/b.jpg", "p/c.jpg")
    assert cut("p", "-o", "one", *nobody) == 0
    said = capsys.readouterr().err
    assert "3 done in " in said  # all of one road: nothing to tell
    roads = iter(["both", "people", "both"])

    def by_auto(salient, small, finder):
        return Subject(salient.map, True, 1.0, next(roads), "made up")

    monkeypatch.setattr(removal, "by_auto", by_auto)
    assert cut("p", "-o", "out", "--jobs", 1, "--report", "r.jsonl", *nobody) == 0
    assert "3 done (2 both, 1 people) in " in capsys.readouterr().err
    report = records(Path("r.jsonl").read_text(encoding="utf-8"))
    assert sorted(one["road"] for one in report) == ["both", "both", "people"]
    assert {one["why"] for one in report} == {"made up"}


@pytest.mark.parametrize(
    ("subject", "said", "column"),
    [
        ("people,", "`subject`: nothing stands here", 7),
        ("2-", "`subject`: ", None),
        ("score>", "`subject`: ", None),
    ],
)
def test_a_choice_that_does_not_parse(cut, photos, capsys, subject, said, column):
    photos("a.jpg")
    assert cut("a.jpg", "--subject", subject) == 2
    told = capsys.readouterr().err
    assert said in told
    lines = told.splitlines()
    place = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[place - 1] == f"  {subject}"
    assert column is None or lines[place].index("^") == column + 2
    assert not Path("a.png").exists()


def test_labels_and_numbers_that_are_not_there(cut, photos, team, capsys):
    photos("a.jpg")
    for subject, code, said in [
        ("unicorn", 2, "`subject`: there is no label 'unicorn'"),  # known before the photo is
        ("3", 1, "`subject`: there is no number 3, there are 2 things"),
        ("at:64,5", 1, "`subject`: the point lies outside the photo"),
    ]:
        assert cut("a.jpg", "--subject", subject, *team) == code
        told = capsys.readouterr().err
        assert said in told
        assert "^" in told
        assert not Path("a.png").exists()


@pytest.mark.parametrize(
    ("instances", "code", "said"),
    [
        ("subject", 2, "must be a network for instances, got one for saliency"),
        ("maskrcnn", 2, "maskrcnn-r50"),
        ("yolox:none.onnx", 2, "none.onnx"),
        ("none.onnx", 2, "none.onnx"),
    ],
)
def test_networks_that_find_nothing(cut, photos, capsys, instances, code, said):
    photos("a.jpg")
    assert cut("a.jpg", "--subject", "people", "--instances", instances) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not Path("a.png").exists()


def test_a_file_of_yoloxs_finds_people(cut, photos, capsys, tmp_path):
    """Its layout without a card, and our own masks in its boxes."""
    # A cell of stride 32, in the middle of the tensor of 416: 13 rows of 13 behind 3380 others.
    row = np.zeros(85, np.float32)
    row[:4] = 0.5, -1.5, np.log(210 / 32), np.log(160 / 32)
    row[4] = row[5] = 0.95
    place = 52 * 52 + 26 * 26 + 6 * 13 + 6
    yolox_detector(tmp_path / "tiny.onnx", {place: row}, sides=(416, 416), classes=80)
    photos("a.jpg")
    words = ["--subject", "people", "--instances", f"yolox:{tmp_path / 'tiny.onnx'}"]
    code = cut("a.jpg", *words, "--json", "--threads", "1")
    (record,) = records(capsys.readouterr().out)
    assert record["road"] == "chosen"
    assert code == 0, record
    assert record["why"] == "1 person chosen by people"
    alpha = alpha_of("a.png")
    assert alpha[24, 32] == 255
    assert alpha[3, 3] == 0
    assert cut("a.jpg", "-o", "again.png", *words, "--threads", "2") == 0
    assert Path("again.png").read_bytes() == Path("a.png").read_bytes()
