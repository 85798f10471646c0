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
