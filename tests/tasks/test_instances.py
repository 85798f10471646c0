"""Boxes with masks and answers to queries become segments, through the real engine."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from finding_networks import (
    BOXES_CARD,
    QUERIES_CARD,
    boxes_network,
    queries_network,
    two_blocks,
)
from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.runtime.sessions import get_session
from nukki.tasks.instances import Instances
from nukki.types import Box
from nukki.zoo.cards import parse_card

PERSON = ((0.25, 0.25, 0.75, 1.0), 0.9, 1, 1.0)
DOG = ((0.0, 0.0, 0.5, 0.5), 0.95, 2, 0.8)
SHAPES = [(1, 1), (1, 3000), (3000, 1), (37, 53), (2, 5)]


def task(card, path):
    return Instances(parse_card(card, source="tiny.toml", brief=True), get_session(path, threads=1))


def black(height, width):
    return frozen(np.zeros((height, width, 3), np.uint8))


@pytest.fixture
def boxes(tmp_path):
    """A network that finds what it is given, in parts of the picture."""

    def make(*things, card=BOXES_CARD, **options):
        return task(card, boxes_network(tmp_path / "boxes.onnx", things, **options))

    return make


@pytest.fixture
def queries(tmp_path):
    """A network of three queries: red is a person, green a dog or a person, nothing is a dog."""

    def make(card=QUERIES_CARD, logits=((4, 0, 0), (1, 2, 0), (0, 9, 0)), planes=(0, 1, None)):
        return task(card, queries_network(tmp_path / "queries.onnx", logits, planes))

    return make


# --- boxes with masks


def test_boxes_are_in_the_photos_pixels_whatever_the_padding(boxes):
    """The network's own size is 32 × 43 in a tensor of 32 × 64."""
    dog, person = boxes(PERSON, DOG).predict(black(300, 403))
    assert [dog.label, person.label] == ["dog", "person"]
    assert (dog.score, person.score) == (pytest.approx(0.95), pytest.approx(0.9))
    np.testing.assert_allclose(person.corners, (100.75, 75, 302.25, 300), atol=1e-3)
    assert person.box == Box(101, 75, 302, 300)
    assert person.mask.shape == (300, 403)
    assert person.mask.sum() == person.area
    # All of it but the corners, where two sides fade out.
    assert 201 * 225 - 40 < person.area < 201 * 225


def test_the_two_ways_of_pasting_differ(boxes):
    half = np.zeros((28, 28), np.float32)
    half[:, :14] = 1
    thing = ((0.1, 0.1, 0.9, 0.9), 0.9, 1, half)
    aligned = boxes(thing).predict(black(101, 150))[0]
    card = BOXES_CARD + 'paste = "expanded"\n'
    expanded = boxes(thing, card=card).predict(black(101, 150))[0]
    assert 0 < (aligned.mask ^ expanded.mask).sum() < 400
    np.testing.assert_allclose(aligned.area, expanded.area, rtol=0.05)


@pytest.mark.parametrize(("paste", "area"), [("aligned", 196), ("expanded", 0)])
def test_at_one_half_the_houses_disagree(boxes, paste, area):
    """Detectron2 takes what reaches one half; a flat mask of it is inside, or nothing."""
    thing = ((0.0, 0.0, 1.0, 1.0), 0.9, 1, 0.5)
    found = boxes(thing, card=f'{BOXES_CARD}paste = "{paste}"\n').predict(black(100, 100))
    assert sum(one.area for one in found) > area if area else found == []


def test_what_is_less_sure_is_left_out(boxes):
    network = boxes(PERSON, DOG)
    assert [one.label for one in network.predict(black(60, 80), min_score=0.92)] == ["dog"]
    assert network.predict(black(60, 80), min_score=0.96) == []


def test_the_order_is_by_score_and_then_by_place(boxes):
    low, left, right = (
        ((0.0, 0.5, 0.4, 1.0), 0.9, 1, 1.0),
        ((0.0, 0.0, 0.4, 0.4), 0.9, 1, 1.0),
        ((0.5, 0.0, 0.9, 0.4), 0.9, 1, 1.0),
    )
    found = boxes(low, right, left, DOG).predict(black(100, 100))
    assert [one.box.left for one in found] == [0, 0, 50, 0]
    assert [one.label for one in found] == ["dog", "person", "person", "person"]
    assert found[3].box.top == 50


def test_boxes_without_a_pixel_and_classes_without_a_label_are_left_out(boxes):
    found = boxes(
        ((0.5, 0.5, 0.5, 0.9), 0.9, 1, 1.0),  # no width
        ((1.2, 0.1, 1.6, 0.9), 0.9, 1, 1.0),  # beside the photo
        ((0.8, 0.1, 0.2, 0.9), 0.9, 1, 1.0),  # turned round
        ((0.1, 0.1, 0.9, 0.9), 0.9, 1, 0.1),  # a mask that is nowhere inside
        ((0.1, 0.1, 0.9, 0.9), 0.9, 0, 1.0),  # the background
        ((-0.5, -0.5, 0.5, 0.5), 0.8, 2, 1.0),  # sticks out and is clipped
    ).predict(black(100, 100))
    assert [one.label for one in found] == ["dog"]
    assert found[0].corners == (0, 0, 50, 50)


def test_doubles_are_dropped_where_the_card_says_so(boxes):
    again = ((0.25, 0.27, 0.75, 1.0), 0.7, 1, 1.0)
    assert len(boxes(PERSON, again).predict(black(80, 80))) == 2
    (found,) = boxes(PERSON, again, card=f"{BOXES_CARD}overlap = 0.5\n").predict(black(80, 80))
    assert found.score == pytest.approx(0.9)


def test_nothing_at_all_is_an_answer(boxes):
    assert boxes().predict(black(64, 48)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_boxes_in_any_shape(boxes, shape):
    (found,) = boxes(((0.0, 0.0, 1.0, 1.0), 0.9, 1, 1.0)).predict(black(*shape))
    assert found.mask.shape == shape
    assert found.mask.any()


def test_forty_people_in_a_large_photo_take_bounded_memory(boxes):
    network = boxes(*[((0.0, 0.0, 1.0, 1.0), 0.9, 1, 1.0)] * 40)
    photo = black(3000, 4000)
    tracemalloc.start()
    people = network.predict(photo)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(people) == 40
    assert kept < 65e6
    assert peak < 110e6


def test_nan_is_refused_by_name(boxes):
    with pytest.raises(ModelOutputError, match=r"scores.*boxes\.onnx"):
        boxes(PERSON, nan=True).predict(black(32, 32))


@pytest.mark.parametrize("missing", ["boxes", "scores", "classes", "masks"])
def test_a_missing_output_is_named(boxes, missing):
    names = [name for name in ("boxes", "scores", "classes", "masks") if name != missing]
    with pytest.raises(ModelOutputError, match=rf"boxes\.onnx.*no output `{missing}`") as caught:
        boxes(PERSON, outputs=names).predict(black(32, 32))
    assert names[0] in caught.value.hint


def test_masks_for_another_number_of_boxes(boxes):
    card = BOXES_CARD + 'masks = "boxes"\n'
    with pytest.raises(ModelOutputError, match=r"`boxes` must have shape \(1, \?, \?\)"):
        boxes(PERSON, card=card).predict(black(32, 32))


def test_a_class_that_has_no_label(boxes):
    with pytest.raises(ModelOutputError, match="class numbers must be 0 to 2, got 7") as caught:
        boxes((PERSON[0], 0.9, 7, 1.0)).predict(black(32, 32))
    assert "labels" in caught.value.hint


def test_an_input_that_the_network_lacks(boxes):
    card = BOXES_CARD.replace('size = "size"', 'size = "sides"')
    with pytest.raises(InputError, match="sides"):
        boxes(PERSON, card=card).predict(black(32, 32))


# --- queries


def test_queries_are_scored_by_class_and_mask(queries):
    found = queries().predict(frozen(two_blocks(90, 120)))
    # Three pairs for three queries: the third's mask is empty, so two things are left.
    assert [one.label for one in found] == ["person", "dog"]
    powers = np.exp(4) / (np.exp(4) + 2), np.exp(2) / (np.exp(2) + np.exp(1) + 1)
    quality = 1 / (1 + np.exp(-4))
    for one, power in zip(found, powers, strict=True):
        assert one.score == pytest.approx(power * quality, abs=0.03)
        assert one.score < power * quality + 1e-6
    assert found[0].mask[:, :36].all()
    assert not found[0].mask[:, 44:].any()
    assert found[1].mask[:, -36:].all()


def test_a_query_may_stand_for_two_classes(queries):
    logits = ((3, 3, 0), (-9, -9, 9), (-9, -9, 9))
    found = queries(logits=logits, planes=(0, 1, 1)).predict(frozen(two_blocks(90, 120)))
    assert sorted(one.label for one in found if one.score > 0.1) == ["dog", "person"]
    assert found[0].box == found[1].box


def test_masks_may_be_enlarged_smoothly(queries):
    photo = two_blocks(200, 240)
    photo[:100, :, :] = 0
    rough = queries().predict(frozen(photo))[0]
    smooth = queries(QUERIES_CARD.replace("nearest", "bilinear")).predict(frozen(photo))[0]
    difference = rough.mask ^ smooth.mask
    assert 0 < difference.sum() < 0.05 * rough.area


def test_improbable_queries_are_left_out(queries):
    network, photo = queries(), frozen(two_blocks(90, 120))
    person, dog = network.predict(photo)
    assert [one.label for one in network.predict(photo, min_score=dog.score + 1e-4)] == ["person"]
    assert network.predict(photo, min_score=person.score + 1e-4) == []


def test_no_query_finds_a_thing_in_the_dark(queries):
    assert queries().predict(black(50, 70)) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("enlarge", ["nearest", "bilinear"])
def test_queries_in_any_shape(queries, shape, enlarge):
    card = QUERIES_CARD.replace("nearest", enlarge)
    photo = frozen(np.full((*shape, 3), (255, 0, 0), np.uint8))
    (found,) = queries(card).predict(photo)
    assert found.mask.shape == shape
    assert found.mask.all()


def test_queries_over_a_large_photo_take_bounded_memory(queries):
    network, photo = queries(), frozen(two_blocks(3000, 4000))
    tracemalloc.start()
    found = network.predict(photo)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 2
    assert peak < 60e6


def test_logits_for_another_number_of_classes(queries):
    card = QUERIES_CARD.replace('["person", "dog"]', '["person", "dog", "cat"]')
    with pytest.raises(ModelOutputError, match=r"class_queries_logits.*\(1, \?, 4\)"):
        queries(card).predict(black(64, 64))


def test_a_missing_mask_output_is_named(queries):
    card = f'{QUERIES_CARD}masks = "masks"\n'
    with pytest.raises(ModelOutputError, match=r"queries\.onnx.*no output `masks`"):
        queries(card).predict(black(64, 64))
