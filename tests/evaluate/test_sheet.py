"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from nukki.errors import InputError
from nukki.evaluate.sheet import cell, check_backdrop, compared, sheet


def plain(height, width, colour):
    return np.full((height, width, len(colour)), colour, np.uint8)


def where(page, colour):
    return np.all(page == colour, axis=2)


def test_a_cell_is_reduced_and_never_enlarged():
    assert cell(plain(1000, 2000, (1, 2, 3)), "x", largest=480).picture.shape == (240, 480, 3)
    assert cell(plain(3000, 1, (1, 2, 3)), "x", largest=480).picture.shape == (480, 1, 3)
    small = plain(10, 20, (1, 2, 3, 4))
    assert np.array_equal(cell(small, "x").picture, small)


def test_reducing_does_not_mix_hidden_colours_in():
    pixels = plain(400, 400, (255, 0, 0, 255))
    pixels[:, ::2] = (0, 255, 0, 0)
    seen = cell(pixels, "x", largest=100).picture
    assert seen[..., 1].max() <= 2


def test_pictures_stand_in_rows_and_columns_whole():
    red, green, blue = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    rows = [
        [cell(plain(30, 40, red), "one"), cell(plain(50, 20, green), "two")],
        [cell(plain(60, 300, blue), "three")],
    ]
    page = sheet(rows)
    assert page.dtype == np.uint8
    counts = [where(page, colour).sum() for colour in (red, green, blue)]
    assert counts == [30 * 40, 50 * 20, 60 * 300]
    top = {colour: np.argwhere(where(page, colour)).min(axis=0) for colour in (red, green, blue)}
    assert top[red][0] == top[green][0]
    assert top[red][1] < top[green][1]
    assert top[red][1] == top[blue][1]
    assert top[blue][0] >= top[red][0] + 50


def test_words_are_written_and_stay_above_their_own_picture():
    long = "a name that is far longer than any cell is wide " * 4
    picture = plain(40, 40, (255, 255, 255))
    bare = sheet([[cell(picture, ""), cell(picture, "")]])
    titled = sheet([[cell(picture, long), cell(picture, "")]])
    assert bare.shape == titled.shape
    changed = np.any(bare != titled, axis=2)
    assert changed.sum() > 100
    assert changed.any(axis=0).nonzero()[0].max() < bare.shape[1] // 2 + 10
    assert changed.any(axis=1).nonzero()[0].max() < 12 + 20


def test_transparency_shows_the_backdrop():
    clear = cell(plain(32, 32, (0, 0, 0, 0)), "")
    checks = sheet([[clear]])
    assert where(checks, (255, 255, 255)).sum() == where(checks, (204, 204, 204)).sum() == 512
    assert where(sheet([[clear]], backdrop="magenta"), (255, 0, 255)).sum() == 1024
    half = cell(plain(32, 32, (0, 0, 0, 128)), "")
    assert where(sheet([[half]], backdrop="#ffffff"), (127, 127, 127)).sum() == 1024


def test_what_is_no_colour_or_no_sheet_is_told():
    for word in ("magneta", ""):
        with pytest.raises(InputError, match="backdrop"):
            check_backdrop(word)
        with pytest.raises(InputError, match="backdrop"):
            sheet([[cell(plain(4, 4, (0, 0, 0, 0)), "")]], backdrop=word)
    check_backdrop("checker")
    for rows in ([], [[]]):
        with pytest.raises(InputError, match="at least one cell"):
            sheet(rows)


def test_a_row_is_the_photo_and_every_network_and_way(astronaut):
    photo = astronaut[:120, 160:280]
    cells = list(compared(photo, "portrait", ["subject"], edges=["none", "fast"], largest=100))
    assert [one.title for one in cells] == [
        "portrait",
        "subject, edges none",
        "subject, edges fast",
    ]
    assert cells[0].caption == "120 x 120"
    assert all(" s, " in one.caption for one in cells[1:])
    assert [one.picture.shape for one in cells] == [(100, 100, 3), (100, 100, 4), (100, 100, 4)]


def test_a_photo_without_a_subject_says_so():
    grey = np.full((64, 64, 3), 128, np.uint8)
    cells = list(compared(grey, "grey", ["subject"]))
    assert cells[1].caption.endswith("nothing found")
