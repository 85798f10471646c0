"""Masks from files, pictures and arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from helpers import frozen
from nukki.errors import InputError, LimitExceeded
from nukki.io.images import Picture
from nukki.io.masks import alpha_of, read_mask

LEVELS = frozen(np.array([[0, 1, 127], [128, 200, 255]], np.uint8))
ABOVE_HALF = [[False, False, False], [True, True, True]]


def png(pixels, mode=None):
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(out, "PNG")
    return out.getvalue()


def test_lighter_than_half_is_inside(tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(png(LEVELS))
    sources = {
        "path": path,
        "text": str(path),
        "bytes": png(LEVELS),
        "file": io.BytesIO(png(LEVELS)),
        "PIL": Image.fromarray(LEVELS),
        "RGB": png(LEVELS, "RGB"),
        "one bit": png(LEVELS > 127),
        "Picture": Picture(frozen(LEVELS[..., None].repeat(3, axis=2))),
        "array": LEVELS,
        "wide array": frozen(LEVELS.astype(np.uint16) * 257),
        "bool": frozen(LEVELS > 127),
    }
    for kind, source in sources.items():
        mask = read_mask(source)
        assert mask.dtype == np.bool_, kind
        assert mask.tolist() == ABOVE_HALF, kind


def test_of_a_cut_out_it_is_the_transparency():
    dark = frozen(np.dstack([np.zeros((2, 3, 3), np.uint8), LEVELS]))
    assert read_mask(png(dark)).tolist() == ABOVE_HALF


def test_black_is_an_empty_mask():
    assert not read_mask(frozen(np.zeros((4, 5), np.uint8))).any()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((4, 5, 3), np.bool_), r"got \(4, 5, 3\) bool"),
        (np.zeros((4, 5)), "float64"),
        (np.zeros((0, 5), np.bool_), r"\(0, 5\)"),
        (np.ones((4, 5), np.uint8), "largest value is 1"),
        (np.dstack([np.full((4, 5), level, np.uint8) for level in (200, 20, 20)]), r"\(4, 5, 3\)"),
        (Picture(np.dstack([np.full((4, 5), level, np.uint8) for level in (9, 99, 0)])), "colours"),
        (b"no picture", "bytes"),
    ],
)
def test_what_is_no_mask(source, said):
    with pytest.raises(InputError, match=said) as caught:
        read_mask(source, white="what goes")
    assert caught.value.hint


def test_hints_say_what_white_stands_for():
    red = Picture(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    for given, said in (({}, "the subject"), ({"white": "what goes"}, "what goes")):
        with pytest.raises(InputError) as caught:
            alpha_of("x", red, **given)
        assert said in caught.value.hint


def test_a_mask_that_is_too_large_or_ends_early():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    with pytest.raises(LimitExceeded):
        read_mask(png(noise), max_pixels=100)
    with pytest.raises(InputError):
        read_mask(png(noise)[:-1500])
