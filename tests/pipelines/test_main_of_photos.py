"""What real photos are about: boxes are YOLOX-nano's at 416, and masks fill them."""

from __future__ import annotations

import numpy as np
import pytest

from choice_files import thing
from nukki.io.images import read
from nukki.pipelines.results import Segmentation, _sharpness

# Label, score, left, top, right, bottom.
PHOTOS = {
    "hockey.png": (
        ("person", 0.91, 361, 46, 400, 160),
        ("person", 0.88, 286, 24, 337, 142),
        ("person", 0.84, 81, 71, 168, 210),  # the player in the middle distance
        ("person", 0.80, 0, 34, 39, 142),
        ("person", 0.73, 97, 33, 121, 95),
        ("person", 0.72, 119, 29, 141, 75),
        ("person", 0.39, 0, 107, 80, 265),
        ("backpack", 0.35, 362, 54, 391, 95),
        ("skis", 0.29, 103, 156, 244, 206),
    ),
    "olympic-athletes.jpg": (
        ("person", 0.86, 648, 163, 1985, 1594),  # the skater, before a blurred audience
        ("person", 0.75, 3, 0, 323, 556),
        ("person", 0.50, 827, 1, 1311, 556),
        ("person", 0.48, 1149, 0, 1496, 533),
        ("person", 0.48, 254, 3, 638, 543),
        ("person", 0.45, 2131, 2, 2403, 545),
    ),
    "track-runners.jpg": (
        ("person", 0.91, 560, 144, 840, 423),
        ("person", 0.91, 167, 98, 498, 486),  # the runner in front
        ("skateboard", 0.77, 208, 320, 377, 508),
    ),
    "anime-girl-1.jpg": (
        ("person", 0.81, 286, 18, 598, 577),
        ("car", 0.33, 4, 0, 848, 577),
        ("motorcycle", 0.30, 46, 0, 847, 594),
    ),
    "plants-1.jpg": (
        ("potted plant", 0.79, 328, 416, 532, 767),  # in the middle of the upper shelf
        ("potted plant", 0.76, 165, 518, 358, 747),
        ("potted plant", 0.58, 616, 950, 987, 1461),
        ("potted plant", 0.55, 500, 514, 724, 772),
        ("potted plant", 0.48, 0, 850, 223, 1068),
        ("bowl", 0.35, 793, 688, 950, 808),
    ),
}


def things_of(shared, name):
    picture = read(shared / "photos" / name)
    rows = enumerate(PHOTOS[name], start=1)
    every = (thing(n, label, score, *box, photo=picture) for n, (label, score, *box) in rows)
    return Segmentation(picture, tuple(every))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("hockey.png", 3),
        ("olympic-athletes.jpg", 1),
        ("track-runners.jpg", 2),
        ("anime-girl-1.jpg", 1),
        ("plants-1.jpg", 1),
    ],
)
def test_what_the_photo_is_about(shared, name, number):
    found = things_of(shared, name)
    assert [one.number for one in found.choose("main")] == [number]
    assert number not in [one.number for one in found.choose("all", except_="main")]


def test_who_is_in_focus(shared):
    found = things_of(shared, "olympic-athletes.jpg")
    sharpness = _sharpness(found.picture)
    skater, *audience = (sharpness(one) for one in found)
    assert skater > max(audience)  # whose box has a hand of the skater's
    assert skater > 1.4 * np.median(audience)
