"""`nukki pick`: one thing of a photo, by clicks and a box."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from picking_networks import PICK_CARD, decoder, encoder

BOX = "16,12,48,36"  # the red block of the pictures that `photos` writes


def files(folder, **options):
    encoder(folder / "a.onnx")
    decoder(folder / "b.onnx", **options)
    text = 'files = [{ name = "a.onnx" }, { name = "b.onnx" }]\n' + PICK_CARD
    (folder / "a.toml").write_text(text, encoding="utf-8")
    return ["--model", folder / "a.onnx", "--card", folder / "a.toml"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Words that choose a tiny network: what it answers is what it is asked."""
    return files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def picks(nukki, tiny):
    """Runs `nukki pick` with it."""

    def run(*words):
        return nukki("pick", *words, *tiny)

    return run


def alpha_of(path):
    return np.asarray(Image.open(path).convert("RGBA"))[..., 3]


def test_a_box_cuts_out_what_is_in_it(picks, photos, capsys):
    photos("a.png")
    assert picks("a.png", "--box", BOX, "-o", "out.png") == 0
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith("a.png -> out.png  (score .")
    cut = np.asarray(Image.open("out.png"))
    assert cut.shape == (48, 64, 4)
    assert cut[24, 32].tolist() == [255, 30, 10, 255]
    assert cut[4, 4].tolist() == [0, 0, 0, 0]
    assert 0.9 < (cut[..., 3] > 127).sum() / (32 * 24) < 1.1


def test_clicks_on_it_and_beside_it(picks, photos):
    photos("a.png")
    assert picks("a.png", "--at", "32,24", "-o", "on.png") == 0
    assert alpha_of("on.png")[24, 32] > 127
    words = ["--box", BOX, "--at", "24,24", "--not", "44,30", "--not", "44,18"]
    assert picks("a.png", *words, "-o", "both.png") == 0
    alpha = alpha_of("both.png")
    assert alpha[24, 24] > 127
    assert alpha[30, 44] < 128
    assert alpha[18, 44] < 128


def test_the_record(picks, photos, capsys):
    photos("a.png")
    assert picks("a.png", "--box", BOX, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["input"], record["output"]) == ("a.png", None)
    assert (record["width"], record["height"]) == (64, 48)
    assert np.abs(np.subtract(record["box"], [16, 12, 48, 36])).max() <= 1
    assert 0 < record["score"] < 1
    assert 700 < record["area"] < 850
    assert sorted(path.name for path in Path().iterdir()) == ["a.png"]
    assert picks("a.png", "--box", BOX, "--json", "-o", "out.png", "--quiet") == 0
    out, said = capsys.readouterr()
    assert json.loads(out) == {**record, "output": "out.png"}
    assert said == ""
    assert Path("out.png").exists()


def test_a_mask_is_grey(picks, photos):
    photos("a.png")
    assert picks("a.png", "--box", BOX, "--mask", "-o", "mask.png") == 0
    assert picks("a.png", "--box", BOX, "-o", "cut.png") == 0
    with Image.open("mask.png") as mask:
        assert mask.mode == "L"
        np.testing.assert_array_equal(np.asarray(mask), alpha_of("cut.png"))
    assert picks("a.png", "--box", BOX, "--mask", "-o", "mask.jpg") == 0
    with Image.open("mask.jpg") as lossy:
        assert lossy.mode == "L"


def test_pipes(picks, photos, stdin, jpeg, capfdbinary, monkeypatch):
    stdin(jpeg())
    assert picks("-", "--box", BOX) == 0
    piped = Image.open(io.BytesIO(capfdbinary.readouterr().out))
    assert (piped.format, piped.size, piped.mode) == ("PNG", (64, 48), "RGBA")
    stdin(jpeg())
    assert picks("-", "--box", BOX, "-o", "out.png") == 0
    assert capfdbinary.readouterr().out == b""
    np.testing.assert_array_equal(np.asarray(piped), np.asarray(Image.open("out.png")))
    photos("a.png")
    assert picks("a.png", "--box", BOX, "-o", "-", "--format", "webp", "--lossless") == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).format == "WEBP"
    stdin(jpeg())
    assert picks("-", "--box", BOX, "--json") == 0
    assert json.loads(capfdbinary.readouterr().out)["output"] is None
    assert picks("a.png", "--box", BOX, "--json", "-o", "-") == 2
    said = capfdbinary.readouterr()
    assert b"both go to standard output" in said.err
    assert said.out == b""


def test_nothing_for_people_to_read_goes_to_a_terminal(picks, photos, capsys, monkeypatch):
    photos("a.png")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert picks("a.png", "--box", BOX, "-o", "-") == 2
    out, said = capsys.readouterr()
    assert "written to the terminal" in said
    assert "nukki pick" in said
    assert out == ""


def test_what_is_there_stays_there(picks, photos, capsys):
    photos("a.png", "out.png")
    before = Path("a.png").read_bytes()
    assert picks("a.png", "--box", BOX, "-o", "out.png") == 2
    assert "`out.png` is there already" in capsys.readouterr().err
    assert Path("out.png").read_bytes() == before
    for words in (["-o", "a.png"], ["-o", "a.png", "--overwrite"], ["-o", "./a.png"]):
        assert picks("a.png", "--box", BOX, *words) == 2
        assert "is what is read" in capsys.readouterr().err
    assert Path("a.png").read_bytes() == before
    assert picks("a.png", "--box", BOX, "-o", "out.png", "--overwrite") == 0
    assert Path("out.png").read_bytes() != before


def test_nothing_there_writes_no_file(nukki, photos, tmp_path, capsys):
    photos("a.png")
    (tmp_path / "faint").mkdir()
    faint = files(tmp_path / "faint", gain=0.4)
    assert nukki("pick", "a.png", "--at", "5,5", "-o", "out.png", *faint) == 3
    out, said = capsys.readouterr()
    assert "nothing was found at the place that is shown" in said
    assert "hint: " in said
    assert out == ""
    assert not Path("out.png").exists()
    assert nukki("pick", "a.png", "--at", "5,5", "--json", *faint) == 3
    assert capsys.readouterr().out == ""


def test_answers_that_are_no_numbers_write_no_file(nukki, photos, tmp_path, capsys):
    photos("a.png")
    (tmp_path / "nan").mkdir()
    words = files(tmp_path / "nan", gain=np.nan)
    assert nukki("pick", "a.png", "--box", BOX, "-o", "out.png", *words) == 1
    said = capsys.readouterr().err
    assert "b.onnx" in said
    assert "Traceback" not in said
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "a point on it or a box, got neither"),
        (["--not", "5,5"], "a point on it or a box, got neither"),
        (["--at", "64,5"], "`point` must lie in the photo of 64 × 48 pixels, got (64, 5)"),
        (["--at", "5,5", "--not", "5,99"], "got (5, 99)"),
        (["--at=-1,5"], "got (-1, 5)"),
        (["--at", "nan,5"], "got (nan, 5)"),
        (["--at", "5"], "must be X,Y in pixels, got '5'"),
        (["--at", "5,5,5"], "must be X,Y in pixels"),
        (["--at", "here"], "must be X,Y in pixels"),
        (["--box", "1,2,3"], "must be LEFT,TOP,RIGHT,BOTTOM in pixels"),
        (["--box", "1,2,3.5,9"], "must be four whole numbers"),
        (["--box", "1,2,nan,9"], "must be four whole numbers"),
        (["--box", "1,2,1e30,9"], "must be four whole numbers"),
        (["--box", "16,12,16,36"], "`box` must hold a pixel"),
        (["--box", "48,36,16,12"], "`box` must hold a pixel"),
        (["--box", "16,12,65,36"], "lie in the photo of 64 × 48 pixels"),
    ],
)
def test_what_nobody_can_mean(picks, photos, capsys, words, said):
    photos("a.png")
    assert run(picks, "a.png", *words, "-o", "out.png") == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not Path("out.png").exists()


def run(picks, *words):
    """The exit code, also where the words themselves are wrong."""
    try:
        return picks(*words)
    except SystemExit as left:
        return left.code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png", "--box", BOX], "`-o` must say where the result goes"),
        (["none.png", "--box", BOX, "-o", "out.png"], "none.png"),
        (["a.txt", "--box", BOX, "-o", "out.png"], "a.txt"),
        (["a.png", "--box", BOX, "-o", "out.gif"], "out.gif"),
        (["a.png", "--box", BOX, "-o", "out.jpg"], "JPEG has no transparency"),
        (["a.png", "--box", BOX, "-o", "-", "--format", "jpeg"], "JPEG has no transparency"),
    ],
)
def test_files_that_cannot_be(picks, photos, capsys, words, said):
    photos("a.png")
    Path("a.txt").write_text("no picture")
    assert picks(*words) == 2
    out, told = capsys.readouterr()
    assert said in told
    assert "hint: " in told
    assert out == ""
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "a.txt"]


@pytest.mark.parametrize("model", ["subject", "detect", "maskrcnn-r50", "lama"])
def test_networks_of_other_tasks_are_refused(nukki, photos, capsys, model):
    photos("a.png")
    assert nukki("pick", "a.png", "--box", BOX, "-o", "out.png", "--model", model) == 2
    assert f"`{model}` must be a network for prompted" in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_points_are_counted_in_the_upright_photo(picks, place):
    """A photo on its side: the block lies at the right of the file, at the bottom as it is seen."""
    pixels = np.full((40, 60, 3), 60, np.uint8)
    pixels[10:30, 40:55] = (255, 30, 10)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it right by 90°
    Image.fromarray(pixels).save("a.png", exif=exif)
    assert picks("a.png", "--box", "10,40,30,55", "-o", "out.png") == 0
    alpha = alpha_of("out.png")
    assert alpha.shape == (60, 40)
    assert alpha[47, 20] == 255
    assert alpha[20, 20] == 0
    assert picks("a.png", "--at", "50,20", "-o", "not.png") == 2


def test_a_pixel(picks, place, capsys):
    Image.fromarray(np.full((1, 1, 3), 255, np.uint8)).save("a.png")
    assert picks("a.png", "--box", "0,0,1,1", "-o", "out.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["area"] == 1
    assert np.asarray(Image.open("out.png")).tolist() == [[[255, 255, 255, 255]]]


def test_the_same_bytes_twice_and_on_two_threads(picks, photos):
    photos("a.png")
    for name, threads in [("one.png", 1), ("again.png", 1), ("two.png", 2)]:
        assert picks("a.png", "--at", "32,24", "-o", name, "--threads", threads) == 0
    first = Path("one.png").read_bytes()
    assert Path("again.png").read_bytes() == Path("two.png").read_bytes() == first


def test_our_own_is_taken_where_none_is_named(nukki, place, cat, capsys):
    Image.fromarray(cat).save("cat.png")
    words = ["pick", "cat.png", "--at", "200,160", "--offline", "--json", "--threads", "1"]
    assert nukki(*words) == 0
    assert json.loads(capsys.readouterr().out)["area"] > 20_000
