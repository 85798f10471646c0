"""`Cutter` from Python: check boxes, brushes, results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers import frozen

pytest.importorskip("anywidget")

import nukki
from nukki.notebook import Cutter

HALF = 128


@pytest.fixture
def cutter(world, photo):
    """Without shadows and margins, so that holes are known to the pixel."""
    return Cutter(photo, erase={"grow": 0, "shape": "mask", "shadow": "never"}, threads=1)


def hole_of(*parts, size=(96, 128)):
    hole = np.zeros(size, bool)
    for rows, columns in parts:
        hole[rows, columns] = True
    return hole


LEFT, RIGHT = (slice(20, 80), slice(10, 40)), (slice(10, 40), slice(60, 90))
STONE = (slice(58, 82), slice(98, 122))


# --- what is found and checked


def test_it_knows_what_segment_finds(cutter, photo):
    assert cutter.photo is photo
    assert [(one.number, one.label) for one in cutter.things] == [(1, "person"), (2, "dog")]
    assert cutter.checked("cut") == cutter.checked("erase") == cutter.checked("keep") == ()


@pytest.mark.parametrize(
    ("who", "numbers"),
    [
        (2, (2,)),
        ([1, 2], (1, 2)),
        ("people", (1,)),
        ("dog,1", (1, 2)),
        ("all", (1, 2)),
        ([], ()),
        (np.int64(2), (2,)),
    ],
)
def test_things_are_checked_by_number_or_in_words(cutter, who, numbers):
    cutter.check(who, "erase")
    assert cutter.checked("erase") == numbers
    cutter.uncheck(who, "erase")
    assert cutter.checked("erase") == ()


def test_a_thing_itself_is_checked(cutter):
    cutter.check(cutter.things[1], "cut")
    cutter.check(cutter.things, "keep")
    assert (cutter.checked("cut"), cutter.checked("keep")) == ((2,), (1, 2))
    cutter.uncheck(2)
    assert (cutter.checked("cut"), cutter.checked("keep")) == ((), (1,))


def test_what_is_kept_is_not_erased(cutter):
    cutter.check("all", "erase")
    cutter.check(1, "keep")
    assert (cutter.checked("erase"), cutter.checked("keep")) == ((2,), (1,))
    cutter.check(1, "erase")
    assert (cutter.checked("erase"), cutter.checked("keep")) == ((1, 2), ())


@pytest.mark.parametrize(
    ("who", "mark", "hint"),
    [
        (3, "cut", "1 to 2"),
        (0, "cut", "1 to 2"),
        ([1, 7], "erase", "1 to 2"),
        (True, "cut", "people"),
        (1.5, "cut", "people"),
        (None, "cut", "people"),
        ("nonsense!!", "cut", ""),
        ("zebra", "cut", ""),
        (1, "delete", "mark='cut'"),
    ],
)
def test_an_unknown_thing_or_mark_is_refused(cutter, who, mark, hint):
    with pytest.raises(nukki.InputError) as caught:
        cutter.check(who, mark)
    assert hint in (caught.value.hint or "")
    assert not cutter._job.can_undo


def test_a_choice_that_means_nothing_says_what_there_is(cutter):
    with pytest.raises(nukki.NothingFound, match="ball"):
        cutter.check("sports ball", "erase")


def test_undo_and_redo(cutter):
    cutter.undo()  # nothing to undo is no error
    cutter.check(1, "erase")
    cutter.check(1, "erase")  # says nothing new
    cutter.brush([(5, 5)], "mark", size=3, snap=False)
    cutter.pick((110, 70))
    assert len(cutter.things) == 3
    cutter.undo()
    assert len(cutter.things) == 2
    cutter.undo()
    assert cutter._job.state.strokes == ()
    cutter.undo()
    assert cutter.checked("erase") == ()
    for _ in range(4):
        cutter.redo()
    assert (cutter.checked("erase"), len(cutter.things)) == ((1,), 3)
    cutter.undo()
    cutter.check(2, "cut")  # from here on there is another future
    cutter.redo()
    assert len(cutter.things) == 2


# --- cutting out


def test_cutting_out_is_what_remove_does(cutter, photo, world):
    assert (cutter.cutout.rgba() == nukki.remove(photo).rgba()).all()
    cutter.check(1, "cut")
    chosen = nukki.remove(photo, subject="1")
    assert (cutter.cutout.rgba() == chosen.rgba()).all()
    assert (cutter.mask == chosen.mask()).all()
    cutter.check(2, "cut")
    assert (cutter.cutout.rgba() == nukki.remove(photo, subject="1,2").rgba()).all()


def test_options_of_remove_and_erase_are_used(world, photo):
    cutter = Cutter(photo, remove={"background": "white", "binary": True}, threads=1)
    assert (cutter.result.pixels[0, 0] == 255).all()
    assert cutter.result.alpha is None
    assert set(np.unique(cutter.mask)) == {0, 255}


def test_nothing_is_worked_out_twice(cutter, world):
    cutter.check(1, "erase")
    first, looked = (cutter.cutout, cutter.erased), dict(world.looked)
    assert (cutter.cutout, cutter.erased, cutter.run()) == (*first, first[1])
    assert world.looked == looked
    cutter.brush([(5, 5)], "restore", size=3, snap=False)
    assert cutter.cutout is not first[0]
    assert cutter.erased is first[1]
    assert world.looked == looked  # painting asks no network


def test_a_picked_thing_is_cut_with_its_soft_edge(cutter, photo):
    thing = cutter.pick((110, 70))
    assert (thing.number, thing.label) == (3, "")
    cutter.check(3, "cut")
    assert (cutter.mask == np.rint(thing.alpha * 255)).all()
    cutter.check(1, "cut")
    both = np.maximum(nukki.remove(photo, subject="1").alpha, thing.alpha)
    assert np.abs(cutter.cutout.alpha - both).max() < 1e-6
    own, part = thing.cut().foreground, STONE
    assert (cutter.cutout.foreground[part] == own[part]).all()  # in its soft edge as well
    assert not (own[part] == photo.pixels[part]).all()
    solid = both == 1
    assert (cutter.result.pixels[solid] == photo.pixels[solid]).all()


def test_picking_by_a_box_and_by_several_points(cutter):
    assert cutter.pick([(110, 70), nukki.Point(5, 5, keep=False)]).number == 3
    assert cutter.pick(box=(100, 60, 120, 80)).number == 4
    assert cutter.pick(nukki.Point(110, 70)).number == 5


@pytest.mark.parametrize("points", [(500, 5), [(-3, 5)], "ab", (5, "x"), (), [(float("nan"), 1)]])
def test_a_place_outside_picks_nothing(cutter, points):
    with pytest.raises(nukki.InputError):
        cutter.pick(points)
    assert len(cutter.things) == 2


def test_where_nothing_is_nothing_is_picked(cutter):
    with pytest.raises(nukki.NothingFound):
        cutter.pick((3, 93))
    assert len(cutter.things) == 2


# --- the brush on the cut-out


def test_a_stroke_brings_back_the_photos_own_pixels(cutter, photo):
    before = cutter.cutout
    cutter.brush([(10, 90), (30, 90)], "restore", size=4, snap=False)
    after = cutter.cutout
    assert after.mask()[90, 10:31].min() == 255
    assert (after.rgba()[90, 10:31, :3] == photo.pixels[90, 10:31]).all()
    far = np.ones(before.alpha.shape, bool)
    far[84:97, 4:37] = False
    assert (after.rgba()[far] == before.rgba()[far]).all()


def test_a_stroke_takes_out(cutter):
    cutter.brush([(75, 25)], "remove", size=6, snap=False)
    assert cutter.cutout.alpha[25, 75] == 0
    assert (cutter.cutout.rgba()[25, 75] == 0).all()  # nothing of what is gone stays
    cutter.brush([(75, 25)], "restore", size=2, snap=False)
    assert cutter.cutout.alpha[25, 75] == 1


def test_a_snapped_stroke_ends_at_the_things_edge(cutter):
    cutter.brush([(105, 65), (115, 75)], "restore", size=40)
    mask = cutter.mask
    assert (mask[60:80, 100:120] == 255).all()
    assert (np.abs(mask[58:60, 100:120].astype(int) - HALF) <= 1).all()
    assert mask[50:58, 95:125].max() == mask[82:90, 95:125].max() == 0
    cutter.brush([(105, 65)], "remove", size=60)
    assert cutter.mask[50:90, 95:125].max() < HALF


def test_where_there_is_no_edge_the_stroke_counts_as_drawn(cutter):
    cutter.brush([(3, 90)], "restore", size=4)
    assert cutter.mask[90, 3] == 255
    assert "No edge" in cutter._told["status"]


def test_a_stroke_that_is_hardly_on_its_thing_counts_as_drawn(cutter):
    """Its first point is on the stone, nearly all of the rest is not."""
    cutter.brush([(99, 59), (60, 59), (45, 90)], "restore", size=5)
    assert cutter.mask[59, 60] == 255


def test_what_the_file_had_cut_away_stays_away(world, photo):
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[:, :20] = 0
    cutter = Cutter(replace(photo, alpha=frozen(alpha)), threads=1)
    cutter.brush([(5, 90), (60, 90)], "restore", size=4, snap=False)
    assert cutter.mask[90, :20].max() == 0
    assert cutter.mask[90, 20:60].min() == 255


@pytest.mark.parametrize(
    ("points", "options"),
    [
        ([(500, 5)], {}),
        ([(5, 5), (5, -4)], {}),
        ([(float("nan"), 5)], {}),
        ([(5, float("inf"))], {}),
        ([], {}),
        ([(5,)], {}),
        ("ab", {}),
        ([(5, 5)], {"size": 0}),
        ([(5, 5)], {"size": -1}),
        ([(5, 5)], {"size": 1e9}),
        ([(5, 5)], {"size": float("nan")}),
        ([(5, 5)], {"size": "big"}),
        ([(5, 5)], {"kind": "paint"}),
    ],
)
def test_a_bad_stroke_is_refused(cutter, points, options):
    with pytest.raises(nukki.InputError) as caught:
        cutter.brush(points, **{"kind": "restore", "snap": False, **options})
    assert caught.value.hint
    assert not cutter._job.can_undo


# --- erasing


def test_erasing_is_what_erase_does(cutter, photo):
    cutter.check(1, "erase")
    asked = nukki.erase(photo, "1", grow=0, shape="mask", shadow="never", threads=1)
    assert (cutter.erased.pixels == asked.pixels).all()
    assert (cutter.hole == hole_of(LEFT)).all()
    outside = ~cutter.erased.hole
    assert (cutter.erased.pixels[outside] == photo.pixels[outside]).all()
    assert cutter.erased.parts[0].number == 1


def test_a_picked_thing_is_erased(cutter):
    cutter.pick((110, 70))
    cutter.check(3, "erase")
    assert (cutter.hole == hole_of(STONE)).all()
    cutter.check(2, "erase")
    assert (cutter.hole == hole_of(STONE, RIGHT)).all()


def test_marks_go_exactly(cutter):
    cutter.brush([(110, 70)], "mark", size=60)  # snaps to the stone
    assert (cutter.hole == hole_of(STONE)).all()
    assert (cutter.erased.hole == cutter.hole).all()
    cutter.check(1, "erase")
    assert (cutter.hole == hole_of(STONE, LEFT)).all()


def test_what_is_unmarked_keeps_its_pixels(cutter, photo):
    cutter.check(1, "erase")
    cutter.brush([(25, 50)], "unmark", size=5, snap=False)
    assert not cutter.hole[50, 25]
    assert cutter.hole[25, 15]
    assert (cutter.erased.pixels[50, 25] == photo.pixels[50, 25]).all()
    cutter.brush([(25, 50)], "mark", size=2, snap=False)
    assert cutter.hole[50, 25]


def test_what_is_unmarked_gets_nothing_of_the_soft_rim(world, photo):
    """Around a hole that grows by itself the filling goes over into the photo."""
    cutter = Cutter(photo, erase={"shadow": "never"}, threads=1)
    cutter.check(1, "erase")
    rim = cutter.erased.hole & ~cutter.hole
    assert rim.any()
    cutter.brush([(10, 10), (45, 10)], "unmark", size=8, snap=False)
    unmarked = cutter._job.state.strokes[0]
    inside = np.zeros(rim.shape, bool)
    inside[unmarked.box.slices()] = unmarked.cover >= 0.5
    assert (rim & inside).any()
    assert not (cutter.erased.hole & inside).any()
    assert (cutter.erased.pixels[inside] == photo.pixels[inside]).all()


def test_what_is_to_be_kept_keeps_its_pixels_under_marks(cutter, photo):
    cutter.check(2, "keep")
    cutter.brush([(75, 25)], "mark", size=30, snap=False)
    assert not (cutter.hole & hole_of(RIGHT)).any()
    cutter.check(1, "erase")
    assert not (cutter.hole & hole_of(RIGHT)).any()
    assert cutter.hole[50, 25]
    kept = hole_of(RIGHT)
    assert (cutter.erased.pixels[kept] == photo.pixels[kept]).all()


def test_nothing_to_erase_says_how(cutter):
    for ask in (cutter.erase, cutter.preview, lambda: cutter.hole):
        with pytest.raises(nukki.NothingFound) as caught:
            ask()
        assert "check(2" in caught.value.hint
    cutter.check(1, "erase")
    cutter.brush([(25, 50)], "unmark", size=60, snap=False)
    with pytest.raises(nukki.NothingFound, match="unmarked"):
        cutter.erase()


def test_everything_cannot_go(cutter):
    cutter.brush([(60, 50)], "mark", size=200, snap=False)
    with pytest.raises(nukki.InputError, match="nothing to fill from"):
        cutter.erase()
    cutter.check(1, "erase")
    with pytest.raises(nukki.InputError, match="nothing to fill from"):
        cutter.erase()


def test_what_was_seen_unsurely_is_not_what_is_picked(cutter):
    """Candidates are numbered on from what was found, as what is picked is."""
    cutter.pick((110, 70))
    cutter.check(3, "erase")
    assert not cutter.hole[0:6, 0:6].any()


# --- results


def test_the_result_is_what_was_made_last(cutter):
    assert cutter.result.alpha is not None  # nothing was made and nothing goes: the cut-out
    cutter.check(1, "erase")
    assert cutter.result.alpha is not None
    assert cutter.run() is cutter.erased
    assert cutter.result is cutter.erased
    assert type(cutter.cut_out()) is nukki.Cutout
    assert type(cutter.result) is nukki.Picture


def test_the_result_is_of_what_is_checked_now(cutter):
    cutter.check(1, "erase")
    cutter.run()
    cutter.check(2, "erase")
    assert cutter.result.hole[20, 70]


def test_the_result_is_saved_as_the_cutout_is(cutter, tmp_path):
    cutter.result.save(tmp_path / "a.png")
    cutter.cutout.save(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_one_can_go_on_with_what_was_erased(cutter):
    cutter.check(1, "erase")
    cutter.load(cutter.erased)
    assert type(cutter.photo) is nukki.Picture
    assert cutter.checked("erase") == ()
    assert (cutter.photo.pixels[50, 20] == (10, 200, 90)).all()
    assert type(cutter.result) is nukki.Picture


# --- photos


def test_without_a_photo_everything_says_so():
    cutter = Cutter()
    assert cutter.photo is None
    asks = (
        cutter.run,
        cutter.cut_out,
        cutter.erase,
        cutter.undo,
        lambda: cutter.check(1),
        lambda: cutter.brush([(1, 1)]),
        lambda: cutter.pick((1, 1)),
        lambda: cutter.things,
        lambda: cutter.result,
        lambda: cutter.checked(),
    )
    for ask in asks:
        with pytest.raises(nukki.InputError, match="no photo yet") as caught:
            ask()
        assert "load(photo)" in caught.value.hint


def test_a_photo_in_which_nothing_is_found(world, photo):
    world.found = []
    cutter = Cutter(photo)
    assert "Nothing known was found" in cutter._told["status"]
    assert len(cutter.things) == 0
    with pytest.raises(nukki.InputError, match="number of no thing") as caught:
        cutter.check(1, "erase")
    assert "nothing was found" in caught.value.hint
    cutter.check("all", "erase")
    assert not cutter.cut_out().found
    with pytest.raises(nukki.NothingFound):
        cutter.erase()
    assert cutter.pick((110, 70)).number == 1
    cutter.check(1, "erase")
    assert cutter.hole.any()


def test_a_photo_without_a_subject(world, photo):
    world.found = []
    cutter = Cutter(photo)
    assert not cutter.cut_out().found
    assert cutter._told["status"] == "No subject was found."


@pytest.mark.parametrize("bad", [b"no picture", np.zeros((4, 4, 7), np.uint8), "not-there.jpg"])
def test_what_is_no_photo_is_refused_and_the_last_one_stays(cutter, photo, bad):
    cutter.check(1, "cut")
    with pytest.raises(nukki.InputError):
        cutter.load(bad)
    assert cutter.photo is photo
    assert cutter.checked("cut") == (1,)


def test_a_photo_may_be_too_large(world, photo):
    with pytest.raises(nukki.LimitExceeded):
        Cutter(photo.pixels.copy(), max_pixels=100)


@pytest.mark.parametrize(
    "options",
    [
        {"remove": {"subject": "1"}},
        {"remove": {"crop": 3}},
        {"remove": {"edge": "best"}},
        {"remove": {"edges": "bets"}},
        {"erase": {"what": "people"}},
        {"erase": {"grow": -1}},
        {"erase": {"fil": "patch"}},
        {"erase": {"instances": "maskrcnn-r50"}},
    ],
)
def test_options_that_are_none_are_refused_at_once(options):
    with pytest.raises(nukki.InputError):
        Cutter(**options)
