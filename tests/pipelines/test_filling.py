"""Fillers behind one protocol: networks, patches, both in turn, and OpenCV's."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from helpers import frozen
from nukki import loading
from nukki.errors import InputError, MissingExtra, UnknownModel
from nukki.pipelines.filling import Chain, Network, Patches
from nukki.pipelines.opencv import OpenCV
from task_files import FILLS_CARD, FILLS_COLOUR, PAINT, at_home

DARK, LIGHT = (60, 70, 60), (190, 170, 150)


def photo():
    """Light above, dark below, with grain."""
    random = np.random.default_rng(4)
    image = np.empty((70, 90, 3))
    image[:] = DARK
    image[:35] = LIGHT
    return frozen(np.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8))


def block(rows=slice(15, 55), columns=slice(30, 60)):
    mask = np.zeros((70, 90), np.bool_)
    mask[rows, columns] = True
    return frozen(mask)


class Painter:
    """Paints what a photo should look like from afar."""

    name = "painter"

    def __init__(self, picture):
        self.picture = picture
        self.asked = []

    def fill(self, image, mask, *, forbidden=None, seed=0):
        self.asked.append(mask.shape)
        return np.where(mask[..., None], self.picture, image)


def lowered():
    """The photo with its horizon ten pixels lower and without grain."""
    image = np.empty((70, 90, 3), np.uint8)
    image[:] = DARK
    image[:45] = LIGHT
    return image


def test_a_chain_takes_structure_from_one_and_texture_from_the_photo():
    image, mask = photo(), block()
    filled = Chain("default", Painter(lowered()), threads=2).fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    above, below = filled[36:42, 38:52], filled[48:53, 38:52]
    assert below.mean() < 90 < 140 < above.mean()
    for part in (above, below):
        assert 4 < part.std(axis=(0, 1)).mean() < 20
    once_more = Chain("default", Painter(lowered())).fill(image, mask)
    np.testing.assert_array_equal(filled, once_more)


def test_a_chain_asks_for_each_hole_with_its_surroundings():
    image = frozen(np.tile(photo(), (1, 6, 1)))
    mask = np.zeros(image.shape[:2], np.bool_)
    mask[30:40, 10:20] = mask[30:40, 500:510] = True
    painter = Painter(np.uint8(128))
    Chain("default", painter).fill(image, frozen(mask))
    assert painter.asked == [(70, 84), (70, 104)]


def test_patches_do_not_copy_what_is_forbidden():
    image = photo().copy()
    image[10:60, 4:26] = (255, 0, 255)
    keep = block(slice(8, 62), slice(2, 28))
    filled = Patches().fill(frozen(image), block(), forbidden=keep)
    assert not ((filled[..., 1] < 20) & block()).any()


@pytest.mark.parametrize("name", ["telea", "ns"])
def test_opencv_leads_the_rim_inwards(name):
    image, mask = photo(), block(slice(28, 44), slice(40, 44))
    filled = OpenCV(name).fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert np.abs(filled[28:33, 40:44].mean(axis=(0, 1)) - LIGHT).max() < 12
    assert np.abs(filled[38:44, 40:44].mean(axis=(0, 1)) - DARK).max() < 12


def test_without_opencv_the_pip_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match="telea needs OpenCV") as caught:
        loading.load_filler("telea")
    assert caught.value.hint == 'run: pip install "nukki[opencv]"'
    assert loading.load_filler("patch").name == "patch"


def test_who_fills_by_name():
    for name in ("patch", "telea", "ns"):
        assert loading.filler_name(name) is None
        assert loading.load_filler(name).name == name
    assert loading.filler_name("lama") == "lama"
    tables = FILLS_CARD.replace('task = "inpainting"', "") + "[inpainting]"
    at_home("fills", "inpainting", PAINT, tables)
    filler = loading.load_filler("fills")
    assert isinstance(filler, Network)
    assert filler.name == "fills"
    assert (filler.fill(photo(), block())[block()] == FILLS_COLOUR).all()
    with pytest.raises(InputError, match="must be a network for inpainting"):
        loading.load_filler("subject")
    with pytest.raises(UnknownModel, match="patches"):
        loading.load_filler("patches")


def test_a_chain_does_not_show_its_first_who_stays():
    class Noting(Painter):
        def fill(self, image, mask, *, forbidden=None, seed=0):
            self.asked.append(mask.copy())
            return super().fill(image, mask)

    image, mask = photo(), block()
    keep = np.zeros_like(mask)
    keep[:, 60:] = True
    first = Noting(lowered())
    filled = Chain("default", first).fill(image, mask, forbidden=keep)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    np.testing.assert_array_equal(first.asked[0], mask | keep)
    first = Noting(lowered())  # nothing else is there: then they are better than nothing
    Chain("default", first).fill(image, mask, forbidden=~mask)
    np.testing.assert_array_equal(first.asked[0], mask)


def test_the_default_begins_with_our_own_network():
    assert loading.filler_name("default") == "fill"
    filler = loading.load_filler(threads=1)
    assert isinstance(filler, Chain)
    assert (filler.name, filler.first.name) == ("default", "fill")
    image, hole = photo(), block()
    filled = filler.fill(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    np.testing.assert_array_equal(filled, filler.fill(image, hole))
