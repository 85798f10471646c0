"""Alphas of the unknown band through the real engine: what is known is kept, memory is bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from helpers import disc_truth, frozen
from nukki.errors import InputError, ModelOutputError
from nukki.io import images
from nukki.ops import cubic
from nukki.ops.trimap import from_alpha
from nukki.tasks.matting import Matting
from nukki.zoo import catalog
from task_files import Spy, card, channel, network, official_inputs

CARD = """
task = "matting"
input.size = [64, 64]
input.fit = "pad"
input.multiple = 8
output.index = 0
"""
RED = "red (float[1,4,H,W] x) => (float[1,1,H,W] y)" + channel(0)
SEEN = "seen (float[1,4,H,W] x) => (float[1,1,H,W] y)" + channel(3)
NAN = (
    "nan (float[1,4,H,W] x) => (float[1,1,H,W] y)"
    + """{
    one = ReduceMean <axes = [1]> (x)
    two = Sub(one, one)
    three = Sub(two, two)
    y = Div(two, three)
}"""
)
HALF = (
    "half (float[1,4,H,W] x) => (float[1,1,h,w] y) {"
    + """
    one = ReduceMean <axes = [1]> (x)
    y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (one)
}"""
)


@pytest.fixture
def matting(tmp_path):
    """A function that makes the task of a network and a card with further lines."""

    def make(text=RED, lines="[matting]"):
        return Matting(card(tmp_path, CARD + lines), Spy(network(tmp_path, text)))

    return make


def picture(height, width, seed=0):
    return frozen(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def three_levels(height, width, seed=0):
    return frozen(
        np.random.default_rng(seed).choice([0, 128, 255], (height, width)).astype(np.uint8)
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (60, 1), (37, 51), (64, 64)])
def test_what_is_known_is_kept_and_the_rest_is_the_networks(matting, size):
    image, trimap = picture(*size), three_levels(*size)
    alpha = matting().predict(image, trimap)
    assert alpha.dtype == np.float32
    assert alpha.shape == size
    assert (alpha[trimap == 255] == 1).all()
    assert (alpha[trimap == 0] == 0).all()
    band = trimap == 128
    np.testing.assert_allclose(alpha[band], image[band][:, 0] / 255, atol=1e-6)


def test_grey_pictures_and_pictures_with_alpha(matting):
    grey = frozen(picture(30, 40)[..., 0])
    rgba = frozen(np.dstack([grey, grey, grey, np.full_like(grey, 255)]))
    trimap = three_levels(30, 40)
    task = matting()
    given = [images.read(pixels).rgb8() for pixels in (grey, rgba)]
    np.testing.assert_array_equal(task.predict(given[0], trimap), task.predict(given[1], trimap))
    for wrong in (grey, rgba):
        with pytest.raises(InputError, match="`image`") as caught:
            task.predict(wrong, trimap)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("trimap", "said"),
    [
        (np.zeros((30, 41), np.uint8), "(30, 40) uint8"),
        (np.zeros((30, 40, 1), np.uint8), "(30, 40) uint8"),
        (np.zeros((30, 40), np.float32), "(30, 40) uint8"),
        (np.full((30, 40), 127, np.uint8), "got 127"),
        (np.ones((30, 40), np.bool_), "(30, 40) uint8"),
    ],
)
def test_what_is_no_trimap_of_the_picture(matting, trimap, said):
    with pytest.raises(InputError, match="`trimap`") as caught:
        matting().predict(picture(30, 40), trimap)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("level", [0, 255])
def test_without_unknown_pixels_the_network_is_not_run(matting, level):
    task = matting(NAN)
    alpha = task.predict(picture(9, 9), frozen(np.full((9, 9), level, np.uint8)))
    assert (alpha == level / 255).all()
    assert task.session.seen == []


def test_a_trimap_that_knows_nothing(matting):
    image = picture(20, 30)
    alpha = matting().predict(image, frozen(np.full((20, 30), 128, np.uint8)))
    np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=1e-6)


def test_answers_are_clipped_and_logits_become_shares(matting):
    double = RED.replace("y = Slice", "part = Slice").replace(
        "axis) }", "axis)\n y = Add(part, part) }"
    )
    image, trimap = picture(16, 16), frozen(np.full((16, 16), 128, np.uint8))
    alpha = matting(double).predict(image, trimap)
    np.testing.assert_allclose(alpha, np.minimum(image[..., 0] / 127.5, 1), atol=1e-6)
    share = matting(lines='output.activation = "sigmoid"\n[matting]').predict(image, trimap)
    np.testing.assert_allclose(share, 1 / (1 + np.exp(image[..., 0] / -255)), atol=1e-6)


def test_nan_is_refused_by_name(matting):
    with pytest.raises(ModelOutputError, match=r"tiny\.onnx") as caught:
        matting(NAN).predict(picture(9, 9), three_levels(9, 9))
    assert caught.value.hint


def test_an_answer_of_another_size_is_refused(matting):
    with pytest.raises(ModelOutputError, match="tiny") as caught:
        matting(HALF).predict(picture(16, 16), three_levels(16, 16))
    assert "(1, 1, 8, 8)" in str(caught.value)


@pytest.mark.parametrize("wanted", ["output.index = 1", "output.index = -2", 'output.name = "z"'])
def test_an_output_that_is_not_there(matting, wanted):
    lines = "[matting]"
    task = matting(lines=lines)
    task = Matting(
        card(task.session.path.parent, CARD.replace("output.index = 0", wanted) + lines),
        task.session,
    )
    with pytest.raises(ModelOutputError, match="tiny") as caught:
        task.predict(picture(9, 9), three_levels(9, 9))
    assert "y" in caught.value.hint


def test_a_network_without_a_place_for_the_trimap(matting):
    with pytest.raises(InputError, match="`x`"):
        matting(RED.replace("[1,4,", "[1,3,")).predict(picture(9, 9), three_levels(9, 9))


# tiles


def ring(height, width, radius=6):
    """A trimap whose unknown band runs round a wavy disc."""
    return frozen(from_alpha(disc_truth(height, width), radius))


def test_tiles_are_not_seen_in_the_result(matting):
    image, trimap = picture(300, 420), ring(300, 420)
    whole = matting().predict(image, trimap)
    lines = "matting.limit = 64\nmatting.overlap = 16"
    task = matting(lines=lines)
    np.testing.assert_allclose(task.predict(image, trimap), whole, atol=1e-6)
    shapes = [tensor["x"].shape for tensor in task.session.seen]
    assert len(shapes) > 10
    assert max(height * width for _, _, height, width in shapes) <= 64 * 64
    assert all((tensor["x"][0, 3] == np.float32(128 / 255)).any() for tensor in task.session.seen)


def test_neighbouring_tiles_are_blended(matting):
    """Each tile answers its own mean: steps where tiles meet are ramps, not edges."""
    mean = "mean (float[1,4,H,W] x) => (float[1,1,H,W] y)" + channel(0).replace(
        "y = Slice(x, first, last, axis) }",
        "r = Slice(x, first, last, axis)\n m = ReduceMean <axes = [2, 3]> (r)\n"
        " d = Sub(r, r)\n y = Add(d, m) }",
    )
    ramp = frozen(np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (64, 240, 3)))
    trimap = frozen(np.full((64, 240), 128, np.uint8))
    task = matting(mean, "matting.limit = 64\nmatting.overlap = 32")
    alpha = task.predict(ramp, trimap)
    assert len(task.session.seen) == 7
    line = alpha[0]
    assert (np.diff(line) >= -1e-6).all()
    assert np.diff(line).max() < 0.01
    assert line[-1] - line[0] > 0.6


def test_a_small_band_in_a_large_picture_is_seen_once(matting):
    trimap = np.zeros((500, 600), np.uint8)
    trimap[300:310, 200:230] = 128
    task = matting(lines="matting.limit = 128\nmatting.overlap = 32")
    task.predict(picture(500, 600), frozen(trimap))
    assert [tensor["x"].shape for tensor in task.session.seen] == [(1, 4, 80, 96)]


def test_twelve_megapixels_in_bounded_memory(matting):
    image = np.zeros((3000, 4000, 3), np.uint8)
    image[..., 0] = 200
    trimap = np.zeros((3000, 4000), np.uint8)
    trimap[400:2600, 600:3400] = 128
    trimap[450:2550, 650:3350] = 255
    image, trimap = frozen(image), frozen(trimap)
    task = matting(lines="matting.limit = 512\nmatting.overlap = 64")
    tracemalloc.start()
    alpha = task.predict(image, trimap)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # five float32 planes of the picture, and a tile
    band = trimap == 128
    np.testing.assert_allclose(alpha[band], np.float32(200 / 255), atol=1e-5)
    assert len(task.session.seen) < 60  # of 80 tiles those inside have nothing unknown


def test_one_picture_does_not_touch_the_next(matting):
    first, second = picture(40, 50, 1), picture(33, 21, 2)
    task = matting()
    alone = [matting().predict(image, three_levels(*image.shape[:2])) for image in (first, second)]
    together = [task.predict(image, three_levels(*image.shape[:2])) for image in (first, second)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


# the published networks' own input rules, with a network that stands in for theirs


def published(tmp_path, name, text=RED):
    return Matting(catalog.find(name), Spy(network(tmp_path, text)))


def test_indexnet_sees_what_its_authors_show(tmp_path):
    image, trimap, tensors = official_inputs("indexnet_official")
    task = published(tmp_path, "indexnet")
    task.predict(image, trimap)
    (seen,) = task.session.seen
    np.testing.assert_allclose(seen["x"], tensors["input"], atol=2e-6)


def test_indexnet_stretches_to_multiples_of_32(tmp_path):
    image, trimap = picture(33, 70), three_levels(33, 70)
    task = published(tmp_path, "indexnet")
    alpha = task.predict(image, trimap)
    (seen,) = task.session.seen
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    large = cubic.resized(image.transpose(2, 0, 1), 64, 96) / 255
    expected = (large - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(seen["x"][0, :3], expected, atol=1e-5)
    rows, columns = np.arange(64) * 33 // 64, np.arange(96) * 70 // 96
    np.testing.assert_array_equal(seen["x"][0, 3], trimap[rows][:, columns] / np.float32(255))
    back = np.clip(cubic.resized(seen["x"][0, :1], 33, 70)[0], 0, 1)
    np.testing.assert_allclose(alpha[trimap == 128], back[trimap == 128], atol=1e-6)


@pytest.mark.parametrize("name", ["vitmatte-s", "vitmatte-b"])
def test_vitmatte_sees_what_its_processor_makes(tmp_path, name):
    """Rescale, normalise by .5, the trimap / 255 as fourth channel, zeros to multiples of 32."""
    image, trimap = picture(40, 61), three_levels(40, 61)
    task = published(tmp_path, name)
    task.predict(image, trimap)
    (seen,) = task.session.seen
    expected = np.zeros((1, 4, 64, 64), np.float32)
    expected[0, :3, :40, :61] = ((image / 255 - 0.5) / 0.5).transpose(2, 0, 1)
    expected[0, 3, :40, :61] = trimap / 255
    np.testing.assert_allclose(seen["x"], expected, atol=1e-6)


def test_what_the_cards_of_matting_networks_say():
    cards = {card.name: card for card in catalog.cards("matting")}
    assert {"indexnet", "vitmatte-s", "vitmatte-b"} <= set(cards)
    assert cards["indexnet"].commercial_use == "no"
    assert all(card.convert for card in cards.values())
    assert "45.8" in dict(cards["indexnet"].published_scores).popitem()[1]
