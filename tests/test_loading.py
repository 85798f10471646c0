"""Networks by name or file: what runs them, what finds things, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nukki
from detecting_networks import FREE_CARD, YOLOX_CARD, free_detector, yolox_detector
from finding_networks import (
    BOXES_CARD,
    PROMPTED_CARD,
    SEMANTIC_CARD,
    boxes_network,
    prompted_networks,
    semantic_network,
)
from helpers import frozen
from nukki import loading, settings
from nukki.errors import InputError, NukkiError, UnknownModel
from nukki.loading import finder_name, load, load_as, load_finder, load_picker
from nukki.pipelines.finding import OwnFinder
from nukki.tasks.detection import Detection
from nukki.tasks.instances import Instances
from nukki.tasks.picking import Picking, Question
from nukki.tasks.prompted import Prompted
from nukki.tasks.saliency import Saliency
from nukki.tasks.semantic import Semantic
from nukki.types import Point
from nukki.zoo import catalog
from picking_networks import PICK_CARD, decoder, encoder

LICENCE = 'licence = { code = "MIT", weights = "MIT", data = "made up" }'
THINGS = [((0.1, 0.1, 0.4, 0.9), 0.9, 0), ((0.6, 0.2, 0.9, 0.8), 0.8, 1)]
SIZE = (100, 100)


def at_home(name, card, *files):
    """Let the user have a network of that name; gives the paths that its files should have."""
    (settings.models_folder() / name).mkdir(parents=True)
    settings.cards_folder().mkdir(parents=True, exist_ok=True)
    task, _, tables = card.strip().partition("\n")
    rows = ", ".join(f'{{ name = "{file}" }}' for file in files)
    head = f'name = "{name}"\ntitle = "A net"\ncommercial_use = "yes"\norigin = "made up"\n'
    text = f"{head}{task}\nfiles = [{rows}]\n{LICENCE}\n{tables}\n"
    (settings.cards_folder() / f"{name}.toml").write_text(text, encoding="utf-8")
    return [settings.models_folder() / name / file for file in files]


@pytest.fixture
def own(monkeypatch):
    """Our own two networks in tiny, under other names than those of the package."""
    monkeypatch.setattr(loading, "_DETECTOR", "tiny-detect")
    monkeypatch.setattr(loading, "_PICKER", "tiny-pick")
    (path,) = at_home("tiny-detect", FREE_CARD, "detect.onnx")
    free_detector(path, THINGS)
    first, second = at_home("tiny-pick", PICK_CARD, "pick.encoder.onnx", "pick.decoder.onnx")
    encoder(first)
    decoder(second)


def photo():
    """Grey, with a red and a blue block where the tiny detector finds things."""
    pixels = np.full((*SIZE, 3), 90, np.uint8)
    pixels[10:90, 10:40] = (220, 40, 40)
    pixels[20:80, 60:90] = (40, 60, 220)
    return frozen(pixels)


# --- by task


def test_a_network_is_run_by_what_its_task_wants(own, tmp_path):
    assert isinstance(load("tiny-detect"), Detection)
    assert isinstance(load("tiny-pick"), Picking)
    first, second = at_home("asked", PROMPTED_CARD, "sees.onnx", "answers.onnx")
    prompted_networks(first, second)
    assert isinstance(load("asked"), Prompted)
    semantic_network(tmp_path / "classes.onnx")
    (tmp_path / "classes.toml").write_text(SEMANTIC_CARD, encoding="utf-8")
    found = load(tmp_path / "classes.onnx", card=str(tmp_path / "classes.toml"))
    assert isinstance(found, Semantic)


def test_the_files_of_one_that_is_asked_stay_apart(own):
    network = load("tiny-pick")
    assert network.encoder.path.name == "pick.encoder.onnx"
    assert network.decoder.path.name == "pick.decoder.onnx"
    (answer,) = network.look(photo(), [(0.0, 0.0, 100.0, 100.0)]).ask(
        [Question(box=(10, 8, 40, 72))]
    )
    assert answer.alpha.max() > 0.5


def test_a_file_with_a_card_that_names_its_second_one(tmp_path):
    encoder(tmp_path / "a.onnx")
    decoder(tmp_path / "b.onnx")
    card = tmp_path / "a.toml"
    card.write_text(PICK_CARD, encoding="utf-8")
    with pytest.raises(InputError, match=r"needs the two files of its card, got `.*a\.onnx` alone"):
        load(tmp_path / "a.onnx", card=str(card))
    card.write_text(f'files = [{{ name = "a.onnx" }}, {{ name = "b.onnx" }}]\n{PICK_CARD}')
    assert load(tmp_path / "a.onnx", card=str(card)).decoder.path == tmp_path / "b.onnx"
    (tmp_path / "b.onnx").unlink()
    with pytest.raises(NukkiError, match=r"b\.onnx"):
        load(tmp_path / "a.onnx", card=str(card))


def test_one_kind_alone(own):
    assert isinstance(load_as(Detection, "tiny-detect"), Detection)
    with pytest.raises(InputError, match="must be a network for saliency, got one for detection"):
        load_as(Saliency, "tiny-detect")


# --- what finds things


@pytest.mark.parametrize(
    ("instances", "card", "name", "its_card"),
    [
        ("default", None, "detect", None),
        ("maskrcnn-r50", None, "maskrcnn-r50", None),
        ("net.onnx", "net.toml", "net.onnx", "net.toml"),
        ("yolox:my/net.onnx", None, "my/net.onnx", str(loading._YOLOX_CARD)),
        ("yolox:net.onnx", "own.toml", "net.onnx", "own.toml"),
    ],
)
def test_names_of_what_finds_things(instances, card, name, its_card):
    assert finder_name(instances, card) == (name, its_card)


def test_our_own_two_networks_find_things(own):
    finder = load_finder("default", threads=1)
    assert isinstance(finder, OwnFinder)
    assert finder.threads == 1
    found = finder.predict(photo())
    assert [one.label for one in found] == ["person", "dog"]
    assert found[0].corners == pytest.approx((10, 10, 40, 90), abs=0.1)
    assert 0.8 < found[0].area / (30 * 80) < 1.2


def test_a_detector_of_the_users_gets_masks_too(own, tmp_path):
    free_detector(tmp_path / "mine.onnx", THINGS[:1])
    (tmp_path / "mine.toml").write_text(FREE_CARD, encoding="utf-8")
    finder = load_finder(str(tmp_path / "mine.onnx"), card=str(tmp_path / "mine.toml"))
    assert isinstance(finder, OwnFinder)
    assert finder.card.name == "mine"
    assert len(finder.predict(photo())) == 1


def test_networks_with_masks_of_their_own_need_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_PICKER", "nowhere")
    for name, card, kind in (
        ("boxes", BOXES_CARD, Instances),
        ("classes", SEMANTIC_CARD, Semantic),
    ):
        path = tmp_path / f"{name}.onnx"
        if kind is Instances:
            boxes_network(path, [((0, 0, 1, 1), 0.9, 1, 1.0)])
        else:
            semantic_network(path)
        (tmp_path / f"{name}.toml").write_text(card, encoding="utf-8")
        assert isinstance(load_finder(str(path), card=str(tmp_path / f"{name}.toml")), kind)


def test_a_file_of_yoloxs_needs_no_card(own, tmp_path):
    """The cell in column 13, row 13 of stride 16: 32 × 64 pixels of 416 in the middle."""
    row = np.zeros(85)
    row[:5], row[5 + 16] = (0, 0, np.log(2), np.log(4), 0.95), 1
    path = yolox_detector(
        tmp_path / "yolox.onnx", {52 * 52 + 26 * 13 + 13: row}, sides=(416, 416), classes=80
    )
    finder = load_finder(f"yolox:{path}")
    assert isinstance(finder, OwnFinder)
    picture = frozen(np.zeros((416, 416, 3), np.uint8))
    boxes = finder.detector.find(picture)
    np.testing.assert_allclose(boxes.corners, [[192, 176, 224, 240]], atol=0.01)
    assert [finder.labels[number] for number in boxes.classes] == ["dog"]


def test_the_real_file_of_yolox(own, shared):
    path = shared / "weights" / "yolox_nano.onnx"
    if not path.is_file():
        pytest.skip("yolox_nano.onnx is not there")
    finder = load_finder(f"yolox:{path}")
    boxes = finder.detector.find(nukki.read(shared / "photos" / "two-dancers.jpg").rgb8())
    sure = boxes.chosen(boxes.scores > 0.5)
    assert [finder.labels[number] for number in sure.classes].count("person") >= 2
    assert finder.threshold(()) == load_finder("default").threshold(())


def test_what_answers_clicks(own):
    embedded = load_picker("default", threads=1).embed(photo())
    found = embedded.ask([Point(25, 50)])
    assert found.mask[50, 25]
    assert not found.mask[5, 95]
    first, second = at_home("asked", PROMPTED_CARD, "sees.onnx", "answers.onnx")
    prompted_networks(first, second)
    assert isinstance(load_picker("asked"), Prompted)
    for name in ("subject", "tiny-detect"):
        with pytest.raises(InputError, match="must be a network for prompted"):
            load_picker(name)


@pytest.mark.parametrize("name", ["detect", "pick"])
def test_the_shipped_networks_are_there(name):
    if not catalog.is_own(name):
        pytest.skip(f"the card `{name}` is not in the package")
    assert isinstance(load(name), Detection if name == "detect" else Picking)


# --- what is refused


@pytest.mark.parametrize(
    ("name", "task"), [("subject", "saliency"), ("sam-vit-b", "prompted"), ("lama", "inpainting")]
)
def test_networks_that_find_nothing_are_refused_before_they_are_fetched(name, task):
    with pytest.raises(InputError, match=f"for instances, got one for {task}") as caught:
        load_finder(name)
    assert "nukki models list" in caught.value.hint


def test_files_that_are_no_detectors(tmp_path):
    encoder(tmp_path / "pick.onnx")
    (tmp_path / "pick.toml").write_text(PICK_CARD, encoding="utf-8")
    with pytest.raises(InputError, match="must be a network for instances, got one for prompted"):
        load_finder(str(tmp_path / "pick.onnx"), card=str(tmp_path / "pick.toml"))


@pytest.mark.parametrize("missing", ["_DETECTOR", "_PICKER"])
def test_our_own_that_are_not_there(own, monkeypatch, missing):
    monkeypatch.setattr(loading, missing, "nowhere")
    with pytest.raises(UnknownModel, match="`nowhere` is not the name of a model"):
        load_finder("default")


def test_another_network_under_the_name_of_ours(own, monkeypatch):
    monkeypatch.setattr(loading, "_PICKER", "tiny-detect")
    with pytest.raises(InputError, match="tiny-detect"):
        load_finder("default")


@pytest.mark.parametrize(
    ("instances", "said"),
    [
        ("yolox:none.onnx", "there is no such file"),
        ("yolox:", "goes with an ONNX file"),
        ("yolox:yolox_nano", "goes with an ONNX file"),
        ("nowhere", "is not the name of a model"),
        ("none.onnx", "there is no such file"),
    ],
)
def test_finders_that_are_not_there(own, instances, said):
    with pytest.raises(NukkiError, match=said):
        load_finder(instances)


def test_a_file_of_another_form_than_yoloxs(own, tmp_path):
    path = yolox_detector(tmp_path / "small.onnx", {}, sides=(64, 64))
    finder = load_finder(f"yolox:{path}")
    with pytest.raises(NukkiError, match=r"small\.onnx|416"):
        finder.predict(photo())
    (tmp_path / "small.toml").write_text(YOLOX_CARD, encoding="utf-8")
    told = load_finder(f"yolox:{path}", card=str(tmp_path / "small.toml"))
    assert told.predict(photo()) == []
