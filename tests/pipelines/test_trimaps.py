"""Trimaps in files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from helpers import frozen
from nukki.errors import InputError, OutputError
from nukki.io.images import Picture
from nukki.pipelines.trimaps import read_trimap, save_trimap

PHOTO = Picture(frozen(np.zeros((30, 40, 3), np.uint8)))


def drawn(height=30, width=40):
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:9], trimap[20:] = 0, 255
    return trimap


@pytest.mark.parametrize("form", ["L", "RGB", "RGBA", "P"])
def test_what_is_written_is_read(tmp_path, form):
    path = tmp_path / "t.png"
    Image.fromarray(drawn()).convert(form).save(path)
    trimap, note = read_trimap(path, PHOTO)
    np.testing.assert_array_equal(trimap, drawn())
    assert note is None
    save_trimap(trimap, tmp_path / "again.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "again.png")), drawn())
    np.testing.assert_array_equal(read_trimap(tmp_path / "again.png", PHOTO)[0], drawn())
    np.testing.assert_array_equal(read_trimap(drawn(), PHOTO)[0], drawn())


def test_a_lossy_file_is_snapped_with_a_note(tmp_path):
    path = tmp_path / "t.jpg"
    Image.fromarray(drawn()).save(path, quality=90)
    trimap, note = read_trimap(path, PHOTO)
    assert (trimap == drawn()).mean() > 0.9
    assert note is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (drawn(40, 30), "must be 40 × 30 pixels like the photo, got 30 × 40"),
        (np.full((30, 40), 128, np.uint8), "no foreground"),
        (np.zeros((30, 40, 3), np.uint8), "got 3 × 40 × 30"),
        (Picture(np.tile(np.uint8([255, 0, 0]), (30, 40, 1))), "it has colours"),
    ],
)
def test_what_it_refuses(wrong, said):
    with pytest.raises(InputError) as caught:
        read_trimap(wrong, PHOTO)
    assert said in str(caught.value)
    assert caught.value.hint


def test_what_is_no_picture(tmp_path):
    (tmp_path / "t.png").write_text("no picture")
    with pytest.raises(InputError):
        read_trimap(tmp_path / "t.png", PHOTO)
    with pytest.raises(OutputError):
        save_trimap(drawn(), tmp_path / "missing" / "t.png")
