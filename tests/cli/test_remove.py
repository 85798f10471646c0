"""`nukki remove`: what is read, what is written, and what the exit code says."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nukki import api
from nukki.cli import network
from nukki.errors import OutputError


def opened(path):
    with Image.open(path) as image:
        return image.mode, image.format, np.asarray(image)


def files(folder="."):
    return sorted(
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()
    )


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


# One picture


def test_a_picture_is_cut_out_beside_itself(cut, photos, capsys):
    photos("a.jpg")
    assert cut("a.jpg") == 0
    mode, kind, pixels = opened("a.png")
    assert (mode, kind, pixels.shape) == ("RGBA", "PNG", (48, 64, 4))
    assert pixels[24, 32, 3] == 255
    assert tuple(pixels[2, 2]) == (0, 0, 0, 0)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("a.jpg -> a.png  (")


def test_a_real_photo_through_the_embedded_network(nukki, place, astronaut):
    Image.fromarray(astronaut[:160, 140:300]).save("portrait.png")
    assert nukki("remove", "portrait.png") == 0
    _, _, pixels = opened("portrait-cut.png")
    assert pixels[100, 80, 3] == 255
    assert pixels[5, 5, 3] < 64


def test_a_matting_network_by_name(cut, photos, red, capsys):
    from task_files import at_home, channel

    tables = 'input.size = [64, 64]\ninput.fit = "pad"\ninput.multiple = 32\n[output]\n[matting]'
    at_home("mine", "matting", "m (float[1,4,H,W] x) => (float[1,1,H,W] y)" + channel(3), tables)
    photos("a.jpg")
    assert cut("a.jpg", "--matting", "mine") == 0
    _, _, pixels = opened("a.png")
    assert set(np.unique(pixels[..., 3])) == {0, 128, 255}  # the trimap itself
    for name, code, hint in (
        ("subject", 2, "models list --task matting"),
        ("minne", 2, "use mine"),
        ("indexnet", 1, "models get indexnet"),
        ("net.onnx", 2, "models path --cards"),
    ):
        capsys.readouterr()
        assert cut("a.jpg", "--overwrite", "--matting", name) == code
        told = capsys.readouterr().err
        assert name in told
        assert hint in told


def test_the_command_line_gives_what_the_library_gives(cut, photos, red):
    photos("a.png")
    assert cut("a.png", "--threshold", "0.2,0.8", "--grow", "1", "--crop=3") == 0
    ours = api.remove(
        "a.png", model=red[1], card=red[3], threshold=(0.2, 0.8), grow=1.0, crop=3
    ).encode("png")
    assert Path("a-cut.png").read_bytes() == ours


def test_the_ending_or_the_option_names_the_format(cut, photos):
    photos("a.jpg")
    assert cut("a.jpg", "-o", "b.webp", "--lossless") == 0
    assert opened("b.webp")[:2] == ("RGBA", "WEBP")
    assert cut("a.jpg", "--format", "tiff") == 0
    assert opened("a.tiff")[:2] == ("RGBA", "TIFF")
    assert cut("a.jpg", "-o", "odd-name", "--format", "png") == 0
    assert opened("odd-name")[1] == "PNG"


def test_the_mask_is_a_grey_picture(cut, photos):
    photos("a.png")
    assert cut("a.png", "--mask") == 0
    mode, _, mask = opened("a-mask.png")
    assert mode == "L"
    assert mask[24, 32] == 255
    assert mask[2, 2] == 0
    assert cut("a.png", "--mask", "-o", "m.jpg") == 0
    assert opened("m.jpg")[:2] == ("L", "JPEG")


def test_a_background_is_put_behind(cut, photos):
    photos("a.jpg", "wall.png")
    assert cut("a.jpg", "--background", "white", "-o", "w.jpg") == 0
    mode, kind, pixels = opened("w.jpg")
    assert (mode, kind) == ("RGB", "JPEG")
    assert pixels[2, 2].min() > 245
    assert cut("a.jpg", "--background", "wall.png") == 0
    assert opened("a.png")[0] == "RGB"
    assert tuple(opened("a.png")[2][2, 2]) == (0, 60, 200)


def test_crop_that_stands_alone_does_not_eat_the_picture(nukki, red, photos):
    photos("a.jpg")
    assert nukki("remove", *red, "--crop", "a.jpg") == 0
    height, width = opened("a.png")[2].shape[:2]
    assert height < 48
    assert width < 64


def test_names_in_any_script(cut, photos, capsys):
    photos("누끼 ü 'q\".jpg")
    assert cut("누끼 ü 'q\".jpg", "--json") == 0
    (record,) = lines(capsys.readouterr().out)
    assert record["output"] == "누끼 ü 'q\".png"
    assert Path(record["output"]).exists()


# What is refused before any work


@pytest.fixture
def no_work(monkeypatch):
    def remove(*words, **options):
        pytest.fail("work was begun")

    monkeypatch.setattr(api, "remove", remove)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jpg", "-o", "b.jpg"], "JPEG has no transparency"),
        (["a.jpg", "--format", "jpeg"], "JPEG has no transparency"),
        (["a.jpg", "a.png", "-o", "out/", "--format", "jpeg"], "JPEG has no transparency"),
        (["a.jpg", "-o", "b.xyz"], "names no format"),
        (["a.jpg", "-o", "out"], "no ending"),
        (["a.png", "-o", "a.png"], "is the picture that is read"),
        (["a.png", "-o", "a.png", "--overwrite"], "is the picture that is read"),
        (["a.jpg", "-o", "there.png"], "`there.png` is there already"),
        (["a.jpg", "a.png", "-o", "there.png"], "must be a folder"),
        (
            ["a.jpg", "-o", "new.png", "--background", "blak"],
            "must be a colour or a picture file, got 'blak'",
        ),
        (["a.jpg", "--threshold", "0.9,0.1"], "`threshold` must be"),
        (["a.jpg", "--quality", "0"], "`quality` must be 1 to 100"),
        (["a.jpg", "--crop=-2"], "`crop` must be a whole number of at least 0"),
        (["a.jpg", "--report", "a.jpg", "--overwrite"], "would be the report too"),
        (["-", "--json"], "both go to standard output"),
    ],
)
def test_wrong_usage_is_told_before_any_work(cut, photos, no_work, capsys, words, message):
    photos("a.jpg", "a.png", "there.png")
    before = files()
    assert cut(*words) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "hint: " in told
    assert files() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "subjct"], "`subjct` is not the name of a model"),
        (["--model", "gone.onnx"], "no such file"),
        (["--device", "abacus"], "abacus"),
        (["--card", "card.toml"], "card.toml"),
    ],
)
def test_a_wrong_network_is_told_once_and_not_per_picture(nukki, photos, capsys, words, message):
    photos("p/a.jpg", "p/b.jpg")
    assert nukki("remove", "p", *words) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("error: ") == 1
    assert files() == ["p/a.jpg", "p/b.jpg"]


def test_wishes_about_fetching_reach_the_network_and_the_library(cut, photos, monkeypatch):
    seen = {}
    real = api.remove

    def remove(source, **options):
        seen["remove"] = options["accept_licence"]
        return real(source, **options)

    def made_ready(model, **options):
        seen["ready"] = (options["accept_licence"], options["offline"])

    monkeypatch.setattr(api, "remove", remove)
    monkeypatch.setattr(network, "ready", made_ready)
    photos("a.jpg")
    assert cut("a.jpg", "--accept-licence", "--offline") == 0
    assert seen == {"remove": True, "ready": (True, True)}
    assert cut("a.jpg", "--overwrite") == 0
    assert seen == {"remove": False, "ready": (False, False)}


# Files that are there


def test_nothing_is_replaced_unless_asked(cut, photos, capsys):
    photos("a.jpg")
    Path("a.png").write_bytes(b"precious")
    assert cut("a.jpg") == 2
    assert Path("a.png").read_bytes() == b"precious"
    assert "give --overwrite" in capsys.readouterr().err
    assert cut("a.jpg", "--overwrite") == 0
    assert opened("a.png")[0] == "RGBA"


def test_a_link_that_leads_nowhere_is_in_the_way(cut, photos):
    photos("a.jpg")
    Path("a.png").symlink_to("nowhere.png")
    assert cut("a.jpg") == 2
    assert Path("a.png").is_symlink()


def test_resume_passes_over_finished_results(cut, photos, capsys):
    photos("p/a.jpg", "p/b.jpg")
    assert cut("p", "-o", "out") == 0
    Path("out/a.png").write_bytes(b"finished before")
    Path("out/b.png").unlink()
    capsys.readouterr()
    assert cut("p", "-o", "out", "--resume", "--json") == 0
    told = capsys.readouterr()
    assert [one["outcome"] for one in lines(told.out)] == ["skipped", "done"]
    assert Path("out/a.png").read_bytes() == b"finished before"
    assert "1 done, 1 finished before" in told.err
    assert cut("p/a.jpg", "-o", "out/a.png", "--resume") == 0


def test_a_file_in_the_way_fails_that_picture_alone(cut, photos, capsys):
    photos("p/a.jpg", "p/b.jpg")
    photos("out/a.png")
    assert cut("p", "-o", "out", "--json") == 1
    told = capsys.readouterr()
    assert [one["outcome"] for one in lines(told.out)] == ["exists", "done"]
    assert "--resume" in told.err


def test_overwrite_and_resume_exclude_each_other(cut, photos, capsys):
    photos("a.jpg")
    assert cut("a.jpg", "--overwrite", "--resume") == 2
    assert "not allowed with" in capsys.readouterr().err


# Folders


def test_a_folder_keeps_its_tree_and_counts_what_it_passes_over(cut, photos, capsys):
    photos("p/a.jpg", "p/sub/b.png", "p/.hidden.jpg")
    Path("p/notes.txt").write_text("x", encoding="utf-8")
    assert cut("p") == 0
    assert files("p-cut") == ["a.png", "sub/b.png"]
    told = capsys.readouterr().err
    assert "2 done" in told
    assert "2 files passed over" in told


def test_pictures_of_one_stem_do_not_collide(cut, photos):
    photos("p/a.jpg", "p/a.png", "p/a.webp", "p/b.jpg")
    assert cut("p", "-o", "out") == 0
    assert files("out") == ["a.jpg.png", "a.png.png", "a.webp.png", "b.png"]


def test_a_second_run_does_not_read_the_results_of_the_first(cut, photos, capsys):
    photos("p/a.jpg")
    assert cut("p", "-o", "p/cut") == 0
    assert cut("p", "-o", "p/cut", "--resume") == 0
    assert files("p") == ["a.jpg", "cut/a.png"]


def test_one_bad_picture_does_not_stop_the_rest(cut, photos, capsys):
    photos("p/a.jpg", "p/c.jpg")
    Path("p/b.jpg").write_bytes(b"no picture at all")
    assert cut("p", "-o", "out", "--report", "report.jsonl") == 1
    assert files("out") == ["a.png", "c.png"]
    told = capsys.readouterr().err
    assert told.count("error: ") == 1
    assert "b.jpg" in told
    assert "2 done, 1 failed" in told
    report = lines(Path("report.jsonl").read_text(encoding="utf-8"))
    assert [(Path(one["input"]).name, one["outcome"]) for one in report] == [
        ("a.jpg", "done"),
        ("b.jpg", "failed"),
        ("c.jpg", "done"),
    ]
    assert {"input", "output", "outcome", "confidence", "seconds", "reason"} <= set(report[0])
    assert report[0]["road"] == "salient"
    assert Path(report[0]["output"]) == Path("out/a.png")
    assert 0.5 < report[0]["confidence"] <= 1
    assert report[0]["seconds"] > 0
    assert report[0]["reason"] is None
    assert report[1]["output"] is None
    assert report[1]["reason"]


@pytest.mark.parametrize("jobs", [1, 4])
def test_results_do_not_depend_on_jobs(cut, photos, jobs):
    names = [f"p/{number}.jpg" for number in range(6)]
    photos(*names)
    assert cut("p", "-o", "out", "--jobs", jobs, "--report", "r.jsonl") == 0
    photos("one.jpg")
    assert cut("one.jpg") == 0
    expected = Path("one.png").read_bytes()
    assert {Path(f"out/{number}.png").read_bytes() for number in range(6)} == {expected}
    report = lines(Path("r.jsonl").read_text(encoding="utf-8"))
    assert [Path(one["input"]).as_posix() for one in report] == names


@pytest.mark.parametrize("folder", ["empty", "texts"])
def test_a_folder_without_pictures_has_nothing_in_it(cut, place, capsys, folder):
    Path(folder).mkdir()
    if folder == "texts":
        Path("texts/a.txt").write_text("x", encoding="utf-8")
    assert cut(folder) == 3
    assert "no pictures in" in capsys.readouterr().err
    assert not Path(f"{folder}-cut").exists()


def test_a_missing_picture_is_a_failed_one(cut, photos, capsys):
    assert cut("gone.jpg") == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "gone.jpg" in told
    photos("a.jpg")
    assert cut("gone.jpg", "a.jpg", "-o", "out") == 1
    assert files("out") == ["a.png"]


def test_a_folder_that_cannot_be_listed_is_a_failure(cut, photos, capsys, monkeypatch):
    photos("p/a.jpg", "p/locked/b.jpg")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert cut("p", "-o", "out", "--dry-run") == 1
    assert cut("p", "-o", "out", "--report", "r.jsonl") == 1
    told = capsys.readouterr().err
    assert told.count("locked`: the folder cannot be listed: Permission denied") == 2
    report = lines(Path("r.jsonl").read_text(encoding="utf-8"))
    assert [one["outcome"] for one in report] == ["failed", "done"]


# Nothing found


def test_no_subject_writes_no_file(cut, photos, capsys):
    photos("a.jpg", empty=True)
    assert cut("a.jpg", "--json") == 3
    told = capsys.readouterr()
    assert files() == ["a.jpg"]
    (record,) = lines(told.out)
    assert (record["outcome"], record["output"]) == ("nothing found", None)
    assert "nothing found in `a.jpg`" in told.err


def test_an_empty_result_is_written_on_request(cut, photos, capsys):
    photos("a.jpg", empty=True)
    assert cut("a.jpg", "--allow-empty", "--json") == 0
    (record,) = lines(capsys.readouterr().out)
    assert (record["outcome"], record["output"]) == ("nothing found", "a.png")
    assert not opened("a.png")[2][..., 3].any()


def test_a_folder_is_empty_only_if_all_its_pictures_are(cut, photos):
    photos("p/a.jpg", "p/b.jpg", empty=True)
    assert cut("p") == 3
    photos("p/c.jpg")
    assert cut("p") == 0
    assert files("p-cut") == ["c.png"]
    Path("p/d.jpg").write_bytes(b"")
    assert cut("p", "-o", "other") == 1


# Pipes


def test_standard_input_to_a_file(cut, place, stdin, jpeg):
    stdin(jpeg())
    assert cut("-", "-o", "a.png") == 0
    assert opened("a.png")[0] == "RGBA"


def test_a_file_to_standard_output(cut, photos, capsysbinary):
    photos("a.jpg")
    assert cut("a.jpg", "-o", "-", "--format", "webp") == 0
    told = capsysbinary.readouterr()
    with Image.open(io.BytesIO(told.out)) as image:
        assert (image.format, image.mode) == ("WEBP", "RGBA")


def test_nothing_found_sends_no_byte(cut, place, stdin, jpeg, capsysbinary):
    stdin(jpeg(empty=True))
    assert cut("-") == 3
    assert capsysbinary.readouterr().out == b""


def test_standard_input_without_a_picture(cut, place, stdin, capsysbinary):
    stdin(b"")
    assert cut("-") == 1
    told = capsysbinary.readouterr()
    assert told.out == b""
    assert told.err.startswith(b"error: ")


def test_no_picture_goes_to_a_terminal(cut, place, stdin, jpeg, monkeypatch, capsys):
    stdin(jpeg())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert cut("-") == 2
    assert "terminal" in capsys.readouterr().err


def test_a_pipe_is_binary_from_end_to_end(place, jpeg, red):
    command = [sys.executable, "-m", "nukki", "remove", "-", *red]
    done = subprocess.run(command, input=jpeg(), capture_output=True, check=True, timeout=60)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert np.asarray(image).shape == (48, 64, 4)
    assert done.stderr.startswith(b"- -> -")


# What can go wrong while writing and computing


def test_an_output_folder_that_cannot_be_made(cut, photos, capsys, no_work):
    photos("p/a.jpg")
    Path("file").write_bytes(b"")
    assert cut("p", "-o", "file/out") == 1
    told = capsys.readouterr().err
    assert "file/out` cannot be made" in told
    assert "hint: " in told


def test_a_result_whose_folder_cannot_be_made(cut, photos, capsys):
    photos("a.jpg")
    Path("file").write_bytes(b"")
    assert cut("a.jpg", "-o", "file/deep/a.png") == 1
    assert "cannot be made" in capsys.readouterr().err
    assert files() == ["a.jpg", "file"]


def test_a_network_that_answers_nonsense_is_named(nukki, broken, photos, capsys):
    photos("p/a.jpg", "p/b.jpg")
    assert nukki("remove", "p", "-o", "out", *broken) == 1
    told = capsys.readouterr().err
    assert told.count("error: ") == 2
    assert "internal" not in told
    assert files("out") == []


def test_a_fault_of_ours_fails_one_picture_and_says_so(cut, photos, capsys, monkeypatch):
    real = api.remove

    def remove(source, **options):
        if Path(source).name == "b.jpg":
            raise ZeroDivisionError("a fault")
        return real(source, **options)

    monkeypatch.setattr(api, "remove", remove)
    photos("p/a.jpg", "p/b.jpg")
    assert cut("p", "-o", "out") == 1
    told = capsys.readouterr().err
    assert "internal: ZeroDivisionError: a fault" in told
    assert "--traceback" in told
    assert files("out") == ["a.png"]
    assert cut("p/b.jpg", "--traceback") == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_leaves_whole_files_and_whole_lines(cut, photos, capsys, monkeypatch):
    names = [f"p/{number}.jpg" for number in range(8)]
    photos(*names)
    from nukki.cli.report import ReportFile

    real = ReportFile.write
    written = []

    def write(self, outcome):
        real(self, outcome)
        written.append(outcome)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ReportFile, "write", write)
    assert cut("p", "-o", "out", "--report", "r.jsonl") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert len(lines(Path("r.jsonl").read_text(encoding="utf-8"))) == 2
    whole = files("out")
    assert 2 <= len(whole) < 8
    for name in whole:
        assert opened(Path("out") / name)[0] == "RGBA"
    monkeypatch.setattr(ReportFile, "write", real)
    assert cut("p", "-o", "out", "--resume", "--report", "r.jsonl") == 0
    assert len(files("out")) == 8
    assert len(lines(Path("r.jsonl").read_text(encoding="utf-8"))) == 10


def test_an_interrupt_while_writing_leaves_no_half_file(cut, photos, monkeypatch):
    from nukki.io import files as disk

    photos("a.jpg")

    def replaced(*words, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(disk.os, "replace", replaced)
    monkeypatch.setattr(Path, "replace", replaced)
    assert cut("a.jpg") == 130
    assert files() == ["a.jpg"]


def test_a_full_disk_is_told_per_picture(cut, photos, monkeypatch, capsys):
    from nukki.pipelines import results

    def write(target, data):
        message = f"`{target}` could not be written: No space left on device"
        raise OutputError(message, hint="free some space")

    monkeypatch.setattr(results, "write", write)
    photos("p/a.jpg", "p/b.jpg")
    assert cut("p", "-o", "out") == 1
    told = capsys.readouterr().err
    assert told.count("No space left") == 2
    assert "free some space" in told


# Dry runs, quiet, limits


def test_a_dry_run_prints_and_writes_nothing(cut, photos, no_work, capsys):
    photos("p/a.jpg", "p/b.jpg", "out/a.png")
    before = files()
    assert cut("p", "-o", "out", "--dry-run") == 0
    told = capsys.readouterr().out.replace("\\", "/")
    assert told == "p/a.jpg -> out/a.png  (exists)\np/b.jpg -> out/b.png\n"
    assert cut("p", "-o", "out", "--dry-run", "--resume", "--json") == 0
    assert [one["outcome"] for one in lines(capsys.readouterr().out)] == ["skipped", "planned"]
    assert files() == before


def test_quiet_says_nothing_but_errors(cut, photos, capsys):
    photos("p/a.jpg")
    assert cut("p", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert cut("gone.jpg", "--quiet") == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_pictures_beyond_the_limit_are_refused(cut, photos, capsys):
    photos("a.jpg")
    assert cut("a.jpg", "--max-pixels", "100") == 1
    assert "100" in capsys.readouterr().err


def test_a_note_on_how_a_picture_was_read_is_passed_on(cut, place, capsys):
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    cut("a.gif", "--allow-empty")
    assert "note: `a.gif`: " in capsys.readouterr().err


def test_a_broken_pipe_is_no_error(cut, photos, monkeypatch, capfd):
    broken = True

    class Closed(io.RawIOBase):
        def write(self, data):
            if broken:
                raise BrokenPipeError
            return len(data)

        def writable(self):
            return True

    photos("a.jpg")
    stream = io.TextIOWrapper(io.BufferedWriter(Closed()))
    monkeypatch.setattr(sys, "stdout", stream)
    assert cut("a.jpg", "-o", "-") == 1
    assert "error" not in capfd.readouterr().err
    monkeypatch.undo()
    broken = False  # or the stream complains again when it is closed
    stream.close()


def test_no_worker_is_left_behind(cut, photos):
    photos("p/a.jpg", "p/b.jpg")
    assert cut("p") == 0
    assert not [one for one in threading.enumerate() if one.name.startswith("nukki-batch")]


def test_a_screen_is_advised_of_once_in_a_run(nukki, place, capsys):
    from screen_files import shot

    for name in ("a.png", "b.png"):
        Image.fromarray(shot(height=120, width=160).pixels).save(name)
    assert nukki("remove", "a.png", "b.png", "-o", "out", "--json") == 0
    told = capsys.readouterr()
    assert told.err.count("--key auto cuts by that colour") == 1
    assert all("--key auto" in line["advice"] for line in lines(told.out))


def test_a_key_asks_no_network(nukki, place, capsys, monkeypatch):
    from screen_files import shot

    def refuse(*_, **__):
        raise AssertionError("a network was asked for")

    monkeypatch.setattr(network, "ready", refuse)
    monkeypatch.setattr(api, "load_as", refuse)
    Image.fromarray(shot(height=120, width=160).pixels).save("a.jpg")
    assert nukki("remove", "a.jpg", "--key", "green", "--json") == 0
    told = lines(capsys.readouterr().out)[0]
    assert (told["road"], "advice" in told) == ("key", False)
    assert nukki("remove", "a.jpg", "--flood", "--key", "grren") == 2
    assert "did you mean green" in capsys.readouterr().err
