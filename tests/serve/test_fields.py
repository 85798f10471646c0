"""The table of options as a form: every option has a field, and no field opens a file."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukki.pipelines.options import (
    EraseOptions,
    PickOptions,
    ReadOptions,
    RemoveOptions,
    SegmentOptions,
    option,
)
from nukki.pipelines.replace_options import AddOptions, PlaceOptions
from nukki.serve.bodies import Form
from nukki.serve.document import document
from nukki.serve.fields import fields_of, read
from nukki.serve.orders import order_of
from nukki.serve.refusals import CODES, Refusal, in_words_of_forms
from nukki.serve.tasks import TASKS, arguments
from serve_client import form

TABLES = (
    RemoveOptions, PlaceOptions, AddOptions, SegmentOptions, PickOptions, EraseOptions, ReadOptions
)  # fmt: skip
NOT_FOR_REQUESTS = {"card", "device", "threads", "max_pixels"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A table of one option of each kind."""

    switch: bool = option(False, "a switch")
    whole: int | None = option(None, "a whole number")
    number: float = option(0.5, "a number")
    pair: tuple[float, float] | None = option(None, "a pair")
    word: str = option("a", "a word", choices=("a", "b"))
    text: str | None = option(None, "a text")
    network: str = option("default", "a network", metavar="NAME")
    file: str | None = option(None, "a file", metavar="FILE")
    colour: str | None = option(None, "a colour", metavar="COLOUR|FILE")
    save_file: str | None = option(None, "a file that is written", metavar="FILE")
    except_: str | None = option(None, "a word of Python")


MADE = fields_of(Made)


def test_kinds_follow_the_table():
    kinds = {one.name: one.kind for one in MADE}
    assert kinds == {
        "switch": "switch",
        "whole": "integer",
        "number": "number",
        "pair": "pair",
        "word": "choice",
        "text": "text",
        "network": "network",
        "file": "upload",
        "colour": "colour",
        "except": "text",
    }


def test_texts_become_values():
    values = {
        "switch": "on",
        "whole": " -3",
        "number": "1e-2",
        "pair": "1,2.5",
        "word": "b",
        "text": "x",
        "network": "u2net",
        "colour": "rgb(1, 2, 3)",
        "except": "dog",
    }
    assert read(MADE, values) == {
        "switch": True,
        "whole": -3,
        "number": 0.01,
        "pair": (1.0, 2.5),
        "word": "b",
        "text": "x",
        "network": "u2net",
        "colour": "rgb(1, 2, 3)",
        "except_": "dog",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("switch", "2"), ("switch", ""), ("whole", "1.0"), ("whole", "1" * 40), ("number", "nan"),
        ("number", "inf"),
        ("number", "-1e6"), ("pair", "1,1e300"),
        ("number", ""), ("pair", "1"), ("pair", "1,2,3"), ("pair", "1,x"),
        ("word", "c"), ("text", " "), ("text", "a\0b"), ("text", "x" * 4001), ("file", "a.png"),
        ("network", "a/b"), ("network", "..\\b"), ("network", "c:b"), ("network", "net.onnx"),
        ("network", "NET.ONNX"), ("network", "."), ("network", ""), ("network", "yolox:net"),
        ("colour", "/etc/passwd"), ("colour", "a.png"), ("colour", ""), ("colour", "./blur"),
        ("unknown", "1"), ("save_file", "x"), ("except_", "x"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(name, text):
    with pytest.raises(Refusal) as refused:
        read(MADE, {name: text})
    assert refused.value.status == 422
    assert refused.value.hint


@given(st.sampled_from([one.name for one in MADE]), st.text(max_size=40))
def test_any_text_is_a_value_or_refused(name, text):
    with contextlib.suppress(Refusal):  # and nothing else
        read(MADE, {name: text})


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_option_of_the_library_has_a_field(table):
    tasks = [task for task in TASKS.values() if table in (*task.tables, ReadOptions)]
    assert tasks
    for task in tasks:
        keys = {one.key for one in task.options}
        missing = {one.name for one in fields(table)} - keys - NOT_FOR_REQUESTS
        assert {name for name in missing if not name.startswith("save_")} == set()


def test_what_may_name_a_file_is_an_upload_or_checked():
    for table in TABLES:
        known = {one.key: one.kind for one in fields_of(table)}
        for one in fields(table):
            metavar = one.metadata.get("metavar") or ""
            if "FILE" in metavar or "DIR" in metavar:
                assert known.get(one.name) in (None, "upload", "colour"), one.name
            if "a .onnx file" in one.metadata["help"] or ":FILE" in one.metadata["help"]:
                assert known[one.name] == "network", one.name


OPENED = []
CANARY = "canary-2d1f"


def _watch(event, arguments):
    if event in ("open", "os.open", "os.listdir", "os.scandir") and CANARY in str(arguments[0]):
        OPENED.append(arguments[0])


@pytest.mark.parametrize("name", TASKS)
def test_no_text_of_a_request_is_opened_as_a_file(name, tmp_path, client, photo, networks):
    """Every field of every task gets the path of a file that is there; nobody opens it."""
    if not getattr(sys, "_nukki_watched", False):
        sys.addaudithook(_watch)  # cannot be taken away again
        sys._nukki_watched = True
    server = client()
    OPENED.clear()
    for ending in (".png", ".onnx", ".toml"):
        path = tmp_path / f"{CANARY}{ending}"
        path.write_bytes(photo)
        assert OPENED
        OPENED.clear()
        files = dict.fromkeys(TASKS[name].needed, photo)
        names = [one.name for one in TASKS[name].fields]
        usual = {"model": "bright", "instances": "finds", "fill": "fills"}
        texts = {key: usual[key] for key in usual if key in names}
        for field in [*names, "card", "url", "out"]:
            for text in (str(path), f"file://{path}", f"./{path.name}"):
                reply = server.post(f"/api/{name}", {**texts, field: text}, files)
                assert reply.status == 422, (field, text, reply.body)
    assert OPENED == []


def test_a_query_and_a_form_say_the_same_and_not_both():
    task, image = TASKS["remove"], {"image": b"x"}
    one = order_of(task, Form([("edges", "best")], image), [("grow", "2")])
    assert one.values == {"edges": "best", "grow": "2"}
    with pytest.raises(Refusal, match="`edges` must come once"):
        order_of(task, Form([("edges", "best")], image), [("edges", "fast")])
    with pytest.raises(Refusal, match="text or a file"):
        order_of(task, Form([("background", "red")], {**image, "background": b"x"}), [])


def test_arguments_are_those_of_the_functions():
    given = arguments(TASKS["segment"], {"what": "dog", "except": "1", "min_score": "0.5"})
    assert given == {"what": "dog", "except_": "1", "min_score": 0.5}
    assert arguments(TASKS["segment"], {"min_score": "auto"}) == {"min_score": "auto"}
    assert arguments(TASKS["remove"], {"format": "json", "mask": "true", "quality": "3"}) == {}


def test_hints_speak_of_fields():
    flags = {"allow_truncated", "binary"}
    for text, said in (
        ("add --background white, or write a PNG", "add background=white, or write a PNG"),
        ("add --allow-truncated to take it", "add allow_truncated=true to take it"),
        ("write --shadow-offset 8,12", "write shadow_offset=8,12"),
        ("leave out --blur", "leave out blur"),
        ("give --key '#3a5', or leave --key out", "give key=#3a5, or leave key out"),
        ("choose one of `nukki models list --task matting`", "choose one of GET /api/models"),
    ):
        assert in_words_of_forms(text, flags) == said


# --- the document


def test_the_document_has_every_task_and_field():
    paths = document()["paths"]
    for name, task in TASKS.items():
        said = paths[f"/api/{name}"]["post"]
        schema = said["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert set(schema["properties"]) == {
            *task.parts, *task.shown, *(one.name for one in task.fields)
        }  # fmt: skip
        assert set(schema["required"]) == set(task.needed)
        statuses = {int(status) for status in said["responses"]}
        assert {status for status, _ in CODES.values()} - statuses <= {404, 405}


def test_a_form_is_what_the_tests_say_it_is():
    assert b'name="a"\r\n\r\n1\r\n' in form({"a": 1})
