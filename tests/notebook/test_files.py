"""The files of the panel: small, from nowhere else, and of one mind with Python. And the extra."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import nukki

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "nukki" / "notebook" / "static"
SCRIPT = (STATIC / "cutter.js").read_text(encoding="utf-8")
STYLE = (STATIC / "cutter.css").read_text(encoding="utf-8")


def test_they_are_small_and_load_nothing():
    assert 10_000 < len(SCRIPT) + len(STYLE) < 40_000
    assert not re.search(r"(?:https?:)?//[\w.-]+\.\w+/", SCRIPT + STYLE)
    assert not re.search(
        r"\bimport\b|@import|url\(|innerHTML|insertAdjacent|\beval\(", SCRIPT + STYLE
    )


def test_every_class_of_the_script_has_a_style_and_the_other_way_round():
    used = set(re.findall(r"\bnukki-[a-z]+", SCRIPT))
    styled = set(re.findall(r"\.(nukki-[a-z]+)", STYLE))
    assert used - {"nukki-view", "nukki-tool", "nukki-help"} == styled - {"nukki-turn"}


def words_of(name):
    """The first words of the rows of a table in the script."""
    table = re.search(rf"const {name} = \[(.*)\];", SCRIPT)[1]
    return tuple(re.findall(r'\["(\w+)"', table))


def test_script_and_python_speak_of_the_same():
    pytest.importorskip("anywidget")
    from nukki.notebook import cutter, hearing
    from nukki.notebook.screen import PAINTS
    from nukki.notebook.strokes import Kind
    from nukki.notebook.work import MARKS

    assert set(re.findall(r'\bdo: "([\w-]+)"', SCRIPT)) | {"redo", "undo"} == set(hearing.ACTIONS)
    assert words_of("MARKS") == MARKS
    assert words_of("BRUSHES") == get_args(Kind) == tuple(PAINTS)
    assert words_of("VIEWS") == get_args(cutter.View)
    assert list(PAINTS.values()) == [1, 2, 3, 4]
    told = set(re.findall(r"\b(?:now|told\(\))\.(\w+)", SCRIPT))
    assert {"size", "things", "answered", "error", "erases"} <= told
    said = cutter.Cutter()._told
    assert told <= set(said) | {"size", "screen", "things", "undo", "redo", "erases"}


def test_they_are_in_the_wheel():
    wheel = pytest.importorskip("hatchling.builders.wheel")
    inside = {
        one.distribution_path for one in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    }
    assert {f"nukki/notebook/static/cutter.{end}" for end in ("js", "css")} <= inside


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("nukki.notebook")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(nukki.MissingExtra, match="`anywidget`") as caught:
        import_module("nukki.notebook")
    assert caught.value.hint == 'run: pip install "nukki[notebook]"'


def test_a_fault_of_our_own_is_no_missing_extra(monkeypatch):
    pytest.importorskip("anywidget")
    for name in [one for one in sys.modules if one.startswith("nukki.notebook")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nukki.notebook.screen", None)
    with pytest.raises(ModuleNotFoundError, match=r"nukki\.notebook\.screen"):
        import_module("nukki.notebook")
