"""The transfer function by its standard, and light that is matched within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.composite import compose, stacked
from nukki.ops.light import (
    Light,
    from_linear,
    light_of,
    match_curves,
    relit,
    tint_of,
    to_linear,
)


def exact(levels, top):
    """IEC 61966-2-1 in float64."""
    s = np.asarray(levels, np.float64) / top
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def encoded(light, top):
    light = np.clip(light, 0, 1)
    return top * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_is_exact_and_comes_back(dtype):
    top = np.iinfo(dtype).max
    every = frozen(np.arange(top + 1).astype(dtype))
    light = to_linear(every)
    np.testing.assert_allclose(light, exact(every, top), rtol=1e-6)
    np.testing.assert_array_equal(from_linear(light, np.dtype(dtype)), every)
    assert (np.diff(light) > 0).all()


def test_by_hand():
    assert to_linear(np.uint8([0, 188, 255]))[1] == pytest.approx(0.5029, abs=1e-4)
    assert from_linear(np.float32([-1, 0.5, 2]), np.dtype(np.uint8)).tolist() == [0, 188, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mixing_light_is_what_float64_says(dtype, seed):
    random = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    front, behind = (
        frozen(random.integers(0, top, (7, 9, 3), dtype, endpoint=True)) for _ in range(2)
    )
    alpha = frozen(random.choice([0, 0.1, 0.5, 0.93, 1], (7, 9)).astype(np.float32))
    mixed = compose(front, alpha, behind, linear=True)
    a = alpha[..., None].astype(np.float64)
    oracle = encoded(a * exact(front, top) + (1 - a) * exact(behind, top), top)
    # Dark levels of 16 bits are a hundred times steeper than float32 is fine at white.
    assert np.abs(mixed - oracle).max() <= (0.501 if dtype == np.uint8 else 1.0)
    np.testing.assert_array_equal(mixed[alpha == 1], front[alpha == 1])
    np.testing.assert_array_equal(mixed[alpha == 0], behind[alpha == 0])


@pytest.mark.parametrize("linear", [False, True])
def test_layers_over_nothing_are_the_same_as_one_by_one_over_something(linear):
    random = np.random.default_rng(3)
    lower, upper, behind = (
        frozen(random.integers(0, 65536, (8, 8, 3), np.uint16)) for _ in range(3)
    )
    first, second = (frozen(random.random((8, 8), np.float32)) for _ in range(2))
    colours, cover = stacked(lower, first, upper, second, linear=linear)
    at_once = compose(colours, cover, behind, linear=linear)
    one = compose(lower, first, behind, linear=linear)
    by_one = compose(upper, second, one, linear=linear)
    assert np.abs(at_once.astype(int) - by_one).max() <= (40 if linear else 3)
    solid = frozen(np.ones((8, 8), np.float32))
    colours, cover = stacked(lower, first, upper, solid, linear=linear)
    np.testing.assert_array_equal(colours, upper)
    assert (cover == 1).all()


# matching


def lit(level, size=40, seed=0, spread=25):
    random = np.random.default_rng(seed)
    noise = random.normal(0, spread, (size, size, 1))
    return frozen(np.clip(np.asarray(level) + noise, 0, 255).astype(np.uint8))


def test_a_dark_subject_gets_brighter_in_the_light_but_not_as_bright():
    dark, bright = lit((60, 60, 60)), lit((180, 180, 180), seed=1)
    own, target = light_of(dark), light_of(bright)
    done = light_of(relit(dark, match_curves(own, target)))
    assert own.mean + 0.5 < done.mean < target.mean
    back = light_of(relit(bright, match_curves(target, own)))
    assert own.mean < back.mean < target.mean - 0.5


def test_the_tint_is_that_of_the_lights_and_not_of_the_things():
    red_thing = lit((200, 40, 40))
    white_light, warm_light = lit((230, 230, 230)), lit((230, 190, 140))
    same = light_of(red_thing)
    kept = relit(red_thing, match_curves(same, same, (tint_of(white_light), tint_of(white_light))))
    np.testing.assert_array_equal(kept, red_thing)
    warm = match_curves(same, same, (tint_of(white_light), tint_of(warm_light)))
    stops = [stop for stop, _ in warm]
    assert stops[0] > stops[1] > stops[2]
    assert max(np.abs(stops)) <= 0.3 + 1e-9
    assert abs(np.dot(tint_of(warm_light), (0.2126, 0.7152, 0.0722))) < 1e-9


@settings(max_examples=60, deadline=None)
@given(st.floats(-8, 0), st.floats(-8, 0), st.floats(0, 3), st.floats(0, 3), st.floats(0, 2))
def test_curves_are_bounded_rise_and_stay_in_range(mean, other, spread, wide, strength):
    curves = match_curves(Light(mean, spread), Light(other, wide), strength=strength)
    ramp = frozen(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2))
    done = relit(ramp, curves).astype(int)
    assert (np.diff(done, axis=0) >= 0).all()
    assert done[0].max() == 0
    around = curves[0][0] + mean * (curves[0][1] - 1)
    assert abs(around) <= 1 + 1e-9


def test_what_counts_next_to_nothing_has_no_light():
    assert light_of(lit((90, 90, 90)), np.zeros((40, 40), np.float32)) is None
    half = np.zeros((40, 40), np.float32)
    half[:, 20:] = 1
    two = np.full((40, 40, 3), 20, np.uint8)
    two[:, 20:] = 200
    only = light_of(frozen(two), frozen(half))
    assert only.mean == pytest.approx(np.log2(exact(200, 255)), abs=1e-3)
    assert only.spread == pytest.approx(0, abs=1e-3)


def test_highlights_are_rolled_off_and_not_clipped():
    ramp = frozen(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2))
    done = relit(ramp, ((1.0, 1.0),) * 3)[:, 0, 0]
    assert (done == 255).sum() <= 2
    assert done[100] > 110
    wide = relit(frozen(ramp.astype(np.uint16) * np.uint16(257)), ((1.0, 1.0),) * 3)
    assert wide.dtype == np.uint16
    assert np.abs(wide[:, 0, 0] / 257 - done).max() <= 0.51
