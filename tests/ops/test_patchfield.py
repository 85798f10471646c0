"""Fields of matches: trying all finds the best, trying at random comes near; never a forbidden."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.patchfield import Field, Sources, exhaust, search

HEIGHT, WIDTH = 24, 40


@pytest.fixture(scope="module")
def scene():
    """Smooth descriptions, what is allowed, and what is to be matched."""
    random = np.random.default_rng(6)
    y, x = np.indices((HEIGHT, WIDTH))
    told = np.stack(
        [40 * np.cos(a * y + b * x) for a, b in random.uniform(-0.4, 0.4, (5, 2))], axis=-1
    ).astype(np.float32)
    allowed = np.ones((HEIGHT, WIDTH), np.bool_)
    allowed[6:18, 12:28] = False
    allowed[:, 36:] = False
    return told, Sources(allowed, told.reshape(-1, 5))


def field(scene, seed=0):
    told, sources = scene
    rows, columns = (at.astype(np.int32) for at in np.mgrid[6:18, 12:28].reshape(2, -1))
    chosen = np.random.default_rng(seed).choice(sources.places, len(rows))
    started = Field(rows, columns, chosen // WIDTH, chosen % WIDTH, np.zeros(len(rows), np.float32))
    return started, told[rows, columns]


def best(scene, wanted):
    _, sources = scene
    apart = wanted[:, None] - sources.told[sources.places][None]
    return np.square(apart).sum(axis=-1).min(axis=1)


def test_trying_all_finds_the_best(scene):
    found, wanted = field(scene)
    exhaust(found, wanted, scene[1], threads=2)
    rounded = np.rint(wanted), Sources(scene[1].allowed, np.rint(scene[1].told))
    np.testing.assert_array_equal(found.cost, best((None, rounded[1]), rounded[0]))
    assert scene[1].allowed[found.from_rows, found.from_columns].all()


def test_searching_comes_near_the_best_and_never_gets_worse(scene):
    found, wanted = field(scene)
    random = np.random.default_rng(1)
    before = np.inf
    for _ in range(8):
        search(found, wanted, scene[1], random, steps=(4, 2, 1), reach=20)
        assert scene[1].allowed[found.from_rows, found.from_columns].all()
        at = found.from_rows * WIDTH + found.from_columns
        true = np.square(scene[1].told[at] - wanted).sum(axis=1)
        np.testing.assert_allclose(found.cost, true, rtol=1e-4)
        assert found.cost.sum() <= before
        before = found.cost.sum()
    true = best(scene, wanted)
    assert np.median(found.cost) <= 2 * np.median(true) + 50
    assert found.cost.mean() <= 1.5 * true.mean()


def test_matches_are_handed_on_without_lots(scene):
    """One good match among bad ones reaches the others: a picture that goes on exactly."""
    told = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    told[..., 0], told[..., 1] = np.indices((HEIGHT, WIDTH)) * 10
    wanted_from = told.copy()
    wanted_from[6:18, 12:28] = told[6:18, 12:28] + (0, -120)  # as it is 12 columns to the left
    sources = Sources(scene[1].allowed, told.reshape(-1, 2))
    found, _ = field(scene)
    found.from_rows[:], found.from_columns[:] = 0, 0
    found.from_rows[0], found.from_columns[0] = 6, 0
    wanted = wanted_from[found.rows, found.columns]
    for _ in range(8):
        search(found, wanted, sources, np.random.default_rng(0), steps=(4, 2, 1), reach=0)
    left = found.columns < 24  # the others' match would be in the hole
    np.testing.assert_array_equal(found.from_columns[left], found.columns[left] - 12)
    np.testing.assert_array_equal(found.from_rows[left], found.rows[left])


def test_threads_do_not_matter(scene):
    one, wanted = field(scene)
    two, _ = field(scene)
    for found, threads in ((one, 1), (two, 3)):
        search(
            found, wanted, scene[1], np.random.default_rng(4), steps=(2, 1), reach=9,
            threads=threads,
        )  # fmt: skip
    np.testing.assert_array_equal(one.from_rows, two.from_rows)
    np.testing.assert_array_equal(one.from_columns, two.from_columns)
    np.testing.assert_array_equal(one.cost, two.cost)
