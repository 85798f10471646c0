from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nukki.errors import UnknownModel  # noqa: E402
from nukki.nets import shipped  # noqa: E402
from nukki.nets.registry import NAMES  # noqa: E402
from nukki.zoo import catalog  # noqa: E402

PUBLISHED = pytest.mark.parametrize("name", NAMES)
GREY = np.full((40, 60, 3), 128, np.uint8)


def test_every_published_network_ships():
    assert tuple(shipped.SHIPPED) == NAMES
    with pytest.raises(UnknownModel):
        shipped.shipped("nothing")


@PUBLISHED
def test_its_card_is_there_and_speaks_of_the_same_sides(name):
    ship, card = shipped.shipped(name), shipped.card_of(name)
    if ship.fixed:
        assert ship.sizes == (card.input.size,)
        return
    assert card.input.multiple % ship.multiple == 0 or card.input.fit == "stretch"
    if card.input.fit == "stretch":
        assert all(side % ship.multiple == 0 for side in card.input.size)
    if card.inpainting is not None:
        assert card.inpainting.least == ship.least
    for size in ship.sizes:
        assert all(side % ship.multiple == 0 and side >= ship.least for side in size)
    assert ship.sizes[1][0] != ship.sizes[1][1]


def test_cards_name_the_converter_that_ships_as_they_say():
    named = {card.convert: card.name for card in map(catalog.find, catalog.own_names())}
    for name in NAMES:
        if name in named:
            assert shipped.shipped(name).card == named[name]


@PUBLISHED
def test_inputs_are_those_of_the_ports(name):
    pytest.importorskip("onnxscript")
    ship, ports = shipped.shipped(name), shipped.ports_of(name)
    for scattered in (True, False):
        given = shipped.inputs_for(name, GREY, ship.sizes[-1], scattered=scattered)
        assert list(given) == list(ports.inputs)
        for key, array in given.items():
            sizes = {"n": 1, "h": ship.sizes[-1][0], "w": ship.sizes[-1][1]}
            assert array.shape == tuple(sizes.get(one, one) for one in ports.inputs[key])
            assert array.dtype == (np.int64 if key == "size" else np.float32)
    assert len(set(ports.outputs)) == len(ports.outputs)


def test_holes_are_shown_as_the_card_says():
    tensor = shipped.inputs_for("deepfillv2", GREY, (64, 96), scattered=False)["image"]
    hole = tensor[0, 4] == 1
    assert 0 < hole.sum() < hole.size
    assert set(np.unique(tensor[0, 4])) == {0, 1}
    assert (tensor[0, 3] == 1).all()
    assert (tensor[0, :3, hole] == 0).all()
    assert np.allclose(tensor[0, :3, ~hole], 128 / 127.5 - 1, atol=1e-6)
    tensor = shipped.inputs_for("aotgan", GREY, (64, 96), scattered=True)["image"]
    assert (tensor[0, :3, tensor[0, 3] == 1] == 1).all()


def test_trimaps_have_three_levels():
    for scattered in (True, False):
        tensor = shipped.inputs_for("indexnet_official", GREY, (64, 96), scattered=scattered)
        levels = np.unique(tensor["image"][0, 3])
        np.testing.assert_allclose(levels, [0, 128 / 255, 1])


def test_detectors_are_told_the_size():
    given = shipped.inputs_for("detectron2_maskrcnn", GREY, (64, 96), scattered=False)
    assert given["size"].tolist() == [64, 96]
    assert np.allclose(given["image"][0, 0], 128 - 103.53)


def test_pictures_that_are_made_up():
    photo, noise = shipped.made_photo(), shipped.noise()
    assert photo.dtype == noise.dtype == np.uint8
    assert np.array_equal(photo, shipped.made_photo())
    steps = {
        name: np.abs(np.diff(one.astype(int), axis=0)).mean()
        for name, one in (("photo", photo), ("noise", noise))
    }
    assert steps["photo"] < 10 < steps["noise"]
    assert photo.std() > 30


def test_only_what_ships_is_given():
    class Net(torch.nn.Module):
        def forward(self, x, size=None):
            return (x, x + 1) if size is None else (x, size, x, x)

    x = torch.zeros(1)
    assert [float(one) for one in shipped.Chosen(Net(), 1)(x)] == [1.0]
    assert len(shipped.Chosen(Net(), None)(x, torch.ones(2))) == 4
    assert len(shipped.Chosen(torch.nn.ReLU(), 0)(x)) == 1
