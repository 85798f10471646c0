"""Holes filled through the real engine: nothing outside is touched, each house's rules are kept."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.io import images
from nukki.tasks.inpainting import Inpainting
from nukki.zoo import catalog
from task_files import FILLS_CARD as CARD
from task_files import FILLS_COLOUR as COLOUR
from task_files import FILLS_NAN as NAN
from task_files import PAINT, Spy, card, channel, network, official_inputs

ECHO = "echo (float[1,4,H,W] x) => (float[1,3,H,W] y)" + channel(0, 3)
HALF = """half (float[1,4,H,W] x) => (float[1,4,h,w] y) {
    y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)
}"""
APART = """apart (uint8[1,1,H,W] mask, uint8[1,3,H,W] image) => (uint8[1,3,H,W] result) {
    result = BitwiseXor(image, mask)
}"""


@pytest.fixture
def inpainting(tmp_path):
    """A function that makes the task of a network and a card with further lines."""

    def make(text=PAINT, lines="[inpainting]"):
        return Inpainting(card(tmp_path, CARD + lines), Spy(network(tmp_path, text)))

    return make


def picture(height, width, seed=0):
    return frozen(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def holes(height, width, share=0.3, seed=0):
    return frozen(np.random.default_rng(seed).random((height, width)) < share)


def assert_filled(result, image, mask, colour=COLOUR):
    assert result.dtype == np.uint8
    assert result.shape == image.shape
    np.testing.assert_array_equal(result[~mask], image[~mask])
    np.testing.assert_array_equal(result[mask], np.broadcast_to(colour, (mask.sum(), 3)))


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (37, 51), (64, 64)])
@pytest.mark.parametrize("share", [0.3, 1.1])
def test_the_hole_is_the_networks_and_the_rest_the_pictures(inpainting, size, share):
    image, mask = picture(*size), holes(*size, share)
    assert_filled(inpainting().fill(image, mask), image, mask)


def test_without_a_hole_the_network_is_not_run(inpainting):
    task, image = inpainting(NAN), picture(9, 9)
    result = task.fill(image, frozen(np.zeros((9, 9), np.bool_)))
    np.testing.assert_array_equal(result, image)
    assert result is not image
    assert task.session.seen == []


def test_grey_pictures_and_pictures_with_alpha(inpainting):
    grey = frozen(picture(30, 40)[..., 0])
    rgba = frozen(np.dstack([grey, grey, grey, np.full_like(grey, 255)]))
    task, mask = inpainting(), holes(30, 40)
    given = [images.read(pixels).rgb8() for pixels in (grey, rgba)]
    np.testing.assert_array_equal(task.fill(given[0], mask), task.fill(given[1], mask))
    for wrong in (grey, rgba):
        with pytest.raises(InputError, match="`image`") as caught:
            task.fill(wrong, mask)
        assert caught.value.hint


@pytest.mark.parametrize(
    "mask", [np.zeros((30, 41), bool), np.zeros((30, 40, 1), bool), np.zeros((30, 40), np.uint8)]
)
def test_what_is_no_mask_of_the_picture(inpainting, mask):
    with pytest.raises(InputError, match=r"`mask` must be \(30, 40\) bool") as caught:
        inpainting().fill(picture(30, 40), mask)
    assert caught.value.hint


def test_nan_is_refused_by_name(inpainting):
    with pytest.raises(ModelOutputError, match=r"tiny\.onnx"):
        inpainting(NAN).fill(picture(9, 9), holes(9, 9))


def test_an_answer_of_another_shape_is_refused(inpainting):
    with pytest.raises(ModelOutputError, match="tiny") as caught:
        inpainting(HALF).fill(picture(16, 16), holes(16, 16))
    assert "(1, 4, 8, 8)" in str(caught.value)
    assert "(1, 3, 16, 16)" in str(caught.value)


@pytest.mark.parametrize("wanted", ["output.index = 1", "output.index = -2", 'output.name = "z"'])
def test_an_output_that_is_not_there(tmp_path, inpainting, wanted):
    session = inpainting().session
    task = Inpainting(
        card(tmp_path, CARD.replace("output.index = 0", wanted) + "[inpainting]"), session
    )
    with pytest.raises(ModelOutputError, match="tiny") as caught:
        task.fill(picture(9, 9), holes(9, 9))
    assert "y" in caught.value.hint


def test_a_mask_that_the_network_does_not_take(inpainting):
    with pytest.raises(InputError, match=r"tiny\.onnx"):
        inpainting(lines='inpainting.mask_name = "mask"').fill(picture(9, 9), holes(9, 9))


# what is shown


def test_the_hole_shows_nothing_of_what_was_there(inpainting):
    image, mask = picture(20, 28), holes(20, 28)
    other = frozen(np.where(mask[..., None], 255 - image, image))
    task = inpainting(ECHO, "inpainting.hole = 0.4")
    result = task.fill(image, mask)
    assert_filled(result, image, mask, (102, 102, 102))
    np.testing.assert_array_equal(task.fill(other, mask), result)
    one, two = task.session.seen
    np.testing.assert_array_equal(one["x"], two["x"])


def test_without_a_value_for_the_hole_the_picture_is_shown_as_it_is(inpainting):
    image, mask = picture(20, 28), holes(20, 28)
    np.testing.assert_array_equal(inpainting(ECHO).fill(image, mask), image)


@pytest.mark.parametrize(
    ("padding", "row", "column"),
    [("reflect", [2, 1, 0, 1, 2], 1), ("symmetric", [3, 2, 1, 0, 0], 1), ("edge", [3] * 5, 3)],
)
def test_what_lies_beyond_the_picture(inpainting, padding, row, column):
    """Pixels 0 to 3 of a row of four; the hole at pixel 1 is mirrored with them."""
    levels = np.array([0, 51, 102, 153], np.uint8)
    image = frozen(np.broadcast_to(levels[None, :, None], (1, 4, 3)))
    mask = frozen(np.array([[False, column == 1, False, column == 3]]))
    task = inpainting(lines=f'inpainting.padding = "{padding}"\ninpainting.least = 9')
    task.fill(image, mask)
    seen = task.session.seen[0]["x"]
    assert seen.shape == (1, 4, 16, 16)
    np.testing.assert_allclose(seen[0, 0, :, 4:9], np.broadcast_to(levels[row] / 255, (16, 5)))
    np.testing.assert_array_equal(seen[0, 3, 0, :4], mask[0])
    np.testing.assert_array_equal(seen[0, 3, 0, 4:9], mask[0][row])


def test_masks_of_their_own_and_of_either_polarity(tmp_path):
    image, mask = picture(16, 24), holes(16, 24)
    lines = """
    inpainting.mask_name = "mask"
    inpainting.mask = [255, 0]
    inpainting.dtype = "uint8"
    inpainting.range = [0, 255]
    input.scale = 1.0
    """
    session = network(tmp_path, APART, opset=18)
    task = Inpainting(card(tmp_path, CARD + lines), Spy(session))
    result = task.fill(image, mask)
    (seen,) = task.session.seen
    assert seen["mask"].dtype == seen["image"].dtype == np.uint8
    np.testing.assert_array_equal(seen["mask"][0, 0], np.where(mask, 0, 255))
    np.testing.assert_array_equal(seen["image"][0], image.transpose(2, 0, 1))
    np.testing.assert_array_equal(result, image)  # a hole's 0 changes no bit


def test_blue_first_and_another_range(inpainting):
    task = inpainting(lines='input.channels = "bgr"\ninpainting.range = [-0.5, 1.5]')
    image, mask = picture(16, 16), holes(16, 16)
    # (0.2 + 0.5) / 2 · 255 = 89.25, (0.4 + 0.5) / 2 · 255 = 114.75
    assert_filled(task.fill(image, mask), image, mask, (255, 115, 89))


def test_networks_of_a_fixed_size(tmp_path):
    text = PAINT.replace("[1,4,H,W]", "[1,4,64,64]").replace("[1,3,H,W]", "[1,3,64,64]")
    fixed = CARD.replace('"pad"', '"stretch"') + "inpainting.hole = 0"
    task = Inpainting(card(tmp_path, fixed), Spy(network(tmp_path, text)))
    for size in [(1, 1), (30, 100), (129, 40)]:
        image, mask = picture(*size), holes(*size, 0.2, seed=3)
        mask = frozen(mask | (np.arange(size[1]) == 0))
        assert_filled(task.fill(image, mask), image, mask)
        other = frozen(np.where(mask[..., None], 255 - image, image))
        task.fill(other, mask)
        np.testing.assert_array_equal(*(run["x"] for run in task.session.seen[-2:]))
        assert (task.session.seen[-1]["x"][0, 3] == 1).any()


# large pictures


def test_a_small_hole_in_a_large_picture_is_seen_in_its_surroundings(inpainting):
    image, mask = picture(700, 900), np.zeros((700, 900), np.bool_)
    mask[300:320, 400:430] = True
    task = inpainting(lines="inpainting.limit = 256")
    assert_filled(task.fill(image, frozen(mask)), image, mask)
    assert [run["x"].shape for run in task.session.seen] == [(1, 4, 152, 160)]


def test_a_large_hole_is_seen_reduced(inpainting):
    image, mask = picture(700, 900), np.zeros((700, 900), np.bool_)
    mask[100:600, 100:800] = True
    task = inpainting(lines="inpainting.limit = 256")
    result = task.fill(image, frozen(mask))
    np.testing.assert_array_equal(result[~mask], image[~mask])
    np.testing.assert_array_equal(result[150:550, 150:750], np.broadcast_to(COLOUR, (400, 600, 3)))
    assert [run["x"].shape for run in task.session.seen] == [(1, 4, 176, 232)]


@pytest.mark.parametrize("share", [0.0005, 1.1])
@pytest.mark.parametrize(
    ("height", "width"), [(1500, 2000), pytest.param(3000, 4000, marks=pytest.mark.slow)]
)
def test_large_photos_take_bounded_memory(inpainting, share, height, width):
    image = frozen(np.full((height, width, 3), 90, np.uint8))
    mask = np.zeros((height, width), np.bool_)
    mask[: round(height * min(1, share**0.5)), : round(width * min(1, share**0.5))] = True
    task = inpainting(lines="inpainting.limit = 512\ninpainting.hole = 0")
    tracemalloc.start()
    result = task.fill(image, frozen(mask))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Bytes: the result, the crop's colours, and what the network sees.
    assert peak < 10 * height * width
    assert_filled(result, image, mask)


def test_one_picture_does_not_touch_the_next(inpainting):
    pairs = [(picture(40, 50, 1), holes(40, 50)), (picture(33, 21, 2), holes(33, 21))]
    alone = [inpainting(ECHO).fill(*pair) for pair in pairs]
    task = inpainting(ECHO)
    for pair, expected in zip(pairs, alone, strict=True):
        np.testing.assert_array_equal(task.fill(*pair), expected)


# the published networks' own rules, with a network that stands in for theirs


def published(tmp_path, name, text):
    return Inpainting(catalog.find(name), Spy(network(tmp_path, text)))


@pytest.mark.parametrize(
    ("name", "case", "channels"),
    [("lama", "lama", 4), ("aotgan", "aotgan", 4), ("deepfillv2", "deepfillv2", 5)],
)
def test_each_network_sees_what_its_authors_show(tmp_path, name, case, channels):
    image, mask, tensors = official_inputs(case)
    echo = ECHO.replace("[1,4,", f"[1,{channels},")
    task = published(tmp_path, name, echo)
    result = task.fill(image, mask == 255)
    (seen,) = task.session.seen
    expected = np.concatenate(list(tensors.values()), axis=1)
    np.testing.assert_allclose(seen["x"], expected, atol=2e-6)
    np.testing.assert_array_equal(result[mask == 0], image[mask == 0])
    hole = {"lama": 0, "aotgan": 255, "deepfillv2": 128}[name]  # rint(127.5) is even
    np.testing.assert_array_equal(result[mask == 255], hole)


@pytest.mark.parametrize(
    ("name", "shape"), [("lama", (16, 16)), ("aotgan", (36, 36)), ("deepfillv2", (72, 72))]
)
def test_one_pixel_is_padded_to_what_each_network_takes(tmp_path, name, shape):
    channels = 5 if name == "deepfillv2" else 4
    task = published(tmp_path, name, ECHO.replace("[1,4,", f"[1,{channels},"))
    task.fill(picture(1, 1), frozen(np.ones((1, 1), np.bool_)))
    assert task.session.seen[0]["x"].shape[2:] == shape
    assert (task.session.seen[0]["x"][0, -1] == 1).all()


@pytest.mark.parametrize(
    ("name", "mode"), [("lama", "symmetric"), ("aotgan", "reflect"), ("deepfillv2", "reflect")]
)
def test_pictures_are_continued_as_each_network_needs_it(tmp_path, name, mode):
    channels = 5 if name == "deepfillv2" else 4
    image, mask = picture(33, 101), holes(33, 101)
    task = published(tmp_path, name, ECHO.replace("[1,4,", f"[1,{channels},"))
    task.fill(image, mask)
    seen = task.session.seen[0]["x"][0]
    height, width = {"lama": (40, 104), "aotgan": (36, 104), "deepfillv2": (72, 104)}[name]
    assert seen.shape[1:] == (height, width)
    beyond = ((0, height - 33), (0, width - 101))
    hidden = np.pad(mask, beyond, mode=mode)
    np.testing.assert_array_equal(seen[-1], hidden)
    red = np.pad(image, (*beyond, (0, 0)), mode=mode)[..., 0] / (255 if name == "lama" else 127.5)
    red -= 0 if name == "lama" else 1
    shown = seen[2 if name == "deepfillv2" else 0]
    np.testing.assert_allclose(shown[~hidden], red[~hidden], atol=1e-6)


def test_migan_gets_bytes_and_a_mask_of_what_is_known(tmp_path):
    image, mask = picture(31, 45), holes(31, 45)
    session = network(tmp_path, APART, opset=18)
    task = Inpainting(catalog.find("migan"), Spy(session))
    task.fill(image, mask)
    (seen,) = task.session.seen
    np.testing.assert_array_equal(seen["image"][0], image.transpose(2, 0, 1))
    np.testing.assert_array_equal(seen["mask"][0, 0], np.where(mask, 0, 255))


def test_what_the_cards_of_filling_networks_say():
    cards = {card.name: card for card in catalog.cards("inpainting")}
    assert {"lama", "aotgan", "deepfillv2", "migan"} <= set(cards)
    assert cards["deepfillv2"].commercial_use == "unclear"
    assert cards["migan"].convert is None
    assert all(cards[name].convert for name in ("lama", "aotgan", "deepfillv2"))
    assert all(card.published_scores for name, card in cards.items() if name != "fill")
    assert cards["fill"].commercial_use == "yes"
    assert cards["fill"].our_scores
