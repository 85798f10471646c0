"""Edges found again at full resolution, measured on pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import averaged, disc_truth, frozen, photo, texture
from nukki.ops import refine as module
from nukki.ops.grid import enlarge
from nukki.ops.refine import Refinement, guide_factor, make_guide, refine, settle

ONCE, BEST = Refinement(), Refinement(passes=3)


def enlarge_band(coarse):
    """Where `refine` may change a map of the picture's size."""
    return module._band(coarse)


def scene(height, width, seed, dtype=np.uint8):
    """A textured subject before a textured ground: the photo and its true alpha."""
    truth = disc_truth(height, width)
    front = texture(height, width, (0.75, 0.45, 0.3), 0.12, seed)
    behind = texture(height, width, (0.3, 0.45, 0.6), 0.12, seed + 9)
    return frozen(photo(front, truth, behind, dtype)), frozen(truth)


@pytest.mark.parametrize("how", [ONCE, BEST])
@pytest.mark.parametrize(("size", "grid"), [((300, 400), 32), ((300, 400), 64), ((700, 900), 48)])
@pytest.mark.parametrize("seed", [1, 2])
def test_edges_are_many_times_nearer_to_the_truth_than_the_enlarged_map(how, size, grid, seed):
    pixels, truth = scene(*size, seed)
    coarse = frozen(averaged(truth, (grid, grid)))
    enlarged = enlarge(coarse, *size)
    band = (enlarged > 0.04) & (enlarged < 0.96)
    assert band.mean() > 0.02

    def error(alpha):
        return np.abs(alpha - truth)[band].mean()

    refined = refine(pixels, coarse, how)
    assert refined.shape == size
    assert refined.dtype == np.float32
    assert refined.min() >= 0
    assert refined.max() <= 1
    assert error(refined) * 7 < error(enlarged)  # 9.3 to 10.7 were measured


def test_thin_bars_come_back():
    pixels, truth = scene(480, 640, 4)
    coarse = frozen(averaged(truth, (32, 32)))
    bars = np.zeros_like(truth, bool)
    bars[:150] = truth[:150] == 1
    assert bars.sum() > 500
    assert enlarge(coarse, 480, 640)[bars].mean() < 0.6
    assert refine(pixels, coarse, ONCE)[bars].mean() > 0.72


@pytest.mark.parametrize("how", [ONCE, BEST])
@pytest.mark.parametrize("shape", [(300, 400), (333, 517)])
def test_sure_is_exact(how, shape):
    pixels, truth = scene(*shape, 5)
    coarse = averaged(truth, (32, 32))
    coarse = frozen(np.where(coarse > 0.9, 0.97, np.where(coarse < 0.1, 0.03, coarse)))
    coarse = frozen(coarse.astype(np.float32))
    refined = refine(pixels, coarse, how)
    cells = [np.minimum(np.arange(side) * 32 // side, 31) for side in shape]
    # Cells with three sure neighbours on each side: enlarging mixes nothing unsure into them.
    padded = np.pad(coarse, 3, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    solid = (windows.min(axis=(2, 3)) > 0.96)[np.ix_(*cells)]
    empty = (windows.max(axis=(2, 3)) < 0.04)[np.ix_(*cells)]
    assert solid.sum() > 1000
    assert empty.sum() > 1000
    assert (refined[solid] == 1).all()
    assert (refined[empty] == 0).all()


@pytest.mark.parametrize("how", [ONCE, BEST])
@pytest.mark.parametrize("tile", [64, 256])
def test_threads_do_not_change_a_byte(how, tile, monkeypatch):
    monkeypatch.setattr(module, "TILE", tile)
    pixels, truth = scene(500, 380, 2)
    coarse = frozen(averaged(truth, (40, 40)))
    one = refine(pixels, coarse, how, threads=1)
    for threads in (2, 3):
        assert refine(pixels, coarse, how, threads=threads).tobytes() == one.tobytes()


def test_tiles_leave_no_seams(monkeypatch):
    pixels, truth = scene(500, 380, 2)
    coarse = frozen(averaged(truth, (40, 40)))
    monkeypatch.setattr(module, "TILE", 40)
    tiled = refine(pixels, coarse, ONCE)
    monkeypatch.setattr(module, "TILE", 10_000)
    np.testing.assert_allclose(tiled, refine(pixels, coarse, ONCE), atol=2e-3)


def test_a_guide_at_hand_is_used_where_it_is_small_enough():
    pixels, truth = scene(420, 600, 3)
    coarse = frozen(averaged(truth, (40, 40)))
    plain = refine(pixels, coarse, ONCE)
    for factor in (1, 2, 4, 7):
        found = refine(pixels, coarse, ONCE, guide=make_guide(pixels, factor))
        assert np.array_equal(found, plain) == (factor <= 4)  # 15 pixels a cell
        assert np.abs(found - truth).mean() < 1.4 * np.abs(plain - truth).mean()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_guide_is_the_picture_reduced_to_fit(dtype):
    pixels, _ = scene(90, 130, 1, dtype)
    assert guide_factor(1, 1) == guide_factor(1000, 10) == 1
    assert guide_factor(1001, 10) == 2
    assert guide_factor(3000, 4000) == 4
    guide = make_guide(pixels, 4)
    assert guide.factor == 4
    assert guide.planes.shape == (3, 23, 33)
    assert guide.planes.dtype == np.float32
    top = np.iinfo(dtype).max
    block = pixels[4:8, 8:12].mean(axis=(0, 1)) / top
    np.testing.assert_allclose(guide.planes[:, 1, 2], block, atol=0.51 / top)


@pytest.mark.parametrize("how", [ONCE, BEST])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (31, 33), (32, 32), (2, 700)])
def test_extreme_shapes(how, shape):
    random = np.random.default_rng(0)
    pixels = frozen(random.integers(0, 256, (*shape, 3), np.uint8))
    coarse = frozen(averaged(disc_truth(64, 64), (32, 32)))
    refined = refine(pixels, coarse, how)
    assert refined.shape == shape
    assert refined.dtype == np.float32
    assert np.isfinite(refined).all()
    assert refined.min() >= 0
    assert refined.max() <= 1


def test_a_map_as_large_as_the_picture_is_kept_where_sure_and_hardly_moved_elsewhere():
    pixels, truth = scene(80, 100, 1)
    refined = refine(pixels, truth, ONCE)
    assert set(np.unique(refined[(truth == 0) & (enlarge_band(truth) == 0)])) <= {0.0}
    assert (refined == 1).mean() > 0.9 * (truth == 1).mean()
    assert np.abs(refined - truth).mean() < 0.01


def test_a_map_finer_than_the_picture_still_gives_solid_subjects_and_empty_grounds():
    """A thumbnail's map has more cells than it has pixels."""
    pixels, truth = scene(60, 80, 2)
    soft = frozen(0.02 + 0.96 * enlarge(truth, 288, 288))  # as networks answer: never quite 0 or 1
    refined = refine(pixels, soft, ONCE)
    assert (refined == 1).mean() > 0.8 * (truth == 1).mean()
    assert (refined == 0).mean() > 0.8 * (truth == 0).mean()
    assert np.abs(refined - truth).mean() < 0.02


@pytest.mark.parametrize("how", [ONCE, BEST])
def test_both_depths_agree(how):
    truth = disc_truth(300, 300)
    eight = texture(300, 300, (0.7, 0.5, 0.3), 0.1, 1)
    behind = texture(300, 300, (0.2, 0.4, 0.6), 0.1, 2)
    narrow = frozen(photo(eight, truth, behind))
    wide = frozen(narrow.astype(np.uint16) * np.uint16(257))
    coarse = frozen(averaged(truth, (32, 32)))
    one, two = refine(narrow, coarse, how), refine(wide, coarse, how)
    assert np.abs(one - two).mean() < 1e-3
    assert np.abs(one - two).max() < 0.05


@pytest.mark.parametrize("value", [0.0, 0.02, 1.0, 0.99])
def test_a_map_that_is_sure_everywhere(value):
    pixels, _ = scene(200, 300, 1)
    coarse = frozen(np.full((32, 32), value, np.float32))
    np.testing.assert_array_equal(refine(pixels, coarse, ONCE), np.full((200, 300), value > 0.5))


def test_a_solid_subject_of_many_colours_stays_solid():
    """Stripes like the ground's inside the subject must not become holes."""
    truth = frozen(np.zeros((400, 400), np.float32))
    truth = truth.copy()
    truth[80:320, 80:320] = 1
    front = texture(400, 400, (0.8, 0.4, 0.3), 0.1, 1)
    behind = texture(400, 400, (0.3, 0.5, 0.6), 0.1, 2)
    front[:, ::16] = behind[:, ::16]
    pixels = frozen(photo(front, truth, behind))
    refined = refine(pixels, frozen(averaged(truth, (40, 40))), ONCE)
    assert (refined[120:280, 120:280] == 1).all()
    assert (refined[:40] == 0).all()


# settling the map


def blob(value, inside=1.0):
    coarse = np.zeros((30, 30), np.float32)
    coarse[5:25, 5:25] = inside
    coarse[12:18, 12:18] = value
    return frozen(coarse)


def test_doubt_inside_a_subject_becomes_subject():
    settled = settle(blob(0.4))
    assert settled.dtype == np.float32
    np.testing.assert_array_equal(settled, blob(1.0))


def test_a_gap_that_falls_to_the_ground_stays():
    np.testing.assert_array_equal(settle(blob(0.05)), blob(0.05))


def test_doubt_that_is_open_to_the_outside_stays():
    coarse = blob(0.4).copy()
    coarse[12:18, 18:30] = 0.4
    np.testing.assert_array_equal(settle(frozen(coarse)), coarse)


def test_ghosts_are_dropped_and_faint_edges_of_a_subject_stay():
    coarse = blob(1.0).copy()
    coarse[26:29, 26:29] = 0.45  # a piece of its own
    coarse[5:25, 25] = 0.3  # the subject's soft side
    settled = settle(frozen(coarse))
    coarse[26:29, 26:29] = 0
    np.testing.assert_array_equal(settled, coarse)


def test_a_pale_map_keeps_what_stands_out_of_it():
    """Where the network is nowhere sure, its best guess is not taken for a ghost."""
    coarse = np.zeros((20, 20), np.float32)
    coarse[4:10, 4:10] = 0.65
    coarse[14:16, 14:16] = 0.3
    settled = settle(frozen(coarse))
    assert (settled[4:10, 4:10] == np.float32(0.65)).all()
    assert (settled[14:16, 14:16] == 0).all()
