"""The panel's script in a real browser, with a real `Cutter` behind it in place of a kernel.

Needs a Chromium on the path and `pip install playwright`. Where NUKKI_TEST_AXE names axe-core's
`axe.min.js`, it judges the panel as well. How it looks in JupyterLab was tried by hand.
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

pytest.importorskip("anywidget")

from nukki.notebook import Cutter, cutter

pytestmark = pytest.mark.slow

STATIC = Path(cutter.__file__).parent / "static"
PAGE = """<!doctype html><html lang="en"><title>panel</title>
<link rel="stylesheet" href="cutter.css"><main id="here"></main>
<script type="module">
import panel from "./cutter.js";
const listening = {};
const add = (all, one) => all + String.fromCharCode(one);
const text = (buffer) => btoa(new Uint8Array(buffer).reduce(add, ""));
const view = (one) => new DataView(Uint8Array.from(atob(one), (c) => c.charCodeAt(0)).buffer);
window.told = {};
window.said = [];
const model = {
  get: () => window.told,
  on: (name, act) => (listening[name] ??= []).push(act),
  off: () => {},
  send: (content, _, buffers = []) => window.said.push([content, buffers.map(text)]),
};
window.tell = (told) => {
  window.told = told;
  listening["change:_told"].forEach((act) => act());
};
window.show = (content, buffers) => {
  listening["msg:custom"].forEach((act) => act(content, buffers.map(view)));
};
panel.render({ model, el: document.getElementById("here") });
</script></html>"""


class Shown:
    """A panel in a tab; `settle` carries messages both ways until nobody says more."""

    def __init__(self, tab, monkeypatch, photo):
        self.tab, self.sent, self.errors = tab, [], []
        monkeypatch.setattr(
            Cutter, "send", lambda _, content, buffers=(): self.sent.append((content, buffers))
        )
        how = {"grow": 0, "shape": "mask", "shadow": "never"}
        self.cutter = Cutter(photo, erase=how, threads=1)
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        files = {"": PAGE, "cutter.js": None, "cutter.css": None}

        def serve(route):
            name = route.request.url.rsplit("/", 1)[1]
            body = files[name] or (STATIC / name).read_text("utf-8")
            kind = {"js": "text/javascript", "css": "text/css"}.get(name.rpartition(".")[2])
            route.fulfill(body=body, content_type=kind or "text/html")

        tab.route("**/*", serve)
        tab.goto("http://panel.test/")
        tab.wait_for_selector(".nukki", state="attached")
        self.settle()

    def settle(self):
        for _ in range(50):
            self.tab.wait_for_timeout(30)
            said = self.tab.evaluate("window.said.splice(0)")
            for content, buffers in said:
                self.cutter._hear(self.cutter, content, [base64.b64decode(one) for one in buffers])
            for content, buffers in self.sent:
                texts = [base64.b64encode(one).decode() for one in buffers]
                self.tab.evaluate("([content, texts]) => show(content, texts)", [content, texts])
            self.sent.clear()
            self.tab.evaluate("(told) => tell(told)", self.cutter._told)
            if not said:
                break
        assert self.tab.locator('.nukki[aria-busy="false"]').count() == 1
        assert self.errors == []

    def tool(self, name):
        self.tab.get_by_role("radio", name=name, exact=True).check(force=True)
        self.settle()

    def press(self, name):
        self.tab.get_by_role("button", name=name).click()
        self.settle()

    def at(self, x, y):
        """A place of the photo on the screen."""
        box = self.tab.locator(".nukki-stage canvas").bounding_box()
        return box["x"] + (x + 0.5) * box["width"] / 128, box["y"] + (y + 0.5) * box["height"] / 96

    def click(self, x, y):
        self.tab.mouse.click(*self.at(x, y))
        self.settle()

    def drag(self, *points):
        self.tab.mouse.move(*self.at(*points[0]))
        self.tab.mouse.down()
        for point in points[1:]:
            self.tab.mouse.move(*self.at(*point), steps=4)
        self.tab.mouse.up()
        self.settle()

    def drawn(self, x, y):
        """RGBA of what is drawn over a pixel of the photo."""
        script = "([x, y]) => [...document.querySelector('.nukki-stage canvas')"
        return self.tab.evaluate(
            f"{script}.getContext('2d').getImageData(x, y, 1, 1).data]", [x, y]
        )

    def judged(self):
        """What axe-core finds, where it is at hand."""
        axe = os.environ.get("NUKKI_TEST_AXE")
        if axe:
            self.tab.evaluate(Path(axe).read_text(encoding="utf-8"))
            found = self.tab.evaluate("axe.run(document.querySelector('.nukki'))")
            assert [one["id"] for one in found["violations"]] == []


@pytest.fixture
def tab(browser):
    one = browser.new_page(viewport={"width": 1000, "height": 700})
    one.set_default_timeout(20_000)
    yield one
    one.close()


@pytest.fixture
def shown(tab, monkeypatch, world, photo):
    return Shown(tab, monkeypatch, photo)


def test_without_a_photo_there_is_one_button(tab, monkeypatch):
    shown = Shown(tab, monkeypatch, None)
    shown.judged()
    assert tab.get_by_label("Choose a photo").count() == 1
    assert tab.locator(".nukki button:visible").all_inner_texts() == ["Undo", "Redo"]
    assert tab.locator(".nukki button:enabled:visible, .nukki-stage:visible").count() == 0
    assert tab.get_by_role("status").inner_text() == "Choose a photo."


def test_boxes_clicks_and_undo(shown):
    shown.judged()
    assert shown.tab.locator(".nukki-things li").count() == 2
    shown.tab.get_by_label("Erase: 2 dog").check()
    shown.settle()
    assert shown.cutter.checked("erase") == (2,)
    red, green, _, alpha = shown.drawn(63, 37)  # beside number, rim and stripes
    assert red > 200 > green
    assert alpha > 0
    shown.tool("Keep")
    shown.click(75, 15)
    assert (shown.cutter.checked("keep"), shown.cutter.checked("erase")) == ((2,), ())
    assert not shown.tab.get_by_label("Erase: 2 dog").is_checked()
    shown.tool("Cut out")
    shown.click(112, 72)
    assert shown.cutter.checked("cut") == (3,)
    assert shown.tab.get_by_label("Cut out: 3 picked").is_checked()
    shown.press("Undo")
    assert shown.tab.locator(".nukki-things li").count() == 2
    shown.press("Redo")
    assert shown.cutter.checked("cut") == (3,)
    shown.judged()


def test_strokes_views_and_files(shown):
    shown.tab.get_by_label("Snap to edges").uncheck()
    shown.tool("Mark to erase")
    shown.drag((105, 10), (115, 10), (120, 14))
    stroke = shown.cutter._job.state.strokes[-1]
    assert (stroke.kind, stroke.snapped) == ("mark", False)
    assert shown.cutter.hole[10, 110]
    assert shown.drawn(110, 10)[3] > 0
    shown.tab.get_by_label("Snap to edges").check()
    shown.drag((105, 65), (115, 75))
    assert shown.cutter._job.state.strokes[-1].snapped
    shown.tool("What goes")
    assert shown.cutter._view == "preview"
    shown.press("Erase and fill")
    with shown.tab.expect_download() as download:
        shown.press("Download PNG")
    assert download.value.suggested_filename == "erased.png"
    saved = np.asarray(Image.open(download.value.path()))
    assert (saved == shown.cutter.erased.pixels).all()
    shown.press("Go on with this")
    assert (shown.cutter.photo.pixels[10, 110] == (10, 200, 90)).all()
    assert not shown.cutter._job.can_undo


def test_the_keyboard_alone(shown):
    stage = shown.tab.locator(".nukki-stage")
    shown.tool("Remove")
    shown.press("Cut out")
    shown.tab.get_by_label("Snap to edges").uncheck()
    stage.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowUp", "Shift+ArrowUp", "]", "Enter"):
        shown.tab.keyboard.press(key)
    shown.settle()
    (stroke,) = shown.cutter._job.state.strokes
    middle = stroke.box.left + stroke.box.width / 2, stroke.box.top + stroke.box.height / 2
    assert middle == pytest.approx((64 + 1.28 * 9 + 0.5, 48 - 1.28 * 9 + 0.5), abs=1)
    assert shown.cutter.mask[round(middle[1]), round(middle[0])] == 0
    shown.tab.keyboard.press("Control+z")
    shown.settle()
    assert shown.cutter._job.state.strokes == ()
    shown.tab.keyboard.press("Control+Shift+Z")
    shown.settle()
    assert shown.cutter._job.state.strokes == (stroke,)
    shown.tab.get_by_label("Erase: 1 person").focus()
    shown.tab.keyboard.press("Space")
    shown.settle()
    assert shown.cutter.checked("erase") == (1,)
    focused = shown.tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Erase: 1 person"  # also after the panel was told anew


def test_photos_are_chosen_and_errors_shown(shown, photo):
    said, out = PngInfo(), io.BytesIO()
    said.add_text("Comment", "a long story " * 200_000)
    Image.fromarray(photo.pixels[:, ::-1]).save(out, "PNG", pnginfo=said)
    data = out.getvalue()
    assert len(data) > 2 << 20  # so that it comes in parts
    file = shown.tab.locator(".nukki input[type=file]")
    file.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": data})
    shown.tab.wait_for_timeout(500)
    shown.settle()
    assert (shown.cutter.photo.pixels == photo.pixels[:, ::-1]).all()
    wrong = {"name": "list.txt", "mimeType": "text/plain", "buffer": b"one, two"}
    file.set_input_files(wrong)
    shown.tab.wait_for_timeout(300)
    shown.settle()
    assert "`list.txt`" in shown.tab.get_by_role("alert").inner_text()
    assert (shown.cutter.photo.pixels == photo.pixels[:, ::-1]).all()
    shown.judged()
