"""A crop is seen once and asked often: boxes, clicks and guesses, in batches."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.ops.crops import cropped, frame_around, question, whole
from nukki.runtime.sessions import get_session
from nukki.tasks.picking import Picking, Question
from nukki.types import Point
from nukki.zoo.cards import parse_card
from picking_networks import PICK_CARD, SIDE, decoder, encoder
from task_files import Spy

GRID = (SIDE, SIDE)


@pytest.fixture
def picking(tmp_path):
    """A network of two tiny files; the options are those of its decoder."""

    def make(*, card=PICK_CARD, blind=False, **options):
        files = (
            encoder(tmp_path / "sees.onnx", nan=blind),
            decoder(tmp_path / "answers.onnx", **options),
        )
        sessions = [get_session(path, threads=1) for path in files]
        return Picking(parse_card(card, source="asked.toml", brief=True), *sessions)

    return make


def bands(height=60, width=100):
    """Ten grey bands from left to right, from black to 225."""
    levels = (np.arange(width) * 10 // width * 25).astype(np.uint8)
    return frozen(np.broadcast_to(levels[None, :, None], (height, width, 3)))


def brightness(level):
    """What the tiny network makes of a grey crop: the mean of −1..1."""
    return level / 127.5 - 1


BANDS = [(10.0 * number, 5.0, 10.0 * number + 10, 55.0) for number in range(10)]


def test_an_answer_is_of_its_crop_and_its_question(picking):
    network = picking()
    assert network.grid == GRID
    left, right = (1.0, 0.0, 9.0, 60.0), (91.0, 10.0, 99.0, 50.0)
    answers = network.look(bands(), [left, right]).ask(
        [Question(box=(1, 0, 5, 60)), Question(points=(Point(94.5, 29.5),))]
    )
    assert [one.frame for one in answers] == [left, right]
    first, second = answers
    assert (first.alpha.shape, first.alpha.dtype) == (GRID, np.float32)
    assert first.score == pytest.approx(0.5 + 0.4 * brightness(0), abs=1e-5)
    assert second.score == pytest.approx(0.5 + 0.4 * brightness(225), abs=1e-5)
    # The left half of the crop, less a tenth: it is black; a disc in the middle of a bright one.
    np.testing.assert_allclose(first.alpha[:, :16], 0.9, atol=1e-5)
    np.testing.assert_array_equal(first.alpha[:, 16:], 0)
    assert second.alpha[16, 16] == 1
    np.testing.assert_allclose(second.alpha[0], 0.1 * brightness(225), atol=1e-5)


def test_the_decoder_gets_the_maps_of_ops(picking):
    network = picking()
    spy = network.decoder = Spy(network.decoder)
    guess = frozen(np.random.default_rng(2).random(GRID, np.float32))
    frame = 10.0, 5.0, 70.0, 45.0
    asked = Question((20, 10, 60, 40), (Point(30, 20), Point(50, 30, keep=False)), guess)
    network.look(bands(), [frame]).ask([asked])
    (inputs,) = spy.seen
    wanted = question(frame, GRID, box=asked.box, points=asked.points, guess=guess)
    np.testing.assert_array_equal(inputs["question"], wanted[None])
    assert set(inputs) == {"fine", "middle", "coarse", "question"}


def test_the_encoder_gets_the_crops(picking):
    network = picking()
    spy = network.encoder = Spy(network.encoder)
    photo = frozen(np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8))
    frame = 13.0, 7.0, 64.0, 51.0
    network.look(photo, [frame, whole((60, 100))])
    (inputs,) = spy.seen
    assert inputs["image"].shape == (2, 3, *GRID)
    crop = cropped(photo, frame, GRID).transpose(2, 0, 1)
    np.testing.assert_allclose(inputs["image"][0], crop / 127.5 - 1, atol=1e-5)


def test_many_questions_about_one_look(picking):
    network = picking()
    views = network.look(bands(), BANDS[:3])
    network.encoder = None  # it is not asked again
    boxes = [Question(box=band) for band in BANDS[:3]]
    first, again = views.ask(boxes), views.ask(boxes)
    other = views.ask([Question(points=(Point(5, 30),))] * 3)
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one.alpha, two.alpha)
        assert not np.array_equal(one.alpha, three.alpha)
        assert one.score == two.score == three.score


@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_batches_equal_single_ones(picking, count):
    network = picking()
    frames = [frame_around(BANDS[number % 10], (60, 100)) for number in range(count)]
    boxes = [Question(box=BANDS[number % 10]) for number in range(count)]
    together = network.look(bands(), frames).ask(boxes)
    assert [one.frame for one in together] == frames
    for one, frame, box in zip(together, frames, boxes, strict=True):
        (alone,) = network.look(bands(), [frame]).ask([box])
        np.testing.assert_allclose(one.alpha, alone.alpha, atol=1e-6)
        assert one.score == pytest.approx(alone.score, abs=1e-6)


def test_no_more_than_eight_at_once(picking):
    network = picking()
    encoder_spy = network.encoder = Spy(network.encoder)
    decoder_spy = network.decoder = Spy(network.decoder)
    network.look(bands(), BANDS * 2).ask([Question(box=band) for band in BANDS * 2])
    assert [len(inputs["image"]) for inputs in encoder_spy.seen] == [8, 8, 4]
    assert [len(inputs["question"]) for inputs in decoder_spy.seen] == [8, 8, 4]


def test_no_frames_no_answers(picking):
    assert picking().look(bands(), []).ask([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 5)])
def test_any_shape(picking, shape):
    photo = frozen(np.full((*shape, 3), 255, np.uint8))
    (answer,) = picking().look(photo, [whole(shape)]).ask([Question(box=whole(shape))])
    np.testing.assert_array_equal(answer.alpha, 1)
    assert answer.score == pytest.approx(0.9)


def test_the_same_bytes_twice(picking):
    photo = frozen(np.random.default_rng(5).integers(0, 256, (60, 100, 3), np.uint8))
    boxes = [Question(box=band) for band in BANDS]
    first, again = (picking().look(photo, BANDS).ask(boxes) for _ in range(2))
    assert [one.score for one in first] == [one.score for one in again]
    for one, other in zip(first, again, strict=True):
        assert one.alpha.tobytes() == other.alpha.tobytes()


# --- answers that are not the card's


def asked(network):
    return network.look(bands(), BANDS[:2]).ask([Question(box=band) for band in BANDS[:2]])


@pytest.mark.parametrize("key", ["alpha", "score"])
def test_a_missing_output_is_named(picking, key):
    network = picking(card=f'{PICK_CARD}{key} = "other"\n')
    with pytest.raises(ModelOutputError, match=r"answers\.onnx.*no output `other`") as caught:
        asked(network)
    assert key in caught.value.hint


def test_a_missing_output_of_the_first_file_is_named(picking):
    network = picking(card=f'{PICK_CARD}seen = ["fine", "other"]\n')
    with pytest.raises(ModelOutputError, match=r"sees\.onnx.*no output `other`"):
        asked(network)


def test_outputs_of_another_shape(picking):
    with pytest.raises(ModelOutputError, match=r"`alpha` must have shape \(2, 1, 32, 32\)"):
        asked(picking(planes=2))
    with pytest.raises(ModelOutputError, match=r"`score` must have shape \(2\), got \(2, 1\)"):
        asked(picking(flat=False))


def test_nan_is_refused_by_name(picking):
    with pytest.raises(ModelOutputError, match=r"alpha.*answers\.onnx"):
        asked(picking(gain=np.nan))
    with pytest.raises(ModelOutputError, match=r"sees\.onnx"):
        asked(picking(blind=True))


def test_answers_before_their_sigmoid(picking):
    with pytest.raises(ModelOutputError, match=r"`alpha` must lie in 0\.\.1, got 1\.35") as caught:
        asked(picking(gain=1.5))
    assert "sigmoid" in caught.value.hint
    with pytest.raises(ModelOutputError, match=r"`score` must lie in 0\.\.1, got -"):
        asked(picking(scale=4.0))


def test_what_was_rounded_is_clipped(picking):
    photo = frozen(np.full((40, 40, 3), 255, np.uint8))
    network = picking(gain=1.0005, scale=0.5005)
    (answer,) = network.look(photo, [whole((40, 40))]).ask([Question(box=(0, 0, 40, 40))])
    assert answer.alpha.max() == answer.score == 1


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4), np.uint8), ((4, 4, 3), np.float32), ((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture(picking, shape, dtype):
    with pytest.raises(InputError, match="`image` must be"):
        picking().look(np.zeros(shape, dtype), [(0.0, 0.0, 4.0, 4.0)])
