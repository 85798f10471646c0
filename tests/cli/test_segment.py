"""`nukki segment` from words to exit codes, through the real engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from finding_networks import BOXES_CARD, SEMANTIC_CARD, boxes_network, semantic_network

PERSON = ((0.25, 0.25, 0.75, 1.0), 0.98, 1, 1.0)
DOG = ((0.0, 0.0, 0.5, 0.5), 0.7, 2, 1.0)
FAINT = ((0.5, 0.0, 1.0, 0.5), 0.3, 2, 1.0)


@pytest.fixture
def words(tmp_path):
    """Words that choose a network that finds always the same."""

    def make(*things, nan=False):
        boxes_network(tmp_path / "finds.onnx", things, nan=nan)
        (tmp_path / "finds.toml").write_text(BOXES_CARD)
        return ["--instances", tmp_path / "finds.onnx", "--card", tmp_path / "finds.toml"]

    return make


@pytest.fixture
def three(words):
    return words(PERSON, DOG, FAINT)


def test_a_line_a_thing(nukki, photos, three, capsys):
    photos("a.png")  # 64 × 48
    assert nukki("segment", "a.png", *three) == 0
    out, err = capsys.readouterr()
    lines = [line.split("  ") for line in out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["1 person .98", "16,12,48,48"],
        ["2 dog .70", "0,0,32,24"],
    ]
    # All of their boxes, 37.5 and 25 parts in a hundred, but for a corner pixel each.
    assert [line[2] for line in lines] == ["37.5%", "25.0%"]
    assert err == ""


def test_json_says_it_all(nukki, photos, three, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", *three, "--json", "--what", "dog", "--min-score", "0.2") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["input"], answer["width"], answer["height"]) == ("a.png", 64, 48)
    assert (answer["network"], answer["min_score"]) == ("finds", 0.2)
    assert [one["number"] for one in answer["instances"]] == [2, 3]
    assert [one["label"] for one in answer["others"]] == ["person"]
    first = answer["instances"][0]
    assert (first["box"], first["corners"]) == ([0, 0, 32, 24], [0, 0, 32, 24])
    assert first["score"] == pytest.approx(0.7)
    assert 700 < first["area"] <= 768


def test_the_numbered_photo(nukki, photos, three, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", *three, "-o", "n.png") == 0
    before, after = np.asarray(Image.open("a.png")), np.asarray(Image.open("n.png"))
    assert after.shape == before.shape
    assert (after != before).any()
    assert "a.png -> n.png" in capsys.readouterr().err


def test_nothing_of_it_is_exit_code_3(nukki, photos, place, three, capsys):
    photos("a.png")
    card = place / "finds.toml"
    card.write_text(card.read_text().replace('"dog"]', '"dog", "cat"]'))
    assert nukki("segment", "a.png", *three, "--what", "cat", "-o", "n.png") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "`a.png`: nothing is `cat`: there are 1 person .98, 2 dog .70" in err
    assert not (place / "n.png").exists()


def test_nothing_at_all_is_exit_code_3(nukki, photos, words, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", *words(FAINT), "--json") == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["instances"] == []
    assert "`a.png`: nothing found with a score of 0.5 or more" in err
    assert nukki("segment", "a.png", *words(FAINT), "--quiet") == 3
    assert capsys.readouterr() == ("", "")


def test_from_standard_input(nukki, place, three, stdin, jpeg, capsys):
    stdin(jpeg())
    assert nukki("segment", "-", *three) == 0
    assert capsys.readouterr().out.startswith("1 person .98")


def test_classes_of_pixels_are_things_too(nukki, photos, place, capsys):
    semantic_network(place / "classes.onnx")
    (place / "classes.toml").write_text(SEMANTIC_CARD)
    photos("a.png")
    code = nukki("segment", "a.png", "--instances", "classes.onnx", "--card", "classes.toml")
    assert code == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("1 red thing .9")


@pytest.mark.parametrize("kind", ["grey", "alpha", "16 bit"])
def test_other_pictures(nukki, place, three, kind, capsys):
    pixels = {
        "grey": np.full((48, 64), 90, np.uint8),
        "alpha": np.full((48, 64, 4), 90, np.uint8),
        "16 bit": np.full((48, 64), 9000, np.uint16),
    }[kind]
    Image.fromarray(pixels).save("a.png")
    assert nukki("segment", "a.png", *three, "-o", "n.png") == 0
    with Image.open("n.png") as shown:
        assert shown.size == (64, 48)
    assert capsys.readouterr().out.startswith("1 person")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--what", "unicorn"], "`what`: there is no label 'unicorn'\n  unicorn\n  ^"),
        (["--except", "dog,,"], "`except`: nothing stands here\n  dog,,\n      ^"),
        (["--what", ""], "`what` must say what is meant"),
        (["--what", "dog,7"], "no number 7, there are 2 things\n  dog,7\n      ^"),
        (["--what", "at:64,0"], "the point lies outside the photo, which has 64 × 48 pixels"),
        (["--min-score", "1.5"], "`min_score` must be auto or 0 to 1"),
        (["--min-score", "much"], "must be a number"),
        (["-o", "a.png"], "`a.png` is the picture that is read"),
        (["-o", "there.png"], "`there.png` is there already"),
        (["-o", "n.docx"], "docx"),
    ],
)
def test_wrong_words_are_exit_code_2(nukki, photos, three, more, said, capsys):
    photos("a.png", "there.png")
    assert nukki("segment", "a.png", *three, *more) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "hint: " in err
    assert "Traceback" not in err


def test_auto_is_a_score(nukki, photos, three, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", *three, "--min-score", "auto") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_network_for_something_else(nukki, photos, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", "--instances", "u2net") == 2
    assert "got one for saliency" in capsys.readouterr().err


def test_networks_that_are_not_here(nukki, photos, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", "--instances", "maskrcnn-r50", "--offline") == 1
    assert "nukki models get maskrcnn-r50" in capsys.readouterr().err
    assert nukki("segment", "a.png", "--instances", "maskrcnn") == 2
    assert "maskrcnn-r50" in capsys.readouterr().err


def test_nan_is_told_by_name(nukki, photos, words, capsys):
    photos("a.png")
    assert nukki("segment", "a.png", *words(PERSON, nan=True)) == 1
    assert "finds.onnx" in capsys.readouterr().err


def test_a_photo_that_is_none(nukki, place, three, capsys):
    (place / "a.png").write_bytes(b"no picture")
    assert nukki("segment", "a.png", *three) == 2
    assert "a.png" in capsys.readouterr().err
