"""The cards of the networks that find things say what their authors do."""

from __future__ import annotations

import pytest

from nukki.zoo import catalog
from nukki.zoo.labels import labels_of

NAMES = {
    "deeplabv3-r101": "semantic",
    "maskrcnn-r50": "instances",
    "maskrcnn-r50-torchvision": "instances",
    "mask2former-swin-t": "instances",
    "mask2former-swin-s": "instances",
    "mask2former-swin-b": "instances",
    "mask2former-swin-l": "instances",
    "sam-vit-b": "prompted",
}


@pytest.mark.parametrize(("name", "task"), NAMES.items())
def test_they_are_known_and_made_of_the_authors_checkpoint(name, task):
    card = catalog.find(name)
    assert card.task == task
    assert card.convert
    assert card.files[0].name != card.graphs[0]
    assert len(card.graphs) == (2 if task == "prompted" else 1)


def test_the_two_mask_rcnns_are_told_apart():
    ours, theirs = catalog.find("maskrcnn-r50"), catalog.find("maskrcnn-r50-torchvision")
    assert (ours.input.rounding, theirs.input.rounding) == ("nearest", "down-float32")
    assert (ours.input.channels, theirs.input.channels) == ("bgr", "rgb")
    assert (ours.detections.paste, theirs.detections.paste) == ("aligned", "expanded")
    assert (ours.input.antialias, theirs.input.antialias) == (True, False)
    # Person is the first thing of both, with and without the background before it.
    assert labels_of(ours.classes)[0] == labels_of(theirs.classes)[1] == "person"
    assert (len(labels_of(ours.classes)), len(labels_of(theirs.classes))) == (80, 91)


def test_a_person_is_class_15_of_pascal_voc():
    card = catalog.find("deeplabv3-r101")
    assert labels_of(card.classes)[15] == "person"
    assert (card.output.name, card.output.activation) == ("out", "softmax")


@pytest.mark.parametrize("size", "tsbl")
def test_mask2former_is_not_fetched_unasked(size):
    card = catalog.find(f"mask2former-swin-{size}")
    assert card.commercial_use == "no"
    assert "NC" in card.weights_licence
    assert card.queries.enlarge == "nearest"
