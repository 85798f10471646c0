"""What is in focus is sharper than what is not."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen, texture
from nukki.ops.alpha import gaussian
from nukki.ops.reduce import box_reduce
from nukki.ops.sharpness import laplacian, reduction, sharpness
from nukki.types import Box


def scene():
    """Texture, sharp in the left half and blurred in the right one."""
    sharp = texture(96, 128, (0.5, 0.5, 0.5), 0.5, 3)
    blurred = np.dstack([gaussian(np.ascontiguousarray(sharp[..., c]), 4.0) for c in range(3)])
    sharp[:, 64:] = blurred[:, 64:]
    return frozen(np.rint(np.clip(sharp, 0, 1) * 255).astype(np.uint8))


def whole(box):
    return np.ones((box.height, box.width), bool)


LEFT, RIGHT = Box(4, 4, 60, 92), Box(70, 4, 124, 92)


def test_the_sharp_half_is_sharper_than_the_photo_and_the_other_less():
    detail = laplacian(scene())
    assert sharpness(detail, 1, whole(LEFT), LEFT) > 0.55
    assert sharpness(detail, 1, whole(RIGHT), RIGHT) < 0.1


def test_by_hand():
    image = np.zeros((3, 3, 3), np.uint8)
    image[1, 1] = 100
    detail = laplacian(frozen(image))
    np.testing.assert_allclose(detail, [[0, 100, 0], [100, -400, 100], [0, 100, 0]], rtol=1e-5)
    row = Box(0, 1, 3, 2)  # 100, -400, 100 deviate by 235.70, all nine by 149.07
    assert sharpness(detail, 1, whole(row), row) == pytest.approx(235.70 / (235.70 + 149.07), 1e-3)


def test_all_of_a_photo_is_as_sharp_as_itself_and_so_is_a_flat_one():
    box = Box(0, 0, 128, 96)
    assert sharpness(laplacian(scene()), 1, whole(box), box) == pytest.approx(0.5)
    flat = laplacian(np.full((20, 30, 3), 90, np.uint8))
    assert sharpness(flat, 1, np.ones((5, 5), bool), Box(0, 0, 5, 5)) == 0.5


def test_only_the_mask_counts():
    box = Box(0, 0, 128, 96)
    mask = np.zeros((96, 128), bool)
    mask[4:92, 70:124] = True
    assert sharpness(laplacian(scene()), 1, mask, box) < 0.1


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("box", [LEFT, Box(127, 95, 128, 96), Box(1, 1, 2, 2), Box(5, 94, 9, 96)])
def test_any_box_of_a_reduced_photo(factor, box):
    detail = laplacian(box_reduce(scene(), factor))
    assert 0 <= sharpness(detail, factor, whole(box), box) <= 1
    if box is LEFT:
        assert sharpness(detail, factor, whole(box), box) > 0.5


def test_large_photos_are_reduced():
    assert [reduction(1, 1), reduction(1024, 900), reduction(3000, 4000)] == [1, 1, 3]
