"""Prepared data for networks that tell things apart: COCO goes along whole."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from nukki.errors import InputError
from nukki.train.prepare import Wishes, prepare_data
from nukki.train.prepared import check_prepared
from nukki.train.things import find_things, load_things
from training_sets import coco, coded, pairs, photo, square, tree, write_folder


def thing(image, number, **rest):
    return {
        "id": number,
        "image_id": image,
        "category_id": 18,
        "bbox": [2, 3, 5, 5],
        "area": 25,
        "iscrowd": 0,
        "segmentation": [square(2, 3, 7, 8)],
        **rest,
    }


def annotated(count=18, **rest):
    """Photos 000 to 017, two things in each but the second, which has none."""
    rows = [
        thing(image, 10 * image + more, **rest)
        for image in range(count)
        if image != 1
        for more in (0, 1)
    ]
    return coco(rows)


@pytest.fixture
def made(tmp_path):
    wish = Wishes(
        task="things",
        sources={"coco": write_folder(tmp_path / "coco", annotated())},
        own={"mine": write_folder(tmp_path / "mine", pairs([f"p{n}" for n in range(3)]))},
    )
    return prepare_data(wish, tmp_path / "made"), tmp_path / "made"


def names(folder):
    return sorted(path.stem for path in folder.iterdir())


def told(folder):
    return json.loads((folder / "instances.json").read_text("utf-8"))


def test_every_eighth_is_held_and_every_sixteenth_validated_on(made):
    record, to = made
    assert names(to / "held/coco/images") == ["000", "008", "016"]
    assert names(to / "validate/coco/images") == ["004"]
    assert len(names(to / "train/coco/images")) == 14
    assert record["task"] == "things"
    assert record["sets"]["coco"]["pictures"] == {"train": 14, "validate": 1, "held": 3}
    assert check_prepared(to) == record
    assert not (to / "train/coco/masks").exists()
    assert not (to / "train/mine/instances.json").exists()


def test_annotations_go_where_their_photo_goes(made):
    _, to = made
    seen = []
    for split in ("train", "validate", "held"):
        content = told(to / split / "coco")
        files = {row["file_name"] for row in content["images"]}
        assert files == {path.name for path in (to / split / "coco/images").iterdir()}
        ids = {row["id"] for row in content["images"]}
        assert {row["image_id"] for row in content["annotations"]} <= ids
        assert content["licenses"] == [{"id": 1, "name": "By"}, {"id": 2, "name": "By-NC"}]
        seen += [row["id"] for row in content["annotations"]]
    assert sorted(seen) == sorted(10 * image + more for image in range(18) if image != 1
                                  for more in (0, 1))  # fmt: skip


def test_what_was_made_can_be_loaded(made):
    _, to = made
    photos = find_things(to / "train/coco")
    assert [photo.image.stem for photo in photos] == names(to / "train/coco/images")
    _, things = load_things(photos[1])
    assert [thing.box for thing in things] == [(2, 3, 7, 8)] * 2
    assert load_things(photos[0])[1] == ()  # 001 has no thing, and is there all the same


def test_twice_is_the_same_bytes(tmp_path):
    files = annotated()
    for name in ("one", "two"):
        sources = {"coco": write_folder(tmp_path / f"coco-{name}", files)}
        prepare_data(Wishes(task="things", sources=sources), tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_bad_photo_takes_its_annotations_along_and_moves_no_other(tmp_path):
    files = annotated()
    files["images/005.webp"] = b"broken"
    del files["images/007.webp"]
    sources = {"coco": write_folder(tmp_path / "coco", files)}
    with pytest.raises(InputError, match=r"images/007\.webp"):
        prepare_data(Wishes(task="things", sources=sources), tmp_path / "made")
    record = prepare_data(Wishes(task="things", sources=sources, skip_bad=True), tmp_path / "made")
    assert record["sets"]["coco"]["pictures"] == {"train": 12, "validate": 1, "held": 3}
    assert names(tmp_path / "made/held/coco/images") == ["000", "008", "016"]
    assert [one["name"] for one in record["sets"]["coco"]["bad"]] == ["007", "005"]
    images = {row["id"] for row in told(tmp_path / "made/train/coco")["images"]}
    assert not images & {5, 7}
    assert len(find_things(tmp_path / "made/train/coco")) == 12


@pytest.mark.parametrize("bad", [{"bbox": [1, 2]}, {"category_id": "dog"}, {"image_id": []}])
def test_annotations_of_another_form(tmp_path, bad):
    files = coco([thing(0, 1)])
    content = json.loads(files["instances.json"])
    content["annotations"][0].update(bad)
    files["instances.json"] = json.dumps(content).encode()
    sources = {"coco": write_folder(tmp_path / "coco", files)}
    with pytest.raises(InputError, match="COCO's format"):
        prepare_data(Wishes(task="things", sources=sources), tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_large_photos_without_masks_are_made_smaller(tmp_path):
    files = {f"coco/test2017/{n}.jpg": coded(photo(1000, 500), "JPEG") for n in range(3)}
    files["coco/test2017/3.jpg"] = coded(photo(60, 80), "JPEG")
    sources = {"openimages": write_folder(tmp_path / "open", files)}
    prepare_data(
        Wishes(task="things", sources=sources, commits={"openimages": None}), tmp_path / "made"
    )
    made = tree(tmp_path / "made")
    sizes = {
        path: Image.open(io.BytesIO(data)).size
        for path, data in made.items()
        if path != "prepared.json"
    }
    assert sizes == {
        "train/openimages/images/0.jpg": (800, 400),
        "train/openimages/images/1.jpg": (800, 400),
        "train/openimages/images/2.jpg": (800, 400),
        "train/openimages/images/3.jpg": (60, 80),
    }


def test_a_set_of_another_task_is_refused(tmp_path):
    sources = {"openimages": tmp_path}
    with pytest.raises(InputError, match="no set for subject"):
        prepare_data(Wishes(sources=sources), tmp_path / "made")
