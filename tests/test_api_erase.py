"""`nukki.erase`: any picture, any mask, a filling network by name."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import nukki
from helpers import frozen
from nukki.errors import FetchError, InputError, LimitExceeded, NothingFound, UnknownModel
from nukki.io.png import encode_png
from nukki.ops.segments import segment_of
from nukki.types import Box
from task_files import FILLS_CARD, FILLS_COLOUR, PAINT, at_home


@pytest.fixture
def fills():
    """The name of a network that paints every hole with one colour."""
    tables = FILLS_CARD.replace('task = "inpainting"', "") + "[inpainting]"
    at_home("fills", "inpainting", PAINT, tables)
    return "fills"


@pytest.fixture(scope="module")
def photo():
    return frozen(np.random.default_rng(3).integers(0, 256, (30, 41, 3), np.uint8))


@pytest.fixture(scope="module")
def mask():
    mask = np.zeros((30, 41), np.bool_)
    mask[5:12, 20:41] = True
    return frozen(mask)


def test_the_mask_may_be_anything_that_says_it(fills, photo, mask, tmp_path):
    grey = frozen(mask.astype(np.uint8) * 255)
    path = tmp_path / "mask.png"
    path.write_bytes(encode_png(grey))
    given = [mask, grey, path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()),
             Image.fromarray(grey), nukki.read(grey)]  # fmt: skip
    for one in given:
        erased = nukki.erase(photo, mask=one, fill=fills, grow=0)
        np.testing.assert_array_equal(erased.pixels[~mask], photo[~mask])
        assert (erased.pixels[mask] == FILLS_COLOUR).all()
        np.testing.assert_array_equal(erased.hole, mask)


def test_the_result_is_a_picture(fills, photo, mask, tmp_path):
    erased = nukki.erase(photo, mask=mask, fill=fills, grow=0, threads=1)
    assert isinstance(erased, nukki.Picture)
    assert erased.network == fills
    erased.save(tmp_path / "clean.png")
    np.testing.assert_array_equal(nukki.read(tmp_path / "clean.png").pixels, erased.pixels)


def test_wide_grey_and_transparent_photos(fills, photo, mask):
    wide = frozen(photo.astype(np.uint16) * 255)
    grey = frozen(photo[..., 0])
    rgba = frozen(np.dstack([photo, photo[..., :1]]))
    for one in (wide, grey, rgba):
        picture, erased = nukki.read(one), nukki.erase(one, mask=mask, fill=fills, grow=0)
        assert erased.pixels.dtype == one.dtype
        np.testing.assert_array_equal(erased.pixels[~mask], picture.pixels[~mask])
        scale, level = (257, 257) if one is wide else (1, 0)
        apart = erased.pixels[mask].astype(int) - np.array(FILLS_COLOUR) * scale
        assert np.abs(apart).max() <= level  # of 16 bits, between the levels of 8
    np.testing.assert_array_equal(
        nukki.erase(rgba, mask=mask, fill=fills, grow=0).alpha, rgba[..., 3]
    )


def test_an_own_file_with_its_card(fills, photo, mask, tmp_path):
    from nukki import settings

    card = tmp_path / "own.toml"
    card.write_text(FILLS_CARD + "[inpainting]")
    file = settings.models_folder() / fills / "net.onnx"
    erased = nukki.erase(photo, mask=mask, fill=str(file), card=str(card), grow=0)
    assert (erased.pixels[mask] == FILLS_COLOUR).all()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seed": -1}, InputError, "`seed` must be"),
        ({"fill": "subject"}, InputError, "must be a network for inpainting"),
        ({"fill": "lamma"}, UnknownModel, "lamma"),
        ({"fill": "lama"}, FetchError, "lama"),
        ({"fill": "fills", "max_pixels": 100}, LimitExceeded, "100"),
        ({"fill": "fills", "fil": 1}, InputError, "`fil` is not an option of erase"),
        # The inputs are told first: nothing is fetched for a mask that does not fit.
        ({"fill": "lama", "mask": np.ones((41, 30), bool)}, InputError, "41 × 30, got 30 × 41"),
        ({"fill": "lama", "mask": np.zeros((30, 41), bool)}, NothingFound, "nothing to erase"),
        ({"fill": "lama", "mask": np.ones((30, 41), bool)}, InputError, "nothing to fill from"),
        ({"fill": "lama", "mask": np.ones((30, 41, 3), np.uint8)}, InputError, "`mask` must be"),
        ({"fill": "lama", "mask": "absent.png"}, InputError, "absent.png"),
    ],
)
def test_wrong_wishes(fills, photo, mask, options, error, said):
    assert fills == "fills"
    with pytest.raises(error, match=said) as caught:
        nukki.erase(photo, **{"mask": mask, **options})
    assert caught.value.hint


@pytest.mark.parametrize("fill", ["default", "patch"])
def test_the_same_bytes_on_one_and_two_threads(photo, mask, fill):
    one, two = (nukki.erase(photo, mask=mask, fill=fill, grow=0, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.pixels[~mask], photo[~mask])
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.network == fill


def test_without_a_name_our_own_network_begins(photo, mask):
    one = nukki.erase(photo, mask=mask, grow=0)
    named = nukki.erase(photo, mask=mask, fill="default", grow=0, seed=0)
    np.testing.assert_array_equal(one.pixels, named.pixels)


@pytest.mark.parametrize("fill", ["patch", "telea", "ns"])
@pytest.mark.parametrize("kind", ["wide", "grey", "rgba", "one row"])
def test_the_fillers_without_weights_take_every_photo(photo, mask, fill, kind):
    image, hole = photo, mask
    if kind == "wide":
        image = photo.astype(np.uint16) * 257
    elif kind == "grey":
        image = photo[..., 0]
    elif kind == "rgba":
        image = np.dstack([photo, np.where(mask, np.uint8(255), photo[..., 0])])
    else:
        image, hole = photo[8:9], mask[8:9]
    image, hole = frozen(image), frozen(hole)
    picture, erased = nukki.read(image), nukki.erase(image, mask=hole, fill=fill, grow=0)
    assert erased.network == fill
    assert erased.pixels.dtype == image.dtype
    np.testing.assert_array_equal(erased.pixels[~hole], picture.pixels[~hole])
    again = nukki.erase(image, mask=hole, fill=fill, grow=0)
    np.testing.assert_array_equal(erased.pixels, again.pixels)


# things instead of a mask


@pytest.fixture
def found(photo):
    """A photo whose things were found before: two of them."""
    picture = nukki.read(photo)
    things = []
    for number, (rows, columns) in enumerate(((slice(4, 16), slice(3, 11)),
                                              (slice(6, 20), slice(25, 33))), start=1):  # fmt: skip
        inside = np.zeros((30, 41), np.bool_)
        inside[rows, columns] = True
        segment = segment_of(inside, Box(0, 0, 41, 30), (30, 41), label="cat", score=0.9)
        things.append(nukki.Instance(number, segment, picture))
    return things


PLAIN = {"shape": "mask", "grow": 0, "second_pass": "never"}


def test_things_that_were_found_go(fills, photo, found):
    erased = nukki.erase(photo, found[0], fill=fills, **PLAIN)
    np.testing.assert_array_equal(erased.hole, found[0].mask)
    np.testing.assert_array_equal(erased.pixels[~erased.hole], photo[~erased.hole])
    both = nukki.erase(photo, found, except_=found[1], fill=fills, **PLAIN)
    np.testing.assert_array_equal(both.hole, erased.hole)
    assert both.passes == ()
    assert [part.title for part in both.parts] == ["1 cat .90"]


def test_layers_are_cut_outs_and_what_is_behind(fills, photo, found):
    cutouts, plate = nukki.layers(photo, found, fill=fills, **PLAIN)
    assert len(cutouts) == 2
    for cut, one in zip(cutouts, found, strict=True):
        np.testing.assert_array_equal(cut.alpha > 0.5, one.mask)
    np.testing.assert_array_equal(plate.hole, found[0].mask | found[1].mask)
    assert (plate.pixels[plate.hole] == FILLS_COLOUR).all()


@pytest.mark.parametrize("both", [False, True])
def test_what_or_a_mask(photo, mask, found, both):
    given = {"what": found[0], "mask": mask} if both else {}
    with pytest.raises(InputError, match="one of them must be given") as caught:
        nukki.erase(photo, **given)
    assert caught.value.hint


def test_options_of_both_tables_are_known_and_others_are_not(photo, mask):
    with pytest.raises(InputError, match="`shap` is not an option of erase") as caught:
        nukki.erase(photo, mask=mask, shap="box")
    assert "shape" in caught.value.hint
    with pytest.raises(InputError, match="`fill` is not an option"):
        nukki.api.what_goes(photo, mask=mask, fill="patch")
