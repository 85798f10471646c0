"""From checkpoint to result: a network is converted, then used by the command that it is for.

The field's networks are converted at full size with made-up weights, each in a process of its own;
their results are compared with those of the same tasks and cards over PyTorch.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nukki import api, settings
from nukki.cli.main import main
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.remove import remove
from nukki.pipelines.segment import segment
from nukki.runtime import sessions
from nukki.tasks.inpainting import Inpainting
from nukki.tasks.instances import Instances
from nukki.tasks.matting import Matting
from nukki.tasks.saliency import Saliency
from nukki.tasks.semantic import Semantic, ThingMap
from nukki.zoo.cards import load_card

PARITY = Path(__file__).parents[1] / "nets" / "parity"
DRAWN = Path(__file__).parents[2] / "benchmarks" / "networks.py"
FULL_SIZE = [pytest.mark.slow, pytest.mark.timeout(1800)]


@functools.lru_cache(maxsize=1)
def weights(name):
    """The official state dict of a network, with made-up values."""
    torch = pytest.importorskip("torch")
    if not (PARITY / name).is_dir():
        return drawn(name)
    state = module_of(PARITY / "weights.py").state_dict(str(PARITY / name))
    if name == "isnet":  # is sure of every pixel with these, so that there would be nothing to see
        state |= {key: state[key] * np.float32(0.01) for key in ("side1.weight", "side1.bias")}
    return {key: torch.from_numpy(array) for key, array in state.items()}


def drawn(name):
    """The state dict of a network that transformers defines, as the library begins it."""
    pytest.importorskip("transformers")
    state = module_of(DRAWN).drawn(name)
    # So that not all queries see the same class, and unsurely.
    factors = {"queries_": 4, "class_predictor": 20} if name.startswith("mask2former") else {}
    for part, factor in factors.items():
        state |= {key: factor * value for key, value in state.items() if part in key}
    return state


def module_of(path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class InTorch:
    """Runs a network of PyTorch as `runtime.sessions.Session` runs the file made of it."""

    def __init__(self, name):
        import torch

        from nukki.nets import build, convert
        from nukki.nets.shipped import Chosen, ports_of, shipped

        net = build(name)
        net.load_state_dict(convert(name, weights(name)), strict=True)
        self.net = Chosen(net.eval(), shipped(name).output)
        self.path = Path("in-torch.onnx")
        self.inputs, self.outputs = ports_of(name).inputs, ports_of(name).outputs
        self.torch = torch

    def run(self, inputs):
        with self.torch.inference_mode():
            given = self.net(*(self.torch.from_numpy(inputs[name]) for name in self.inputs))
        pairs = zip(self.outputs, given, strict=True)
        return {name: tensor.numpy().astype(np.float32) for name, tensor in pairs}


@pytest.fixture
def converted(tmp_path):
    """Converts a network: gives the graph, its card, and what was said."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    made = []

    def make(name):
        checkpoint = tmp_path / f"my-{name}.pth"  # a card of that name ships
        torch.save(weights(name), checkpoint)
        words = [sys.executable, "-m", "nukki", "convert", str(checkpoint), "--as", name]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        checkpoint.unlink()
        assert done.returncode == 0, done.stderr
        graph = checkpoint.with_suffix(".onnx")
        made.append(graph)
        assert done.stdout == f"{graph}\n"
        return graph, checkpoint.with_suffix(".toml"), done.stderr

    yield make
    sessions.clear()
    for graph in made:
        graph.unlink()  # pytest keeps its folders, and these are large


@pytest.fixture
def photo(place, astronaut):
    """A photo on the disk."""
    Image.fromarray(astronaut).save("photo.png")
    return api.read("photo.png")


def alpha_of(path):
    return np.asarray(Image.open(path).getchannel("A")).astype(int)


def check_alpha(path, cutout):
    """The file's alpha is that of the cut-out, but for rounding."""
    wanted = np.rint(cutout.alpha * 255)
    assert np.ptp(wanted) > 100  # something was drawn
    off = np.abs(alpha_of(path) - wanted)
    assert (off > 2).mean() < 1e-3
    assert off.mean() < 0.1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("detectron2_maskrcnn", marks=FULL_SIZE),
        pytest.param("torchvision_maskrcnn", marks=FULL_SIZE),
        pytest.param("mask2former-swin-t", marks=FULL_SIZE),
    ],
)
def test_things(nukki, converted, photo, capsys, name):
    graph, card, said = converted(name)
    figures = re.search(r" MB in (\d+) s, (\d+\.\d) GB of memory at most; its card ", said)
    assert figures is not None or sys.platform == "win32"
    assert figures is None or (int(figures[1]) > 0 and 0.3 < float(figures[2]) < 6)
    words = ["segment", "photo.png", "--instances", graph, "--card", card, "--min-score", "0.1"]
    assert nukki(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"]) == (photo.width, photo.height)
    wanted = segment(photo, Instances(load_card(card), InTorch(name)), min_score=0.1)
    assert len(wanted) > 10
    missed = sum(not any(same(one, other) for other in found["instances"]) for one in wanted)
    assert missed <= 0.1 * len(wanted)
    assert abs(len(found["instances"]) - len(wanted)) <= 0.1 * len(wanted)


def same(one, other):
    """Whether an instance and a record of one are the same thing, but for rounding."""
    return (
        one.label == other["label"]
        and abs(one.score - other["score"]) < 1e-2
        and np.abs(np.subtract(one.corners, other["corners"])).max() < 1
        and abs(one.area - other["area"]) <= 0.02 * one.area + 2
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_classes(nukki, converted, photo, capsys):
    graph, card, _ = converted("deeplabv3_resnet101")
    assert nukki("segment", "photo.png", "--instances", graph, "--card", card, "--json") == 0
    found = json.loads(capsys.readouterr().out)["instances"]
    wanted = segment(photo, Semantic(load_card(card), InTorch("deeplabv3_resnet101")))
    assert len(wanted) > 1
    areas = {one["label"]: one["area"] for one in found}
    assert sum(areas.values()) <= photo.width * photo.height
    for one in wanted:
        assert abs(areas.get(one.label, 0) - one.area) < 1e-3 * photo.width * photo.height


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("u2netp", marks=FULL_SIZE),
        pytest.param("modnet", marks=FULL_SIZE),
        pytest.param("isnet", marks=FULL_SIZE),
    ],
)
def test_subjects(nukki, converted, photo, name):
    graph, card, _ = converted(name)
    words = ["remove", "photo.png", "--model", graph, "--card", card, "-o", "out.png"]
    assert nukki(*words) in (0, 3)
    network = Saliency(load_card(card), InTorch(name))
    check_alpha("out.png", remove(photo, RemoveOptions(), network))


@pytest.mark.parametrize(
    "converter",
    [
        pytest.param("indexnet_official", marks=FULL_SIZE),
        pytest.param("vitmatte-s", marks=FULL_SIZE),
    ],
)
def test_edges(nukki, converted, photo, capsys, converter):
    graph, card, _ = converted(converter)
    assert nukki("remove", "photo.png", "--matting", graph) == 2
    assert "models path --cards" in capsys.readouterr().err
    settings.cards_folder().mkdir(parents=True)
    (settings.cards_folder() / card.name).write_bytes(card.read_bytes())
    name = load_card(card).name
    assert nukki("models", "import", graph, "--as", name) == 0
    words = ["remove", "photo.png", "--subject", "salient", "-o", "out.png"]
    assert nukki(*words, "--matting", name) == 0
    wanted = remove(
        photo,
        RemoveOptions(subject="salient"),
        api.load_as(Saliency, "subject"),
        matting=Matting(load_card(card), InTorch(converter)),
    )
    check_alpha("out.png", wanted)
    plain = remove(photo, RemoveOptions(subject="salient"), api.load_as(Saliency, "subject"))
    assert np.abs(alpha_of("out.png") - np.rint(plain.alpha * 255)).max() > 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_mask_a_trimap_and_a_matting_network(nukki, converted, photo):
    """`remove --model deeplabv3-r101 --matting indexnet --save-trimap`, at the networks' sizes."""
    cards = {}
    for name, converter in (
        ("deeplabv3-r101", "deeplabv3_resnet101"),
        ("indexnet", "indexnet_official"),
    ):
        graph, cards[name], _ = converted(converter)
        assert nukki("models", "import", graph, "--as", name) == 0
    words = ["remove", "photo.png", "--model", "deeplabv3-r101", "--matting", "indexnet"]
    # Made-up weights see no class surely; the chain is run all the same.
    assert nukki(*words, "--save-trimap", "t.png", "-o", "out.png", "--allow-empty") in (0, 3)
    mapper = ThingMap(Semantic(load_card(cards["deeplabv3-r101"]), InTorch("deeplabv3_resnet101")))
    matter = Matting(load_card(cards["indexnet"]), InTorch("indexnet_official"))
    wish = RemoveOptions(save_trimap="t.png")
    wanted = remove(photo, wish, mapper, matting=matter)
    off = np.abs(alpha_of("out.png") - np.rint(wanted.alpha * 255))
    assert (off > 2).mean() < 0.01
    assert Path("t.png").exists() == (wanted.trimap is not None)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("lama", marks=FULL_SIZE),
        pytest.param("aotgan", marks=FULL_SIZE),
        pytest.param("deepfillv2", marks=FULL_SIZE),
    ],
)
def test_holes(nukki, converted, place, cat, name):
    graph, card, _ = converted(name)
    image = cat[:181, :243]  # no side is a multiple of anything
    hole = np.zeros(image.shape[:2], np.bool_)
    hole[60:110, 90:170] = True
    Image.fromarray(image).save("photo.png")
    Image.fromarray(hole).save("mask.png")
    words = ["erase", "photo.png", "--mask", "mask.png", "--fill", graph, "--card", card]
    assert nukki(*words, "-o", "out.png") == 0
    found = np.asarray(Image.open("out.png"))
    wanted = Inpainting(load_card(card), InTorch(name)).fill(image, hole)
    np.testing.assert_array_equal(found[~hole], image[~hole])
    off = np.abs(found.astype(int) - wanted)[hole]
    assert off.mean() < 0.1
    assert (off > 2).mean() < 0.01
    assert (found[hole] != image[hole]).mean() > 0.9


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the checkpoint of a tiny network, and what `nukki convert` makes of it."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    import tiny_nets

    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_nets.known(monkeypatch)
        torch.save(tiny_nets.state(), folder / "tiny.pth")
        assert main(["convert", str(folder / "tiny.pth"), "--as", "tiny", "--quiet"]) == 0
    return folder


@pytest.fixture
def tiny(made, monkeypatch, place, photos):
    """A tiny network that was converted: its graph and card; and a photo, `a.jpg`."""
    import tiny_nets

    tiny_nets.known(monkeypatch)
    shutil.copytree(made, place, dirs_exist_ok=True)
    photos("a.jpg")
    return Path("tiny.onnx"), Path("tiny.toml").read_text(encoding="utf-8")


def test_carried_to_a_machine_without_torch(nukki, tiny, monkeypatch):
    """Converted, put under a name, bundled, and taken in elsewhere: the same bytes."""
    graph, card = tiny
    words = ["remove", "a.jpg", "--edges", "none"]
    assert nukki(*words, "--model", graph, "--card", "tiny.toml", "-o", "file.png") in (0, 3)
    know_the_checkpoint_of(card)
    assert nukki("models", "import", graph, "--as", "tiny") == 0
    assert nukki("models", "bundle", "tiny", "-o", "tiny.zip") == 0
    monkeypatch.setenv("NUKKI_HOME", str(Path("elsewhere").absolute()))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert nukki("models", "import", "tiny.zip") == 0
    assert nukki("models", "verify", "tiny") == 0
    assert nukki(*words, "--model", "tiny", "-o", "name.png", "--offline") in (0, 3)
    assert Path("name.png").read_bytes() == Path("file.png").read_bytes()


def know_the_checkpoint_of(card):
    """Puts a card into the user's folder that names the checkpoint instead of the graph."""
    settings.cards_folder().mkdir(parents=True)
    text = re.sub(r"(?m)^(size_bytes|digest) .*\n", "", card)
    text = text.replace('name = "tiny.onnx"', 'name = "tiny.pth"\nconvert = "tiny"')
    (settings.cards_folder() / "tiny.toml").write_text(text, encoding="utf-8")


def test_a_checkpoint_by_hand_and_another_graph_before(nukki, tiny, red, capsys):
    know_the_checkpoint_of(tiny[1])
    assert nukki("models", "import", "tiny.pth", "--as", "tiny") == 0
    assert nukki("models", "import", red[1], "--as", "tiny") == 0
    before = settings.models_folder() / "tiny" / "tiny.onnx"
    before.unlink()
    capsys.readouterr()
    assert nukki("models", "get", "tiny", "--offline", "--quiet") == 0
    assert capsys.readouterr().out == f"{before}\n"
    assert before.read_bytes() == tiny[0].read_bytes()
    assert nukki("models", "verify", "tiny") == 0


def test_cards_of_something_else(nukki, tiny, capsys):
    graph, card = tiny
    wrong = {
        "size": (card.replace("size = [320, 320]", "size = [33, 33]"), "(1, 1, 33, 33)"),
        "name": (card.replace("[input]", '[input]\nname = "picture"'), "got picture"),
        "output": (card.replace("[output]", "[output]\nindex = 5"), "has no output 5"),
        "task": (
            card.replace('"saliency"', '"matting"') + "[matting]\n",
            "must be a network for saliency",
        ),
    }
    for text, complaint in wrong.values():
        assert text != card
        Path("wrong.toml").write_text(text, encoding="utf-8")
        capsys.readouterr()
        words = ["remove", "a.jpg", "--model", graph, "--card", "wrong.toml", "-o", "out.png"]
        assert nukki(*words) in (1, 2)
        said = capsys.readouterr().err
        assert complaint in said
        assert "hint: " in said
        assert "Traceback" not in said
        assert not Path("out.png").exists()
    assert nukki("segment", "a.jpg", "--instances", graph, "--card", "tiny.toml") == 2
    assert "must be a network for instances" in capsys.readouterr().err
    assert nukki("remove", "a.jpg", "--model", graph) == 2
    assert "--card tiny.toml" in capsys.readouterr().err
