"""The record of a training and the card of what it made."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import nukki
from nukki.errors import InputError, OutputError
from nukki.train import record
from nukki.train.data import SubjectStream
from nukki.train.prepare import Wishes, prepare_data
from nukki.train.recipe import SetUse, read_recipe
from nukki.zoo.cards import parse_card
from train_files import make_data, write_recipe

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def recipe(tmp_path):
    return read_recipe(write_recipe(tmp_path))


def measured(**fields):
    row = {"step": 6, "hours": 1.25, "loss": 1.5, "max_f_beta": 0.9, "mae": 0.04, "iou": 0.8}
    known = {"step": 6, "pictures": 14, "hours": 1.25, "skipped": ["`a.png`: broken"]}
    return record.Measured(**{**known, "history": [row], **fields})


def assembled(recipe, found, **fields):
    run = record.Run(0, "cpu", 1, 0, "bfloat16", {"nukki": "0"}, "c0ffee", True)
    known = {
        "recipe": recipe,
        "start": {"file": "", "digest": "", "loaded": 0, "tensors": 188},
        "data": found,
        "runs": [record.asdict(run)],
        "measured": measured(),
    }
    return record.assembled(**{**known, **fields})


def card(recipe, found, **fields):
    of_subject = pytest.importorskip("nukki.train.of_subject")
    from nukki.nets.export import Parity
    from nukki.train.kinds import Exported

    parity = Parity(1e-6, 4e-4, 0, 0, 4000, DIGEST)
    known = {"files": [Exported(Path("tiny.onnx"), parity)], "measured": measured()}
    return record.card_text(recipe, of_subject.KIND, data=found, **{**known, **fields})


# --- the record


def test_the_record_tells_what_was_done(tmp_path, recipe, data):
    found = record.data_record(SubjectStream(recipe, data), 3, data)
    path = tmp_path / "tiny.json"
    record.save(path, assembled(recipe, found))
    told = json.loads(path.read_text("utf-8"))
    assert told["recipe_digest"] == recipe.digest
    assert told["recipe"]["stages"][0]["sizes"] == [32, 64]
    assert told["data"]["pictures"] == {"shapes": 8, "places": 2}
    assert told["data"]["validation"] == 3
    assert told["data"]["prepared"] is None
    assert (told["step"], told["steps"], told["pictures_seen"]) == (6, 6, 14)
    assert told["skipped"] == {"count": 1, "pictures": ["`a.png`: broken"]}
    assert told["validations"][0]["max_f_beta"] == 0.9
    assert told["runs"][0]["commit"] == "c0ffee"


def test_the_record_is_json_whatever_is_in_it(tmp_path, recipe, data):
    found = record.data_record(SubjectStream(recipe, data), 0, data)
    row = {"step": 3, "loss": 1.0, "max_f_beta": math.nan}
    odd = measured(history=[row], skipped=["`\udcff.png`: 누끼"])
    record.save(tmp_path / "r.json", assembled(recipe, found, measured=odd))
    told = json.loads((tmp_path / "r.json").read_bytes())
    assert told["validations"] == [{"step": 3, "loss": 1.0, "max_f_beta": None}]
    assert told["skipped"]["pictures"] == ["`\udcff.png`: 누끼"]


def test_the_runs_of_a_training_are_remembered(tmp_path, recipe, data):
    found = record.data_record(SubjectStream(recipe, data), 0, data)
    path = tmp_path / "r.json"
    record.save(path, assembled(recipe, found))
    start, runs = record.earlier(path)
    assert start["tensors"] == 188
    assert [run["device"] for run in runs] == ["cpu"]
    record.save(path, assembled(recipe, found, start=None))
    assert record.earlier(path)[0] is None


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"format": "other", "version": 1, "start": {}, "runs": []}']
)
def test_what_is_no_record_of_ours_remembers_nothing(tmp_path, text):
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text)
    assert record.earlier(path) == (None, [])


def test_a_record_that_cannot_be_written(tmp_path, recipe, data):
    found = record.data_record(SubjectStream(recipe, data), 0, data)
    with pytest.raises(OutputError):
        record.save(tmp_path / "nowhere" / "r.json", assembled(recipe, found))


# --- what it knows of data and code


def test_prepared_data_are_told_by_their_digests(recipe, data):
    sets = {
        "shapes": {"origin": "drawn", "terms": "free", "source": {"kind": "zip"}, "bad": []},
        "others": {"origin": "elsewhere", "terms": "none", "source": {}},
    }
    text = json.dumps({"contents": "c" * 64, "sets": sets})
    (data / "prepared.json").write_text(text)
    found = record.data_record(SubjectStream(recipe, data), 3, data)
    assert found.prepared == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert found.contents == "c" * 64
    assert found.sets == {"shapes": {"origin": "drawn", "terms": "free", "source": {"kind": "zip"}}}
    assert found.changed  # nobody wrote down what the files were


def test_data_that_were_changed_since(tmp_path, recipe, data):
    made = tmp_path / "made"
    wishes = Wishes(own={"shapes": data / "train" / "shapes"})
    prepare_data(wishes, made)
    only = replace(recipe, sets={"shapes": SetUse()})
    found = record.data_record(SubjectStream(only, made), 0, made)
    assert not found.changed
    assert len(found.contents) == 64
    assert found.sets["shapes"]["source"]
    next((made / "train" / "shapes" / "images").iterdir()).write_bytes(b"other")
    assert record.data_record(SubjectStream(only, made), 0, made).changed


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"contents": "c", "sets": {"shapes": NaN}}', '{"contents": 1}']
)
def test_a_record_of_data_that_is_none(recipe, data, text):
    (data / "prepared.json").write_text(text)
    with pytest.raises(InputError, match=r"prepared\.json` is not the record of prepared data"):
        record.data_record(SubjectStream(recipe, data), 3, data)


def git(folder, *words):
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words],
        check=True,
        capture_output=True,
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_that_of_the_package_s_own_repository(tmp_path, monkeypatch):
    package = tmp_path / "src" / "nukki"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(nukki, "__file__", str(package / "__init__.py"))
    assert record.commit() == (None, False)
    git(tmp_path, "init")
    assert record.commit() == (None, False)  # installed below somebody's repository
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    head, changed = record.commit()
    assert len(head) == 40
    assert not changed
    (package / "__init__.py").write_text("changed = True")
    assert record.commit() == (head, True)


def test_versions_name_what_computes():
    found = record.versions()
    assert found["nukki"] == nukki.__version__
    assert {"python", "numpy", "pillow"} <= set(found)


# --- the card


@pytest.mark.parametrize("brief", [False, True])
def test_the_card_is_one(recipe, data, brief):
    found = record.data_record(SubjectStream(recipe, data), 3, data)
    made = parse_card(card(recipe, found), source="tiny.toml", brief=brief)
    assert (made.name, made.task, made.commercial_use) == ("tiny", "saliency", "unclear")
    assert made.input.size == (64, 64)
    assert made.input.mean == made.input.std == (0.5, 0.5, 0.5)
    assert (made.output.name, made.output.range) == ("alpha", "absolute")
    assert (made.files[0].name, made.files[0].size_bytes) == ("tiny.onnx", 4000)
    assert made.files[0].digest == DIGEST
    assert ("3 validation pictures, max F-beta", "0.9000") in made.our_scores
    assert any(recipe.digest in note for note in made.notes)


def test_the_card_tells_the_terms_of_its_data(recipe, data):
    odd = 'CC BY "4.0"\n\x7f\u0001'
    sets = {"shapes": {"terms": odd}, "places": {"terms": "none stated"}}
    (data / "prepared.json").write_text(json.dumps({"contents": "c", "sets": sets}))
    found = record.data_record(SubjectStream(recipe, data), 3, data)
    made = parse_card(card(recipe, found), source="tiny.toml")
    assert made.data_terms == f"shapes: {odd}; places: none stated"


def test_a_card_without_scores(recipe, data):
    found = record.data_record(SubjectStream(recipe, data), 0, data)
    row = {"step": 6, "hours": 0.1, "loss": 2.0, "max_f_beta": math.nan}
    text = card(recipe, found, measured=measured(history=[row]))
    assert "scores" not in tomllib.loads(text)
