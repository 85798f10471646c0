"""Shadows and reflections of a figure on even ground, drawn by the formulas that find them."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.cast_shadow import cast_shadow
from nukki.ops.ground import ground_of
from nukki.ops.reflections import reflection
from standing import BASE, TALL, cast, darkened, figure, mirrored, photo, standing


def whole(found, shape):
    mask = np.zeros(shape, np.bool_)
    mask[found.box.slices()] = found.mask
    return mask


@pytest.mark.parametrize(("shear", "length"), [(0.7, 0.35), (-0.8, 0.25), (0.9, -0.35)])
def test_a_cast_shadow_is_found_and_covered(shear, length):
    levels = figure()
    truth = cast(levels, shear, length)
    found = cast_shadow(ground_of(darkened(photo(levels), truth, 0.45), standing(levels)))
    assert found.kind == "shadow"
    assert found.confidence > 0.6
    assert found.strength == pytest.approx(0.45, abs=0.15)
    assert found.lean[0] / found.lean[1] == pytest.approx(shear / length, rel=0.2)
    mask = whole(found, levels.shape)
    assert mask[truth].mean() > 0.95
    assert mask[levels == 0].sum() < 3 * truth.sum()


def sure(pixels, levels):
    found = cast_shadow(ground_of(pixels, standing(levels)))
    return 0.0 if found is None else found.confidence


def test_even_ground_has_no_shadow():
    levels = figure()
    assert sure(photo(levels), levels) < 0.5


def test_the_edge_of_a_road_is_dark_on_one_side_only():
    levels = figure()
    road = np.zeros(levels.shape, np.bool_)
    road[BASE - 20 :] = True
    road &= levels == 0
    assert sure(darkened(photo(levels), road, 0.45), levels) < 0.5


def test_a_row_of_trees_goes_on_where_a_shadow_would_end():
    """The same darkness as a shadow's, which spreads beyond its head: it is less sure then."""
    levels = figure()
    truth = cast(levels, 0.9, 0.15)
    rows, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
    row = truth.copy()
    row[rows[-1] : rows[-1] + 60, columns[-1] :] = True
    row &= levels == 0
    alone, joined = (sure(darkened(photo(levels), one, 0.5), levels) for one in (truth, row))
    assert joined < alone - 0.15


def test_what_is_dark_before_the_sky_is_no_shadow():
    """The same form, as dark beside what is around it, which is lighter than the ground."""
    levels = figure()
    truth = cast(levels, 0.9, -0.35)
    pixels = darkened(photo(levels), truth, 0.45)
    ground = np.indices(levels.shape)[0] >= BASE - 8
    dark = darkened(pixels, ground & (levels == 0), 0.6)
    assert sure(pixels, levels) > 0.5 > sure(dark, levels)


def test_no_shadow_is_flatter_than_a_band():
    levels = figure()
    band = np.zeros(levels.shape, np.bool_)
    band[BASE - 5 : BASE] = True
    found = cast_shadow(ground_of(darkened(photo(levels), band, 0.5), standing(levels)))
    assert found is None or abs(found.lean[1]) >= 0.08


def test_a_dark_patch_of_another_colour_is_no_shadow():
    levels = figure()
    truth = cast(levels, 0.7, 0.25)
    assert sure(darkened(photo(levels), truth, 0.45, (1.4, 0.7, 0.6)), levels) < 0.5


def test_dark_trousers_are_no_shadow():
    levels = figure()
    assert sure(photo(levels, thing=(10, 10, 12)), levels) < 0.5


def test_what_another_thing_covers_is_no_ground():
    levels = figure()
    truth = cast(levels, 0.7, 0.25)
    pixels = darkened(photo(levels), truth, 0.45)
    other = np.zeros_like(levels)
    other[120:, 175:] = 255  # over the shadow's body
    ground = ground_of(pixels, standing(levels), [standing(other, label="car")])
    assert not ground.free[:, ground.free.shape[1] * 2 // 3].all()
    found = cast_shadow(ground)
    assert found is None or found.confidence < 0.6


@pytest.mark.parametrize("base", [220, 219])
def test_who_is_cut_off_by_the_rim_has_no_base(base):
    levels = figure(base=base)
    assert ground_of(photo(levels), standing(levels)) is None


def test_small_things_are_not_asked():
    levels = figure()[::6, ::6].copy()
    assert TALL // 6 < 24
    assert ground_of(photo(levels), standing(levels)) is None


def test_a_reflection_is_found():
    levels = figure()
    found = reflection(ground_of(mirrored(photo(levels), levels, 0.35), standing(levels)))
    assert found.kind == "reflection"
    assert found.confidence > 0.6
    assert found.strength == pytest.approx(0.35, abs=0.15)
    mask = whole(found, levels.shape)
    assert mask[BASE : BASE + 40][levels[::-1][levels.shape[0] - BASE :][:40] > 0].mean() > 0.9
    assert not mask[: BASE - 6].any()


def test_a_floor_that_shows_nothing_has_no_reflection():
    levels = figure()
    found = reflection(ground_of(photo(levels), standing(levels)))
    assert found is None or found.confidence < 0.3


def test_a_shadow_right_below_is_no_reflection():
    levels = figure()
    pixels = darkened(photo(levels), cast(levels, 0.0, 0.4), 0.4)
    found = reflection(ground_of(pixels, standing(levels)))
    assert found is None or found.confidence < 0.5
