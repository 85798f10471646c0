"""A file is written whole or stays as it was."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest

from nukki.errors import OutputError
from nukki.io.files import load, write


def names(folder):
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    return path


def test_written_and_replaced(old):
    write(old, b"new")
    assert old.read_bytes() == b"new"
    assert names(old.parent) == ["picture.png"]
    assert load(old) == (str(old), b"new")


@pytest.mark.parametrize("call", ["fsync", "write", "replace"])
def test_a_full_disk_leaves_the_old_file(old, monkeypatch, call):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif call == "replace":
        monkeypatch.setattr(type(old), "replace", full)
    else:
        opened = os.fdopen

        def fdopen(*args, **options):
            file = opened(*args, **options)

            class Full:
                __enter__ = lambda self: self  # noqa: E731
                __exit__ = lambda self, *_: file.close()  # noqa: E731
                write = full

            return Full()

        monkeypatch.setattr(os, "fdopen", fdopen)
    with pytest.raises(OutputError, match="No space") as caught:
        write(old, b"new")
    assert "space" in caught.value.hint
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["picture.png"]


def test_an_interrupt_leaves_nothing(old, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(old, b"new")
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["picture.png"]


def test_missing_folder_and_folder_as_target(tmp_path):
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "no" / "a.png", b"x")
    assert "create the folder" in caught.value.hint
    with pytest.raises(OutputError, match="folder"):
        write(tmp_path, b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write(tmp_path / "file" / "a.png", b"x")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_the_umasks_or_the_old_files(tmp_path, old):
    before = os.umask(0o027)
    try:
        write(tmp_path / "fresh.png", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh.png").stat().st_mode) == 0o640
    old.chmod(0o600)
    write(old, b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_is_not_ours(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "a.png", b"x")
    assert "may write" in caught.value.hint


def test_permission_denied_by_the_system(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(OutputError, match="denied") as caught:
        write(tmp_path / "a.png", b"x")
    assert "may write" in caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_stays_a_link(tmp_path, old):
    link = tmp_path / "link.png"
    link.symlink_to(old)
    write(link, b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"


def test_devices_are_written_to_not_replaced():
    write("/dev/null", b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


class Slow(io.RawIOBase):
    """Takes three bytes at a time, as a pipe may."""

    def __init__(self):
        self.taken = b""

    def writable(self):
        return True

    def write(self, data):
        self.taken += bytes(data[:3])
        return min(3, len(data))


def test_file_objects_get_all_bytes():
    slow, memory = Slow(), io.BytesIO()
    write(slow, b"0123456789")
    write(memory, b"0123456789")
    assert slow.taken == memory.getvalue() == b"0123456789"


def test_file_objects_that_cannot_take_them(tmp_path):
    for wrong in (io.StringIO(), 3.5, object()):
        with pytest.raises(OutputError):
            write(wrong, b"x")
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(OutputError):
        write(closed, b"x")

    class Stuck(Slow):
        def write(self, data):
            return None

    with pytest.raises(OutputError):
        write(Stuck(), b"x")


def test_long_names(tmp_path):
    name = "ä" * 100 + ".png"
    write(tmp_path / name, b"x")
    assert names(tmp_path) == [name]
