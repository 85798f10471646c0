"""`DetectNet`: shapes, places and boxes by hand, and what the published network computes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ncnn_files import chain  # noqa: E402 after the skip
from nukki.errors import InputError  # noqa: E402
from nukki.nets.detect import (  # noqa: E402
    BINS,
    CLASSES,
    STRIDES,
    DetectNet,
    Detector,
    boxes_at,
    places,
    start_from,
)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    return DetectNet(0.5)


def convolutions(net):
    return [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)]


# --- the network


@pytest.mark.parametrize("size", [(32, 32), (96, 160), (64, 224)])
def test_four_maps_rounded_up(net, size):
    maps = net(torch.zeros(2, 3, *size))
    assert [tuple(y.shape) for y in maps] == [
        (2, CLASSES + 4 * BINS, -(-size[0] // stride), -(-size[1] // stride)) for stride in STRIDES
    ]


def test_pictures_of_a_batch_do_not_know_each_other(net):
    x = torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        together = net(x)
        for number in range(3):
            for all_, alone in zip(together, net(x[number : number + 1]), strict=True):
                assert torch.allclose(all_[number], alone[0], atol=1e-4)


def test_an_untrained_network_sees_little_anywhere(net):
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(4)) * 4 - 2
    with torch.no_grad():
        _, scores = Detector(net)(x)
    assert scores.max() < 0.1
    assert 0.003 < scores.mean() < 0.03


@pytest.mark.parametrize(("width", "parameters"), [(1.0, 1_186_346), (1.5, 2_461_080)])
def test_size_of_the_published_networks(width, parameters):
    assert sum(tensor.numel() for tensor in DetectNet(width).parameters()) == parameters


def test_another_width_is_refused():
    with pytest.raises(InputError, match=r"0\.5, 1\.0, 1\.5, got 2\.0"):
        DetectNet(2.0)


def test_names_and_shapes_of_weights_stay():
    """Checkpoints and shipped files are read by them.

    hashlib.sha256(repr([(name, tuple(t.shape)) for name, t in state]).encode())
    """
    state = DetectNet(1.5).state_dict()
    assert len(state) == 220
    text = repr([(name, tuple(tensor.shape)) for name, tensor in state.items()])
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "530d4ace69c1a648433bdd6ae70b03cd5e576c719621cc8a5bf58efc1e56cb1a"


# --- places and boxes


def test_places_come_finest_first_and_row_by_row():
    """Of 64 x 96 pixels: 8 x 12, 4 x 6, 2 x 3 and 1 x 2 places."""
    maps = []
    for level, (rows, columns) in enumerate([(8, 12), (4, 6), (2, 3), (1, 2)]):
        y = torch.zeros(1, CLASSES + 4 * BINS, rows, columns)
        y[0, 0] = torch.arange(rows * columns).reshape(rows, columns) + 1000 * level
        y[0, CLASSES + 2 * BINS + 3] = 5.0  # the right side, three strides
        maps.append(y)
    told = places(maps)
    assert told.classes.shape == (1, 128, CLASSES)
    assert told.sides.shape == (1, 128, 4, BINS)
    wanted = [*range(96), *range(1000, 1024), *range(2000, 2006), 3000, 3001]
    assert told.classes[0, :, 0].tolist() == wanted
    assert (told.sides[0, :, 2, 3] == 5).all()
    assert told.sides.sum() == 5 * 128
    assert told.strides.tolist() == [8] * 96 + [16] * 24 + [32] * 6 + [64] * 2
    assert told.points[[0, 1, 12, 96, 97, 127]].tolist() == [
        [0, 0], [8, 0], [0, 8], [0, 0], [16, 0], [64, 0],
    ]  # fmt: skip


def test_a_box_by_hand():
    """Sure of 1, 2 and 0 strides, and for the last side torn between 6 and 7."""
    sides = torch.full((1, 4, BINS), -50.0)
    sides[0, 0, 1] = sides[0, 1, 2] = sides[0, 2, 0] = sides[0, 3, 6] = sides[0, 3, 7] = 0
    box = boxes_at(sides, torch.tensor([[100.0, 200.0]]), torch.tensor([16.0]))
    np.testing.assert_allclose(box[0], [84, 168, 100, 304], atol=1e-4)


def test_the_detector_gives_boxes_and_scores(net):
    x = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        boxes, scores = Detector(net)(x)
        told = places(net(x))
    assert boxes.shape == (2, 96 + 24 + 6 + 2, 4)
    assert torch.equal(scores, told.classes.sigmoid())
    assert (boxes[..., 2:] >= boxes[..., :2]).all()
    reach = 7 * told.strides
    assert (boxes[..., 2] - told.points[:, 0] <= reach).all()


# --- starting from a file


def test_convolutions_are_filled_in_the_order_of_a_file(tmp_path, net):
    param, data = chain(convolutions(net))
    (tmp_path / "n.param").write_bytes(param)
    (tmp_path / "n.bin").write_bytes(data)
    torch.manual_seed(2)
    other = DetectNet(0.5)
    assert start_from(other, tmp_path / "n.param") == (220, 220)
    for name, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


def test_a_file_of_another_network_is_refused(tmp_path, net):
    path = tmp_path / "n.param"
    for layers, match in (
        (convolutions(net)[:-1], "must have 110 convolutions, has 109"),
        (convolutions(net)[::-1], r"`c0` must be \(24, 3, 3, 3\) with a bias, as `stem`, is"),
    ):
        text, data = chain(layers)
        path.write_bytes(text)
        path.with_suffix(".bin").write_bytes(data)
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        with pytest.raises(InputError, match=match) as info:
            start_from(net, path)
        assert info.value.hint
        assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.fixture(scope="module")
def published(shared):
    net = DetectNet(1.0)
    assert start_from(net, shared / "weights" / "nanodet-plus-m_416.param") == (220, 220)
    return net.eval()


def waves():
    """(3, 96, 160) float32."""
    index = np.arange(3 * 96 * 160, dtype=np.float64)
    return (
        (np.sin(index * 0.37) + np.sin(index * index * 1e-5)).astype(np.float32).reshape(3, 96, 160)
    )


def test_the_published_network_computes_what_ncnn_computes(published):
    """The package ncnn 1.0.20261020, computing in float32, said this of `waves`.

    Sum and largest of cls*, mean size of dis*, dis*[-1, -1, 5], dis*[0, 1, 30].
    """
    golden = (
        (72.20174053, 0.02286621, 1.65675689, -1.67024100, -3.64445233),
        (44.46057035, 0.24617127, 2.61287730, -2.46773148, -4.19655752),
        (23.83105877, 0.21838072, 3.48114433, -0.74075347, -3.75967145),
        (5.28821519, 0.07011154, 2.77594150, -3.22174525, -5.84575367),
    )
    with torch.no_grad():
        maps = published(torch.from_numpy(waves()[None]))
    for y, wanted in zip(maps, golden, strict=True):
        scores, sides = y[0, :CLASSES].sigmoid().double(), y[0, CLASSES:]
        found = scores.sum(), scores.max(), sides.abs().mean(), sides[5, -1, -1], sides[30, 0, 1]
        np.testing.assert_allclose([float(value) for value in found], wanted, rtol=1e-4)


def test_every_value_of_it_is_ncnn_s(shared, published):
    ncnn = pytest.importorskip("ncnn")
    theirs = ncnn.Net()
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(theirs.opt, option, False)
    path = shared / "weights" / "nanodet-plus-m_416"
    theirs.load_param(f"{path}.param")
    theirs.load_model(f"{path}.bin")
    x = waves()  # which ncnn does not copy
    run = theirs.create_extractor()
    run.input("data", ncnn.Mat(x))
    with torch.no_grad():
        maps = published(torch.from_numpy(x[None]))
    for y, stride in zip(maps, STRIDES, strict=True):
        scores, sides = (np.array(run.extract(f"{name}{stride}")[1]) for name in ("cls", "dis"))
        assert np.abs(y[0, :CLASSES].sigmoid().numpy() - scores).max() < 1e-5
        assert np.abs(y[0, CLASSES:].permute(1, 2, 0).numpy() - sides).max() < 1e-3


def test_int8_weights_find_the_runners(shared):
    """Two people, and nobody else, in the photo of a hurdle race."""
    from PIL import Image

    from nukki.ops.nms import suppress

    net = DetectNet(1.5).eval()
    start_from(net, shared / "weights" / "nanodet-plus-m-1.5x_416_int8.param")
    photo = Image.open(shared / "photos" / "track-runners.jpg").convert("RGB").resize((416, 288))
    pixels = np.asarray(photo, np.float32)[..., ::-1]
    mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
    x = torch.from_numpy(((pixels - mean) / std).astype(np.float32).transpose(2, 0, 1)[None])
    with torch.no_grad():
        boxes, scores = (one[0].numpy() for one in Detector(net)(x))
    people = scores[:, 0] > 0.5
    kept = suppress(boxes[people], scores[people, 0], np.zeros(people.sum(), np.intp), 0.5)
    found = boxes[people][kept]
    # Told from the photo by eye, to five pixels.
    wanted = [[80, 42, 230, 219], [260, 61, 387, 179]]
    np.testing.assert_allclose(found, wanted, atol=5)
