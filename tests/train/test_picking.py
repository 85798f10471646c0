"""The samples of `pick`: crop, question and answer belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nukki.train import picking
from nukki.train.picking import VIEWS, PickStream
from nukki.train.recipe import SetUse, read_recipe
from nukki.train.things import PERSON, UNKNOWN, Thing
from train_files import COLOURS, make_things_data, things_recipe, write_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_things_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe"), things_recipe("pick")))


@pytest.fixture
def stream(data, recipe):
    """The samples of some sets; nothing is degraded, so that colours tell what is what."""

    def make(*, steps=12, sizes=(64,), **sets):
        stage = replace(recipe.stages[0], steps=steps, sizes=sizes, degrade=0.0)
        return PickStream(replace(recipe, sets=sets, stages=(stage,)), data)

    return make


def views(samples):
    """Crop (S, S, 3), question (4, S, S) in −1..1 and answer (S, S) of every view."""
    for place in range(len(samples)):
        (crops, questions, answers), _ = samples[place]
        for crop, question, answer in zip(crops, questions, answers, strict=True):
            yield crop.transpose(1, 2, 0), question / 127, answer[0]


def colour_of(pixels):
    """Which of the shapes' colours pixels (n, 3) have: the shares."""
    return max(
        float((np.abs(pixels.astype(int) - colour).max(axis=1) < 30).mean()) for colour in COLOURS
    )


@pytest.mark.parametrize("side", [32, 64])
def test_a_sample_is_bytes_of_the_size_asked_for(stream, side):
    use = {"coco": SetUse(paste=0.5), "people": SetUse(paste=0.7), "places": SetUse()}
    samples = stream(steps=3, sizes=(side,), **use)
    for place in range(len(samples)):
        (crops, questions, answers), bad = samples[place]
        assert (crops.shape, crops.dtype) == ((VIEWS, 3, side, side), np.uint8)
        assert (questions.shape, questions.dtype) == ((VIEWS, 4, side, side), np.int8)
        assert (answers.shape, answers.dtype) == ((VIEWS, 1, side, side), np.uint8)
        assert set(np.unique(questions[:, :3])) <= {0, 127}
        assert questions.min() >= -127
        assert bad == []


def test_a_sample_depends_on_its_place_alone(stream):
    use = {"coco": SetUse(paste=0.5, empty=0.2), "people": SetUse(paste=0.7)}
    first, second = stream(steps=4, **use), stream(steps=4, **use)
    for place in (6, 1, 3, 6):
        for one, other in zip(first[place][0], second[place][0], strict=True):
            np.testing.assert_array_equal(one, other)
    different = [first[place][0][0].tobytes() for place in range(8)]
    assert len(set(different)) == 8


def test_the_answer_is_the_thing_in_the_crop(stream):
    """Shapes have one colour, and what is around them is grey noise; mirrored or not."""
    for crop, question, answer in views(stream(coco=SetUse())):
        assert question[:3].any()  # something is always asked
        assert (answer >= 128).mean() > 0.03
        assert colour_of(crop[answer == 255]) > 0.9
        assert colour_of(crop[answer == 0]) < 0.1


def test_boxes_are_around_the_answer(stream):
    boxes = 0
    for _, question, answer in views(stream(coco=SetUse())):
        if not question[0].any():
            continue
        boxes += 1
        thing = answer >= 128
        rows, columns = np.flatnonzero(thing.any(axis=1)), np.flatnonzero(thing.any(axis=0))
        tight = np.zeros_like(thing)
        tight[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        box = question[0] > 0
        assert (box & tight).sum() / (box | tight).sum() > 0.35
    assert 10 < boxes < 24 * VIEWS


def test_clicks_are_on_the_answer_or_beside_it(stream):
    on = beside = 0
    for crop, question, answer in views(stream(coco=SetUse())):
        if question[1].any():
            on += 1
            assert (answer[question[1] > 0] >= 128).mean() > 0.25
            assert colour_of(crop[(question[1] > 0) & (answer == 255)]) > 0.9
        if question[2].any():
            beside += 1
            assert (answer[question[2] > 0] < 64).mean() > 0.25
        assert question[0].any() or question[1].any()
    assert on > 10
    assert beside > 5


def test_some_questions_come_with_a_guess(stream):
    seen = list(views(stream(steps=20, coco=SetUse())))
    there = [(question[3], answer) for _, question, answer in seen if question[3].any()]
    assert 0.05 < len(there) / len(seen) < 0.45
    better = [guess[answer == 255].mean() > guess[answer == 0].mean() for guess, answer in there]
    assert np.mean(better) > 0.9


def test_where_there_is_nothing_the_answer_is_empty(stream):
    for crop, question, answer in views(stream(steps=5, coco=SetUse(empty=1.0))):
        if answer.any():  # no place was free
            continue
        assert question[0].any()
        assert not question[3].any()
        assert not question[1].any()
        # Jittered, the box may touch the thing's rim; it does not hold it.
        assert colour_of(crop[question[0] > 0]) < 0.5


def test_places_have_no_answer(stream):
    for _, question, answer in views(stream(steps=3, places=SetUse())):
        assert question[0].any()
        assert not answer.any()


def test_pasted_people_are_told_apart(stream):
    """The others of a scene are no part of the answer."""
    answers = 0
    for crop, question, answer in views(stream(steps=4, people=SetUse(paste=1.0))):
        if (answer == 255).sum() < 60:
            continue
        answers += 1
        assert question[:2].any()
        assert crop[answer == 255].std(axis=0).max() < 60
    assert answers > 3


# --- what is asked for


def thing(left, top, right, bottom, *, label=PERSON, mask=True, crowd=False, size=(60, 80)):
    alpha = np.zeros(size, np.uint8)
    alpha[top:bottom, left:right] = 255
    return Thing(label, (left, top, right, bottom), alpha if mask else None, crowd)


def test_only_things_with_a_mask_of_their_own_are_asked_for():
    chance = np.random.default_rng(0)
    fit = thing(10, 10, 40, 40)
    rest = [
        thing(0, 0, 30, 30, mask=False),
        thing(0, 0, 30, 30, crowd=True),
        thing(0, 0, 30, 11),  # too small to be told
    ]
    assert all(picking._one([*rest, fit], chance) is fit for _ in range(10))
    assert picking._one(rest, chance) is None
    assert picking._one([], chance) is None


def test_larger_things_are_asked_for_more_often():
    """Their areas are as 1 to 16; the fourth root is 2."""
    small, large = thing(0, 0, 14, 14), thing(20, 0, 76, 56)
    chance = np.random.default_rng(1)
    drawn = [picking._one([small, large], chance) is large for _ in range(600)]
    assert np.mean(drawn) == pytest.approx(2 / 3, abs=0.06)


def test_what_no_label_tells_may_be_several_things():
    one, other = thing(0, 0, 30, 30), thing(40, 0, 70, 30)
    both = Thing(UNKNOWN, (0, 0, 70, 30), np.maximum(one.mask, other.mask))
    assert not picking._is_one(both)
    assert picking._is_one(replace(both, label=PERSON))  # people set apart by somebody
    assert picking._is_one(replace(one, label=UNKNOWN))
    dot = np.maximum(one.mask, thing(40, 0, 44, 4).mask)  # a speck beside it
    assert picking._is_one(replace(one, label=UNKNOWN, mask=dot))


def test_places_where_there_is_nothing():
    chance = np.random.default_rng(2)
    things = [thing(0, 0, 30, 60), thing(60, 0, 80, 20, mask=False)]
    found = [picking._nowhere(things, (60, 80), chance) for _ in range(60)]
    boxes = [box for box in found if box is not None]
    assert boxes
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 80
        assert 0 <= top < bottom <= 60
        assert left >= 30
        assert right <= 60 or top >= 20
    assert picking._nowhere([thing(0, 0, 80, 60)], (60, 80), chance) is None


def test_the_others_are_all_but_the_one():
    one, other, boxed = thing(0, 0, 20, 20), thing(30, 0, 50, 20), thing(0, 30, 9, 60, mask=False)
    frame = (0.0, 0.0, 80.0, 60.0)
    found = picking._others([one, other, boxed], one, frame, (60, 80))
    np.testing.assert_array_equal(found, other.mask)
    assert picking._others([one, boxed], one, frame, (60, 80)) is None
    assert picking._others([one, other], one, (0.0, 0.0, 25.0, 25.0), (60, 80)) is None
    everything = picking._others([one, other], None, frame, (60, 80))
    np.testing.assert_array_equal(everything, np.maximum(one.mask, other.mask))
