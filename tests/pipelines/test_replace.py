"""Somebody comes into a photo: before and behind others, as large as they are, in their light."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import frozen
from nukki.errors import InputError, NothingFound
from nukki.io.images import Picture
from nukki.ops.segments import segment_of, soft_segment_of
from nukki.pipelines.replace import add, looks_for_people
from nukki.pipelines.replace_options import AddOptions, PlaceOptions
from nukki.pipelines.results import Cutout
from nukki.types import Box
from nukki.zoo.cards import parse_card

CARD = """
task = "instances"
input.size = [64, 64]
[classes]
labels = ["", "person", "dog"]
min_score = 0.5
[detections]
"""


def person(scale=1.0):
    """(h, w) bool: a head 20 · scale high on a trunk, with legs."""
    height, width = round(150 * scale), round(60 * scale)
    y, x = (axis / scale for axis in np.mgrid[0:height, 0:width].astype(float))
    x -= 30
    mask = (x / 8) ** 2 + ((y - 10) / 10) ** 2 <= 1
    mask |= (np.abs(x) <= 4) & (y > 15) & (y < 30)
    mask |= (np.abs(x) <= 20) & (y >= 25) & (y < 85)
    return mask | ((np.abs(np.abs(x) - 10) <= 7) & (y >= 80))


class Finder:
    """Finds what it was given by the shape of the photo."""

    labels = ("", "person", "dog")

    def __init__(self, **by_width):
        self.card = parse_card(CARD, source="made.toml", brief=True)
        self.by_width = {int(key[1:]): things for key, things in by_width.items()}

    def threshold(self, scores):
        return 0.5

    def predict(self, image, *, min_score=0.0):
        size = image.shape[:2]
        return [
            (segment_of if mask.dtype == bool else soft_segment_of)(
                frozen(mask),
                Box(left, top, left + mask.shape[1], top + mask.shape[0]),
                size,
                label=label,
                score=score,
            )
            for label, score, mask, left, top in self.by_width.get(size[1], [])
        ]


TEAM = [("person", 0.9, person(), 20, 20), ("person", 0.8, person(), 220, 20)]


def team(dtype=np.uint8, **more):
    random = np.random.default_rng(2)
    scale = np.iinfo(dtype).max / 255
    pixels = (random.integers(90, 130, (200, 300, 3)) * scale).astype(dtype)
    for _, _, mask, left, top in TEAM:
        part = pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
        part[mask] = (np.array([40, 60, 200]) * scale).astype(dtype)
    return Picture(frozen(pixels), **more)


def me(scale=2.0, *, colour=(250, 200, 40), cut_off=False, found=True):
    """A cut-out of one person in a photo 400 wide."""
    mask = person(scale)
    height = mask.shape[0] + (0 if cut_off else 20)
    alpha = np.zeros((height + 10, 400), np.float32)
    alpha[10 : 10 + mask.shape[0], 100 : 100 + mask.shape[1]] = mask
    pixels = np.full((*alpha.shape, 3), 30, np.uint8)
    pixels[alpha > 0] = colour
    return Cutout(
        Picture(frozen(pixels)), frozen(pixels), frozen(alpha), 0.8, found=found, road="salient"
    )


def finder(**more):
    return Finder(w300=TEAM, w400=[("person", 0.9, person(2.0), 100, 10)], **more)


def added(picture=None, cut=None, *, finds=None, how=None, **place):
    return add(
        picture or team(),
        cut or me(),
        PlaceOptions(**place),
        AddOptions(**(how or {})),
        finder=finds or finder(),
    )


def subject(put):
    return next(sheet for sheet in put.sheets if sheet.name == "subject")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_outside_of_the_cut_out_every_pixel_stays(dtype):
    picture = team(dtype)
    how = {"behind": "1", "match_head": True, "grain_match": True}
    put = added(picture, how=how, shadow="drop", place="60,100", light_match=True)
    touched = np.zeros((200, 300), bool)
    for sheet in put.sheets[1:]:
        touched |= sheet.alpha > 0
    assert 0.05 < touched.mean() < 0.6
    assert put.pixels.dtype == dtype
    np.testing.assert_array_equal(put.pixels[~touched], picture.pixels[~touched])


def test_who_stands_in_front_stays_in_front():
    picture, place = team(), "50,95"
    before = added(picture, place=place, scale=0.5)
    behind = added(picture, place=place, scale=0.5, how={"behind": "1"})
    one = np.zeros((200, 300), bool)
    one[20:170, 20:80] = person()
    yellow = (before.pixels == (250, 200, 40)).all(axis=2)
    assert (yellow & one).sum() > 1000
    still = (behind.pixels == (250, 200, 40)).all(axis=2)
    assert not (still & one).any()
    np.testing.assert_array_equal(behind.pixels[one], picture.pixels[one])
    assert [sheet.name for sheet in behind.sheets] == ["background", "subject", "in front"]


def test_soft_edges_in_front_hold_before_the_cut_out_and_stay_elsewhere():
    picture = team()
    soft = np.rint(np.minimum(person() * 255.0, np.linspace(0, 400, 60)[None])).astype(np.uint8)
    finds = Finder(w300=[("person", 0.9, soft, 20, 20)])
    put = added(picture, finds=finds, place="50,150", scale=0.2, how={"behind": "1"})
    cover = subject(put).alpha
    front = put.sheets[-1].alpha
    np.testing.assert_array_equal(put.pixels[cover == 0], picture.pixels[cover == 0])
    assert (front[cover == 0] == 0).all()
    through = (front > 0.3) & (front < 0.7) & (cover == 1)
    assert through.sum() > 20
    assert (put.pixels[through] != picture.pixels[through]).any(axis=1).mean() > 0.9


def test_heads_become_as_large_as_the_neighbours_and_feet_stand_with_theirs():
    put = added(how={"match_head": True}, place="right")
    alpha = subject(put).alpha
    rows, columns = np.nonzero(alpha > 0.5)
    assert np.ptp(rows) + 1 == pytest.approx(150, rel=0.06)
    assert rows.max() + 1 == pytest.approx(170, abs=2)
    assert columns.max() == 299
    assert "by the sizes of heads" in put.notes[-1]
    assert "0.5" in put.notes[-1] or "0.49" in put.notes[-1]


def test_where_no_head_stands_out_trunks_are_compared():
    block = np.ones((100, 40), bool)
    finds = Finder(w300=[("person", 0.9, block, 20, 60)], w400=[])
    put = added(finds=finds, how={"match_head": True}, place="200,100")
    assert "trunks" in put.notes[-1]


def test_without_a_size_it_is_as_high_a_share_as_in_its_own_photo():
    cut = me()
    put = added(cut=cut, place="150,100")
    rows = np.flatnonzero((subject(put).alpha > 0.5).any(axis=1))
    assert len(rows) == pytest.approx(300 * 200 / cut.alpha.shape[0], abs=2)


def test_who_is_cut_off_below_ends_at_the_lower_side_or_a_note_says_so():
    put = added(cut=me(cut_off=True), place="left", scale=0.3)
    assert np.flatnonzero((subject(put).alpha > 0.5).any(axis=1))[-1] == 199
    assert not put.notes
    hanging = added(cut=me(cut_off=True), place="150,80", scale=0.3)
    assert "hangs free" in hanging.notes[-1]


def test_light_comes_nearer_to_that_of_the_people_beside():
    plain, lit = (added(place="150,100", light_match=flag) for flag in (False, True))
    here = subject(plain).alpha > 0.99
    people = team().pixels[60, 50].mean()
    before, after = plain.pixels[here].mean(), lit.pixels[here].mean()
    assert people < after < before - 5


def test_grain_is_that_of_the_photo():
    clean, grained = (
        added(place="150,100", scale=0.5, how={"grain_match": flag}) for flag in (False, True)
    )
    inner = subject(clean).alpha > 0.99
    assert clean.pixels[inner].std(axis=0).max() < 2
    assert grained.pixels[inner].std(axis=0).min() > 4


def test_nobody_where_somebody_is_needed():
    with pytest.raises(InputError, match="no number 7"):
        added(how={"behind": "7"})
    with pytest.raises(NothingFound, match="dog") as caught:
        added(how={"behind": "dog"})
    assert caught.value.hint
    with pytest.raises(NothingFound, match="nobody in the photo"):
        added(finds=Finder(w400=[("person", 0.9, person(2.0), 100, 10)]), how={"match_head": True})
    with pytest.raises(NothingFound, match="no subject"):
        added(cut=me(found=False))


@pytest.mark.parametrize(
    ("place", "how", "said"),
    [
        ({"size": "10x10"}, {}, "`size`"),
        ({"blur": 3}, {}, "`blur`"),
        ({"scale": 2}, {"match_head": True}, "`match_head` and `scale`"),
        ({"margin": 2}, {"match_head": True}, "`match_head` and `margin`"),
        ({"place": "400,10"}, {}, "`place`"),
    ],
)
def test_what_does_not_go_together(place, how, said):
    with pytest.raises(InputError, match=said) as caught:
        added(how=how, **place)
    assert caught.value.hint


def test_a_finder_is_asked_only_where_people_matter():
    assert not looks_for_people(PlaceOptions(place="10,10"), AddOptions())
    assert not looks_for_people(PlaceOptions(margin=3), AddOptions(grain_match=True))
    assert looks_for_people(PlaceOptions(), AddOptions())
    assert looks_for_people(PlaceOptions(place="left"), AddOptions())
    assert looks_for_people(PlaceOptions(place="10,10"), AddOptions(behind="1"))
    put = add(team(), me(), PlaceOptions(place="10,10"), AddOptions())
    assert put.pixels.shape == (200, 300, 3)
    with pytest.raises(InputError, match="people"):
        add(team(), me(), PlaceOptions(), AddOptions())


def test_the_photos_own_transparency_stays_but_under_the_cut_out():
    own = np.full((200, 300), 255, np.uint8)
    own[:, :150] = 0
    put = added(team(alpha=frozen(own)), place="75,100", scale=0.4)
    cover = subject(put).alpha
    assert (put.alpha[cover == 1] == 255).all()
    assert (put.alpha[:, :150][cover[:, :150] == 0] == 0).all()
    assert (put.alpha[:, 150:] == 255).all()
