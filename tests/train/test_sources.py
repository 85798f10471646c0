"""Sources of training pictures: a commit, a zip, a folder look the same; none is trusted."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib

import pytest

from nukki.errors import InputError
from nukki.train import sources
from nukki.train.sources import FolderSource, GitSource, ZipSource, open_source
from training_sets import commit, git, write_folder, write_repository, write_zip

FILES = {"images/b.txt": b"bee", "images/a.txt": b"a", "images/deep/c.txt": b"c", "top.txt": b"t"}

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(params=["folder", "zip", pytest.param("git", marks=needs_git)])
def source(request, tmp_path):
    if request.param == "folder":
        opened = open_source(write_folder(tmp_path / "set", FILES))
    elif request.param == "zip":
        opened = open_source(write_zip(tmp_path / "set", FILES))
    else:
        path, head = write_repository(tmp_path / "set", FILES)
        opened = open_source(path, commit=head)
    with opened:
        yield opened


def test_all_three_list_and_read_alike(source):
    assert source.files("images") == ["a.txt", "b.txt"]
    assert source.files("") == ["top.txt"]
    assert source.files("nowhere") == []
    assert [name for name in source.folders() if name != ".git"] == ["images"]
    assert source.read("images/b.txt") == b"bee"
    assert source.read("images/deep/c.txt") == b"c"
    assert source.label == "set"


def test_a_file_that_is_not_there_is_named_and_the_next_is_read(source):
    with pytest.raises(InputError, match=r"`set/images/no\.txt` cannot be read"):
        source.read("images/no.txt")
    assert source.read("images/a.txt") == b"a"


def test_a_folder_that_is_not_there_is_named_with_those_that_are(source):
    with pytest.raises(InputError, match=r"must hold a folder `masks`.* it has .*`images`"):
        source.listed("masks")


def test_a_file_larger_than_any_picture_is_refused(source, monkeypatch):
    monkeypatch.setattr(sources, "_LARGEST", 2)
    with pytest.raises(InputError, match=r"`set/images/b\.txt`.* 3 bytes, expected at most 2"):
        source.read("images/b.txt")
    assert source.read("images/a.txt") == b"a"


def test_what_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no/where` does not exist"):
        open_source(tmp_path / "no" / "where")


# --- folders


def test_a_folder_is_known_by_what_was_read_of_it(tmp_path):
    one = FolderSource(write_folder(tmp_path / "one", FILES))
    two = FolderSource(write_folder(tmp_path / "two", {**FILES, "images/a.txt": b"other"}))
    assert one.record() == two.record()  # nothing was read
    for source in (one, two):
        source.read("images/b.txt")
    digest = hashlib.sha256(b"bee").hexdigest()
    line = f"images/b.txt\t{digest}\n".encode()
    expected = {"kind": "folder", "files": 1, "sha256": hashlib.sha256(line).hexdigest()}
    assert one.record() == two.record() == expected
    for source in (one, two):
        source.read("images/a.txt")
    assert one.record() != two.record()


@needs_git
def test_without_a_commit_a_repository_is_a_folder(tmp_path):
    path, _ = write_repository(tmp_path / "set", FILES)
    (path / "images" / "new.txt").write_bytes(b"new")
    assert open_source(path).files("images") == ["a.txt", "b.txt", "new.txt"]


def test_a_folder_that_is_no_repository_is_read_as_it_is(tmp_path):
    source = open_source(write_folder(tmp_path / "set", FILES), commit="abc")
    assert isinstance(source, FolderSource)


# --- zips


def test_a_zip_is_known_by_its_digest(tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    with open_source(path) as source:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.record() == {"kind": "zip", "name": "set.zip", "sha256": sha256}


@pytest.mark.parametrize(
    "name",
    ["../a.txt", "images/../../a.txt", "/etc/a.txt", "C:/a.txt", "images\\..\\a.txt", "./a.txt"],
)
def test_a_zip_whose_names_lead_out_of_it_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "set.zip", {"images/a.txt": b"a"})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name  # as it stands in the archive, whatever the system's separator
        archive.writestr(info, b"x")
    with pytest.raises(InputError, match="could lead out of it"):
        ZipSource(path)


def test_a_zip_that_names_a_file_twice_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", {"images/a.txt": b"a"})
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a") as archive,
    ):
        archive.writestr("images/a.txt", b"other")
    with pytest.raises(InputError, match=r"holds `images/a\.txt` twice"):
        ZipSource(path)


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_what_is_no_zip_is_refused(tmp_path, data):
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"set\.zip` must be a zip, a folder or a git repository"):
        open_source(path)


def test_a_truncated_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="must be a zip"):
        open_source(path)


def test_a_damaged_file_in_a_zip_is_named_and_the_next_is_read(tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    path.write_bytes(path.read_bytes().replace(b"bee", b"bea"))
    with open_source(path) as source:
        with pytest.raises(InputError, match=r"`set\.zip/images/b\.txt` cannot be read: Bad CRC"):
            source.read("images/b.txt")
        assert source.read("images/a.txt") == b"a"


# --- git


@needs_git
def test_what_is_read_is_the_commit_and_not_what_is_checked_out(tmp_path):
    path, first = write_repository(tmp_path / "set", FILES)
    commit(path, {"images/a.txt": b"later", "images/z.txt": b"z"})
    (path / "images" / "b.txt").unlink()
    with open_source(path, commit=first[:10]) as source:
        assert source.files("images") == ["a.txt", "b.txt"]
        assert source.read("images/a.txt") == b"a"
        assert source.read("images/b.txt") == b"bee"
        assert source.record() == {"kind": "git", "commit": first}


@needs_git
@pytest.mark.parametrize("bare", [True, False])
def test_a_repository_is_found_bare_or_as_a_git_folder(tmp_path, bare):
    path, head = write_repository(tmp_path / "set", FILES)
    if bare:
        git(tmp_path, "clone", "-q", "--bare", "set", "bare.git")
    with open_source(tmp_path / "bare.git" if bare else path / ".git", commit=head) as source:
        assert isinstance(source, GitSource)
        assert source.read("top.txt") == b"t"


@needs_git
def test_links_in_a_repository_are_passed_over(tmp_path):
    path, _ = write_repository(tmp_path / "set", FILES)
    (path / "images" / "link.txt").symlink_to("a.txt")
    with open_source(path, commit=commit(path, {})) as source:
        assert source.files("images") == ["a.txt", "b.txt"]


@needs_git
@pytest.mark.parametrize("name", ["e08375297908cacbca05f2d3780e0ad813490eb9", "--all", "no such"])
def test_a_commit_that_is_not_there_is_named(tmp_path, name):
    path, _ = write_repository(tmp_path / "set", FILES)
    with pytest.raises(InputError, match=f"with the commit {name}") as caught:
        open_source(path, commit=name)
    assert "--duts-commit" in caught.value.hint


@needs_git
def test_what_only_looks_like_a_repository_is_refused(tmp_path):
    path = write_folder(tmp_path / "set", {"HEAD": b"nonsense", "objects/x": b""})
    with pytest.raises(InputError, match="must be a git repository with the commit HEAD"):
        open_source(path, commit="HEAD")


@needs_git
def test_without_git_a_repository_is_refused(tmp_path, monkeypatch):
    path, head = write_repository(tmp_path / "set", FILES)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="`git` is not installed") as caught:
        open_source(path, commit=head)
    assert "install git" in caught.value.hint


def loose_object(path, head, name):
    """Where git keeps a file of a fresh repository."""
    blob = git(path, "rev-parse", f"{head}:{name}")
    return path / ".git" / "objects" / blob[:2] / blob[2:]


@needs_git
@pytest.mark.parametrize("damage", ["missing", "cut off", "another"])
def test_an_object_that_is_missing_or_damaged_is_named_and_the_next_is_read(tmp_path, damage):
    path, head = write_repository(tmp_path / "set", FILES)
    file = loose_object(path, head, "images/b.txt")
    data = file.read_bytes()
    file.chmod(0o600)
    if damage == "missing":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(data[: len(data) // 2])
    else:
        file.write_bytes(zlib.compress(b"blob 3\0bea"))
    with open_source(path, commit=head) as source:
        assert source.read("images/a.txt") == b"a"
        with pytest.raises(InputError, match=r"`set/images/b\.txt` cannot be read: .*damaged"):
            source.read("images/b.txt")
        assert source.read("images/a.txt") == b"a"


@needs_git
def test_git_is_started_again_when_it_ends(tmp_path):
    path, head = write_repository(tmp_path / "set", FILES)
    with open_source(path, commit=head) as source:
        assert source.read("images/a.txt") == b"a"
        source._batch.kill()
        source._batch.wait()
        with pytest.raises(InputError, match=r"`set/images/b\.txt` cannot be read"):
            source.read("images/b.txt")
        assert source.read("images/b.txt") == b"bee"
