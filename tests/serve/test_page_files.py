"""The files of the page: small, from nowhere else, in four languages, and what belongs together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nukki.pipelines.options import RemoveOptions
from nukki.serve.app import STATIC
from nukki.serve.tasks import TASKS
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
HTML = (STATIC / "index.html").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in FILES
    if path.suffix == ".json"
}
IDS = re.findall(r'\bid="([^"]+)"', HTML)


def test_all_of_it_is_small():
    assert 50_000 < sum(path.stat().st_size for path in FILES) < 150_000


def test_nothing_comes_from_elsewhere():
    for path in FILES:
        found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", path.read_text("utf-8"))
        assert set(found) <= {"http://www.w3.org/2000/svg"}, path.name
    assert not re.search(r"""["'(]/[a-z]""", HTML)  # relative, so that a prefix of a proxy works


def test_no_script_and_no_style_stands_in_the_html():
    assert re.findall(r"<script[^>]*>", HTML) == ['<script type="module" src="app.js">']
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", HTML)
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", CODE
    )


def test_the_four_languages_have_the_same_texts():
    assert set(TEXTS) == {"en", "ko", "ja", "zh"}
    for name, words in TEXTS.items():
        assert list(words) == list(TEXTS["en"]), name
        assert all(words.values()), name
        for key, said in words.items():
            assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", TEXTS["en"][key]))
    for name, letters in {"ko": "[가-힣]", "ja": "[ぁ-ん]", "zh": "[一-龥]"}.items():
        assert sum(bool(re.search(letters, said)) for said in TEXTS[name].values()) > 60


def test_every_text_that_is_asked_for_is_there_and_every_one_is_used():
    asked = set(re.findall(r'data-(?:text|label|placeholder)="([^"]+)"', HTML))
    used = asked | set(re.findall(r'"([a-z_.]+)"', CODE))
    used |= {f"tool.{name}" for name in ("restore", "remove", "mark", "unmark")}
    assert asked <= set(TEXTS["en"])
    said = re.findall(r'\btext\("([^"]+)"', CODE)
    assert len(said) > 20
    assert set(said) <= set(TEXTS["en"])
    assert set(TEXTS["en"]) - {"labels"} <= used


def test_every_language_has_a_word_for_every_class():
    english = TEXTS["en"]["labels"].split("|")
    assert english == list(labels_of(ClassSpec("coco-80")))
    for name, words in TEXTS.items():
        said = words["labels"].split("|")
        assert len(said) == len(english), name
        assert all(said), name
        assert name == "en" or not set(said) & set(english), name


def test_the_ids_are_there_once_and_those_of_the_scripts_exist():
    assert len(IDS) == len(set(IDS))
    wanted = set(re.findall(r'\$\("([^"]+)"\)', CODE))
    assert len(wanted) > 60
    assert wanted <= set(IDS)
    for kind in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
        assert set(re.findall(rf'\b{kind}="([^"]+)"', HTML)) <= set(IDS)
    assert set(
        re.findall(r"#([a-z][\w-]*)\b(?=[^;}]*{)", (STATIC / "style.css").read_text())
    ) <= set(IDS)


def test_modules_import_what_others_export():
    for path in SCRIPTS:
        code = path.read_text(encoding="utf-8")
        for names, source in re.findall(r'import {([^}]+)} from "([^"]+)"', code):
            other = (path.parent / source).read_text(encoding="utf-8")
            exported = set(
                re.findall(r"export (?:async )?(?:const|function|class) ([\w$]+)", other)
            )
            for name in names.split(","):
                assert name.strip() in exported, (path.name, source)
                assert len(re.findall(rf"(?<!\w){re.escape(name.strip())}(?!\w)", code)) > 1, (
                    path.name,
                    name,
                )


def values_of(name):
    """The words of a choice on the page but for the empty one."""
    block = re.search(rf'<select id="{name}".*?</select>', HTML, re.DOTALL)[0]
    return re.findall(r'value="(\w+)"', block)


def test_options_and_formats_are_those_of_the_server():
    # Where two tasks share a name, the page's field is that of `replace`.
    tasks = (*TASKS.values(), TASKS["replace"])
    table = {one.name: one for task in tasks for one in task.fields}
    for name in re.findall(r'data-option="([^"]+)"', HTML):
        assert name in table
    table["hole-shape"] = {one.name: one for one in TASKS["erase"].fields}["shape"]
    for name in ("edges", "shadow", "hole-shape"):
        for value in values_of(name):
            assert value in table[name].choices
    assert values_of("key-by") == ["auto", "green", "blue", "own", *table["flood"].choices]
    for value in ("auto", "green", "blue", "#00b140"):
        RemoveOptions(key=value)
    for value in values_of("despill"):
        RemoveOptions(despill=value)
    formats = re.search(r'<select id="format">.*?</select>', HTML, re.DOTALL)[0]
    assert set(re.findall(r'value="(\w+)"', formats)) <= set(TASKS["remove"].kinds)


def test_the_page_is_served_under_a_strict_policy(client):
    server = client()
    page = server.get("/")
    assert page.status == 200
    assert page.body.decode() == HTML
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    for path in FILES:
        reply = server.get("/" + path.relative_to(STATIC).as_posix())
        assert (reply.status, reply.body) == (200, path.read_bytes())


def test_the_files_are_in_the_wheel():
    wheel = pytest.importorskip("hatchling.builders.wheel")
    inside = {
        one.distribution_path for one in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    }
    for path in FILES:
        assert f"nukki/serve/static/{path.relative_to(STATIC).as_posix()}" in inside
