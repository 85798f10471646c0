"""`nukki compare`: one sheet of photos and cut-outs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_a_row_a_photo_and_a_column_a_way(nukki, photos, capsys):
    photos("a.jpg", "b.png")
    assert nukki("compare", "a.jpg", "b.png", "-o", "sheet.png", "--edges", "none,fast") == 0
    with Image.open("sheet.png") as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape[2] == 3
    blue = np.abs(pixels - (0, 60, 200)).max(axis=2) < 12
    assert blue.any(axis=1).sum() >= 2 * 40
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("subject, edges none") == 2
    assert told.err.count("subject, edges fast") == 2
    assert "2 of 2 photos -> sheet.png" in told.err


def test_a_loud_backdrop_shows_through(nukki, photos):
    photos("a.png", empty=True)
    assert nukki("compare", "a.png", "-o", "s.png", "--backdrop", "magenta", "--quiet") == 0
    with Image.open("s.png") as image:
        pixels = np.asarray(image).astype(int)
    magenta = (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] > 150)
    assert magenta.sum() > 500


def test_a_photo_that_cannot_be_read_is_left_out(nukki, photos, capsys):
    photos("a.jpg")
    Path("b.jpg").write_bytes(b"no picture")
    assert nukki("compare", "b.jpg", "a.jpg", "-o", "s.png") == 1
    told = capsys.readouterr().err
    assert "b.jpg" in told
    assert "1 of 2 photos" in told
    assert Path("s.png").exists()
    assert nukki("compare", "b.jpg", "-o", "t.png") == 1
    assert not Path("t.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jpg", "-o", "s.xyz"], "names no format"),
        (["a.jpg", "-o", "there.png"], "is there already"),
        (["a.jpg", "-o", "a.jpg", "--overwrite"], "is a photo that is read"),
        (["a.jpg", "-o", "s.png", "--backdrop", "magneta"], "`backdrop` must be"),
        (["a.jpg", "-o", "s.png", "--edges", "sharp"], "`edges` must be one of"),
        (["a.jpg", "-o", "s.png", "--models", "subjct"], "`subjct`"),
        (["a.jpg", "-o", "s.png", "--models", ","], "must be words between commas"),
        (["a.jpg"], "-o/--output"),
    ],
)
def test_wrong_usage_is_told_before_any_work(nukki, photos, capsys, words, message):
    photos("a.jpg", "there.png")
    assert nukki("compare", *words) == 2
    assert message in capsys.readouterr().err
    assert not Path("s.png").exists()
