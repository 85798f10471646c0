"""The files that `nukki segment` writes, read back by others: Pillow and pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finding_networks import BOXES_CARD, boxes_network
from nukki.zoo.labels import labels_of

PERSON = ((0.25, 0.25, 0.75, 1.0), 0.98, 1, 1.0)
BALL = ((0.0, 0.0, 0.5, 0.5), 0.7, 2, 1.0)


def words_of(folder, things, labels='["", "person", "sports ball"]'):
    folder.mkdir(exist_ok=True)
    boxes_network(folder / "finds.onnx", things)
    card = BOXES_CARD.replace('["", "person", "dog"]', labels)
    (folder / "finds.toml").write_text(card)
    return ["--instances", folder / "finds.onnx", "--card", folder / "finds.toml"]


@pytest.fixture
def two(tmp_path_factory):
    return words_of(tmp_path_factory.mktemp("net"), [PERSON, BALL])


@pytest.fixture
def segment(nukki, two):
    """Runs `nukki segment` with a network that finds a person and a ball in every photo."""

    def run(*words):
        return nukki("segment", *words, *two)

    return run


def files(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.*"))


def opened(path):
    with Image.open(path) as image:
        return image.mode, np.asarray(image)


def test_a_mask_and_a_cut_out_a_thing(segment, photos, capsys):
    photos("a.png")  # 64 × 48
    assert segment("a.png", "--masks", "m", "--layers", "l/deep", "--json") == 0
    assert files("m") == files("l/deep") == ["a-1-person.png", "a-2-sports-ball.png"]
    photo = np.asarray(Image.open("a.png"))
    answer = json.loads(capsys.readouterr().out)
    for one in answer["instances"]:
        mode, mask = opened(one["mask"])
        left, top, right, bottom = one["box"]
        assert (mode, mask.shape, set(np.unique(mask))) == ("L", (48, 64), {0, 255})
        assert np.count_nonzero(mask) == one["area"]
        assert mask[top:bottom, left:right].sum() == mask.sum()
        mode, layer = opened(one["layer"])
        assert mode == "RGBA"
        np.testing.assert_array_equal(layer[..., 3], mask)
        np.testing.assert_array_equal(layer[mask > 0][:, :3], photo[mask > 0])
        assert not layer[mask == 0].any()
    assert [Path(one["mask"]).name for one in answer["instances"]] == files("m")


def test_only_what_is_asked_for_is_written_under_its_own_number(segment, photos):
    photos("a.png")
    assert segment("a.png", "--masks", "m", "--labels", "l.png", "--except", "people") == 0
    assert files("m") == ["a-2-sports-ball.png"]
    mode, numbers = opened("l.png")
    assert (mode, numbers.shape, set(np.unique(numbers))) == ("L", (48, 64), {0, 2})
    np.testing.assert_array_equal(numbers == 2, opened("m/a-2-sports-ball.png")[1] > 0)


def test_many_numbers_take_16_bit(nukki, photos, tmp_path):
    things = [((n / 400, 0.0, n / 400 + 0.02, 1.0), 1 - n / 500, 1, 1.0) for n in range(300)]
    words = words_of(tmp_path / "net", things)
    photos("a.png")
    assert nukki("segment", "a.png", "--labels", "l.png", "--min-score", "0", *words) == 0
    mode, numbers = opened("l.png")
    assert mode == "I;16"
    assert numbers.max() > 255


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools
def test_coco_reads_it(segment, photos, capsys):
    from pycocotools import mask as runs
    from pycocotools.coco import COCO

    photos("p/000000000139.png", "p/285.png")
    assert segment("p", "--coco", "c.json", "--masks", "m") == 0
    assert [one["image_id"] for one in json.loads(Path("c.json").read_text())] == [
        139,
        139,
        285,
        285,
    ]
    names = [label for label in labels_of_coco() if label]
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 139, "width": 64, "height": 48}, {"id": 285, "width": 64, "height": 48}],
        "annotations": [],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(labels_of_coco()) if name
        ],
    }
    assert len(names) == 80
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes("c.json")
    assert len(found.anns) == 4
    for one in found.anns.values():
        name = truth.cats[one["category_id"]]["name"]
        stem = Path(one["file_name"]).stem
        number = {"person": 1, "sports ball": 2}[name]
        mask = opened(f"m/{stem}-{number}-{name.replace(' ', '-')}.png")[1] > 0
        np.testing.assert_array_equal(runs.decode(one["segmentation"]).astype(bool), mask)
        np.testing.assert_array_equal(found.annToMask(one).astype(bool), mask)
        assert one["score"] == pytest.approx({"person": 0.98, "sports ball": 0.7}[name])
        wanted = {"person": [16, 12, 32, 36], "sports ball": [0, 0, 32, 24]}[name]
        assert one["bbox"] == wanted


def labels_of_coco():
    from nukki.types import ClassSpec

    return labels_of(ClassSpec("coco-91"))


def test_photos_without_numbers_are_numbered(segment, photos):
    photos("p/a.png", "p/12.png")
    assert segment("p", "--coco", "c.json") == 0
    told = [(one["file_name"], one["image_id"]) for one in json.loads(Path("c.json").read_text())]
    names = [str(Path("p") / name) for name in ("12.png", "a.png")]
    assert told == [(names[0], 1)] * 2 + [(names[1], 2)] * 2


def test_labels_that_coco_does_not_have(nukki, photos, tmp_path, capsys):
    words = words_of(tmp_path / "net", [PERSON], '["", "person", "griffin"]')
    photos("a.png")
    assert nukki("segment", "a.png", "--coco", "c.json", *words) == 2
    assert "COCO has no number for: griffin" in capsys.readouterr().err
    assert not Path("c.json").exists()


def test_a_folder_keeps_its_tree(segment, photos, capsys):
    photos("p/a.png", "p/sub/b.png", "p/sub/b.jpg", "p/c.png")
    code = segment("p", "-o", "p/out", "--masks", "p/m", "--labels", "n", "--what", "1")
    assert code == 0
    assert files("p/out") == [
        "a-numbered.png",
        "c-numbered.png",
        "sub/b.jpg-numbered.png",
        "sub/b.png-numbered.png",
    ]
    assert files("p/m") == [
        "a-1-person.png",
        "c-1-person.png",
        "sub/b.jpg-1-person.png",
        "sub/b.png-1-person.png",
    ]
    assert len(files("n")) == 4
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        [str(Path("p") / name), "1 person .98"]
        for name in ("a.png", "c.png", "sub/b.jpg", "sub/b.png")
    ]
    assert "4 done" in err
    # What was written is not read the next time.
    assert segment("p", "-o", "p/out", "--masks", "p/m", "--labels", "n", "--resume") == 0
    assert "4 finished before" in capsys.readouterr().err


def test_a_list_of_folders_without_files(segment, photos, capsys):
    photos("p/a.png", "p-cut/a.png")
    assert segment("p", "p-cut", "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["input"] for one in told] == [str(Path("p/a.png")), str(Path("p-cut/a.png"))]
    assert {one["outcome"] for one in told} == {"done"}
    assert {one["output"] for one in told} == {None}
    assert files() == sorted([str(Path("p/a.png")), str(Path("p-cut/a.png"))])


def test_some_photos_fail_and_the_others_are_done(segment, photos, place, capsys):
    photos("p/a.png", "p/c.png")
    (place / "p/b.png").write_bytes(b"no picture")
    assert segment("p", "-o", "out", "--report", "r.jsonl") == 1
    told = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [one["outcome"] for one in told] == ["done", "failed", "done"]
    assert files("out") == ["a-numbered.png", "c-numbered.png"]
    assert "b.png" in capsys.readouterr().err


def test_a_number_that_some_photos_do_not_have(segment, photos, capsys):
    photos("p/a.png", "p/b.png")
    assert segment("p", "--what", "3", "--masks", "m") == 1
    err = capsys.readouterr().err
    assert err.count("there is no number 3, there are 2 things") == 2
    assert not Path("m").exists()


def test_nothing_of_it_in_any_photo(segment, photos, capsys):
    photos("p/a.png", "p/b.png")
    assert segment("p", "--what", "score>.99", "--masks", "m", "--coco", "c.json") == 3
    assert capsys.readouterr().err.count("there are 1 person .98, 2 sports ball .70") == 2
    assert not Path("m").exists()
    assert not Path("c.json").exists()


def test_nothing_is_replaced(segment, photos, capsys):
    photos("p/a.png", "p/b.png")
    assert segment("p", "-o", "out", "--masks", "m", "--what", "1") == 0
    before = {path: path.read_bytes() for path in Path().rglob("*.png")}
    assert segment("p", "-o", "out", "--masks", "m") == 1
    assert "out/a-numbered.png` is there already" in capsys.readouterr().err.replace("\\", "/")
    # Masks are found out after the photo was looked at: none of its files is written then.
    assert segment("p", "--masks", "m", "--layers", "l") == 1
    assert "m/a-1-person.png` is there already" in capsys.readouterr().err.replace("\\", "/")
    assert {path: path.read_bytes() for path in Path().rglob("*.png")} == before
    assert segment("p", "-o", "out", "--masks", "m", "--overwrite", "--except", "1") == 0
    assert (Path("out/a-numbered.png")).read_bytes() != before[Path("out/a-numbered.png")]


def test_what_a_stopped_run_left_is_written_again(segment, photos, place):
    photos("p/a.png", "p/b.png")
    assert segment("p", "--labels", "n", "--masks", "m") == 0
    whole = (place / "m/b-1-person.png").read_bytes()
    (place / "n/b-labels.png").unlink()
    (place / "m/b-1-person.png").write_bytes(b"of a stopped run")
    assert segment("p", "--labels", "n", "--masks", "m", "--resume") == 0
    assert (place / "m/b-1-person.png").read_bytes() == whole
    assert (place / "n/b-labels.png").exists()


def test_half_of_a_photos_files_are_taken_back(segment, photos, place, capsys):
    photos("a.png")
    (place / "file").write_text("no folder")
    assert segment("a.png", "--masks", "m", "--layers", "l", "-o", "file/n.png") == 1
    assert "`file`" in capsys.readouterr().err
    assert files("m") == files("l") == []


def test_a_photo_is_never_replaced(segment, photos, place, capsys):
    photos("p/a.png", "p/a-1-person.png")
    before = (place / "p/a-1-person.png").read_bytes()
    assert segment("p/a.png", "p/a-1-person.png", "--masks", "p", "--overwrite") == 1
    assert "is what is read, which is never replaced" in capsys.readouterr().err
    assert (place / "p/a-1-person.png").read_bytes() == before


def test_pipes(segment, stdin, jpeg, place, monkeypatch, capsys):
    stdin(jpeg())
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    assert segment("-", "-o", "-", "--masks", "m", "--labels", "l.png") == 0
    monkeypatch.undo()
    mode, shown = opened(io.BytesIO(out.buffer.getvalue()))
    assert (mode, shown.shape) == ("RGB", (48, 64, 3))
    assert files(place / "m") == ["photo-1-person.png", "photo-2-sports-ball.png"]
    assert opened(place / "l.png")[1].max() == 2


def test_what_would_be_read(segment, photos, capsys):
    photos("p/a.png", "p/b.png")
    assert segment("p", "-o", "out", "--dry-run") == 0
    out = capsys.readouterr().out.replace("\\", "/")
    assert out == "p/a.png -> out/a-numbered.png\np/b.png -> out/b-numbered.png\n"
    assert segment("p", "--dry-run") == 0
    assert capsys.readouterr().out.replace("\\", "/") == "p/a.png\np/b.png\n"
    assert not Path("out").exists()


def test_the_same_bytes_whatever_the_jobs_and_threads(segment, photos):
    photos("p/a.png", "p/b.png", "p/c.png")
    for run, words in (("x", ["--jobs", "1", "--threads", "1"]), ("y", ["--jobs", "3"])):
        flags = ["-o", f"{run}/o", "--layers", f"{run}/l", "--labels", f"{run}/n"]
        assert segment("p", *flags, "--coco", f"{run}.json", *words) == 0
    assert files("x") == files("y")
    for name in files("x"):
        assert (Path("x") / name).read_bytes() == (Path("y") / name).read_bytes()
    assert Path("x.json").read_bytes() == Path("y.json").read_bytes()


def test_a_photo_of_one_pixel(nukki, place, tmp_path, capsys):
    words = words_of(tmp_path / "net", [((0.0, 0.0, 1.0, 1.0), 0.98, 1, 1.0)])
    Image.new("RGB", (1, 1), "red").save("a.png")
    flags = ["-o", "n.png", "--layers", "l", "--labels", "i.png", "--coco", "c.json"]
    assert nukki("segment", "a.png", *flags, "--what", "main,at:0,0", *words) == 0
    assert capsys.readouterr().out == "1 person .98  0,0,1,1  100.0%\n"
    assert opened("l/a-1-person.png")[1].tolist() == [[[255, 0, 0, 255]]]
    assert json.loads(Path("c.json").read_text())[0]["segmentation"] == {
        "size": [1, 1],
        "counts": "01",
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--masks", "x", "--layers", "x"], "the same names"),
        (["--masks", "there.png"], "`--masks` must be a folder"),
        (["--labels", "l.jpg"], "must be a PNG"),
        (["--labels", "a.png", "--overwrite"], "never replaces it"),
        (["--coco", "there.png"], "is there already"),
        (["--coco", "r.json", "--report", "r.json"], "two results at once"),
        (["-o", "n.png", "--labels", "n.png"], "two results at once"),
        (["-o", "-", "--json"], "both go to standard output"),
        (["--resume"], "`--resume` needs files"),
        (["--resume", "-o", "o", "--coco", "c.json"], "leave out --coco"),
        (["--resume", "--overwrite"], "not allowed with"),
        (["--jobs", "0"], "at least 1"),
    ],
)
def test_wrong_words(segment, photos, more, said, capsys):
    photos("a.png", "there.png")
    before = files()
    assert segment("a.png", *more) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "hint: " in err
    assert files() == before


def test_many_photos_and_one_pipe(segment, photos, capsys):
    photos("a.png", "b.png")
    assert segment("a.png", "b.png", "-o", "-") == 2
    assert segment("a.png", "-") == 2
    assert "hint: " in capsys.readouterr().err
    Path("empty").mkdir()
    assert segment("empty") == 3
