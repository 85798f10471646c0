"""`nukki data prepare`: a table, JSON, exit codes, and what goes to standard error."""

from __future__ import annotations

import json

import pytest

from detecting_networks import FREE_CARD, free_detector
from nukki.cli import data
from nukki.cli.report import DONE, FAILED, INTERRUPTED, USAGE
from nukki.train.sets import THINGS
from training_sets import duts, pairs, tree, write_folder


@pytest.fixture
def run(nukki, capsys):
    """Runs `nukki data prepare subject …`: (exit code, standard output, standard error)."""

    def call(*words):
        code = nukki("data", "prepare", "subject", *words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def words(place):
    """Words that prepare a small DUTS in the current folder."""
    write_folder(place / "duts", duts())
    (place / "names.txt").write_text("b\n", encoding="utf-8")
    return ["--duts", "duts", "--validate", "names.txt", "--to", "made"]


def test_the_sets_are_those_that_can_be_prepared():
    assert list(data.SETS) == list(THINGS)
    assert set(data._FROM_GIT) == {name for name, photos in THINGS.items() if photos.commit}


def test_a_table_of_what_was_made(run, words, place):
    code, out, err = run(*words)
    assert (code, err) == (DONE, "")
    lines = out.splitlines()
    assert lines[0].split() == ["set", "train", "validate", "held", "left", "out", "bad"]
    assert lines[1].split() == ["duts", "3", "1", "0", "1", "0"]
    assert lines[2].startswith("8 files, ")
    assert json.loads((place / "made/prepared.json").read_text())["names_and_sizes"] in lines[3]


def test_json_is_the_record(run, words, place):
    code, out, _ = run(*words, "--json")
    assert code == DONE
    assert json.loads(out) == json.loads((place / "made/prepared.json").read_text())


def test_a_bad_picture_ends_it_or_is_told(run, words, place):
    (place / "duts/DUTS-TR-Image/c.jpg").write_bytes(b"broken")
    code, out, err = run(*words)
    assert (code, out) == (USAGE, "")
    assert err.startswith("error: duts: `duts/DUTS-TR-Image/c.jpg` is")
    assert "hint: mend or remove it, or give --skip-bad" in err
    assert not (place / "made").exists()
    code, out, err = run(*words, "--skip-bad")
    assert code == DONE
    assert out.splitlines()[1].split() == ["duts", "2", "1", "0", "1", "1"]
    assert err.startswith("passed over: duts: `duts/DUTS-TR-Image/c.jpg` is")
    assert "1 pictures passed over; made/prepared.json names them" in err
    code, _, err = run(*words, "--skip-bad", "--overwrite", "--quiet")
    assert (code, err) == (DONE, "")


def test_own_pictures(run, place):
    write_folder(place / "photos", pairs(["a", "b", "c"]))
    code, out, _ = run("--own", "mine=photos", "--to", "made")
    assert code == DONE
    assert out.splitlines()[1].split() == ["mine", "2", "0", "1", "0", "0"]


@pytest.mark.parametrize("given", [["mine"], ["=photos"], ["mine="], ["mine=a", "mine=b"]])
def test_own_pictures_need_a_name_each(run, given):
    code, _, err = run("--to", "made", *[word for one in given for word in ("--own", one)])
    assert code == USAGE
    assert "must be NAME=FOLDER, each name once" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "made"], "no set was named"),
        (["--to", "made", "--people", "nowhere"], "`nowhere` does not exist"),
        (["--people", "nowhere"], "--to"),
        (["--to", "made", "--duts", "nowhere"], "to validate on was given"),
        (["--to", "made", "--peeple", "x"], "unknown option `--peeple`"),
    ],
)
def test_wrong_usage(run, place, words, said):
    code, out, err = run(*words)
    assert (code, out) == (USAGE, "")
    assert said in err
    assert list(place.iterdir()) == []


def test_a_folder_that_is_there(run, words, place):
    assert run(*words)[0] == DONE
    before = tree(place)
    code, _, err = run(*words)
    assert code == USAGE
    assert "give --overwrite" in err
    assert tree(place) == before


def test_a_folder_that_cannot_be_written(run, words, place):
    (place / "file").write_bytes(b"")
    code, _, err = run(*words[:-1], "file/made")
    assert code == FAILED
    assert err.startswith("error: ")


def test_an_interruption(run, words, place, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data._Watch, "__call__", stop)
    code, _, err = run(*words)
    assert (code, err) == (INTERRUPTED, "interrupted\n")
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


# --- label

CARD = FREE_CARD.replace('["person", "dog", ""]', '"coco-80"')


@pytest.fixture
def teachers(place):
    """Two detectors of 80 classes that find a person on the left, and prepared photos."""
    for name in ("one", "two"):
        things = [((0.0, 0.0, 0.5, 1.0), 0.9, 0)]
        free_detector(place / f"{name}.onnx", things, classes=80)
    (place / "one.toml").write_text(CARD, encoding="utf-8")
    (place / "other.toml").write_text(CARD, encoding="utf-8")
    return ["--teacher", "one.onnx@64,32m", "--teacher", "two.onnx:other.toml"]


@pytest.fixture
def label(nukki, capsys, place, teachers):
    """Runs `nukki data label made …`."""
    write_folder(place / "photos", pairs(["a", "b", "c"]))
    assert nukki("data", "prepare", "things", "--own", "mine=photos", "--to", "made") == DONE
    capsys.readouterr()

    def call(*words, by=None):
        code = nukki("data", "label", "made", *words, *(by or teachers))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_teachers_label_a_set(label, place):
    code, out, err = label("--from", "mine")
    assert (code, err) == (DONE, "")
    assert out.splitlines()[2].split() == ["labelled", "2", "0", "0", "0", "0"]
    content = json.loads((place / "made/train/labelled/instances.json").read_text())
    assert [row["file_name"] for row in content["images"]] == ["mine-b.jpg", "mine-c.jpg"]
    first = content["annotations"][0]
    assert (first["category_id"], first["bbox"]) == (1, [0, 0, 8, 12])
    record = json.loads((place / "made/prepared.json").read_text())
    seen = [(look["size"], look["mirrored"]) for look in record["sets"]["labelled"]["looks"]]
    assert seen == [(64, False), (32, True), (None, False)]


def test_a_mirrored_look_alone_disagrees(label, place):
    """The fake sees a person on the left of the mirror picture as well: on the right, then."""
    code, _, _ = label("--from", "mine=1", by=["--teacher", "one.onnx@64,64m"])
    assert code == DONE
    content = json.loads((place / "made/train/labelled/instances.json").read_text())
    assert len(content["images"]) == 1
    assert [row["iscrowd"] for row in content["annotations"]] == [1, 1]


@pytest.mark.parametrize(
    ("words", "by", "said"),
    [
        (["--from", "mine=some"], None, "SET or SET=N"),
        (["--from", "mine", "--from", "mine"], None, "each set once"),
        (["--from", "theirs"], None, "no set `theirs`"),
        (["--from", "mine"], ["--teacher", "one.onnx@big"], "FILE.onnx"),
        (["--from", "mine"], ["--teacher", "one.onnx@64"], "1 looks"),
        (["--from", "mine"], ["--teacher", "two.onnx@64"], "needs a card"),
        (["--from", "mine"], ["--teacher", "none.onnx@64"], "no such file"),
        ([], None, "--from"),
    ],
)
def test_wrong_usage_of_label(label, place, words, by, said):
    before = tree(place)
    code, out, err = label(*words, by=by)
    assert code != DONE
    assert out == ""
    assert said in err
    assert tree(place) == before


def test_data_alone_shows_what_there_is(nukki, capsys):
    assert nukki("data") == USAGE
    assert "prepare" in capsys.readouterr().err
