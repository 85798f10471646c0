"""What pictures go through: sizes and kinds stay, subjects are kept, all chance is the seed's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukki.train import augment

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(8, 90)
quick = settings(max_examples=40, deadline=None)


def picture(height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def blob(height, width, seed):
    """A mask with one box of a random size somewhere, never empty."""
    chance = np.random.default_rng([seed, 1])
    mask = np.zeros((height, width), np.uint8)
    tall, wide = chance.integers(1, height + 1), chance.integers(1, width + 1)
    top, left = chance.integers(0, height - tall + 1), chance.integers(0, width - wide + 1)
    mask[top : top + tall, left : left + wide] = 255
    return mask


def chance(seed):
    return np.random.default_rng([seed, 2])


def check(image, mask):
    assert image.dtype == mask.dtype == np.uint8
    assert image.shape == (*mask.shape, 3)
    assert mask.size > 0


# --- where things are


@given(sides, sides, seeds)
@quick
def test_flipping_twice_changes_nothing(height, width, seed):
    image, mask = picture(height, width, seed), blob(height, width, seed)
    once = augment.flip(image, mask)
    check(*once)
    twice = augment.flip(*once)
    assert np.array_equal(twice[0], image)
    assert np.array_equal(twice[1], mask)
    assert np.array_equal(once[0][:, 0], image[:, -1])


@given(sides, sides, seeds, st.floats(0.05, 1.0))
@quick
def test_a_part_keeps_most_of_the_subject(height, width, seed, least):
    """Of its rows' sums and of its columns' sums at least .7 each, so never less than .4 of it."""
    image, mask = picture(height, width, seed), blob(height, width, seed)
    part, kept = augment.crop(image, mask, chance(seed), least)
    check(part, kept)
    total = mask.sum(dtype=np.int64)
    assert kept.sum(dtype=np.int64) >= 0.4 * total
    # A box is the product of its sides, so the share that is kept is a product as well.
    assert kept.sum(dtype=np.int64) >= 0.49 * total - 1e-6 * total
    # It is a part: its first row is a row of the picture.
    rows = {row.tobytes() for y in range(height) for row in _windows(image[y], part.shape[1])}
    assert part[0].tobytes() in rows


def _windows(row, width):
    return (row[x : x + width] for x in range(row.shape[0] - width + 1))


@given(sides, sides, seeds)
@quick
def test_a_strict_part_keeps_the_whole_subject(height, width, seed):
    mask = blob(height, width, seed)
    _, kept = augment.crop(picture(height, width, seed), mask, chance(seed), 0.2, hold=1.0)
    assert kept.sum(dtype=np.int64) == mask.sum(dtype=np.int64)


def test_parts_are_as_small_as_allowed_and_no_smaller():
    image, mask = picture(200, 200, 0), np.zeros((200, 200), np.uint8)
    areas = [
        augment.crop(image, mask, chance(seed), 0.3)[1].size / mask.size for seed in range(200)
    ]
    assert 0.28 < min(areas) < 0.36
    assert max(areas) > 0.9


@given(sides, sides, seeds)
@quick
def test_a_part_without_the_subject_holds_none_of_it(height, width, seed):
    image, mask = picture(height, width, seed), blob(height, width, seed)
    marked = image.copy()
    marked[mask > 10] = (1, 2, 3)
    image[(image == (1, 2, 3)).all(axis=2)] = 0
    marked[(mask <= 10)] = image[mask <= 10]
    part = augment.empty_part(marked, mask, chance(seed))
    if part is not None:
        assert part.dtype == np.uint8
        assert part.shape[0] * part.shape[1] >= height * width / 7
        assert not (part == (1, 2, 3)).all(axis=2).any()


def test_there_is_no_part_beside_a_subject_that_fills_the_photo():
    image, mask = picture(60, 60, 1), np.full((60, 60), 255, np.uint8)
    assert augment.empty_part(image, mask, chance(1)) is None
    assert augment.empty_part(image, np.zeros_like(mask), chance(1)) is not None


@given(sides, sides, seeds, st.floats(0, 30))
@quick
def test_turning_keeps_picture_and_mask_together(height, width, seed, degrees):
    image, mask = picture(height, width, seed), blob(height, width, seed)
    check(*augment.turn(image, mask, chance(seed), degrees))
    # A picture that shows its mask still shows it.
    shown = np.repeat(mask[..., None], 3, axis=2)
    turned, turned_mask = augment.turn(shown, mask, chance(seed), degrees)
    assert np.array_equal(turned[..., 0], turned_mask)


def test_turning_by_nothing_changes_nothing():
    image, mask = picture(40, 50, 3), blob(40, 50, 3)
    same, same_mask = augment.turn(image, mask, chance(3), 0.0)
    assert np.array_equal(same, image)
    assert np.array_equal(same_mask, mask)


# --- other backgrounds


@given(st.integers(8, 60), st.integers(8, 60), seeds, st.booleans())
@quick
def test_backdrops_have_the_size_that_was_asked_for(height, width, seed, of_a_place):
    place = picture(30, 44, seed) if of_a_place else None
    behind = augment.backdrop(place, height, width, chance(seed))
    assert behind.shape == (height, width, 3)
    assert behind.dtype == np.uint8


def test_a_backdrop_without_a_place_is_a_colour_from_row_to_row():
    for seed in range(20):
        behind = augment.backdrop(None, 20, 30, chance(seed))
        assert (behind == behind[:, :1]).all()


@given(st.integers(12, 60), st.integers(12, 60), seeds)
@quick
def test_a_pasted_subject_is_where_its_alpha_says(height, width, seed):
    """A subject of one colour over another: every pixel is their mixture by the alpha."""
    red, blue = (200, 30, 40), (10, 60, 190)
    mask = blob(24, 32, seed)
    image = np.where(mask[..., None] == 255, np.uint8(red), np.uint8((90, 90, 90)))
    behind = np.full((height, width, 3), blue, np.uint8)
    result, truth = augment.paste(image, mask, behind, chance(seed))
    check(result, truth)
    assert truth.shape == (height, width)
    assert truth.max() == 255
    assert np.array_equal(result[truth == 0], behind[truth == 0])
    sure = truth == 255
    assert np.abs(result[sure].astype(int) - red).max() <= 3
    share = truth[..., None] / 255
    mixed = share * red + (1 - share) * blue
    assert np.abs(result - mixed).max() <= 12  # colours in the rim are estimated


def test_pasting_changes_nothing_that_was_given():
    image, mask, behind = picture(20, 30, 1), blob(20, 30, 1), picture(40, 40, 2)
    before = image.copy(), mask.copy(), behind.copy()
    augment.paste(image, mask, behind, chance(1))
    assert all(np.array_equal(a, b) for a, b in zip(before, (image, mask, behind), strict=True))


def test_a_photo_without_a_subject_pastes_nothing():
    behind = picture(30, 40, 5)
    nothing = np.zeros((20, 20), np.uint8)
    result, truth = augment.paste(picture(20, 20, 4), nothing, behind, chance(1))
    assert np.array_equal(result, behind)
    assert truth.shape == (30, 40)
    assert not truth.any()


# --- how things look


@given(st.integers(16, 70), st.integers(16, 70), seeds)
@settings(max_examples=80, deadline=None)
def test_degrading_keeps_size_and_kind(height, width, seed):
    image = picture(height, width, seed)
    worse = augment.degrade(image, chance(seed))
    assert worse.shape == image.shape
    assert worse.dtype == np.uint8


@pytest.mark.parametrize("spoil", [spoil for _, spoil in augment._RARE], ids=lambda f: f.__name__)
def test_each_way_of_degrading_changes_a_picture_and_keeps_its_shape(spoil):
    image = picture(48, 64, 9)
    for seed in range(6):
        worse = spoil(image, chance(seed))
        assert worse.shape == image.shape
        assert worse.dtype == np.uint8
        assert not np.array_equal(worse, image)


def test_grey_is_grey_or_sepia():
    for seed in range(20):
        red, green, blue = augment._grey(picture(16, 16, 3), chance(seed)).transpose(2, 0, 1)
        assert (red >= green).all()
        assert (green >= blue).all()


def test_dark_is_darker():
    image = picture(64, 64, 2)
    for seed in range(10):
        assert augment._dark(image, chance(seed)).mean() < 0.85 * image.mean()


def test_saturation_by_hand():
    pixel = np.uint8([[[200, 100, 0]]])  # grey is .299·200 + .587·100 = 118.5
    assert augment._saturate(pixel, 0.0).ravel().tolist() == [118, 118, 118]
    assert augment._saturate(pixel, 1.0).ravel().tolist() == [200, 100, 0]
    assert augment._saturate(pixel, 0.5).ravel().tolist() == [159, 109, 59]
    assert augment._saturate(pixel, 2.0).ravel().tolist() == [255, 82, 0]


# --- all chance is the seed's


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_sample(seed):
    image, mask, behind = picture(50, 60, seed), blob(50, 60, seed), picture(40, 44, seed)

    def all_of_it():
        one = chance(seed)
        parts = [
            *augment.crop(image, mask, one, 0.3),
            *augment.turn(image, mask, one, 15.0),
            *augment.paste(image, mask, behind, one),
            augment.backdrop(image, 32, 32, one),
            *(augment.degrade(image, one) for _ in range(20)),
        ]
        return [part.tobytes() for part in parts]

    assert all_of_it() == all_of_it()
