"""COCO's annotations are read as they are written, or refused by name."""

from __future__ import annotations

import json

import pytest

from nukki.errors import InputError
from nukki.io.annotations import read_annotations

LABELS = {1: 0, 18: 16}
ROW = {"id": 7, "image_id": 1, "category_id": 18, "bbox": [2, 3, 5, 4]}


def folder(place, rows, *, names=("b.jpg", "a.jpg"), there=("a.jpg", "b.jpg")):
    (place / "images").mkdir()
    for name in there:
        (place / "images" / name).touch()
    photos = [
        {"id": number, "file_name": name, "width": 20, "height": 10}
        for number, name in enumerate(names, 1)
    ]
    text = rows if isinstance(rows, str) else json.dumps({"images": photos, "annotations": rows})
    (place / "instances.json").write_text(text)
    return place


def test_photos_by_name_with_their_things(tmp_path):
    crowd = {**ROW, "category_id": 1, "iscrowd": 1, "score": 0.5, "bbox": [-1, 8, 30, 9]}
    first, second = read_annotations(folder(tmp_path, [ROW, crowd]), LABELS, hint="mend it")
    assert (first.image.name, first.told, first.size) == ("a.jpg", (), (20, 10))
    dog, people = second.told
    assert (dog.label, dog.box, dog.crowd, dog.score) == (16, (2, 3, 7, 7), False, 1)
    # Cut off at the photo's border.
    assert (people.label, people.box, people.crowd, people.score) == (0, (0, 8, 20, 10), True, 0.5)


def test_outlines_and_runs_are_kept_as_they_are(tmp_path):
    outline = {**ROW, "segmentation": [[1, 1, 5, 1, 5, 5]]}
    runs = {**ROW, "segmentation": {"size": [10, 20], "counts": [3, 2, 195]}}
    short = {**ROW, "segmentation": {"size": [10, 20], "counts": "PS6"}}
    *_, photo = read_annotations(folder(tmp_path, [outline, runs, short]), LABELS, hint="")
    assert [one.outlines for one in photo.told] == [((1, 1, 5, 1, 5, 5),), (), ()]
    assert [one.runs for one in photo.told] == [None, (3, 2, 195), "PS6"]


def test_a_box_without_an_area_is_none(tmp_path):
    *_, photo = read_annotations(folder(tmp_path, [{**ROW, "bbox": [3, 3, 0, 4]}]), LABELS, hint="")
    assert photo.told == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("{", "must hold annotations in COCO's format"),
        ("[]", "must hold annotations in COCO's format"),
        ('{"images": [], "annotations": []}', "names no photo"),
        ([{**ROW, "category_id": 2}], "KeyError"),
        ([{**ROW, "bbox": [1, 2, 3]}], "ValueError"),
        ([{**ROW, "bbox": [1, 2, 3, float("nan")]}], "numbers that are none"),
        ([{**ROW, "segmentation": [[1, 2, 3, 4]]}], "three points"),
        ([{**ROW, "segmentation": {"size": [20, 10], "counts": [200]}}], "another size"),
    ],
)
def test_what_is_of_another_form(tmp_path, rows, said):
    with pytest.raises(InputError, match=said) as caught:
        read_annotations(folder(tmp_path, rows), LABELS, hint="mend it")
    assert caught.value.hint == "mend it"


def test_photos_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"1 of 2 photos .* the first is `b\.jpg`"):
        read_annotations(folder(tmp_path, [], there=("a.jpg",)), LABELS, hint="")


def test_names_that_lead_elsewhere(tmp_path):
    with pytest.raises(InputError, match="no plain name"):
        read_annotations(folder(tmp_path, [], names=("../a.jpg",)), LABELS, hint="")


def test_no_annotations_at_all(tmp_path):
    with pytest.raises(InputError, match=r"instances\.json. cannot be read"):
        read_annotations(tmp_path, LABELS, hint="")
