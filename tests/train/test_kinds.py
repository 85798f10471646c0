"""What `detect` and `pick` are to the training loop: losses, judgements, cards."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 after the skip

import nukki as package  # noqa: E402
from nukki.errors import InputError  # noqa: E402
from nukki.nets.pick import PickNet  # noqa: E402
from nukki.train import of_detect, of_pick  # noqa: E402
from nukki.train.box_augment import ABSENT, FILL  # noqa: E402
from nukki.train.kinds import kind_of  # noqa: E402
from nukki.train.recipe import KINDS, read_recipe  # noqa: E402
from nukki.train.things import find_things, load_things  # noqa: E402
from nukki.zoo.cards import parse_card  # noqa: E402
from train_files import make_set, make_things_data, things_recipe, write_recipe  # noqa: E402

STARTER = Path(package.__file__).parent / "zoo" / "weights" / "subject.onnx"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_things_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Of `pick`, judged on 64 × 64."""
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe"), things_recipe("pick")))


@pytest.mark.parametrize("name", KINDS)
def test_kinds_are_known_by_their_names(recipe, name):
    kind = kind_of(replace(recipe, kind=name))
    assert kind.name == name
    assert len({one.key for one in kind.measures}) == len(kind.measures)
    assert all(one.sign in (1, -1) for one in kind.measures)
    assert kind is kind_of(replace(recipe, kind=name))


@pytest.mark.parametrize(
    ("kind", "task"), [(of_pick.KIND, "prompted"), (of_detect.KIND, "detection")]
)
def test_tables_make_a_card(kind, task, recipe):
    text = "\n".join([f'task = "{kind.task}"', *kind.tables(recipe)])
    card = parse_card(text, source="tiny.toml", brief=True)
    assert card.task == kind.task == task
    assert card.input.size == recipe.grid == (64, 64)
    if task == "detection":
        assert card.input == of_detect.input_spec((64, 64))
        assert card.input.pad_value == FILL  # of what no photo covers, as in training
        assert card.boxes.form == "decoded"
    else:
        assert card.crops is not None
        assert (card.input.mean, card.input.std) == ((0.5,) * 3, (0.5,) * 3)


def test_photos_to_validate_on(data, tmp_path):
    assert len(of_pick.KIND.held(data)) == len(of_detect.KIND.held(data)) == 3
    for kind in (of_pick.KIND, of_detect.KIND):
        assert kind.held(tmp_path) == ()
        for photo in kind.held(data):
            kind.check(photo)
    make_set(tmp_path / "validate" / "people", 2)
    assert len(of_pick.KIND.held(tmp_path)) == 2  # any set will do
    assert of_detect.KIND.held(tmp_path) == ()  # only where every thing is told


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    make_set(tmp_path / "validate" / "people", 1)
    path = tmp_path / "validate" / "people" / "images" / "000.png"
    path.write_bytes(b"")
    (photo,) = of_pick.KIND.held(tmp_path)
    with pytest.raises(InputError) as caught:
        of_pick.KIND.check(photo)
    assert "000.png" in of_pick.KIND.named(photo, caught.value)


# --- pick


@pytest.fixture(scope="module")
def batch(data, recipe):
    """Two samples of `pick` at 64 × 64, stacked."""
    one = replace(recipe, stages=(replace(recipe.stages[0], sizes=(64,)),))
    stream = of_pick.KIND.stream(one, data, skip_bad=False)
    samples = [stream[place][0] for place in range(2)]
    return [torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)]


@pytest.fixture(scope="module")
def started():
    pytest.importorskip("onnx")
    torch.manual_seed(1)
    net = of_pick.KIND.network()
    filled, tensors = of_pick.KIND.start_from(net, STARTER)
    assert 150 < filled < tensors
    return net


@pytest.mark.parametrize("half", [False, True])
def test_the_loss_of_pick_teaches_every_part(batch, started, half):
    net = started.train()
    net.zero_grad()
    loss = of_pick.KIND.loss(net, batch, half=half)
    assert loss.dtype == torch.float32
    assert loss.shape == ()
    loss.backward()
    silent = [name for name, one in net.named_parameters() if one.grad is None]
    assert silent == []
    assert all(bool(one.grad.isfinite().all()) for one in net.parameters())
    heard = [one.grad.abs().max() > 0 for one in net.ask.add.parameters()]
    assert all(heard)


class Told(nn.Module):
    """Answers with maps and scores that it was given, and remembers what it was asked."""

    def __init__(self, maps, score):
        super().__init__()
        self.maps, self.score, self.asked = maps, score, []

    def forward(self, image, question):
        self.asked.append((image, question))
        return self.maps, self.score


def test_the_network_gets_numbers_not_bytes(batch):
    maps = [torch.zeros(4, 1, 64 // step, 64 // step) for step in (2, 4, 8, 16, 32)]
    net = Told(maps, torch.zeros(4))
    of_pick.KIND.loss(net, batch, half=False)
    ((image, question),) = net.asked
    assert image.shape == (4, 3, 64, 64)
    assert torch.equal(image[1], batch[0][0, 1] / 127.5 - 1)
    assert question.shape == (4, 4, 64, 64)
    assert set(question[:, :3].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(question[2], batch[1][1, 0] / 127)


def test_the_guess_of_the_score_by_hand():
    """Masks of 4 × 4 at half the size of the truth: IoU 1/3, and nothing where nothing is."""
    finest = torch.full((2, 1, 4, 4), -1.0)
    finest[0, :, :, :2] = 1
    truth = torch.zeros(2, 1, 8, 8)
    truth[0, :, :, 2:6] = 1
    score = torch.tensor([0.4, -2.0])
    chance = 1 / (1 + np.exp(-score.numpy()))
    wanted = -(np.log(chance[0]) / 3 + np.log(1 - chance[0]) * 2 / 3 + np.log(1 - chance[1])) / 2
    found = of_pick._score_loss(finest, score, truth)
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    # It is least where the score says the IoU.
    losses = [
        float(of_pick._score_loss(finest[:1], torch.tensor([math.log(p / (1 - p))]), truth[:1]))
        for p in (0.2, 1 / 3, 0.5)
    ]
    assert losses[1] < min(losses[0], losses[2])


def test_only_the_encoder_is_frozen_and_learns_slowly():
    net = of_pick.KIND.network()
    of_pick.KIND.freeze(net, 2)
    still = {name for name, one in net.named_parameters() if not one.requires_grad}
    assert still
    assert all(name.startswith(("enc.stem.", "enc.blocks.0.", "enc.blocks.1.")) for name in still)
    assert all(of_pick.KIND.is_encoder(name) for name in still)
    assert not of_pick.KIND.is_encoder("ask.add.0.weight")
    of_pick.KIND.freeze(net, 0)
    assert all(one.requires_grad for one in net.parameters())


class Boxed(nn.Module):
    """Takes the box, or the disc of a click, for the thing."""

    def __init__(self, score=20.0):
        super().__init__()
        self.score = score

    def forward(self, image, question):
        inside = question[:, :2].amax(dim=1, keepdim=True)
        finest = nn.functional.avg_pool2d(inside, 2) * 40 - 20
        return [finest], torch.full((len(image),), self.score)


def test_pick_is_judged_by_boxes_and_clicks(data, recipe):
    """Rectangles (even numbers) are what their boxes say; an ellipse is pi / 4 of it."""
    rectangles = [photo for photo in of_pick.KIND.held(data) if photo.image.stem in ("050", "052")]
    assert len(rectangles) == 2
    scores = of_pick.KIND.judge(Boxed(), rectangles, recipe, CPU)
    assert set(scores) == {one.key for one in of_pick.KIND.measures}
    assert scores["box_iou"] > 0.93
    assert 0 < scores["click_iou"] < 0.5
    unsure = of_pick.KIND.judge(Boxed(-20.0), rectangles, recipe, CPU)
    mean = (scores["box_iou"] + scores["click_iou"]) / 2
    assert unsure["score_error"] == pytest.approx(mean, abs=1e-4)
    assert scores["score_error"] == pytest.approx(1 - mean, abs=1e-4)
    (ellipse,) = [photo for photo in of_pick.KIND.held(data) if photo.image.stem == "051"]
    assert of_pick.KIND.judge(Boxed(), [ellipse], recipe, CPU)["box_iou"] == pytest.approx(
        np.pi / 4, abs=0.05
    )


def test_pick_is_asked_the_same_every_time(data, recipe):
    photo = of_pick.KIND.held(data)[0]
    first, again = (list(of_pick._questions(photo, recipe.grid)) for _ in range(2))
    assert [key for key, _ in first] == ["box_iou", "click_iou"]
    for (_, one), (_, other) in zip(first, again, strict=True):
        for array, twin in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, twin)
    picture, question, truth = first[1][1]
    assert picture.shape == (3, 64, 64)
    assert -1 <= picture.min() < picture.max() <= 1
    # The click is on the thing.
    assert truth[question[1] > 0].mean() > 0.5
    assert not question[0].any()


def test_nothing_to_compare_the_files_of_pick_on(tmp_path, recipe):
    make_set(tmp_path / "validate" / "places", 2, masks=False)
    places = of_pick.KIND.held(tmp_path)
    with pytest.raises(InputError, match="no thing with a mask to compare"):
        of_pick.KIND.export(PickNet(), tmp_path, recipe, places, skip_bad=False)
    with pytest.raises(TypeError, match="no PickNet"):
        of_pick.KIND.export(nn.Identity(), tmp_path, recipe, places, skip_bad=False)


def test_a_photo_to_compare_on_that_cannot_be_read(tmp_path, recipe):
    make_set(tmp_path / "validate" / "people", 2)
    (tmp_path / "validate" / "people" / "images" / "000.png").write_bytes(b"")
    photos = of_pick.KIND.held(tmp_path)
    with pytest.raises(InputError, match=r"000\.png") as caught:
        of_pick.KIND.export(PickNet(), tmp_path, recipe, photos, skip_bad=False)
    assert "--skip-bad" in caught.value.hint
    pictures, questions = of_pick._compared(photos, (64, 64), skip_bad=True)
    assert [one.shape for one in pictures] == [(1, 3, 64, 64)] * 2
    assert [one.shape for one in questions] == [(1, 4, 64, 64)] * 2


# --- detect


@pytest.fixture(scope="module")
def canvases(data, recipe):
    """The samples of `detect`."""
    one = replace(recipe, kind="detect", stages=(replace(recipe.stages[0], sizes=(64,), steps=6),))
    return of_detect.KIND.stream(one, data, skip_bad=False)


def test_samples_of_detect_are_canvases_with_rows(canvases):
    labels = set()
    for place in range(len(canvases)):
        (picture, rows), bad = canvases[place]
        assert (picture.shape, picture.dtype) == ((3, 64, 64), np.uint8)
        assert (rows.shape, rows.dtype) == ((96, 5), np.float32)
        there = rows[rows[:, 4] > ABSENT]
        labels |= set(there[:, 4].tolist())
        assert (there[:, :2] >= 0).all()
        assert (there[:, 2:4] <= 64).all()
        assert (there[:, 2:4] > there[:, :2]).all()
        assert bad == []
    assert {0.0, 16.0} <= labels <= {-1.0, 0.0, 16.0}
    again, _ = canvases[3]
    for one, other in zip(again, canvases[3][0], strict=True):
        np.testing.assert_array_equal(one, other)


class Seen(nn.Module):
    """Says that nothing is there, and keeps what it saw."""

    def forward(self, x):
        self.x = x
        return [
            torch.full((len(x), 112, -(-x.shape[2] // step), -(-x.shape[3] // step)), -5.0)
            .requires_grad_()
            for step in (8, 16, 32, 64)
        ]  # fmt: skip


def test_detect_sees_blue_first(canvases):
    net = Seen()
    picture = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    picture[0, 0], picture[0, 1], picture[0, 2] = 200, 100, 50  # red, green, blue
    rows = torch.full((1, 96, 5), float(ABSENT))
    loss = of_detect.KIND.loss(net, [picture, rows], half=False)
    assert loss.shape == ()
    wanted = [(50 - 103.53) / 57.375, (100 - 116.28) / 57.12, (200 - 123.675) / 58.395]
    np.testing.assert_allclose(net.x[0, :, 5, 5], wanted, rtol=1e-5)
    loss.backward()


def test_only_detects_encoder_is_frozen():
    net = of_detect.DetectNet(0.5)
    of_detect.KIND.freeze(net, 2)
    still = {name for name, one in net.named_parameters() if not one.requires_grad}
    assert still
    assert all(name.startswith(("stem.", "stages.0.", "stages.1.")) for name in still)
    assert all(of_detect.KIND.is_encoder(name) for name in still)
    of_detect.KIND.freeze(net, 0)
    assert all(one.requires_grad for one in net.parameters())


class Answers(nn.Module):
    """Finds what it was told, photo by photo: boxes in pixels of the tensor, classes, scores."""

    def __init__(self, photos):
        super().__init__()
        self.photos = iter(photos)

    def forward(self, image):
        found = next(self.photos)
        boxes, scores = torch.zeros(1, 5, 4), torch.zeros(1, 5, 80)
        for place, (box, number, score) in enumerate(found):
            boxes[0, place] = torch.tensor(box)
            scores[0, place, number] = score
        assert image.shape == (1, 3, 64, 64)  # 48 rows of a photo of 72 × 96, padded
        np.testing.assert_allclose(image[0, 0, 60], (FILL - 103.53) / 57.375, rtol=1e-5)
        return boxes, scores


def judged(monkeypatch, photos, recipe, answers):
    monkeypatch.setattr(of_detect, "Detector", lambda _: Answers(answers))
    return of_detect.KIND.judge(of_detect.DetectNet(0.5), photos, recipe, CPU)


def truths(photos):
    """What a perfect detector says: a tensor's pixel is one and a half of the photo's."""
    return [
        [([edge / 1.5 for edge in one.box], one.label, one.score) for one in load_things(photo)[1]]
        for photo in photos
    ]


def test_detect_is_judged_by_average_precision(monkeypatch, data, recipe):
    photos = of_detect.KIND.held(data)
    perfect = truths(photos)
    scores = judged(monkeypatch, photos, recipe, perfect)
    assert scores == pytest.approx({"people_ap50": 1, "people_ap": 1, "all_ap50": 1}, abs=1e-9)
    assert set(scores) == {one.key for one in of_detect.KIND.measures}
    nothing = judged(monkeypatch, photos, recipe, [[], [], []])
    assert nothing == {"people_ap50": 0, "people_ap": 0, "all_ap50": 0}
    # Dogs for people and people for dogs.
    swapped = [[(box, 16 - number, score) for box, number, score in one] for one in perfect]
    assert judged(monkeypatch, photos, recipe, swapped)["all_ap50"] == 0


def test_boxes_that_are_a_little_off_count_less(monkeypatch, data, recipe):
    photos = of_detect.KIND.held(data)
    moved = []
    for one in truths(photos):
        moved.append([])
        for (left, top, right, bottom), number, score in one:
            by = 0.15 * (right - left)  # an IoU of .74
            moved[-1].append(([left + by, top, right + by, bottom], number, score))
    scores = judged(monkeypatch, photos, recipe, moved)
    assert scores["people_ap50"] == pytest.approx(1)
    assert scores["people_ap"] == pytest.approx(0.5, abs=0.01)  # right at .5 to .7


def test_boxes_that_teachers_drew_are_known_by_their_photos(data):
    """The tiny data are what the tests above take them for."""
    told = json.loads((data / "validate" / "coco" / "instances.json").read_text())
    labels = [one.label for photo in find_things(data / "validate" / "coco")
              for one in load_things(photo)[1]]  # fmt: skip
    assert sorted(labels) == [0, 0, 0, 16]
    assert len(told["annotations"]) == 4


def test_nothing_to_compare_the_file_of_detect_on(tmp_path, recipe):
    make_set(tmp_path / "validate" / "people", 2)
    for path in (tmp_path / "validate" / "people" / "images").iterdir():
        path.write_bytes(b"")
    photos = find_things(tmp_path / "validate" / "people")
    net = of_detect.DetectNet(0.5)
    with pytest.raises(InputError, match=r"000\.png"):
        of_detect.KIND.export(net, tmp_path, recipe, photos, skip_bad=False)
    with pytest.raises(InputError, match="no picture to compare"):
        of_detect.KIND.export(net, tmp_path, recipe, photos, skip_bad=True)
    with pytest.raises(TypeError, match="no DetectNet"):
        of_detect.KIND.judge(nn.Identity(), photos, recipe, CPU)
