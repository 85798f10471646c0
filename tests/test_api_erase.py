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
        assert (erased.pixels[mask] == np.array(FILLS_COLOUR) * (257 if one is wide else 1)).all()
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


def test_without_a_name_the_photo_itself_fills_it(photo, mask):
    one, two = (nukki.erase(photo, mask=mask, grow=0, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.pixels[~mask], photo[~mask])
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.network == "patch"
    named = nukki.erase(photo, mask=mask, fill="patch", grow=0, seed=0)
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
