"""Bundles: what goes out comes in, and what was tampered with does not."""

from __future__ import annotations

import json
import warnings
import zipfile

import pytest

from nukki import settings
from nukki.errors import CardError, ChecksumMismatch, FetchError, InputError, UnknownModel
from nukki.zoo import bundle, catalog, store
from nukki.zoo.fetch import ensure


@pytest.fixture
def mine(make_card, tmp_path):
    """A network of the user's, placed by hand."""
    settings.cards_folder().mkdir(parents=True)
    text = make_card.text("https://example.org/net.onnx", name="mine", size=len(make_card.data))
    (settings.cards_folder() / "mine.toml").write_text(text)
    source = tmp_path / "downloaded.bin"
    source.write_bytes(make_card.data)
    card = catalog.find("mine")
    bundle.place(card, source)
    return card


@pytest.fixture
def archive(mine, tmp_path, monkeypatch):
    """A bundle of that network, and a home without it."""
    path = bundle.export(["mine"], tmp_path / "models.zip")
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    return path


def rewrite(path, change):
    """The same zip with its entries changed: `change(dict of name → bytes)`."""
    with zipfile.ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as target:
        for name, data in entries.items():
            target.writestr(name, data)


def nothing_came_in():
    homes = [settings.models_folder(), settings.cards_folder()]
    files = [path for home in homes for path in home.rglob("*") if path.is_file()]
    return [path.name for path in files if path.name != ".lock"] == []


def test_a_file_placed_by_hand(mine, make_card):
    path = ensure(mine, offline=True)
    assert path.read_bytes() == make_card.data
    assert store.where(mine) == "fetched"


def test_a_wrong_file_is_not_placed(mine, tmp_path, make_card):
    wrong = tmp_path / "wrong.onnx"
    for data in (b"x" * len(make_card.data), b"short", make_card.data + b"long"):
        wrong.write_bytes(data)
        with pytest.raises(ChecksumMismatch, match="nothing was placed"):
            bundle.place(mine, wrong)
    assert ensure(mine, offline=True).read_bytes() == make_card.data
    assert not list(store.folder(mine).glob("*.part"))


def test_what_cannot_be_placed(mine, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        bundle.place(mine, tmp_path / "none.onnx")
    with pytest.raises(InputError, match="part of the package"):
        bundle.place(catalog.find("subject"), tmp_path / "none.onnx")


def test_there_and_back(archive, make_card):
    (card,) = bundle.import_bundle(archive)
    assert card.name == "mine"
    assert catalog.find("mine") == card
    assert ensure(card, offline=True).read_bytes() == make_card.data
    assert bundle.import_bundle(archive) == (card,)  # again: the same card is there


def test_the_same_networks_give_the_same_bytes(mine, tmp_path):
    one = bundle.export(["mine"], tmp_path / "one.zip").read_bytes()
    assert bundle.export(["mine", "mine"], tmp_path / "two.zip").read_bytes() == one


def test_what_cannot_be_bundled(mine, tmp_path):
    target = tmp_path / "models.zip"
    for name, error in (
        ("subject", InputError),
        ("u2net", FetchError),
        ("nonsense", UnknownModel),
    ):
        with pytest.raises(error):
            bundle.export(["mine", name], target)
    assert not target.exists()
    target.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        bundle.export(["mine"], target)
    bundle.export(["mine"], target, overwrite=True)
    assert zipfile.is_zipfile(target)
    store.locate(mine, mine.files[0]).write_bytes(b"changed")
    with pytest.raises(ChecksumMismatch):
        bundle.export(["mine"], tmp_path / "changed.zip")
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["models.zip"]


def test_a_changed_file(archive):
    rewrite(archive, lambda entries: entries.update({"models/mine/net.onnx": b"x" * 524288}))
    with pytest.raises(ChecksumMismatch):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def test_bytes_flipped_in_the_archive(archive):
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises((InputError, ChecksumMismatch)):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def test_a_changed_card_does_not_excuse_a_changed_file_of_the_packages(archive, make_card):
    """The package's own card is what an own name is checked against."""

    def change(entries):
        manifest = json.loads(entries["manifest.json"])
        manifest["models"][0]["name"] = "u2netp"
        manifest["models"][0]["files"][0]["name"] = "u2netp.onnx"
        entries["manifest.json"] = json.dumps(manifest).encode()
        entries["models/u2netp/u2netp.onnx"] = entries.pop("models/mine/net.onnx")
        card = entries.pop("cards/mine.toml").decode()
        card = card.replace("'mine'", "'u2netp'").replace("net.onnx", "u2netp.onnx")
        entries["cards/u2netp.toml"] = card.encode()

    rewrite(archive, change)
    with pytest.raises(ChecksumMismatch, match="u2netp"):
        bundle.import_bundle(archive)
    assert nothing_came_in()


@pytest.mark.parametrize("name", ["../../evil.toml", "/etc/evil", "models/mine/../x", "extra.txt"])
def test_entries_that_do_not_belong(archive, name):
    rewrite(archive, lambda entries: entries.update({name: b"evil"}))
    with pytest.raises(InputError, match="hold only what its manifest names"):
        bundle.import_bundle(archive)
    assert nothing_came_in()


@pytest.mark.parametrize("name", ["../mine", "..", "a/b", "MINE", ""])
def test_names_that_lead_elsewhere(archive, name):
    def change(entries):
        manifest = json.loads(entries["manifest.json"])
        manifest["models"][0]["name"] = name
        entries["manifest.json"] = json.dumps(manifest).encode()
        card = entries["cards/mine.toml"].decode().replace("'mine'", f"'{name}'")
        entries[f"cards/{name}.toml"] = card.encode()

    rewrite(archive, change)
    with pytest.raises(InputError):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def change_manifest(**changes):
    def change(entries):
        manifest = json.loads(entries["manifest.json"])
        entries["manifest.json"] = json.dumps({**manifest, **changes}).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        change_manifest(format="other"),
        change_manifest(version=2),
        change_manifest(models="mine"),
        change_manifest(models=[{"name": "mine"}]),
        change_manifest(models=[{"name": "mine", "files": []}]),
        change_manifest(models=[{"name": "mine", "files": [{"name": "net.onnx"}]}]),
        lambda entries: entries.pop("manifest.json"),
        lambda entries: entries.update({"manifest.json": b"{"}),
        lambda entries: entries.update({"manifest.json": b"[]"}),
        lambda entries: entries.update({"manifest.json": b" " * (2 << 20)}),
        lambda entries: entries.pop("cards/mine.toml"),
        lambda entries: entries.update({"cards/mine.toml": b"\xff"}),
        lambda entries: entries.update({"cards/mine.toml": b"name = 1"}),
        lambda entries: entries.pop("models/mine/net.onnx"),
        lambda entries: entries.update({"models/mine/net.onnx": b"short"}),
    ],
)
def test_bundles_that_are_none(archive, change):
    rewrite(archive, change)
    with pytest.raises(InputError):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def test_a_bomb_is_not_unpacked(archive):
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("models/mine/more.bin", bytes(50_000_000))
    assert archive.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="plain stored entries"):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def test_entries_that_stand_twice(archive, make_card):
    with zipfile.ZipFile(archive, "a") as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target.writestr("models/mine/net.onnx", make_card.data)
    with pytest.raises(InputError, match="name each entry once"):
        bundle.import_bundle(archive)


def test_another_card_of_that_name_is_not_replaced(archive, make_card):
    settings.cards_folder().mkdir(parents=True)
    path = settings.cards_folder() / "mine.toml"
    path.write_text(make_card.text("https://example.org/other.onnx", name="mine"))
    before = path.read_bytes()
    with pytest.raises(CardError, match="another card"):
        bundle.import_bundle(archive)
    assert path.read_bytes() == before
    assert not list(settings.models_folder().rglob("*.onnx"))


def test_files_that_are_no_archive(tmp_path):
    path = tmp_path / "models.zip"
    with pytest.raises(InputError, match="cannot be read"):
        bundle.import_bundle(path)
    path.write_bytes(b"PK not really")
    with pytest.raises(InputError, match="must be a bundle"):
        bundle.import_bundle(path)


def test_sizes_beyond_the_archive_are_refused(archive):
    """As entries that overlap, or a directory that lies, would have them."""
    with zipfile.ZipFile(archive, "a") as target:
        target.getinfo("models/mine/net.onnx").file_size = 10**9
        target.writestr("manifest2.json", b"")  # so that the directory is written anew
    with pytest.raises(InputError, match="hold no more than its own size"):
        bundle.import_bundle(archive)
    assert nothing_came_in()


def test_a_file_without_a_published_digest_is_checked_by_the_manifest(
    make_card, tmp_path, monkeypatch
):
    settings.cards_folder().mkdir(parents=True)
    text = make_card.text("https://example.org/net.onnx", name="mine", digest=None)
    (settings.cards_folder() / "mine.toml").write_text(text)
    source = tmp_path / "downloaded.bin"
    source.write_bytes(b"weights")
    bundle.place(catalog.find("mine"), source)
    archive = bundle.export(["mine"], tmp_path / "models.zip")
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "elsewhere"))
    intact = archive.read_bytes()
    rewrite(archive, lambda entries: entries.update({"models/mine/net.onnx": b"changed"}))
    with pytest.raises(ChecksumMismatch):
        bundle.import_bundle(archive)
    assert nothing_came_in()
    archive.write_bytes(intact)
    (card,) = bundle.import_bundle(archive)
    assert ensure(card, offline=True).read_bytes() == b"weights"
