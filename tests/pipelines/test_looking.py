"""The size of the second look follows what the first one saw; tiles where the photo is large."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nukki
from detecting_networks import FREE_CARD, YOLOX_NANO_CARD, free_detector
from helpers import frozen
from nukki.errors import InputError
from nukki.ops.boxes import Boxes, no_boxes
from nukki.pipelines.looking import LONGEST, OVERLAP, TILE, Looking, _spans, look, nearer
from nukki.runtime.sessions import get_session
from nukki.tasks.detection import Detection
from nukki.zoo.cards import parse_card


def boxes(rows):
    """Boxes of (left, top, right, bottom, score)."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4], np.zeros(len(table), np.intp))


def chart(height, width):
    """A photo whose pixels say where they are, so that a part of it knows its place."""
    y, x = np.mgrid[0:height, 0:width]
    low = (x & 15) << 4 | (y & 15)
    return frozen(np.stack([x >> 4, y >> 4, low], axis=-1).astype(np.uint8))


class Eye:
    """A detector that sees what has 24 to 400 pixels of its tensor, and the parts of larger things.

    It knows the truth, but sees only what its picture shows, cut where the picture ends.
    """

    def __init__(self, truth, *, size=640, free=True):
        self.truth = truth
        self.size = size
        self.free = free
        self.looks = []

    def find(self, image, *, size=None):
        assert image.flags.c_contiguous
        assert size is None or self.free
        height, width = image.shape[:2]
        x, y, low = (int(value) for value in image[0, 0])
        left, top = x << 4 | low >> 4, y << 4 | low & 15
        scale = (size or self.size) / max(height, width)
        self.looks.append((left, top, width, height, size))
        seen = []
        for *corners, score in self.truth:
            box = np.array(corners, np.float32) - (left, top, left, top)
            inside = np.clip(box, 0, (width, height, width, height))
            sides = inside[2:] - inside[:2]
            if (sides <= 0).any():
                continue
            apparent = float(np.sqrt(sides.prod())) * scale
            if 24 <= apparent <= 400:
                seen.append((*inside, score))
            elif apparent > 400:  # two halves in its place
                middle = inside[:2] + sides / 2
                seen.append((inside[0], inside[1], inside[2], middle[1], 0.5))
                seen.append((inside[0], middle[1], inside[2], inside[3], 0.5))
        return boxes(seen)


def crowd(count, side, top, *, left=40, gap=None, width=3000):
    """People in rows, `side` wide and twice as high."""
    step = gap or 2 * side
    columns = (width - left) // step
    return [
        (left + (i % columns) * step, top + (i // columns) * 3 * side,
         left + (i % columns) * step + side, top + (i // columns) * 3 * side + 2 * side, 0.8)
        for i in range(count)
    ]  # fmt: skip


def corners(found):
    return sorted(tuple(round(float(value)) for value in row) for row in found.corners)


def test_large_things_are_looked_at_once():
    truth = [(100, 100, 500, 900, 0.9), (700, 100, 1100, 900, 0.8)]
    eye = Eye(truth)
    found = look(chart(1000, 1600), eye)
    assert corners(found) == [row[:4] for row in truth]
    assert eye.looks == [(0, 0, 1600, 1000, None)]


def test_nothing_at_all_is_looked_at_once():
    eye = Eye([])
    assert len(look(chart(300, 400), eye)) == 0
    assert len(eye.looks) == 1


def test_small_things_are_looked_at_again_at_the_size_that_they_need():
    """Side 71 of 1600 is 28 pixels of 640, so 96 need 2172: more than the photo's 2000 offer."""
    truth = crowd(12, 50, 100, width=1600)
    eye = Eye(truth)
    assert corners(look(chart(900, 1600), eye)) == sorted(row[:4] for row in truth)
    # 1600 · 1.25 = 2000 pixels, in two tiles that share 288 of them; both hold people.
    side = (2000 + OVERLAP) // 2
    assert side < TILE
    assert [size for *_, size in eye.looks] == [None, side, side]
    assert [width for *_, width, _, _ in eye.looks[1:]] == [int(side / 1.25)] * 2


def test_a_second_look_that_fits_is_at_the_whole_photo():
    truth = [(100, 100, 160, 220, 0.9), (300, 100, 360, 220, 0.9), (500, 80, 900, 880, 0.9)]
    eye = Eye(truth)  # √area is 85: 54 pixels of 640
    assert corners(look(chart(900, 1000), eye)) == sorted(row[:4] for row in truth)
    _, second = eye.looks
    assert second == (0, 0, 1000, 900, round(96 / np.sqrt(60 * 120) * 1000))


def test_only_tiles_with_a_hint_are_looked_at():
    truth = crowd(3, 90, 200)  # at the left of a large photo
    eye = Eye(truth)
    assert corners(look(chart(2000, 3000), eye)) == sorted(row[:4] for row in truth)
    assert len(eye.looks) == 2
    assert eye.looks[1][:2] == (0, 0)


def test_people_on_the_border_of_tiles_are_there_once_and_a_large_one_is_whole():
    """A crowd over all of the photo, and one who stands before it."""
    truth = crowd(60, 80, 100, gap=180)
    front = (1100, 150, 1900, 1900, 0.9)
    eye = Eye([*truth, front])
    found = look(chart(2000, 3000), eye)
    assert len(eye.looks) > 3
    assert corners(found) == sorted(row[:4] for row in [*truth, front])


def test_a_detector_of_one_size_looks_at_tiles():
    truth = crowd(10, 70, 100, width=1500)
    eye = Eye(truth, size=416, free=False)
    found = look(chart(1000, 1500), eye)
    assert corners(found) == sorted(row[:4] for row in truth)
    first, *tiles = eye.looks
    assert first[2:4] == (1500, 1000)
    assert len(tiles) > 1
    assert all(max(width, height) * 1.25 > 416 for _, _, width, height, _ in tiles)
    assert all(max(width, height) < 700 for _, _, width, height, _ in tiles)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (33, 7)])
def test_any_shape(shape):
    height, width = shape
    eye = Eye([(0, 0, width, height, 0.9)])
    look(chart(*shape), eye)
    assert eye.looks[0][2:4] == (width, height)


def test_what_is_no_picture():
    with pytest.raises(InputError, match="`image` must be"):
        look(np.zeros((4, 4), np.uint8), Eye([]))


# --- when it pays


@pytest.mark.parametrize(
    ("sides", "scale", "longer", "wish"),
    [
        ([48], 0.5, 1280, 1.25),  # 96 / 48 = 2 would be beyond the photo's own pixels
        ([96], 0.5, 1280, 1.0),
        ([160], 0.5, 1280, None),  # 96 / 160 = .6: not 1.25 times nearer
        ([150], 0.5, 1280, 0.64),
        ([10], 0.1, 6400, LONGEST / 6400),
        ([10], 1.0, 640, 1.25),
        ([10], 1.6, 400, None),  # enlarged already
        ([300, 20, 300, 300, 300, 300], 0.5, 1280, None),  # one small one of six
        ([300, 96, 96, 300, 300], 0.5, 1280, 1.0),  # two of five
        ([], 0.5, 1280, None),
    ],
)
def test_how_near(sides, scale, longer, wish):
    found = nearer(boxes([(0, 0, side, side, 0.5) for side in sides]), scale, longer)
    assert found == (None if wish is None else pytest.approx(wish))


def test_doubtful_boxes_do_not_tell():
    assert nearer(boxes([(0, 0, 20, 20, 0.2)]), 0.5, 1280) is None
    assert nearer(no_boxes(), 0.5, 1280) is None


def test_one_class_may_decide_alone():
    """Small balls in a photo of large people: no second look for them."""
    people, balls = [(100, 100, 500, 900, 0.9)], [(600, 100, 660, 160, 0.9)] * 9

    class Two(Eye):
        def find(self, image, *, size=None):
            found = super().find(image, size=size)
            balls = (found.areas < 5000).astype(np.intp)
            return Boxes(found.corners, found.scores, balls)

    eye = Two(people + balls)
    look(chart(1000, 1200), eye, steered_by=0)
    assert len(eye.looks) == 1
    look(chart(1000, 1200), eye)
    assert len(eye.looks) > 2


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(4, 200))
def test_tiles_cover_a_side_evenly(length, side):
    overlap = side // 4
    spans = _spans(length, side, overlap)
    assert (spans[0][0], spans[-1][1]) == (0, length)
    assert len({stop - start for start, stop in spans}) == 1
    assert spans[0][1] <= side
    for (_, stop), (start, _) in pairwise(spans):
        assert stop - start >= overlap
    # No fewer would do.
    assert len(spans) == 1 or (len(spans) - 1) * (side - overlap) + overlap < length


# --- through the real engine


def test_a_detector_that_looks_twice(tmp_path):
    """It finds the same parts of each of its pictures; both looks show all of the photo."""
    things = [((0.25, 0.25, 0.5, 0.75), 0.9, 0), ((0.6, 0.1, 0.64, 0.2), 0.8, 1)]
    path = free_detector(tmp_path / "free.onnx", things)
    card = parse_card(FREE_CARD, source="tiny.toml", brief=True)
    looking = Looking(Detection(card, get_session(path, threads=1)))
    assert (looking.card.name, looking.labels) == ("tiny", ("person", "dog", ""))
    found = looking.find(chart(320, 320))
    np.testing.assert_allclose(found.corners, [[80, 80, 160, 240], [192, 32, 204.8, 64]], rtol=1e-5)


@pytest.mark.parametrize(
    ("photo", "people"),
    [
        ("hockey.png", 2),
        ("olympic-athletes.jpg", 1),  # one, before a blurred audience
        ("two-dancers.jpg", 2),
        ("track-runners.jpg", 2),
    ],
)
def test_no_one_is_lost_or_doubled_on_real_photos(shared, photo, people):
    card = parse_card(YOLOX_NANO_CARD, source="yolox.toml", brief=True)
    session = get_session(shared / "weights" / "yolox_nano.onnx", threads=1)
    found = look(nukki.read(shared / "photos" / photo).rgb8(), Detection(card, session))
    sure = found.chosen((found.classes == 0) & (found.scores > 0.5))
    assert people <= len(sure) <= 12
