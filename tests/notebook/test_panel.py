"""What the browser says and is told, without one."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("anywidget")

import nukki
from nukki.notebook import Cutter, hearing
from nukki.notebook.screen import LONGEST, PAINTS, map_of, size_of
from nukki.ops.segments import segment_of
from nukki.types import Box


class Panel:
    """A cutter with what it sends, and a browser's way to speak to it."""

    def __init__(self, monkeypatch, *given, **options):
        self.sent = []
        monkeypatch.setattr(
            Cutter, "send", lambda _, content, buffers=(): self.sent.append((content, buffers))
        )
        self.cutter = Cutter(*given, **options)
        self.id = 0

    def say(self, do, *, buffers=(), **values):
        """Gives what is told afterwards."""
        self.id += 1
        self.sent.clear()
        message = json.loads(json.dumps({"do": do, "id": self.id, **values}))
        self.cutter._hear(self.cutter, message, [memoryview(one) for one in buffers])
        assert json.loads(json.dumps(self.told)) == self.told
        assert self.told["answered"] == self.id
        return self.told

    @property
    def told(self):
        return self.cutter._told

    @property
    def error(self):
        return self.told["error"]

    def shown(self, name):
        """The last picture of that name."""
        found = [buffers for content, buffers in self.sent if content.get("show") == name]
        return found[-1][0] if found and found[-1] else None


@pytest.fixture
def panel(monkeypatch, world, photo):
    how = {"grow": 0, "shape": "mask", "shadow": "never"}
    return Panel(monkeypatch, photo, erase=how, threads=1)


def pixels_of(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def png_of(photo):
    out = io.BytesIO()
    Image.fromarray(photo.pixels).save(out, "PNG")
    return out.getvalue()


def test_a_new_panel_gets_everything(panel, photo):
    told = panel.say("ready")
    assert pixels_of(panel.shown("photo")).shape == photo.pixels.shape
    assert told["size"] == told["screen"] == [128, 96]
    things = [(one["number"], one["label"], one["box"], one["marks"]) for one in told["things"]]
    assert things == [(1, "person", [10, 20, 40, 80], []), (2, "dog", [60, 10, 90, 40], [])]
    where = np.frombuffer(panel.shown("map"), np.uint8).reshape(96, 128)
    assert (where == map_of(panel.cutter.things)).all()
    assert set(np.unique(where)) == {0, 1, 2}
    assert (where[20:80, 10:40] == 1).all()


def test_no_picture_is_kept_in_the_notebook(panel):
    panel.cutter.check(1, "erase")
    panel.cutter.erase()
    panel.cutter.cut_out()
    state = panel.cutter.get_state()
    kept = {name: state[name] for name in state if name not in ("_esm", "_css")}
    assert len(json.dumps(kept, default=repr)) < 5000


def test_boxes_are_checked_and_cleared(panel):
    assert panel.say("check", number=2, mark="erase", on=True)["things"][1]["marks"] == ["erase"]
    assert panel.told["erases"]
    panel.say("check", number=2, mark="keep", on=True)
    assert panel.cutter.checked("erase") == ()
    panel.say("check", number=2, mark="keep", on=False)
    assert (panel.cutter.checked("keep"), panel.told["erases"]) == ((), False)
    panel.say("undo")
    assert (panel.cutter.checked("keep"), panel.told["redo"]) == ((2,), True)
    panel.say("redo")
    assert panel.cutter.checked("keep") == ()


def test_a_click_turns_the_box_of_what_is_there(panel):
    panel.say("click", x=20.4, y=50.2, mark="erase")
    assert panel.cutter.checked("erase") == (1,)
    panel.say("click", x=20, y=50, mark="erase")
    assert panel.cutter.checked("erase") == ()


def test_a_click_picks_and_checks_what_is_not_listed(panel):
    told = panel.say("click", x=110, y=70, mark="cut")
    assert told["things"][2] | {"score": 0} == told["things"][2] | {
        "number": 3, "label": "picked", "marks": ["cut"], "score": 0,
    }  # fmt: skip
    where = np.frombuffer(panel.shown("map"), np.uint8).reshape(96, 128)
    assert where[70, 110] == 3
    assert panel.say("undo")["undo"] is False  # a click is one step
    assert panel.say("redo")["things"][2]["marks"] == ["cut"]
    panel.say("click", x=2, y=90, mark="cut")
    assert "nothing was found" in panel.error["message"]
    assert len(panel.cutter.things) == 3


def test_the_smallest_thing_is_clicked(panel):
    panel.say("click", x=110, y=70, mark="cut")
    panel.cutter.pick((110, 70))
    inner = panel.cutter.things[2].segment
    assert panel.cutter._job.at(nukki.Point(110, 70)).area == inner.area
    assert panel.cutter._job.at(nukki.Point(-0.4, -0.4)) is None
    assert panel.cutter._job.at(nukki.Point(127.4, 95.4)) is None


def test_strokes_are_painted_and_shown(panel):
    panel.say("look", view="cutout")
    points = [[5, 5.5], [20, 5]]
    panel.say("brush", kind="restore", points=points, size=4, snap=False)
    assert pixels_of(panel.shown("cutout"))[5, 10, 3] == 255
    paint = np.frombuffer(panel.shown("paint"), np.uint8).reshape(96, 128)
    assert paint[5, 10] == PAINTS["restore"]
    assert paint[50, 50] == 0
    panel.say("brush", kind="mark", points=[[110, 70]], size=4, snap=True)
    assert panel.told["erases"]
    assert panel.cutter.hole[70, 110]
    panel.say("undo")
    panel.say("undo")
    assert panel.shown("paint") is None


@pytest.mark.parametrize("view", ["photo", "preview", "cutout", "erased"])
def test_every_view_is_what_the_library_gives(panel, view):
    panel.cutter.check(1, "erase")
    told = panel.say("look", view=view)
    assert (told["view"], told["error"]) == (view, None)
    if view == "cutout":
        assert (pixels_of(panel.shown(view)) == panel.cutter.cutout.rgba()).all()
    elif view != "photo":
        source = panel.cutter.erased if view == "erased" else panel.cutter._job.plan().preview()
        error = np.abs(pixels_of(panel.shown(view)).astype(int) - source.pixels)
        assert np.median(error) < 8  # JPEG


def test_what_is_shown_is_what_is_checked(panel):
    """By hand the cut-out and what would go stay in sight; what took long to make does not."""
    panel.say("look", view="cutout")
    told = panel.say("check", number=1, mark="cut", on=True)
    assert told["view"] == "cutout"
    assert (pixels_of(panel.shown("cutout")) == panel.cutter.cutout.rgba()).all()
    before = panel.cutter.cutout
    panel.say("undo")
    assert panel.cutter.cutout is not before
    assert (pixels_of(panel.shown("cutout")) == panel.cutter.cutout.rgba()).all()
    panel.say("check", number=1, mark="erase", on=True)
    panel.say("look", view="preview")
    assert panel.say("check", number=2, mark="erase", on=True)["view"] == "preview"
    assert panel.shown("preview")
    panel.say("check", number=2, mark="erase", on=False)
    told = panel.say("check", number=1, mark="erase", on=False)
    assert (told["view"], told["error"]) == ("photo", None)  # nothing goes any more
    panel.say("check", number=1, mark="erase", on=True)
    panel.say("look", view="erased")
    assert panel.say("check", number=2, mark="erase", on=True)["view"] == "photo"


def test_from_python_the_panel_goes_back_to_the_photo(panel, world):
    panel.cutter.cut_out()
    assert panel.told["view"] == "cutout"
    looked = dict(world.looked)
    panel.cutter.check(1, "cut")
    assert panel.told["view"] == "photo"
    assert world.looked == looked  # nothing is made that nobody asked for


def test_errors_are_told_and_the_view_stays(panel):
    told = panel.say("look", view="erased")
    assert "nothing is to be erased" in told["error"]["message"]
    assert "mark with the brush" in told["error"]["hint"]
    assert told["view"] == "photo"
    assert panel.say("check", number=1, mark="erase", on=True)["error"] is None


def test_a_file_is_the_result(panel):
    panel.say("look", view="cutout")
    panel.say("download")
    ((content, buffers),) = panel.sent
    assert content == {"file": "cutout.png"}
    assert buffers[0] == panel.cutter.cutout.encode("png")


def test_one_goes_on_with_what_was_erased(panel):
    panel.say("check", number=1, mark="erase", on=True)
    panel.say("go-on")
    assert (panel.cutter.photo.pixels[50, 20] == (10, 200, 90)).all()
    assert panel.shown("photo")


# --- photos from the browser


def in_parts(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_photo_arrives_in_parts(monkeypatch, world, photo):
    panel = Panel(monkeypatch)
    assert panel.told["status"] == "Choose a photo."
    assert "size" not in panel.say("ready")
    parts = in_parts(png_of(photo), 1000)
    assert len(parts) > 3
    for number, part in enumerate(parts):
        panel.say("upload", part=number, parts=len(parts), buffers=[part])
        assert (panel.cutter.photo is None) == (number < len(parts) - 1)
    assert (panel.cutter.photo.pixels == photo.pixels).all()
    assert panel.told["status"] == "2 things found."
    assert panel.shown("photo")


def test_a_photo_that_does_not_arrive_whole_is_refused(panel, photo):
    parts = in_parts(png_of(photo), 1000)
    panel.say("upload", part=0, parts=len(parts), buffers=[parts[0]])
    panel.say("upload", part=2, parts=len(parts), buffers=[parts[2]])
    assert "whole" in panel.error["message"]
    panel.say("upload", part=0, parts=2, buffers=[])
    assert "whole" in panel.error["message"]
    panel.say("upload", part=0, parts=len(parts), buffers=[parts[0]])
    for number, part in enumerate(parts):  # and again from the start
        panel.say("upload", part=number, parts=len(parts), buffers=[part])
        assert panel.error is None
    assert (panel.cutter.photo.pixels == photo.pixels).all()


def test_what_is_no_photo_or_too_large_is_refused(panel, monkeypatch, photo):
    panel.say("check", number=1, mark="cut", on=True)
    panel.say("upload", part=0, parts=1, name="list.txt", buffers=[b"no picture"])
    assert "`list.txt`" in panel.error["message"]
    monkeypatch.setattr(hearing, "MOST_BYTES", 100)
    panel.say("upload", part=0, parts=1, buffers=[png_of(photo)])
    assert "MB" in panel.error["message"]
    assert panel.cutter._upload == []
    assert panel.cutter.checked("cut") == (1,)


@pytest.mark.parametrize(
    "message",
    [
        {"do": "check"},
        {"do": "check", "number": "x", "mark": "cut", "on": True},
        {"do": "check", "number": 1, "mark": ["cut"], "on": True},
        {"do": "check", "number": 99, "mark": "cut", "on": True},
        {"do": "click", "x": None, "y": 1, "mark": "cut"},
        {"do": "click", "x": 1e9, "y": 1, "mark": "cut"},
        {"do": "click", "x": 1, "y": 1, "mark": "paint"},
        {"do": "brush", "kind": "restore", "points": [[1]], "size": 3, "snap": False},
        {"do": "brush", "kind": "restore", "points": None, "size": 3, "snap": False},
        {"do": "brush", "kind": "restore", "points": [[1, 1]], "size": "x", "snap": False},
        {"do": "look", "view": "elsewhere"},
        {"do": "upload", "part": 0, "parts": 1},
        {"do": "upload", "part": "a", "parts": 1},
    ],
)
def test_what_is_not_understood_is_told(panel, message):
    panel.say(**message)
    assert panel.error["message"]
    assert not panel.cutter._job.can_undo


@pytest.mark.parametrize("message", [None, 5, "text", {}, {"do": None}, {"do": "_hear"}, []])
def test_what_is_no_message_is_passed_over(panel, message):
    before = dict(panel.told)
    panel.cutter._hear(panel.cutter, message, [])
    assert panel.told == before


# --- the screen


@pytest.mark.parametrize(
    ("size", "screen"),
    [((96, 128), (96, 128)), ((3000, 4000), (750, 1000)), ((5, 9000), (1, 1000))],
)
def test_the_screen_is_small(size, screen):
    assert size_of(size) == screen
    assert max(size_of(size)) <= LONGEST


def test_maps_have_the_size_of_the_pictures(world, photo, monkeypatch):
    """Also where the photo is reduced by no whole factor."""
    monkeypatch.setattr("nukki.notebook.screen.LONGEST", 50)
    panel = Panel(monkeypatch, photo)
    panel.cutter.brush([(20, 50)], "mark", size=6, snap=False)
    told = panel.say("ready")
    width, height = told["screen"]
    assert pixels_of(panel.shown("photo")).shape == (height, width, 3)
    assert len(panel.shown("map")) == len(panel.shown("paint")) == height * width
    where = np.frombuffer(panel.shown("map"), np.uint8).reshape(height, width)
    share = [np.mean(where == one.number) * 96 * 128 / one.area for one in panel.cutter.things]
    assert share == pytest.approx([1, 1], abs=0.1)


def test_the_smallest_thing_lies_on_top(photo):
    whole, things = Box(0, 0, 128, 96), []
    for number, reach in ((1, 5), (2, 30), (3, 15)):
        mask = np.zeros((96, 128), bool)
        mask[48 - reach : 48 + reach, 64 - reach : 64 + reach] = True
        one = segment_of(mask, whole, (96, 128), label="box", score=0.9)
        things.append(nukki.Instance(number, one, photo))
    where = map_of(nukki.Segmentation(photo, tuple(things)))
    assert list(where[48, [64, 75, 90, 100]]) == [1, 3, 2, 0]


def test_more_than_255_things_have_numbers(photo):
    whole, things = Box(0, 0, 128, 96), []
    for number in range(1, 301):
        mask = np.zeros((96, 128), bool)
        mask[number // 60 * 2, number % 60 * 2] = True
        one = segment_of(mask, whole, (96, 128), label="ant", score=0.9)
        things.append(nukki.Instance(number, one, photo))
    where = map_of(nukki.Segmentation(photo, tuple(things)))
    assert where.dtype == np.uint16
    assert list(np.unique(where)) == list(range(301))
