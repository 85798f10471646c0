"""Photos become scenes as often as a recipe says, and nothing but a sample's place decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nukki.errors import InputError
from nukki.train.recipe import SetUse, read_recipe
from nukki.train.staging import SceneStream, named
from nukki.train.things import DOG, PERSON, find_things, load_things
from train_files import make_set, make_things_data, things_recipe, write_recipe


class Scenes(SceneStream):
    """Samples that are the scenes themselves, and of which set they were drawn."""

    def sample(self, draw):
        return (*self.scene(draw), draw.set, draw.item)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_things_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe"), things_recipe("pick")))


def using(recipe, steps=4, **sets):
    """The recipe with these sets alone, each with its `paste`."""
    uses = {name: SetUse(paste=paste) for name, paste in sets.items()}
    return replace(recipe, sets=uses, stages=(replace(recipe.stages[0], steps=steps),))


def test_without_pasting_photos_are_shown_as_they_are(recipe, data):
    stream = Scenes(using(recipe, coco=0.0, people=0.0, places=0.0), data)
    for place in range(len(stream)):
        (image, things, name, item), bad = stream[place]
        shown, there = load_things(stream.sets[name][item])
        np.testing.assert_array_equal(image, shown)
        assert [one.box for one in things] == [one.box for one in there]
        assert bad == []


def test_without_sets_of_cutouts_nothing_is_pasted(recipe, data):
    stream = Scenes(using(recipe, coco=1.0, places=1.0), data)
    sizes = {stream[place][0][0].shape for place in range(len(stream))}
    assert sizes == {(72, 96, 3), (64, 80, 3)}


def test_behind_people_who_are_pasted_there_is_another_photo(recipe, data):
    stream = Scenes(using(recipe, people=1.0, places=0.0), data)
    seen = set()
    for place in range(len(stream)):
        (image, things, name, item), _ = stream[place]
        if name != "people":
            assert things == ()
            continue
        own, _ = load_things(stream.sets[name][item])
        seen.add(image.shape)
        assert image.shape != own.shape
        assert {one.label for one in things} <= {PERSON}
        for one in things:
            assert one.mask.shape == image.shape[:2]
    # Places, or a made-up ground in either shape.
    assert (64, 80, 3) in seen
    assert seen <= {(64, 80, 3), (400, 560, 3), (560, 400, 3)}


def test_people_are_pasted_into_photos_that_keep_their_things(recipe, data):
    stream = Scenes(using(recipe, steps=6, coco=1.0, people=0.0), data)
    pasted = kept = 0
    for place in range(len(stream)):
        (image, things, name, item), _ = stream[place]
        if name != "coco":
            continue
        photo, there = load_things(stream.sets[name][item])
        assert image.shape == photo.shape
        pasted += not np.array_equal(image, photo)
        boxes = [one.box for one in there if one.mask is None]
        kept += sum(one.mask is None and one.box in boxes for one in things)
        assert len(things) <= len(there) + 6
        assert {one.label for one in things} <= {PERSON, DOG}
    assert pasted > 2
    assert kept > 0


def test_a_chance_is_met_on_average(recipe, data):
    stream = Scenes(using(recipe, steps=20, coco=0.5, people=0.0), data)
    changed = []
    for place in range(len(stream)):
        (image, _, name, item), _ = stream[place]
        if name == "coco":
            changed.append(not np.array_equal(image, load_things(stream.sets[name][item])[0]))
    assert 0.2 < np.mean(changed) < 0.8


def test_a_sample_depends_on_its_place_alone(recipe, data):
    use = using(recipe, coco=0.7, people=0.7, places=0.5)
    first, second = Scenes(use, data), Scenes(use, data)
    order = [5, 0, 7, 5, 2]
    shown = {place: first[place][0] for place in order}
    for place in sorted(shown):
        image, things, *drawn = second[place][0]
        np.testing.assert_array_equal(image, shown[place][0])
        assert drawn == list(shown[place][2:])
        for one, other in zip(things, shown[place][1], strict=True):
            assert (one.label, one.box, one.crowd) == (other.label, other.box, other.crowd)
            assert np.array_equal(one.mask, other.mask)


def test_what_is_wrong_is_named(recipe, tmp_path):
    make_set(tmp_path / "train" / "people", 2)
    path = tmp_path / "train" / "people" / "masks" / "001.png"
    path.write_bytes(path.read_bytes()[:60])
    stream = Scenes(using(recipe, people=0.0), tmp_path)
    with pytest.raises(InputError, match=r"001\.png") as caught:
        list(map(stream.__getitem__, range(len(stream))))
    assert "--skip-bad" in caught.value.hint
    patient = Scenes(using(recipe, people=0.0), tmp_path, skip_bad=True)
    bad = [line for place in range(len(patient)) for line in patient[place][1]]
    assert bad
    assert all("001.png" in line for line in bad)


def test_errors_are_told_with_the_photo_they_are_about(data):
    (photo, *_) = find_things(data / "train" / "coco")
    told = InputError(f"`{photo.image}` is broken", hint="h")
    untold = InputError("something is broken", hint="h")
    assert named(photo, told) == told.message
    assert named(photo, untold) == f"`{photo.image}`: something is broken"
    assert Path(photo.image).name in named(photo, untold)
