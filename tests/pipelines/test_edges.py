"""How edges are drawn: by the map, in a trimap that is guessed, banded or given."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import averaged, disc_truth, frozen, photo, texture
from nukki.io.images import Picture
from nukki.ops.refine import make_guide
from nukki.ops.trimap import fixed, from_alpha
from nukki.pipelines import edges as module
from nukki.pipelines.edges import View, Wish, draw


def view(pixels, factor=1):
    return View(Picture(frozen(pixels)), make_guide(pixels, factor))


def scene(height=180, width=240, *, seed=1, dtype=np.uint8, truth=None):
    """A photo, its true alpha, and the map of a network with a coarse grid."""
    truth = disc_truth(height, width, 2) if truth is None else truth
    front = texture(height, width, (0.75, 0.45, 0.3), 0.1, seed)
    behind = texture(height, width, (0.3, 0.45, 0.6), 0.1, seed + 9)
    coarse = averaged(truth, (height // 6, width // 6)).astype(np.float32)
    return photo(front, truth, behind, dtype), truth, frozen(coarse)


def error(alpha, truth):
    return float(np.abs(alpha - truth).mean())


@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_is_nearer_to_the_truth_than_the_one_before(factor, seed):
    pixels, truth, coarse = scene(seed=seed)
    found = {
        edges: error(draw(view(pixels, factor), coarse, Wish(edges)).alpha, truth)
        for edges in ("none", "fast", "auto", "best")
    }
    assert found["fast"] < 0.4 * found["none"]
    assert found["auto"] < 0.8 * found["fast"]
    assert found["best"] < 1.02 * found["auto"]


@pytest.mark.parametrize("edges", ["auto", "best"])
@pytest.mark.parametrize("factor", [1, 2, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_known_is_exact_and_threads_change_nothing(edges, factor, dtype):
    pixels, _, coarse = scene(121, 163, dtype=dtype)
    one = draw(view(pixels, factor), coarse, Wish(edges), threads=1)
    many = draw(view(pixels, factor), coarse, Wish(edges), threads=3)
    assert one.alpha.tobytes() == many.alpha.tobytes()
    assert one.alpha.dtype == np.float32
    assert one.alpha.shape == one.trimap.shape == (121, 163)
    assert 0 <= one.alpha.min() <= one.alpha.max() <= 1
    known = one.trimap != 128
    assert 0.3 < known.mean() < 0.98
    np.testing.assert_array_equal(one.alpha[known], (one.trimap == 255)[known])


def test_gaps_that_the_map_closed_open():
    """Between the bars of a chair the map falls a little; the colours tell bars from ground."""
    truth = np.zeros((160, 200), np.float32)
    truth[40:120, 40:160] = 1
    for left in range(52, 140, 20):
        truth[50:110, left : left + 10] = 0
    pixels, _, coarse = scene(160, 200, truth=truth)
    alphas = {edges: draw(view(pixels), coarse, Wish(edges)).alpha for edges in ("auto", "best")}
    inner = np.s_[56:104, 58:142]
    for edges in ("auto", "best"):
        # The bars stand sharp, though the ground between them is not gone all over.
        alpha = alphas[edges][inner]
        assert ((alpha > 0.5) == (truth[inner] > 0.5)).mean() > 0.97
        assert alpha[truth[inner] == 1].mean() - alpha[truth[inner] == 0].mean() > 0.4


def test_far_specks_stay_gone_and_the_inside_stays_solid():
    pixels, truth, coarse = scene()
    doubtful = coarse.copy()
    doubtful[1:3, 1:3] = 0.4  # a ghost
    middle = tuple(side // 2 for side in coarse.shape)
    doubtful[middle] = 0.85  # doubt that the subject encloses
    for edges in ("auto", "best"):
        alpha = draw(view(pixels), frozen(doubtful), Wish(edges)).alpha
        assert not alpha[:24, :24].any()
        centre = alpha[80:100, 110:130]
        assert (centre == 1).all()
        assert truth[80:100, 110:130].all()


def test_a_band_of_a_fixed_width():
    pixels, truth, coarse = scene()
    fast = draw(view(pixels), coarse, Wish("fast")).alpha
    for edges in ("none", "fast", "auto", "best"):
        edge = draw(view(pixels), coarse, Wish(edges, band=(3, 6), trimap=True))
        np.testing.assert_array_equal(edge.trimap, fixed(fast, 3, 6))
    assert error(edge.alpha, truth) < error(fast, truth)


def test_without_a_band_nothing_but_the_map_is_looked_at():
    pixels, _, coarse = scene()
    for edges in ("none", "fast"):
        plain = draw(view(pixels), coarse, Wish(edges))
        kept = draw(view(pixels), coarse, Wish(edges, trimap=True))
        assert plain.trimap is None
        assert kept.trimap is not None
        np.testing.assert_array_equal(plain.alpha, kept.alpha)


@pytest.mark.parametrize("edges", ["none", "fast", "auto", "best"])
@pytest.mark.parametrize("factor", [1, 2])
def test_a_trimap_that_was_drawn_is_taken_at_its_word(edges, factor):
    pixels, truth, coarse = scene()
    drawn = np.full(truth.shape, 0, np.uint8)
    drawn[:, :130] = from_alpha(truth[:, :130].astype(np.float32), 5)  # the right half is cut away
    edge = draw(view(pixels, factor), coarse, Wish(edges), drawn=frozen(drawn))
    known = drawn != 128
    np.testing.assert_array_equal(edge.trimap, drawn)
    np.testing.assert_array_equal(edge.alpha[known], (drawn == 255)[known])
    if edges in ("auto", "best"):
        band = ~known
        band[:, 124:] = False
        assert np.abs(edge.alpha - truth)[band].mean() < 0.06


def test_a_busy_picture_is_matted_at_half_its_size(monkeypatch):
    pixels, truth, coarse = scene()
    whole = draw(view(pixels), coarse, Wish("auto"))
    monkeypatch.setattr(module, "MOST", 1000)
    half = draw(view(pixels), coarse, Wish("auto"))
    assert (half.trimap == 128).sum() > 1000
    np.testing.assert_array_equal(half.trimap, whole.trimap)
    assert not np.array_equal(half.alpha, whole.alpha)
    assert error(half.alpha, truth) < 0.006
    best = draw(view(pixels), coarse, Wish("best"))
    assert error(best.alpha, truth) < 0.006


class Matter:
    def predict(self, image, trimap):
        self.image, self.trimap = image, trimap
        return np.where(trimap == 128, np.float32(0.25), (trimap == 255).astype(np.float32))


@pytest.mark.parametrize("edges", ["none", "fast", "auto", "best"])
def test_a_network_gets_the_same_trimap(edges):
    pixels, _, coarse = scene()
    matter = Matter()
    edge = draw(view(pixels), coarse, Wish(edges), matting=matter)
    auto = draw(view(pixels), coarse, Wish("auto"))
    np.testing.assert_array_equal(matter.trimap, auto.trimap)
    np.testing.assert_array_equal(edge.trimap, auto.trimap)
    np.testing.assert_array_equal(edge.alpha == 0.25, auto.trimap == 128)
