"""Sets: which pictures go with which masks, and what a mask file says."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from PIL import Image

from nukki.errors import InputError
from nukki.evaluate.sets import kinds_in, names_in, open_set, truth_in


@pytest.fixture
def make(tmp_path):
    """Makes a set of empty files: `make(images=["a.jpg"], masks=["a.png"])`."""

    def run(**folders):
        for folder, names in folders.items():
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path

    return run


def test_pairs_share_their_stems_whatever_their_formats(make):
    folder = make(
        images=["b.webp", "a.JPG", "c.png", ".d.png", "notes.txt"],
        masks=["a.png", "b.tiff", "c.png", "z.png"],
    )
    found = open_set(folder)
    assert [sample.stem for sample in found.samples] == ["a", "b", "c"]
    assert [sample.mask.name for sample in found.samples] == ["a.png", "b.tiff", "c.png"]
    assert found.judged
    assert found.bad == ()


def test_names_and_limit(make):
    folder = make(images=["a.jpg", "b.jpg", "c.jpg"], masks=["a.png", "b.png", "c.png"])
    assert [s.stem for s in open_set(folder, names=["c", "b", "c"]).samples] == ["b", "c"]
    assert [s.stem for s in open_set(folder, names=["c", "b"], limit=1).samples] == ["b"]


def test_what_cannot_be_judged_is_named(make):
    folder = make(images=["a.jpg", "b.jpg", "c.jpg", "c.png"], masks=["a.png", "c.png"])
    found = open_set(folder, names=["a", "b", "c", "d"])
    assert [sample.stem for sample in found.samples] == ["a"]
    reasons = dict(found.bad)
    assert "masks` holds no picture `b`" in reasons["b"]
    assert "`c.jpg` and `c.png`: expected one" in reasons["c"]
    assert "images` holds no picture `d`" in reasons["d"]


def test_without_masks_every_picture_counts(make):
    found = open_set(make(images=["a.jpg", "b.jpg"]))
    assert [(sample.stem, sample.mask) for sample in found.samples] == [("a", None), ("b", None)]
    assert not found.judged


def test_one_form_of_unicode(make):
    folder = make(
        images=[unicodedata.normalize("NFD", "café.jpg")],
        masks=[unicodedata.normalize("NFC", "café.png")],
    )
    assert [s.stem for s in open_set(folder, names=["café"]).samples] == ["café"]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({}, "images` must be a folder of pictures"),
        ({"images": []}, "images` holds no picture"),
        ({"images": ["a.txt"]}, "images` holds no picture"),
        ({"images": ["a.jpg"], "masks": []}, "masks` holds no picture"),
        ({"images": ["a.jpg"], "masks": ["b.png"]}, "`a.jpg`, … against `b.png`, …"),
    ],
)
def test_nothing_to_judge(make, folders, message):
    with pytest.raises(InputError, match=message) as raised:
        open_set(make(**folders))
    assert raised.value.hint


def test_no_folder_and_no_names(make, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        open_set(tmp_path / "gone")
    folder = make(images=["a.jpg"], masks=["a.png"])
    with pytest.raises(InputError, match="among the 2 names"):
        open_set(folder, names=["a.jpg", "b"])


def test_no_name_among_pictures_without_masks(make):
    with pytest.raises(InputError, match="holds none of the names"):
        open_set(make(images=["a.jpg"]), names=["b"])


# --- masks


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_grey_is_the_alpha(tmp_path):
    levels = np.array([[0, 51], [128, 255]], np.uint8)
    truth = truth_in(saved(tmp_path / "m.png", levels))
    assert truth.dtype == np.float32
    assert truth == pytest.approx(levels / 255)
    wide = truth_in(saved(tmp_path / "w.png", levels.astype(np.uint16) * 257))
    assert wide == pytest.approx(levels / 255)
    black_and_white = truth_in(saved(tmp_path / "b.png", levels > 100))
    assert black_and_white.tolist() == [[0, 0], [1, 1]]


def test_of_a_cut_out_it_is_the_transparency(tmp_path):
    pixels = np.full((2, 2, 4), 90, np.uint8)
    pixels[..., 3] = [[0, 51], [255, 255]]
    assert truth_in(saved(tmp_path / "c.png", pixels)) == pytest.approx(pixels[..., 3] / 255)


def test_a_tinge_is_still_grey(tmp_path):
    pixels = np.full((2, 2, 3), 200, np.uint8)
    pixels[0, 0] = (190, 200, 210)
    assert truth_in(saved(tmp_path / "t.png", pixels)) == pytest.approx(np.full((2, 2), 200 / 255))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[[128, 0, 0], [0, 0, 0]]], np.uint8), "it has colours"),
        (np.array([[0, 1], [1, 0]], np.uint8), "its largest value is 1"),
        (np.array([[1, 2], [3, 0]], np.uint8), "its largest value is 3"),
    ],
)
def test_labels_are_no_masks(tmp_path, array, message):
    with pytest.raises(InputError, match=message) as raised:
        truth_in(saved(tmp_path / "l.png", array))
    assert "l.png" in raised.value.message


def test_an_empty_mask_is_one(tmp_path):
    assert not truth_in(saved(tmp_path / "e.png", np.zeros((3, 2), np.uint8))).any()


# --- lists


def test_names_and_kinds_from_files(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\ufeff# mine\n\n a \nmy cat\n", encoding="utf-8")
    assert names_in(path) == ("a", "my cat")
    path.write_text("a animals\nmy cat\tanimals\n# no\nb things\n", encoding="utf-8")
    assert kinds_in(path) == {"a": "animals", "my cat": "animals", "b": "things"}


def test_lists_that_are_none(tmp_path):
    path = tmp_path / "list.txt"
    with pytest.raises(InputError, match=r"list\.txt` cannot be read"):
        names_in(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        names_in(path)
    path.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(InputError, match="it is empty"):
        names_in(path)
    path.write_text("cat\n", encoding="utf-8")
    with pytest.raises(InputError, match="got `cat`"):
        kinds_in(path)
