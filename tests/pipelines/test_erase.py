"""Holes in photos of every kind: only they change, in the photo's own space and depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import frozen
from io_files import profile
from nukki.errors import InputError, ModelOutputError, NothingFound
from nukki.io.images import Picture, read
from nukki.pipelines.erase import erase
from nukki.pipelines.filling import Network, Patches
from nukki.tasks.inpainting import Inpainting
from task_files import FILLS_CARD, FILLS_COLOUR, FILLS_NAN, PAINT, card, network


@pytest.fixture(scope="module")
def filler(tmp_path_factory):
    """A network that paints every hole with one colour."""
    folder = tmp_path_factory.mktemp("filler")
    return Network(Inpainting(card(folder, FILLS_CARD + "[inpainting]"), network(folder, PAINT)))


class Watched:
    """A filler that remembers what it saw."""

    def __init__(self, filler):
        self.name = filler.name
        self.seen = []
        self.more = []
        self._filler = filler

    def fill(self, image, mask, **more):
        self.seen.append((image, mask))
        self.more.append(more)
        return self._filler.fill(image, mask, **more)


def photo(height=37, width=51, dtype=np.uint8, **more):
    top = np.iinfo(dtype).max
    random = np.random.default_rng(height + width)
    return Picture(
        frozen(random.integers(0, top, (height, width, 3), dtype, endpoint=True)), **more
    )


def block(height=37, width=51, rows=slice(10, 20), columns=slice(5, 30)):
    mask = np.zeros((height, width), np.bool_)
    mask[rows, columns] = True
    return frozen(mask)


def assert_only(erased, picture, mask, colour=FILLS_COLOUR):
    """Outside the mask the photo bit by bit, inside the colour; of 16 bits within one of 8's."""
    assert erased.pixels.dtype == picture.pixels.dtype
    assert erased.pixels.shape == picture.pixels.shape
    np.testing.assert_array_equal(erased.pixels[~mask], picture.pixels[~mask])
    level = 257 if erased.pixels.dtype == np.uint16 else 0
    np.testing.assert_allclose(
        erased.pixels[mask].astype(int), np.broadcast_to(colour, (int(mask.sum()), 3)), atol=level
    )
    np.testing.assert_array_equal(erased.hole, mask)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_exactly_the_mask_changes(filler, data):
    height, width = data.draw(st.tuples(st.integers(1, 33), st.integers(1, 33)))
    cells = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = frozen(np.array(cells).reshape(height, width))
    wide = data.draw(st.booleans())
    picture = photo(height, width, np.uint16 if wide else np.uint8)
    if mask.any() and not mask.all():
        colour = np.array(FILLS_COLOUR) * (257 if wide else 1)
        assert_only(erase(picture, mask, filler), picture, mask, colour)
    else:
        with pytest.raises(InputError):
            erase(picture, mask, filler)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(0, 1), slice(0, 1)),
        (slice(36, 37), slice(50, 51)),
        (slice(0, 37), slice(0, 50)),
        (slice(18, 19), slice(25, 26)),
        (slice(0, 37), slice(20, 21)),
    ],
)
def test_holes_at_corners_and_borders(filler, rows, columns):
    picture, mask = photo(), block(rows=rows, columns=columns)
    assert_only(erase(picture, mask, filler), picture, mask)


def test_a_hole_along_all_four_borders(filler):
    picture, mask = photo(), ~block(rows=slice(1, 36), columns=slice(1, 50))
    assert_only(erase(picture, frozen(mask), filler), picture, mask)


def test_colours_come_back_in_the_photos_own_space(filler):
    """The profile exchanges red and blue: what is (r, g, b) in sRGB is (b, g, r) in the file."""
    picture, mask = photo(icc_profile=profile("swapped")), block()
    watched = Watched(filler)
    erased = erase(picture, mask, watched)
    assert_only(erased, picture, mask, FILLS_COLOUR[::-1])
    assert erased.icc_profile == picture.icc_profile
    ((seen, hole),) = watched.seen
    assert np.abs(seen.astype(int) - picture.pixels[..., ::-1]).max() <= 1
    np.testing.assert_array_equal(hole, mask)


def test_sixteen_bits_in_another_space(filler):
    picture, mask = photo(dtype=np.uint16, icc_profile=profile("swapped")), block()
    erased = erase(picture, mask, filler)
    assert_only(erased, picture, mask, np.array(FILLS_COLOUR[::-1]) * 257)


def test_a_gradient_of_sixteen_bits_goes_on_through_the_hole_without_bands():
    """A sky: 8 levels of 8 bits over 160 pixels would be bands 20 pixels wide."""
    across = np.linspace(30_000, 30_000 + 8 * 257, 160)
    truth = np.rint(across)[None, :, None] + np.array([0, 6000, 12_000]) + np.zeros((90, 1, 1))
    picture = Picture(frozen(truth.astype(np.uint16)))
    mask = block(90, 160, slice(30, 60), slice(50, 110))
    made = erase(picture, mask, Patches()).pixels
    np.testing.assert_array_equal(made[~mask], picture.pixels[~mask])
    steps = np.abs(np.diff(made.astype(int), axis=1)[30:60, 50:109])
    assert steps.max() < 257  # what a step of 8 bits would be
    assert np.quantile(steps, 0.95) < 0.2 * 257
    assert np.abs(made - truth)[mask].mean() < 0.4 * 257
    assert len(np.unique(made[mask][:, 0])) > 60


def test_what_the_file_said_is_kept(filler):
    alpha = np.full((37, 51), 255, np.uint8)
    alpha[:, :20] = np.arange(20)
    exif = b"II*\0\x08\0\0\0\0\0"
    picture = photo(alpha=frozen(alpha), dpi=(300.0, 200.0), exif=exif, format="png", notes=("x",))
    erased = erase(picture, block(), filler)
    assert_only(erased, picture, block())
    np.testing.assert_array_equal(erased.alpha, alpha)
    assert (erased.dpi, erased.exif, erased.format) == ((300.0, 200.0), exif, "png")
    assert erased.notes == ("x",)
    saved = read(erased.encode("png"))
    np.testing.assert_array_equal(saved.pixels, erased.pixels)
    np.testing.assert_array_equal(saved.alpha, alpha)


def test_the_photo_is_not_touched(filler):
    picture, mask = photo(), block()
    before = picture.pixels.copy()
    erased = erase(picture, mask, filler)
    np.testing.assert_array_equal(picture.pixels, before)
    assert not np.shares_memory(erased.pixels, picture.pixels)


def test_erasing_again_goes_on_from_there(filler):
    picture, first, second = photo(), block(), block(rows=slice(30, 33))
    again = erase(erase(picture, first, filler), second, filler)
    np.testing.assert_array_equal(again.hole, second)
    both = first | second
    np.testing.assert_array_equal(again.pixels[~both], picture.pixels[~both])
    assert (again.pixels[both] == FILLS_COLOUR).all()


def test_who_did_it_and_how_long_it_took(filler):
    erased = erase(photo(), block(), filler)
    assert erased.network == "tiny"
    assert set(erased.seconds) == {"fill", "colours"}
    assert min(erased.seconds.values()) >= 0


# what is refused, before the network runs


@pytest.mark.parametrize("size", [(1, 1), (37, 51)])
def test_an_empty_mask(filler, size):
    watched = Watched(filler)
    with pytest.raises(NothingFound, match="`mask` is empty") as caught:
        erase(photo(*size), frozen(np.zeros(size, np.bool_)), watched)
    assert caught.value.hint
    assert watched.seen == []


@pytest.mark.parametrize("size", [(1, 1), (37, 51)])
def test_a_mask_of_everything(filler, size):
    with pytest.raises(InputError, match="nothing to fill from") as caught:
        erase(photo(*size), frozen(np.ones(size, np.bool_)), filler)
    assert not isinstance(caught.value, NothingFound)
    assert caught.value.hint


def test_a_mask_of_all_that_is_opaque(filler):
    """Round it there is only what the file had cut away."""
    picture = photo(alpha=frozen(block().astype(np.uint8) * 255))
    with pytest.raises(InputError, match="nothing to fill from"):
        erase(picture, block(), filler)
    less = block(rows=slice(10, 19))
    assert_only(erase(picture, less, filler), picture, less)


def test_a_mask_of_another_size_names_both(filler):
    with pytest.raises(InputError, match="size, 51 × 37, got 37 × 51") as caught:
        erase(photo(), frozen(np.ones((51, 37), np.bool_)), filler)
    assert caught.value.hint


def test_nan_is_no_picture(tmp_path):
    painting = Inpainting(card(tmp_path, FILLS_CARD + "[inpainting]"), network(tmp_path, FILLS_NAN))
    filler = Network(painting)
    with pytest.raises(ModelOutputError, match=r"tiny\.onnx"):
        erase(photo(), block(), filler)


def test_what_the_photo_hides_must_not_come_again(filler):
    alpha = np.full((37, 51), 255, np.uint8)
    alpha[:, :4] = 0
    keep = block(rows=slice(0, 5))
    watched = Watched(filler)
    erase(photo(alpha=frozen(alpha)), block(), watched, forbidden=keep, seed=7)
    erase(photo(alpha=frozen(alpha)), block(), watched)
    erase(photo(), block(), watched)
    first, second, third = watched.more
    np.testing.assert_array_equal(first["forbidden"], keep | (alpha == 0))
    np.testing.assert_array_equal(second["forbidden"], alpha == 0)
    assert (first["seed"], third) == (7, {"forbidden": None, "seed": 0})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_feather_changes_a_few_pixels_more_and_none_that_stay(filler, dtype):
    picture, mask = photo(dtype=dtype), block()
    stays = block(rows=slice(0, 9))
    erased = erase(picture, mask, filler, forbidden=stays, feather=4)
    top = np.iinfo(dtype).max
    colour = np.array(FILLS_COLOUR) * (top // 255)
    assert np.abs(erased.pixels[mask].astype(int) - colour).max() <= (
        top // 255 if top > 255 else 0
    )
    assert (erased.hole & ~mask).any()
    assert not (erased.hole & stays).any()
    changed = (erased.pixels != picture.pixels).any(axis=2)
    assert not (changed & ~erased.hole).any()
    # Halfway over, between the two: row 22 is the third beyond the hole.
    beside = picture.pixels[22, 10].astype(float)
    share = (erased.pixels[22, 10] - beside) / (colour - beside)
    if dtype is np.uint8:  # of 16 bits the colour itself is off by up to a level of 8
        np.testing.assert_allclose(share, share.mean(), atol=0.05)
    assert 0.1 < share.mean() < 0.6


def test_a_feather_leaves_something_to_fill_from(filler):
    picture, mask = photo(), ~block(rows=slice(18, 19), columns=slice(25, 26))
    erased = erase(picture, frozen(mask), filler, feather=8)
    np.testing.assert_array_equal(erased.hole, mask)


def test_a_hole_that_overlaps_what_stays_is_filled_whole(filler):
    """What is forbidden must not be copied; the mask says what goes."""
    picture, mask = photo(), block()
    erased = erase(picture, mask, filler, forbidden=block(rows=slice(0, 15)), feather=2)
    assert (erased.pixels[mask] == FILLS_COLOUR).all()
