"""benchmarks/quality.py: what it says is hard, what it makes worse, and the tables it writes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import frozen
from nukki.evaluate.sets import kinds_in, names_in

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "subject"


@pytest.fixture(scope="module")
def scripts():
    """The folder of the scripts is on the path, as it is when one of them runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module


@pytest.fixture(scope="module")
def pictures(scripts):
    return scripts("quality_pictures")


@pytest.fixture(scope="module")
def tables(scripts):
    return scripts("quality_tables")


@pytest.fixture(scope="module")
def quality(scripts):
    return scripts("quality")


# --- what is hard


def block(height=120, width=160):
    """A mask with a square of 60 × 60 in the middle; the diagonal is 200, the disc's radius 2."""
    mask = np.zeros((height, width), bool)
    mask[30:90, 50:110] = True
    return mask


def test_a_square_has_nothing_thin_but_its_corners(pictures):
    # A disc of radius 2 leaves 3 pixels of each corner, of 3,600.
    assert pictures.thin_share(block()) == pytest.approx(12 / 3600)


def test_a_rod_is_thin(pictures):
    mask = block()
    mask[58:61, 110:150] = True  # 3 × 40, the disc is 5 wide
    # The corners again; where the rod begins the disc reaches 4 pixels into it.
    assert pictures.thin_share(mask) == pytest.approx((12 + 120 - 4) / 3720)


def test_beyond_the_rim_the_subject_goes_on(pictures):
    mask = np.zeros((120, 160), bool)
    mask[:, :3] = True  # 3 wide, and more of it outside the picture
    assert pictures.thin_share(mask) == 0


def test_holes_are_enclosed_background(pictures):
    mask = block()
    mask[50:60, 70:80] = False
    assert pictures.hole_share(mask) == pytest.approx(100 / 3500)
    mask[50:60, 80:110] = False  # now it is a bay
    assert pictures.hole_share(mask) == 0


def test_a_speck_is_a_fault_of_the_mask_and_no_hole(pictures):
    mask = block()
    mask[50, 70:73] = False  # 3 pixels of 19,200
    assert pictures.hole_share(mask) == 0


def test_lab_is_what_scikit_image_says(pictures, astronaut):
    from skimage.color import rgb2lab

    small = frozen(astronaut[::16, ::16])
    assert np.abs(pictures.lab(small) - rgb2lab(small)).max() < 0.1
    white = pictures.lab(frozen(np.full((1, 1, 3), 255, np.uint8)))
    assert white[0, 0] == pytest.approx([100, 0, 0], abs=0.02)


def test_the_contrast_of_two_greys_is_their_difference_in_lightness(pictures):
    mask = block()
    photo = frozen(np.where(mask, np.uint8(119), np.uint8(255))[..., None].repeat(3, axis=2))
    # Code 119 is .1845 of the light: L* = 116 · .1845^(1/3) - 16 = 50.03.
    assert pictures.rim_contrast(photo, mask) == pytest.approx(49.97, abs=0.05)


def test_contrast_counts_at_the_rim_only(pictures):
    mask = block()
    photo = np.where(mask, np.uint8(90), np.uint8(100))[..., None].repeat(3, axis=2)
    near = pictures.rim_contrast(frozen(photo), mask)
    photo[:20] = 255
    assert pictures.rim_contrast(frozen(photo), mask) == near < 5


def test_contrast_is_local(pictures):
    """Halves in exchanged colours have the same mean, and a rim that anyone sees."""
    mask = block()
    photo = np.where(mask, np.uint8(0), np.uint8(255))
    photo[:, :80] = np.where(mask[:, :80], np.uint8(255), np.uint8(0))
    assert pictures.rim_contrast(frozen(photo[..., None].repeat(3, axis=2)), mask) > 99


def test_without_a_rim_there_is_no_contrast(pictures):
    photo = frozen(np.zeros((40, 40, 3), np.uint8))
    assert np.isnan(pictures.rim_contrast(photo, np.ones((40, 40), bool)))


def test_marks(pictures):
    flat, mask = np.full((120, 160, 3), 90, np.uint8), block()
    loud = flat + np.where(mask, np.uint8(120), np.uint8(0))[..., None]
    assert pictures.marks(frozen(loud), mask) == ()
    assert pictures.marks(frozen(flat), mask) == ("low contrast",)
    dot = np.zeros_like(mask)
    dot[60:70, 60:70] = True
    assert pictures.marks(frozen(loud), dot) == ("thin parts or holes", "small", "low contrast")
    assert pictures.marks(frozen(flat), np.zeros_like(mask)) == ()


# --- made worse


def test_copies_made_worse_are_the_same_every_time(pictures, astronaut):
    photo = frozen(astronaut[:300, :400])
    for name, spoil in pictures.WORSE.items():
        copy = spoil(photo, 3)
        assert copy.dtype == np.uint8, name
        assert np.array_equal(copy, spoil(photo, 3)), name
        if name != "low resolution":
            assert copy.shape == photo.shape, name
            assert np.abs(copy.astype(int) - photo).mean() > 2, name


def test_strengths_are_what_is_stated(pictures):
    grey = frozen(np.full((90, 160, 3), 128, np.uint8))
    noise = pictures.noisy(grey, 0) - 128.0
    assert noise.std() == pytest.approx(30, rel=0.02)
    # Code 128 is .21586 of the light, an eighth of it is .02698, code 45.7.
    assert pictures.dark(grey, 0).mean() == pytest.approx(46, abs=0.2)
    assert pictures.dark(grey, 0).std() == pytest.approx(6, rel=0.02)
    assert len(np.unique(pictures.drawing(grey, 0))) == 1
    wide = frozen(np.zeros((300, 400, 3), np.uint8))
    assert pictures.low_resolution(wide, 0).shape == (120, 160, 3)


def test_a_drawing_has_few_colours_and_black_lines(pictures, astronaut):
    drawn = pictures.drawing(frozen(astronaut), 0)
    assert set(np.unique(drawn)) <= {0, 51, 102, 153, 204, 255}
    rectangle = np.full((40, 40, 3), 200, np.uint8)
    rectangle[:, 20:] = 60
    assert (pictures.drawing(frozen(rectangle), 0)[20, 19:21] == 0).all()


# --- tables


def test_figures_are_written_as_papers_print_them(tables):
    assert tables.share(0.94561) == ".9456"
    assert tables.share(1.0, 3) == "1.000"
    assert tables.share(None) == "–"
    assert tables.percent(0.00712) == "0.7 %"
    assert tables.ratio(226.0, 11.0) == "20.5 ×"
    assert tables.ratio(None, 11.0) == "–"


def results(**speed):
    """Results as the file holds them, of two networks."""
    keys = ("max_f", "weighted_f", "mae", "s_alpha", "max_e", "iou", "boundary_f", "confidence")
    plain = dict.fromkeys((*keys, "calibration_error"), 0.5)

    def entry(file, figures):
        return {"file": file, "figures": figures}

    def of(iou, nothing):
        found = plain | {"iou": iou, "nothing_found": nothing, "size": "288"}
        return {
            "validation": found | {"pictures": 300},
            "people": found | {"pictures": 100, "nothing_found": 0},
            "places": {"pictures": 40, "nothing_found": nothing, "confidence": 0.4},
        }

    sets = {"subject": entry("a", of(0.931, 0.04)), "u2netp": entry("u", of(0.95, 0.0))}
    times = {
        "subject": entry("a", {"ms": 10.0, "bytes": 3_900_000, "size": 288} | speed),
        "u2netp": entry("u", {"ms": 140.0, "bytes": 2_400_000, "size": 320}),
    }
    return {"sets": sets, "speed": times}


def test_the_table_of_sets(tables):
    lines = tables.sets(results()).splitlines()
    assert lines[0].startswith("| set | network, grid | pictures | max Fβ | wFβ |")
    assert lines[1].startswith("| --- | --- | --: |")
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| validation list | subject, 288 | 300 | .5000 |")
    assert lines[3].endswith("| 140.0 |")
    assert [line.split(" | ")[1] for line in lines[4:]] == ["subject, 288", "U²-Netp, 288"]


def test_photos_called_nothing_are_counted_over_the_sets(tables):
    lines = tables.nothing(results()).splitlines()
    assert "40 places" in lines[0]
    assert "400 photos" in lines[0]
    assert lines[2] == "| subject | 4.0 % | 3.0 % |"  # 12 of 400


def test_bounds_say_what_is_missed(tables):
    lines = tables.bounds(results()).splitlines()[2:]
    verdict = {line.split(" | ")[0][2:]: line.split(" | ")[3:] for line in lines}
    assert verdict["validation list, IoU"] == [".9310", "aim reached |"]
    assert verdict["people held back, IoU"] == [".9310", "**missed** |"]
    assert verdict["validation list, MAE"] == [".5000", "**missed** |"]
    assert verdict["one thread, cheaper than U²-Netp at 320"] == ["14.0 ×", "met |"]
    assert verdict["file"] == ["3.9 MB", "aim reached |"]
    assert verdict["a photo and its copies, mean IoU"] == ["–", "not measured |"]


def test_kinds_have_a_column_for_each_network(tables):
    one = {"iou": 0.9, "max_f": 0.8, "mae": 0.1, "boundary_f": 0.7, "pictures": 5}
    found = {
        "kinds": {
            "subject": {"file": "a", "figures": {"all": one, "people": one}},
            "starter": {"file": "b", "figures": {"all": one | {"iou": 0.25}}},
        }
    }
    lines = tables.by_kind(found, "kinds").splitlines()
    assert lines[0].startswith("| kind | pictures | IoU subject | IoU starter | max Fβ subject |")
    assert lines[2].startswith("| all | 5 | .900 | .250 | .800 |")
    assert lines[3].startswith("| people | 5 | .900 | – |")


def test_sizes_tell_how_many_times_cheaper(tables):
    figures = dict.fromkeys(("max_f", "mae", "s_alpha", "iou", "boundary_f"), 0.5)
    found = results(sizes={"256": 7.0, "288": 10.0})
    found["sizes"] = {
        "subject": {
            "file": "a",
            "figures": {"256": figures | {"shipped": False}, "288": figures | {"shipped": True}},
        }
    }
    lines = tables.sizes(found).splitlines()
    assert lines[2].startswith("| 256 | .5000")
    assert lines[2].endswith("| 7.0 | 20.0 × |")
    assert lines[3].startswith("| 288, as shipped |")


def test_what_was_not_measured_again_stays(tables):
    old = {
        "sets": {"subject": {"file": "a"}, "u2netp": {"file": "u"}},
        "speed": {"subject": {"file": "a"}, "u2netp": {"file": "u"}},
    }
    new = {"sets": {"subject": {"file": "b"}}, "speed": {"subject": {"file": "b"}}}
    assert tables.merged(old, new) == {
        "sets": {"subject": {"file": "b"}, "u2netp": {"file": "u"}},
        "speed": {"subject": {"file": "b"}},  # times of another run are no comparison
    }
    assert tables.stale(old) == []
    mixed = tables.merged(old, {"sets": new["sets"]})
    assert tables.stale(mixed) == [
        "subject is not the same file in all tables: b in sets; a in speed"
    ]


def page(tables, end="the end\n"):
    markers = (f"<!-- quality: {n} -->\nold\n<!-- /quality: {n} -->\n" for n in tables.MAKERS)
    return "prose\n" + "more\n".join(markers) + end


def test_tables_come_between_their_markers_and_the_prose_stays(tables):
    text = page(tables)
    filled = tables.filled(text, {"sets": "a | \\1 | b", "speed": "c"})
    assert "<!-- quality: sets -->\na | \\1 | b\n<!-- /quality: sets -->" in filled
    assert filled.count("old") == len(tables.MAKERS) - 2
    assert filled.startswith("prose\n")
    assert filled.endswith("the end\n")
    assert tables.filled(filled, {"sets": "old", "speed": "old"}) == text


def test_a_page_without_markers_is_refused(tables):
    text = page(tables).replace("<!-- /quality: sizes -->", "")
    with pytest.raises(ValueError, match="<!-- quality: sizes -->"):
        tables.check(text)


def test_the_page_holds_the_tables_of_the_file(tables):
    """Whoever changes figures by hand, or one of the two only, fails here."""
    found = json.loads((ROOT / "docs" / "quality.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    parts = tables.tables(found)
    assert {"bounds", "sets", "kinds"} <= set(parts)
    assert tables.filled(text, parts) == text


# --- lists


def test_every_photo_of_the_validation_list_has_one_kind():
    names = names_in(RECIPE / "duts_val.txt")
    kinds = kinds_in(RECIPE / "kinds.txt")
    lines = [line for line in (RECIPE / "kinds.txt").read_text().splitlines() if line[0] != "#"]
    assert len(lines) == len(kinds) == len(names) == 500
    assert set(kinds) == set(names)
    views = kinds_in(RECIPE / "landscapes.txt")
    assert set(views) < set(names)
    assert set(views.values()) == {"landscapes"}


def test_every_kind_has_a_row(quality):
    said = set(kinds_in(RECIPE / "kinds.txt").values()) | {"landscapes"}
    assert said < set(quality.ORDER)


# --- the script


def test_every_step_has_its_turn_and_the_least_counts(quality, monkeypatch):
    clock = iter([0.0, 9.0, 0.0, 9.0, 0.0, 0.3, 0.0, 0.2, 0.0, 0.1, 0.0, 0.4])
    monkeypatch.setattr(quality, "perf_counter", lambda: next(clock))
    calls = []
    steps = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    assert quality.in_turns(steps, 2) == {"a": 100.0, "b": 200.0}
    assert "".join(calls) == "ababab"


@pytest.fixture
def data(tmp_path, astronaut):
    """A folder as `nukki data prepare` makes it, with two stems of the validation list."""
    names = names_in(RECIPE / "duts_val.txt")[:2]
    folder = tmp_path / "validate" / "duts"
    for place in ("images", "masks"):
        (folder / place).mkdir(parents=True)
    mask = np.zeros((128, 128), np.uint8)
    mask[20:, 30:100] = 255
    photo = Image.fromarray(astronaut).resize((128, 128))
    for name in names:
        photo.save(folder / "images" / f"{name}.jpg")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    return tmp_path, names


def test_copies_lie_beside_their_masks_and_are_gone_afterwards(quality, data):
    folder, names = data
    plan = quality.Plan(folder, names, None)
    with quality.worse_copies(plan) as copies:
        assert list(copies) == list(quality.WORSE)
        for name, place in copies.items():
            stem = f"{names[0]}.png"
            with (
                Image.open(place / "images" / stem) as photo,
                Image.open(place / "masks" / stem) as mask,
            ):
                assert photo.size == mask.size, name
        network = quality.Network("subject", "subject")
        found = quality.judge_worse(network, plan, copies)["worse"]
        assert list(found) == ["as they are", *quality.WORSE]
        assert {one["pictures"] for one in found.values()} == {1}  # every fifth
    assert not any(place.exists() for place in copies.values())


def test_a_trial_prints_tables_and_writes_nothing(quality, data, capsys, monkeypatch, tmp_path):
    folder, names = data
    monkeypatch.setattr(quality, "names_in", lambda _: names)
    words = ["--data", str(folder), "--tables", "robust", "--limit", "1"]
    monkeypatch.setattr("sys.argv", ["quality.py", *words])
    quality.main()
    assert "| subject | 1 |" in capsys.readouterr().out
    kept = tmp_path / "kept.json"
    monkeypatch.setattr("sys.argv", ["quality.py", *words, "--json", str(kept)])
    quality.main()
    found = json.loads(kept.read_text())
    assert found["robust"]["subject"]["figures"]["pictures"] == 1
    assert len(found["robust"]["subject"]["file"]) == 16


@pytest.mark.parametrize("words", [["--tables", "stes"], ["--tables", "sets"]])
def test_a_wrong_command_line_is_refused(quality, monkeypatch, capsys, words):
    monkeypatch.setattr("sys.argv", ["quality.py", *words])
    with pytest.raises(SystemExit, match="2"):
        quality.main()
    assert "no table stes" in (said := capsys.readouterr().err) or "--data is needed" in said
