"""Detectors' answers become boxes in the photo's pixels, through the real engine."""

from __future__ import annotations

import time

import numpy as np
import pytest

import nukki
from detecting_networks import (
    FREE_CARD,
    YOLOX_CARD,
    YOLOX_NANO_CARD,
    free_detector,
    yolox_detector,
)
from helpers import frozen
from nukki.api import load_as
from nukki.errors import InputError, ModelOutputError
from nukki.ops.boxes import Boxes
from nukki.runtime.sessions import get_session
from nukki.tasks.detection import CANDIDATES, Detection
from nukki.tasks.saliency import Saliency
from nukki.zoo.cards import parse_card
from task_files import Spy

PERSON = ((0.25, 0.25, 0.5, 1.0), 0.9, 0)
DOG = ((0.5, 0.0, 1.0, 0.5), 0.95, 1)
SHAPES = [(1, 1), (1, 3000), (3000, 1), (37, 53), (2, 5)]


def task(card, path):
    return Detection(parse_card(card, source="tiny.toml", brief=True), get_session(path, threads=1))


def black(height, width):
    return frozen(np.zeros((height, width, 3), np.uint8))


@pytest.fixture
def free(tmp_path):
    """A detector of any size that finds what it is given, in parts of its tensor."""

    def make(*things, card=FREE_CARD, **options):
        return task(card, free_detector(tmp_path / "free.onnx", things, **options))

    return make


@pytest.fixture
def yolox(tmp_path):
    """A detector in YOLOX's layout."""

    def make(rows, *, card=YOLOX_CARD, **options):
        return task(card, yolox_detector(tmp_path / "yolox.onnx", rows, **options))

    return make


# --- boxes that are decoded


def test_boxes_are_in_the_photos_pixels_whatever_the_padding(free):
    """A photo of 300 × 400 fills 48 × 64 of a tensor of 64 × 64."""
    found = free(PERSON, DOG).find(black(300, 400))
    assert isinstance(found, Boxes)
    assert found.classes.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [0.95, 0.9])
    np.testing.assert_allclose(found.corners, [[200, 0, 400, 200], [100, 100, 200, 300]], atol=1e-3)
    assert (found.corners.dtype, found.classes.dtype) == (np.float32, np.intp)


@pytest.mark.parametrize(
    ("size", "tensor"),
    [(None, (64, 64)), (64, (64, 64)), (128, (96, 128)), (120, (96, 128)), (5, (32, 32))],
)
def test_the_longer_side_is_what_was_asked_for(free, size, tensor):
    detector = free(PERSON)
    spy = Spy(detector.session)
    asked = Detection(detector.card, spy)
    asked.find(black(300, 400), size=size)
    assert spy.seen[0]["image"].shape == (1, 3, *tensor)
    # The same thing, wherever the padding is.
    assert len(asked.find(black(300, 400), size=size)) == 1


@pytest.mark.parametrize("size", [0, -3, 10**6])
def test_sizes_that_cannot_be(free, size):
    with pytest.raises(InputError, match="`size` must be 1 to"):
        free(PERSON).find(black(30, 40), size=size)


def test_a_network_of_one_size_takes_no_other(yolox):
    detector = yolox({})
    assert not detector.free
    assert len(detector.find(black(30, 40), size=64)) == 0
    with pytest.raises(InputError, match="cannot be run at 96: it takes 64 × 64") as caught:
        detector.find(black(30, 40), size=96)
    assert "leave out the size" in caught.value.hint
    own = FREE_CARD.replace('"shortest-edge"', '"pad"')
    padded = Detection(parse_card(own, source="tiny.toml", brief=True), detector.session)
    with pytest.raises(InputError, match="cannot be run at 96"):
        padded.find(black(30, 40), size=96)


def test_what_is_known_of_a_detector(free, yolox):
    detector = free(PERSON)
    assert detector.labels == ("person", "dog", "")
    assert (detector.free, detector.size) == (True, 64)


def test_less_sure_ones_doubles_and_nameless_ones_are_left_out(free):
    found = free(
        PERSON,
        ((0.26, 0.25, 0.5, 1.0), 0.8, 0),  # again
        ((0.25, 0.25, 0.5, 1.0), 0.7, 1),  # of another class
        ((0.5, 0.0, 1.0, 0.5), 0.09, 1),  # below the card's line
        ((0.5, 0.0, 1.0, 0.5), 0.9, 2),  # a class without a name
        ((0.9, 0.1, 0.8, 0.5), 0.9, 0),  # turned round
        ((1.5, 0.1, 1.8, 0.5), 0.9, 0),  # beside the photo
    ).find(black(64, 64))
    assert found.classes.tolist() == [0, 1]
    np.testing.assert_allclose(found.scores, [0.9, 0.7])


def test_boxes_that_stick_out_are_clipped(free):
    found = free(((-0.5, -0.25, 2.0, 0.5), 0.9, 0)).find(black(64, 32))
    np.testing.assert_allclose(found.corners, [[0, 0, 32, 32]])


def test_nothing_at_all_is_an_answer(free, yolox):
    for found in (free().find(black(64, 48)), yolox({}).find(black(20, 30))):
        assert (len(found), found.corners.shape) == (0, (0, 4))


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape(free, yolox, shape):
    height, width = shape
    whole = free(((0.0, 0.0, 1.0, 1.0), 0.9, 0)).find(black(*shape))
    np.testing.assert_allclose(whole.corners, [[0, 0, width, height]])
    # One cell of stride 32 at the top left, 64 × 64 around its middle: over all of the tensor.
    row = (1, 1, np.log(2), np.log(2), 0.9, 1, 0, 0)
    whole = yolox({80: row}).find(black(*shape))
    np.testing.assert_allclose(whole.corners, [[0, 0, width, height]], rtol=1e-5)


def test_the_surest_candidates_are_looked_at(free):
    """More than are compared: the least sure ones go, though none is a double."""
    side = 40
    things = [
        ((x / side, y / side, (x + 0.9) / side, (y + 0.9) / side), 0.2 + (y * side + x) / 4000, 0)
        for y in range(side)
        for x in range(side)
    ]
    found = free(*things).find(black(64, 64))
    assert len(found) == CANDIDATES
    np.testing.assert_allclose(found.scores.min(), 0.2 + (side * side - CANDIDATES) / 4000)


def test_ten_thousand_candidates_take_a_few_milliseconds(free):
    """Decoding, choosing and comparing; the bound is several times what it takes."""
    random = np.random.default_rng(3)
    centres = random.uniform(0.1, 0.9, (40, 2))[random.integers(0, 40, 10_000)]
    centres += random.normal(0, 0.01, centres.shape)
    sides = random.uniform(0.05, 0.15, (10_000, 2))
    corners = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    detector = free(*[(corner, random.uniform(0, 1), 0) for corner in corners], classes=80,
                    card=FREE_CARD.replace('["person", "dog", ""]', '"coco-80"'))  # fmt: skip
    answers = detector.session.run({"image": np.zeros((1, 3, 64, 64), np.float32)})
    detector.session = type("Told", (), {"run": lambda self, inputs: answers})()
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        detector.find(black(64, 64))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.04


# --- YOLOX's own layout


def test_a_worked_row_of_each_grid(yolox):
    """Grids of 8 × 8, 4 × 4 and 2 × 2 cells: rows 0 to 63, 64 to 79, 80 to 83."""
    found = yolox(
        {
            8 * 2 + 3: (0.5, 0.25, 0, np.log(2), 0.9, 1, 0, 0),  # column 3, row 2
            64 + 4 * 1 + 2: (0, 0, np.log(0.5), 0, 0.8, 0, 1, 0),  # column 2, row 1
            80 + 3: (0.5, 0.5, 0, 0, 0.7, 0.5, 0.5, 0),  # column 1, row 1: two classes
        }
    ).find(black(64, 64))
    expected = {
        (0, 0.9): (28 - 4, 18 - 8, 28 + 4, 18 + 8),
        (1, 0.8): (32 - 4, 16 - 8, 32 + 4, 16 + 8),
        (0, 0.35): (32, 32, 64, 64),
        (1, 0.35): (32, 32, 64, 64),
    }
    assert len(found) == 4
    for corners, score, number in zip(found.corners, found.scores, found.classes, strict=True):
        np.testing.assert_allclose(corners, expected[number, round(float(score), 3)], atol=1e-4)


def test_grids_that_are_not_square(yolox):
    """A tensor of 32 × 96: grids of 4 × 12, 2 × 6 and 1 × 3 cells."""
    card = YOLOX_CARD.replace("[64, 64]", "[32, 96]")
    rows = {12 + 11: (0, 0, 0, 0, 0.9, 1, 0, 0), 48 + 12 + 2: (0, 0.5, 0, 0, 0.8, 1, 0, 0)}
    found = yolox(rows, card=card, sides=(32, 96)).find(black(32, 96))
    np.testing.assert_allclose(found.corners, [[84, 4, 92, 12], [48, 0, 80, 32]])


def test_a_side_beyond_all_bounds_stays_finite(yolox):
    (corners,) = yolox({0: (0, 0, 300, 300, 0.9, 1, 0, 0)}).find(black(64, 64)).corners
    np.testing.assert_array_equal(corners, [0, 0, 64, 64])


# --- answers that are not the card's


def test_nan_is_refused_by_name(free):
    with pytest.raises(ModelOutputError, match=r"scores.*free\.onnx"):
        free(PERSON, nan=True).find(black(32, 32))


@pytest.mark.parametrize("missing", ["boxes", "scores"])
def test_a_missing_output_is_named(free, missing):
    names = [name.replace(missing, "other") for name in ("boxes", "scores")]
    with pytest.raises(ModelOutputError, match=rf"free\.onnx.*no output `{missing}`") as caught:
        free(PERSON, names=names).find(black(32, 32))
    assert "other" in caught.value.hint


def test_outputs_of_another_shape(free, yolox):
    with pytest.raises(ModelOutputError, match=r"`scores` must have shape \(1, 1, 3\)"):
        free(PERSON, classes=4).find(black(32, 32))
    with pytest.raises(ModelOutputError, match=r"`output` must have shape \(1, 84, 8\)"):
        yolox({}, classes=4).find(black(32, 32))
    with pytest.raises(ModelOutputError, match="no output `output`"):
        yolox({}, name="rows").find(black(32, 32))


def test_scores_before_their_sigmoid(free, yolox):
    with pytest.raises(ModelOutputError, match=r"scores of 0 to 1, got 0 to 4") as caught:
        free((PERSON[0], 4.0, 0)).find(black(32, 32))
    assert "sigmoid" in caught.value.hint
    with pytest.raises(ModelOutputError, match="scores of 0 to 1"):
        yolox({0: (0, 0, 0, 0, 3.0, 2.0, -5, 0)}).find(black(32, 32))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4), np.uint8), ((4, 4, 3), np.float32), ((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture(free, shape, dtype):
    with pytest.raises(InputError, match="`image` must be"):
        free(PERSON).find(np.zeros(shape, dtype))


def test_inputs_are_not_modified_and_answers_repeat(free):
    photo = frozen(np.random.default_rng(1).integers(0, 255, (50, 70, 3), np.uint8))
    first, again = (free(PERSON, DOG).find(photo) for _ in range(2))
    np.testing.assert_array_equal(first.corners, again.corners)


# --- by name and file


def test_loading_by_file_and_card(tmp_path):
    path = free_detector(tmp_path / "mine.onnx", [PERSON])
    card = tmp_path / "mine.toml"
    card.write_text(FREE_CARD, encoding="utf-8")
    detector = nukki.load(path, card=str(card))
    assert isinstance(detector, Detection)
    assert len(load_as(Detection, path, card=str(card)).find(black(10, 10))) == 1
    with pytest.raises(InputError, match="must be a network for saliency, got one for detection"):
        load_as(Saliency, path, card=str(card))


@pytest.mark.parametrize(
    ("photo", "people"),
    [
        ("hockey.png", 2),
        ("olympic-athletes.jpg", 1),  # one, before a blurred audience
        ("two-dancers.jpg", 2),
        ("track-runners.jpg", 2),
    ],
)
def test_yolox_nano_finds_the_people(shared, photo, people):
    detector = task(YOLOX_NANO_CARD, shared / "weights" / "yolox_nano.onnx")
    picture = nukki.read(shared / "photos" / photo).rgb8()
    found = detector.find(picture)
    sure = found.chosen((found.classes == 0) & (found.scores > 0.5))
    assert len(sure) >= people
    assert detector.labels[0] == "person"
    height, width = picture.shape[:2]
    assert (sure.corners[:, 2:] <= (width, height)).all()
