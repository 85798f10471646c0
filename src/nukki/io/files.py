"""Bytes from paths and pipes, and bytes to them, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

from nukki.errors import InputError, OutputError

__all__ = ["load", "write"]

_MISSING_FOLDER = "create the folder `{}` first"


def load(
    source: str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
) -> tuple[str, bytes]:
    """A name for messages, and all the bytes.

    Raises:
        InputError: If there is no such file, it cannot be read, or the source is none of these.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return "bytes", bytes(source)
    if isinstance(source, str | PathLike):
        return _load_path(Path(source))
    if hasattr(source, "read"):
        return _load_file(source)
    message = (
        f"`{type(source).__name__}` is not a picture: "
        "expected a path, bytes, a binary file, a PIL image or an array"
    )
    raise InputError(message, hint="pass a path, or an array of uint8 or uint16")


def write(target: str | PathLike[str] | BinaryIO, data: bytes) -> None:
    """Write all of `data`; a path gets the finished file or stays as it was.

    The bytes go to a new file in the same folder, are forced to the disk, and take the name in one
    step; whatever fails, the temporary file is removed. A new file has the permissions that the
    user's umask gives, an old one keeps its own.

    Raises:
        OutputError: If the folder or the file cannot be written, the disk is full, or the target
            is a folder.
    """
    if not isinstance(target, str | PathLike):
        _write_file(target, data)
        return
    path = Path(target)
    try:
        path = path.resolve()  # through a link: the file it names changes, not the link
        if path.is_dir():
            message = f"`{path}` is a folder: expected the name of a file"
            raise OutputError(message, hint="add a file name to the folder")
        if _is_special(path):
            path.write_bytes(data)
            return
        _replace(path, data)
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise _output_error(path, error) from error


def _load_path(path: Path) -> tuple[str, bytes]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            message = f"`{path}` is a folder: expected a picture file"
            raise InputError(message, hint="name a picture in it, or pass the folder to the batch")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            message = f"`{path}` is a device: expected a picture file"
            raise InputError(message, hint="name a picture file")
        return str(path), path.read_bytes()
    except FileNotFoundError as error:
        message = f"`{path}` does not exist: expected a picture file"
        raise InputError(message, hint="check the path") from error
    except (OSError, ValueError) as error:
        message = f"`{path}` cannot be read: {_reason(error)}"
        raise InputError(message, hint="check the path and its permissions") from error


def _load_file(source: BinaryIO) -> tuple[str, bytes]:
    name = getattr(source, "name", None)
    name = name if isinstance(name, str) else "file object"
    try:
        data = cast("object", source.read())
    except (OSError, ValueError) as error:
        message = f"`{name}` cannot be read: {_reason(error)}"
        raise InputError(message, hint="pass an open binary file") from error
    if isinstance(data, bytes | bytearray | memoryview):
        return name, bytes(data)
    message = f"`{name}` gives {type(data).__name__}: expected bytes"
    raise InputError(message, hint='open the file in binary mode, "rb"')


def _write_file(target: BinaryIO, data: bytes) -> None:
    """All bytes to a binary file: raw ones may take only a part at a time."""
    rest = memoryview(data)
    try:
        while rest:
            taken = cast("int | None", target.write(rest))
            if taken is None:
                if isinstance(target, io.RawIOBase):
                    raise BlockingIOError(errno.EAGAIN, "the pipe is full and does not block")
                return  # a writer that takes all and does not count
            rest = rest[taken:]
    except TypeError as error:
        message = f"`{type(target).__name__}` does not take bytes: expected a path or a binary file"
        raise OutputError(message, hint='open the file in binary mode, "wb"') from error
    except (OSError, ValueError, AttributeError) as error:
        raise _output_error(getattr(target, "name", "file object"), error) from error


def _is_special(path: Path) -> bool:
    """Whether the path is a device or a pipe, which is written to, never replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # 0666 here means: what the umask leaves of it, as for any file the user makes.
    descriptor = os.open(part, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _output_error(path: object, error: Exception) -> OutputError:
    message = f"`{path}` cannot be written: {_reason(error)}"
    code = error.errno if isinstance(error, OSError) else None
    hints: dict[int | None, str] = {
        errno.ENOENT: _MISSING_FOLDER.format(Path(str(path)).parent),
        errno.ENOTDIR: _MISSING_FOLDER.format(Path(str(path)).parent),
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that you may write to",
        errno.ENOSPC: "free some space on the disk",
        errno.EDQUOT: "free some space on the disk",
    }
    return OutputError(message, hint=hints.get(code, "choose another target"))


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
