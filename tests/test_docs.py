"""What the documents say is there: names, commands, flags, scripts, the table of models.

A check that reads a document takes its text, so that each is shown to fail on a wrong one.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

import nukki

ROOT = Path(__file__).resolve().parents[1]
# The plan speaks of commands that are still to come.
EXEMPT = {ROOT / "docs" / "design.md"}
PAGES = [
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted(ROOT.glob("docs/**/*.md")),
        *sorted(ROOT.glob("examples/**/*.md")),
    )
    if path not in EXEMPT
]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


# --- names


def documented_names(text):
    """Names that have a heading "### `name`", with or without what follows the name."""
    return set(re.findall(r"^### `(\w+)", text, flags=re.MULTILINE))


def test_the_api_page_documents_every_public_name_and_no_other():
    assert documented_names(read("docs/api.md")) == set(nukki.__all__)


def test_names_are_found_in_headings_only():
    text = "### `remove`\n### `Box(left, top)`\n#### `deeper`\n`word`\n### plain\n"
    assert documented_names(text) == {"remove", "Box"}


# --- commands


def shell_lines(text):
    """Lines of fenced shell blocks, continued lines joined, prompts dropped."""
    for block in re.findall(
        r"^```(?:sh|bash|console|shell)\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    ):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            yield re.sub(r"^\s*\$ ", "", line).strip()


def calls(text):
    """Every call of nukki in shell blocks, as words after `nukki`; also behind pipes and &&."""
    for line in shell_lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split = True
        words = list(lexer)
        starts = [place for place, word in enumerate(words) if is_nukki(words, place)]
        for start in starts:
            rest = words[start + 1 :]
            end = next((n for n, word in enumerate(rest) if set(word) <= set("|&;<>()")), len(rest))
            yield rest[:end]


def is_nukki(words, place):
    """Whether a command starts here: at the line's start, after an operator or a setting."""
    before = words[place - 1] if place else ";"
    starts = set(before) <= set("|&;()") or re.fullmatch(r"\w+=.*", before) or before == "-m"
    return words[place] == "nukki" and bool(starts)


@cache
def command_line():
    from nukki.cli.main import parser

    return parser()


def subparsers(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def unknown_words(words):
    """The commands and flags among a call's words that the command line does not have."""
    here, flags = command_line(), set()
    flags |= set(here._option_string_actions)
    for word in words:
        below = subparsers(here)
        if word in below:
            here = below[word]
            flags |= set(here._option_string_actions)
        elif below and not word.startswith("-"):
            return [word]
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    return [word for word in given if word not in flags]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_call_in_a_document_is_understood(page):
    if not page.exists():
        pytest.fail(f"{page.relative_to(ROOT)} is not there")
    text = page.read_text(encoding="utf-8")
    wrong = {" ".join(words): unknown for words in calls(text) if (unknown := unknown_words(words))}
    assert wrong == {}


def test_every_command_is_in_the_readme_or_its_pages():
    """A command that no document shows is not found by anyone."""
    shown = {words[0] for page in PAGES for words in calls(page.read_text("utf-8")) if words}
    assert set(subparsers(command_line())) <= shown


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("nukki remove a.jpg -o b.png --edges best", []),
        ("$ nukki remove a.jpg \\\n    --edges=fast", []),
        ("cat a.jpg | nukki remove - --mask > b.png", []),
        ("NUKKI_THREADS=1 nukki doctor --json", []),
        ("python -m nukki doctor", []),
        ("nukki cutout a.jpg", ["cutout"]),
        ("nukki remove a.jpg --edge best", ["--edge"]),
        ("nukki remove a.jpg && nukki doctor --yaml", ["--yaml"]),
        ("nukki models lisst", ["lisst"]),
        ("pip install nukki --upgrade  # nukki --nonsense", []),
    ],
)
def test_a_wrong_call_is_found(line, unknown):
    text = f"Text: nukki nonsense\n\n```sh\n{line}\n```\n\n```python\nnukki.nonsense\n```\n"
    assert [word for words in calls(text) for word in unknown_words(words)] == unknown


# --- scripts


def named_scripts(text):
    """Scripts of this checkout that a document names."""
    return set(re.findall(r"(?<![\w/])((?:scripts|\.ci)/\w+(?:\.\w+)?)", text))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_scripts_that_are_named_exist_and_run(name):
    scripts = named_scripts(read(name))
    assert scripts, "no script is named"
    for script in scripts:
        assert (ROOT / script).is_file(), script
        if not Path(script).suffix and script != "scripts/environment":
            assert os.access(ROOT / script, os.X_OK), f"{script} is not executable"


def test_named_scripts_are_found():
    text = "Run `scripts/demo`, then\n    bash .ci/run\nand see my/scripts/other, scripts/."
    assert named_scripts(text) == {"scripts/demo", ".ci/run"}


# --- links


def local_links(text):
    """Targets of links and pictures that lie in this checkout, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(page):
    broken = [t for t in local_links(page.read_text("utf-8")) if not (page.parent / t).exists()]
    assert broken == []


def test_local_links_are_found():
    text = "[a](b.md#c) ![p](d/e.png) [w](https://example.org) [t](#here)"
    assert local_links(text) == ["b.md", "d/e.png"]


# --- cards


def cards_in(text):
    """Fenced blocks of TOML."""
    return re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_cards_on_the_api_page_are_cards():
    from nukki.zoo.cards import parse_card

    tasks = {
        parse_card(card, source="x", brief=True).task for card in cards_in(read("docs/api.md"))
    }
    assert {"saliency", "semantic", "instances", "prompted", "matting", "inpainting"} <= tasks


# --- models, versions


def between(text, start, end):
    """The text between two markers; None where they are not there."""
    found = re.search(f"{re.escape(start)}\\n(.*?){re.escape(end)}", text, re.DOTALL)
    return found[1].strip() if found else None


def test_the_table_of_models_is_made_from_the_cards():
    from nukki.zoo.table import markdown_table

    table = between(read("README.md"), "<!-- models -->", "<!-- /models -->")
    assert table == markdown_table().strip()


def test_markers_enclose_a_text():
    assert between("a\n<!-- x -->\nb\n<!-- /x -->", "<!-- x -->", "<!-- /x -->") == "b"
    assert between("a", "<!-- x -->", "<!-- /x -->") is None


def top_version(text):
    """The first version that a changelog has a heading for."""
    found = re.search(r"^## \[?v?([\w.]+)", text, flags=re.MULTILINE)
    return found[1] if found else None


def test_the_changelog_begins_with_this_version():
    assert top_version(read("CHANGELOG.md")) in {nukki.__version__, "Unreleased"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# Changes\n\n## 0.2.0 (2026-11-20)\n\n## 0.1.0\n", "0.2.0"),
        ("## [0.2.0]\n", "0.2.0"),
        ("## Unreleased\n", "Unreleased"),
        ("# 0.1.0\n", None),
    ],
)
def test_the_top_version(text, version):
    assert top_version(text) == version
