"""Outlines are filled as COCO's own code fills them, but for soft rims."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.outlines import drawn, filled, told_mask
from nukki.ops.runs import to_runs, to_text

WIDTH, HEIGHT = 50, 40


def test_a_square_fills_its_pixels_and_no_more():
    mask = filled([[10, 5, 30, 5, 30, 25, 10, 25]], (WIDTH, HEIGHT))
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[5:25, 10:30] = True
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask >= 128, inside)
    assert (mask[6:24, 11:29] == 255).all()
    assert mask.sum(dtype=float) / 255 == pytest.approx(400, rel=0.05)


def test_half_a_pixel_is_half():
    mask = filled([[10, 5, 30.5, 5, 30.5, 25, 10, 25]], (WIDTH, HEIGHT))
    assert 100 < mask[15, 30] < 220


def test_what_lies_outside_is_cut_off():
    assert filled([[-9, -9, 99, -9, 99, 99, -9, 99]], (WIDTH, HEIGHT)).min() == 255
    assert filled([[60, 5, 70, 5, 70, 9]], (WIDTH, HEIGHT)).max() == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_nearly_the_pixels_of_pycocotools_and_the_area_of_the_outline():
    """Stars of nine points: their rims are where the two differ."""
    coco = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(2)
    agreement = []
    for _ in range(20):
        angles, radii = np.sort(random.uniform(0, 2 * np.pi, 9)), random.uniform(5, 18, 9)
        x, y = 25 + radii * np.cos(angles), 20 + radii * np.sin(angles)
        points = [np.stack([x, y], axis=1).ravel().tolist()]
        theirs = coco.decode(coco.frPyObjects(points, HEIGHT, WIDTH))[..., 0] > 0
        alpha = filled(points, (WIDTH, HEIGHT))
        ours = alpha >= 128
        agreement.append((theirs & ours).sum() / (theirs | ours).sum())
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        assert alpha.sum(dtype=float) / 255 == pytest.approx(area, rel=0.06)
    assert min(agreement) > 0.88
    assert np.mean(agreement) > 0.94


def test_what_an_annotation_tells():
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[3:9, 4:30] = True
    runs = to_runs(mask)
    for told in (runs, to_text(runs)):
        np.testing.assert_array_equal(told_mask((), told, (WIDTH, HEIGHT)), mask * np.uint8(255))
    assert told_mask((), None, (WIDTH, HEIGHT)) is None
    square = [[4, 3, 30, 3, 30, 9, 4, 9]]
    np.testing.assert_array_equal(told_mask(square, None, (WIDTH, HEIGHT)) >= 128, mask)
    with pytest.raises(ValueError, match="runs must be"):
        told_mask((), [3, 4], (WIDTH, HEIGHT))


def test_pillow_draws_the_rim_too():
    assert np.count_nonzero(drawn((9, 9), [[2, 2, 5, 2, 5, 5, 2, 5]])) == 16
