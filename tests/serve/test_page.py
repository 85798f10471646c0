"""The page in a real browser, before a real server: what people do, from the photo to the file.

Needs a Chromium on the path and `pip install playwright` (its own browser is not needed). Where the
variable NUKKI_TEST_AXE names axe-core's `axe.min.js`, it judges every view, too.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nukki

pytestmark = pytest.mark.slow

PHOTOS = Path(__file__).resolve().parents[2] / "docs" / "photos"
CAT, ASTRONAUT = PHOTOS / "cat.jpg", PHOTOS / "astronaut.jpg"
LONG = 30_000  # milliseconds


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a server in a process of its own."""
    log = tmp_path_factory.mktemp("log") / "log"
    words = [sys.executable, "-m", "nukki", "serve", "--port", "0", "--timeout", "300"]
    with log.open("w") as out, subprocess.Popen(words, stdout=out, stderr=out) as server:
        while not (found := re.search(r"http://[\d.:]+\d", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        yield found[0]
        server.terminate()


class Page:
    """The page, with what is done again and again."""

    def __init__(self, context, address, complaints):
        self.tab = context.new_page()
        self.tab.set_default_timeout(LONG)
        self.tab.on("pageerror", lambda error: complaints.append(str(error)))
        self.tab.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        self.tab.goto(address)
        self.tab.wait_for_selector("html[data-ready]")

    def __getattr__(self, name):
        return getattr(self.tab, name)

    def idle(self):
        """Wait until nothing is asked for: longer than the hand has to rest."""
        self.tab.wait_for_timeout(500)
        self.tab.wait_for_selector("#busy", state="hidden")

    def until(self, expression):
        """Wait until something is true; the page's policy forbids the driver's own way."""
        ends = time.monotonic() + LONG / 1000
        while not self.tab.evaluate(expression):
            assert time.monotonic() < ends, expression
            self.tab.wait_for_timeout(50)

    def open(self, *paths):
        self.tab.set_input_files("#files", [str(path) for path in paths])
        if len(paths) == 1:
            self.tab.wait_for_selector(".thing, #things-none:not([hidden])")
            self.tab.wait_for_selector("#save:not([disabled])")
            self.idle()
        else:
            self.tab.wait_for_selector("#photos-zip:not([disabled])")

    def saved(self, button="#save"):
        """Name and bytes of the file."""
        with self.tab.expect_download() as download:
            self.tab.click(button)
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    def spot(self, x, y):
        """Where a share of the photo's width and height is on the screen."""
        box = self.tab.locator("#sheet canvas").first.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def stroke(self, *points):
        first, *rest = (self.spot(*point) for point in points)
        self.tab.mouse.move(*first)
        self.tab.mouse.down()
        for point in rest:
            self.tab.mouse.move(*point, steps=5)
        self.tab.mouse.up()
        self.idle()

    def set(self, name, value):
        """Move a slider."""
        self.tab.evaluate(
            "([id, value]) => { const one = document.getElementById(id); one.value = value;"
            " one.dispatchEvent(new Event('input', { bubbles: true })); }",
            [name, value],
        )


@pytest.fixture
def page(browser, address):
    complaints = []
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        locale="en-GB",
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield Page(context, address, complaints)
    context.close()
    assert not [one for one in complaints if "status of 4" not in one]


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def cut(path, kind="png", **options):
    return nukki.remove(path, **options).encode(kind)


def test_a_photo_becomes_the_file_of_the_library(page):
    page.open(CAT)
    assert page.saved() == ("cat.png", cut(CAT))
    page.select_option("#format", "webp")
    assert page.saved() == ("cat.webp", cut(CAT, "webp"))
    page.select_option("#format", "jpeg")
    assert "white" in page.inner_text("#format-note")
    assert page.saved() == (
        "cat-cut.jpg" if CAT.suffix == ".jpg" else "",
        cut(CAT, "jpeg", background="white"),
    )


def test_backgrounds(page):
    page.open(CAT)
    page.check("[name=background][value=colour]")
    page.click("#swatches button >> nth=3")
    assert page.saved()[1] == cut(CAT, background="#e53935")
    page.check("[name=background][value=blur]")
    page.idle()
    assert page.saved()[1] == nukki.replace(CAT, "blur").encode("png")
    page.check("[name=background][value=picture]")
    page.set_input_files("#picture", str(ASTRONAUT))
    page.select_option("#shadow", "drop")
    page.idle()
    assert page.saved()[1] == nukki.replace(CAT, ASTRONAUT, shadow="drop").encode("png")
    page.click("#copy")
    page.until("document.getElementById('status').textContent === 'Copied'")


def test_edges_and_thresholds_are_live(page):
    page.open(CAT)
    page.click("summary")
    page.set("low", 0.3)
    page.select_option("#edges", "fast")
    page.set("grow", -2)
    page.check("#fill_holes")
    page.idle()
    options = {"threshold": (0.3, 1.0), "edges": "fast", "grow": -2.0, "fill_holes": True}
    assert page.saved()[1] == cut(CAT, **options)
    page.click("#reset")
    page.idle()
    assert page.saved()[1] == cut(CAT)


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Who stands before a green screen, with a little noise."""
    rgba = pixels(cut(ASTRONAUT)).astype(int)
    alpha = rgba[..., 3:] / 255
    made = rgba[..., :3] * alpha + np.array([30, 170, 60]) * (1 - alpha)
    made += np.random.default_rng(5).integers(-2, 3, made.shape)
    path = tmp_path_factory.mktemp("screen") / "screen.png"
    Image.fromarray(made.clip(0, 255).astype(np.uint8)[::2, ::2]).save(path)
    return path


# Every option of the panel: what is done on the page, and what it means in the library.
OPTIONS = {
    "edges": (lambda page: page.select_option("#edges", "best"), {"edges": "best"}),
    "low": (lambda page: page.set("low", 0.2), {"threshold": (0.2, 1.0)}),
    "high": (lambda page: page.set("high", 0.7), {"threshold": (0.0, 0.7)}),
    "grow": (lambda page: page.set("grow", 2.5), {"grow": 2.5}),
    "feather": (lambda page: page.set("feather", 1.5), {"feather": 1.5}),
    "fill_holes": (lambda page: page.check("#fill_holes"), {"fill_holes": True}),
    "drop_specks": (lambda page: page.check("#drop_specks"), {"drop_specks": True}),
    "largest": (lambda page: page.check("#largest"), {"largest": True}),
    "binary": (lambda page: page.check("#binary"), {"binary": True}),
    "invert": (lambda page: page.check("#invert"), {"invert": True}),
    "despill": (lambda page: page.select_option("#despill", "auto"), {"despill": "auto"}),
    "green": (lambda page: page.select_option("#key-by", "green"), {"key": "green"}),
    "auto": (lambda page: page.select_option("#key-by", "auto"), {"key": "auto"}),
    "keep_shadow": (
        lambda page: (page.select_option("#key-by", "green"), page.check("#keep_shadow")),
        {"key": "green", "keep_shadow": True},
    ),
    "own": (
        lambda page: (page.select_option("#key-by", "own"), page.set("key-colour", "#1eaa3c")),
        {"key": "#1eaa3c"},
    ),
    "border": (lambda page: page.select_option("#key-by", "border"), {"flood": "border"}),
    "all": (lambda page: page.select_option("#key-by", "all"), {"flood": "all"}),
    "crop": (lambda page: page.check("#crop"), {"crop": 0}),
}


def test_every_option_of_the_panel_means_what_it_means_in_the_library(page, screen):
    page.open(screen)
    for summary in page.locator("#for-cut summary").all():
        summary.click()
    for name, (choose, options) in OPTIONS.items():
        choose(page)
        page.idle()
        assert page.is_hidden("#error"), (name, page.inner_text("#error-text"))
        assert page.saved()[1] == cut(screen, **options), name
        if "key" in options or "flood" in options:
            assert page.is_disabled(".thing input >> nth=0") == (options.get("key") != "auto")
        page.click("#reset")
    page.uncheck("#crop")
    page.idle()
    assert page.saved()[1] == cut(screen)


def test_an_option_that_does_not_fit_is_told_and_can_be_taken_back(page):
    page.open(CAT)
    page.click("#for-cut summary >> nth=1")
    page.select_option("#key-by", "blue")
    page.wait_for_selector("#error:not([hidden])")
    assert "blue" in page.inner_text("#error-text")
    page.select_option("#key-by", "")
    page.idle()
    assert page.is_hidden("#error")
    assert page.saved()[1] == cut(CAT)


def test_things_are_kept_or_not(page):
    page.open(ASTRONAUT)
    assert "person" in page.inner_text(".thing >> nth=0")
    assert page.is_checked(".thing input >> nth=0")
    found = nukki.segment(ASTRONAUT)
    assert page.locator(".thing").count() == len(found)
    page.uncheck(".thing input >> nth=0")
    page.idle()
    assert not page.is_checked(".thing input >> nth=0")
    page.check(".thing input >> nth=0")
    page.idle()
    boxes = page.locator(".thing input")
    chosen = [one.number for n, one in enumerate(found) if boxes.nth(n).is_checked()]
    assert page.saved()[1] == cut(ASTRONAUT, subject=",".join(map(str, chosen)))
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.idle()
    assert page.is_disabled("#undo")
    assert page.saved()[1] == cut(ASTRONAUT)


def test_a_click_picks_what_is_not_listed(page):
    page.open(ASTRONAUT)
    before = pixels(page.saved()[1])
    listed = page.locator(".thing").count()
    page.mouse.click(*page.spot(0.1, 0.2))  # the flag
    page.until(f"document.querySelectorAll('.thing').length > {listed}")
    page.idle()
    assert "picked" in page.inner_text(".thing >> nth=-1")
    after = pixels(page.saved()[1])
    x, y = round(0.1 * before.shape[1]), round(0.2 * before.shape[0])
    assert (before[y, x, 3], after[y, x, 3]) == (0, 255)
    page.uncheck(".thing input >> nth=-1")
    page.idle()
    assert pixels(page.saved()[1])[y, x, 3] == 0
    page.click("#undo")
    page.click("#undo")
    assert page.locator(".thing").count() == listed
    assert page.saved()[1] == cut(ASTRONAUT)


def test_the_brush_restores_the_photos_pixels(page):
    page.open(ASTRONAUT)
    before, photo = pixels(cut(ASTRONAUT)), nukki.read(ASTRONAUT).rgb8()
    page.click("#tool-restore")
    page.uncheck("#snap")
    page.set("size", 20)
    page.stroke((0.1, 0.2), (0.2, 0.2))
    after = pixels(page.saved()[1])
    x, y = round(0.15 * before.shape[1]), round(0.2 * before.shape[0])
    assert before[y, x, 3] == 0
    assert after[y, x].tolist() == [*photo[y, x], 255]
    changed = (before != after).any(axis=2)
    assert 800 < changed.sum() < 12_000
    assert "browser" in page.inner_text("#format-note")
    page.keyboard.press("Control+z")
    assert page.saved()[1] == cut(ASTRONAUT)
    page.keyboard.press("Control+Shift+z")
    assert (pixels(page.saved()[1]) == after).all()


def test_the_brush_removes_and_leaves_nothing_behind(page):
    page.open(ASTRONAUT)
    page.click("#tool-remove")
    page.uncheck("#snap")
    page.stroke((0.45, 0.7), (0.5, 0.75))
    after = pixels(page.saved()[1])
    y, x = round(0.7 * after.shape[0]), round(0.45 * after.shape[1])
    assert after[y, x].tolist() == [0, 0, 0, 0]


def test_the_brush_snaps_to_edges(page):
    page.open(ASTRONAUT)
    before = pixels(cut(ASTRONAUT))
    page.click("#tool-remove")
    page.set("size", 60)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.stroke((0.45, 0.2), (0.5, 0.25))
    assert [url for url in asked if url.endswith("/api/pick")]
    snapped = (before != pixels(page.saved()[1])).any(axis=2).sum()
    page.click("#undo")
    page.uncheck("#snap")
    page.stroke((0.45, 0.2), (0.5, 0.25))
    plain = (before != pixels(page.saved()[1])).any(axis=2).sum()
    assert 0 < snapped <= plain


def test_a_stroke_on_no_thing_follows_the_photos_edges(page):
    page.open(ASTRONAUT)
    before, photo = pixels(cut(ASTRONAUT)), nukki.read(ASTRONAUT).rgb8()
    nothing = json.dumps({"error": "nothing", "hint": "", "code": "nothing_found"})
    page.route("**/api/pick", lambda route: route.fulfill(status=422, body=nothing))
    page.click("#tool-remove")
    page.set("size", 25)
    with page.expect_response("**/api/remove") as answer:
        page.stroke((0.42, 0.12), (0.5, 0.06), (0.58, 0.1))  # across the edge of the hair
    assert b'name="trimap"' in answer.value.request.post_data_buffer
    after = pixels(page.saved()[1])
    y, x = round(0.06 * before.shape[0]), round(0.5 * before.shape[1])
    assert after[y, x, 3] == 0
    assert (after[..., 3] <= before[..., 3]).all()
    page.click("#undo")
    assert page.saved()[1] == cut(ASTRONAUT)
    page.click("#tool-restore")
    page.stroke((0.1, 0.2), (0.2, 0.2))
    restored = pixels(page.saved()[1])
    y, x = round(0.2 * before.shape[0]), round(0.15 * before.shape[1])
    assert restored[y, x].tolist() == [*photo[y, x], 255]
    assert (restored[..., 3] >= before[..., 3]).all()


def test_the_line_between_before_and_after_is_drawn(page):
    page.open(CAT)
    page.set("slider", 40)
    x, y = page.spot(0.4, 0.3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(page.spot(0.7, 0.3)[0], y, steps=3)
    page.mouse.up()
    assert 69 <= int(page.input_value("#slider")) <= 71


def test_all_by_the_keyboard(page):
    page.open(CAT)
    page.focus("#stage")
    for key in ("e", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.idle()
    assert page.get_attribute("#tool-remove", "aria-pressed") == "true"
    assert page.is_enabled("#undo")
    page.keyboard.press("+")
    assert page.inner_text("#zoom-now") != "100%"
    page.keyboard.press("0")
    page.keyboard.press("v")
    page.focus("#tab-cut")
    page.keyboard.press("ArrowRight")
    page.idle()
    assert page.get_attribute("#tab-erase", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-erase"
    page.focus(".thing input")
    page.keyboard.press("Space")
    page.wait_for_selector("#erase:not([disabled])")


def test_erasing_and_bringing_back(page):
    page.open(ASTRONAUT)
    page.click("#tab-erase")
    page.idle()
    assert page.is_disabled("#erase")
    assert page.is_disabled("#save")
    page.select_option("#fill", "patch")
    with page.expect_response("**/api/erase") as answer:  # what would go, with its shadow
        page.check(".thing input >> nth=0")
    hole = answer.value.json()["hole"]
    assert hole["size"] == [512, 512]
    assert page.is_enabled("#erase")
    page.click("#erase")
    page.wait_for_selector("#erase-undo:not([disabled])")
    page.idle()
    name, data = page.saved()
    assert name == "astronaut-erased.png"
    assert data == nukki.erase(ASTRONAUT, what="1", fill="patch").encode("png")
    page.click("#erase-undo")
    page.idle()
    assert page.is_disabled("#save")
    page.keyboard.press("Control+Shift+z")
    page.idle()
    assert page.saved()[1] == data


def test_who_is_protected_stays_and_a_hole_is_filled_otherwise(page, tmp_path):
    path = tmp_path / "small.png"
    Image.open(ASTRONAUT).resize((256, 256)).save(path)
    page.open(path)
    page.click("#tab-erase")
    page.idle()
    page.click("#for-erase summary")
    page.select_option("#fill", "patch")
    page.select_option("#hole-shape", "box")
    others = [str(one.number) for one in nukki.segment(path) if one.number > 1]
    page.check(".thing input >> nth=0")
    assert page.locator(".shield").count() == len(others)
    for number in range(len(others)):
        page.click(f".shield >> nth={number}")
    page.idle()
    options = {"what": "1", "except_": ",".join(others) or None, "shape": "box", "fill": "patch"}
    for seed, button in enumerate(("#erase", "#erase-other", "#erase-other")):
        with page.expect_response("**/api/erase"):
            page.click(button)
        page.wait_for_selector("#erase-other:not([disabled])")
        page.idle()
        assert page.saved()[1] == nukki.erase(path, **options, seed=seed).encode("png")
    page.click("#erase-undo")
    page.idle()
    assert page.is_disabled("#save")
    assert page.is_disabled("#erase-other")


def test_erasing_what_was_painted(page):
    page.open(CAT)
    page.click("#tab-erase")
    page.select_option("#fill", "patch")
    page.click("#tool-remove")
    page.uncheck("#snap")
    page.set("size", 12)
    page.stroke((0.1, 0.1), (0.2, 0.1))
    page.click("#erase")
    page.wait_for_selector("#erase-undo:not([disabled])")
    page.idle()
    photo = nukki.read(CAT).rgb8()
    changed = (photo != pixels(page.saved()[1])[..., :3]).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert len(rows) > 300
    assert rows.max() < 0.1 * photo.shape[0] + 40
    assert columns.max() < 0.2 * photo.shape[1] + 40


def test_several_photos_and_their_zip(page):
    page.open(CAT, ASTRONAUT, CAT)
    assert "3 of 3" in page.inner_text("#photos-count")
    name, data = page.saved("#photos-zip")
    assert name == "nukki.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["cat.png", "astronaut.png", "cat (2).png"]
        assert packed.read("cat.png") == packed.read("cat (2).png") == cut(CAT)
        assert packed.read("astronaut.png") == cut(ASTRONAUT)
    page.click(".card button >> nth=0")
    page.idle()
    assert page.inner_text("#editor-name") == "cat.jpg"
    page.click("#back")
    assert page.locator(".card").count() == 3


FILES = """data => {
  const list = new DataTransfer();
  list.items.add(new File([new Uint8Array(data)], 'a.jpg', { type: 'image/jpeg' }));
  %s;
}"""
DROP = "dispatchEvent(new DragEvent('drop', { dataTransfer: list, cancelable: true }))"
PASTE = "dispatchEvent(new ClipboardEvent('paste', { clipboardData: list }))"


def test_pasted_and_dropped_photos(page):
    data = list(CAT.read_bytes())
    for event in (DROP, PASTE):
        page.evaluate(FILES % event, data)
        page.wait_for_selector("#save:not([disabled])")
        assert page.saved() == ("a.png", cut(CAT))
        page.click("#back")


def test_a_photo_that_browsers_do_not_know(page, tmp_path):
    path = tmp_path / "cat.tif"
    Image.open(CAT).save(path)
    page.open(path)
    assert page.saved() == ("cat.png", cut(path))


def test_errors_are_told_with_their_hint(page, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(CAT.read_bytes()[:2000])
    page.set_input_files("#files", str(path))
    page.wait_for_selector("#error:not([hidden])")
    assert "broken" in page.inner_text("#editor-name")
    assert len(page.inner_text("#error-text")) > 10
    assert len(page.inner_text("#error-hint")) > 5
    page.click("#error-close")
    assert page.is_hidden("#error")


def test_a_photo_that_cannot_be_read_leaves_nothing_of_the_one_before(page, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(CAT.read_bytes()[:2000])
    page.open(CAT, path)
    assert "1 of 2 done, 1 failed" in page.inner_text("#photos-count")
    page.click(".card button >> nth=0")
    page.wait_for_selector(".thing")
    page.click("#back")
    page.click(".card button >> nth=2")
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#editor-name") == "broken.jpg"
    assert page.is_hidden("#sheet")
    assert page.is_disabled("#save")
    assert page.locator(".thing").count() == 0


def test_a_busy_server_is_asked_again_when_it_says(page):
    tries = []

    def refuse(route):
        tries.append(route.request.url)
        if len(tries) > 2:
            return route.continue_()
        said = json.dumps({"error": "busy", "hint": "wait", "code": "busy"})
        return route.fulfill(status=429, headers={"Retry-After": "1"}, body=said)

    page.route("**/api/remove", refuse)
    page.open(CAT)
    assert len(tries) == 3
    assert page.is_hidden("#error")


def test_a_key_is_asked_for(page):
    keys = []

    def refuse(route):
        key = route.request.headers.get("x-api-key")
        keys.append(key)
        if key == "right":
            return route.continue_()
        said = json.dumps({"error": "the key is not known", "hint": "", "code": "no_key"})
        return route.fulfill(status=401, body=said)

    page.route("**/api/remove", refuse)
    page.set_input_files("#files", str(CAT))
    for key in ("wrong", "right"):
        page.wait_for_selector("#key-dialog[open]")
        page.fill("#key", key)
        page.click("#key-dialog button.main")
        page.wait_for_timeout(300)
    page.wait_for_selector("#save:not([disabled])")
    assert keys[:3] == [None, "wrong", "right"]


def test_languages_themes_and_narrow_screens(page):
    for language, word in (("ko", "사진 선택"), ("ja", "写真を選ぶ"), ("zh", "选择照片")):
        page.select_option("#language", language)
        page.until(f"document.documentElement.lang === '{language}'")
        assert page.inner_text(".drop .big") == word
    back = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(back)
    page.click("#theme")
    assert page.evaluate(back) != light
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(back) != light
    assert page.evaluate("document.documentElement.lang") == "zh"
    page.set_viewport_size({"width": 390, "height": 844})
    page.open(CAT)
    for tab in ("#tab-erase", "#tab-cut"):
        page.click(tab)
        page.idle()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_axe_finds_nothing_serious(browser, address):
    if not (path := os.environ.get("NUKKI_TEST_AXE")):
        pytest.skip("NUKKI_TEST_AXE does not name axe-core's axe.min.js")
    axe = Path(path).read_text(encoding="utf-8")
    for scheme, width in (("light", 1280), ("dark", 390)):
        context = browser.new_context(
            bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        page = Page(context, address, [])

        def serious(page=page):
            found = page.evaluate(
                "async axe => { (0, eval)(axe); return (await self.axe.run()).violations; }", axe
            )
            return [
                (one["id"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]

        assert serious() == []
        page.open(ASTRONAUT)
        page.click("#tool-remove")
        page.click("summary")
        assert serious() == []
        page.click("#tab-erase")
        page.idle()
        assert serious() == []
        page.click("#help")
        assert serious() == []
        context.close()
