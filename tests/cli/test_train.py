"""`nukki train`: from a recipe and pictures to a network that `nukki remove` uses."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import nukki as package
from nukki.cli.main import main
from nukki.runtime.sessions import get_session
from nukki.zoo.cards import load_card
from train_files import RECIPE, make_data, make_set, shape, stored_as_float16, write_recipe

STARTER = Path(package.__file__).parent / "zoo" / "weights" / "subject.onnx"
# Twelve lively steps, after which the shipped weights know these shapes on a grid of 64 pixels.
LIVELY = (
    RECIPE.replace("steps = 4", "steps = 10")
    .replace("rate = 5e-5", "rate = 5e-4")
    .replace("rate = 1e-4", "rate = 1e-3")
    .replace("every = 3", "every = 4")
)
# Exporting takes half a minute where other work is done beside the tests.
pytestmark = pytest.mark.timeout(300)
QUICK = "--threads", "1", "--workers", "0", "--device", "cpu"


@pytest.fixture
def torch():
    """PyTorch, its threads put back afterwards."""
    module = pytest.importorskip("torch")
    threads = module.get_num_threads()
    yield module
    module.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a whole training that began with the shipped weights, and what was said.

    Its file takes pictures of one size, and float16 is not asked where it harms: that is a quarter
    of the time. Files of any size are made in tests/nets/test_export.py, and by a slow test below.
    """
    torch = pytest.importorskip("torch")
    from nukki.nets import export

    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("trained")
    recipe = write_recipe(folder, LIVELY)
    words = ["train", str(recipe), "--data", str(data), "--to", str(folder / "work")]
    out, said = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_SUBJECT", export.Ports({"image": (1, 3, 64, 64)}, ("alpha",)))
        patch.setattr(export, "compact", stored_as_float16)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = main([*words, "--start", str(STARTER), "--json", *QUICK])
    torch.set_num_threads(threads)
    assert code == 0, said.getvalue()
    return folder / "work", out.getvalue(), said.getvalue()


@pytest.fixture
def train(nukki, torch, data, place, monkeypatch):
    """Runs `nukki train` in an empty folder, on whole data unless others are given.

    The network is a short one; the whole one is trained above.
    """
    from nukki.train import of_subject
    from short_nets import short_subject

    monkeypatch.setattr(of_subject, "SubjectNet", short_subject)

    def run(*words, text=RECIPE, on=data):
        return nukki(
            "train", write_recipe(place, text), "--data", on, "--to", "work", *QUICK, *words
        )

    return run


@pytest.fixture
def own(tmp_path):
    """Data that a test may break."""
    return make_data(tmp_path / "own")


def told(name="work/tiny.json"):
    return json.loads(Path(name).read_text("utf-8"))


# --- a whole training


def test_a_training_leaves_its_files(trained):
    work, _, _ = trained
    names = {path.name for path in work.iterdir()} - {".tiny.lock"}
    assert names == {"tiny.pt", "tiny.json", "tiny-curve.png", "tiny.onnx", "tiny.toml"}
    with Image.open(work / "tiny-curve.png") as curve:
        assert curve.size == (1120, 760)


def test_a_training_tells_how_it_goes(trained):
    _, _, said = trained
    lines = said.splitlines()
    assert lines[0] == "tiny: 12 steps on shapes 8, places 2; 3 to validate on"
    assert lines[1].startswith("weights: subject.onnx, ")
    assert lines[2] == "on cpu, threads 1, workers 0, bfloat16"
    assert lines[3].startswith("step 4 of 12  loss ")
    assert "  max F 0." in lines[3]
    assert lines[3].endswith("min left")
    assert lines[5].startswith("step 12 of 12  loss ")
    assert not lines[5].endswith("left")
    assert "tiny.onnx" in lines[6]
    assert len(lines) == 7


def test_the_record_of_a_training(trained):
    work, out, _ = trained
    record = told(work / "tiny.json")
    assert json.loads(out) == record
    assert record["step"] == record["steps"] == 12
    assert record["pictures_seen"] == 10 * 2 + 2 * 3
    assert [row["step"] for row in record["validations"]] == [4, 8, 12]
    assert 0.9 < record["validations"][-1]["max_f_beta"] <= 1
    assert record["start"]["file"] == "subject.onnx"
    assert record["start"]["loaded"] > 100
    assert record["skipped"] == {"count": 0, "pictures": []}
    (run,) = record["runs"]
    assert (run["first_step"], run["device"], run["threads"]) == (0, "cpu", 1)
    assert run["versions"]["nukki"] == package.__version__


def test_what_was_trained_is_used_by_remove(trained, torch, nukki, place):
    """The alpha is that of the averaged weights in PyTorch, and cuts out what was never seen."""
    from nukki.nets.subject import SubjectNet
    from nukki.ops.grid import enlarge, fit
    from nukki.train.data import input_spec

    work, _, _ = trained
    card = work / "tiny.toml"
    assert load_card(card).files[0].size_bytes == (work / "tiny.onnx").stat().st_size
    picture, mask = shape(77)
    cut = package.remove(
        picture, model=str(work / "tiny.onnx"), card=str(card), edges="none", device="cpu"
    )
    net = SubjectNet()
    net.load_state_dict(torch.load(work / "tiny.pt", weights_only=True)["average"])
    tensor, placement = fit(np.asarray(picture), input_spec((64, 64)))
    with torch.inference_mode():
        wanted = net.eval()(torch.from_numpy(tensor))[0].sigmoid().numpy()[0, 0]
    assert np.abs(cut.alpha - enlarge(wanted, *placement.source)).mean() < 2e-3
    picture.save("photo.jpg")
    assert nukki("remove", "photo.jpg", "--model", work / "tiny.onnx", "--card", card) == 0
    with Image.open("photo.png") as cut_out:
        found = np.asarray(cut_out)[..., 3] >= 128
    truth = np.asarray(mask) >= 128
    assert (found & truth).sum() / (found | truth).sum() > 0.8


@pytest.mark.slow
def test_the_whole_network_takes_any_size_and_several_pictures(trained, data, torch, tmp_path):
    from nukki.nets.subject import SubjectNet

    work = shutil.copytree(trained[0], tmp_path / "work")
    (work / "tiny.onnx").unlink()
    recipe = write_recipe(tmp_path, LIVELY)
    words = "train", recipe, "--data", data, "--to", work, "--export-only", *QUICK
    assert main([str(word) for word in words]) == 0
    net = SubjectNet()
    net.load_state_dict(torch.load(work / "tiny.pt", weights_only=True)["average"])
    two = np.random.default_rng(1).uniform(-1, 1, (2, 3, 96, 32)).astype(np.float32)
    with torch.inference_mode():
        wanted = net.eval()(torch.from_numpy(two))[0].sigmoid().numpy()
    answer = get_session(work / "tiny.onnx", device="cpu").run({"image": two})["alpha"]
    assert np.abs(answer - wanted).mean() < 5e-3


# --- stopping, and going on


@pytest.fixture
def no_export(monkeypatch, torch):
    """Exporting takes seconds and is tested above: here it only leaves a mark."""
    from nukki.train import of_subject

    def marked(net, target, pictures):
        assert all(picture.shape == (1, 3, 64, 64) for picture in pictures)
        assert len(pictures) == 3
        target.write_bytes(b"marked")
        return SimpleNamespace(stored=1e-4, size_bytes=6, digest="sha256:" + "0" * 64)

    monkeypatch.setattr(of_subject, "export", marked)


def test_a_training_in_parts(train, no_export, capsys):
    assert train("--steps", 2) == 0
    assert "stopped after step 2; the same command goes on from there" in capsys.readouterr().err
    assert told()["step"] == 2
    assert not Path("work/tiny.onnx").exists()
    assert not Path("work/tiny-curve.png").exists()
    assert train("--start", STARTER, "--steps", 2) == 0
    said = capsys.readouterr().err
    assert "going on with work/tiny.pt: from step 2" in said
    assert "--start is not used" in said
    assert Path("work/tiny-curve.png").exists()
    assert train() == 0
    assert Path("work/tiny.onnx").read_bytes() == b"marked"
    capsys.readouterr()
    assert train() == 0
    assert "it is finished" in capsys.readouterr().err
    record = told()
    assert [run["first_step"] for run in record["runs"]] == [0, 2, 4]
    assert record["start"]["file"] == ""  # what it was when it began
    assert [row["step"] for row in record["validations"]] == [3, 6]


def test_a_training_whose_record_is_gone_goes_on(train, no_export):
    assert train("--steps", 2) == 0
    Path("work/tiny.json").write_text("{")
    assert train("--steps", 1) == 0
    assert told()["start"] is None
    assert [run["first_step"] for run in told()["runs"]] == [2]


def test_the_last_checkpoint_alone_is_exported(train, no_export, capsys):
    assert train("--steps", 2, "--quiet") == 0
    before = told()
    with FileLock("work/.tiny.lock"):  # another process may be at work
        assert train("--export-only") == 0
    assert told() == before
    assert Path("work/tiny.onnx").exists()
    assert "trained for 2 of 6 steps" in load_card("work/tiny.toml").notes[1]
    assert capsys.readouterr().err.count("\n") == 1


def interrupting(monkeypatch, *steps):
    """Presses Ctrl-C in the middle of steps."""
    from nukki.train.loop import Trainer

    step = Trainer._step

    def pressed(self, *batch):
        if self.state.step + 1 in steps:
            signal.raise_signal(signal.SIGINT)
        return step(self, *batch)

    monkeypatch.setattr(Trainer, "_step", pressed)


def test_ctrl_c_ends_after_the_step_with_a_checkpoint(train, monkeypatch, no_export, capsys):
    handler = signal.getsignal(signal.SIGINT)
    interrupting(monkeypatch, 2)
    assert train() == 130
    assert "stopped after step 2; the same command goes on" in capsys.readouterr().err
    assert told()["step"] == 2
    assert signal.getsignal(signal.SIGINT) is handler
    assert train() == 0
    assert [run["first_step"] for run in told()["runs"]] == [0, 2]


def test_a_second_ctrl_c_ends_at_once(train, monkeypatch, capsys):
    from nukki.train.loop import Trainer

    assert train("--steps", 1) == 0
    checkpoint = Path("work/tiny.pt").read_bytes()

    def pressed_twice(self, *batch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_step", pressed_twice)
    assert train() == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert Path("work/tiny.pt").read_bytes() == checkpoint


def test_the_work_folder_is_named_after_the_recipe(nukki, torch, data, place):
    assert nukki("train", write_recipe(place), "--data", data, "--steps", 1, *QUICK) == 0
    assert Path("runs/tiny/tiny.pt").exists()


def test_quiet_says_nothing(train, no_export, capsys):
    assert train("--steps", 3, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(train, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert train("--steps", 3) == 0
    shown = terminal.getvalue()
    assert "3/6" in shown
    assert "loss" in shown
    assert "step 3 of 6  loss" in shown
    assert "min left" not in shown  # the bar tells


# --- what goes wrong


def complains(capsys, said, hint=""):
    error, *rest = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: "), error
    assert said in error
    assert rest
    assert rest[0].startswith("hint: ")
    assert hint in rest[0]
    return True


def test_a_wrong_key_in_the_recipe(train, capsys):
    assert train(text=RECIPE.replace("every =", "every_ =")) == 2
    assert complains(capsys, "`every_` is not a key of a recipe", "write `every`")


def test_a_recipe_that_is_not_there(nukki, torch, data, place, capsys):
    assert nukki("train", "none.toml", "--data", data) == 2
    assert complains(capsys, "`none.toml` must be a recipe")


def test_data_that_are_not_there(train, capsys):
    assert train(on="nowhere") == 2
    assert complains(capsys, "`nowhere` must be a folder of prepared data", "nukki data prepare")
    assert not Path("work/tiny.pt").exists()


def test_masks_that_are_missing(train, own, capsys):
    (own / "train" / "shapes" / "masks" / "003.png").unlink()
    assert train(on=own) == 2
    assert complains(capsys, "1 of 8 photos have no mask")


def test_a_mask_of_another_size(train, own, capsys):
    for path in (own / "train" / "shapes" / "masks").iterdir():
        Image.new("L", (9, 9)).save(path)
    assert train(on=own) == 2
    assert complains(capsys, ".png` is 9 x 9, its photo 96 x 72", "--skip-bad")


def break_picture(path):
    path.write_bytes(path.read_bytes()[:300])


def test_a_picture_that_cannot_be_read(train, own, no_export, capsys):
    """Named, with a checkpoint from before; passed over and counted if that is asked for."""
    break_picture(own / "train" / "shapes" / "images" / "004.png")
    assert train(on=own) == 2
    assert complains(capsys, "shapes/images/004.png", "--skip-bad")
    assert train("--skip-bad", on=own) == 0
    said = capsys.readouterr().err
    assert said.count("passed over: ") == 1
    assert "004.png" in said
    assert told()["skipped"]["count"] == 1
    assert "004.png" in told()["skipped"]["pictures"][0]


def test_a_picture_to_validate_on_that_cannot_be_read(train, own, capsys):
    """Told before anything is trained."""
    break_picture(own / "validate" / "shapes" / "masks" / "051.png")
    assert train(on=own) == 2
    assert complains(capsys, "masks/051.png", "--skip-bad")
    assert not Path("work/tiny.pt").exists()
    assert train("--skip-bad", "--steps", 3, on=own) == 0
    assert "passed over: " in capsys.readouterr().err
    assert told()["data"]["validation"] == 2
    assert told()["skipped"]["count"] == 1


def test_nothing_to_validate_on(train, own, no_export, capsys):
    (own / "validate").rename(own / "elsewhere")
    assert train("--steps", 3, on=own) == 0
    said = capsys.readouterr().err
    assert "nothing will be judged" in said
    assert "step 3 of 6  loss" in said
    assert set(told()["validations"][0]) == {"step", "hours", "loss"}


def test_pictures_to_validate_on_of_which_none_can_be_read(train, own, capsys):
    for path in (own / "validate" / "shapes" / "images").iterdir():
        break_picture(path)
    assert train("--skip-bad", on=own) == 2
    assert complains(capsys, "none of 3 pictures to validate on")


def test_another_process_in_the_folder(train, capsys):
    Path("work").mkdir()
    with FileLock("work/.tiny.lock"):
        assert train() == 2
    assert complains(capsys, "another process trains `tiny` in `work`")


def test_a_work_folder_that_is_a_file(train, capsys):
    Path("work").write_bytes(b"")
    assert train() == 1
    assert complains(capsys, "`work` cannot be written")


def test_nothing_to_export(train, capsys):
    assert train("--export-only") == 2
    assert complains(capsys, "`work/tiny.pt` does not exist")
    assert not Path("work").exists()


def test_starting_weights_that_do_not_fit(train, own, capsys):
    assert train("--start", own / "train" / "shapes" / "images" / "001.png") == 2
    assert complains(capsys, "001.png` is not an ONNX file")


def test_a_recipe_that_changed(train, capsys):
    assert train("--steps", 1) == 0
    assert train(text=RECIPE.replace("seed = 7", "seed = 8")) == 2
    assert complains(capsys, "was made by another recipe")


def test_a_checkpoint_that_is_damaged(train, capsys):
    assert train("--steps", 1) == 0
    path = Path("work/tiny.pt")
    path.write_bytes(path.read_bytes()[:5000])
    assert train() == 2
    assert complains(capsys, "is not a checkpoint", "begin anew")


def test_a_full_disk_at_a_checkpoint(train, capsys):
    resource = pytest.importorskip("resource")
    assert train("--steps", 1) == 0
    before = Path("work/tiny.pt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        assert train("--steps", 1) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert complains(capsys, "the checkpoint `work/tiny.pt` could not be written", "is kept")
    assert Path("work/tiny.pt").read_bytes() == before
    assert not list(Path("work").glob("*.part"))


def test_rates_that_lead_nowhere(train, capsys):
    assert train(text=RECIPE.replace("rate = 1e-4", "rate = 1e18")) == 1
    assert complains(capsys, "is not a number at step", "lower the rates")


def test_a_gpu_that_is_not_there(nukki, torch, data, place, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert nukki("train", write_recipe(place), "--data", data, "--device", "cuda") == 2
    assert complains(capsys, "`cuda` was asked for", "--device cpu")


@pytest.mark.gpu
def test_a_gpu_trains_like_the_processor(nukki, torch, data, place, no_export):
    if not torch.cuda.is_available():
        pytest.skip("there is none")
    words = "train", write_recipe(place), "--data", data, "--full-precision", "--start", STARTER
    assert nukki(*words, "--device", "cuda", "--to", "gpu") == 0
    assert nukki(*words, "--device", "cpu", "--to", "cpu") == 0
    gpu, cpu = (told(f"{folder}/tiny.json")["validations"][-1] for folder in ("gpu", "cpu"))
    assert gpu["loss"] == pytest.approx(cpu["loss"], rel=0.02)


def test_torch_that_is_missing(nukki, data, place, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.startswith(("nukki.train.session", "nukki.train.loop", "nukki.nets.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert nukki("train", write_recipe(place), "--data", data) == 2
    assert complains(capsys, "PyTorch", 'pip install "nukki[train]"')


def test_a_package_that_is_missing_is_told_before_the_training(train, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert train() == 2
    assert complains(capsys, "needs the package onnxscript", 'pip install "nukki[train]"')
    assert not Path("work").exists()


@pytest.mark.parametrize("words", [("--steps", "0"), ("--workers", "-1"), ("--device", "tpu")])
def test_values_that_are_none(train, words, capsys):
    assert train(*words) == 2
    assert words[0] in capsys.readouterr().err


def test_help_is_light():
    code = (
        "import sys; from nukki.cli.main import main; main(['train', '--help']); "
        "print(*sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)), sep=',')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert "--export-only" in done.stdout
    assert done.stdout.splitlines()[-1] == ""


def test_sets_of_more_pictures_are_told(train, own, no_export, capsys):
    make_set(own / "validate" / "more", 2, first=80)
    assert train("--steps", 1, on=own) == 0
    assert "8, places 2; 5 to validate on" in capsys.readouterr().err
