"""Graphs that were made of a checkpoint on this machine, carried to another and verified there."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from nukki import settings
from nukki.errors import ChecksumMismatch, FetchError, InputError
from nukki.zoo import bundle, catalog, store
from nukki.zoo.cards import ModelFile
from nukki.zoo.fetch import ensure

CHECKPOINT, GRAPH = b"tensors" * 1000, b"graph" * 3000
HEAD = """
name = "{name}"
title = "Mine"
task = "{task}"
commercial_use = "unclear"
origin = "https://example.org"
licence = {{ code = "MIT", weights = "MIT", data = "none" }}
[[files]]
name = "weights.pth"
urls = ["https://example.org/weights.pth"]
digest = "sha256:{digest}"
convert = "u2netp"
[input]
size = [64, 64]
"""
PROMPTS = """
[prompts]
embedding = "e"
points = "p"
labels = "l"
masks = "m"
scores = "s"
"""


@pytest.fixture
def known():
    """Makes a network known that is published as a checkpoint."""

    def make(name="mine", task="saliency"):
        settings.cards_folder().mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(CHECKPOINT).hexdigest()
        text = HEAD.format(name=name, task=task, digest=digest)
        text += PROMPTS if task == "prompted" else "[output]\n"
        (settings.cards_folder() / f"{name}.toml").write_text(text)
        return catalog.find(name)

    return make


def made(card):
    """Writes what a conversion does: the network's graphs, and nothing else."""
    store.folder(card).mkdir(parents=True, exist_ok=True)
    for path in store.graphs(card):
        path.write_bytes(GRAPH + path.name.encode())
    ensure(card)
    return card


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def rewrite(path, changes):
    """The same zip with entries replaced, left out (None) or added."""
    with zipfile.ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()} | changes
    with zipfile.ZipFile(path, "w") as target:
        for name, data in entries.items():
            if data is not None:
                target.writestr(name, data)


@pytest.mark.parametrize(
    ("task", "graphs"),
    [("saliency", ["mine.onnx"]), ("prompted", ["mine.encoder.onnx", "mine.decoder.onnx"])],
)
def test_graphs_are_carried_and_the_checkpoint_is_not(known, tmp_path, monkeypatch, task, graphs):
    card = made(known(task=task))
    assert [file.name for file in store.running(card)] == graphs
    bundle.place(card, _written(tmp_path / "weights.pth", CHECKPOINT))
    archive = bundle.export(["mine"], tmp_path / "models.zip")
    inside = [f"models/mine/{graph}" for graph in graphs]
    assert names(archive) == ["manifest.json", "cards/mine.toml", *inside]
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    (card,) = bundle.import_bundle(archive)
    assert store.where(card) == "fetched"
    assert ensure(card, offline=True).read_bytes() == GRAPH + graphs[0].encode()
    for file in store.running(card):
        stamp = store.read_stamp(store.locate(card, file))
        assert stamp.sha256 == hashlib.sha256(GRAPH + file.name.encode()).hexdigest()
    assert not store.locate(card, card.files[0]).exists()


def test_a_network_of_the_package_needs_no_card_from_the_bundle(tmp_path, monkeypatch):
    card = made(catalog.find("maskrcnn-r50"))
    archive = bundle.export(["maskrcnn-r50"], tmp_path / "models.zip")
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    assert bundle.import_bundle(archive) == (card,)
    assert ensure(card, offline=True).read_bytes() == GRAPH + b"maskrcnn-r50.onnx"
    assert not settings.cards_folder().exists()


def test_the_manifest_is_what_graphs_are_checked_against(known, tmp_path, monkeypatch):
    made(known())
    archive = bundle.export(["mine"], tmp_path / "models.zip")
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    intact = archive.read_bytes()
    length = len(GRAPH + b"mine.onnx")
    rewrite(archive, {"models/mine/mine.onnx": b"x" * length})
    with pytest.raises(ChecksumMismatch, match="nothing was placed"):
        bundle.import_bundle(archive)
    archive.write_bytes(intact)
    rewrite(archive, {"models/mine/mine.onnx": None})
    with pytest.raises(InputError, match=r"must hold `models/mine/mine\.onnx`"):
        bundle.import_bundle(archive)
    archive.write_bytes(intact)
    rewrite(archive, {"models/mine/weights.pth": CHECKPOINT})
    with pytest.raises(InputError, match="hold only what its manifest names"):
        bundle.import_bundle(archive)
    assert not list(settings.models_folder().rglob("*.onnx"))


def test_a_bundle_of_checkpoints_is_still_taken(known, tmp_path, monkeypatch):
    """As they were made before graphs were carried."""
    made(known())
    archive = bundle.export(["mine"], tmp_path / "models.zip")
    row = {
        "name": "weights.pth",
        "size_bytes": len(CHECKPOINT),
        "sha256": hashlib.sha256(CHECKPOINT).hexdigest(),
    }
    manifest = {
        "format": "nukki-models",
        "version": 1,
        "models": [{"name": "mine", "files": [row]}],
    }
    changes = {
        "manifest.json": json.dumps(manifest).encode(),
        "models/mine/mine.onnx": None,
        "models/mine/weights.pth": CHECKPOINT,
    }
    rewrite(archive, changes)
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    (card,) = bundle.import_bundle(archive)
    assert store.locate(card, card.files[0]).read_bytes() == CHECKPOINT
    assert store.where(card) == "not fetched"


def test_what_was_not_converted_or_has_changed_is_not_bundled(known, tmp_path):
    card = known()
    bundle.place(card, _written(tmp_path / "weights.pth", CHECKPOINT))
    with pytest.raises(FetchError, match=r"mine\.onnx` is missing") as caught:
        bundle.export(["mine"], tmp_path / "models.zip")
    assert "models get mine" in caught.value.hint
    made(card)
    store.graphs(card)[0].write_bytes(b"changed")
    with pytest.raises(ChecksumMismatch, match="as first fetched"):
        bundle.export(["mine"], tmp_path / "models.zip")
    assert not (tmp_path / "models.zip").exists()


def test_a_graph_made_elsewhere_is_placed(known, tmp_path):
    card = known()
    path = bundle.place(card, _written(tmp_path / "any name.ONNX", GRAPH))
    assert path == store.graphs(card)[0]
    assert ensure(card, offline=True).read_bytes() == GRAPH
    assert store.where(card) == "fetched"
    path.write_bytes(b"changed")
    with pytest.raises(ChecksumMismatch):
        ensure(card, offline=True)
    bundle.place(card, _written(tmp_path / "new.onnx", GRAPH * 2))
    assert ensure(card, offline=True).read_bytes() == GRAPH * 2


def test_of_two_graphs_the_name_decides(known, tmp_path):
    card = known(task="prompted")
    with pytest.raises(InputError, match=r"must be one of mine\.encoder\.onnx, mine\.decoder"):
        bundle.place(card, _written(tmp_path / "mine.onnx", GRAPH))
    for name in ("mine.encoder.onnx", "mine.decoder.onnx"):
        bundle.place(card, _written(tmp_path / name, GRAPH))
    assert store.where(card) == "fetched"


def test_a_checkpoint_is_placed_if_it_is_the_one_of_the_card(known, tmp_path):
    card = known()
    path = bundle.place(card, _written(tmp_path / "downloaded.pth", CHECKPOINT))
    assert path == store.locate(card, card.files[0])
    assert store.where(card) == "not fetched"
    own = _written(tmp_path / "own.pth", b"other tensors")
    with pytest.raises(ChecksumMismatch, match="nothing was placed") as caught:
        bundle.place(card, own)
    assert f"nukki convert {own} --as u2netp" in caught.value.hint
    assert path.read_bytes() == CHECKPOINT


def test_running_files_of_a_published_graph_are_the_cards(make_card):
    card = make_card("https://example.org/net.onnx")
    assert store.running(card) == card.files
    assert store.running(catalog.find("u2netp"))[0].digest.startswith("md5:")
    assert store.running(catalog.find("lama")) == (ModelFile("lama.onnx"),)


def _written(path, data):
    path.write_bytes(data)
    return path
