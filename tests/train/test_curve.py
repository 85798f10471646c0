"""The picture of a training: the file, its axes, and lines where the figures say."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nukki.train.curve import _COLOURS, Panel, curve_png, ticks

PANELS = (
    Panel("loss", "loss", -1),
    Panel("max_f_beta", "max F-beta"),
    Panel("mae", "MAE", -1),
    Panel("iou", "IoU"),
)


def drawn(title, rows, *more):
    image = Image.open(io.BytesIO(curve_png(title, rows, PANELS, *more)))
    assert (image.format, image.size, image.mode) == ("PNG", (1120, 760), "RGB")
    return np.asarray(image)


def places(picture, colour):
    """Rows and columns of pixels of a colour, less the smoothed ones at its rim."""
    return np.nonzero((np.abs(picture.astype(int) - colour) <= 8).all(axis=2))


def history(values, key="iou"):
    return [{"step": 100 * (n + 1), key: value} for n, value in enumerate(values)]


@given(st.floats(-100, 100), st.floats(1e-4, 1e5), st.integers(2, 9))
def test_ticks_are_round_and_within(low, width, most):
    high = low + width
    found = ticks(low, high, most)
    assert len(found) <= most
    room = 1e-6 * width
    assert all(low - room <= tick <= high + room for tick in found)
    if len(found) > 1:
        steps = np.diff(found)
        step = steps.mean()
        assert steps == pytest.approx(step, rel=1e-6)
        lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(lead - m) for m in (1, 2, 5)) < 1e-6
    if most > 2:
        assert len(found) >= (most - 1) / 2.5 - 1


def test_ticks_by_hand():
    assert ticks(0, 8000) == [0, 2000, 4000, 6000, 8000]
    assert ticks(0.93, 0.97) == pytest.approx([0.93, 0.94, 0.95, 0.96, 0.97])
    assert ticks(0, 2, least=1) == [0, 1, 2]
    assert ticks(0, 1, least=1) == [0, 1]


def test_lines_go_where_the_figures_go():
    """IoU is the lower right panel; rising values go from its lower left to its upper right."""
    rows, columns = places(drawn("rising", history(np.linspace(0.2, 0.9, 8))), _COLOURS[3])
    assert columns.min() > 560
    assert rows.min() > 400
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    rows, columns = places(drawn("falling", history(np.linspace(0.9, 0.2, 8))), _COLOURS[3])
    assert np.corrcoef(rows, columns)[0, 1] > 0.99


def test_each_figure_has_its_panel():
    row = {"step": 1, "loss": 2.0, "max_f_beta": 0.9, "mae": 0.1, "iou": 0.8}
    picture = drawn("all", [row, row | {"step": 2}])
    for colour, (right, low) in zip(
        _COLOURS, ((False, False), (True, False), (False, True), (True, True)), strict=True
    ):
        rows, columns = places(picture, colour)
        assert rows.size > 100
        assert ((columns > 560) == right).all()
        assert ((rows > 408) == low).all()


@pytest.mark.parametrize(
    ("key", "left", "bottom", "best"), [("iou", 634, 716, 1), ("loss", 74, 364, 0)]
)
def test_the_best_is_marked(key, left, bottom, best):
    """More is better of IoU, less of the loss: the large dot is on the peak or in the valley."""
    colour = next(
        colour for panel, colour in zip(PANELS, _COLOURS, strict=True) if panel.key == key
    )
    values = [0.2, 0.9, 0.3, 0.4]
    rows, columns = places(drawn("", history(values, key)), colour)
    low, high = 0.2 - 0.08 * 0.7, 0.9 + 0.08 * 0.7
    filled = []
    for number, value in enumerate(values):
        x = left + 456 * (number + 1) / 4
        y = bottom - 268 * (value - low) / (high - low)
        filled.append(np.count_nonzero(np.hypot(rows - y, columns - x) < 5))
    assert filled[best] > 60
    assert all(number < 50 for place, number in enumerate(filled) if place != best)


@pytest.mark.parametrize("value", [math.nan, None, math.inf])
def test_what_is_not_known_is_left_out(value):
    rows = [{"step": 1, "iou": 0.5}, {"step": 2, "iou": value}, {"step": 3, "iou": 0.6}]
    known = [rows[0], rows[2]]
    assert np.array_equal(drawn("", rows), drawn("", known))


@pytest.mark.parametrize(
    "rows", [[], history([0.5]), history([0.0, 0.0]), history([0.5, 0.5 + 1e-12])], ids=len
)
def test_little_to_draw(rows):
    assert drawn("little", rows).std() > 0


def test_ends_of_stages_are_marked():
    rows = history(np.linspace(0.2, 0.9, 8))
    grey = 185, 185, 185
    plain, marked = drawn("", rows), drawn("", rows, (200, 800))
    _, columns = places(marked, grey)
    # One line a panel, at a quarter of its width; the end of all is the panel's own rim.
    assert set(columns.tolist()) - set(places(plain, grey)[1].tolist()) == {74 + 114, 634 + 114}
