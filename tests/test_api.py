"""The public functions: any kind of picture in, the embedded network in between, a result out."""

from __future__ import annotations

import io
from dataclasses import replace as changed
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nukki
from helpers import frozen, tiny_card, tiny_network
from nukki.api import load_as
from nukki.errors import (
    CardError,
    FetchError,
    InputError,
    LimitExceeded,
    ModelOutputError,
    UnknownModel,
)
from nukki.io.images import Picture
from nukki.io.png import encode_png
from nukki.tasks.inpainting import Inpainting
from nukki.tasks.matting import Matting
from nukki.tasks.saliency import Saliency
from task_files import at_home, channel


def with_alpha(pixels):
    """(H, W, 4): the left half cut away."""
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    alpha[:, : pixels.shape[1] // 2] = 0
    return frozen(np.concatenate([pixels, alpha], axis=2))


@pytest.fixture(scope="module")
def blob():
    """(90, 120, 3): a bright disc on a dark ground, found by the tiny network."""
    y, x = np.mgrid[0:90, 0:120]
    inside = np.hypot(y - 45, x - 60) < 25
    return frozen(np.where(inside[..., None], 250, 5).repeat(3, axis=2).astype(np.uint8))


@pytest.fixture
def tiny(tmp_path):
    """Options that name the tiny network: brightness is the subject."""
    return {"model": str(tiny_network(tmp_path)), "card": str(tiny_card(tmp_path)), "threads": 1}


# what goes in


def test_every_kind_of_picture_gives_the_same_bytes(blob, tiny, tmp_path):
    data = encode_png(blob)
    path = tmp_path / "blob.png"
    path.write_bytes(data)
    kinds = {
        "array": blob,
        "path": path,
        "text": str(path),
        "bytes": data,
        "file": io.BytesIO(data),
        "PIL": Image.fromarray(blob),
        "Picture": nukki.read(blob),
    }
    results = {kind: nukki.remove(given, **tiny).encode("png") for kind, given in kinds.items()}
    assert len(set(results.values())) == 1, {k: hash(v) for k, v in results.items()}
    cut = nukki.remove(blob, **tiny)
    assert cut.found
    assert cut.rgba().shape == (90, 120, 4)
    assert blob[cut.alpha == 1].min() == 250
    assert (cut.alpha[blob[..., 0] == 250] > 0.9).mean() > 0.9


def test_grey_and_transparent_arrays(blob, tiny):
    grey = nukki.remove(frozen(blob[..., 0]), **tiny)
    np.testing.assert_array_equal(grey.rgba(), nukki.remove(blob, **tiny).rgba())
    half = nukki.remove(with_alpha(blob), **tiny)
    assert not half.rgba()[:, :60].any()
    assert half.rgba()[45, 70, 3] == 255


def test_wide_pictures_stay_wide(blob, tiny):
    wide = frozen(blob.astype(np.uint16) * np.uint16(257))
    cut = nukki.remove(wide, **tiny)
    assert cut.rgba().dtype == np.uint16
    assert nukki.read(cut.encode("png")).pixels.dtype == np.uint16
    np.testing.assert_array_equal(cut.rgba()[45, 60], [64250, 64250, 64250, 65535])


def test_a_picture_is_given_back_by_read(blob):
    picture = nukki.read(blob)
    assert nukki.read(picture) is picture
    with pytest.raises(LimitExceeded):
        nukki.read(blob, max_pixels=100)
    with pytest.raises(LimitExceeded):
        nukki.remove(blob, max_pixels=100)


@pytest.mark.parametrize(
    "wrong", [b"not a picture", np.zeros((4, 4, 3)), np.zeros((4, 4, 2), "u1")]
)
def test_what_is_no_picture(wrong):
    with pytest.raises(InputError):
        nukki.remove(wrong)


# options


@pytest.mark.parametrize(
    ("option", "near"), [("edge", "edges"), ("fethaer", "feather"), ("tresh", "threshold")]
)
def test_an_unknown_option_is_told_its_near_match(blob, option, near):
    with pytest.raises(InputError, match=option) as caught:
        nukki.remove(blob, **{option: 1})
    assert near in caught.value.hint


def test_an_option_like_no_other(blob):
    with pytest.raises(InputError, match="qqq") as caught:
        nukki.remove(blob, qqq=1)
    assert "did you mean" not in (caught.value.hint or "")


def test_wrong_values_are_told_before_the_picture_is_read():
    with pytest.raises(InputError, match="edges"):
        nukki.remove("/no/such/file.jpg", edges="sharp")
    with pytest.raises(InputError, match="background"):
        nukki.remove("/no/such/file.jpg", background=(1, 2))


def test_an_unknown_model_is_told_its_near_matches(blob):
    with pytest.raises(UnknownModel, match="subjekt") as caught:
        nukki.remove(blob, model="subjekt")
    assert "subject" in caught.value.hint
    with pytest.raises(UnknownModel):
        nukki.load("u2nett")


def test_a_model_file_needs_its_card(tmp_path, blob):
    network = tiny_network(tmp_path)
    with pytest.raises(CardError, match="card"):
        nukki.remove(blob, model=str(network))
    with pytest.raises(InputError, match="absent"):
        nukki.load(tmp_path / "absent.onnx")


def test_a_network_that_answers_nan_is_named(tmp_path, blob):
    network, card = tiny_network(tmp_path, "nan"), tiny_card(tmp_path)
    with pytest.raises(ModelOutputError, match=r"nan\.onnx"):
        nukki.remove(blob, model=str(network), card=str(card))


def test_a_faint_flat_answer_is_no_subject(tmp_path, blob):
    network, card = tiny_network(tmp_path, "flat", value=0.3), tiny_card(tmp_path)
    cut = nukki.remove(blob, model=str(network), card=str(card), crop=3, hidden="bleed")
    assert cut.found is False
    assert cut.confidence == pytest.approx(0.3, abs=1e-5)
    assert cut.encode("png")


# backgrounds


@pytest.mark.parametrize(
    "colour", ["white", "#ffffff", "rgb(255, 255, 255)", (255, 255, 255), [255, 255, 255]]
)
def test_backgrounds_of_one_colour(blob, tiny, colour):
    cut = nukki.remove(blob, background=colour, **tiny)
    assert cut.background == (255, 255, 255)
    picture = nukki.replace(blob, colour, **tiny)
    assert isinstance(picture, Picture)
    assert (picture.pixels[0, 0] == 255).all()
    np.testing.assert_array_equal(picture.pixels[45, 60], blob[45, 60])
    saved = nukki.read(cut.encode("png"))
    np.testing.assert_array_equal(saved.pixels, picture.pixels)
    assert saved.alpha is None


def test_backgrounds_that_are_pictures(blob, tiny, tmp_path):
    behind = frozen(np.full((20, 30, 3), (10, 60, 90), np.uint8))
    path = tmp_path / "beach.png"
    path.write_bytes(encode_png(behind))
    given = [behind, path, str(path), path.read_bytes(), Image.fromarray(behind), Picture(behind)]
    results = [nukki.replace(blob, one, **tiny).pixels for one in given]
    assert (results[0][0, 0] == (10, 60, 90)).all()
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize(
    "wrong", ["whitee", "/no/such.png", (1, 2), (0, 0, 256), (-1, 0, 0), (1.5, 0, 0), ("a", 0, 0)]
)
def test_backgrounds_that_are_neither(blob, wrong):
    with pytest.raises(InputError, match="background") as caught:
        nukki.remove(blob, background=wrong)
    assert caught.value.hint


def test_replacing_by_nothing(blob, tiny):
    with pytest.raises(InputError, match="NoneType"):
        nukki.replace(blob, None, **tiny)


# networks


MATTING = """
input.size = [64, 64]
input.fit = "pad"
input.multiple = 32
[output]
[matting]
"""
RED = "red (float[1,4,H,W] x) => (float[1,1,H,W] y)" + channel(0)


def test_edges_drawn_anew_by_a_matting_network(blob, tiny):
    at_home("mine", "matting", RED, MATTING)
    plain, cut = nukki.remove(blob, **tiny), nukki.remove(blob, matting="mine", **tiny)
    redrawn = cut.alpha != plain.alpha
    assert redrawn.any()
    np.testing.assert_allclose(cut.alpha[redrawn], blob[redrawn][:, 0] / 255, atol=1e-6)
    far = np.hypot(*(np.indices(blob.shape[:2]) - np.array([45, 60])[:, None, None])) > 34
    np.testing.assert_array_equal(cut.alpha[far], 0)


def test_a_network_of_each_kind_is_loaded_by_its_task(tmp_path):
    at_home("mine", "matting", RED, MATTING)
    assert isinstance(nukki.load("mine"), Matting)
    echo = "echo (float[1,4,H,W] x) => (float[1,3,H,W] y)" + channel(0, 3)
    at_home("fills", "inpainting", echo, MATTING.replace("matting", "inpainting"))
    fills = load_as(Inpainting, "fills", threads=1)
    image, mask = np.full((5, 7, 3), 9, np.uint8), np.eye(5, 7, dtype=bool)
    np.testing.assert_array_equal(fills.fill(image, mask), image)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (Saliency, "lama", "`lama` must be a network for saliency, got one for inpainting"),
        (Matting, "subject", "`subject` must be a network for matting, got one for saliency"),
        (Inpainting, "indexnet", "`indexnet` must be a network for inpainting"),
    ],
)
def test_a_network_for_something_else_is_refused_before_it_is_fetched(kind, name, said):
    with pytest.raises(InputError) as caught:
        load_as(kind, name, accept_licence=True)
    assert said in str(caught.value)
    assert "models list --task" in caught.value.hint


def test_a_network_that_is_asked_needs_both_files(tmp_path):
    file, card = tiny_network(tmp_path), tmp_path / "asked.toml"
    card.write_text('task = "prompted"\ninput.size = [32, 32]\n[prompts]\n')
    with pytest.raises(InputError, match="two files"):
        nukki.load(file, card=str(card))


def test_a_network_that_has_to_be_converted_says_how(blob, tiny):
    with pytest.raises(FetchError, match="checkpoint") as caught:
        nukki.remove(blob, matting="vitmatte-s", **tiny)
    assert "nukki models get vitmatte-s" in caught.value.hint


def test_loading_and_listing():
    task = nukki.load("subject", threads=1)
    assert task.card.name == "subject"
    assert task.session.threads == 1
    everything = nukki.list_models()
    assert "subject" in {card.name for card in everything}
    assert {card.task for card in nukki.list_models("saliency")} == {"saliency"}
    for use in ("yes", "no", "unclear"):
        cards = nukki.list_models(commercial_use=use)
        assert {card.commercial_use for card in cards} <= {use}
    counts = [len(nukki.list_models(commercial_use=use)) for use in ("yes", "no", "unclear")]
    assert sum(counts) == len(everything)
    assert counts[0] > 0
    assert nukki.list_models("inpainting") == tuple(c for c in everything if c.task == "inpainting")


# the embedded network on real photos


def test_an_astronaut_is_found(astronaut):
    cut = nukki.remove(astronaut)
    assert cut.found
    assert cut.confidence > 0.8  # .98 was measured
    assert cut.mask()[100, 215] == 255  # the face
    assert cut.mask()[450, 250] == 255  # the suit
    assert cut.mask()[:60, 380:440].max() == 0  # behind the shoulder, above
    box = cut.box()
    assert box.bottom == 512
    assert box.top < 60
    assert 0.4 < cut.alpha.mean() < 0.7
    solid = cut.rgba()[..., 3] == 255
    np.testing.assert_array_equal(cut.rgba()[solid][:, :3], astronaut[solid])


def test_a_cat_is_found(cat):
    cut = nukki.remove(cat)
    assert cut.found
    assert cut.confidence > 0.8  # .96 was measured
    assert cut.mask()[110, 180] == 255  # between the eyes
    assert cut.mask()[:40, 420:].max() == 0
    assert 0.4 < cut.alpha.mean() < 0.85


@pytest.mark.parametrize("edges", ["auto", "best"])
def test_threads_do_not_change_a_byte(cat, edges):
    """Where people are found, that is tested in test_api_subject.py."""
    one = nukki.remove(cat, threads=1, edges=edges).encode("png")
    assert nukki.remove(cat, threads=2, edges=edges).encode("png") == one


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_subject(level):
    cut = nukki.remove(frozen(np.full((300, 400, 3), level, np.uint8)))
    assert cut.found is False
    assert cut.confidence < 0.1
    assert cut.box() is None
    assert not cut.rgba().any()


def test_noise_has_no_subject():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    cut = nukki.remove(frozen(noise))
    assert cut.found is False
    assert cut.confidence < 0.3


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_extreme_shapes(size):
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    cut = nukki.remove(pixels, feather=1, grow=1)
    assert cut.rgba().shape == (*size, 4)
    assert nukki.read(cut.encode("png")).pixels.shape == (*size, 3)


def test_a_photo_with_everything_said_keeps_it(blob, tiny, tmp_path):
    picture = changed(nukki.read(blob), dpi=(240.0, 240.0))
    target = Path(tmp_path) / "blob.png"
    nukki.remove(picture, **tiny).save(target)
    assert nukki.read(target).dpi == pytest.approx((240, 240), abs=0.1)


@pytest.mark.slow
def test_forty_megapixels(astronaut):
    large = Image.fromarray(astronaut).resize((6325, 6325), Image.Resampling.BICUBIC)
    pixels = frozen(np.asarray(large))
    cut = nukki.remove(pixels)
    assert cut.found
    rgba = cut.rgba()
    assert rgba.shape == (6325, 6325, 4)
    solid = rgba[..., 3] == 255
    assert 0.4 < solid.mean() < 0.7
    np.testing.assert_array_equal(rgba[..., :3][solid], pixels[solid])
