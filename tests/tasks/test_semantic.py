"""Classes of pixels become one segment each, through the real engine."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from finding_networks import SEMANTIC_CARD, semantic_network, two_blocks
from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.runtime.sessions import get_session
from nukki.tasks.semantic import Semantic, ThingMap
from nukki.types import Box
from nukki.zoo.cards import parse_card


@pytest.fixture
def semantic(tmp_path):
    def make(card=SEMANTIC_CARD, classes=3, **options):
        path = semantic_network(tmp_path / "classes.onnx", classes, **options)
        return Semantic(
            parse_card(card, source="classes.toml", brief=True), get_session(path, threads=1)
        )

    return make


def test_one_segment_for_each_class_that_is_there(semantic):
    found = semantic().predict(frozen(two_blocks(60, 90)))
    assert {one.label for one in found} == {"red thing", "green thing"}
    by_label = {one.label: one for one in found}
    red, green = by_label["red thing"].mask, by_label["green thing"].mask
    assert red.shape == green.shape == (60, 90)
    assert not (red & green).any()
    # Edges are enlarged from the grid: a pixel of it is two of the photo's.
    assert red[:, :28].all()
    assert green[:, -28:].all()
    assert not red[:, 33:].any()
    assert not green[:, :-33].any()
    # e^4 / (e^4 + 1 + e^-5): the pixels at the edge lower the mean a little.
    assert all(0.9 < one.score < 0.982 for one in found)


def test_the_background_is_no_thing(semantic):
    assert semantic().predict(frozen(np.zeros((40, 50, 3), np.uint8))) == []


def test_one_class_everywhere(semantic):
    (found,) = semantic().predict(frozen(np.full((40, 50, 3), (255, 0, 0), np.uint8)))
    assert found.box == Box(0, 0, 50, 40)
    assert found.area == 2000
    assert found.score == pytest.approx(np.exp(4) / (np.exp(4) + 1 + np.exp(-5)), rel=1e-5)


def test_what_is_less_sure_is_left_out(semantic):
    dim = frozen(np.full((40, 50, 3), (160, 0, 0), np.uint8))
    (found,) = semantic().predict(dim)
    assert found.score < 0.7
    assert semantic().predict(dim, min_score=found.score + 1e-3) == []
    assert len(semantic().predict(dim, min_score=found.score - 1e-3)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (37, 53), (2, 5)])
def test_any_shape(semantic, shape):
    pixels = frozen(np.full((*shape, 3), (255, 0, 0), np.uint8))
    (found,) = semantic().predict(pixels)
    assert found.mask.shape == shape
    assert found.mask.all()


def test_a_large_photo_takes_bounded_memory(semantic):
    network, photo = semantic(), frozen(two_blocks(3000, 4000))
    tracemalloc.start()
    found = network.predict(photo)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 2
    assert peak < 60e6  # the map of winners, one mask of it, and little else


def test_an_answer_without_a_map_for_each_label(semantic):
    with pytest.raises(ModelOutputError, match=r"classes\.onnx.*\(1, 3, \?, \?\)") as caught:
        semantic(classes=4).predict(frozen(two_blocks(32, 32)))
    assert "labels" in caught.value.hint


def test_an_output_that_is_not_there(semantic):
    card = SEMANTIC_CARD.replace('name = "out"', 'name = "logits"')
    with pytest.raises(ModelOutputError, match="logits") as caught:
        semantic(card).predict(frozen(two_blocks(32, 32)))
    assert "out" in caught.value.hint


def test_nan_is_refused_by_name(semantic):
    with pytest.raises(ModelOutputError, match=r"classes\.onnx"):
        semantic(nan=True).predict(frozen(two_blocks(32, 32)))


def test_only_rgb8_is_taken(semantic):
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))):
        with pytest.raises(InputError, match="image"):
            semantic().predict(wrong)


def test_everything_that_is_a_thing_as_a_map(semantic):
    """1 - the background's probability: e^0 / (e^0 + e^4 + e^-5) where there is red."""
    task = ThingMap(semantic())
    found = task.predict(frozen(two_blocks(60, 90)))
    assert found.dtype == np.float32
    assert found.ndim == 2
    assert found[:, 0] == pytest.approx(1 - 1 / (1 + np.exp(4) + np.exp(-5)), abs=1e-5)
    nothing = task.predict(frozen(np.zeros((40, 50, 3), np.uint8)))
    assert nothing.max() < 0.05
    assert task.reduction(4000, 6000) >= 1
