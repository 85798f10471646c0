"""Pictures that the tests of io share."""

from __future__ import annotations

import numpy as np
import pytest

from io_files import profile


@pytest.fixture
def gradient():
    """(19, 27, 3) uint8: no two of its eight orientations look alike."""
    rows, columns = np.mgrid[0:19, 0:27]
    return np.stack([rows * 13, columns * 9, (rows * 27 + columns) // 3], axis=-1).astype(np.uint8)


@pytest.fixture
def wide_profile():
    return profile()
