"""The stream of samples: the same place, the same sample; every picture as often as it should."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nukki.errors import InputError
from nukki.ops.grid import fit
from nukki.train.data import (
    Pair,
    SubjectStream,
    find_pairs,
    find_validation,
    input_spec,
    load_pair,
)
from nukki.train.recipe import Recipe, SetUse, Stage, read_recipe
from nukki.train.stream import _repeated
from train_files import make_data, make_set, shape, write_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe")))


@pytest.fixture
def own(tmp_path):
    """Data that a test may break."""
    return make_data(tmp_path / "data")


def same(one, other):
    arrays = zip(one[0], other[0], strict=True)
    return all(np.array_equal(*pair) for pair in arrays) and one[1] == other[1]


# --- samples


def test_a_sample_depends_on_its_place_alone(data, recipe):
    forwards, backwards = SubjectStream(recipe, data), SubjectStream(recipe, data)
    first = [forwards[index] for index in range(len(forwards))]
    last = [backwards[index] for index in reversed(range(len(backwards)))][::-1]
    assert len(first) == 4 * 2 + 2 * 3
    assert all(same(one, other) for one, other in zip(first, last, strict=True))
    elsewhere = pickle.loads(pickle.dumps(forwards))  # as it goes to another process
    assert same(elsewhere[5], first[5])


def test_another_seed_gives_other_samples(data, recipe):
    one, other = SubjectStream(recipe, data), SubjectStream(replace(recipe, seed=8), data)
    assert sum(same(one[index], other[index]) for index in range(14)) < 3


def test_samples_have_the_size_of_their_step(data, recipe):
    stream = SubjectStream(recipe, data)
    for step in range(recipe.steps):
        batch = recipe.stages[recipe.stage_of(step)[0]].batch
        for index in range(stream.first_of(step), stream.first_of(step) + batch):
            (image, alpha), bad = stream[index]
            side = stream.size_of(step)
            assert image.shape == (3, side, side)
            assert alpha.shape == (1, side, side)
            assert image.dtype == alpha.dtype == np.uint8
            assert image.flags.c_contiguous
            assert bad == []
    assert stream.first_of(recipe.steps) == len(stream)


def test_sizes_are_drawn_from_those_of_the_stage(data, recipe):
    stages = Stage(300, (32, 64, 96), 1, 1e-3, 1e-3), Stage(5, (160,), 1, 1e-3, 1e-3)
    stream = SubjectStream(replace(recipe, stages=stages), data)
    drawn = Counter(stream.size_of(step) for step in range(305))
    assert set(drawn) == {32, 64, 96, 160}
    assert drawn[160] == 5
    assert all(drawn[side] > 60 for side in (32, 64, 96))


def test_there_is_nothing_beside_the_stream(data, recipe):
    stream = SubjectStream(recipe, data)
    for index in (-1, len(stream)):
        with pytest.raises(IndexError):
            stream[index]


def test_a_plain_photo_comes_as_inference_sees_it(data, recipe):
    """Without chance in it, a sample is the photo on the network's grid, as `ops.grid` fits it."""
    image, _ = load_pair(find_pairs(data / "train" / "shapes")[0])
    tensor, _ = fit(image, input_spec((64, 64)))
    stage = Stage(400, (64,), 1, 0.0, 0.0, crop=1.0, degrade=0.0)
    plain = replace(recipe, sets={"shapes": SetUse()}, stages=(stage,))
    stream = SubjectStream(plain, data)
    wanted = np.rint((tensor[0] + 1) * 127.5)
    nearest = min(np.abs(stream[index][0][0] - wanted).max() for index in range(200))
    assert nearest <= 1


def test_places_have_no_subject(data, recipe):
    only = replace(recipe, sets={"places": SetUse()})
    stream = SubjectStream(only, data)
    assert not any(stream[index][0][1].any() for index in range(len(stream)))


def test_parts_without_the_subject(own, recipe):
    folder = own / "train" / "corner"
    make_set(folder, 4)
    small = np.zeros((72, 96), np.uint8)
    small[:20, :20] = 255
    for path in (folder / "masks").iterdir():
        Image.fromarray(small).save(path)
    stream = SubjectStream(replace(recipe, sets={"corner": SetUse(empty=1.0)}), own)
    assert not any(stream[index][0][1].any() for index in range(14))
    half = SubjectStream(replace(recipe, sets={"corner": SetUse(empty=0.5)}), own)
    empty = [not half[index][0][1].any() for index in range(14)]
    assert 2 <= sum(empty) <= 12


def test_pasted_subjects(data, recipe):
    pasted = SubjectStream(replace(recipe, sets={"shapes": SetUse(paste=1.0)}), data)
    plain = SubjectStream(replace(recipe, sets={"shapes": SetUse()}), data)
    samples = [(pasted[index], plain[index]) for index in range(14)]
    assert all(one[0][1].any() for one, _ in samples)
    assert sum(np.array_equal(one[0][0], other[0][0]) for one, other in samples) < 3


# --- how often


@given(st.integers(1, 60), st.floats(0.01, 6), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_pictures_are_repeated_evenly(number, repeat, seed):
    indices = _repeated(number, SetUse(repeat), np.random.default_rng(seed))
    assert len(indices) == max(1, round(number * repeat))
    times = Counter(indices)
    each = [times[item] for item in range(number)]
    assert sum(each) == len(indices)
    assert max(each) - min(each) <= 1


def test_rounds_go_through_the_data(data, recipe):
    """Eight shapes one and a half times and two places twice are sixteen samples a round."""
    sets = {"shapes": SetUse(repeat=1.5), "places": SetUse(repeat=2)}
    stream = SubjectStream(replace(recipe, sets=sets), data)
    assert stream.round_length() == 16
    orders = []
    for number in range(3):
        order = [stream._pick(16 * number + place, 0) for place in range(16)]
        times = Counter(order)
        assert all(times["places", item] == 2 for item in range(2))
        assert sorted(times["shapes", item] for item in range(8)) == [1] * 4 + [2] * 4
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


def test_a_stage_may_use_the_sets_in_its_own_way(data, recipe):
    """The stages before and after it go on as if it were not there; its rounds are its own."""
    sets = {"shapes": SetUse(repeat=1.5), "places": SetUse(repeat=2)}
    plain = replace(recipe.stages[0], steps=4, batch=4)
    own = replace(plain, repeat={"places": 6.0})
    usual = SubjectStream(replace(recipe, sets=sets, stages=(plain, plain, plain)), data)
    stream = SubjectStream(replace(recipe, sets=sets, stages=(plain, own, plain)), data)
    assert (stream.round_length(0), stream.round_length(1)) == (16, 24)
    assert stream.recipe.uses(1) == {**sets, "places": SetUse(repeat=6)}
    for stage in (0, 2):
        places = range(16 * stage, 16 * stage + 16)
        orders = [[each._pick(place, stage) for place in places] for each in (usual, stream)]
        assert orders[0] == orders[1]
    times = Counter(stream._pick(16 + place, 1) for place in range(24))
    assert all(times["places", item] == 6 for item in range(2))
    assert sum(times["shapes", item] for item in range(8)) == 12
    (image, _), _ = stream[17]
    assert image.shape[0] == 3


# --- what is wrong with data


def test_pairs_are_found_by_stem_in_order(own):
    folder = own / "train" / "shapes"
    (folder / "images" / ".DS_Store").write_bytes(b"litter")
    (folder / "images" / "a folder").mkdir()
    pairs = find_pairs(folder)
    assert [pair.image.name for pair in pairs] == [f"{number:03d}.png" for number in range(8)]
    assert all(pair.mask.stem == pair.image.stem for pair in pairs)
    assert find_pairs(own / "train" / "places")[0].mask is None


def test_all_sets_are_validated_on(own):
    make_set(own / "validate" / "more", 2, first=70)
    assert [pair.image.stem for pair in find_validation(own)] == ["070", "071", "050", "051", "052"]
    assert find_validation(own / "train") == ()


def test_a_picture_is_loaded_with_its_alpha(data):
    picture, mask = shape(0)
    image, alpha = load_pair(find_pairs(data / "train" / "shapes")[0])
    assert np.array_equal(image, np.asarray(picture))
    assert np.array_equal(alpha, np.asarray(mask))
    assert len(np.unique(alpha)) > 2  # its rim is soft


def test_data_that_are_not_there(tmp_path, recipe):
    with pytest.raises(InputError, match="must be a folder of prepared data") as caught:
        SubjectStream(recipe, tmp_path / "nowhere")
    assert "nukki data prepare" in caught.value.hint


def test_a_set_that_is_not_there(own, recipe):
    sets = {"shape": SetUse()}
    with pytest.raises(InputError, match="has no set `shape`") as caught:
        SubjectStream(replace(recipe, sets=sets), own)
    assert "places, shapes" in caught.value.hint


def test_a_set_without_pictures(own, recipe):
    for path in (own / "train" / "shapes" / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"`.*shapes` must hold photos in images/"):
        SubjectStream(recipe, own)


def test_pictures_without_masks_are_counted(own, recipe):
    for stem in ("003", "005"):
        (own / "train" / "shapes" / "masks" / f"{stem}.png").unlink()
    with pytest.raises(InputError, match=r"2 of 8 photos have no mask in masks/.*`003\.png`"):
        SubjectStream(recipe, own)


def test_a_mask_of_another_size(own):
    folder = own / "train" / "shapes"
    Image.new("L", (50, 40)).save(folder / "masks" / "002.png")
    with pytest.raises(InputError, match=r"`.*002\.png` is 50 x 40, its photo 96 x 72"):
        load_pair(Pair(folder / "images" / "002.png", folder / "masks" / "002.png"))


def broken(own, *stems):
    for stem in stems:
        path = own / "train" / "shapes" / "images" / f"{stem}.png"
        path.write_bytes(path.read_bytes()[:400])


def test_a_picture_that_cannot_be_read_is_named(own, recipe):
    broken(own, "004")
    stream = SubjectStream(replace(recipe, sets={"shapes": SetUse()}), own)
    with pytest.raises(InputError, match=r"shapes/images/004\.png") as caught:
        [stream[index] for index in range(len(stream))]
    assert "--skip-bad" in caught.value.hint


def test_a_picture_that_cannot_be_read_is_passed_over(own, recipe):
    only = replace(recipe, sets={"shapes": SetUse()})
    whole = SubjectStream(only, own)
    before = [whole[index] for index in range(len(whole))]
    ends = whole.recipe.stages[0].steps * whole.recipe.stages[0].batch
    picks = [whole._pick(index, int(index >= ends)) for index in range(len(whole))]
    places = [index for index, pick in enumerate(picks) if pick == ("shapes", 4)]
    broken(own, "004")
    stream = SubjectStream(only, own, skip_bad=True)
    after = [stream[index] for index in range(len(stream))]
    named = [index for index, sample in enumerate(after) if sample[1]]
    assert named == places != []
    assert "shapes/images/004.png" in after[places[0]][1][0]
    others = [index for index in range(len(whole)) if index not in places]
    assert all(same(before[index], after[index]) for index in others)


def test_a_place_that_cannot_be_read_is_named_as_well(own, recipe):
    (own / "train" / "places" / "images" / "000.png").write_bytes(b"no picture")
    only = replace(recipe, sets={"shapes": SetUse(paste=1.0), "places": SetUse(repeat=0.1)})
    stream = SubjectStream(only, own, skip_bad=True)
    lines = {line for index in range(len(stream)) for line in stream[index][1]}
    assert len(lines) == 1
    assert "places/images/000.png" in lines.pop()


def test_a_set_of_which_nothing_can_be_read(own, recipe):
    broken(own, *(f"{number:03d}" for number in range(8)))
    stream = SubjectStream(replace(recipe, sets={"shapes": SetUse()}), own, skip_bad=True)
    with pytest.raises(InputError, match="none of the 8 pictures"):
        stream[0]


def test_a_recipe_may_go_through_the_data_many_times(data, recipe):
    long = replace(recipe, stages=(Stage(1000, (32,), 4, 1e-3, 1e-3),))
    assert isinstance(long, Recipe)
    assert len(SubjectStream(long, data)) == 4000
    assert SubjectStream(long, data)[3999][0][0].shape == (3, 32, 32)
