from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

import tiny_nets  # noqa: E402
from nukki import convert as converting  # noqa: E402
from nukki.errors import (  # noqa: E402
    InputError,
    MissingExtra,
    ModelOutputError,
    OutputError,
    UnknownModel,
)
from nukki.nets import shipped  # noqa: E402
from nukki.nets.registry import NAMES  # noqa: E402
from nukki.runtime.sessions import get_session  # noqa: E402
from nukki.tasks.saliency import Saliency  # noqa: E402
from nukki.zoo.cards import load_card  # noqa: E402


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    tiny_nets.known(monkeypatch)


@pytest.fixture
def checkpoint(tmp_path):
    """The checkpoint of a tiny network."""
    path = tmp_path / "Tiny Net.pth.tar"
    torch.save({"state_dict": tiny_nets.state()}, path)
    return path


@pytest.fixture
def traced(monkeypatch):
    """The tiny network's graph instead of tracing again."""
    tiny_nets.traced_once(monkeypatch)


@pytest.fixture
def graph(traced):
    """It."""
    return converting.graph()


def test_a_checkpoint_becomes_a_file_that_computes_the_same(checkpoint, tmp_path):
    told = []
    target = tmp_path / "Tiny.onnx"
    done = converting.convert(checkpoint, "tiny", target, tell=told.append)
    data = target.read_bytes()
    (made,) = done.files
    assert made.path == target
    assert done.size_bytes == made.size_bytes == len(data)
    assert made.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert done.seconds > 0
    assert made.stored is None
    assert done.peak_bytes is None or done.peak_bytes > 1e7
    assert [one.what for one in made.verdicts] == [
        "noise, 24 × 40",
        "photo, 24 × 40",
        "noise, 32 × 16",
        "photo, 32 × 16",
    ]
    assert all(one.agrees and 0 < one.got.largest < 1e-5 for one in made.verdicts)
    assert told[0] == f"reading {checkpoint}"
    assert told[1].startswith("tiny: 9 tensors, 0.0 million values")

    net = tiny_nets.settled()
    session = get_session(target, device="cpu")
    assert list(session.inputs) == ["image"]
    assert list(session.outputs) == ["alpha"]
    for shape in ((1, 3, 8, 8), (3, 3, 48, 16)):
        given = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(given))[0].numpy()
        np.testing.assert_allclose(session.run({"image": given})["alpha"], wanted, atol=1e-5)


def test_the_card_beside_it_can_be_used(checkpoint, tmp_path, traced, astronaut):
    target = tmp_path / "Tiny.onnx"
    done = converting.convert(checkpoint, "tiny", target)
    assert done.card == tmp_path / "Tiny.toml"
    card = load_card(done.card)
    assert card.name == "tiny"
    assert card.title == "tiny of Tiny Net.pth.tar"
    assert card.files[0].name == "Tiny.onnx"
    assert card.files[0].digest == done.files[0].digest
    assert card.files[0].size_bytes == done.size_bytes
    assert card.commercial_use == "unclear"
    assert "unknown" in card.weights_licence
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() in card.notes[0]
    names, figures = zip(*card.our_scores, strict=True)
    assert names[1] == "ONNX Runtime against PyTorch, photo, 24 × 40"
    assert figures[1].startswith("off by ")
    assert card.published_scores == ()
    assert (card.input, card.output) == (shipped.card_of("u2netp").input, card.output)
    answer = Saliency(card, get_session(target, device="cpu")).predict(astronaut)
    assert answer.shape == card.input.size


def test_weights_in_float16(checkpoint, tmp_path, traced, monkeypatch):
    whole = converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    half = converting.convert(checkpoint, "tiny", tmp_path / "b.onnx", half=True)
    (plain,), (made,) = whole.files, half.files
    assert 0 < made.stored.mean < 1e-3
    assert made.verdicts == plain.verdicts
    kinds = [one.data_type for one in onnx.load(str(made.path)).graph.initializer]
    assert onnx.TensorProto.FLOAT16 in kinds
    assert "weights in float16" in load_card(half.card).notes[2]
    monkeypatch.setattr(converting, "STORED_TOLERANCE", made.stored.mean / 2)
    with pytest.raises(ModelOutputError, match="does not bear weights in float16") as caught:
        converting.convert(checkpoint, "tiny", tmp_path / "c.onnx", half=True)
    assert "without --half" in caught.value.hint
    assert not (tmp_path / "c.onnx").exists()


def test_a_photo_to_compare_on(checkpoint, tmp_path, traced, astronaut):
    made = converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    real = converting.convert(checkpoint, "tiny", tmp_path / "b.onnx", photo=astronaut)
    made, real = made.files[0].verdicts, real.files[0].verdicts
    assert made[0] == real[0]
    assert made[1] != real[1]


def test_no_card_where_none_is_wanted(checkpoint, tmp_path, traced):
    done = converting.convert(checkpoint, "tiny", tmp_path / "a.onnx", with_card=False)
    assert done.card is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Tiny Net.pth.tar", "a.onnx"]


# --- nothing is written


@pytest.fixture
def untouched(checkpoint, tmp_path):
    """The folder's files are those of before, once the test is over."""
    before = sorted(tmp_path.iterdir())
    yield
    assert sorted(tmp_path.iterdir()) == before


def test_a_graph_that_computes_something_else(checkpoint, tmp_path, traced, untouched, graph):
    torch.save(tiny_nets.state(seed=1), checkpoint)
    with pytest.raises(
        ModelOutputError, match="does not compute what PyTorch does: noise, 24"
    ) as e:
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    assert "nothing was written" in e.value.hint


def test_an_exporter_that_fails(checkpoint, tmp_path, untouched, monkeypatch):
    def failing(*_, **__):
        message = "a step\nfailed"
        raise RuntimeError(message)

    monkeypatch.setattr(torch.onnx, "export", failing)
    with pytest.raises(ModelOutputError, match="as ONNX: RuntimeError: a step failed"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")


def test_a_graph_that_is_off_by_little(checkpoint, tmp_path, untouched, graph, monkeypatch):
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    for tensor in other.graph.initializer:
        if tensor.name.endswith("up.bias"):
            values = onnx.numpy_helper.to_array(tensor) + np.float32(3e-4)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    monkeypatch.setattr(converting, "graph", lambda *_: other)
    with pytest.raises(ModelOutputError, match="off by"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")


class Knowing(tiny_nets.Tiny):
    """Pictures of a batch know each other, a little."""

    def forward(self, x):
        return super().forward(x + 1e-2 * x.mean())


def test_a_batch_of_two_equals_two_batches(checkpoint, tmp_path, monkeypatch):
    """Of every network that takes batches: a conversion shows it, or writes nothing."""
    trace, traced = converting.graph, []

    def once(*args):
        traced.extend([] if traced else [trace(*args)])
        return traced[0]

    monkeypatch.setattr(converting, "graph", once)
    monkeypatch.setattr(tiny_nets, "Tiny", Knowing)
    tiny_nets.known(monkeypatch)
    with pytest.raises(ModelOutputError, match="does not compute what PyTorch does: noise, 24"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()
    alone = replace(shipped.shipped("tiny"), batch=False)
    monkeypatch.setitem(shipped.SHIPPED, "tiny", alone)
    done = converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    assert len(done.files[0].verdicts) == 4


@pytest.fixture
def flipping(monkeypatch):
    """Makes answers to the first pictures of some comparisons wrong; counts the runs of each."""
    real = converting.answers

    def wrong_in(turns):
        runs = []

        def answers(data, inputs):
            given = real(data, inputs)
            if len(runs) in turns:
                given[0]["alpha"][0, 0, :4] += np.float32(1e-3)
            runs.append(len(inputs))
            return given

        monkeypatch.setattr(converting, "answers", answers)
        return runs

    return wrong_in


def test_where_rounding_flips_a_mask_other_pictures_are_looked_at(
    checkpoint, tmp_path, traced, flipping, monkeypatch
):
    target = tmp_path / "a.onnx"
    flipping({0})
    with pytest.raises(ModelOutputError, match="does not compute what PyTorch does: noise, 24"):
        converting.convert(checkpoint, "tiny", target)
    cutting = replace(shipped.shipped("tiny"), cuts=True)
    monkeypatch.setitem(shipped.SHIPPED, "tiny", cutting)
    runs = flipping(range(20))
    with pytest.raises(ModelOutputError, match="does not compute what PyTorch does: noise 6, 24"):
        converting.convert(checkpoint, "tiny", target)
    assert runs == [2, 1, 1, 1, 1, 1]
    assert not target.exists()
    runs, told = flipping({0, 1}), []
    done = converting.convert(checkpoint, "tiny", target, tell=told.append)
    assert runs == [2, 1, 1]
    assert sum("other pictures" in line for line in told) == 2
    assert [one.what for one in done.files[0].verdicts] == [
        "noise 3, 24 × 40",
        "photo 3, 24 × 40",
        "noise, 32 × 16",
        "photo, 32 × 16",
    ]


def test_a_graph_that_takes_one_size_only(checkpoint, tmp_path, untouched, graph, monkeypatch):
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    other.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 32
    monkeypatch.setattr(converting, "graph", lambda *_: other)
    with pytest.raises(ModelOutputError, match="does not take the graph"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")


def test_a_checkpoint_of_something_else(checkpoint, tmp_path, untouched):
    torch.save({"down.weight": torch.ones(8, 3, 3, 3)}, checkpoint)
    with pytest.raises(InputError, match=r"is not a checkpoint of tiny: 7 missing \(down\.bias"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")


def test_a_card_that_cannot_be_written(checkpoint, tmp_path, traced, untouched, monkeypatch):
    real = converting.write

    def failing(path, data):
        if path.suffix == ".toml":
            message = "the disk is full"
            raise OutputError(message)
        real(path, data)

    monkeypatch.setattr(converting, "write", failing)
    with pytest.raises(OutputError):
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")


@pytest.mark.parametrize("there", ["a.onnx", "a.toml"])
def test_files_in_the_way(checkpoint, tmp_path, traced, there):
    (tmp_path / there).write_bytes(b"old")
    with pytest.raises(InputError, match="exists") as caught:
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / there).read_bytes() == b"old"
    converting.convert(checkpoint, "tiny", tmp_path / "a.onnx", overwrite=True)
    assert (tmp_path / there).read_bytes() != b"old"


def test_targets_that_cannot_be(checkpoint, tmp_path, untouched):
    with pytest.raises(InputError, match=r"an \.onnx file"):
        converting.convert(checkpoint, "tiny", tmp_path / "a.pt")
    with pytest.raises(InputError, match="is no folder"):
        converting.convert(checkpoint, "tiny", tmp_path / "none" / "a.onnx")
    with pytest.raises(UnknownModel, match="`tinny`"):
        converting.convert(checkpoint, "tinny", tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("package", "hint"),
    [
        ("onnxscript", 'pip install "nukki[convert]"'),
        ("onnxruntime", 'run: pip install "nukki[cpu]"'),
    ],
)
def test_packages_that_are_missing(checkpoint, tmp_path, untouched, monkeypatch, package, hint):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=package) as caught:
        converting.convert(checkpoint, "tiny", tmp_path / "a.onnx")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("checkpoint", "target"),
    [("a/u2net.pth", "a/u2net.onnx"), ("b.pth.tar", "b.onnx"), ("best", "best.onnx")],
)
def test_the_name_of_the_file(checkpoint, target):
    assert converting.target_of(Path(checkpoint)) == Path(target)


def test_every_network_ships():
    assert set(NAMES) <= set(shipped.SHIPPED)
