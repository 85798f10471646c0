"""Prepared data: which picture goes where, the same every time, and whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nukki.errors import InputError, OutputError
from nukki.train import prepare
from nukki.train.prepare import Wishes, prepare_data
from nukki.train.prepared import check_prepared
from nukki.train.sets import SETS
from training_sets import (
    coco,
    coded,
    commit,
    duts,
    mask,
    matting,
    pairs,
    pets,
    photo,
    places,
    portraits,
    thing,
    tree,
    wishes,
    write_folder,
    write_repository,
    write_zip,
)

LIST = Path(__file__).resolve().parents[2] / "recipes" / "subject" / "duts_val.txt"
NINE = [f"p{number}" for number in range(9)]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def small(tmp_path):
    """A wish for DUTS out of a folder, and the files of that folder."""
    return wishes({"duts": write_folder(tmp_path / "duts", duts())}, tmp_path)


def stems(folder):
    return sorted(path.stem for path in folder.iterdir())


# --- what goes where


@needs_git
def test_all_sets_at_once(tmp_path):
    duts_files, people_files = duts(), pairs(NINE)
    repository, head = write_repository(tmp_path / "duts", duts_files)
    close, close_head = write_repository(tmp_path / "portraits", portraits())
    annotated = coco([thing(0, 40), thing(1, 2), thing(2, 40)])
    wish = wishes(
        {
            "duts": repository,
            "people": write_zip(tmp_path / "people.zip", people_files),
            "portraits": close / ".git",
            "pets": write_zip(tmp_path / "pets.zip", pets()),
            "coco": write_folder(tmp_path / "coco", annotated),
            "matting": write_zip(tmp_path / "matting.zip", matting()),
            "places": write_folder(tmp_path / "places", places()),
        },
        tmp_path,
        commits={"duts": head, "portraits": close_head},
    )
    to = tmp_path / "made"
    record = prepare_data(wish, to)
    assert {path.relative_to(to).as_posix(): stems(path) for path in to.glob("*/*/*")} == {
        "train/duts/images": ["a", "c", "d"],
        "train/duts/masks": ["a", "c", "d"],
        "validate/duts/images": ["b"],
        "validate/duts/masks": ["b"],
        "train/people/images": NINE[1:8],
        "train/people/masks": NINE[1:8],
        "held/people/images": ["p0", "p8"],
        "held/people/masks": ["p0", "p8"],
        "train/portraits/images": list("1234567"),
        "train/portraits/masks": list("1234567"),
        "held/portraits/images": ["0", "8"],
        "held/portraits/masks": ["0", "8"],
        "train/pets/images": list("1234567"),
        "train/pets/masks": list("1234567"),
        "held/pets/images": ["0", "8"],
        "held/pets/masks": ["0", "8"],
        "train/coco/images": ["000", "002"],
        "train/coco/masks": ["000", "002"],
        "train/matting/images": ["g1", "g2"],
        "train/matting/masks": ["g1", "g2"],
        "train/places/images": ["1", "2", "3"],
        "held/places/images": ["0", "4"],
    }
    files = tree(to)
    assert files["train/duts/images/a.jpg"] == duts_files["DUTS-TR-Image/a.jpg"]
    assert files["validate/duts/masks/b.png"] == duts_files["DUTS-TR-Mask/b.png"]
    assert files["held/people/images/p8.webp"] == people_files["images/p8.webp"]
    assert record["sets"]["duts"]["source"] == {"kind": "git", "commit": head}
    assert record["sets"]["portraits"]["source"] == {"kind": "git", "commit": close_head}
    assert check_prepared(to) == record


def test_the_record_says_what_was_made_from_what(small, tmp_path):
    to = tmp_path / "made"
    record = prepare_data(small, to)
    assert json.loads((to / "prepared.json").read_text("utf-8")) == record
    told = record["sets"]["duts"]
    assert told["pictures"] == {"train": 3, "validate": 1, "held": 0}
    assert told["left_out"] == [
        {"reason": "its mask is all but empty", "names": ["n04273569_3309"]}
    ]
    assert told["bad"] == []
    assert told["origin"] == SETS["duts"].origin
    assert told["terms"] == SETS["duts"].terms
    assert told["source"]["kind"] == "folder"
    names = (tmp_path / "names.txt").read_bytes()
    assert record["validate"] == {"names": 1, "sha256": hashlib.sha256(names).hexdigest()}
    files = {path: data for path, data in tree(to).items() if path != "prepared.json"}
    assert record["files"] == len(files) == 8
    assert record["bytes"] == sum(map(len, files.values()))
    sizes = "".join(f"{path}\t{len(data)}\n" for path, data in sorted(files.items()))
    assert record["names_and_sizes"] == hashlib.sha256(sizes.encode()).hexdigest()
    contents = "".join(
        f"{path}\t{hashlib.sha256(data).hexdigest()}\n" for path, data in sorted(files.items())
    )
    assert record["contents"] == hashlib.sha256(contents.encode()).hexdigest()
    assert str(tmp_path) not in json.dumps(record)  # nothing of the machine


def test_twice_is_the_same_bytes(tmp_path):
    sources = {
        "duts": write_folder(tmp_path / "duts", duts()),
        "portraits": write_folder(tmp_path / "portraits", portraits()),
        "pets": write_zip(tmp_path / "pets.zip", pets()),
    }
    wish = wishes(sources, tmp_path)
    for name in ("one", "two"):
        prepare_data(wish, tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_the_order_is_that_of_stems_and_not_of_file_names(tmp_path):
    """`a.jpg` comes after `a-1.jpg` among file names, before it among stems."""
    files = pairs(["a", "a-1"], ending="jpg")
    record = prepare_data(
        Wishes(sources={"people": write_folder(tmp_path / "people", files)}), tmp_path / "made"
    )
    assert stems(tmp_path / "made" / "held" / "people" / "images") == ["a"]
    assert record["validate"] is None


@needs_git
def test_another_commit_can_be_named(tmp_path):
    repository, first = write_repository(tmp_path / "duts", duts(["a", "b"]))
    second = commit(repository, duts(["a", "b", "c"]))
    for head, expected in ((first, ["a"]), (second, ["a", "c"])):
        wish = wishes({"duts": repository}, tmp_path, commits={"duts": head})
        prepare_data(wish, tmp_path / head)
        assert stems(tmp_path / head / "train" / "duts" / "images") == expected


@needs_git
def test_the_commit_that_was_used_is_the_default(tmp_path):
    repository, _ = write_repository(tmp_path / "duts", duts())
    with pytest.raises(InputError, match="e08375297908cacbca05f2d3780e0ad813490eb9"):
        prepare_data(wishes({"duts": repository}, tmp_path), tmp_path / "made")


def test_own_pictures_alone(tmp_path):
    own = write_folder(tmp_path / "photos", pairs(NINE, ending="png"))
    record = prepare_data(Wishes(own={"mine": own}), tmp_path / "made")
    assert stems(tmp_path / "made" / "held" / "mine" / "images") == ["p0", "p8"]
    assert stems(tmp_path / "made" / "train" / "mine" / "masks") == NINE[1:8]
    assert {path.suffix for path in (tmp_path / "made").rglob("images/*")} == {".jpg"}
    assert record["sets"]["mine"]["origin"] == "own pictures"


def test_own_pictures_beside_a_published_set(small, tmp_path):
    own = write_folder(tmp_path / "photos", pairs(NINE))
    wish = Wishes(sources=small.sources, validate=small.validate, own={"mine": own})
    assert list(prepare_data(wish, tmp_path / "made")["sets"]) == ["duts", "mine"]


@pytest.mark.parametrize("name", ["duts", "places", "", "Mine", "a/b", "..", "a b", "x" * 41])
def test_a_name_that_cannot_be_a_sets(tmp_path, name):
    own = write_folder(tmp_path / "photos", pairs(NINE))
    with pytest.raises(InputError, match="cannot name a set"):
        prepare_data(Wishes(own={name: own}), tmp_path / "made")


def test_the_list_of_names_has_five_hundred():
    names = LIST.read_text("utf-8").split()
    assert len(names) == len(set(names)) == 500
    assert "n04273569_3309" not in names


# --- sources that are not what they should be


def nothing_made(folder, before):
    """Neither the target, nor its parent, nor a temporary folder."""
    return sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"DUTS-TR-Mask/c.png": None}, r"c\.jpg` has no mask", id="no mask"),
        pytest.param({"DUTS-TR-Image/c.jpg": None}, r"c\.png` has no photo", id="no photo"),
        pytest.param(
            {"DUTS-TR-Image/c.png": coded(photo(), "PNG")}, "share a stem", id="two photos"
        ),
        pytest.param(
            {"DUTS-TR-Mask/c.webp": coded(mask(), "WEBP")}, "share a stem", id="two masks"
        ),
        pytest.param(
            {"DUTS-TR-Mask/c.png": coded(mask(15, 12), "PNG")},
            r"c\.jpg` is 16 × 12 pixels, but `.*c\.png` is 15 × 12",
            id="another size",
        ),
        pytest.param({"DUTS-TR-Image/c.jpg": b""}, r"c\.jpg` is empty", id="empty file"),
        pytest.param({"DUTS-TR-Image/c.jpg": b"hello"}, r"c\.jpg` is text", id="text"),
        pytest.param(
            {"DUTS-TR-Image/c.jpg": duts()["DUTS-TR-Image/c.jpg"][:-60]},
            r"duts/DUTS-TR-Image/c\.jpg` is truncated",
            id="truncated",
        ),
    ],
)
def test_a_bad_picture_in_the_middle(tmp_path, change, said):
    files = {**duts(), **change}
    files = {name: data for name, data in files.items() if data is not None}
    wish = wishes({"duts": write_folder(tmp_path / "duts", files)}, tmp_path)
    with pytest.raises(InputError, match=f"^duts: .*{said}") as caught:
        prepare_data(wish, tmp_path / "made")
    assert "--skip-bad" in caught.value.hint
    assert nothing_made(tmp_path, ["duts", "names.txt"])
    told = []
    wish = Wishes(sources=wish.sources, validate=wish.validate, skip_bad=True)
    record = prepare_data(
        wish, tmp_path / "made", watch=lambda done, total, problem: told.append(problem)
    )
    (bad,) = record["sets"]["duts"]["bad"]
    assert bad["name"] == "c"
    assert [problem for problem in told if problem] == [f"duts: {bad['reason']}"]
    assert record["sets"]["duts"]["pictures"] == {"train": 2, "validate": 1, "held": 0}
    assert stems(tmp_path / "made" / "train" / "duts" / "images") == ["a", "d"]


def test_a_bad_picture_moves_no_other(tmp_path):
    """Who is kept back is decided by all names, whatever can be read."""
    files = {**pairs(NINE), "images/p3.webp": b"broken", "images/p0.webp": b"broken"}
    wish = Wishes(sources={"people": write_folder(tmp_path / "people", files)}, skip_bad=True)
    record = prepare_data(wish, tmp_path / "made")
    assert stems(tmp_path / "made" / "held" / "people" / "images") == ["p8"]
    assert [bad["name"] for bad in record["sets"]["people"]["bad"]] == ["p0", "p3"]


def test_a_set_of_which_nothing_can_be_used(tmp_path):
    files = dict.fromkeys(pairs(NINE), b"broken")
    wish = Wishes(sources={"people": write_folder(tmp_path / "people", files)}, skip_bad=True)
    with pytest.raises(InputError, match="people: none of 9 pictures can be used"):
        prepare_data(wish, tmp_path / "made")
    assert nothing_made(tmp_path, ["people"])


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("duts", pairs(NINE), "must hold a folder `DUTS-TR-Image`.* it has `images`, `masks`"),
        ("people", duts(), "must hold a folder `images`"),
        ("people", {"images/a.txt": b"", "masks/a.png": b""}, "pictures in `images`"),
        ("people", {"images/a.webp": b"x"}, "must hold a folder `masks`"),
        ("people", pairs(["only"]), "photos to train on for `people`, but of 1 there is none"),
        ("people", {}, "it has no folder at all"),
        ("pets", pairs(NINE), "must hold a folder `trimaps`"),
        ("coco", pairs(NINE), r"instances\.json` cannot be read"),
        ("coco", coco([thing(0, 1)]), "photos to train on for `coco`, but of 0 there is none"),
        ("places", pairs(NINE), "must hold files at its top"),
    ],
)
def test_a_source_with_something_else_in_it(tmp_path, name, files, said):
    path = tmp_path / "source"
    path.mkdir()
    wish = wishes({name: write_folder(path, files)}, tmp_path)
    before = sorted(file.name for file in tmp_path.iterdir())
    with pytest.raises(InputError, match=said) as caught:
        prepare_data(wish, tmp_path / "deep" / "made")
    assert caught.value.hint
    assert nothing_made(tmp_path, before)


def test_names_to_validate_on_must_be_there(small, tmp_path):
    (tmp_path / "names.txt").write_text("b\nnobody\n", encoding="utf-8")
    with pytest.raises(InputError, match="but 1 are not there, the first is `nobody`"):
        prepare_data(small, tmp_path / "made")


@pytest.mark.parametrize(
    ("data", "said"),
    [(None, "cannot be read"), (b"# none\n", "it is empty"), (b"\xff\xfe\x00", "not UTF-8")],
)
def test_a_list_of_names_that_cannot_be_read(small, tmp_path, data, said):
    if data is None:
        small.validate.unlink()
    else:
        small.validate.write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        prepare_data(small, tmp_path / "made")
    assert "recipes/subject/duts_val.txt" in caught.value.hint


def test_duts_without_a_list_of_names(small, tmp_path):
    with pytest.raises(InputError, match="to validate on") as caught:
        prepare_data(Wishes(sources=small.sources), tmp_path / "made")
    assert "--validate recipes/subject/duts_val.txt" in caught.value.hint


def test_nothing_to_prepare_from(tmp_path):
    with pytest.raises(InputError, match="no set was named"):
        prepare_data(Wishes(), tmp_path / "made")


# --- the folder


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_somebody_elses_is_kept(small, tmp_path, overwrite):
    to = write_folder(tmp_path / "made", {"holiday.jpg": b"mine"})
    with pytest.raises(InputError, match="something that this command did not make"):
        prepare_data(small, to, overwrite=overwrite)
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match="is a file"):
        prepare_data(small, tmp_path / "file", overwrite=overwrite)
    assert tree(to) == {"holiday.jpg": b"mine"}


def test_an_empty_folder_is_taken(small, tmp_path):
    (tmp_path / "made").mkdir()
    prepare_data(small, tmp_path / "made")
    check_prepared(tmp_path / "made")


def test_an_earlier_preparation_is_replaced_when_asked(small, tmp_path):
    to = tmp_path / "made"
    prepare_data(small, to)
    before = tree(to)
    with pytest.raises(InputError, match="holds prepared data already") as caught:
        prepare_data(small, to)
    assert "--overwrite" in caught.value.hint
    (to / ".DS_Store").write_bytes(b"litter")
    (tmp_path / "duts" / "DUTS-TR-Image" / "d.jpg").unlink()
    (tmp_path / "duts" / "DUTS-TR-Mask" / "d.png").unlink()
    prepare_data(small, to, overwrite=True)
    after = tree(to)
    assert set(before) - set(after) == {"train/duts/images/d.jpg", "train/duts/masks/d.png"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["duts", "made", "names.txt"]


@pytest.mark.parametrize("change", ["add", "remove", "grow"])
def test_an_earlier_preparation_that_somebody_changed_is_kept(small, tmp_path, change):
    to = tmp_path / "made"
    prepare_data(small, to)
    file = to / "train" / "duts" / "masks" / "a.png"
    if change == "add":
        (to / "notes.txt").write_text("mine", encoding="utf-8")
    elif change == "remove":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"more")
    with pytest.raises(InputError, match=r"is not what its `prepared\.json` says"):
        check_prepared(to)
    before = tree(to)
    with pytest.raises(InputError, match="did not make"):
        prepare_data(small, to, overwrite=True)
    assert tree(to) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is no prepared data"),
        ("{", "is no prepared data"),
        ("[]", "is no prepared data"),
        ("{}", "is no prepared data"),
        ('{"format": "other", "version": 1, "names_and_sizes": ""}', "is of the format"),
        ('{"format": "nukki-prepared", "version": 2, "names_and_sizes": ""}', "is of the format"),
    ],
)
def test_a_record_that_is_none(tmp_path, text, said):
    if text is not None:
        (tmp_path / "prepared.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        check_prepared(tmp_path)


class _FullDisk:
    """Opens files for writing until the disk is full."""

    def __init__(self, files):
        self.left = files
        self.open = Path.open

    def __call__(self, path, mode="r", *rest, **options):
        if "x" in mode:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return self.open(path, mode, *rest, **options)


@pytest.mark.parametrize("files", [0, 5, 8])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_full_disk_leaves_nothing_half_made(small, tmp_path, monkeypatch, files, earlier):
    to = tmp_path / "made"
    if earlier:
        prepare_data(small, to)
    before = tree(tmp_path)
    full = _FullDisk(files)
    monkeypatch.setattr(Path, "open", lambda *words, **options: full(*words, **options))
    with pytest.raises(OutputError, match="No space left on device; nothing was made") as caught:
        prepare_data(small, to, overwrite=True)
    assert caught.value.hint == "free some space on the disk"
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert to.exists() == earlier


def test_the_earlier_one_stays_when_the_new_one_cannot_take_its_name(small, tmp_path, monkeypatch):
    to = tmp_path / "made"
    prepare_data(small, to)
    before = tree(tmp_path)
    rename = Path.rename

    def refuse(path, target):
        if path.name.endswith(".part"):
            raise OSError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        prepare_data(small, to, overwrite=True)
    assert tree(tmp_path) == before


def test_an_interruption_leaves_nothing(small, tmp_path):
    def stop(done, total, problem):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_data(small, tmp_path / "made", watch=stop)
    assert nothing_made(tmp_path, ["duts", "names.txt"])


def test_progress_counts_every_picture(small, tmp_path):
    told = []
    prepare_data(small, tmp_path / "made", watch=lambda *words: told.append(words))
    assert told == [(number, 4, None) for number in (1, 2, 3, 4)]


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="nothing was made"):
        prepare_data(small, tmp_path / "file" / "made")


def test_preparing_needs_no_torch():
    code = "import sys, nukki.train.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_set_says_where_it_is_from_and_in_which_terms():
    for photos in SETS.values():
        assert photos.origin, photos.name
        assert photos.terms, photos.name
        assert (photos.commit is None) or len(photos.commit) == 40
    assert prepare._VALIDATED in SETS
