"""`fill` as a kind of network: its samples, what it learns from, how it is judged, its card."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 after the skip

from nukki.errors import InputError  # noqa: E402
from nukki.loading import load  # noqa: E402
from nukki.nets.fill import FillNet  # noqa: E402
from nukki.tasks.inpainting import Inpainting  # noqa: E402
from nukki.train import of_fill  # noqa: E402
from nukki.train.filling import VIEWS, FillStream, shape_of, view  # noqa: E402
from nukki.train.holes import MOST  # noqa: E402
from nukki.train.loop import Trainer  # noqa: E402
from nukki.train.of_fill import KIND, FillTraining, as_input  # noqa: E402
from nukki.train.perceived import Perceived, start_perceiving  # noqa: E402
from nukki.train.recipe import SetUse, read_recipe  # noqa: E402
from nukki.train.session import Wishes, opened  # noqa: E402
from nukki.train.things import find_things  # noqa: E402
from nukki.zoo.cards import parse_card  # noqa: E402
from train_files import make_set, make_things_data, shape, write_recipe  # noqa: E402

CPU = torch.device("cpu")
RECIPE = """\
name = "tiny"
kind = "fill"
seed = 7
start = "nothing"
size = 64
every = 2
warm_up = 1

[sets.coco]

[sets.people]

[sets.places]

[[stages]]
steps = 2
sizes = [32, 64]
batch = 2
rate = 1e-3
last_rate = 5e-4
degrade = 0.1

[[stages]]
steps = 1
sizes = [64]
batch = 1
rate = 5e-4
last_rate = 0
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_things_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe"), RECIPE))


def weights(seed=1):
    """Arrays as the file of MobileNetV2 has them."""
    chance = np.random.default_rng(seed)
    convs = [layer for layer in Perceived().modules() if isinstance(layer, nn.Conv2d)]
    found = {}
    for number, layer in enumerate(convs):
        wide = np.prod(layer.weight.shape[1:])
        scale = np.sqrt(2 / wide)
        found[f"{number:02}.weight"] = chance.normal(0, scale, layer.weight.shape)
        found[f"{number:02}.bias"] = chance.normal(0, 0.1, layer.out_channels)
    found["50.weight"] = np.zeros((1, 1))  # more than is needed, as in the file
    return {name: np.asarray(array, np.float16) for name, array in found.items()}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet.npz"
    np.savez(path, **weights())
    return path


@pytest.fixture(scope="module")
def started(encoder):
    torch.manual_seed(2)
    net = KIND.network()
    net.fill = FillNet((2,))  # one block
    filled, tensors = KIND.start_from(net, encoder)
    assert 0 < filled < tensors
    return net


# --- samples


def test_samples_are_parts_of_photos_and_holes(data, recipe):
    stream = KIND.stream(recipe, data, skip_bad=False)
    for place in range(len(stream)):
        (pictures, holes), bad = stream[place]
        side = pictures.shape[-1]
        assert side in (32, 64)
        assert (pictures.shape, pictures.dtype) == ((VIEWS, 3, side, side), np.uint8)
        assert (holes.shape, holes.dtype) == ((VIEWS, 1, side, side), np.uint8)
        assert set(np.unique(holes)) == {0, 1}
        assert all(0.01 < hole.mean() <= MOST for hole in holes)
        assert bad == []


def test_a_sample_depends_on_its_place_alone(data, recipe):
    first, second = (KIND.stream(recipe, data, skip_bad=False) for _ in range(2))
    for place in (4, 1, 4):
        for one, other in zip(first[place][0], second[place][0], strict=True):
            np.testing.assert_array_equal(one, other)
    assert first[0][0][0].tobytes() != first[1][0][0].tobytes()


def test_parts_keep_their_proportions(tmp_path, recipe):
    """Stripes of four pixels across and along stay as wide as they are high."""
    make_set(tmp_path / "train" / "places", 1, masks=False)
    stripes = np.zeros((64, 128, 3), np.uint8)
    stripes[(np.arange(64) // 4 % 2 == 0)[:, None] ^ (np.arange(128) // 4 % 2 == 0)] = 255
    Image.fromarray(stripes).save(tmp_path / "train" / "places" / "images" / "000.png")
    stage = replace(recipe.stages[0], sizes=(64,), degrade=0.0, crop=1.0)
    stream = FillStream(replace(recipe, sets={"places": SetUse()}, stages=(stage,)), tmp_path)
    picture = stream[0][0][0][0, 0].astype(float) / 255
    changes = [np.abs(np.diff(picture, axis=axis)).sum() / 64 for axis in (0, 1)]
    assert changes == pytest.approx([15, 15], abs=1.01)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"sets": {"people": SetUse(paste=0.5)}}, "sets.people.paste"),
        ({"sets": {"people": SetUse(empty=0.5)}}, "sets.people.empty"),
        ({"frozen": 2}, r"stages\[0\].frozen"),
    ],
)
def test_keys_without_meaning_are_refused(data, recipe, change, key):
    if "frozen" in change:
        change = {"stages": (replace(recipe.stages[0], **change), *recipe.stages[1:])}
    with pytest.raises(InputError, match=f"`{key}` has no meaning"):
        KIND.stream(replace(recipe, **change), data, skip_bad=False)


def test_silhouettes_come_from_masks_and_from_annotations(data):
    for name in ("people", "coco"):
        for photo in find_things(data / "train" / name):
            shape = shape_of(photo)
            assert shape is not None
            assert 0.7 < shape.mean() <= 1  # an ellipse or a box, cut out
    assert all(shape_of(photo) is None for photo in find_things(data / "train" / "places"))


def test_a_silhouette_that_cannot_be_read_is_none(tmp_path):
    make_set(tmp_path / "people", 1)
    (tmp_path / "people" / "masks" / "000.png").write_bytes(b"")
    (photo,) = find_things(tmp_path / "people")
    assert shape_of(photo) is None


def test_photos_that_are_judged_are_spread_and_few(data, tmp_path):
    assert len(KIND.held(data)) == 3
    assert KIND.held(tmp_path) == ()
    make_set(tmp_path / "validate" / "people", 9)
    few = of_fill.held_out(tmp_path, 4)
    assert [photo.image.stem for photo in few] == ["000", "003", "006"]
    for photo in few:
        KIND.check(photo)


def test_a_bad_photo_is_named(tmp_path, recipe, started):
    make_set(tmp_path / "validate" / "people", 2)
    (tmp_path / "validate" / "people" / "images" / "000.png").write_bytes(b"")
    photos = KIND.held(tmp_path)
    with pytest.raises(InputError, match=r"000\.png"):
        KIND.check(photos[0])
    with pytest.raises(InputError, match=r"000\.png"):
        KIND.judge(started, photos, recipe, CPU)
    with pytest.raises(InputError, match=r"000\.png"):
        KIND.export(started, tmp_path, recipe, photos, skip_bad=False)
    assert len(of_fill._compared(photos, 64, skip_bad=True)) == 1
    with pytest.raises(InputError, match="no picture to compare"):
        KIND.export(started, tmp_path, recipe, photos[:1], skip_bad=True)


# --- what it learns from


@pytest.fixture(scope="module")
def batch(data, recipe):
    stream = KIND.stream(recipe, data, skip_bad=False)
    samples = [stream[place][0] for place in range(2)]
    return [torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)]


@pytest.mark.parametrize("half", [False, True])
def test_the_loss_teaches_the_network_and_leaves_its_judge_alone(batch, started, half):
    started.train().zero_grad(set_to_none=True)
    loss = KIND.loss(started, batch, half=half)
    assert (loss.dtype, loss.shape) == (torch.float32, ())
    loss.backward()
    for name, parameter in started.named_parameters():
        assert (parameter.grad is None) == name.startswith("looks.") == KIND.is_encoder(name)
    assert bool(started.fill.last.weight.grad.any())  # the others wait for it: it starts at zero


class Given(FillTraining):
    """Answers with what it was given, whatever it sees."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        self.seen = x
        return torch.where(x[:, 3:] > 0.5, self.answer, x[:, :3])


def test_the_loss_by_hand():
    """Off by .1 in the hole and by nothing beside it; without weights looks count nothing."""
    picture = torch.full((1, 1, 3, 32, 32), 51, dtype=torch.uint8)
    hole = torch.zeros((1, 1, 1, 32, 32), dtype=torch.uint8)
    hole[..., 4:12, 8:20] = 1
    net = Given(torch.tensor(0.3))
    loss = KIND.loss(net, [picture, hole], half=False)
    assert float(loss) == pytest.approx(4 * 0.1, rel=1e-5)
    assert net.seen[0, :, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 0])
    assert net.seen[0, :, 5, 9].tolist() == [0, 0, 0, 1]


def test_looks_are_told_apart(started):
    looks = started.looks
    chance = torch.Generator().manual_seed(5)
    truth = torch.rand(2, 3, 64, 64, generator=chance)
    hole = torch.zeros(2, 1, 64, 64)
    hole[:, :, 20:40, 10:50] = 1
    noise = torch.rand(2, 3, 64, 64, generator=chance)
    near = torch.where(hole > 0, truth + 0.05 * (noise - 0.5), truth)
    far = torch.where(hole > 0, noise, truth)
    distances = [float(looks.distance(one, truth, hole)) for one in (truth, near, far)]
    assert distances[0] == 0
    assert 0 < distances[1] < distances[2] / 3
    assert float(Perceived().distance(far, truth, hole)) == 0  # no weights were read
    assert [one.shape[1] for one in looks(truth)] == [16, 24, 32, 96]
    assert [64 // one.shape[2] for one in looks(truth)] == [2, 4, 8, 16]


def test_the_encoder_is_mobilenetv2(encoder):
    """The same weights in the network that is written with batch norms."""
    from nukki.nets.mobilenetv2 import MobileNetV2

    looks = Perceived()
    start_perceiving(looks, encoder)
    plain = MobileNetV2().eval()
    arrays = weights()
    layers = list(plain.modules())
    number = 0
    for layer, norm in pairwise(layers):
        if isinstance(layer, nn.Conv2d) and f"{number:02}.bias" in arrays:
            layer.weight.data = torch.from_numpy(arrays[f"{number:02}.weight"].astype(np.float32))
            norm.bias.data = torch.from_numpy(arrays[f"{number:02}.bias"].astype(np.float32))
            norm.running_var.fill_(1 - norm.eps)
            # TensorFlow pads right and bottom, this network on all sides.
            if layer.stride == (2, 2):
                layer.padding = (0, 0)
                layer.register_forward_pre_hook(
                    lambda _, inputs: (nn.functional.pad(inputs[0], (0, 1, 0, 1)),)
                )
            number += 1
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, wanted = looks(picture), plain(2 * picture - 1)
    for one, other in zip(found, wanted[:4], strict=True):
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda arrays: arrays.pop("07.bias"), "07.bias"),
        (lambda arrays: arrays.update({"03.weight": np.zeros((2, 2))}), "`03.weight` has shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, harm, said):
    arrays = weights()
    harm(arrays)
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=said):
        KIND.start_from(FillTraining(), tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_a_file_that_holds_no_weights(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    net = Perceived()
    with pytest.raises(InputError, match="does not hold MobileNetV2's weights"):
        start_perceiving(net, tmp_path / "bad.npz")
    assert not net.known


# --- how it is judged


def test_a_perfect_answer_and_one_that_is_off(data, recipe, started):
    photos = KIND.held(data)

    class Knows(FillTraining):
        """Answers with the truth, and so much more."""

        def __init__(self, more):
            super().__init__()
            self.looks = started.looks
            self.more = more
            shapes = [shape_of(photo) for photo in photos]
            views = [view(photo, 64, shapes, number) for number, photo in enumerate(photos)]
            self.truths = iter(views)

        def forward(self, x):
            picture, hole = next(self.truths)
            assert torch.equal(x[0, 3:], torch.from_numpy(hole).float())
            truth = torch.from_numpy(picture).float() / 255
            assert torch.equal(x[0, :3], truth * (1 - x[0, 3:]))
            return (truth + self.more * x[0, 3:])[None]

    scores = KIND.judge(Knows(0.0), photos, recipe, CPU)
    assert scores == pytest.approx({"psnr": 100, "l1": 0, "looks": 0}, abs=1e-6)
    assert set(scores) == {one.key for one in KIND.measures}
    off = KIND.judge(Knows(0.1), photos, recipe, CPU)
    assert off["psnr"] == pytest.approx(20, abs=1e-3)
    assert off["l1"] == pytest.approx(0.1, abs=1e-5)
    assert off["looks"] > 0


# --- the whole


def test_a_training_goes_through_and_goes_on(data, recipe, encoder, tmp_path, monkeypatch):
    """Two steps and a validation, then from the checkpoint to the end; the encoder stays."""
    monkeypatch.setattr(of_fill, "FillNet", lambda: FillNet((2,)))  # one block
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def trainer():
        torch.manual_seed(recipe.seed)
        net = KIND.network()
        KIND.start_from(net, encoder)
        stream = KIND.stream(recipe, data, skip_bad=False)
        return Trainer(KIND, recipe, stream, KIND.held(data), tmp_path, net, workers=0)

    first = trainer()
    assert not first.run(lambda _: None, until=2)
    second = trainer()
    assert second.resume()
    assert second.run(lambda _: None)
    torch.set_num_threads(threads)
    assert [row["step"] for row in second.state.history] == [2, 3]
    assert all(row["psnr"] > 0 for row in second.state.history)
    begun, ended = trainer().net.state_dict(), second.average.state_dict()
    moved = {name for name in begun if not torch.equal(begun[name], ended[name])}
    assert moved
    assert all(name.startswith("fill.") for name in moved)


def test_what_is_exported(data, recipe, started, tmp_path, monkeypatch):
    """The network alone, compared on photos with holes; exporting is tested in tests/nets."""
    calls = []

    def noted(*arguments):
        calls.append(arguments)
        return SimpleNamespace(stored=1e-4)

    monkeypatch.setattr(of_fill, "export_shipped", noted)
    photos = KIND.held(data)
    (file,) = KIND.export(started, tmp_path, recipe, photos, skip_bad=False)
    assert file.path == tmp_path / "tiny.onnx"
    ((shipped, target, shown, ports, distance, tolerance),) = calls
    assert shipped is started.fill
    assert target == file.path
    assert len(shown) == len(photos)
    for inputs in shown:
        assert set(inputs) == set(ports.inputs) == {"image"}
        picture = inputs["image"]
        assert (picture.shape, picture.dtype) == ((1, 4, 64, 64), np.float32)
        assert set(np.unique(picture[:, 3])) == {0, 1}
        assert not (picture[:, :3] * picture[:, 3:]).any()
        assert picture[:, :3].max() <= 1
    one, other = ({"filled": np.full((1, 3, 4, 4), value)} for value in (0.25, 0.75))
    assert distance(one, other) == 0.5
    assert tolerance == of_fill.STORED_TOLERANCE


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_recipe_becomes_a_file_that_fills(data, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(of_fill, "FillNet", lambda: FillNet((2,)))
    threads = torch.get_num_threads()
    path = write_recipe(tmp_path, RECIPE)
    wishes = Wishes(
        recipe=path, data=data, to=tmp_path / "work", start=encoder, device="cpu", threads=1,
        workers=0,
    )  # fmt: skip
    with opened(wishes) as training:
        assert training.run(lambda _: None)
        (file,) = training.export()
        net = training.trainer.average.eval()
    torch.set_num_threads(threads)
    network = load(file.path, card=str(tmp_path / "work" / "tiny.toml"), device="cpu")
    assert isinstance(network, Inpainting)
    photo = np.asarray(shape(5)[0])[:64]  # 64 × 96
    hole = np.zeros((64, 96), np.bool_)
    hole[20:50, 30:70] = True
    filled = network.fill(photo, hole)
    np.testing.assert_array_equal(filled[~hole], photo[~hole])
    x = as_input(
        torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 255,
        torch.from_numpy(hole[None, None]).float(),
    )
    with torch.inference_mode():
        wanted = net(x)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(filled - wanted).max() < 1.5


def test_tables_make_a_card(recipe):
    text = "\n".join([f'task = "{KIND.task}"', *KIND.tables(recipe)])
    card = parse_card(text, source="tiny.toml", brief=True)
    assert card.task == "inpainting"
    assert (card.input.size, card.input.fit, card.input.multiple) == ((64, 64), "pad", 32)
    assert card.inpainting is not None
    assert (card.inpainting.hole, card.inpainting.mask) == (0.0, (0.0, 1.0))
    assert card.inpainting.limit == 128


def test_other_networks_are_refused(recipe, tmp_path):
    with pytest.raises(TypeError, match="no FillTraining"):
        KIND.start_from(nn.Identity(), tmp_path / "x.npz")


def test_inputs_have_nothing_of_the_hole():
    picture, hole = torch.ones(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    hole[..., 1:3, 1:3] = 1
    x = as_input(picture, hole)
    assert x.shape == (1, 4, 4, 4)
    assert x[0, :3, 1:3, 1:3].sum() == 0
    assert torch.equal(x[:, 3:], hole)
