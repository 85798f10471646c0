"""What documents say of the examples, and of what others' parameters become."""

from __future__ import annotations

import re

import pytest

from examples_loaded import EXAMPLES, ROOT
from nukki.serve import removebg
from nukki.serve.bodies import Form
from nukki.serve.refusals import Refusal
from nukki.serve.removebg import order_of, wish_of
from nukki.serve.tasks import TASKS
from nukki.zoo import catalog

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(EXAMPLES.rglob("*.md"))]
MIGRATING = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
# Of remove.bg's public description.
THEIRS = {
    "image_file",
    "image_file_b64",
    "image_url",
    "size",
    "type",
    "type_level",
    "format",
    "roi",
    "crop",
    "crop_margin",
    "scale",
    "position",
    "channels",
    "add_shadow",
    "shadow_type",
    "shadow_opacity",
    "semitransparency",
    "bg_color",
    "bg_image_url",
    "bg_image_file",
}


def named_examples(text):
    """Paths below `examples` that a text names."""
    return set(re.findall(r"(?<![\w.-])(?:\.\./)*(examples/[\w./-]*\w)", text))


def table(text, heading):
    """Cells of the rows of the first table below a heading."""
    below = text.split(f"## {heading}\n", 1)[1]
    first = re.search(r"^\|.*?\n\n", below, re.MULTILINE | re.DOTALL)[0]
    rows = [line.strip("|").split("|") for line in first.strip().splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_that_are_named_are_there(page):
    missing = [
        path for path in named_examples(page.read_text("utf-8")) if not (ROOT / path).exists()
    ]
    assert missing == []


def test_every_example_is_named_by_a_document():
    """What no document leads to is found by nobody."""
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    for path in EXAMPLES.rglob("*"):
        if path.suffix in (".md", ".json", ".dockerignore") or not path.is_file():
            continue
        if "__pycache__" in path.parts or ".ipynb_checkpoints" in path.parts:
            continue
        assert any(path.name in text for text in texts.values()), path


def test_named_examples_are_found():
    text = "see [a](../examples/client.py), `examples/lambda/events`, my-examples/x, examples/."
    assert named_examples(text) == {"examples/client.py", "examples/lambda/events"}


def test_every_parameter_of_remove_bg_is_in_the_table_and_what_it_says_is_so():
    rows = table(MIGRATING, "From remove.bg")
    assert len(rows) == len(THEIRS)
    said = {row[0].strip("`"): row[1] for row in rows}
    assert set(said) == THEIRS
    assert set(said.values()) == {"taken", "refused"}
    known = {*removebg.fields(), *removebg.PARTS}
    assert {name for name, what in said.items() if what == "taken"} <= known
    for name in (name for name, what in said.items() if what == "refused"):
        with pytest.raises(Refusal):
            wish_of({name: "https://example.org/a.jpg" if "url" in name else "true"})


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"type_level": "2"}, True),
        ({"type_level": "latest"}, False),
        ({"add_shadow": "false", "shadow_type": "none"}, False),
        ({"shadow_type": "drop"}, True),
        ({"semitransparency": "false", "type": "car"}, True),
        ({"semitransparency": "false", "type": "person"}, False),
        ({"size": "50MP"}, False),
        ({"bg_color": "81d4fa80"}, True),
    ],
)
def test_values_of_remove_bg_are_taken_or_refused_as_the_table_says(values, refused):
    form = Form(texts=[*values.items()], files={"image_file": b"photo"})
    if refused:
        with pytest.raises(Refusal):
            order_of(form, max_pixels=1000, as_json=False)
    else:
        assert order_of(form, max_pixels=1000, as_json=False).values == values


def test_what_rembgs_fields_become_is_taken():
    rows = table(MIGRATING, "From rembg's server")
    theirs = " ".join(row[0] for row in rows)
    for name in ("file", "model", "a", "af", "ab", "ae", "om", "ppm", "bgc", "extras"):
        assert re.search(rf"`{name}[=`]", theirs), name
    task = TASKS["remove"]
    fields = {one.name: one for one in task.fields}
    said = [
        (name, value)
        for row in rows
        for name, value in re.findall(r"`(\w+)=([^`=…]*)`", f"{row[1]} {row[2]}")
        if row[1].find("/api/pick") < 0
    ]
    assert len(said) > 8
    for name, value in said:
        fields[name].value(value)  # raises where it is wrong
    assert "image" in task.parts
    assert set(TASKS["pick"].shown) == {"at", "not", "box"}


def test_networks_that_keep_their_names_are_there():
    below = MIGRATING.split("Networks keep their names:", 1)[1].partition(". ")[0]
    names = re.findall(r"`([\w-]+)`", below)
    assert len(names) == 14
    assert set(names) <= set(catalog.names())
