"""`nukki.segment`, and networks for things by name, from the user's own folders."""

from __future__ import annotations

import numpy as np
import pytest

import nukki
from finding_networks import (
    BOXES_CARD,
    PROMPTED_CARD,
    SEMANTIC_CARD,
    boxes_network,
    prompted_networks,
    semantic_network,
    two_blocks,
)
from helpers import frozen
from nukki import settings
from nukki.errors import FetchError, InputError, LimitExceeded, UnknownModel
from nukki.tasks.instances import Instances
from nukki.tasks.prompted import Prompted
from nukki.tasks.semantic import Semantic

PERSON = ((0.25, 0.25, 0.75, 1.0), 0.9, 1, 1.0)
DOG = ((0.0, 0.0, 0.5, 0.5), 0.7, 2, 1.0)


@pytest.fixture
def known():
    """Puts a card and its files where those of the user lie; gives the folder for the files."""

    def make(name, card, *files):
        words = f"""
        name = "{name}"
        title = "A net"
        commercial_use = "yes"
        origin = "https://example.org/net"
        files = [{", ".join(f'{{ name = "{file}" }}' for file in files)}]
        licence = {{ code = "MIT", weights = "MIT", data = "made up" }}
        """
        folder = settings.models_folder() / name
        for place in (folder, settings.cards_folder()):
            place.mkdir(parents=True, exist_ok=True)
        (settings.cards_folder() / f"{name}.toml").write_text(words + card, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def finds(known):
    """The name of a network that finds a person and a dog everywhere."""
    boxes_network(known("finds", BOXES_CARD, "net.onnx") / "net.onnx", [PERSON, DOG])
    return "finds"


@pytest.fixture
def photo():
    return frozen(two_blocks(60, 80))


def test_any_kind_of_picture_is_taken(finds, photo):
    pictures = {
        "rgb": photo,
        "grey": frozen(photo[..., 0]),
        "rgba": frozen(np.dstack([photo, np.full((60, 80, 1), 255, np.uint8)])),
        "16 bit": frozen(photo.astype(np.uint16) * 257),
        "picture": nukki.read(photo),
    }
    for kind, picture in pictures.items():
        found = nukki.segment(picture, instances=finds)
        assert [one.label for one in found] == ["person", "dog"], kind
        assert found[0].mask.shape == (60, 80)
        assert found.network == "finds"


def test_what_is_asked_for(finds, photo):
    assert [one.number for one in nukki.segment(photo, "dog", instances=finds)] == [2]
    assert len(nukki.segment(photo, instances=finds, min_score=0.95)) == 0
    with pytest.raises(nukki.NothingFound, match=r"there are 1 person \.90, 2 dog \.70"):
        nukki.segment(photo, "score>.95", instances=finds)
    assert [one.number for one in nukki.segment(photo, except_="main", instances=finds)] == [2]
    assert len(nukki.segment(photo, what="all", instances=finds, min_score="auto")) == 2


def test_classes_of_pixels(known, photo):
    semantic_network(known("classes", SEMANTIC_CARD, "net.onnx") / "net.onnx")
    found = nukki.segment(photo, instances="classes", threads=1)
    assert {one.label for one in found} == {"red thing", "green thing"}


def test_the_same_photo_gives_the_same_whatever_the_threads(finds, photo):
    one, two = (nukki.segment(photo, instances=finds, threads=count) for count in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert (first.title, first.box, first.corners) == (second.title, second.box, second.corners)
        np.testing.assert_array_equal(first.mask, second.mask)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"instances": "subject"}, InputError, "got one for saliency"),
        ({"instances": "maskrcnn"}, UnknownModel, "maskrcnn"),
        ({"instances": "maskrcnn-r50"}, FetchError, "maskrcnn-r50"),
        ({"instances": "finds", "what": 3}, InputError, "`what` must say what is meant"),
        ({"instances": "finds", "except_": "main,"}, InputError, "`except`: nothing stands here"),
        ({"instances": "finds", "what": "9"}, InputError, "there is no number 9"),
        ({"instances": "finds", "what": "at:80,9"}, InputError, "the point lies outside"),
        ({"instances": "finds", "min_score": -1}, InputError, "`min_score`"),
        ({"instances": "finds", "min_score": float("nan")}, InputError, "`min_score`"),
        ({"instances": "finds", "max_pixels": 100}, LimitExceeded, "100"),
    ],
)
def test_wrong_wishes(finds, photo, options, error, said):
    assert finds == "finds"
    with pytest.raises(error, match=said) as caught:
        nukki.segment(photo, **options)
    assert caught.value.hint


def test_an_option_that_is_none(finds, photo):
    with pytest.raises(InputError, match="`min_scor` is not an option of segment") as caught:
        nukki.segment(photo, instances=finds, min_scor=0.5)
    assert "min_score" in caught.value.hint


def test_networks_load_as_what_their_task_says(known, finds):
    semantic_network(known("classes", SEMANTIC_CARD, "net.onnx") / "net.onnx")
    folder = known("asked", PROMPTED_CARD, "sees.onnx", "answers.onnx")
    prompted_networks(folder / "sees.onnx", folder / "answers.onnx")
    assert isinstance(nukki.load(finds), Instances)
    assert isinstance(nukki.load("classes"), Semantic)
    asked = nukki.load("asked", threads=1)
    assert isinstance(asked, Prompted)
    found = asked.embed(frozen(np.zeros((64, 64, 3), np.uint8))).ask([nukki.Point(20, 40)])
    assert found.mask[40, 20]
    assert not found.mask[5, 60]
