from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.fixture
def tiny(monkeypatch, place):
    """A checkpoint of a tiny network, known by the name tiny."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    import tiny_nets

    tiny_nets.known(monkeypatch)
    tiny_nets.traced_once(monkeypatch)
    torch.save(tiny_nets.state(), place / "tiny.pth")
    return place / "tiny.pth"


def complains(capsys, *words):
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    return all(word in said.err for word in words)


def test_a_file_is_made_and_used(nukki, tiny, photos, capsys):
    photos("a.jpg")
    assert nukki("convert", tiny, "--as", "tiny", "--half", "--check", "a.jpg") == 0
    said = capsys.readouterr()
    target = tiny.with_suffix(".onnx")
    assert said.out == f"{target}\n"
    lines = said.err.splitlines()
    assert lines[0] == f"reading {tiny}"
    assert lines[-1].startswith(f"wrote {target}: ")
    assert "GB of memory at most" in lines[-1] or sys.platform == "win32"
    assert any(line.startswith("  photo, 32 × 16: off by") for line in lines)
    card = target.with_suffix(".toml")
    assert nukki("remove", "a.jpg", "--model", target, "--card", card, "-o", "a.png") in (0, 3)

    capsys.readouterr()
    assert nukki("convert", tiny, "--as", "tiny") == 2
    assert complains(capsys, "exists", "--overwrite")
    assert nukki("convert", tiny, "--as", "tiny", "--overwrite", "--json", "--quiet") == 0
    said = capsys.readouterr()
    assert said.err == ""
    record = json.loads(said.out)
    (made,) = record["files"]
    assert made["path"] == str(target)
    assert made["stored"] is None
    assert len(made["verdicts"]) == 4


def test_wrong_wishes(nukki, tiny, capsys):
    assert nukki("convert", tiny, "--as", "tinny") == 2
    assert complains(capsys, "`tinny`")
    assert nukki("convert", "none.pth", "--as", "tiny") == 2
    assert not tiny.with_suffix(".onnx").exists()
    assert nukki("convert", tiny, "--as", "tiny", "--check", "none.jpg") == 2
    assert nukki("convert", tiny) == 2
    assert "--as" in capsys.readouterr().err


CARD = """
name = "mine"
title = "Mine"
task = "saliency"
commercial_use = "unclear"
origin = "here"
input.size = [32, 32]
output.index = 0
licence = {{ code = "MIT", weights = "MIT", data = "none" }}
files = [{{ name = "tiny.pth", convert = "{}" }}]
"""


@pytest.fixture
def mine(tiny):
    """Makes a network known whose card names the tiny checkpoint, which is fetched already."""
    from nukki import settings

    def make(convert):
        settings.cards_folder().mkdir(parents=True)
        (settings.cards_folder() / "mine.toml").write_text(CARD.format(convert), encoding="utf-8")
        folder = settings.models_folder() / "mine"
        folder.mkdir(parents=True)
        (folder / "tiny.pth").write_bytes(tiny.read_bytes())
        return folder

    return make


def test_get_makes_the_graph_of_a_checkpoint(nukki, mine, photos, capsys):
    folder = mine("tiny")
    photos("a.jpg")
    assert nukki("remove", "a.jpg", "--model", "mine") == 1
    assert complains(capsys, "is missing", "nukki models get mine")
    assert nukki("models", "get", "mine") == 0
    said = capsys.readouterr()
    assert said.out == f"{folder / 'mine.onnx'}\n"
    assert "its card" not in said.err
    assert not (folder / "mine.toml").exists()
    assert nukki("remove", "a.jpg", "--model", "mine", "-o", "a.png") in (0, 3)
    capsys.readouterr()
    assert nukki("models", "get", "mine", "--quiet") == 0
    assert capsys.readouterr().out == said.out
    assert nukki("models", "verify", "mine") == 0


def test_get_says_at_once_what_it_cannot_convert(nukki, mine, monkeypatch, capsys):
    mine("stranger")
    assert nukki("models", "get", "mine", "--quiet") == 2
    assert complains(capsys, "`stranger`")


def test_torch_that_is_missing(nukki, place, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.startswith(("nukki.convert", "nukki.nets")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert nukki("convert", "a.pth", "--as", "u2net") == 2
    assert complains(capsys, "torch", 'pip install "nukki[convert]"')


def test_the_names_are_those_of_the_registry():
    pytest.importorskip("torch")
    from nukki.cli.convert import NAMES
    from nukki.nets import registry

    assert NAMES == registry.NAMES


def test_help_is_light():
    code = (
        "import sys; from nukki.cli.main import main; main(['convert', '--help']); "
        "print(*sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)), sep=',')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert "birefnet_swin_v1_t" in done.stdout
    assert done.stdout.splitlines()[-1] == ""
