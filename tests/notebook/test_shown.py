"""Results show themselves in notebooks: small, cheap, never with a traceback."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import nukki
from io_files import profile
from nukki.io.display import LONGEST, checks, reduced
from nukki.ops.segments import soft_segment_of
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.eraser import by_mask
from nukki.types import Box

RED = (200, 30, 40)


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def picture(height=6, width=8, *, dtype=np.uint8, **parts):
    pixels = np.full((height, width, 3), RED, dtype) * dtype(257 if dtype == np.uint16 else 1)
    return nukki.Picture(pixels, **parts)


def thing(photo, number=1):
    size = photo.height, photo.width
    levels = np.zeros(size, np.uint8)
    levels[1:4, 2:6] = 255
    levels[4, 2:6] = 100
    whole = Box(0, 0, size[1], size[0])
    return nukki.Instance(
        number, soft_segment_of(levels, whole, size, label="cat", score=0.5), photo
    )


def cutout(photo, alpha, **parts):
    rest = {"confidence": 0.9, "found": True, "road": "salient"}
    return nukki.Cutout(photo, photo.pixels, alpha, **{**rest, **parts})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_small_picture_is_shown_as_it_is(dtype):
    shown = opened(picture(dtype=dtype)._repr_png_())
    assert shown.shape == (6, 8, 3)
    assert (shown == RED).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_see_through_lies_over_checks(dtype):
    full = np.iinfo(dtype).max
    alpha = np.zeros((20, 20), dtype)
    alpha[:, 10:] = full
    shown = opened(picture(20, 20, dtype=dtype, alpha=alpha)._repr_png_())
    assert (shown[:, 10:] == RED).all()
    assert (shown[:, :10] == checks(20, 20)[:, :10]).all()
    assert {255, 204} == set(np.unique(checks(20, 20)))


@pytest.mark.parametrize("size", [(801, 40), (40, 801), (1600, 1199), (2500, 3), (1, 4000)])
def test_a_large_one_is_reduced(size):
    small = reduced(picture(*size).pixels)
    assert max(small.shape) == LONGEST
    assert (small == RED).all()
    shorter = max(1, round(min(size) * LONGEST / max(size)))
    assert min(small.shape[:2]) == shorter


def test_hidden_colours_do_not_shine_through():
    """Of black that nobody sees, beside opaque red, nothing gets into the edge."""
    pixels = picture(1600, 1600).pixels.copy()
    alpha = np.full((1600, 1600), 255, np.uint8)
    pixels[:, 801:], alpha[:, 801:] = 0, 0
    small = reduced(pixels, alpha)
    edge = small[10, 395:405]
    seen = edge[edge[:, 3] > 8]
    assert 0 < edge[5, 3] < 255
    assert np.abs(seen[:, :3].astype(int) - RED).max() <= 2


def test_colours_are_those_of_the_profile():
    shown = opened(picture(icc_profile=profile("swapped"))._repr_png_())
    assert (shown == picture(icc_profile=profile("swapped")).rgb8()).all()
    assert not (shown == RED).all()


def test_a_cutout_shows_its_alpha_and_its_background():
    photo, alpha = picture(16, 16), np.zeros((16, 16), np.float32)
    alpha[:8] = 1
    cut = cutout(photo, alpha)
    shown = opened(cut._repr_png_())
    assert (shown[:8] == RED).all()
    assert (shown[8:] == checks(16, 16)[8:]).all()
    from nukki.pipelines.backgrounds import background_of

    white = opened(replace(cut, background=background_of("white"))._repr_png_())
    assert (white[8:] == 255).all()
    assert repr(cut) == "Cutout(16 × 16, uint8, salient, confidence 0.90)"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_instance_shows_itself_and_nothing_around(dtype):
    shown = opened(thing(picture(dtype=dtype))._repr_png_())
    assert shown.shape == (4, 4, 3)
    assert (shown[:3] == RED).all()
    mixed = RED[0] * 100 / 255 + checks(4, 4)[3, :, 0].astype(int) * 155 / 255
    assert np.abs(shown[3, :, 0] - mixed).max() <= 1


def test_a_segmentation_shows_numbers():
    photo = picture(120, 160)
    one = thing(photo)
    found = nukki.Segmentation(photo, (one,), network="x")
    assert (opened(found._repr_png_()) == found.numbered().pixels).all()
    assert repr(found) == "Segmentation(1 cat .50)"
    assert repr(replace(found, instances=())) == "Segmentation(nothing)"


def test_a_plan_shows_what_would_go():
    photo, mask = picture(30, 30), np.zeros((30, 30), bool)
    mask[10:20, 10:20] = True
    plan = by_mask(photo, mask, GoOptions(grow=0), None, except_=None)
    assert (opened(plan._repr_png_()) == plan.preview().pixels).all()


def test_texts_are_short():
    """They are kept in the notebook beside the picture."""
    photo = picture(icc_profile=b"x" * 10_000, exif=b"y" * 10_000, format="jpeg")
    assert repr(photo) == "Picture(8 × 6, uint8, jpeg)"
    whole = cutout(photo, np.ones((6, 8), np.float32))
    assert repr(whole.over("white")) == "Replaced(8 × 6, uint8, jpeg)"
    assert len(repr(thing(photo))) < 600


@pytest.mark.parametrize(
    "broken",
    [
        nukki.Picture(np.zeros((0, 4, 3), np.uint8)),
        nukki.Picture(np.zeros((4, 4), np.uint8)),
        nukki.Picture(np.zeros((4, 4, 3), np.uint8), alpha=np.zeros((2, 2), np.uint8)),
        cutout(picture(), np.zeros((3, 3), np.float32)),
        cutout(picture(), np.full((6, 8), 1, np.float32), background="no background"),
    ],
    ids=["empty", "flat", "alpha", "other size", "background"],
)
def test_what_cannot_be_shown_is_not_shown(broken):
    assert broken._repr_png_() is None


def test_a_damaged_profile_hides_no_picture():
    assert opened(picture(icc_profile=b"no profile")._repr_png_()).shape == (6, 8, 3)
