"""A set with the boxes of teachers: what is in it, and that work goes on where it was stopped."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from nukki.errors import InputError
from nukki.ops.boxes import Boxes, no_boxes
from nukki.train.label import label_sets
from nukki.train.prepare import Wishes, prepare_data
from nukki.train.prepared import check_prepared
from nukki.train.teachers import Look
from nukki.train.things import find_things, load_things
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of
from training_sets import coded, mask, tree, write_folder

NUMBER = 7  # of photos in each set


class Fake:
    """Reads its answer off the photo: red is a person on the left half, green a dog, blue nothing.

    The left half is 20 of 40 columns; the shade says how sure it is.
    """

    labels = labels_of(ClassSpec("coco-80"))

    def __init__(self, stop=None):
        self.calls = 0
        self.stop = stop

    def find(self, image, *, size=None):
        if self.calls == self.stop:
            raise KeyboardInterrupt
        self.calls += 1
        colour = image[0, 0].astype(int)
        kind = int(colour.argmax())
        if kind == 2:
            return no_boxes()
        box = np.array([[0, 0, 20, 30]], np.float32)
        score = np.array([colour.max() / 255], np.float32)
        return Boxes(box, score, np.array([0 if kind == 0 else 16], np.intp))


def picture(colour):
    return coded(Image.new("RGB", (40, 30), colour), "PNG")


def files(*colours):
    made = {}
    for number, colour in enumerate(colours):
        made[f"images/p{number}.png"] = picture(colour)
        made[f"masks/p{number}.png"] = coded(mask(40, 30), "PNG")
    return made


@pytest.fixture
def data(tmp_path):
    """Prepared data: `mine` has 0 held back, then 3 people, 2 dogs, 3 with nothing."""
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    colours = [red, red, red, red, green, green, blue, blue]
    wish = Wishes(
        own={
            "mine": write_folder(tmp_path / "mine", files(*colours)),
            "other": write_folder(tmp_path / "other", files(blue, (70, 0, 0))),
        }
    )
    prepare_data(wish, tmp_path / "data")
    return tmp_path / "data"


def looks(*finders):
    return [Look(finder, f"fake{n}", size=32 + n) for n, finder in enumerate(finders)]


def told(folder):
    return json.loads((folder / "instances.json").read_text("utf-8"))


def test_photos_and_what_is_in_them(data):
    before = tree(data)
    record = label_sets(data, {"mine": None, "other": None}, looks(Fake(), Fake()))
    photos = find_things(data / "train/labelled")
    assert [photo.image.name for photo in photos] == [
        *(f"mine-p{n}.jpg" for n in range(1, 8)),
        "other-p1.jpg",
    ]
    labels = [[(thing.label, thing.crowd) for thing in load_things(photo)[1]] for photo in photos]
    person, dog = [(0, False)], [(16, False)]
    assert labels == [person, person, person, dog, dog, [], [], [(0, True)]]
    _, (thing,) = load_things(photos[0])
    assert thing.box == (0, 0, 20, 30)
    assert thing.mask is None
    assert thing.score > 0.9
    after = tree(data)
    assert {path: after[path] for path in before if path != "prepared.json"} == {
        path: content for path, content in before.items() if path != "prepared.json"
    }
    assert after["train/labelled/images/mine-p1.jpg"] == before["train/mine/images/p1.jpg"]
    assert check_prepared(data) == record
    told_of = record["sets"]["labelled"]
    assert told_of["pictures"] == {"train": 8, "validate": 0, "held": 0}
    assert [look["teacher"] for look in told_of["looks"]] == ["fake0", "fake1"]
    assert [path.name for path in data.parent.iterdir() if path.name.startswith(".")] == []


def test_annotations_are_those_that_pycocotools_reads(data, capsys):
    from pycocotools.coco import COCO

    label_sets(data, {"mine": None}, looks(Fake(), Fake()))
    read = COCO(str(data / "train/labelled/instances.json"))
    assert len(read.getImgIds()) == 7
    assert len(read.getAnnIds(catIds=read.getCatIds(catNms=["dog"]))) == 2
    assert len(set(read.getAnnIds())) == 5


def test_some_photos_of_a_set_have_people_first(data):
    record = label_sets(data, {"mine": 4}, looks(Fake(), Fake()))
    things = [load_things(photo)[1] for photo in find_things(data / "train/labelled")]
    assert Counter(one.label for things_ in things for one in things_) == {0: 3, 16: 1}
    assert record["sets"]["labelled"]["sets"] == {"mine": 4}


def test_a_known_thing_has_the_box_of_its_mask(tmp_path):
    masks = {"masks/p1.png": coded(Image.fromarray(_blob()), "PNG")}
    red = [(255, 0, 0)] * 2
    sources = {"people": write_folder(tmp_path / "people", {**files(*red), **masks})}
    prepare_data(Wishes(task="things", sources=sources), tmp_path / "data")
    label_sets(tmp_path / "data", {"people": None}, looks(Fake(), Fake()))
    (photo,) = find_things(tmp_path / "data/train/labelled")
    _, (thing,) = load_things(photo)
    assert thing.box == (2, 1, 22, 28)
    assert thing.score == 1


def _blob():
    alpha = np.zeros((30, 40), np.uint8)
    alpha[1:28, 2:22] = 255
    return alpha


def test_stopped_work_goes_on_where_it_was(data):
    sets = {"mine": 4, "other": None}
    with pytest.raises(KeyboardInterrupt):
        label_sets(data, sets, looks(Fake(), Fake(stop=3)))
    assert check_prepared(data), "the data are as they were"
    first, second = Fake(), Fake()
    label_sets(data, sets, looks(first, second))
    assert first.calls + second.calls < 7 + 2 * 5
    again = Fake(), Fake()
    other = data.parent / "again"
    prepare_data(Wishes(own={name: data.parent / name for name in ("mine", "other")}), other)
    label_sets(other, sets, looks(*again))
    assert tree(data) == tree(other)


@pytest.mark.parametrize("spoil", ["torn", "broken", "other questions"])
def test_a_journal_that_does_not_fit_is_begun_anew_or_as_far_as_it_goes(data, spoil):
    with pytest.raises(KeyboardInterrupt):
        label_sets(data, {"mine": None}, looks(Fake(), Fake(stop=3)))
    (journal,) = data.parent.glob(".data.labelled.part/answers.jsonl")
    text = journal.read_text("utf-8")
    assert text.count("\n") == 4
    if spoil == "torn":
        journal.write_text(text[:-5], "utf-8")
    elif spoil == "broken":
        journal.write_text(text.replace('"bbox"', "bbox"), "utf-8")
    else:
        journal.write_text("{}\n" + text.split("\n", 1)[1], "utf-8")
    first = Fake()
    label_sets(data, {"mine": None}, looks(first, Fake()))
    assert first.calls == (5 if spoil == "torn" else 7)
    assert len(find_things(data / "train/labelled")) == 7


def test_a_photo_that_cannot_be_read(data):
    path = data / "train/other/images/p1.jpg"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(InputError, match=r"p1\.jpg"):
        label_sets(data, {"other": None, "mine": None}, looks(Fake(), Fake()))
    record = label_sets(data, {"other": None, "mine": None}, looks(Fake(), Fake()), skip_bad=True)
    assert [one["name"] for one in record["sets"]["labelled"]["bad"]] == ["other-p1.jpg"]
    assert len(find_things(data / "train/labelled")) == 7


def test_two_at_once_do_not_mix_their_answers(data):
    work = data.parent / ".data.labelled.part"
    work.mkdir()
    with FileLock(work / ".lock"), pytest.raises(InputError, match="another process"):
        label_sets(data, {"mine": None}, looks(Fake(), Fake()))
    label_sets(data, {"mine": None}, looks(Fake(), Fake()))
    assert not work.exists()


class Strange(Fake):
    labels = ("cat",)


@pytest.mark.parametrize(
    ("sets", "teachers", "name", "said"),
    [
        ({"mine": None}, [Fake()], "labelled", "2 looks"),
        ({}, [Fake(), Fake()], "labelled", "0 sets"),
        ({"theirs": None}, [Fake(), Fake()], "labelled", "no set `theirs`"),
        ({"mine": 0}, [Fake(), Fake()], "labelled", "at least one photo"),
        ({"mine": None}, [Fake(), Strange()], "labelled", "80 labels"),
        ({"mine": None}, [Fake(), Fake()], "other", "`other` cannot name"),
        ({"mine": None}, [Fake(), Fake()], "../x", "cannot name"),
    ],
)
def test_what_cannot_be_asked(data, sets, teachers, name, said):
    before = tree(data.parent)
    with pytest.raises(InputError, match=said):
        label_sets(data, sets, looks(*teachers), name=name)
    assert tree(data.parent) == before


def test_data_that_somebody_changed(data):
    (data / "train/mine/images/p1.jpg").unlink()
    with pytest.raises(InputError, match="removed"):
        label_sets(data, {"mine": None}, looks(Fake(), Fake()))
