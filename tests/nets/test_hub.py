"""The networks that transformers defines: names, values, graphs, and the publishers' processing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

import hub_nets  # noqa: E402
from nukki import api  # noqa: E402
from nukki import convert as converting  # noqa: E402
from nukki.errors import InputError, MissingExtra  # noqa: E402
from nukki.nets import fit, registry, shipped  # noqa: E402
from nukki.nets.export import STORED_TOLERANCE  # noqa: E402
from nukki.ops.grid import fit as onto_grid  # noqa: E402
from nukki.runtime.sessions import get_session  # noqa: E402
from nukki.tasks.instances import Instances  # noqa: E402
from nukki.tasks.matting import Matting  # noqa: E402
from nukki.tasks.prompted import Prompted  # noqa: E402
from nukki.types import Box, Point  # noqa: E402
from nukki.zoo import catalog  # noqa: E402
from nukki.zoo.cards import load_card  # noqa: E402
from nukki.zoo.labels import labels_of  # noqa: E402
from nukki.zoo.writer import card_text  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "parity"))
import weights  # noqa: E402

NAMES = pytest.mark.parametrize("name", sorted(hub_nets.SMALL))
REAL = (
    "mask2former-swin-t",
    "mask2former-swin-s",
    "mask2former-swin-b",
    "mask2former-swin-l",
    "vitmatte-s",
    "vitmatte-b",
    "sam-vit-b",
)


@pytest.fixture(scope="module")
def golden():
    """Names and shapes of the publishers' files, and what other code answers with them."""
    content = np.load(Path(__file__).parent / "hub_golden.npz")
    return content, json.loads(content["told"].tobytes())


def published(golden, name, *, least=False):
    """A checkpoint as its publisher names it."""
    told = golden[1]
    return {
        key: torch.from_numpy(
            weights.tensor(told["seed"], key, shape, weights.kind_of(key, shape, "float32"))
        )
        for key, shape in told["keys"][name]
        if hub_nets.has_least(key) or not least
    }


@pytest.fixture
def small(monkeypatch):
    """The names stand for small networks."""
    hub_nets.known(monkeypatch)


@pytest.fixture
def least(monkeypatch):
    """The names stand for the smallest networks, of which graphs are made."""
    hub_nets.known(monkeypatch, hub_nets.LEAST)


def loaded(golden, name, *, least=False):
    """The network that the name stands for, with the golden weights."""
    net = registry.build(name)
    state = with_constants(name, published(golden, name, least=least))
    net.load_state_dict(fit.fit(name, state), strict=True)
    return net.eval()


def with_constants(name, state):
    """What publishers' files hold beside the weights."""
    if name.startswith("mask2former"):
        state["criterion.empty_weight"] = torch.ones(81)
        blocks = "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.self."
        state[blocks + "relative_position_index"] = torch.zeros(4, 4, dtype=torch.int64)
    return state


def given(golden, name):
    """The input of the golden answers."""
    told = golden[1]
    size = told["sizes"][name]
    x = weights.normal(told["seed"], f"input of {name}", int(np.prod(size))).reshape(1, *size)
    return torch.from_numpy(x.astype(np.float32))


def near(mine, theirs):
    np.testing.assert_allclose(mine.numpy(), theirs, atol=3e-5 * max(1, np.abs(theirs).max()))


# --- the values


def test_mask2former_is_that_of_early_releases(small, golden):
    net = loaded(golden, "mask2former-swin-t")
    with torch.inference_mode():
        classes, masks = net(given(golden, "mask2former-swin-t"))
    near(classes, golden[0]["mask2former-swin-t/classes"])
    near(masks, golden[0]["mask2former-swin-t/masks"])
    assert classes.std() > 0.1
    assert masks.std() > 0.1


def test_vitmatte_is_that_of_early_releases(small, golden):
    net = loaded(golden, "vitmatte-s")
    with torch.inference_mode():
        alpha = net(given(golden, "vitmatte-s"))
    near(alpha, golden[0]["vitmatte-s/alpha"])
    assert alpha.std() > 0.01


def test_sam_is_its_authors(small, golden):
    """Points as they are, and one that is none where there is no box, as the authors pad them."""
    content, told = golden
    net = loaded(golden, "sam-vit-b")
    for number, (points, labels, box) in enumerate(told["prompts"]):
        corners = [[0, 0]] if box is None else [box[:2], box[2:]]
        kinds = [-1] if box is None else [2, 3]
        with torch.inference_mode():
            embedding, masks, scores = net(
                given(golden, "sam-vit-b"),
                torch.tensor([points + corners], dtype=torch.float32),
                torch.tensor([labels + kinds], dtype=torch.float32),
            )
        near(embedding, content["sam-vit-b/embedding"])
        near(masks, content[f"sam-vit-b/masks{number}"])
        near(scores, content[f"sam-vit-b/scores{number}"])
    assert masks.std() > 0.05


def test_relative_positions_at_other_sizes(small):
    """The library's own way, which branches on the size, gives the same."""
    net = hub_nets.settled("vitmatte-s")
    for size in ((512, 512), (96, 160), (224, 224)):
        x = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            mine, theirs = net(x), net.net(pixel_values=x).alphas
        assert torch.allclose(mine, theirs, atol=2e-6)


# --- checkpoints


@NAMES
def test_misfits_are_named(small, golden, name):
    state = with_constants(name, published(golden, name))
    first = next(iter(published(golden, name)))
    del state[first]
    with pytest.raises(InputError, match=rf"is not a checkpoint of {name}: 1 missing") as caught:
        fit.fit(name, state)
    assert f"keys of {name} are there" in caught.value.hint
    other = next(each for each in hub_nets.SMALL if each != name)
    with pytest.raises(InputError) as caught:
        fit.fit(other, with_constants(name, published(golden, name)))
    assert f"try --as {name}" in caught.value.hint


def test_the_library_is_asked_for_by_its_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    for name in REAL:
        with pytest.raises(MissingExtra, match="transformers") as caught:
            converting.check(name)
        assert caught.value.hint == 'pip install "nukki[convert]"'
    with pytest.raises(MissingExtra, match="transformers"):
        registry.build("sam-vit-b")
    converting.check("u2netp")
    assert fit.resembled({"a": torch.ones(1)}) is None


@pytest.mark.parametrize("name", REAL)
def test_sizes_are_the_publishers(name):
    """Millions of parameters: MODEL_ZOO.md of Mask2Former, the README of ViTMatte, of SAM."""
    millions = {
        "mask2former-swin-t": 47,
        "mask2former-swin-s": 69,
        "mask2former-swin-b": 107,
        "mask2former-swin-l": 216,
        "vitmatte-s": 25.8,
        "vitmatte-b": 96.7,
        "sam-vit-b": 93.7,
    }
    with torch.device("meta"):
        net = registry.build(name)
    count = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    assert count == pytest.approx(millions[name], rel=0.02)


# --- graphs, and what happens around them


def checkpoint(golden, name, folder):
    """A publisher's file of the smallest network."""
    path = folder / f"{name}.pth"
    torch.save(with_constants(name, published(golden, name, least=True)), path)
    return path


@pytest.fixture(scope="module")
def traced():
    """The graphs that were traced, by the names of their outputs."""
    return {}


@pytest.fixture(scope="module")
def graphs(golden, tmp_path_factory, traced):
    """The converted files of each network, and what was said of them."""
    done = {}
    real = converting.graph

    def noted(module, example, ports):
        return traced.setdefault(tuple(ports.outputs), real(module, example, ports))

    def of(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            path = checkpoint(golden, name, folder)
            with pytest.MonkeyPatch.context() as monkeypatch:
                hub_nets.known(monkeypatch, hub_nets.LEAST)
                monkeypatch.setattr(converting, "graph", noted)
                done[name] = converting.convert(path, name, folder / "net.onnx")
        return done[name]

    return of


@NAMES
def test_graphs_compute_the_same(graphs, name):
    found = graphs(name)
    assert [made.path.name for made in found.files] == (
        ["net.encoder.onnx", "net.decoder.onnx"] if name == "sam-vit-b" else ["net.onnx"]
    )
    assert all(verdict.agrees for made in found.files for verdict in made.verdicts)
    assert found.card.read_text().count("[[files]]") == len(found.files)
    network = api.load(found.files[0].path, card=found.card)
    assert network.card.name == "net"
    if name == "sam-vit-b":
        assert [one.path for one in (network.encoder, network.decoder)] == [
            made.path for made in found.files
        ]
    assert len({verdict.what for verdict in found.files[0].verdicts}) == 2


@pytest.mark.parametrize(
    ("name", "allowed"),
    # Made-up weights bear less than trained ones: masks that flip in the attention, for example.
    [
        pytest.param("mask2former-swin-t", 4e-3, marks=pytest.mark.slow),
        pytest.param("sam-vit-b", 4e-3, marks=pytest.mark.slow),
        ("vitmatte-s", STORED_TOLERANCE),
    ],
)
def test_weights_in_float16(least, golden, graphs, traced, monkeypatch, tmp_path, name, allowed):
    whole = graphs(name)
    monkeypatch.setattr(converting, "graph", lambda _, __, ports: traced[ports.outputs])
    monkeypatch.setattr(converting, "STORED_TOLERANCE", allowed)
    path = checkpoint(golden, name, tmp_path)
    half = converting.convert(path, name, tmp_path / "half.onnx", half=True)
    assert "weights in float16" in load_card(half.card).notes[2]
    for plain, made in zip(whole.files, half.files, strict=True):
        assert made.verdicts == plain.verdicts
        assert 0 < made.stored.mean <= allowed
        kinds = {one.name: one.data_type for one in onnx.load(str(made.path)).graph.initializer}
        halves = [key for key, kind in kinds.items() if kind == onnx.TensorProto.FLOAT16]
        assert len(halves) > 10
        random = np.random.default_rng(5)
        sessions = [get_session(one.path, device="cpu") for one in (plain, made)]
        inputs = {
            key: random.integers(0, 2, [2 if one == "p" else one for one in size]).astype("f4")
            for key, size in sessions[0].inputs.items()
        }
        exact, near = (session.run(inputs) for session in sessions)
        for key, wanted in exact.items():
            off = np.abs(wanted - near[key]).mean() / max(1, np.abs(wanted).max())
            assert 0 < off < 3 * allowed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask2former-swin-t", "vitmatte-s"])
def test_graphs_take_any_size_and_count(golden, monkeypatch, tmp_path, name):
    hub_nets.known(monkeypatch, hub_nets.LEAST, any_size=True)
    made = converting.convert(checkpoint(golden, name, tmp_path), name, tmp_path / "net.onnx")
    assert len({verdict.what for verdict in made.files[0].verdicts}) == 4
    net = loaded(golden, name, least=True)
    session = get_session(tmp_path / "net.onnx", device="cpu")
    ports = shipped.ports_of(name)
    for count, *size in ((1, 384, 384), (3, 64, 96)):
        channels = golden[1]["sizes"][name][0]
        generator = torch.Generator().manual_seed(2)
        x = torch.randn((count, channels, *size), generator=generator)
        with torch.inference_mode():
            wanted = net(x)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        answer = session.run({next(iter(ports.inputs)): x.numpy()})
        for key, value in zip(ports.outputs, wanted, strict=True):
            np.testing.assert_allclose(answer[key], value.numpy(), atol=2e-4)


def test_instances_are_those_of_the_librarys_processor(least, golden, graphs, cat):
    card = catalog.find("mask2former-swin-t")
    net = loaded(golden, "mask2former-swin-t", least=True)
    processor = transformers.models.mask2former.image_processing_pil_mask2former
    theirs = processor.Mask2FormerImageProcessorPil(
        size={"height": 384, "width": 384}, image_mean=card.input.mean, image_std=card.input.std
    )
    tensor = theirs(cat, return_tensors="pt")["pixel_values"]
    mine, _ = onto_grid(cat, card.input)
    # The library rounds nothing between reduction and norm; both reduce bytes to bytes.
    assert np.abs(mine - tensor.numpy()).max() < 2e-2
    with torch.inference_mode():
        outputs = net.net(pixel_values=torch.from_numpy(mine))
    wanted = theirs.post_process_instance_segmentation(
        outputs, threshold=0.0, target_sizes=[cat.shape[:2]], return_binary_maps=True
    )[0]
    session = get_session(graphs("mask2former-swin-t").files[0].path, device="cpu")
    found = Instances(card, session).predict(cat)
    infos = sorted(wanted["segments_info"], key=lambda info: -info["score"])
    assert len(found) == len(infos) >= 3
    labels = labels_of(card.classes)
    for segment, info in zip(found, infos, strict=True):
        assert segment.label == labels[info["label_id"]]
        assert segment.score == pytest.approx(info["score"], abs=1e-4)
        mask = wanted["segmentation"][info["id"]].numpy() > 0
        assert (segment.mask ^ mask).mean() < 1e-3


def test_alphas_are_those_of_the_librarys_processor(least, golden, graphs, astronaut):
    card = catalog.find("vitmatte-s")
    net = loaded(golden, "vitmatte-s", least=True)
    image = np.ascontiguousarray(astronaut[:150, :200])
    trimap = np.full(image.shape[:2], 128, np.uint8)
    trimap[:40], trimap[110:] = 0, 255
    processor = transformers.models.vitmatte.image_processing_pil_vitmatte
    theirs = processor.VitMatteImageProcessorPil()
    tensor = theirs(images=image, trimaps=trimap, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        wanted = net.net(pixel_values=tensor.float()).alphas[0, 0, :150, :200].numpy()
    session = get_session(graphs("vitmatte-s").files[0].path, device="cpu")
    mine = Matting(card, session).predict(image, trimap)
    unknown = trimap == 128
    assert wanted[unknown].std() > 0.005
    np.testing.assert_allclose(mine[unknown], wanted[unknown], atol=1e-4)
    assert (mine[trimap == 0] == 0).all()
    assert (mine[trimap == 255] == 1).all()


def test_answers_are_those_of_the_librarys_processor(least, golden, graphs, cat):
    """SAM: the photo as it is shown, places as they are scaled, masks as they are enlarged."""
    side = hub_nets.SAM_SIDE
    known = catalog.find("sam-vit-b")
    card = replace(known, input=replace(known.input, size=(side, side)))
    made = graphs("sam-vit-b").files
    asked = Prompted(card, *(get_session(one.path, device="cpu") for one in made)).embed(cat)
    pil = transformers.models.sam.image_processing_pil_sam.SamImageProcessorPil(
        size={"longest_edge": side}, pad_size={"height": side, "width": side}
    )
    processor = transformers.SamProcessor(pil)
    net = loaded(golden, "sam-vit-b", least=True)
    whole = transformers.SamModel(net.net.config)
    state = dict(net.net.state_dict())
    shared = "positional_embedding"
    state[f"prompt_encoder.shared_embedding.{shared}"] = state[f"shared_image_embedding.{shared}"]
    whole.load_state_dict(state)
    whole.eval()
    places = [[(100, 50), (300, 200)], [(250, 220)]]
    boxes = [None, (50, 60, 400, 250)]
    for points, box in zip(places, boxes, strict=True):
        inputs = processor(
            cat,
            input_points=[[list(map(float, point)) for point in points]],
            input_labels=[[1] * len(points)],
            input_boxes=None if box is None else [[list(map(float, box))]],
            return_tensors="pt",
        )
        sizes, inner = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
        inputs = {
            key: value.float() if value.is_floating_point() else value
            for key, value in inputs.items()
        }
        with torch.inference_mode():
            outputs = whole(**inputs)
        best = int(outputs.iou_scores[0, 0].argmax())
        wanted = pil.post_process_masks(outputs.pred_masks, sizes, inner)[0][0, best].numpy()
        segment = asked.ask(
            [Point(x, y) for x, y in points],
            None if box is None else Box(box[0], box[1], box[2] + 1, box[3] + 1),
        )
        assert 0 < wanted.mean() < 1
        assert (segment.mask ^ wanted).mean() < 5e-3
        score = float(outputs.iou_scores[0, 0, best])
        assert segment.score == pytest.approx(min(max(score, 0), 1), abs=2e-3)


@pytest.mark.slow
def test_one_of_full_size(tmp_path):
    """ViTMatte-S at the size of its publisher, with weights drawn at random."""
    net = registry.build("vitmatte-s")
    torch.manual_seed(0)
    for key, value in net.state_dict().items():
        if "rel_pos" in key:
            value.normal_(std=0.02)
    net.net.save_pretrained(tmp_path)
    found = converting.convert(
        tmp_path / "model.safetensors", "vitmatte-s", tmp_path / "vitmatte-s.onnx"
    )
    assert all(verdict.agrees for verdict in found.files[0].verdicts)
    assert found.size_bytes == pytest.approx(103e6, rel=0.05)
    assert card_text(catalog.find("vitmatte-s"))
