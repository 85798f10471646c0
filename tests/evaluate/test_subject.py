"""Judging a network: a tiny one whose map is known, through the real path."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PIL import Image

from helpers import tiny_card, tiny_network
from nukki import api
from nukki.errors import InputError, ModelOutputError
from nukki.evaluate.figures import Row, figures, judge
from nukki.evaluate.report import as_csv, as_json, table
from nukki.evaluate.subject import evaluate, network_for
from nukki.pipelines.remove import SUBJECT_CONFIDENCE

SIDE = 32


def write(folder, stem, photo, truth=None):
    """A picture of the network's own size, so that nothing is resampled."""
    for name, array in (("images", photo), ("masks", truth)):
        if array is not None:
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(np.asarray(array, np.uint8)).save(folder / name / f"{stem}.png")


def left(columns, value=255):
    """(32, 32): the first columns hold the value, the rest is black."""
    plane = np.zeros((SIDE, SIDE), np.uint8)
    plane[:, :columns] = value
    return plane


@pytest.fixture
def network(tmp_path):
    """Keywords that choose a network which answers the picture's own grey."""
    folder = tmp_path / "network"
    folder.mkdir()
    return {"model": str(tiny_network(folder)), "card": str(tiny_card(folder))}


@pytest.fixture
def folder(tmp_path):
    """Three pictures: a perfect map, one twice too wide, and one of an empty truth."""
    write(tmp_path, "a", left(8), left(8))
    write(tmp_path, "b", left(16), left(8))
    write(tmp_path, "c", left(8, 51), left(0))
    return tmp_path


def test_worked_figures(folder, network):
    score = evaluate(folder, **network)
    rows = {row.stem: row for row in score.rows}
    # b: half of what is marked is right, all of the subject is marked.
    assert [rows[stem].judged.iou for stem in "abc"] == pytest.approx([1, 1 / 2, 1])
    assert [rows[stem].judged.mae for stem in "abc"] == pytest.approx([0, 1 / 4, 0.2 / 4])
    assert [rows[stem].judged.sad for stem in "abc"] == pytest.approx([0, 0.256, 0.0512])
    assert [rows[stem].judged.mse for stem in "abc"] == pytest.approx([0, 1 / 4, 0.04 / 4])
    assert [rows[stem].confidence for stem in "abc"] == pytest.approx([1, 1, 0.2])
    assert [rows[stem].found for stem in "abc"] == [True, True, False]
    assert rows["c"].judged.s_alpha == pytest.approx(1 - 0.05)
    assert math.isnan(rows["c"].judged.weighted_f)
    # The set's curve: of a and b alone, precision 3/4 and recall 1 but at threshold 0.
    of = score.all
    assert (of.pictures, of.empty) == (3, 1)
    assert of.max_f == pytest.approx(1.3 * 0.75 / (0.3 * 0.75 + 1))
    at_zero = 1.3 * 0.25 / (0.3 * 0.25 + 1)
    assert of.mean_f == pytest.approx((255 * of.max_f + at_zero) / 256)
    assert of.iou == pytest.approx(2.5 / 3)
    # Bins: a and b at 1 (IoU 1 and 1/2), c at .2 (IoU 1).
    assert of.calibration_error == pytest.approx((0.5 + 0.8) / 3)
    assert of.nothing_found == pytest.approx(1 / 3)
    assert of.weighted_f == pytest.approx((1 + rows["b"].judged.weighted_f) / 2)
    assert 0 < of.network_ms < of.alpha_ms < 10_000
    assert of.agreement is None


def test_what_is_judged_is_what_remove_writes(folder, network, tmp_path):
    write(folder, "d", np.random.default_rng(0).integers(0, 256, (40, 50)), np.zeros((40, 50)))
    for edges in ("none", "fast"):
        (row,) = evaluate(folder, names=["d"], edges=edges, **network).rows
        cut = api.remove(folder / "images" / "d.png", edges=edges, **network)
        cut.save(tmp_path / "mask.png", mask=True)
        written = np.asarray(Image.open(tmp_path / "mask.png")) / 255
        assert row.judged.mae == pytest.approx(written.mean(), rel=1e-6)
        assert (row.confidence, row.found) == (cut.confidence, cut.found)


def test_kinds_and_names(folder, network):
    score = evaluate(folder, kinds={"a": "good", "b": "poor"}, **network)
    assert {kind: of.iou for kind, of in score.kinds.items()} == {"good": 1, "poor": 0.5}
    assert score.all.pictures == 3
    assert evaluate(folder, names=["b"], **network).all.iou == 0.5
    assert evaluate(folder, limit=1, **network).all.iou == 1
    with pytest.raises(InputError, match="none of the 3 pictures"):
        evaluate(folder, kinds={"a.png": "good"}, **network)


def test_places_without_masks(tmp_path, network):
    write(tmp_path, "a", left(8, 51))
    write(tmp_path, "b", left(8, 255))
    of = evaluate(tmp_path, **network).all
    assert (of.iou, of.max_f, of.empty, of.calibration_error) == (None, None, None, None)
    assert of.nothing_found == 0.5
    assert of.confidence == pytest.approx(0.6)
    assert of.network_ms > 0
    assert SUBJECT_CONFIDENCE > 0.2  # else the faint one is found, and the test says nothing


def test_robustness(folder, network):
    score = evaluate(folder, robust=True, **network)
    of = score.all.agreement
    # Twice the light makes of grey 51 (.2) 75 (.29), so masks stay, and b's mirror is its mask.
    assert of["mirrored"] == of["half"] == of["brighter"] == 1
    assert of["mean"] == pytest.approx(np.mean([row.agreement["mean"] for row in score.rows]))
    assert score.record()["agreement"]["mirrored"] == 1


def test_a_grid_of_another_size(tmp_path):
    assert network_for("subject", size=64).card.input.size == (64, 64)
    write(tmp_path, "a", np.full((48, 48, 3), 90), np.zeros((48, 48)))
    score = evaluate(tmp_path, size=64)
    assert (score.size, score.grid) == ((64, 64), "64")
    with pytest.raises(InputError, match="multiples of 32, got the size 300") as raised:
        network_for("subject", size=300)
    assert raised.value.hint == "try 288"


def test_a_grid_that_cannot_change(network):
    with pytest.raises(InputError, match="it takes 32 × 32"):
        network_for(network["model"], card=network["card"], size=64)
    assert network_for(network["model"], card=network["card"], size=32).card.input.size == (32, 32)


# --- bad pictures


@pytest.fixture
def mixed(folder):
    """Between good pictures one of another size, one torn, one that is text, one without mask."""
    write(folder, "ab", left(8), np.zeros((SIDE, SIDE + 1)))
    write(folder, "ac", left(8), left(8))
    torn = folder / "images" / "ac.png"
    torn.write_bytes(torn.read_bytes()[:60])
    write(folder, "ad", left(8), left(8))
    (folder / "masks" / "ad.png").write_text("no picture")
    write(folder, "ae", left(8))
    return folder


def test_bad_pictures_are_named_counted_and_skipped(mixed, network):
    calls = []
    score = evaluate(mixed, skip_bad=True, done=lambda: calls.append(1), **network)
    assert score.all.pictures == 3
    assert len(calls) == 6
    reasons = dict(score.skipped)
    assert sorted(reasons) == ["ab", "ac", "ad", "ae"]
    assert "as large as its picture, 32 × 32, got 33 × 32" in reasons["ab"]
    assert "ac.png" in reasons["ac"]
    assert "masks/ad.png" in reasons["ad"].replace("\\", "/")
    assert "holds no picture `ae`" in reasons["ae"]
    assert [one["name"] for one in score.record()["skipped"]] == [n for n, _ in score.skipped]


@pytest.mark.parametrize("stem", ["ab", "ac", "ad", "ae"])
def test_a_bad_picture_ends_the_run(mixed, network, stem):
    with pytest.raises(InputError, match=stem) as raised:
        evaluate(mixed, names=["a", stem], **network)
    assert "--skip-bad" in raised.value.hint


def test_nothing_but_bad_pictures(mixed, network):
    with pytest.raises(InputError, match="no picture that can be judged"):
        evaluate(mixed, names=["ab", "ac"], skip_bad=True, **network)


def test_a_network_that_fails_is_no_bad_picture(folder, tmp_path):
    model = str(tiny_network(tmp_path, "nan"))
    with pytest.raises(ModelOutputError, match="finite"):
        evaluate(folder, model=model, card=str(tiny_card(tmp_path)), skip_bad=True)


def test_a_card_that_does_not_fit_its_network_is_no_bad_picture(folder, network, tmp_path):
    card = str(tiny_card(tmp_path, (64, 64), name="wrong"))
    with pytest.raises(InputError, match="must be float32") as raised:
        evaluate(folder, model=network["model"], card=card, skip_bad=True)
    assert "holds no picture" not in raised.value.message


# --- figures, tables


def row(**keywords):
    plain = {"stem": "a", "kind": "", "confidence": 0.5, "found": True}
    return Row(**plain | {"network_ms": 1.0, "alpha_ms": 2.0, "judged": None} | keywords)


def test_truths_of_every_kind():
    alpha = np.array([[1, 0.2], [0.4, 0]], np.float32)
    empty, full = np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)
    nothing = figures([row(judged=judge(alpha, empty))])
    assert (nothing.max_f, nothing.weighted_f, nothing.iou, nothing.empty) == (None, None, 0, 1)
    assert nothing.s_alpha == pytest.approx(0.6)
    everything = figures([row(judged=judge(alpha, full))])
    assert everything.max_f == pytest.approx(1)  # at threshold 0 everything is marked
    assert everything.iou == pytest.approx(1 / 4)
    assert everything.s_alpha == pytest.approx(0.4)


def test_a_soft_truth_counts_in_sad_and_its_mask_elsewhere():
    truth = np.array([[1, 0.6], [0.4, 0]], np.float32)
    found = judge(truth, truth)
    assert found.sad == pytest.approx(0, abs=1e-5)
    assert found.mae == pytest.approx(0.8 / 4)
    assert found.iou == 1


def test_medians_of_times():
    rows = [row(network_ms=value, alpha_ms=2 * value) for value in (1, 2, 90)]
    of = figures(rows)
    assert (of.network_ms, of.alpha_ms) == (2, 4)


def test_json_and_csv_have_no_nan(folder, network):
    score = evaluate(folder, kinds={"c": "empty"}, robust=True, **network)
    (record,) = json.loads(as_json([score]))
    assert record["kinds"]["empty"]["max_f"] is None
    assert record["set"] == str(folder)
    header, *lines = as_csv([score]).splitlines()
    names = header.split(",")
    cells = dict(zip(names, lines[2].split(","), strict=True))
    empty = [cells[name] for name in ("stem", "kind", "max_f", "weighted_f")]
    assert empty == ["c", "empty", "", ""]
    assert float(cells["agreement_mean"]) <= 1
    assert not any(cell == "nan" for line in lines for cell in line.split(","))


def test_the_table_lines_up(folder, network):
    score = evaluate(folder, kinds={"a": "good", "c": "empty"}, robust=True, **network)
    lines = list(table([score]))
    assert lines[0] == str(folder)
    header, whole, empty, good = lines[1:5]
    assert whole.split()[:6] == ["identity.onnx", "32", "none", "all", "3", ".7959"]
    assert empty.split()[3:7] == ["empty", "1", "-", "-"]
    assert good.split()[5:8] == ["1.0000", ".9973", "1.0000"]
    assert len({len(line) for line in (header, whole, empty, good)}) == 1
    assert lines[5].startswith("mean IoU")
    assert lines[6].split()[5:] == ["mirrored", "half", "jpeg40", "brighter", "darker", "mean"]
    assert len(lines) == 10


def test_figures_that_nobody_has_are_no_columns(tmp_path, network):
    write(tmp_path, "a", left(8))
    score = evaluate(tmp_path, **network)
    header = list(table([score]))[1]
    assert "IoU" not in header
    assert "nothing" in header
    two = list(table([score, evaluate(tmp_path, **network)]))
    assert len(two) == 4  # one set, two networks
