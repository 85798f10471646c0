"""Judging what finds the thing that is shown: pickers that know the answer, or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from nukki.errors import InputError, ModelOutputError
from nukki.evaluate import pick as judging
from nukki.evaluate.known import open_photos
from nukki.evaluate.pick import evaluate
from nukki.evaluate.pick_report import as_csv, as_json, table
from nukki.ops.runs import to_runs, to_text
from nukki.ops.segments import segment_of
from nukki.types import Box

# In photos of 64 × 64, each thing of its own grey; classes as COCO numbers them.
LARGE, SMALL, NARROW = (4, 4, 36, 44), (40, 8, 60, 28), (44, 40, 59, 60)
PERSON_NUMBER, DOG_NUMBER, NOBODYS_NUMBER = 1, 18, 500


def outline(left, top, right, bottom):
    """A rectangle as COCO tells it."""
    return [[left, top, right, top, right, bottom, left, bottom]]


def a_set(folder, photos):
    """A set; `photos` gives for each stem its things, (box, category, further keys)."""
    (folder / "images").mkdir(parents=True)
    images, rows = [], []
    for number, (stem, things) in enumerate(photos.items(), 1):
        pixels = np.zeros((64, 64, 3), np.uint8)
        for place, ((left, top, right, bottom), *_) in enumerate(things, 1):
            pixels[top:bottom, left:right] = 25 * place
        Image.fromarray(pixels).save(folder / "images" / f"{stem}.png")
        images.append({"id": number, "file_name": f"{stem}.png", "width": 64, "height": 64})
        for box, category, more in things:
            left, top, right, bottom = box
            row = {"image_id": number, "category_id": category, "segmentation": outline(*box)}
            row["bbox"] = [left, top, right - left, bottom - top]
            rows.append({"id": len(rows) + 1, **row, **more})
    content = {"images": images, "annotations": rows}
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def masked_set(folder, *stems):
    """A set of photos with a mask each: the large thing."""
    left, top, right, bottom = LARGE
    for place, name in (("images", "{}.png"), ("masks", "{}.png")):
        (folder / place).mkdir(parents=True)
        pixels = np.zeros((64, 64), np.uint8)
        pixels[top:bottom, left:right] = 255 if place == "masks" else 25
        for stem in stems:
            Image.fromarray(pixels).save(folder / place / name.format(stem))
    return folder


@dataclass
class Fake:
    """A picker that tells things by their grey.

    Attributes:
        blind: It finds nothing.
        slow: With clicks alone it finds the left half until there are so many.
        score: What it says of every answer.
    """

    blind: bool = False
    slow: int = 1
    score: float = 0.75
    embedded: int = 0

    def embed(self, image):
        self.embedded += 1
        return FakePhoto(self, image[:, :, 0])


class FakePhoto:
    """A photo that was looked at; it remembers nothing."""

    def __init__(self, picker, greys):
        self.picker, self.greys = picker, greys

    def ask(self, points=(), box=None):
        if self.picker.blind:
            return None
        if box is None:
            assert points[0].keep
            x, y = int(points[0].x), int(points[0].y)
        else:
            x, y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
        there = self.greys == self.greys[y, x]
        if box is None and len(points) < self.picker.slow:
            columns = np.flatnonzero(there.any(axis=0))
            there[:, columns[len(columns) // 2] :] = False
        size = there.shape
        whole = Box(0, 0, size[1], size[0])
        return segment_of(there, whole, size, label="", score=self.picker.score)


@pytest.fixture
def judge(monkeypatch):
    """Judges a fake on a set."""

    def run(folder, picker=None, **options):
        monkeypatch.setattr(judging, "load_picker", lambda *_, **__: picker or Fake())
        return evaluate(folder, **options)

    return run


@pytest.fixture
def folder(tmp_path):
    """Two photos: two things in the first, of which the smaller is told first, one in the other."""
    return a_set(
        tmp_path / "set",
        {
            "a": [(SMALL, DOG_NUMBER, {}), (LARGE, PERSON_NUMBER, {})],
            "b": [(LARGE, NOBODYS_NUMBER, {})],
        },
    )


# --- figures


def test_a_picker_that_knows_needs_one_click(judge, folder):
    picker = Fake()
    score = judge(folder, picker, clicks=3)
    of = score.figures
    assert (of.things, of.box_iou, of.click_ious, of.clicks_until_good) == (3, 1, (1, 1, 1), 1)
    assert of.score_error == 0.25
    assert of.further_ms is None  # nothing was wrong after the first click
    assert of.first_ms > 0
    assert picker.embedded == 1 + 2  # to warm up, and once a photo
    first, second = score.rows[0].things
    assert (first.label, first.box, first.area) == ("person", Box(*LARGE), 32 * 40)
    assert (second.label, second.area) == ("dog", 20 * 20)
    assert score.rows[1].things[0].label == ""


def test_a_picker_that_finds_nothing(judge, folder):
    of = judge(folder, Fake(blind=True), clicks=4).figures
    assert (of.box_iou, of.click_ious, of.clicks_until_good) == (0, (0,) * 4, 4)
    assert of.score_error is None
    assert of.further_ms is not None


def test_a_picker_that_needs_a_second_click(judge, folder):
    score = judge(folder, Fake(slow=2), clicks=3)
    assert score.figures.click_ious == (0.5, 1, 1)
    assert score.figures.clicks_until_good == 2
    assert [len(thing.ious) for thing in score.rows[0].things] == [2, 2]
    assert all(len(thing.ms) == 2 for row in score.rows for thing in row.things)
    short = judge(folder, Fake(slow=2), clicks=1).figures
    assert (short.click_ious, short.clicks_until_good, short.further_ms) == ((0.5,), 1, None)


def test_the_error_of_a_score_is_told_without_its_sign(judge, tmp_path):
    """The score is below the IoU of one thing and above that of the other."""
    half = {"segmentation": outline(LARGE[0], LARGE[1], LARGE[2], 24)}
    folder = a_set(
        tmp_path / "set",
        {"a": [(LARGE, PERSON_NUMBER, half)], "b": [(LARGE, PERSON_NUMBER, {})]},
    )
    of = judge(folder, Fake(score=0.75)).figures
    assert of.box_iou == pytest.approx(0.75)
    assert of.score_error == pytest.approx(0.25)


# --- what is judged


def test_things_that_are_not_judged(judge, tmp_path):
    runs = np.zeros((64, 64), np.bool_)
    runs[8:28, 40:60] = True
    empty = {"counts": [64 * 64], "size": [64, 64]}
    folder = a_set(
        tmp_path / "set",
        {
            "a": [
                (LARGE, PERSON_NUMBER, {"iscrowd": 1}),
                (LARGE, PERSON_NUMBER, {"segmentation": []}),
                (LARGE, PERSON_NUMBER, {"segmentation": empty}),
                (NARROW, PERSON_NUMBER, {}),
                (SMALL, DOG_NUMBER, {"segmentation": {"counts": to_runs(runs), "size": [64, 64]}}),
            ],
            "b": [
                (SMALL, DOG_NUMBER,
                 {"segmentation": {"counts": to_text(to_runs(runs)), "size": [64, 64]}}),
            ],
            "c": [],
        },
    )  # fmt: skip
    score = judge(folder)
    assert [[thing.label for thing in row.things] for row in score.rows] == [["dog"], ["dog"], []]
    assert score.rows[2].first_ms is None
    assert score.figures.box_iou == 1


def test_the_six_largest_of_a_photo(tmp_path):
    boxes = [(0, 0, 16 + place, 16) for place in range(9)]
    folder = a_set(tmp_path / "set", {"a": [(box, PERSON_NUMBER, {}) for box in boxes]})
    _, things = open_photos(folder).photos[0].load()
    assert [thing.box.width for thing in things] == [24, 23, 22, 21, 20, 19]


def test_boxes_are_rounded_outwards_and_stay_in_the_photo(tmp_path):
    folder = a_set(tmp_path / "set", {"a": [(LARGE, PERSON_NUMBER, {"bbox": [-1, 3.2, 36.5, 61]})]})
    _, (thing,) = open_photos(folder).photos[0].load()
    assert thing.box == Box(0, 3, 36, 64)


def test_a_set_of_masks(judge, tmp_path):
    score = judge(masked_set(tmp_path / "set", "a", "b"))
    assert (score.figures.things, score.figures.box_iou) == (2, 1)
    assert (score.rows[0].things[0].box, score.rows[0].things[0].label) == (Box(*LARGE), "")


def test_names_and_limit(judge, folder, tmp_path):
    assert [row.stem for row in judge(folder, names={"b"}).rows] == ["b"]
    assert [row.stem for row in judge(folder, limit=1).rows] == ["a"]
    masks = masked_set(tmp_path / "masks", "a", "b", "c")
    assert [row.stem for row in judge(masks, names={"b", "c"}, limit=1).rows] == ["b"]
    with pytest.raises(InputError, match="none of the names"):
        judge(folder, names={"c"})


# --- what cannot be judged


def test_photos_that_cannot_be_judged(judge, folder):
    (folder / "images" / "b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"b\.png") as caught:
        judge(folder)
    assert "--skip-bad" in caught.value.hint
    calls = []
    score = judge(folder, skip_bad=True, done=lambda: calls.append(1))
    assert [row.stem for row in score.rows] == ["a"]
    assert score.skipped[0][0] == "b"
    assert len(calls) == 2
    Image.new("RGB", (64, 60)).save(folder / "images" / "a.png")
    with pytest.raises(InputError, match=r"a\.png. must be 64 × 64, as its annotations say"):
        judge(folder)
    with pytest.raises(InputError, match="no picture that can be judged"):
        judge(folder, skip_bad=True)


def test_a_mask_of_another_size(judge, tmp_path):
    folder = masked_set(tmp_path / "set", "a", "b")
    Image.new("L", (32, 64), 255).save(folder / "masks" / "a.png")
    with pytest.raises(InputError, match=r"a\.png. must be as large as its picture, 64 × 64"):
        judge(folder)
    (folder / "masks" / "b.png").rename(folder / "masks" / "c.png")
    score_of = {"names": ["a", "b"]}
    with pytest.raises(InputError, match="holds no picture `b`") as caught:
        judge(folder, **score_of)
    assert "--skip-bad" in caught.value.hint
    with pytest.raises(InputError, match="no picture that can be judged"):
        judge(folder, skip_bad=True, **score_of)


def test_runs_that_are_no_mask(judge, tmp_path):
    runs = {"segmentation": {"counts": [3, 4], "size": [64, 64]}}
    folder = a_set(
        tmp_path / "set", {"a": [(LARGE, PERSON_NUMBER, runs)], "b": [(LARGE, PERSON_NUMBER, {})]}
    )
    with pytest.raises(InputError, match=r"a\.png`: runs must be lengths of 64 × 64"):
        judge(folder)
    assert [stem for stem, _ in judge(folder, skip_bad=True).skipped] == ["a"]


def test_sets_without_anything_to_judge(judge, tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        judge(tmp_path / "nowhere")
    nothing = a_set(tmp_path / "none", {"a": [], "b": [(NARROW, PERSON_NUMBER, {})]})
    with pytest.raises(InputError, match="no thing that can be judged in 2 pictures") as caught:
        judge(nothing)
    assert "16 pixels" in caught.value.hint
    (nothing / "instances.json").unlink()
    with pytest.raises(InputError, match=r"neither `instances\.json` nor `masks`"):
        judge(nothing)
    dark = masked_set(tmp_path / "dark", "a")
    Image.new("L", (64, 64)).save(dark / "masks" / "a.png")
    with pytest.raises(InputError, match="no thing that can be judged"):
        judge(dark)
    with pytest.raises(InputError, match="`clicks` must be 1 or more, got 0"):
        judge(masked_set(tmp_path / "set", "a"), clicks=0)


def test_a_failure_of_the_network_is_no_bad_picture(judge, folder):
    class Broken(Fake):
        def embed(self, image):
            if self.embedded:
                raise ModelOutputError("the network failed")
            return super().embed(image)

    with pytest.raises(ModelOutputError, match="the network failed"):
        judge(folder, Broken(), skip_bad=True)


# --- reports


def test_the_same_figures_for_people_and_programs(judge, folder):
    scores = [judge(folder, Fake(slow=2), clicks=3)]
    title, header, row = table(scores)
    assert title == str(folder)
    words = ["model", "pictures", "things", "box", "1", "2", "3", "until", ".8", "score", "off"]
    assert header.split() == [*words, "first", "ms", "next", "ms"]
    assert row.split()[:9] == [
        "pick", "2", "3", "1.0000", ".5000", "1.0000", "1.0000", "2.00", ".2500"
    ]  # fmt: skip
    (record,) = json.loads(as_json(scores))
    assert (record["model"], record["clicks"], record["pictures"]) == ("pick", 3, 2)
    assert (record["things"], record["click_ious"]) == (3, [0.5, 1, 1])
    assert (record["clicks_until_good"], record["good"], record["skipped"]) == (2, 0.8, [])
    lines = [line.split(",") for line in as_csv(scores).splitlines()]
    assert lines[0][1:9] == ["model", "stem", "thing", "label", "left", "top", "right", "bottom"]
    assert [line[2:5] for line in lines[1:]] == [
        ["a", "1", "person"], ["a", "2", "dog"], ["b", "1", ""]
    ]  # fmt: skip
    cells = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [cells[0][f"iou_{number}"] for number in (1, 2, 3)] == ["0.5", "1", "1"]
    assert [bool(one["first_ms"]) for one in cells] == [True, False, True]


def test_what_is_not_known_is_told_so(judge, folder):
    scores = [judge(folder, Fake(blind=True), clicks=1)]
    row = list(table(scores))[2]
    assert row.split()[-4:-2] == ["1.00", "-"]
    assert row.split()[-1] == "-"
    (record,) = json.loads(as_json(scores))
    assert (record["score_error"], record["further_ms"]) == (None, None)
    first = as_csv(scores).splitlines()[1].split(",")
    assert first[-1] == ""


def test_sets_one_after_another(judge, folder, tmp_path):
    scores = [judge(folder), judge(masked_set(tmp_path / "masks", "a"))]
    lines = list(table(scores))
    assert (lines[0], lines[3], lines[4]) == (str(folder), "", str(tmp_path / "masks"))
