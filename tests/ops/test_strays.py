"""Pieces of one thing that lie on another of its kind are not its own."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.ops.segments import soft_segment_of
from nukki.ops.strays import without_strays
from nukki.types import Box

SIZE = (100, 120)


def thing(*parts, label="person"):
    """(rows, columns, level) of each part."""
    levels = np.zeros(SIZE, np.uint8)
    for rows, columns, level in parts:
        levels[rows, columns] = level
    return soft_segment_of(levels, Box(0, 0, SIZE[1], SIZE[0]), SIZE, label=label, score=0.9)


BODY = (slice(10, 80), slice(10, 40), 255)
OTHER = thing((slice(20, 95), slice(70, 100), 255))


@pytest.mark.parametrize("level", [255, 120, 9])
def test_a_foot_on_somebody_else_is_not_its_own(level):
    """Also one that is half there: it would lie over what is filled in like a veil."""
    foot = (slice(85, 95), slice(66, 80), level)
    cleaned = without_strays(thing(BODY, foot), [OTHER])
    assert not cleaned.alpha[84:, 60:].any()
    np.testing.assert_array_equal(cleaned.mask, thing(BODY).mask)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ((slice(85, 95), slice(15, 25), 255), OTHER),  # its own foot, apart from the body
        ((slice(20, 90), slice(60, 90), 255), OTHER),  # as large as the body
        ((slice(60, 70), slice(38, 72), 255), OTHER),  # an arm on somebody's shoulder
        (
            (slice(85, 95), slice(66, 80), 255),
            thing((slice(20, 95), slice(70, 100), 255), label="dog"),
        ),
    ],
)
def test_what_is_its_own_stays(part, other):
    one = thing(BODY, part)
    assert without_strays(one, [other]) is one


def test_alone_it_stays_as_it_is():
    one = thing(BODY, (slice(85, 95), slice(66, 80), 255))
    assert without_strays(one, []) is one
