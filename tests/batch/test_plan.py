"""What would be read and written, decided before anything is."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukki.batch.plan import _named, _Wish, plan, sources
from nukki.errors import InputError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names):
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")


def pairs(planned):
    return {item.input: Path(item.output).as_posix() for item in planned.items}


@pytest.mark.parametrize(
    ("source", "ending", "expected"),
    [
        ("a.jpg", ".png", "a.png"),
        ("a.png", ".png", "a-cut.png"),
        ("a.PNG", ".png", "a-cut.png"),
        ("a.webp", ".webp", "a-cut.webp"),
        ("a.png", ".webp", "a.webp"),
        ("a.png", "-mask.png", "a-mask.png"),
        ("a.tar.jpg", ".png", "a.tar.png"),
        ("no-ending", ".png", "no-ending.png"),
        ("사진 é.jpg", ".png", "사진 é.png"),
    ],
)
def test_one_picture_without_output_goes_beside_itself(place, source, ending, expected):
    make(source)
    planned = plan([source], ending=ending)
    assert pairs(planned) == {source: expected}
    assert planned.single
    assert planned.folder is None


def test_one_picture_goes_where_it_is_sent(place):
    make("a.jpg", "out/keep")
    assert pairs(plan(["a.jpg"], "b.webp")) == {"a.jpg": "b.webp"}
    assert pairs(plan(["a.jpg"], "out")) == {"a.jpg": "out/a.png"}
    assert pairs(plan(["a.jpg"], "new/")) == {"a.jpg": "new/a.png"}
    assert plan(["a.jpg"], "-").items[0].target is None


def test_a_missing_file_is_planned_so_that_it_is_reported(place):
    assert pairs(plan(["gone.jpg"])) == {"gone.jpg": "gone.png"}


def test_a_result_never_replaces_the_picture_that_is_read(place):
    make("a.png")
    Path("link.png").symlink_to("a.png")
    Path("hard.png").hardlink_to("a.png")
    for name in ("a.png", "./a.png", "link.png", "hard.png"):
        with pytest.raises(InputError, match="the picture that is read"):
            plan(["a.png"], name)


def test_standard_input_and_output():
    item = plan(["-"]).items[0]
    assert (item.source, item.target, item.input, item.output) == (None, None, "-", "-")
    assert plan(["-"], "-").items[0].target is None
    assert plan(["-"], "a.png").items[0].target == Path("a.png")


def test_standard_input_stands_alone(place):
    with pytest.raises(InputError, match="one picture"):
        plan(["-", "a.jpg"])
    with pytest.raises(InputError, match="has no name"):
        plan(["-"], "out/")


def test_several_pictures_need_a_folder(place):
    make("a.jpg", "b.jpg", "file.png")
    assert pairs(plan(["a.jpg", "b.jpg"], "out")) == {"a.jpg": "out/a.png", "b.jpg": "out/b.png"}
    with pytest.raises(InputError, match="is a file"):
        plan(["a.jpg", "b.jpg"], "file.png")
    with pytest.raises(InputError, match="takes one picture"):
        plan(["a.jpg", "b.jpg"], "-")


def test_pictures_that_would_share_a_name_keep_theirs_in_full(place):
    make("p/a.jpg", "p/a.png", "p/b.jpg")
    assert pairs(plan(["p"], "out")) == {
        "p/a.jpg": "out/a.jpg.png",
        "p/a.png": "out/a.png.png",
        "p/b.jpg": "out/b.png",
    }
    make("a.jpg", "a.png")
    assert pairs(plan(["a.jpg", "a.png"])) == {"a.jpg": "a.jpg.png", "a.png": "a.png.png"}


def test_names_that_differ_in_case_or_unicode_form_count_as_one(place):
    composed = unicodedata.normalize("NFC", "é.jpg")
    apart = unicodedata.normalize("NFD", "é.webp")
    make("p/A.jpg", "p/a.webp", f"p/{composed}", f"p/{apart}")
    outputs = [Path(item.output).name for item in plan(["p"], "out").items]
    assert sorted(outputs) == sorted(["A.jpg.png", "a.webp.png", f"{composed}.png", f"{apart}.png"])


def test_same_names_from_two_folders_get_numbers_in_order(place):
    make("x/a.jpg", "y/a.jpg", "z/a.jpg")
    assert pairs(plan(["x/a.jpg", "y/a.jpg", "z/a.jpg"], "out")) == {
        "x/a.jpg": "out/a-cut.png",
        "y/a.jpg": "out/a-cut-2.png",
        "z/a.jpg": "out/a-cut-3.png",
    }


def test_a_result_beside_never_takes_the_name_of_another_picture(place):
    make("a.png", "a-cut.png")
    assert pairs(plan(["a.png", "a-cut.png"])) == {
        "a.png": "a-cut-2.png",
        "a-cut.png": "a-cut-cut.png",
    }


def test_a_folder_keeps_its_tree(place):
    make("p/a.jpg", "p/sub/deep/b.jpg")
    expected = {"p/a.jpg": "out/a.png", "p/sub/deep/b.jpg": "out/sub/deep/b.png"}
    planned = plan(["p"], "out")
    assert pairs(planned) == expected
    assert not planned.single
    assert planned.folder == Path("out")
    assert list(pairs(plan(["p/"])).values()) == ["p-cut/a.png", "p-cut/sub/deep/b.png"]


def test_the_current_folder_goes_to_a_folder_beside_it(place):
    make("p/a.jpg")
    os.chdir("p")
    (item,) = plan(["."]).items
    assert item.target is not None
    assert item.target.resolve() == place / "p-cut" / "a.png"


def test_several_folders_keep_their_names(place):
    make("p/a.jpg", "q/a.jpg", "b.jpg")
    assert pairs(plan(["p", "q", "b.jpg"], "out")) == {
        "p/a.jpg": "out/p/a.png",
        "q/a.jpg": "out/q/a.png",
        "b.jpg": "out/b.png",
    }
    assert pairs(plan(["p", "q"])) == {"p/a.jpg": "p-cut/a.png", "q/a.jpg": "q-cut/a.png"}


def test_an_output_folder_inside_the_input_is_not_read(place):
    make("p/a.jpg", "p/cut/old.png", "p/cut/sub/older.png")
    planned = plan(["p"], "p/cut")
    assert pairs(planned) == {"p/a.jpg": "p/cut/a.png"}
    assert planned.skipped == ()


def test_a_folder_is_not_its_own_output(place):
    make("p/a.jpg")
    for output in ("p", "p/", "./p"):
        with pytest.raises(InputError, match="input and the output"):
            plan(["p"], output)


def test_hidden_files_and_files_that_are_no_pictures_are_counted(place):
    make("p/a.jpg", "p/.hidden.jpg", "p/.git/x.png", "p/notes.txt", "p/Thumbs.db")
    planned = plan(["p"], "out")
    assert list(pairs(planned)) == ["p/a.jpg"]
    assert {(skip.path.name, skip.reason) for skip in planned.skipped} == {
        (".hidden.jpg", "hidden"),
        (".git", "hidden"),
        ("notes.txt", "not a picture"),
        ("Thumbs.db", "not a picture"),
    }


def test_links_that_run_in_circles_end(place):
    make("p/sub/a.jpg", "other/b.jpg")
    Path("p/sub/up").symlink_to(place / "p", target_is_directory=True)
    Path("p/out-of-here").symlink_to(place / "other", target_is_directory=True)
    planned = plan(["p"], "out")
    assert list(pairs(planned)) == ["p/sub/a.jpg"]
    assert [skip.reason for skip in planned.skipped] == ["a link to a folder"] * 2


def test_a_picture_given_twice_is_done_once(place):
    make("p/a.jpg")
    planned = plan(["p/a.jpg", "p/a.jpg"], "out")
    assert pairs(planned) == {"p/a.jpg": "out/a.png"}
    assert pairs(plan(["p/a.jpg", "p"], "out")) == {"p/a.jpg": "out/a.png"}


def test_patterns_are_expanded_where_the_shell_did_not(place):
    make("a.jpg", "b.jpg", "c.txt", "sub/d.jpg", "e[1].jpg")
    assert list(pairs(plan(["?.jpg"], "out"))) == ["a.jpg", "b.jpg"]
    assert "sub/d.jpg" in pairs(plan(["**/*.jpg"], "out"))
    assert pairs(plan(["e[1].jpg"])) == {"e[1].jpg": "e[1].png"}
    assert list(pairs(plan(["no-*.jpg"]))) == ["no-*.jpg"]


def test_a_folder_that_cannot_be_listed_is_no_silent_skip(place, monkeypatch):
    make("p/a.jpg", "p/locked/b.jpg")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    planned = plan(["p"], "out")
    assert list(pairs(planned)) == ["p/a.jpg"]
    (refusal,) = planned.unreadable
    assert refusal.path == Path("p/locked")
    assert "Permission denied" in refusal.reason


def test_planning_changes_nothing(place):
    make("p/a.jpg", "p/b.png")
    before = sorted(place.rglob("*"))
    plan(["p"], "out/")
    assert sorted(place.rglob("*")) == before


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["x", "y"]),
        st.sampled_from(["a", "A", "a-cut", "a-cut-2", "a.jpg", "a.png", "b"]),
        st.sampled_from([".jpg", ".png", ".PNG", ""]),
    ),
    unique=True,
    max_size=12,
)


@given(names=NAMES, beside=st.booleans())
def test_no_two_results_share_a_file_and_none_is_a_picture(names, beside):
    wishes = [
        _Wish(source := Path("/none") / folder / (stem + ending), source.parent)
        if beside
        else _Wish(Path("/none") / folder / (stem + ending), Path("/none/out"))
        for folder, stem, ending in names
    ]
    items = _named(wishes, ".png")
    assert items == _named(wishes, ".png")
    assert [item.source for item in items] == [wish.source for wish in wishes]
    targets = [str(item.target).casefold() for item in items]
    assert len(set(targets)) == len(targets)
    assert not set(targets) & {str(wish.source).casefold() for wish in wishes}


def test_pictures_without_results(tmp_path):
    for name in ("p/a.png", "p/sub/b.jpg", "p/masks/a.png", "p-cut/a.png", "p/x.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    both = [str(tmp_path / "p"), str(tmp_path / "p-cut")]
    planned = sources(both, apart=[str(tmp_path / "p/masks")])
    told = [item.source.relative_to(tmp_path).as_posix() for item in planned.items]
    assert told == ["p/a.png", "p/sub/b.jpg", "p-cut/a.png"]
    assert {item.target for item in planned.items} == {None}
    assert [skip.path.name for skip in planned.skipped] == ["x.txt"]
    assert not planned.single
    assert sources([str(tmp_path / "p/a.png")]).single
    with pytest.raises(InputError, match="is the input and the output folder"):
        sources(both, apart=both[:1])


def test_further_folders_of_results_are_not_read(tmp_path):
    for name in ("p/a.png", "p/masks/a.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    folder, apart = str(tmp_path / "p"), [str(tmp_path / "p/masks")]
    (item,) = plan([folder], str(tmp_path / "out"), apart=apart).items
    assert item.source == tmp_path / "p/a.png"
