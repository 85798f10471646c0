"""The membrane against the linear system that it solves."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.poisson import membrane


def solved(forces, hole):
    """The same by a dense solver."""
    places = {place: number for number, place in enumerate(zip(*np.nonzero(hole), strict=True))}
    matrix = np.zeros((len(places), len(places)))
    for (row, column), number in places.items():
        for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            y, x = row + down, column + across
            if 0 <= y < hole.shape[0] and 0 <= x < hole.shape[1]:
                matrix[number, number] -= 1
                if (y, x) in places:
                    matrix[number, places[y, x]] += 1
    result = np.zeros(forces.shape)
    result[hole] = np.linalg.solve(matrix, forces[hole])
    return result


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(3, 17), slice(4, 20)), (slice(0, 9), slice(0, 24)), (slice(8, 9), slice(8, 9))],
)
def test_it_is_the_solution(rows, columns):
    hole = np.zeros((20, 24), np.bool_)
    hole[rows, columns] = True
    hole[10, 10] &= False
    random = np.random.default_rng(1)
    forces = random.normal(0, 1, (20, 24, 2)).astype(np.float32)
    forces += random.normal(0, 1, 2).astype(np.float32)  # a part that is far from zero
    found, true = membrane(frozen(forces), frozen(hole)), solved(forces, hole)
    assert not found[~hole].any()
    assert np.abs(found - true).max() <= 0.05 * np.abs(true).max() + 1e-5


def test_without_a_hole_nothing_changes():
    assert not membrane(np.ones((5, 6, 3), np.float32), np.zeros((5, 6), np.bool_)).any()
