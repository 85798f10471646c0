from __future__ import annotations

from dataclasses import replace

import pytest

from nukki.types import BoxesSpec, ClassSpec, DetectionSpec, InputSpec, PromptSpec
from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard, ModelFile, parse_card
from nukki.zoo.writer import card_text


@pytest.mark.parametrize("name", catalog.own_names())
def test_every_card_is_read_back_as_it_was(name):
    card = catalog.find(name)
    assert parse_card(card_text(card), source=name) == card


@pytest.mark.parametrize(
    "tables",
    [
        {
            "detections": DetectionSpec(paste="expanded", overlap=0.5),
            "classes": ClassSpec("coco-80"),
        },
        {"detections": DetectionSpec(), "classes": ClassSpec(("", 'a, "b"'), min_score=0.25)},
    ],
)
def test_networks_that_find_things(tables):
    card = ModelCard(
        name="things",
        title='Things \\ \x7f "quoted" 누끼',
        task="instances",
        files=(ModelFile("a.pkl", ("https://example.org/a",), convert="detectron2_maskrcnn"),),
        input=InputSpec((800, 1333), "shortest-edge", 32, mean=(1.5, 0.1, 1e-7), pad_after=True),
        origin="here",
        our_scores=(("a = b", "1"), ("c", "2")),
        **tables,
    )
    text = card_text(card)
    assert "[output]" not in text
    assert parse_card(text, source="things") == card
    both = replace(
        card, task="prompted", detections=None, classes=None, prompts=PromptSpec(scores="s")
    )
    assert parse_card(card_text(both), source="things") == both
    boxes = BoxesSpec(form="yolox", output="out", min_score=0.1)
    boxed = replace(card, task="detection", detections=None, boxes=boxes)
    assert "[output]" not in card_text(boxed)
    assert parse_card(card_text(boxed), source="things") == boxed
