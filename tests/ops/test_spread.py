"""Values spread to where they are not known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.spread import spread, spread_mean


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_what_is_known_stays_and_the_rest_lies_between_what_is_known(height, width, seed):
    random = np.random.default_rng(seed)
    planes = frozen(random.random((2, height, width), np.float32))
    known = random.random((height, width)) < 0.2
    filled = spread(planes, frozen(known.astype(np.float32)))
    np.testing.assert_allclose(filled[:, known], planes[:, known], atol=1e-6)
    if known.any():
        for plane, whole in zip(planes, filled, strict=True):
            assert whole.min() >= plane[known].min() - 1e-5
            assert whole.max() <= plane[known].max() + 1e-5
    else:
        assert not filled.any()


def test_a_ramp_known_on_its_two_sides_is_filled_smoothly():
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (1, 32, 64))
    known = np.zeros((32, 64), np.float32)
    known[:, :8] = known[:, -8:] = 1
    filled = spread(ramp, known)[0]
    assert np.abs(np.diff(filled, axis=1)).max() < 0.12  # no step
    assert abs(filled[16, 32] - 0.5) < 0.1


def test_means_leave_noise_and_unknown_values_out():
    random = np.random.default_rng(1)
    planes = random.normal(0.5, 0.1, (1, 60, 60)).astype(np.float32)
    planes[:, 20:40, 20:40] = np.nan_to_num(np.float32(9e9))
    known = np.ones((60, 60), np.float32)
    known[20:40, 20:40] = 0
    means = spread_mean(planes, known, 3)
    assert np.abs(means - 0.5).max() < 0.1
    assert means.std() < 0.03
