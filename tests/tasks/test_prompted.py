"""A photo is seen once and asked often: clicks, boxes, and what is wrong with them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from finding_networks import PROMPTED_CARD, prompted_networks
from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.runtime.sessions import get_session
from nukki.tasks.prompted import Prompted
from nukki.types import Box, Point
from nukki.zoo.cards import parse_card


@pytest.fixture
def prompted(tmp_path):
    def make(card=PROMPTED_CARD, **options):
        files = prompted_networks(tmp_path / "sees.onnx", tmp_path / "answers.onnx", **options)
        sessions = [get_session(path, threads=1) for path in files]
        return Prompted(parse_card(card, source="asked.toml", brief=True), *sessions)

    return make


def black(height, width):
    return frozen(np.zeros((height, width, 3), np.uint8))


def centre(segment):
    rows, columns = np.nonzero(segment.mask)
    return columns.mean(), rows.mean()


@pytest.mark.parametrize("size", [(64, 64), (640, 640), (300, 640), (101, 77), (40, 50)])
def test_a_click_lands_where_it_is_in_the_photo(prompted, size):
    height, width = size
    embedding = prompted().embed(black(*size))
    scale = max(size) / 64
    for x, y in ((width * 0.5, height * 0.5), (width * 0.3, height * 0.6)):
        found = embedding.ask([Point(x, y)])
        assert found.mask.shape == size
        # The disc of the best guess, 12 pixels of the tensor, as far as it lies in the photo.
        at_y, at_x = np.ogrid[:height, :width]
        disc = np.hypot(at_x - x, at_y - y) < 12 * scale
        assert (found.mask & disc).sum() / (found.mask | disc).sum() > 0.9


def test_the_best_of_the_guesses_is_taken(prompted):
    areas = []
    for scores in ((0.9, 0.5, 0.3), (0.3, 0.9, 0.5), (0.3, 0.5, 0.9)):
        found = prompted(scores=scores).embed(black(64, 64)).ask([Point(32, 32)])
        areas.append(found.area)
        assert found.score == pytest.approx(0.9 + 0.01 * (1 - 1), abs=1e-6)  # inside, and none
        assert found.label == ""
    assert areas == sorted(set(areas))


@pytest.mark.parametrize(
    ("points", "box", "total"),
    [
        ([Point(3, 4)], None, 1 - 1),  # 1 inside; -1 stands where there is no box
        ([Point(3, 4), Point(1, 1, keep=False)], None, 1 + 0 - 1),
        ([Point(3, 4)], Box(0, 0, 9, 9), 1 + 2 + 3),
        ([], Box(0, 0, 9, 9), 2 + 3),
    ],
)
def test_what_each_place_stands_for(prompted, points, box, total):
    found = prompted(scores=(0.1, 0.2, 0.1)).embed(black(64, 64)).ask(points, box)
    assert found.score == pytest.approx(0.2 + 0.01 * total, abs=1e-6)


def test_a_boxes_corners_are_its_outermost_pixels(prompted):
    embedding = prompted().embed(black(128, 128))
    # The first corner is the first place: 20 of 128 pixels are 10 of 64.
    x, y = centre(embedding.ask(box=Box(60, 70, 100, 100)))
    assert (x, y) == (pytest.approx(60, abs=1.5), pytest.approx(70, abs=1.5))
    places, _ = embedding._prompt([], Box(60, 70, 100, 100))
    np.testing.assert_allclose(places, [[[30, 35], [49.5, 49.5]]])


def test_many_questions_about_one_look(prompted):
    network = prompted()
    embedding = network.embed(black(64, 64))
    network.encoder = None  # it is not asked again
    first = embedding.ask([Point(10, 10)])
    second = embedding.ask([Point(50, 50)])
    again = embedding.ask([Point(10, 10)])
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.mask, second.mask)


def test_an_empty_mask_is_no_thing(prompted):
    assert prompted(radii=(0, 0, 0)).embed(black(64, 64)).ask([Point(5, 5)]) is None


def test_more_than_sure_is_sure(prompted):
    assert prompted(scores=(1.2, 0, 0)).embed(black(64, 64)).ask([Point(5, 5)]).score == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (37, 53)])
def test_any_shape(prompted, shape):
    embedding = prompted(radii=(99, 99, 99)).embed(black(*shape))
    found = embedding.ask([Point(shape[1] // 2, shape[0] // 2)])
    assert found.mask.shape == shape
    assert found.mask.all()


@pytest.mark.parametrize(
    ("points", "box", "said"),
    [
        ([], None, "neither"),
        ([Point(-1, 5)], None, r"\(-1, 5\)"),
        ([Point(5, 40)], None, "50 × 40 pixels"),
        ([Point(float("nan"), 5)], None, "nan"),
        ([Point(5, 5), Point(50, 5, keep=False)], None, r"\(50, 5\)"),
        ([], Box(0, 0, 51, 40), "`box` must"),
        ([], Box(-1, 0, 5, 5), "`box` must"),
        ([], Box(5, 5, 5, 9), "`box` must hold a pixel"),
        ([], Box(9, 5, 5, 9), "`box` must hold a pixel"),
    ],
)
def test_prompts_that_show_nothing(prompted, points, box, said):
    with pytest.raises(InputError, match=said) as caught:
        prompted().embed(black(40, 50)).ask(points, box)
    assert caught.value.hint


def test_a_large_photo_takes_bounded_memory(prompted):
    network, photo = prompted(), black(3000, 4000)
    tracemalloc.start()
    found = network.embed(photo).ask([Point(2000, 1500)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.mask[1500, 2000]
    assert peak < 60e6


@pytest.mark.parametrize("key", ["embedding", "masks", "scores"])
def test_a_missing_output_is_named(prompted, key):
    card = PROMPTED_CARD.replace('scores = "iou"', f'{key} = "other"')
    network = prompted(card)
    with pytest.raises(ModelOutputError, match="no output `other`"):
        network.embed(black(64, 64)).ask([Point(5, 5)])


def test_nan_is_refused_by_name(prompted):
    with pytest.raises(ModelOutputError, match=r"iou.*answers\.onnx"):
        prompted(scores=(np.nan, 0, 0)).embed(black(64, 64)).ask([Point(5, 5)])
