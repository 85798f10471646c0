"""Timings."""

from __future__ import annotations

import numpy as np
import pytest

from nukki import api
from nukki.errors import InputError
from nukki.evaluate.bench import Timing, measured, photo_like, table


def test_the_made_up_picture_is_the_same_every_time_and_has_a_subject():
    picture = photo_like(96, 128)
    assert picture.shape == (96, 128, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, photo_like(96, 128))
    assert not np.array_equal(picture, photo_like(96, 128, seed=1))
    assert api.remove(photo_like(240, 320), edges="none", colours="keep").found


def test_the_made_up_picture_has_the_spectrum_of_photos():
    grey = photo_like(256, 256)[:, :, 1].astype(float)
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    low, high = power[0, 2:6].mean(), power[0, 60:100].mean()
    assert low > 50 * high
    assert high > 1


def test_a_measurement_has_every_step_and_the_size_asked_for():
    one = measured(photo_like(90, 160), "x", edges="fast", megapixels=0.05, repeat=1)
    assert abs(one.megapixels - 0.05) < 0.001
    assert abs(one.width / one.height - 16 / 9) < 0.02
    steps = (one.decode, one.network, one.edges_step, one.colours, one.encode)
    assert all(0 <= step < 30 for step in steps)
    assert one.whole > one.network / 2
    record = one.record()
    assert (record["model"], record["edges"]) == ("subject", "fast")


def test_without_a_size_the_photo_keeps_its_own():
    one = measured(photo_like(48, 64), "x", edges="none", repeat=1)
    assert (one.width, one.height) == (64, 48)


@pytest.mark.parametrize("size", [0, -1, float("nan")])
def test_a_size_must_be_positive(size):
    with pytest.raises(InputError, match="megapixels"):
        measured(photo_like(32, 32), "x", megapixels=size)


def test_the_table_is_in_milliseconds_and_lines_up():
    timing = Timing(
        photo="a.jpg",
        model="subject",
        edges="auto",
        width=4000,
        height=3000,
        decode=0.08,
        network=0.0554,
        edges_step=0.2,
        colours=0.03,
        encode=0.1,
        whole=0.4649,
    )
    header, row = table([timing])
    assert len(header) == len(row)
    assert row.split() == (
        ["a.jpg", "subject", "auto", "12.00", "80", "55", "200", "30", "100", "465"]
    )
    assert len(list(table([]))) == 1
