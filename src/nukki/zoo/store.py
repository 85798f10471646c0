"""Where fetched files lie, and how they are known to be the right ones.

Everything of a network lies in `settings.models_folder() / NAME`: its files, beside each a stamp
(`FILE.stamp`, JSON) with the sha256 that was computed when the whole file was last read, and while
a download runs a `FILE.part`. A file whose size and time are those of its stamp is not read again:
a network of a gigabyte would cost seconds at each start. `check(..., whole=True)` reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from nukki import settings
from nukki.errors import ChecksumMismatch, FetchError, InputError
from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard, ModelFile

__all__ = [
    "Hashes",
    "Progress",
    "Stamp",
    "check",
    "folder",
    "graphs",
    "locate",
    "locked",
    "remove",
    "running",
    "settle",
    "unpin",
    "where",
]

Progress = Callable[[int, int | None], None]

CHUNK = 1 << 20
LOCK_TIMEOUT = 3600.0  # seconds: another process may be fetching a gigabyte
FREE_FOLDER = "set NUKKI_HOME to a folder that may be written to"


class Hashes:
    """The sha256 of a stream, and its md5 where the card's digest is one."""

    def __init__(self, digest: str | None) -> None:
        self.expected = digest
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if _kind(digest) == "md5" else None

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(chunk)
        if self._md5 is not None:
            self._md5.update(chunk)

    @property
    def sha256(self) -> str:
        """The sha256 so far, in hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def got(self) -> str:
        """What was found, written as the card writes it."""
        if self._md5 is not None:
            return f"md5:{self._md5.hexdigest()}"
        if self.expected is not None and _kind(self.expected) == "sha256-prefix":
            return f"sha256-prefix:{self.sha256[: len(self.expected.split(':')[1])]}"
        return f"sha256:{self.sha256}"

    @property
    def match(self) -> bool:
        """Whether it is what the card names; True where the card names nothing."""
        return self.expected is None or self.got == self.expected


def _kind(digest: str | None) -> str:
    return digest.split(":", 1)[0] if digest else ""


@dataclass(frozen=True)
class Stamp:
    """What was true of a file when it was last read in whole.

    Attributes:
        size: Bytes.
        mtime_ns: The file's time of change.
        sha256: Of the whole file, hexadecimal. This is the pin where the card has no digest.
        digest: What the card asked for then.
    """

    size: int
    mtime_ns: int
    sha256: str
    digest: str | None


def folder(card: ModelCard) -> Path:
    """Where the network's fetched files lie."""
    return settings.models_folder() / card.name


def part_path(card: ModelCard, file: ModelFile) -> Path:
    """Where a file lies while it arrives."""
    return folder(card) / f"{file.name}.part"


def locate(card: ModelCard, file: ModelFile) -> Path:
    """Where a file lies, or would lie."""
    return (catalog.WEIGHTS if file.embedded else folder(card)) / file.name


def running(card: ModelCard) -> tuple[ModelFile, ...]:
    """The files that run: published ones, or those made by conversion.

    No card has digests of the latter, which differ with PyTorch's version; they are pinned where
    they are first seen.
    """
    if card.convert is None:
        return card.files
    return tuple(ModelFile(name) for name in card.graphs)


def graphs(card: ModelCard) -> tuple[Path, ...]:
    """Where the files that run lie, or would lie."""
    return tuple(locate(card, file) for file in running(card))


def where(card: ModelCard) -> str:
    """One of "embedded", "fetched" and "not fetched"; the files are not read.

    Of a network that is converted its graphs count: the checkpoint is not needed any more.
    """
    if card.embedded:
        return "embedded"
    present = bool(card.files) and all(path.is_file() for path in graphs(card))
    return "fetched" if present else "not fetched"


def check(card: ModelCard, file: ModelFile, *, whole: bool = False) -> str:
    """Whether the file that lies there is the one of the card.

    Args:
        card: The network.
        file: One of its files, which is there.
        whole: Read it in any case, though its stamp says that nothing changed.

    Returns:
        The sha256 of the file, hexadecimal.

    Raises:
        ChecksumMismatch: If it is another one; nothing is deleted.
        FetchError: If it cannot be read.
    """
    path = locate(card, file)
    stamp = read_stamp(path)
    try:
        state = path.stat()
        unchanged = stamp is not None and (stamp.size, stamp.mtime_ns, stamp.digest) == (
            state.st_size,
            state.st_mtime_ns,
            file.digest,
        )
        if stamp is not None and unchanged and not whole:
            return stamp.sha256
        hashes = hash_file(path, file.digest)
    except OSError as error:
        message = f"`{path}` cannot be read: {error.strerror or error}"
        raise FetchError(message, hint="look at the file's permissions") from error
    pin = stamp.sha256 if stamp is not None and stamp.digest == file.digest else None
    if not hashes.match or pin not in (None, hashes.sha256):
        expected = f"sha256:{pin}, as first fetched" if hashes.match else file.digest
        got = f"sha256:{hashes.sha256}" if hashes.match else hashes.got
        message = f"`{path}` must have {expected}, got {got}; it was left where it is"
        hint = f"run `nukki models remove {card.name}`, then `nukki models get {card.name}`"
        raise ChecksumMismatch(message, hint=None if file.embedded else hint)
    if not file.embedded:
        with contextlib.suppress(OSError):  # a folder that is read only is read at each start
            write_stamp(path, hashes, file.digest)
    return hashes.sha256


def hash_file(path: Path, digest: str | None) -> Hashes:
    """Read a whole file."""
    hashes = Hashes(digest)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            hashes.update(chunk)
    return hashes


def settle(card: ModelCard, file: ModelFile, part: Path, hashes: Hashes) -> Path:
    """Move a verified file from its temporary name to its own, and stamp it.

    Raises:
        FetchError: If the folder does not let it.
    """
    target = folder(card) / file.name
    try:
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
        write_stamp(target, hashes, file.digest)
    except OSError as error:
        raise unwritable(target, error) from error
    return target


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.stamp")


def read_stamp(path: Path) -> Stamp | None:
    """The stamp of a file; None where there is none that can be understood."""
    try:
        values = json.loads(_stamp_path(path).read_text(encoding="utf-8"))
        stamp = Stamp(**values)
    except (OSError, ValueError, TypeError):
        return None
    return stamp if len(str(stamp.sha256)) == 64 else None


def write_stamp(path: Path, hashes: Hashes, digest: str | None) -> None:
    """Note what the file is, atomically."""
    state = path.stat()
    stamp = Stamp(state.st_size, state.st_mtime_ns, hashes.sha256, digest)
    # A name of its own: threads may stamp one file at once.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.stamp")
    temporary.write_text(json.dumps(asdict(stamp), indent=1) + "\n", encoding="utf-8")
    temporary.replace(_stamp_path(path))


def unpin(card: ModelCard) -> None:
    """Forget what a network's graphs were, because they are made anew.

    Raises:
        FetchError: If the folder does not let it.
    """
    for path in map(_stamp_path, graphs(card)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error


def remove(card: ModelCard) -> tuple[Path, ...]:
    """Delete a network's fetched files, and what fetching left beside them.

    Returns:
        The network's files that were deleted; empty where none was there.

    Raises:
        InputError: If the network is part of the package.
        FetchError: If the folder does not let it.
    """
    if card.embedded:
        message = f"`{card.name}` is part of the package and cannot be removed"
        raise InputError(message)
    home = folder(card)
    if not home.is_dir():
        return ()
    gone = []
    names = {file.name for file in card.files} | set(card.graphs)
    with locked(card):
        for name in sorted(names):
            for path in sorted(home.glob(f"{name}*")):
                if path.name == name or path.suffix in (".stamp", ".part"):
                    try:
                        path.unlink()
                    except OSError as error:
                        raise unwritable(path, error) from error
                    gone.append(path)
    with contextlib.suppress(OSError):  # what else lies there is the user's
        (home / ".lock").unlink()
        home.rmdir()
    return tuple(path for path in gone if path.name in names)


@contextlib.contextmanager
def locked(card: ModelCard) -> Iterator[Path]:
    """Hold the network's folder against other processes; makes it where it is missing.

    Raises:
        FetchError: If the folder cannot be made or written to, or is held for an hour.
    """
    from filelock import FileLock, Timeout

    home = folder(card)
    lock = FileLock(home / ".lock", timeout=LOCK_TIMEOUT)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        message = f"`{home}` has been held by another process for {LOCK_TIMEOUT:.0f} s"
        raise FetchError(message, hint="end the other process, then try again") from error
    except (OSError, NotImplementedError) as error:
        raise unwritable(home, error) from error
    try:
        yield home
    finally:
        lock.release()


def unwritable(path: Path, error: Exception) -> FetchError:
    """The error for a folder or a disk that does not take the files."""
    reason = getattr(error, "strerror", None) or error
    message = f"`{path}` cannot be written: {reason}"
    return FetchError(message, hint=FREE_FOLDER)
