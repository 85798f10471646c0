"""The distance transform: worked by hand, and against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nukki.errors import InputError
from nukki.ops.distance import nearest

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)), fill=st.just(False))


def test_worked_distances():
    mask = np.zeros((3, 4), bool)
    mask[0, 0] = mask[2, 3] = True
    distance, rows, columns = nearest(mask)
    root = np.sqrt
    assert distance == pytest.approx(
        np.array([[0, 1, 2, 2], [1, root(2), root(2), 1], [2, 2, 1, 0]])
    )
    assert (rows[0, 1], columns[0, 1]) == (0, 0)
    assert (rows[1, 2], columns[1, 2]) == (2, 3)


@given(MASKS)
@settings(deadline=None)
def test_distances_are_exact_and_lead_to_the_mask(mask):
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return
    distance, rows, columns = nearest(mask)
    assert np.array_equal(distance, distance_transform_edt(~mask))
    assert mask[rows, columns].all()
    y, x = np.indices(mask.shape)
    assert np.allclose(np.hypot(rows - y, columns - x), distance)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.95])
def test_larger_masks_sparse_and_dense(share):
    from scipy.ndimage import distance_transform_edt

    mask = np.random.default_rng(1).random((211, 307)) < share
    mask[100, 3] = True
    assert np.array_equal(nearest(mask)[0], distance_transform_edt(~mask))


def test_blocks_of_rows_do_not_show(monkeypatch):
    from nukki.ops import distance, tiles

    mask = np.random.default_rng(2).random((40, 30)) < 0.02
    whole = nearest(mask)
    monkeypatch.setattr(distance, "row_blocks", lambda h, w, _: tiles.row_blocks(h, w, 7 * w))
    assert all(np.array_equal(a, b) for a, b in zip(whole, nearest(mask), strict=True))


def test_nothing_is_nowhere_near():
    with pytest.raises(InputError, match="must hold a pixel"):
        nearest(np.zeros((3, 3), bool))
