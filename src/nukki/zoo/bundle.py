"""Networks carried by hand to a machine without a network: one zip out, the same zip in.

models.zip
├── manifest.json             {"format": "nukki-models", "version": 1, "models": [...]}
├── cards/NAME.toml
└── models/NAME/FILE          stored, not deflated: weights do not shrink, and nothing can swell

An import looks up the names that the manifest and the card spell out and never takes a path from
the archive; a network that the package knows is checked against the package's own card. Of a
network that is converted the graphs are carried, not the checkpoint: the machine that takes them in
needs no PyTorch. No card has their digests, so those of the manifest are what they are checked
against, and pinned.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from nukki import settings
from nukki.errors import CardError, ChecksumMismatch, FetchError, InputError, OutputError
from nukki.zoo import catalog, store
from nukki.zoo.cards import ModelCard, ModelFile, parse_card
from nukki.zoo.store import CHUNK, Hashes

__all__ = ["export", "import_bundle", "place"]

FORMAT = "nukki-models"
VERSION = 1
MAX_TEXT = 1 << 20  # bytes of a manifest or a card
MAX_ENTRIES = 1000
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same networks give the same bytes


def export(names: Sequence[str], target: str | Path, *, overwrite: bool = False) -> Path:
    """Write networks that are on this machine into one zip.

    Args:
        names: The networks; those of the package itself need no bundle.
        target: The zip; written under a temporary name and renamed.
        overwrite: Whether an existing file may be replaced.

    Raises:
        UnknownModel: For a name that is none.
        InputError: For an embedded network, or an existing target.
        FetchError: If a network is not on this machine, or a file is not the one of its card.
        OutputError: If the zip cannot be written.
    """
    target = Path(target)
    if target.exists() and not overwrite:
        message = f"`{target}` exists already"
        raise InputError(message, hint="add --overwrite, or give another name")
    models = [_exportable(name) for name in dict.fromkeys(names)]
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            manifest = {"format": FORMAT, "version": VERSION, "models": [m for _, _, m in models]}
            _put(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
            for card, text, _ in models:
                _put(archive, f"cards/{card.name}.toml", text)
                for file in store.running(card):
                    _put_file(archive, _entry_name(card, file), store.locate(card, file))
        temporary.replace(target)
    except OSError as error:
        message = f"`{target}` cannot be written: {error.strerror or error}"
        raise OutputError(message, hint="give a place that may be written to") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _exportable(name: str) -> tuple[ModelCard, bytes, dict[str, Any]]:
    """A network's card, the card's text, and its row in the manifest; its files are read whole."""
    card = catalog.find(name)
    if card.embedded:
        message = f"`{name}` is part of the package and needs no bundle"
        raise InputError(message, hint="leave it out")
    rows = []
    for file in store.running(card):
        path = store.locate(card, file)
        if not path.is_file():
            message = f"`{path}` is missing, so `{name}` cannot be bundled"
            raise FetchError(message, hint=f"run `nukki models get {name}` first")
        sha256 = store.check(card, file, whole=True)
        rows.append({"name": file.name, "size_bytes": path.stat().st_size, "sha256": sha256})
    return card, catalog.card_path(name).read_bytes(), {"name": name, "files": rows}


def _entry_name(card: ModelCard, file: ModelFile) -> str:
    return f"models/{card.name}/{file.name}"


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _put_file(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as sink:
        shutil.copyfileobj(source, sink, CHUNK)


def import_bundle(source: str | Path) -> tuple[ModelCard, ...]:
    """Take in the networks of a bundle: all of them, or none.

    Args:
        source: A zip that `export` wrote.

    Returns:
        The cards of the networks that are on this machine now.

    Raises:
        InputError: If it is not a bundle, or holds what a bundle does not.
        CardError: If a card in it is broken, or another one of that name is here already.
        ChecksumMismatch: If a file is not the one of its card or its manifest.
        FetchError: If the folder does not take the files.
    """
    source = Path(source)
    try:
        with zipfile.ZipFile(source) as archive:
            return _Import(source, archive).run()
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        message = f"`{source}` must be a bundle of models, got a broken or another file: {error}"
        raise InputError(message, hint="make it again by `nukki models bundle`") from error
    except OSError as error:
        if isinstance(error, FetchError):
            raise
        message = f"`{source}` cannot be read: {error.strerror or error}"
        raise InputError(message, hint="give the path of a bundle") from error


class _Import:
    """One bundle on its way in."""

    def __init__(self, source: Path, archive: zipfile.ZipFile) -> None:
        self.source = source
        self.archive = archive
        self.entries = self._checked_entries()

    def refuse(self, expected: str, got: object, cause: Exception | None = None) -> NoReturn:
        message = f"`{self.source}` must {expected}, got {got!r}"
        raise InputError(message, hint="make it again by `nukki models bundle`") from cause

    def _checked_entries(self) -> dict[str, zipfile.ZipInfo]:
        """Entries by name: each once, stored, and together no larger than the archive."""
        infos = self.archive.infolist()
        if len(infos) > MAX_ENTRIES:
            self.refuse(f"hold at most {MAX_ENTRIES} entries", len(infos))
        entries = {info.filename: info for info in infos}
        if len(entries) != len(infos):
            names = [info.filename for info in infos]
            self.refuse("name each entry once", sorted(names))
        for info in infos:
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                self.refuse("hold plain stored entries", info.filename)
        if sum(info.file_size for info in infos) > self.source.stat().st_size:
            total = sum(info.file_size for info in infos)
            self.refuse("hold no more than its own size", total)
        return entries

    def run(self) -> tuple[ModelCard, ...]:
        rows = self._manifest()
        known = {"manifest.json"}
        models = []
        for row in rows:
            card, text = self._card(row["name"])
            carried = _carried(card, row)
            known |= {f"cards/{card.name}.toml", *(_entry_name(card, file) for file in carried)}
            models.append((card, text, row))
        strange = sorted(set(self.entries) - known)
        if strange:
            self.refuse("hold only what its manifest names", strange[0])
        with ExitStack() as stack:
            staged = []
            for card, _, row in models:
                stack.enter_context(store.locked(card))
                for file in _carried(card, row):
                    part = stack.enter_context(_temporary(card, file))
                    staged.append((card, file, part, self._unpack(card, file, part, row)))
            for _, text, _ in models:
                if text is not None:
                    _write_card(*text)
            for card, file, part, hashes in staged:
                store.settle(card, file, part, hashes)
        return tuple(card for card, _, _ in models)

    def _text(self, name: str) -> bytes:
        info = self.entries.get(name)
        if info is None:
            self.refuse(f"hold `{name}`", sorted(self.entries)[:5])
        if info.file_size > MAX_TEXT:
            self.refuse(f"hold at most {MAX_TEXT} bytes in `{name}`", info.file_size)
        return self.archive.read(info)

    def _manifest(self) -> list[dict[str, Any]]:
        try:
            manifest = json.loads(self._text("manifest.json"))
        except (ValueError, RecursionError) as error:
            self.refuse("hold a manifest in JSON", str(error), error)
        head = manifest if isinstance(manifest, dict) else {}
        if (head.get("format"), head.get("version")) != (FORMAT, VERSION):
            got = (head.get("format"), head.get("version"))
            self.refuse(f"be of the format {FORMAT} {VERSION}", got)
        rows = head.get("models")
        if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
            self.refuse("list its models with name, size_bytes and sha256", rows)
        if len({row["name"] for row in rows}) != len(rows):
            self.refuse("name each model once", [row["name"] for row in rows])
        return rows

    def _card(self, name: str) -> tuple[ModelCard, tuple[Path, bytes] | None]:
        """The card to check against; with it the text to write, where it is new here."""
        if catalog.is_own(name):
            return catalog.find(name), None
        entry = f"cards/{name}.toml"
        data = self._text(entry)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.refuse(f"hold UTF-8 in `{entry}`", str(error), error)
        card = parse_card(text, source=f"{self.source}/{entry}")
        if card.name != name or card.embedded:
            self.refuse(f"hold the card of `{name}` in `{entry}`", card.name)
        path = settings.cards_folder() / f"{card.name}.toml"
        if not path.exists():
            return card, (path, data)
        if path.read_bytes() != data:
            message = f"`{path}` is another card than the bundle's `{entry}`"
            raise CardError(message, hint="move your card away, then import again")
        return card, None

    def _unpack(self, card: ModelCard, file: ModelFile, part: Path, row: dict[str, Any]) -> Hashes:
        name = _entry_name(card, file)
        listed = {each["name"]: each for each in row["files"]}.get(file.name)
        info = self.entries.get(name)
        if info is None or listed is None:
            self.refuse(f"hold `{name}`", sorted(self.entries)[:5])
        if info.file_size != listed["size_bytes"]:
            self.refuse(f"hold {listed['size_bytes']} bytes as `{name}`", info.file_size)
        with self.archive.open(info) as stream:
            hashes = _copy(stream, part, card, file, str(self.source))
        if hashes.sha256 != listed["sha256"]:
            stated = f"sha256:{listed['sha256']}"
            raise _mismatch(self.source / name, stated, hashes)
        return hashes


def _carried(card: ModelCard, row: dict[str, Any]) -> tuple[ModelFile, ...]:
    """The files of a network that a bundle has to hold; earlier ones held checkpoints."""
    listed = {each["name"] for each in row["files"]}
    old = not listed & set(card.graphs) and card.files[0].name in listed
    return card.files if old else store.running(card)


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        return False
    files = row.get("files")
    return isinstance(files, list) and all(
        isinstance(file, dict)
        and isinstance(file.get("name"), str)
        and isinstance(file.get("size_bytes"), int)
        and isinstance(file.get("sha256"), str)
        for file in files
    )


def place(card: ModelCard, source: str | Path) -> Path:
    """Put a file that was fetched or made by hand where it belongs, if it is the right one.

    Args:
        card: The network. If it is converted, an .onnx file is taken for its graph, which is
            pinned; any other for the checkpoint, which still has to be converted.
        source: The file; of a network with several, the one of that name.

    Raises:
        InputError: If there is no such file, or the network has none of that name.
        ChecksumMismatch: If it is not the one of the card; nothing is placed.
        FetchError: If the folder does not take it.
    """
    source = Path(source)
    if card.embedded:
        message = f"`{card.name}` is part of the package: no file is to be placed"
        raise InputError(message)
    file = _wanted(card, source)
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(source.open("rb"))
        except OSError as error:
            message = f"`{source}` cannot be read: {error.strerror or error}"
            raise InputError(message, hint="give the path of the file") from error
        stack.enter_context(store.locked(card))
        part = stack.enter_context(_temporary(card, file))
        try:
            hashes = _copy(stream, part, card, file, str(source))
        except ChecksumMismatch as error:
            if file.convert is None:
                raise
            hint = (
                f"convert a checkpoint of your own by `nukki convert {source} --as {file.convert}`"
            )
            raise ChecksumMismatch(error.message, hint=hint) from error
        return store.settle(card, file, part, hashes)


def _wanted(card: ModelCard, source: Path) -> ModelFile:
    """Which of a network's files the user's is."""
    made = card.convert is not None and source.suffix.lower() == ".onnx"
    files = {file.name: file for file in (store.running(card) if made else card.files)}
    file = next(iter(files.values())) if len(files) == 1 else files.get(source.name)
    if file is None:
        message = f"`{source.name}` must be one of {', '.join(files)}"
        raise InputError(message, hint="name the file as its card does")
    return file


@contextmanager
def _temporary(card: ModelCard, file: ModelFile) -> Iterator[Path]:
    """A free name in the network's folder, deleted afterwards if it was not renamed."""
    try:
        handle, name = tempfile.mkstemp(".part", f"{file.name}.", store.folder(card))
    except OSError as error:
        raise store.unwritable(store.folder(card), error) from error
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(stream: IO[bytes], part: Path, card: ModelCard, file: ModelFile, source: str) -> Hashes:
    """Copy to `part` and verify against the card."""
    hashes = Hashes(file.digest)
    size = 0
    try:
        with part.open("wb") as sink:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if file.size_bytes is not None and size > file.size_bytes:
                    break
                sink.write(chunk)
                hashes.update(chunk)
    except OSError as error:
        raise store.unwritable(part, error) from error
    if file.size_bytes not in (None, size):
        message = (
            f"`{source}` must hold {file.size_bytes} bytes of `{file.name}` of `{card.name}`, "
            f"got {'more' if size > (file.size_bytes or 0) else size}; nothing was placed"
        )
        raise ChecksumMismatch(message, hint=f"fetch it again from {card.origin or 'its origin'}")
    if not hashes.match:
        raise _mismatch(source, file.digest, hashes)
    return hashes


def _mismatch(source: str | Path, expected: str | None, hashes: Hashes) -> ChecksumMismatch:
    got = f"sha256:{hashes.sha256}" if hashes.match else hashes.got
    message = f"`{source}` must have {expected}, got {got}; nothing was placed"
    return ChecksumMismatch(message, hint="fetch the file again")


def _write_card(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise store.unwritable(path, error) from error
