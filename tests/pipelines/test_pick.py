"""The one thing that is shown: looked at once, from close by, and refined with every click."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, ModelOutputError, NothingFound
from nukki.io.images import Picture
from nukki.pipelines.pick import OwnPicker, pick
from nukki.runtime.sessions import get_session
from nukki.tasks.picking import Picking
from nukki.types import Box, Point
from nukki.zoo.cards import parse_card
from picking_networks import PICK_CARD, SIDE, decoder, encoder
from task_files import Spy

SIZE = (120, 160)
BLOCK = Box(40, 30, 90, 100)
NOWHERE = Point(2, 2)


def photo(size=SIZE):
    """Grey, with a red block."""
    pixels = np.full((*size, 3), 128, np.uint8)
    pixels[BLOCK.slices()] = (230, 60, 60)
    return frozen(pixels)


@pytest.fixture
def picker(tmp_path):
    """Our own way of asking, over tiny networks that remember what they were asked."""

    def make(*, threads=1, blind=False, **options):
        files = (
            encoder(tmp_path / "sees.onnx", nan=blind),
            decoder(tmp_path / "answers.onnx", **options),
        )
        card = parse_card(PICK_CARD, source="asked.toml", brief=True)
        spies = [Spy(get_session(path, threads=1)) for path in files]
        return OwnPicker(Picking(card, *spies), threads=threads)

    return make


def looks(picker):
    """How many crops the encoder saw."""
    return sum(len(inputs["image"]) for inputs in picker.network.encoder.seen)


def questions(picker):
    """The maps (4, h, w) that the decoder was asked with."""
    return [maps for inputs in picker.network.decoder.seen for maps in inputs["question"]]


def overlap(mask, box):
    inside = np.zeros(mask.shape, bool)
    inside[box.slices()] = True
    return (mask & inside).sum() / (mask | inside).sum()


# --- boxes


def test_what_a_box_shows(picker):
    asked = picker()
    found = asked.embed(photo()).ask(box=BLOCK)
    assert overlap(found.mask, BLOCK) > 0.95
    assert (found.label, found.size) == ("", SIZE)
    assert 0 < found.score < 1
    assert looks(asked) == 1
    ((of_box, on_it, beside, guess),) = questions(asked)
    assert 0.3 < of_box.mean() < 0.6  # a fifth is seen beyond it on every side
    assert not on_it.any()
    assert not beside.any()
    assert not guess.any()


def test_a_box_is_asked_from_close_by(picker):
    """Of a thing in the corner of a large photo its surroundings are looked at, no more."""
    asked = picker()
    image = np.full((1000, 1600, 3), 128, np.uint8)
    image[BLOCK.slices()] = (230, 60, 60)
    found = asked.embed(frozen(image)).ask(box=BLOCK)
    assert overlap(found.mask, BLOCK) > 0.95
    assert found.mask[110:].sum() == 0


def test_points_go_with_a_box(picker):
    asked = picker()
    found = asked.embed(photo()).ask([Point(65, 65), Point(50, 40, keep=False)], BLOCK)
    assert not found.mask[40, 50]
    assert found.mask[90, 80]
    ((_, on_it, beside, _),) = questions(asked)
    assert 0 < on_it.sum() < 80
    assert 0 < beside.sum() < 80


def test_a_click_beyond_the_box_makes_it_larger(picker):
    asked = picker()
    small = Box(40, 30, 90, 80)
    found = asked.embed(photo()).ask([Point(64.5, 99.5)], small)
    assert overlap(found.mask, BLOCK) > 0.93
    other = picker()
    found = other.embed(photo()).ask([Point(64.5, 110, keep=False)], small)
    assert overlap(found.mask, small) > 0.93  # a click beside it does not


# --- clicks


def test_a_click_is_asked_twice_from_afar_and_from_close_by(picker):
    asked = picker()
    found = asked.embed(photo()).ask([Point(65, 65)])
    assert found.mask[65, 65]
    assert not found.mask[5, 5]
    assert looks(asked) == 2
    far, near = questions(asked)
    assert not far[0].any()
    assert not far[3].any()  # no guess yet
    assert near[1].any()
    assert near[3].max() > 0.5  # the first answer
    assert near[3].min() < -0.5


def test_what_fills_the_photo_is_not_looked_at_again(picker):
    asked = picker()
    image = frozen(np.full((18, 20, 3), 128, np.uint8))  # sixteen pixels are seen at least
    asked.embed(image).ask([Point(9, 8)])
    assert looks(asked) == 1
    asked.embed(frozen(np.full((40, 40, 3), 128, np.uint8))).ask([Point(20, 20)])
    assert looks(asked) == 3


def test_clicks_beside_it_are_asked_from_afar_and_from_close_by(picker):
    asked = picker()
    found = asked.embed(photo()).ask([Point(65, 65), Point(85, 65, keep=False)])
    assert not found.mask[65, 85]
    far, near = questions(asked)
    assert far[2].sum() == far[1].sum() > 0
    assert near[2].any()
    with pytest.raises(NothingFound):  # a click on it and one beside it at one place
        pick(Picture(photo()), asked, points=[Point(65, 65), Point(65, 65, keep=False)])


def test_asked_twice_nothing_is_looked_at_twice(picker):
    asked = picker()
    seen = asked.embed(photo())
    first = seen.ask([Point(65, 65)])
    count = looks(asked)
    again = seen.ask([Point(65, 65)])
    assert looks(asked) == count
    assert len(questions(asked)) == 4
    assert (first.box, first.score) == (again.box, again.score)
    assert first.grey.tobytes() == again.grey.tobytes()
    new = picker().embed(photo()).ask([Point(65, 65)])
    assert new.grey.tobytes() == first.grey.tobytes()


def test_the_same_box_is_refined_without_another_look(picker):
    asked = picker()
    seen = asked.embed(photo())
    seen.ask(box=BLOCK)
    for column in range(45, 85, 10):
        seen.ask([Point(column, 65)], BLOCK)
        seen.ask([Point(65, 65), Point(column, 40, keep=False)], BLOCK)
    assert looks(asked) == 1


def test_the_last_four_parts_are_kept(picker):
    asked = picker()
    seen = asked.embed(photo())
    boxes = [Box(10 * number, 10, 10 * number + 20, 40) for number in range(5)]
    for box in boxes[:4]:
        seen.ask(box=box)
    seen.ask(box=boxes[0])  # now the last one asked about
    assert looks(asked) == 4
    seen.ask(box=boxes[4])
    seen.ask(box=boxes[0])
    assert looks(asked) == 5
    seen.ask(box=boxes[1])  # which was forgotten
    assert looks(asked) == 6


def test_photos_do_not_share_what_was_seen(picker):
    asked = picker()
    bright = frozen(np.full((*SIZE, 3), 250, np.uint8))
    one = asked.embed(photo()).ask(box=BLOCK)
    other = asked.embed(bright).ask(box=BLOCK)
    assert looks(asked) == 2
    assert one.score < other.score


@pytest.mark.parametrize("shown", [{"points": [Point(65, 65)]}, {"box": BLOCK}])
def test_threads_do_not_change_a_byte(picker, shown):
    one, two = (picker(threads=count).embed(photo()).ask(**shown) for count in (1, 2))
    assert one.grey.tobytes() == two.grey.tobytes()
    assert one.score == two.score


# --- what cannot be meant


@pytest.mark.parametrize(
    ("points", "box", "said"),
    [
        ((), None, "by a point on it or a box, got neither"),
        ((Point(5, 5, keep=False),), None, "by a point on it or a box, got neither"),
        ((Point(160, 5),), None, r"`point` must lie in the photo of 160 × 120 pixels, got \(160"),
        ((Point(5, 119.6),), None, "`point`"),
        ((Point(-0.6, 5),), None, "`point`"),
        ((Point(65, 65), Point(5, 500, keep=False)), None, "`point`"),
        ((Point(float("nan"), 5),), None, r"got \(nan, 5\)"),
        ((Point(5, float("inf")),), None, r"got \(5, inf\)"),
        ((Point(500, 5),), BLOCK, "`point`"),
        ((), Box(40, 30, 40, 100), "`box` must hold a pixel"),
        ((), Box(90, 100, 40, 30), "`box`"),
        ((), Box(40, 30, 161, 100), r"`box`.*got \(40, 30, 161, 100\)"),
        ((), Box(-1, 30, 40, 100), "`box`"),
        ((Point(65, 65),), Box(300, 300, 400, 400), "`box`"),
    ],
)
def test_what_lies_outside_or_shows_nothing(picker, points, box, said):
    asked = picker()
    with pytest.raises(InputError, match=said) as caught:
        asked.embed(photo()).ask(points, box)
    assert caught.value.hint
    assert looks(asked) == 0


def test_the_photos_rim_is_inside(picker):
    found = picker().embed(photo()).ask([Point(159.5, 119.5)])
    assert found.mask[119, 159]
    found = picker().embed(photo()).ask([Point(-0.5, -0.5)])
    assert found.mask[0, 0]
    assert overlap(picker().embed(photo()).ask(box=Box(0, 0, 160, 120)).mask, Box(0, 0, 160, 120))


@pytest.mark.parametrize("shown", [{"points": [NOWHERE]}, {"box": BLOCK}])
def test_nothing_there(picker, shown):
    """The network answers less than one half everywhere."""
    asked = picker(gain=0.4)
    assert asked.embed(photo()).ask(**shown) is None
    with pytest.raises(NothingFound, match="at the place that is shown") as caught:
        pick(Picture(photo()), asked, **shown)
    assert "point" in caught.value.hint


def test_answers_that_are_no_numbers(picker):
    with pytest.raises(ModelOutputError, match=r"answers\.onnx"):
        picker(gain=np.nan).embed(photo()).ask(box=BLOCK)
    with pytest.raises(ModelOutputError, match=r"sees\.onnx"):
        picker(blind=True).embed(photo()).ask([Point(65, 65)])


# --- all kinds of photos


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 3)])
def test_extreme_shapes(picker, size):
    image = frozen(np.full((*size, 3), 255, np.uint8))
    found = picker().embed(image).ask(box=Box(0, 0, size[1], size[0]))
    assert found.area == size[0] * size[1]
    assert pick(Picture(image), picker(), box=found.box).cut().rgba().shape == (*size, 4)
    clicked = picker().embed(image).ask([Point(0, 0)])  # a click is a disc, smaller than a pixel
    assert clicked is None or clicked.mask[0, 0]


def test_what_a_file_had_cut_away_is_no_part_of_it(picker):
    own = np.full(SIZE, 255, np.uint8)
    own[:, :60] = 0
    picture = Picture(photo(), alpha=frozen(own))
    found = pick(picture, picker(), box=BLOCK)
    assert not found.mask[:, :60].any()
    assert found.mask[60, 75]
    assert not found.cut().rgba()[:, :60].any()
    gone = replace(picture, alpha=frozen(np.zeros(SIZE, np.uint8)))
    with pytest.raises(NothingFound):
        pick(gone, picker(), box=BLOCK)


def test_a_deep_photo_keeps_its_depth(picker):
    deep = Picture(frozen(photo().astype(np.uint16) * 257))
    found = pick(deep, picker(), box=BLOCK)
    assert found.number == 1
    assert found.mask.tobytes() == pick(Picture(photo()), picker(), box=BLOCK).mask.tobytes()
    rgba = found.cut().rgba()
    assert rgba.dtype == np.uint16
    np.testing.assert_array_equal(rgba[65, 65, :3], deep.pixels[65, 65])


def test_the_grid_is_the_cards(picker):
    assert picker().network.grid == (SIDE, SIDE)
