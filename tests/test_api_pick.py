"""`nukki.pick`: any kind of picture, clicks and boxes, and what nobody can mean."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import nukki
from finding_networks import PROMPTED_CARD, prompted_networks
from helpers import frozen
from nukki.errors import (
    FetchError,
    InputError,
    LimitExceeded,
    ModelOutputError,
    NothingFound,
    UnknownModel,
)
from nukki.types import Box, Point
from picking_networks import PICK_CARD, decoder, encoder

BOX = Box(20, 10, 50, 40)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Options that name a tiny network: what it answers is what it is asked."""
    return files(tmp_path_factory.mktemp("tiny"))


def files(folder, *, card=PICK_CARD, make=None, **options):
    if make is None:
        encoder(folder / "a.onnx")
        decoder(folder / "b.onnx", **options)
    else:
        make(folder / "a.onnx", folder / "b.onnx")
    words = 'files = [{ name = "a.onnx" }, { name = "b.onnx" }]\n'
    (folder / "a.toml").write_text(words + card, encoding="utf-8")
    return {"model": str(folder / "a.onnx"), "card": str(folder / "a.toml")}


@pytest.fixture
def photo():
    """(60, 80, 3): grey, with a red block in the box."""
    pixels = np.full((60, 80, 3), 128, np.uint8)
    pixels[BOX.slices()] = (230, 60, 60)
    return frozen(pixels)


def test_any_kind_of_picture_is_taken(tiny, photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    pictures = {
        "rgb": photo,
        "bytes": file.getvalue(),
        "rgba": frozen(np.dstack([photo, np.full((60, 80, 1), 255, np.uint8)])),
        "16 bit": frozen(photo.astype(np.uint16) * 257),
        "PIL": Image.fromarray(photo),
        "picture": nukki.read(photo),
    }
    wanted = nukki.pick(photo, box=BOX, **tiny)
    assert wanted.mask[25, 35]
    assert 0.9 < wanted.area / 900 < 1.1
    for kind, picture in pictures.items():
        found = nukki.pick(picture, box=BOX, **tiny)
        assert found.mask.tobytes() == wanted.mask.tobytes(), kind
        assert found.score == wanted.score
    grey = nukki.pick(frozen(photo[..., 0]), box=BOX, **tiny)
    assert 0.9 < grey.area / 900 < 1.1


def test_pairs_are_points_and_fours_are_boxes(tiny, photo):
    for first, second in [
        ({"points": [(35, 25)]}, {"points": (Point(35, 25),)}),
        ({"points": [np.float32([35, 25])]}, {"points": (Point(35, 25),)}),
        ({"box": (20, 10, 50, 40)}, {"box": BOX}),
        ({"box": np.array([20, 10, 50, 40])}, {"box": BOX}),
        ({"box": [20.0, 10.0, 50.0, 40.0]}, {"box": BOX}),
    ]:
        one, two = nukki.pick(photo, **first, **tiny), nukki.pick(photo, **second, **tiny)
        assert one.mask.tobytes() == two.mask.tobytes()


def test_threads_do_not_change_a_byte(tiny, photo):
    one, two = (nukki.pick(photo, points=[(35, 25)], threads=count, **tiny) for count in (1, 2))
    assert one.alpha.tobytes() == two.alpha.tobytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "got neither"),
        ({"points": [Point(5, 5, keep=False)]}, "got neither"),
        ({"points": (35, 25)}, r"`points` must be Points or pairs \(x, y\), got 35"),
        ({"points": [(35,)]}, "`points`"),
        ({"points": [("a", 3)]}, "`points`"),
        ({"points": ["35"]}, "`points`"),
        ({"points": [None]}, "`points`"),
        ({"points": [(35, 25, False)]}, "`points`"),
        ({"points": [(float("nan"), 3)]}, "`point` must lie in the photo"),
        ({"points": [(80, 3)]}, "`point` must lie in the photo of 80 × 60"),
        ({"box": (1, 2, 3)}, "`box` must be a Box or four whole numbers"),
        ({"box": "abcd"}, "`box`"),
        ({"box": (1.5, 2, 9, 9)}, "`box`"),
        ({"box": (1, 2, float("nan"), 5)}, "`box`"),
        ({"box": (1, 2, float("inf"), 5)}, "`box`"),
        ({"box": 7}, "`box`"),
        ({"box": (20, 10, 20, 40)}, "`box` must hold a pixel"),
        ({"box": (20, 10, 81, 40)}, "`box` must hold a pixel and lie in the photo of 80 × 60"),
        ({"box": (-(10**30), 10, 81, 40)}, "`box`"),
    ],
)
def test_what_nobody_can_mean(tiny, photo, options, said):
    with pytest.raises(InputError, match=said) as caught:
        nukki.pick(photo, **options, **tiny)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"model": "subject"}, InputError, "must be a network for prompted, got one for saliency"),
        ({"model": "detect"}, InputError, "got one for detection"),
        ({"model": "maskrcnn-r50"}, InputError, "got one for instances"),
        ({"model": "samm"}, UnknownModel, "samm"),
        ({"model": "sam-vit-b"}, FetchError, "sam-vit-b"),
        ({"modl": "pick"}, InputError, "`modl` is not an option of pick"),
        ({"max_pixels": 100}, LimitExceeded, "100"),
    ],
)
def test_networks_of_other_tasks_and_other_wrong_wishes(photo, options, error, said):
    with pytest.raises(error, match=said) as caught:
        nukki.pick(photo, box=BOX, **options)
    assert caught.value.hint


def test_nothing_there(tmp_path, photo):
    faint = files(tmp_path, gain=0.4)
    with pytest.raises(NothingFound, match="nothing was found at the place that is shown"):
        nukki.pick(photo, points=[(35, 25)], **faint)


def test_an_answer_that_is_no_number(tmp_path, photo):
    with pytest.raises(ModelOutputError, match=r"b\.onnx"):
        nukki.pick(photo, box=BOX, **files(tmp_path, gain=np.nan))


def test_a_network_that_is_asked_in_sams_way(tmp_path, photo):
    """A disc around the click, of twelve pixels of the tensor: fifteen of the photo."""
    asked = files(tmp_path, card=PROMPTED_CARD, make=prompted_networks)
    found = nukki.pick(photo, points=[(35, 25)], **asked)
    assert found.mask[25, 35]
    assert found.area == pytest.approx(np.pi * 15**2, rel=0.1)
    with pytest.raises(InputError, match="`point`"):
        nukki.pick(photo, points=[(35, 60)], **asked)


def test_a_pixel(tiny):
    image = frozen(np.full((1, 1, 3), 255, np.uint8))
    found = nukki.pick(image, box=(0, 0, 1, 1), **tiny)
    assert (found.area, found.box) == (1, Box(0, 0, 1, 1))
    assert found.cut().rgba().tolist() == [[[255, 255, 255, 255]]]


def test_our_own_on_a_photo(cat):
    """The shipped network: a cat that fills the frame is found by its box and by a click."""
    boxed = nukki.pick(cat, box=(10, 5, 440, 300), threads=1)
    clicked = nukki.pick(cat, points=[(200, 160)], threads=1)
    for found in (boxed, clicked):
        assert found.mask[160, 200]
        assert found.score > 0.5
        assert 0.15 < found.area / (300 * 451) < 0.95
