"""Scenes: the truth says just what is in the picture."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.train.scenes import Chances, compose_scene, how_many
from nukki.train.things import DOG, PERSON, UNKNOWN, Thing, tight
from train_files import shape

NOTHING = Chances(mirror=0, tone=0, soften=0, shadow=0)
seeds = st.integers(0, 10**6)


def cutout(seed, label=PERSON):
    picture, mask = shape(seed)
    return np.asarray(picture), np.asarray(mask), label


def standing(colour, *, height=60, width=20, label=PERSON, bust=False):
    """A block of one colour with clear space around it; a bust's lower rim is the photo's."""
    image = np.full((height + 20, width + 20, 3), colour, np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[10 : height + (20 if bust else 10), 10 : width + 10] = 255
    return image, mask, label


def some(seed):
    chance = np.random.default_rng(seed)
    labels = chance.choice([PERSON, PERSON, DOG, UNKNOWN], how_many(chance))
    cutouts = [cutout(int(chance.integers(40)), int(label)) for label in labels]
    behind = chance.integers(0, 256, (100, 140, 3), dtype=np.uint8)
    return behind, cutouts, chance


def block(left, top, right, bottom, shape=(100, 140)):
    mask = np.zeros(shape, np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def same(one, other):
    return (
        np.array_equal(one[0], other[0])
        and len(one[1]) == len(other[1])
        and all(
            (a.label, a.box, a.crowd) == (b.label, b.box, b.crowd)
            and np.array_equal(a.mask, b.mask)
            for a, b in zip(one[1], other[1], strict=True)
        )
    )


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_a_scene_depends_on_its_seed_alone(seed):
    assert same(compose_scene(*some(seed)), compose_scene(*some(seed)))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_visible_masks_share_the_pixels_and_boxes_enclose_them(seed):
    behind, cutouts, chance = some(seed)
    untouched = behind.copy()
    scene, things = compose_scene(behind, cutouts, chance)
    assert scene.shape == behind.shape
    assert scene.dtype == np.uint8
    np.testing.assert_array_equal(behind, untouched)
    assert len(things) <= len(cutouts)
    total = np.zeros(behind.shape[:2], np.int64)
    for thing in things:
        assert thing.mask.shape == behind.shape[:2]
        assert thing.mask.dtype == np.uint8
        assert thing.box == tight(thing.mask)
        assert thing.crowd or thing.mask.sum() >= 100 * 255
        total += thing.mask
    assert total.max(initial=0) <= 255 + len(things)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_photo_is_as_it_was_where_no_thing_is(seed):
    behind, cutouts, chance = some(seed)
    scene, things = compose_scene(behind, cutouts, chance, chances=Chances(shadow=0))
    changed = (scene != behind).any(axis=2)
    total = np.zeros(behind.shape[:2], np.int64)
    for thing in things:
        total += thing.mask
    if len(things) == len(cutouts):  # who is all but hidden changes a pixel and is no thing
        assert not (changed & (total == 0)).any()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_masks_say_who_is_seen(seed):
    """Blocks of plain colours: a pixel has the colour of the thing that its mask says."""
    chance = np.random.default_rng(seed)
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    labels = [PERSON, DOG, UNKNOWN]  # tell the things apart
    cutouts = [standing(colour, label=label) for colour, label in zip(colours, labels, strict=True)]
    behind = np.full((120, 160, 3), 90, np.uint8)
    scene, things = compose_scene(behind, cutouts, chance, chances=NOTHING)
    for thing in things:
        colour = colours[labels.index(thing.label)]
        assert (scene[thing.mask == 255] == colour).all()
    nobody = sum((thing.mask.astype(int) for thing in things), np.zeros(behind.shape[:2], int)) == 0
    if len(things) == len(cutouts):
        assert (scene[nobody] == 90).all()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_people_of_a_scene_have_their_heads_at_about_one_height_and_near_ones_are_in_front(seed):
    chance = np.random.default_rng(seed)
    behind = np.full((200, 450, 3), 90, np.uint8)
    cutouts = [standing((20 * n, 200 - 20 * n, 99), label=n) for n in (0, 0, 0)]
    _, things = compose_scene(behind, cutouts, chance, chances=NOTHING)
    whole = [thing for thing in things if thing.box[1] > 0 and thing.box[3] < 200]
    feet = [thing.box[3] for thing in whole]
    tops = [thing.box[1] for thing in whole]
    heights = [thing.box[3] - thing.box[1] for thing in whole]
    if len(whole) > 1:
        assert max(tops) - min(tops) < 0.45 * max(heights)
    for (low, tall), (next_low, next_tall) in zip(
        zip(feet, heights, strict=True), list(zip(feet, heights, strict=True))[1:], strict=False
    ):
        if next_tall > 1.3 * tall:
            assert next_low > low, "the nearer one stands lower"


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_bust_ends_at_or_below_the_lower_rim(seed):
    chance = np.random.default_rng(seed)
    behind = np.full((120, 200, 3), 90, np.uint8)
    _, things = compose_scene(behind, [standing((255, 0, 0), bust=True)], chance, chances=NOTHING)
    for thing in things:
        assert thing.box[3] == 120


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_what_two_rims_cut_off_reaches_from_rim_to_rim(seed):
    image = np.full((80, 60, 3), 200, np.uint8)
    mask = block(10, 0, 50, 80, (80, 60))
    behind = np.full((120, 200, 3), 90, np.uint8)
    chance = np.random.default_rng(seed)
    _, things = compose_scene(behind, [(image, mask, PERSON)], chance, chances=NOTHING)
    for thing in things:
        assert (thing.box[1], thing.box[3]) == (0, 120)


def test_cutouts_are_mirrored_as_often_as_asked():
    image, mask, label = standing((255, 0, 0), width=40)
    image[:, : image.shape[1] // 2] = (0, 0, 255)
    behind = np.full((200, 300, 3), 90, np.uint8)

    def left_colour(seed, chances):
        scene, (thing,) = compose_scene(
            behind, [(image, mask, label)], np.random.default_rng(seed), chances=chances
        )
        left, top, right, bottom = (int(edge) for edge in thing.box)
        return tuple(scene[(top + bottom) // 2, left + (right - left) // 4])

    mirrored = Chances(mirror=1, tone=0, soften=0, shadow=0)
    inside = [seed for seed in range(20) if _is_whole(behind, (image, mask, label), seed)]
    assert len(inside) > 3
    assert {left_colour(seed, NOTHING) for seed in inside} == {(0, 0, 255)}
    assert {left_colour(seed, mirrored) for seed in inside} == {(255, 0, 0)}


def _is_whole(behind, one, seed):
    _, things = compose_scene(behind, [one], np.random.default_rng(seed), chances=NOTHING)
    return bool(things) and things[0].box[0] > 0 and things[0].box[2] < behind.shape[1]


def test_a_shadow_darkens_what_is_beside_a_thing():
    behind = np.full((200, 300, 3), 90, np.uint8)
    chances = Chances(mirror=0, tone=0, soften=0, shadow=1)
    scene, (thing,) = compose_scene(
        behind, [standing((255, 0, 0))], np.random.default_rng(3), chances=chances
    )
    beside = scene[thing.mask == 0]
    assert (beside <= 90).all()
    assert (beside < 80).any()


def test_nothing_to_paste_is_the_photo_itself():
    behind = np.full((50, 60, 3), 90, np.uint8)
    empty = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.uint8), PERSON
    for cutouts in ([], [empty]):
        scene, things = compose_scene(behind, cutouts, np.random.default_rng(0))
        np.testing.assert_array_equal(scene, behind)
        assert things == ()


# --- things that were there


def scenes_over(there, count=60):
    behind = np.full((100, 140, 3), 90, np.uint8)
    for seed in range(count):
        cutouts = [cutout(seed), cutout(seed + 1)]
        yield compose_scene(behind, cutouts, np.random.default_rng(seed), there=there)[1]


def test_things_that_were_there_are_behind():
    old = Thing(DOG, (40.0, 30.0, 100.0, 100.0), block(40, 30, 100, 100))
    fates = Counter()
    for things in scenes_over([old]):
        before = [thing for thing in things if thing.label == DOG]
        new = [thing for thing in things if thing.label == PERSON]
        if not before:
            fates["hidden"] += 1
            continue
        (thing,) = before
        over = sum((one.mask.astype(int) for one in new), np.zeros((100, 140), int))
        assert (thing.mask.astype(int) + over).max() <= 255 + len(things)
        if thing is old:
            fates["untouched"] += 1
        else:
            fates["passed over" if thing.crowd else "partly"] += 1
            assert thing.box == tight(thing.mask)
    assert fates["untouched"] > 0
    assert fates["partly"] > 5


def test_boxes_of_teachers_are_doubtful_once_half_of_them_is_hidden():
    old = Thing(DOG, (60.0, 50.0, 90.0, 90.0), None, score=0.6)
    fates = Counter()
    for things in scenes_over([old]):
        for thing in things:
            if thing.label == DOG:
                assert thing.mask is None
                assert thing.score == 0.6
                assert thing.box == old.box
                fates[thing.crowd] += 1
    assert fates[True] > 0
    assert fates[False] > 5


def test_scenes_have_one_to_six_cutouts():
    chance = np.random.default_rng(0)
    counts = Counter(how_many(chance) for _ in range(3000))
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert counts[1] < 0.12 * 3000


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (30, 500)])
def test_any_size_of_photo(size):
    behind = np.full((*size, 3), 90, np.uint8)
    for seed in range(10):
        scene, _ = compose_scene(
            behind, [cutout(seed), cutout(seed + 1)], np.random.default_rng(seed)
        )
        assert scene.shape == behind.shape
