"""`nukki erase --what`, and what else erases: sheets of fillers, plates behind cut-outs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finding_networks import boxes_at_home
from nukki import settings
from nukki.io import images
from nukki.zoo import catalog
from task_files import FILLS_CARD, FILLS_COLOUR, FILLS_NAN, PAINT, at_home, network

HEIGHT, WIDTH = 48, 64
# Boxes in parts of the photo, score, class, mask.
PERSON = ((0.0625, 0.25, 0.3125, 0.75), 0.98, 1, 1.0)
OTHER = ((0.625, 0.25, 0.875, 0.75), 0.8, 1, 1.0)
DOG = ((0.375, 0.5, 0.5, 0.75), 0.7, 2, 1.0)


@pytest.fixture
def words():
    """Words that choose networks that find always the same, and fill with one colour."""
    boxes_at_home("finds", [PERSON, OTHER, DOG])
    at_home("fills", "inpainting", PAINT, FILLS_CARD.replace('task = "inpainting"', "")
            + "[inpainting]")  # fmt: skip
    return ["--instances", "finds", "--fill", "fills", "--second-pass", "never", "--grow", "0"]


def holes(before, after):
    return (np.asarray(Image.open(before)) != np.asarray(Image.open(after))).any(axis=2)


def test_people_but_the_main_one(nukki, photos, words, capsys):
    photos("a.png")
    code = nukki(
        "erase", "a.png", "--what", "people", "--except", "main", *words, "-o", "b.png",
        "--save-mask", "m.png",
    )  # fmt: skip
    assert code == 0
    hole = np.asarray(Image.open("m.png")) > 0
    assert hole[14:34, 42:54].all()
    assert not hole[:, :38].any()
    np.testing.assert_array_equal(holes("a.png", "b.png") & ~hole, False)
    assert (np.asarray(Image.open("b.png"))[hole] == FILLS_COLOUR).all()
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 person .80: box, it is small" in said.err
    assert "a.png -> b.png" in said.err


@pytest.mark.parametrize(
    ("what", "columns"), [("2,3", (24, 56)), ("dog", (24, 32)), ("at:45,20", (40, 56))]
)
def test_by_number_label_and_place(nukki, photos, words, what, columns):
    photos("a.png")
    assert nukki("erase", "a.png", "--what", what, *words, "-o", "b.png", "--quiet") == 0
    touched = np.flatnonzero(holes("a.png", "b.png").any(axis=0))
    assert abs(touched[0] - columns[0]) <= 1
    assert abs(touched[-1] + 1 - columns[1]) <= 1


def test_json_says_what_went_and_why(nukki, photos, words, capsys):
    photos("a.png")
    more = ["--what", "people", "-o", "b.png", "--save-mask", "m.png", "--json"]
    assert nukki("erase", "a.png", *words, *more) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["input"], answer["output"], answer["mask"]) == ("a.png", "b.png", "m.png")
    assert (answer["network"], answer["outcome"]) == ("fills", "done")
    assert set(answer["steps"]) == {"find", "plan", "fill", "colours"}
    first, second = answer["parts"]
    assert (first["number"], second["number"]) == (1, 2)
    assert first["label"] == "person"
    assert first["score"] == pytest.approx(0.98)
    assert first["grow"] == 0
    assert (first["shape"], first["holder"], first["casts"]) == ("box", None, [])
    assert "it is small" in first["reason"]
    assert answer["hole"] == int((np.asarray(Image.open("m.png")) > 0).sum())


def test_the_second_look_is_told(nukki, photos, words, capsys):
    """The network finds the same in every crop: the filler cannot help it."""
    photos("a.png")
    words[words.index("never")] = "auto"
    assert nukki("erase", "a.png", "--what", "1", *words, "-o", "b.png", "--json") == 0
    said = capsys.readouterr()
    passes = json.loads(said.out)["passes"]
    assert 1 <= len(passes) <= 3
    assert passes[-1]["widened"] is None
    assert all({"number", "left", "seam", "reason"} <= set(one) for one in passes)
    assert [one["number"] for one in passes] == list(range(1, len(passes) + 1))


def test_a_preview_fills_nothing(nukki, photos, words, capsys):
    photos("a.png")
    network(settings.models_folder() / "fills", FILLS_NAN, name="net")  # would fail
    more = ["--what", "people", "--preview", "p.png", "--save-mask", "m.png"]
    assert nukki("erase", "a.png", *words, *more) == 0
    hole = np.asarray(Image.open("m.png")) > 0
    changed = holes("a.png", "p.png")
    assert changed[hole].mean() > 0.9
    assert not Path("b.png").exists()
    assert "a.png -> p.png" in capsys.readouterr().err


def test_folders_reports_and_going_on(nukki, photos, words, capsys):
    photos("in/a.png", "in/sub/b.jpg")
    Path("in/none.png").write_bytes(b"no picture")
    base = ["erase", "in", "--what", "people", *words, "-o", "out", "--report", "r.jsonl"]
    assert nukki(*base) == 1
    records = {
        Path(one["input"]).name: one
        for one in map(json.loads, Path("r.jsonl").read_text().splitlines())
    }
    assert records["a.png"]["outcome"] == records["b.jpg"]["outcome"] == "done"
    assert records["none.png"]["outcome"] == "failed"
    assert [part["number"] for part in records["b.jpg"]["parts"]] == [1, 2]
    assert images.read("out/sub/b.png").width == WIDTH
    before = Path("out/a.png").stat().st_mtime_ns
    Path("in/none.png").unlink()
    photos("in/c.png")
    assert nukki(*base, "--resume") == 0
    assert Path("out/a.png").stat().st_mtime_ns == before
    assert Path("out/c.png").exists()
    words_of = [json.loads(line)["outcome"] for line in Path("r.jsonl").read_text().splitlines()]
    assert words_of.count("skipped") == 2
    assert "1 done" in capsys.readouterr().err


def test_photos_without_anybody_in_a_folder(nukki, photos, words, capsys):
    photos("in/a.png", "in/b.png")
    boxes_at_home("finds", [DOG])
    assert nukki("erase", "in", "--what", "people", *words, "-o", "out") == 3
    assert list(Path("out").iterdir()) == []
    assert capsys.readouterr().err.count("nothing is `people`") == 2


def test_from_a_pipe_to_a_pipe(nukki, words, stdin, jpeg, capfdbinary):
    stdin(jpeg())
    assert nukki("erase", "-", "--what", "dog", *words) == 0
    after = np.asarray(Image.open(io.BytesIO(capfdbinary.readouterr().out)))
    before = np.asarray(Image.open(io.BytesIO(jpeg())))
    changed = (after != before).any(axis=2)
    assert (after[changed] == FILLS_COLOUR).all()
    assert changed[26:34, 26:30].all()


def test_a_dry_run_writes_nothing(nukki, photos, words, capsys):
    photos("a.png", "b.png")
    assert (
        nukki("erase", "a.png", "b.png", "--what", "people", *words, "-o", "c/", "--dry-run") == 0
    )
    assert "a.png -> " in capsys.readouterr().out
    assert not Path("c").exists()


@pytest.mark.parametrize("kind", ["wide", "grey", "rgba", "one"])
def test_photos_of_every_kind(nukki, words, place, kind):
    """16 bit, grey, with transparency; and one pixel, in which a box is everything."""
    random = np.random.default_rng(4)
    shape = (HEIGHT, WIDTH, {"wide": 3, "grey": 1, "rgba": 4}.get(kind, 3))
    if kind == "wide":
        images.read(random.integers(0, 65535, shape, np.uint16)).save("a.png")
    elif kind == "one":
        Image.new("RGB", (1, 1), (9, 9, 9)).save("a.png")
    else:
        Image.fromarray(random.integers(1, 255, shape, np.uint8).squeeze()).save("a.png")
    code = nukki("erase", "a.png", "--what", "people", *words, "-o", "b.png", "--quiet")
    if kind == "one":
        assert code in (2, 3)
        assert not Path("b.png").exists()
        return
    assert code == 0
    before, after = images.read("a.png"), images.read("b.png")
    assert after.pixels.dtype == before.pixels.dtype
    changed = (before.pixels != after.pixels).any(axis=2)
    assert 0 < changed.mean() < 0.5
    if kind == "rgba":
        np.testing.assert_array_equal(after.alpha, before.alpha)


# what is refused


def refused(nukki, capsys, *words):
    """The exit code and what was said; no file has come, and no traceback."""
    before = sorted(path.name for path in Path().rglob("*"))
    code = nukki("erase", *words)
    assert sorted(path.name for path in Path().rglob("*")) == before
    out, err = capsys.readouterr()
    assert out == ""
    assert "hint: " in err
    assert "Traceback" not in err
    assert "internal" not in err
    return code, err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--what", "people", "--except", "people", "-o", "b.png"], 3, "nothing is `people`"),
        (["--what", "largest dog", "--except", "dog", "-o", "b.png"], 3, "nothing is"),
        (["--what", "score<.1", "-o", "b.png"], 3, "there are 1 person .98"),
        (["--what", "9", "-o", "b.png"], 2, "there is no number 9"),
        (["--what", "at:99,5", "-o", "b.png"], 2, "outside the photo"),
        (["--what", "cat", "-o", "b.png"], 2, "there is no label 'cat'"),
        (["--what", "people,", "-o", "b.png"], 2, "nothing stands here"),
        (["-o", "b.png"], 2, "`--what` goes, or else what `--mask` marks"),
        (["--what", "dog", "--mask", "a.png", "-o", "b.png"], 2, "give one of them"),
        (["--what", "dog"], 2, "`-o` must say where"),
        (["--what", "dog", "-o", "b.png", "--preview", "p.png"], 2, "`--preview` fills nothing"),
        (["--what", "dog", "-o", "b.png", "--save-mask", "b.png"], 2, "two results at once"),
        (["--what", "dog", "-o", "b.png", "--save-mask", "a.png"], 2, "`a.png` is what is read"),
        (["--what", "dog", "--preview", "a.png", "--overwrite"], 2, "`a.png` is what is read"),
        (["--what", "dog", "-o", "b.png", "--grow", "-3"], 2, "`grow`"),
        (["--what", "dog", "-o", "b.png", "--instances", "fills"], 2, "--task instances"),
    ],
)
def test_wrong_words(nukki, photos, words, more, code, said, capsys):
    photos("a.png", "c.png")
    given, err = refused(nukki, capsys, "a.png", *words, *more)
    assert given == code
    assert said in err


@pytest.mark.parametrize("more", [["-o", "d/", "--save-mask", "m.png"], ["--preview", "p.png"]])
def test_what_is_of_a_single_photo(nukki, photos, words, more, capsys):
    photos("a.png", "c.png")
    code, err = refused(nukki, capsys, "a.png", "c.png", "--what", "dog", *words, *more)
    assert code == 2
    assert "of a single photo" in err


def test_nan_of_a_filler_is_exit_code_1_and_no_file(nukki, photos, words, capsys):
    photos("a.png")
    network(settings.models_folder() / "fills", FILLS_NAN, name="net")
    save = ["--save-mask", "m.png"]
    code, err = refused(nukki, capsys, "a.png", "--what", "dog", *words, "-o", "b.png", *save)
    assert code == 1
    assert "net.onnx" in err


# sheets and plates


def test_fillers_on_one_sheet(nukki, photos, words, capsys):
    photos("a.png", "b.png")
    code = nukki(
        "compare", "a.png", "b.png", "--erase", "people", "--except", "main", "--instances",
        "finds", "--fill", "fills,telea,patch", "-o", "s.png",
    )  # fmt: skip
    err = capsys.readouterr().err
    assert code == 0
    for fill in ("fills", "telea", "patch"):
        assert err.count(f": {fill}: 0.") == 2
    sheet = np.asarray(Image.open("s.png"))
    assert (sheet == FILLS_COLOUR).all(axis=2).sum() > 2 * 150


def test_the_reports_own_chain(nukki, photos, words, capsys):
    """The names of the field's networks, with stand-ins that have the tensors of the real ones."""
    photos("a.png")
    for name, channels in (("lama", 4), ("aotgan", 4), ("deepfillv2", 5)):
        (file,) = catalog.find(name).graphs
        folder = settings.models_folder() / name
        folder.mkdir(parents=True)
        text = PAINT.replace("[1,4,", f"[1,{channels},")
        network(folder, text, name=file.removesuffix(".onnx"))
    fills = "patch,lama,aotgan,deepfillv2"
    code = nukki(
        "compare", "a.png", "--erase", "people", "--instances", "finds", "--fill", fills, "-o",
        "s.png",
    )  # fmt: skip
    assert code == 0
    assert capsys.readouterr().err.count("a.png: ") == 4
    code = nukki(
        "erase", "a.png", "--what", "people", "--except", "main", "--instances", "finds",
        "--fill", "lama", "--grow", "5", "-o", "b.png", "--json",
    )  # fmt: skip
    assert code == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["network"], answer["parts"][0]["grow"]) == ("lama", 5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--fill", "patch"], "go with `--erase`"),
        (["--erase", "cat", "--instances", "finds"], "there is no label 'cat'"),
        (["--erase", "people", "--instances", "finds", "--fill", "lamma"], "lamma"),
    ],
)
def test_sheets_that_cannot_be(nukki, photos, words, more, said, capsys):
    photos("a.png")
    assert nukki("compare", "a.png", "-o", "s.png", *more) == 2
    assert said in capsys.readouterr().err
    assert not Path("s.png").exists()


def test_remove_writes_the_plate(cut, photos, capsys):
    photos("a.png")
    words = ["--subject", "salient", "-o", "c.png", "--plate", "p.png"]
    assert cut("a.png", *words) == 0
    plate, photo = np.asarray(Image.open("p.png")), np.asarray(Image.open("a.png"))
    assert plate.shape == photo.shape
    assert np.abs(plate[24, 32].astype(int) - (0, 60, 200)).max() < 30, "the red block is there"
    np.testing.assert_array_equal(plate[:4], photo[:4])
    for wrong in (["-o", "d.png", "--plate", "d.png"], ["-o", "d.png", "--plate", "a.png"]):
        assert cut("a.png", *wrong) == 2
    photos("b.png")
    assert cut("a.png", "b.png", "-o", "out/", "--plate", "q.png") == 2
    assert "of a single picture" in capsys.readouterr().err
