"""`nukki train` makes `detect` and `pick`: from a recipe and pictures to files that find things."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import nukki as package
from nukki.cli.main import main
from nukki.loading import load
from nukki.ops.crops import question, whole
from nukki.tasks.detection import Detection
from nukki.tasks.picking import Picking, Question
from nukki.zoo.cards import load_card
from train_files import make_things_data, shape, stored_as_float16, things_recipe, write_recipe

STARTER = Path(package.__file__).parent / "zoo" / "weights" / "subject.onnx"
QUICK = "--threads", "1", "--workers", "0", "--device", "cpu"
# Exporting takes half a minute where other work is done beside the tests.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_things_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def train(data, tmp_path_factory):
    """Runs `nukki train` with a recipe of a kind; gives its folder and what was said."""
    torch = pytest.importorskip("torch")

    def run(kind, *words, on=data, work=None):
        threads = torch.get_num_threads()
        folder = work or tmp_path_factory.mktemp(kind) / "work"
        recipe = write_recipe(tmp_path_factory.mktemp("recipe"), things_recipe(kind))
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = main(
                ["train", str(recipe), "--data", str(on), "--to", str(folder), *QUICK, *words]
            )
        torch.set_num_threads(threads)
        return code, folder, said.getvalue()

    return run


def told(work):
    return json.loads((work / "tiny.json").read_text("utf-8"))


def weights(work, net):
    """The network with the averaged weights of a training."""
    import torch

    net.load_state_dict(torch.load(work / "tiny.pt", weights_only=True)["average"])
    return net.eval()


def photo(seed=77):
    return np.asarray(shape(seed)[0])


# --- pick


@pytest.fixture(scope="module")
def small():
    """`pick` with single layers for its blocks, and no way up: traced in a fifth of the time.

    The way up is `subject`'s, which is exported in tests/cli/test_train.py.
    """
    torch = pytest.importorskip("torch")
    from nukki.nets.efficientnet import Conv
    from nukki.nets.pick import PickNet

    class Small(PickNet):
        def __init__(self):
            super().__init__()
            self.ctx = self.gp = self.att = self.dec = self.deep = torch.nn.Identity()
            for number, block in enumerate(self.enc.blocks):
                inner, outer = block.m[0].c.in_channels, block.m[-1].c.out_channels
                step = block.m[-2].c.stride[0]
                plain = torch.nn.Identity() if block.residual else Conv(inner, outer, 3, step)
                self.enc.blocks[number] = plain

        def decode(self, seen):
            widths = (24, 32, 48, 64)
            levels = [
                self.lat[number](seen[number])[:, :width]
                for number, width in zip((4, 3, 2, 1), widths[::-1], strict=True)
            ]
            maps = [out(one) for out, one in zip(self.outs, [*levels, seen[0]], strict=True)]
            return maps[::-1] if self.training else maps[-1:], levels

    return Small


@pytest.fixture(scope="module")
def picked(train, small):
    """A whole training of it.

    Its files take crops of one size and are stored as float16 without asking which tensors: that is
    half of the time. A slow test makes whole files for crops of any size.
    """
    from nukki.nets import export, pick_export
    from nukki.train import of_pick

    def at_64(ports):
        sides = {"h": 64, "w": 64, "h/2": 32, "w/2": 32, "h/4": 16, "w/4": 16, "h/8": 8, "w/8": 8}
        return replace(
            ports,
            inputs={
                name: tuple(sides.get(one, one) for one in size)
                for name, size in ports.inputs.items()
            },
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_pick, "PickNet", small)
        patch.setattr(pick_export, "ENCODER", at_64(pick_export.ENCODER))
        patch.setattr(pick_export, "DECODER", at_64(pick_export.DECODER))
        patch.setattr(export, "compact", stored_as_float16)
        code, work, said = train("pick")
    assert code == 0, said
    return work, said


def test_a_training_of_pick_leaves_its_files(picked):
    work, said = picked
    names = {path.name for path in work.iterdir()} - {".tiny.lock"}
    assert names == {
        "tiny.pt", "tiny.json", "tiny-curve.png",
        "tiny.encoder.onnx", "tiny.decoder.onnx", "tiny.toml",
    }  # fmt: skip
    assert said.splitlines()[0] == "tiny: 3 steps on coco 4, people 3, places 2; 3 to validate on"
    assert "IoU by box 0." in said
    assert "tiny.encoder.onnx" in said
    assert "tiny.decoder.onnx" in said


def test_the_record_of_pick(picked):
    record = told(picked[0])
    assert record["recipe"]["kind"] == "pick"
    assert record["step"] == record["steps"] == 3
    assert record["pictures_seen"] == 2 * 2 + 3
    assert [row["step"] for row in record["validations"]] == [2, 3]
    for row in record["validations"]:
        assert all(0 <= row[key] <= 1 for key in ("box_iou", "click_iou", "score_error"))


def test_the_card_of_pick_tells_of_both_files(picked):
    work, _ = picked
    card = load_card(work / "tiny.toml")
    assert card.task == "prompted"
    assert [file.name for file in card.files] == ["tiny.encoder.onnx", "tiny.decoder.onnx"]
    for file in card.files:
        assert file.size_bytes == (work / file.name).stat().st_size
    assert card.our_scores[0][0] == "3 validation pictures, mean IoU of things shown by a box"


def asked(work):
    """The files' answers to a box, and to a click and a guess, about parts of a photo."""
    guess = np.float32(np.random.default_rng(1).random((64, 64)))
    questions = [
        Question(box=(20, 15, 70, 60)),
        Question(points=(package.Point(40, 40), package.Point(5, 5, keep=False)), guess=guess),
    ]
    frames = [(10.0, 5.0, 80.0, 70.0), whole((72, 96))]
    network = load(work / "tiny.encoder.onnx", card=str(work / "tiny.toml"), device="cpu")
    assert isinstance(network, Picking)
    return frames, questions, network.look(photo(), frames).ask(questions)


def answers_of(net, frames, questions):
    """What the network in PyTorch says to the same."""
    import torch

    from nukki.nets.pick import PickDecoder, PickEncoder

    for frame, one in zip(frames, questions, strict=True):
        crop = Image.fromarray(photo()).resize((64, 64), Image.Resampling.BILINEAR, box=frame)
        x = torch.from_numpy(np.asarray(crop, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)
        maps = question(frame, (64, 64), box=one.box, points=one.points, guess=one.guess)
        with torch.inference_mode():
            alpha, score = PickDecoder(net)(*PickEncoder(net)(x), torch.from_numpy(maps[None]))
        yield alpha[0, 0].numpy(), float(score)


def test_the_files_of_pick_say_what_was_trained(picked, small):
    work, _ = picked
    frames, questions, found = asked(work)
    for one, (alpha, score) in zip(
        found, answers_of(weights(work, small()), frames, questions), strict=True
    ):
        assert np.abs(one.alpha - alpha).mean() < 2e-3
        assert one.score == pytest.approx(score, abs=0.02)


def test_a_training_of_pick_begins_with_subject(train, monkeypatch):
    """Exporting is tested above: here it only leaves a mark."""
    from nukki.train import of_pick

    def marked(net, targets, pictures, questions):
        assert len(pictures) == len(questions) == 6  # three photos, a box and a click
        for target in targets:
            target.write_bytes(b"marked")
        return [SimpleNamespace(stored=1e-4, size_bytes=6, digest="sha256:" + "0" * 64)] * 2

    monkeypatch.setattr(of_pick, "export", marked)
    code, work, said = train("pick", "--start", str(STARTER))
    assert code == 0, said
    assert "weights: subject.onnx, 185 of 210 tensors" in said
    assert (work / "tiny.decoder.onnx").read_bytes() == b"marked"
    start = told(work)["start"]
    assert (start["file"], start["loaded"], start["tensors"]) == ("subject.onnx", 185, 210)


# --- detect


@pytest.fixture(scope="module")
def narrow():
    """`detect` at a third of its width."""
    pytest.importorskip("torch")
    from nukki.nets.detect import DetectNet

    class Narrow(DetectNet):
        def __init__(self):
            super().__init__(0.5)

    return Narrow


@pytest.fixture
def thin(narrow, monkeypatch):
    """Trained narrow; exporting is tested in tests/nets/test_detect_export.py."""
    from nukki.train import of_detect

    def marked(net, target, pictures):
        assert [picture.shape for picture in pictures] == [(1, 3, 64, 64)] * 3
        target.write_bytes(b"marked")
        return SimpleNamespace(stored=1e-4, size_bytes=6, digest="sha256:" + "0" * 64)

    monkeypatch.setattr(of_detect, "DetectNet", narrow)
    monkeypatch.setattr(of_detect.detect_export, "export", marked)


# On maps of one cell oneDNN's gradients in bfloat16 are no numbers now and then (one run in 60).
FULL = "--full-precision"


def test_a_training_of_detect(train, thin):
    code, work, said = train("detect", FULL)
    assert code == 0, said
    names = {path.name for path in work.iterdir()} - {".tiny.lock"}
    assert names == {"tiny.pt", "tiny.json", "tiny-curve.png", "tiny.onnx", "tiny.toml"}
    assert "people AP50 0." in said
    record = told(work)
    assert record["recipe"]["kind"] == "detect"
    assert [row["step"] for row in record["validations"]] == [2, 3]
    for row in record["validations"]:
        assert all(0 <= row[key] <= 1 for key in ("people_ap50", "people_ap", "all_ap50"))
    card = load_card(work / "tiny.toml")
    assert (card.task, card.input.size, card.boxes.form) == ("detection", (64, 64), "decoded")


def test_a_training_of_detect_without_photos_to_validate_on(train, thin, tmp_path):
    data = make_things_data(tmp_path / "own")
    (data / "validate").rename(data / "elsewhere")
    code, work, said = train("detect", FULL, "--steps", "2", on=data)
    assert code == 0
    assert "nothing will be judged" in said
    assert set(told(work)["validations"][0]) == {"step", "hours", "loss"}


def test_annotations_that_are_broken_are_told(train, thin, tmp_path):
    data = make_things_data(tmp_path / "own")
    (data / "train" / "coco" / "instances.json").write_text("{")
    code, _, said = train("detect", FULL, on=data)
    assert code == 2
    assert "instances.json` must hold annotations in COCO's format" in said


# --- the whole networks


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_pick_is_written_and_used(train):
    from nukki.nets.pick import PickNet

    code, work, said = train("pick", "--start", str(STARTER))
    assert code == 0, said
    net = weights(work, PickNet())
    sizes = [(work / f"tiny.{part}.onnx").stat().st_size for part in ("encoder", "decoder")]
    assert sum(sizes) < 2.1 * sum(one.numel() for one in net.parameters())
    frames, questions, found = asked(work)
    for one, (alpha, score) in zip(found, answers_of(net, frames, questions), strict=True):
        assert np.abs(one.alpha - alpha).mean() < 0.01
        assert one.score == pytest.approx(score, abs=0.05)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_detect_is_written_and_used(train):
    code, work, said = train("detect", FULL)
    assert code == 0, said
    path = work / "tiny.onnx"
    assert path.stat().st_size < 4e6
    detector = load(path, card=str(work / "tiny.toml"), device="cpu")
    assert isinstance(detector, Detection)
    assert detector.free
    assert detector.labels[0] == "person"
    height, width = photo().shape[:2]
    found = detector.find(photo(), size=96)
    assert (found.corners[:, 2:] <= (width, height)).all()
