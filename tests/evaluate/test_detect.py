"""Judging a detector: a tiny one that always finds the same, through the real path."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from detecting_networks import FREE_CARD, free_detector
from nukki.errors import InputError
from nukki.evaluate.detect import evaluate, photos_in
from nukki.evaluate.detect_report import as_csv, as_json, table
from thing_files import annotated_set

# In photos of 64 × 64: a man, less surely another, surely a dog; a doubtful man over all of it.
MAN, OTHER, DOG = (0, 0, 32, 64), (32, 0, 64, 64), (16, 32, 48, 64)
THINGS = [
    ((0.0, 0.0, 0.5, 1.0), 0.9, 0),
    ((0.5, 0.0, 1.0, 1.0), 0.6, 0),
    ((0.25, 0.5, 0.75, 1.0), 0.8, 1),
    ((0.0, 0.0, 1.0, 1.0), 0.15, 0),
]
PERSON_NUMBER, DOG_NUMBER = 1, 18
CARD = FREE_CARD.replace("[classes]\n", "[classes]\nmin_score = 0.5\n")


@pytest.fixture
def network(tmp_path):
    """Keywords that choose the detector."""
    card = tmp_path / "card.toml"
    card.write_text(CARD, encoding="utf-8")
    return {"model": str(free_detector(tmp_path / "net.onnx", THINGS)), "card": str(card)}


@pytest.fixture
def folder(tmp_path):
    """Two photos: one as the detector sees it, and one with a man alone, in another place."""
    return annotated_set(
        tmp_path / "set",
        {
            "a.png": [(*MAN, PERSON_NUMBER), (*OTHER, PERSON_NUMBER), (*DOG, DOG_NUMBER)],
            "b.png": [(*OTHER, PERSON_NUMBER)],
        },
    )


def test_worked_figures(folder, network):
    score = evaluate(folder, size=64, **network)
    people = score.people
    # The surest answers: right, wrong (.9, .9), then right, right (.6, .6), and two doubtful ones.
    # Three people: precision 1 to recall 1/3, then 3/4 to recall 1.
    assert people.things == 3
    assert people.ap50 == pytest.approx((34 * 1 + 67 * 3 / 4) / 101)
    assert people.ap == people.ap75 == people.ap50  # the boxes are exact
    assert people.recall == people.recall50 == 1
    assert people.shown_precision == 3 / 4
    assert people.shown_recall == 1
    # The dog: right in the first photo, wrong in the second.
    assert score.all.things == 4
    assert score.all.ap == pytest.approx((people.ap + 1) / 2)
    assert score.all.shown_precision == 4 / 6
    a, b = score.rows
    assert (a.things, a.found, a.wrong, a.people, a.people_found) == (3, 3, 0, 2, 2)
    assert (b.things, b.found, b.wrong, b.people_wrong) == (1, 1, 2, 1)
    assert score.size == 64
    assert a.ms > 0


def test_which_of_equal_answers_comes_first_is_told_by_the_photos_order(tmp_path, network):
    """Two answers of one score: the right one is in the first photo, so precision begins at 1."""
    folder = annotated_set(
        tmp_path / "set", {"a.png": [(*DOG, DOG_NUMBER)], "b.png": [(*MAN, PERSON_NUMBER)]}
    )
    assert evaluate(folder, size=64, **network).all.ap == pytest.approx((1 + 0.5) / 2)


def test_crowds_are_passed_over(tmp_path, network):
    everywhere = (0, 0, 64, 64, PERSON_NUMBER, {"iscrowd": 1})
    folder = annotated_set(tmp_path / "set", {"a.png": [(*MAN, PERSON_NUMBER), everywhere]})
    score = evaluate(folder, size=64, **network)
    assert (score.people.things, score.people.ap, score.people.shown_precision) == (1, 1, 1)
    assert (score.rows[0].people, score.rows[0].people_wrong) == (1, 0)


def test_a_set_without_people_and_one_without_anything(tmp_path, network):
    dogs = annotated_set(tmp_path / "dogs", {"a.png": [(*DOG, DOG_NUMBER)]})
    score = evaluate(dogs, size=64, **network)
    assert score.people is None
    assert score.all.ap == 1
    assert score.all.shown_precision == 1 / 3  # the people that are not there count
    nothing = evaluate(annotated_set(tmp_path / "none", {"a.png": []}), size=64, **network)
    assert (nothing.people, nothing.all) == (None, None)
    assert nothing.rows[0].wrong == 3
    assert "-" in list(table([nothing]))[2].split()


def test_looking_twice_where_no_size_is_given(folder, network):
    """The second look sees the same parts of the same photo, so nothing changes."""
    once, twice = evaluate(folder, size=64, **network), evaluate(folder, **network)
    assert twice.size is None
    assert twice.people == once.people


def test_names_and_limit(folder, network):
    assert [row.stem for row in evaluate(folder, names={"b"}, **network).rows] == ["b"]
    assert [photo.image.name for photo in photos_in(folder, limit=1)] == ["a.png"]
    with pytest.raises(InputError, match="none of the names"):
        evaluate(folder, names={"c"}, **network)


def test_photos_that_cannot_be_judged(folder, network):
    (folder / "images" / "b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"b\.png") as caught:
        evaluate(folder, **network)
    assert "--skip-bad" in caught.value.hint
    score = evaluate(folder, skip_bad=True, **network)
    assert [row.stem for row in score.rows] == ["a"]
    assert score.skipped[0][0] == "b"
    Image.new("RGB", (64, 60)).save(folder / "images" / "a.png")
    with pytest.raises(InputError, match=r"a\.png. must be 64 × 64, as its annotations say"):
        evaluate(folder, **network)
    with pytest.raises(InputError, match="no picture that can be judged"):
        evaluate(folder, skip_bad=True, **network)


def test_the_same_figures_for_people_and_programs(folder, network):
    scores = [evaluate(folder, size=64, **network)]
    title, header, people, everything = table(scores)
    assert title == str(folder)
    assert header.split()[:6] == ["model", "size", "of", "pictures", "things", "AP"]
    assert people.split()[:5] == ["net.onnx", "64", "people", "2", "3"]
    assert everything.split()[2:5] == ["all", "2", "4"]
    (record,) = json.loads(as_json(scores))
    assert (record["model"], record["size"], record["pictures"]) == ("net.onnx", 64, 2)
    assert f"{record['people']['ap']:.4f}".removeprefix("0") == people.split()[5]
    assert record["skipped"] == []
    lines = as_csv(scores).splitlines()
    assert lines[0].startswith("set,model,size,stem,things,found,wrong,people,people_found")
    assert [line.split(",")[3] for line in lines[1:]] == ["a", "b"]
