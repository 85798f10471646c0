"""Where training pictures come from: a commit of a git repository, a zip, or a folder.

All three look the same from outside: files in folders, read whole, and a record that says which
files they were. Nothing is unpacked, so no name in an archive can lead anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import subprocess
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nukki.errors import InputError

__all__ = ["FolderSource", "GitSource", "Source", "ZipSource", "open_source"]

_LARGEST = 1 << 30  # bytes of one file: none of these sets has a picture near it
_BAD_ZIP = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
    ValueError, OSError,
)  # fmt: skip


class Source(ABC):
    """Files in folders.

    Attributes:
        path: What the user named.
        label: The last part of that, for messages and records that say nothing of the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = path.resolve().name or str(path)

    @abstractmethod
    def files(self, folder: str) -> list[str]:
        """Names of the files directly in a folder ("" is the top), sorted; none, no folder: []."""

    @abstractmethod
    def folders(self) -> list[str]:
        """The folders at the top, sorted."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """A file, whole.

        Raises:
            InputError: If it is not there, damaged, or larger than a picture can be.
        """

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Which files these are: the commit, the digest of the zip, or of all that was read."""

    def close(self) -> None:  # noqa: B027 a folder has nothing to let go of
        """Let go of the files."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listed(self, folder: str) -> list[str]:
        """As `files`, but there must be some.

        Raises:
            InputError: If there is no such folder or no file in it.
        """
        names = self.files(folder)
        if names:
            return names
        has = ", ".join(f"`{name}`" for name in self.folders()[:6]) or "no folder at all"
        wanted = f"a folder `{folder}` with files in it" if folder else "files at its top"
        message = f"`{self.path}` must hold {wanted}, but it has {has}"
        raise InputError(message, hint="check the path, and which set it is given for")

    def named(self, path: str) -> str:
        """A file's name for messages."""
        return f"{self.label}/{path}"

    def _unreadable(self, path: str, reason: object) -> InputError:
        message = f"`{self.named(path)}` cannot be read: {reason}"
        return InputError(message, hint="fetch the file again")

    def _check_size(self, path: str, size: int) -> None:
        if size > _LARGEST:
            raise self._unreadable(path, f"it has {size:,} bytes, expected at most {_LARGEST:,}")


def open_source(path: Path, *, commit: str | None = None) -> Source:
    """Whichever of the three it is.

    Args:
        path: A zip, a folder, or a git repository (bare, or with files checked out).
        commit: What of a repository is read; None takes a folder as it lies there, repository
            or not.

    Raises:
        InputError: If it does not exist or is none of them, or has no such commit.
    """
    if path.is_file():
        return ZipSource(path)
    if not path.is_dir():
        message = f"`{path}` does not exist: expected a folder, a zip or a git repository"
        raise InputError(message, hint="check the path")
    if commit is not None:
        for folder in (path / ".git", path):
            if folder.name == ".git" and folder.exists():
                return GitSource(path, folder, commit)
            if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
                return GitSource(path, folder, commit)
    return FolderSource(path)


class FolderSource(Source):
    """A folder on the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._read: dict[str, str] = {}

    def files(self, folder: str) -> list[str]:
        """Names of the files directly in a folder."""
        return self._inside(folder, lambda path: path.is_file())

    def folders(self) -> list[str]:
        """The folders at the top."""
        return self._inside("", lambda path: path.is_dir())

    def _inside(self, folder: str, wanted: Callable[[Path], bool]) -> list[str]:
        place = self.path / folder
        try:
            return sorted(path.name for path in place.iterdir() if wanted(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            message = f"`{place}` cannot be read: {error.strerror or error}"
            raise InputError(message, hint="check its permissions") from error

    def read(self, path: str) -> bytes:
        """A file, whole."""
        file = self.path / path
        try:
            self._check_size(path, file.stat().st_size)
            data = file.read_bytes()
        except OSError as error:
            raise self._unreadable(path, error.strerror or error) from error
        self._read[path] = hashlib.sha256(data).hexdigest()
        return data

    def record(self) -> dict[str, Any]:
        """How many files were read, and the digest of their names and contents."""
        lines = "".join(f"{path}\t{digest}\n" for path, digest in sorted(self._read.items()))
        digest = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
        return {"kind": "folder", "files": len(self._read), "sha256": digest}


class ZipSource(Source):
    """A zip that is read in place."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with path.open("rb") as file:
                self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._zip = zipfile.ZipFile(path)
        except _BAD_ZIP as error:
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"`{path}` must be a zip, a folder or a git repository: {reason}"
            raise InputError(message, hint="check the path, or fetch the zip again") from error
        try:
            self._entries = self._checked()
        except BaseException:
            self._zip.close()
            raise

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        """Files by name: each once, each below the top."""
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            name = info.filename
            parts = name.rstrip("/").split("/")
            if (
                name.startswith("/")
                or "\\" in name
                or ":" in parts[0]
                or {"", ".", ".."} & {*parts}
            ):
                message = f"`{self.path}` holds `{name}`, a name that could lead out of it"
                raise InputError(message, hint="such a zip is not to be trusted: fetch it again")
            if name in entries:
                message = f"`{self.path}` holds `{name}` twice"
                raise InputError(message, hint="fetch or make the zip again")
            if not info.is_dir():
                entries[name] = info
        return entries

    def files(self, folder: str) -> list[str]:
        """Names of the files directly in a folder."""
        places = (name.rpartition("/") for name in self._entries)
        return sorted(name for place, _, name in places if place == folder)

    def folders(self) -> list[str]:
        """The folders at the top."""
        return _tops(self._entries)

    def read(self, path: str) -> bytes:
        """A file, whole, its checksum compared."""
        info = self._entries.get(path)
        if info is None:
            raise self._unreadable(path, "the zip holds no such file")
        self._check_size(path, info.file_size)
        try:
            return self._zip.read(info)
        except _BAD_ZIP as error:
            raise self._unreadable(path, error) from error

    def record(self) -> dict[str, Any]:
        """The digest of the zip."""
        return {"kind": "zip", "name": self.label, "sha256": self._sha256}

    def close(self) -> None:
        """Close the zip."""
        self._zip.close()


class GitSource(Source):
    """A commit of a git repository, read from its objects; what is checked out does not matter."""

    def __init__(self, path: Path, git_folder: Path, commit: str) -> None:
        super().__init__(path)
        # A repository that lacks objects must not fetch them: only `zoo` goes to the internet.
        self._git = ["git", "-c", "protocol.allow=never", "--git-dir", str(git_folder)]
        self._batch: subprocess.Popen[bytes] | None = None
        name = f"{commit}^{{commit}}"
        said = self._run("rev-parse", "--verify", "--end-of-options", name, wanted=commit)
        self._commit = said.decode().strip()
        listing = self._run("ls-tree", "-r", "-z", "--full-tree", self._commit, wanted=commit)
        self._blobs = dict(_regular_files(listing))

    def _run(self, *words: str, wanted: str) -> bytes:
        try:
            done = subprocess.run([*self._git, *words], capture_output=True, check=True)
        except FileNotFoundError as error:
            message = f"`{self.path}` is a git repository, but `git` is not installed"
            hint = "install git, or give a folder or zip with the files of the commit"
            raise InputError(message, hint=hint) from error
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            reason = _last_line(getattr(error, "stderr", None)) or str(error)
            message = f"`{self.path}` must be a git repository with the commit {wanted}: {reason}"
            hint = "fetch that commit, or name another by --duts-commit or --portraits-commit"
            raise InputError(message, hint=hint) from error
        return done.stdout

    def files(self, folder: str) -> list[str]:
        """Names of the files directly in a folder."""
        places = (name.rpartition("/") for name in self._blobs)
        return sorted(name for place, _, name in places if place == folder)

    def folders(self) -> list[str]:
        """The folders at the top."""
        return _tops(self._blobs)

    def read(self, path: str) -> bytes:
        """A file, whole, its hash compared."""
        blob = self._blobs.get(path)
        if blob is None:
            raise self._unreadable(path, "the commit holds no such file")
        try:
            return self._blob(path, blob)
        except InputError:
            self.close()  # a new one is started for the next file
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise self._unreadable(path, "the repository is damaged there") from error

    def _blob(self, path: str, blob: str) -> bytes:
        if self._batch is None:
            self._batch = subprocess.Popen(
                [*self._git, "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        asked, told = self._batch.stdin, self._batch.stdout
        if asked is None or told is None:
            raise BrokenPipeError(path)
        asked.write(f"{blob}\n".encode())
        asked.flush()
        head = told.readline().split()  # `HASH blob SIZE`, or `HASH missing`
        if head[1:] == [b"missing"]:
            raise self._unreadable(path, "the copy of the repository lacks it, or it is damaged")
        if len(head) != 3:
            raise BrokenPipeError(path)
        size = int(head[2])
        self._check_size(path, size)
        data = told.read(size)
        if len(data) != size or told.read(1) != b"\n":
            raise BrokenPipeError(path)
        if _object_name(data, len(blob)) != blob:
            raise ValueError(path)
        return data

    def record(self) -> dict[str, Any]:
        """The full name of the commit."""
        return {"kind": "git", "commit": self._commit}

    def close(self) -> None:
        """End the process that reads objects."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        for pipe in (batch.stdin, batch.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            batch.wait(timeout=5)
        except subprocess.TimeoutExpired:
            batch.kill()
            batch.wait()


def _regular_files(listing: bytes) -> Iterable[tuple[str, str]]:
    """Path and object of every regular file in the answer of `ls-tree -r -z`."""
    for row in listing.split(b"\0"):
        head, _, path = row.partition(b"\t")
        mode, _, rest = head.partition(b" ")
        if mode.startswith(b"100"):  # neither links nor submodules
            yield path.decode("utf-8", "replace"), rest.split()[1].decode()


def _object_name(data: bytes, digits: int) -> str:
    """What git calls a file of this content (Pro Git, 10.2, "Object Storage")."""
    kind = "sha1" if digits == 40 else "sha256"
    whole = b"blob %d\0" % len(data) + data
    return hashlib.new(kind, whole, usedforsecurity=False).hexdigest()


def _tops(paths: Iterable[str]) -> list[str]:
    return sorted({path.partition("/")[0] for path in paths if "/" in path})


def _last_line(text: bytes | None) -> str:
    lines = (text or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
