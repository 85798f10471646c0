"""`nukki replace`: what it writes, what it refuses, and that files go as they do for `remove`."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nukki import api


@pytest.fixture
def put(nukki, red):
    """Runs `nukki replace` with the network of one convolution."""

    def run(*words):
        return nukki("replace", *words, *red)

    return run


def opened(path):
    with Image.open(path) as image:
        return image.mode, image.format, np.asarray(image)


def test_a_colour_goes_behind(put, photos, capsys):
    photos("a.jpg")
    assert put("a.jpg", "--with", "white") == 0
    mode, kind, pixels = opened("a.png")
    assert (mode, kind, pixels.shape) == ("RGB", "PNG", (48, 64, 3))
    assert tuple(pixels[1, 1]) == (255, 255, 255)
    assert pixels[24, 32, 0] > 240
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("a.jpg -> a.png  (")


def test_the_command_line_gives_what_the_library_gives(put, photos, red):
    photos("a.png", "wall.png")
    words = ["--with", "wall.png", "--size", "90x60", "--margin", "10%", "--place", "mass"]
    words += ["--shadow", "drop", "--shadow-offset", "3,2", "--outline", "2,white", "--linear"]
    assert put("a.png", *words, "--fit", "contain", "--threshold", "0.2,0.8", "-o", "b.png") == 0
    ours = api.replace(
        "a.png", "wall.png", model=red[1], card=red[3], threshold=(0.2, 0.8), size="90x60",
        margin="10%", place="mass", shadow="drop", shadow_offset=(3.0, 2.0), outline="2,white",
        linear=True, fit="contain",
    )  # fmt: skip
    assert Path("b.png").read_bytes() == ours.encode("png")


def test_a_folder_with_report_and_resume(put, photos, capsys):
    photos("in/a.jpg", "in/sub/b.png")
    photos("in/empty.png", empty=True)
    words = ("in", "-o", "out", "--with", "blur")
    assert put(*words, "--report", "r.jsonl", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["done", "nothing found", "done"]
    assert [json.loads(line)["outcome"] for line in Path("r.jsonl").read_text().splitlines()] == [
        line["outcome"] for line in lines
    ]
    assert opened("out/sub/b.png")[0] == "RGB"
    assert not Path("out/empty.png").exists()
    assert put(*words, "--resume", "--quiet", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["skipped", "nothing found", "skipped"]
    assert put(*words, "--quiet") == 1  # files are in the way
    assert put("in/empty.png", "--with", "white", "-o", "e.png") == 3
    assert put("in/empty.png", "--with", "white", "-o", "e.png", "--allow-empty") == 0
    assert (opened("e.png")[2] == 255).all()


def test_a_pipe(put, stdin, jpeg, capfdbinary):
    stdin(jpeg())
    assert put("-", "--with", "#102030", "--format", "webp", "--lossless", "--quiet") == 0
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
        assert (image.format, image.mode) == ("WEBP", "RGB")
        assert image.getpixel((0, 0)) == (16, 32, 48)


def test_layers_as_openraster_and_in_folders(put, photos):
    photos("a.jpg", "in/a.jpg", "in/b.jpg")
    assert put("a.jpg", "--with", "transparent", "--shadow", "drop", "-o", "a.ora") == 0
    with zipfile.ZipFile("a.ora") as archive:
        assert archive.read("mimetype") == b"image/openraster"
        assert b'name="shadow"' in archive.read("stack.xml")
    assert put("a.jpg", "--with", "white", "--layers", "L", "--outline", "2,red") == 0
    assert sorted(path.name for path in Path("L").iterdir()) == [
        "background.png", "outline.png", "subject.png",
    ]  # fmt: skip
    assert put("in", "-o", "out", "--with", "white", "--layers", "M", "--format", "ora") == 0
    assert sorted(str(path) for path in Path("M").glob("*/subject.png")) == [
        str(Path("M/a/subject.png")), str(Path("M/b/subject.png")),
    ]  # fmt: skip
    assert zipfile.is_zipfile("out/b.ora")


def test_layers_replace_nothing_unasked(put, photos, capsys):
    photos("a.jpg", "in/a.jpg", "in/sub/a.jpg")
    words = ("--with", "white", "--layers", "L")
    assert put("a.jpg", *words) == 0
    assert put("a.jpg", *words, "-o", "b.png") == 2
    assert "background.png` is there already" in capsys.readouterr().err
    assert not Path("b.png").exists()
    assert put("a.jpg", *words, "-o", "b.png", "--overwrite") == 0
    assert put("in", "--with", "white", "--layers", "M") == 0
    assert Path("M/a/subject.png").exists()
    assert Path("M/sub/a/subject.png").exists()


def test_somebody_is_added(put, photos, capsys):
    photos("team.png", "me.png")
    words = ("team.png", "--add", "me.png", "--place", "16,12", "--scale", "0.5")
    assert put(*words, "-o", "b.png") == 0
    before, after = opened("team.png")[2], opened("b.png")[2]
    changed = (before != after).any(axis=2)
    assert changed[12, 12]
    assert tuple(after[12, 12]) == (255, 30, 10)
    assert not changed[:, 40:].any()
    assert "added" not in capsys.readouterr().out


def test_nobody_in_the_picture_that_is_added(put, photos, capsys):
    photos("team.png")
    photos("empty.png", empty=True)
    assert put("team.png", "--add", "empty.png", "--place", "9,9", "-o", "b.png") == 3
    assert "no subject was found in `empty.png`" in capsys.readouterr().err
    assert not Path("b.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "`--with` or `--add`"),
        (("--with", "white", "--add", "a.jpg"), "not both"),
        (("--with", "whitee"), "did you mean white"),
        (("--with", "nowhere.png"), "nowhere.png"),
        (("--with", "notes.txt"), "notes.txt"),
        (("--with", "transparent", "-o", "b.jpg"), "JPEG has no transparency"),
        (("--with", "transparent", "--format", "jpeg"), "JPEG has no transparency"),
        (("--with", "white", "--scale", "0"), "`scale` must be above 0"),
        (("--with", "white", "--size", "0x9"), "`size`"),
        (("--with", "white", "--size", "99999x9"), "`size`"),
        (("--with", "white", "--outline=-3,red"), "`outline` must be above 0"),
        (("--with", "white", "--outline", "3,redd"), "did you mean red"),
        (("--with", "white", "--behind", "2"), "`--behind` goes with --add"),
        (("--with", "white", "--fit", "zoom"), "zoom"),
        (("--with", "white", "-o", "a.jpg"), "never replaces"),
        (("--with", "white", "-o", "b.tga"), "b.tga"),
        (("--add", "me.jpg", "--behind", "2,,"), "`behind`"),
    ],
)
def test_wrong_words_write_nothing(put, photos, place, capsys, words, said):
    photos("a.jpg")
    Path("notes.txt").write_text("not a picture")
    before = sorted(path.name for path in place.iterdir())
    assert put("a.jpg", *words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "hint: " in told
    assert sorted(path.name for path in place.iterdir()) == before


def test_what_is_put_in_is_never_replaced(put, photos, capsys):
    photos("a.jpg", "wall.png", "me.png")
    for words, file in ((("--with", "wall.png"), "wall.png"), (("--add", "me.png"), "me.png")):
        before = Path(file).read_bytes()
        assert put("a.jpg", *words, "-o", file, "--overwrite") == 2
        assert f"`{file}` is what is read" in capsys.readouterr().err
        assert Path(file).read_bytes() == before


def test_an_offset_to_the_left(put, photos):
    photos("a.jpg")
    words = ("--with", "white", "--shadow", "drop", "--shadow-softness", "0")
    assert put("a.jpg", *words, "--shadow-offset", "-9,0") == 0
    pixels = opened("a.png")[2]
    assert pixels[24, 10].max() < 200
    assert pixels[24, 54].min() > 200


def test_a_place_outside_fails_that_picture(put, photos, capsys):
    photos("a.jpg")
    assert put("a.jpg", "--with", "white", "--place", "900,10") == 1
    assert "X is 900 of 64 pixels" in capsys.readouterr().err
    assert not Path("a.png").exists()


def test_only_the_plan(put, photos, capsys):
    photos("a.jpg")
    assert put("a.jpg", "--with", "white", "--dry-run") == 0
    assert capsys.readouterr().out == "a.jpg -> a.png\n"
