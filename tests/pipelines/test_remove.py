"""The order of steps, with a mapper whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers import averaged, disc_truth, frozen, photo, texture
from nukki.io.images import Picture
from nukki.ops import alpha as shape
from nukki.pipelines.options import RemoveOptions
from nukki.pipelines.remove import adjust, remove


class Mapper:
    """Answers with one map, and remembers what it was shown."""

    def __init__(self, answer, reduction=1):
        self.answer = frozen(np.asarray(answer, np.float32))
        self.factor = reduction
        self.seen = None

    def reduction(self, height, width):
        return self.factor

    def predict(self, image):
        self.seen = image
        return self.answer


def scene(height=240, width=320, dtype=np.uint8, seed=1):
    """A picture, its true alpha, and a mapper that says so on a grid of 48."""
    truth = disc_truth(height, width, 2)
    front = texture(height, width, (0.75, 0.45, 0.3), 0.1, seed)
    behind = texture(height, width, (0.3, 0.45, 0.6), 0.1, seed + 9)
    pixels = frozen(photo(front, truth, behind, dtype))
    return Picture(pixels), truth, Mapper(averaged(truth, (48, 48)))


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8 bit", "16 bit"])
def depth(request):
    return request.param


@pytest.mark.parametrize("edges", ["none", "fast", "auto", "best"])
@pytest.mark.parametrize("colours", ["estimate", "keep"])
def test_what_a_cut_out_promises(depth, edges, colours):
    picture, _, mapper = scene(dtype=depth)
    cut = remove(picture, RemoveOptions(edges=edges, colours=colours), mapper)
    rgba = cut.rgba()
    top = np.iinfo(depth).max
    assert rgba.dtype == depth
    assert rgba.shape == (240, 320, 4)
    assert cut.alpha.dtype == np.float32
    assert cut.alpha.shape == (240, 320)
    assert cut.foreground.dtype == depth
    solid, gone = rgba[..., 3] == top, rgba[..., 3] == 0
    assert solid.mean() > 0.05
    assert gone.mean() > 0.3
    np.testing.assert_array_equal(rgba[solid][:, :3], picture.pixels[solid])
    assert not rgba[gone].any()
    assert cut.found
    assert cut.road == "salient"
    assert 0.6 < cut.confidence <= 1
    assert set(cut.seconds) == {"network", "edges", "colours"}


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_byte(depth, threads):
    picture, _, mapper = scene(dtype=depth)
    one = remove(picture, RemoveOptions(), mapper, threads=1).rgba()
    many = remove(picture, RemoveOptions(), mapper, threads=threads).rgba()
    assert one.tobytes() == many.tobytes()


def test_estimated_colours_leave_the_ground_behind():
    """The edge on black differs from the photo's: less of the blue ground is left in it."""
    truth = disc_truth(240, 320, 8)
    red = np.broadcast_to(np.float32([0.9, 0.2, 0.1]), (240, 320, 3))
    blue = np.broadcast_to(np.float32([0.1, 0.2, 0.9]), (240, 320, 3))
    picture = Picture(frozen(photo(red, truth, blue)))
    mapper = Mapper(averaged(truth, (120, 160)))

    def blue_in_edge(colours):
        rgba = remove(picture, RemoveOptions(colours=colours), mapper).rgba()
        edge = (rgba[..., 3] > 60) & (rgba[..., 3] < 200)
        assert edge.sum() > 200
        return rgba[edge][:, 2].mean()

    assert blue_in_edge("estimate") < 0.5 * blue_in_edge("keep")


def test_hidden_colours():
    picture, _, mapper = scene()
    zero, keep, bleed = (
        remove(picture, RemoveOptions(hidden=hidden), mapper).rgba()
        for hidden in ("zero", "keep", "bleed")
    )
    np.testing.assert_array_equal(zero[..., 3], keep[..., 3])
    np.testing.assert_array_equal(zero[..., 3], bleed[..., 3])
    gone = zero[..., 3] == 0
    assert not zero[gone].any()
    np.testing.assert_array_equal(keep[gone][:, :3], picture.pixels[gone])
    np.testing.assert_array_equal(keep[~gone], zero[~gone])
    np.testing.assert_array_equal(bleed[~gone], zero[~gone])
    # Spread from the edge: reddish as the subject, nothing of the bluish ground.
    assert (bleed[gone][:, 0] > bleed[gone][:, 2]).mean() > 0.95
    assert (picture.pixels[gone][:, 0] > picture.pixels[gone][:, 2]).mean() < 0.05


def test_what_a_file_had_cut_away_stays_away(depth):
    picture, _, mapper = scene(dtype=depth)
    own = np.full((240, 320), np.iinfo(depth).max, depth)
    own[:, :160] = 0
    own[:100, 160:] = np.iinfo(depth).max // 2
    cut = remove(replace(picture, alpha=frozen(own)), RemoveOptions(edges="none"), mapper)
    whole = remove(picture, RemoveOptions(edges="none"), mapper)
    assert not cut.rgba()[:, :160].any()
    np.testing.assert_array_equal(cut.alpha[100:, 160:], whole.alpha[100:, 160:])
    np.testing.assert_allclose(cut.alpha[:100, 160:], whole.alpha[:100, 160:] / 2, atol=0.003)
    assert (mapper.seen != 0).any()


def test_the_network_sees_hidden_pixels_as_grey():
    picture, _, mapper = scene()
    remove(replace(picture, alpha=frozen(np.zeros((240, 320), np.uint8))), RemoveOptions(), mapper)
    assert (mapper.seen == 128).all()


@pytest.mark.parametrize(("allowed", "shown"), [(1, (1500, 600)), (2, (750, 300)), (5, None)])
def test_the_network_sees_the_picture_reduced_as_far_as_it_allows(allowed, shown):
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (1500, 600, 3), np.uint8))
    mapper = Mapper(np.zeros((8, 8)), reduction=allowed)
    remove(Picture(pixels), RemoveOptions(), mapper)
    height, width = mapper.seen.shape[:2]
    if shown:
        assert (height, width) == shown
    else:
        assert 1500 / 5 <= height <= 1500 / 2


class Matter:
    """Answers every unknown pixel with one value, and remembers what it was shown."""

    def __init__(self, value):
        self.value = np.float32(value)
        self.calls = []

    def predict(self, image, trimap):
        self.calls.append((image, trimap))
        return np.where(trimap == 128, self.value, (trimap == 255).astype(np.float32))


@pytest.mark.parametrize("edges", ["none", "auto"])
def test_matting_draws_the_band_around_the_edge_anew(depth, edges):
    picture, truth, mapper = scene(dtype=depth)
    matter = Matter(0.25)
    cut = remove(picture, RemoveOptions(edges=edges), mapper, matting=matter)
    ((image, trimap),) = matter.calls
    np.testing.assert_array_equal(image, picture.rgb8())
    np.testing.assert_array_equal(trimap, cut.trimap)
    np.testing.assert_array_equal(cut.alpha[trimap == 128], 0.25)
    np.testing.assert_array_equal(cut.alpha[trimap == 255], 1)
    np.testing.assert_array_equal(cut.alpha[trimap == 0], 0)
    band = (truth > 0.02) & (truth < 0.98)
    assert (trimap[band] == 128).mean() > 0.95
    assert (trimap == 128).mean() < 0.25
    rgba = cut.rgba()
    np.testing.assert_array_equal(rgba[trimap == 255][:, :3], picture.pixels[trimap == 255])


def test_matting_comes_before_what_the_user_wishes():
    picture, _, mapper = scene()
    cut = remove(picture, RemoveOptions(binary=True, invert=True), mapper, matting=Matter(0.25))
    solid = remove(picture, RemoveOptions(), mapper, matting=Matter(0.25)).alpha == 1
    np.testing.assert_array_equal(cut.alpha, ~solid)


def test_without_a_subject_there_is_no_matting():
    picture, _, _ = scene()
    matter = Matter(1)
    cut = remove(picture, RemoveOptions(), Mapper(np.full((32, 32), 0.3)), matting=matter)
    assert not cut.found
    assert matter.calls == []


def test_inverting_keeps_what_is_behind():
    picture, _, mapper = scene()
    plain = remove(picture, RemoveOptions(), mapper)
    inverted = remove(picture, RemoveOptions(invert=True), mapper)
    np.testing.assert_allclose(inverted.alpha, 1 - plain.alpha, atol=1e-6)
    rgba = inverted.rgba()
    solid = rgba[..., 3] == 255
    np.testing.assert_array_equal(rgba[solid][:, :3], picture.pixels[solid])
    assert (rgba[plain.alpha == 1] == 0).all()


def test_cropping_is_the_box_and_its_margin():
    picture, _, mapper = scene()
    whole = remove(picture, RemoveOptions(), mapper)
    box = whole.box()
    for margin in (0, 7, 10_000):
        part = remove(picture, RemoveOptions(crop=margin), mapper)
        where = box.grown(margin, 240, 320).slices()
        np.testing.assert_array_equal(part.rgba(), whole.rgba()[where])
        np.testing.assert_array_equal(part.picture.pixels, picture.pixels[where])
    assert part.rgba().shape == (240, 320, 4)


def test_the_table_is_the_order():
    """Threshold comes before growing, growing before the feather, inverting last."""
    alpha = frozen(averaged(disc_truth(80, 90), (80, 90)))
    options = RemoveOptions(threshold=(0.3, 0.6), grow=2, feather=1.5, invert=True)
    step = shape.levels(alpha, 0.3, 0.6)
    step = shape.feather(shape.grow(step, 2), 1.5)
    np.testing.assert_array_equal(adjust(alpha, options), 1 - step)
    holes = RemoveOptions(binary=True, fill_holes=True, largest=True)
    adjusted = adjust(alpha, holes)
    assert set(np.unique(adjusted)) <= {0.0, 1.0}
    expected = shape.keep_largest(shape.fill_holes(shape.levels(alpha, 0.5, 0.5)))
    np.testing.assert_array_equal(adjusted, expected)
    np.testing.assert_array_equal(adjust(alpha, RemoveOptions()), alpha)


@pytest.mark.parametrize("option", ["fill_holes", "drop_specks", "largest"])
def test_each_shape_option_does_something(option):
    alpha = np.zeros((60, 60), np.float32)
    alpha[5:40, 5:40] = 1
    alpha[15:20, 15:20] = 0
    alpha[50:52, 50:52] = 1
    alpha[45:52, 5:12] = 1
    sums = {"fill_holes": alpha.sum() + 25, "drop_specks": alpha.sum() - 4}
    sums["largest"] = alpha.sum() - 4 - 49
    adjusted = adjust(frozen(alpha), RemoveOptions(**{option: True}))
    assert adjusted.sum() == sums[option]


def test_sharpening_leaves_the_alpha_alone():
    picture, _, mapper = scene()
    plain = remove(picture, RemoveOptions(), mapper)
    crisp = remove(picture, RemoveOptions(sharpen=1.0), mapper)
    np.testing.assert_array_equal(crisp.alpha, plain.alpha)
    assert (crisp.foreground != plain.foreground).mean() > 0.3


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (np.zeros((32, 32)), False),
        (np.full((32, 32), 0.05), False),
        (np.full((32, 32), 0.4), False),
        (np.eye(64)[:1].repeat(64, axis=0) * (np.arange(64) < 1)[:, None], False),  # one cell
        (np.ones((32, 32)), True),
        (np.pad(np.ones((8, 8)), 12), True),
    ],
    ids=["nothing", "faint", "unsure", "a speck", "everything", "a subject"],
)
@pytest.mark.parametrize("crop", [None, 3])
@pytest.mark.parametrize("hidden", ["zero", "bleed"])
def test_no_subject_is_an_answer(answer, found, crop, hidden):
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8))
    cut = remove(Picture(pixels), RemoveOptions(crop=crop, hidden=hidden), Mapper(answer))
    assert cut.found is found
    rgba = cut.rgba()
    assert rgba.dtype == np.uint8
    if not answer.any():
        assert cut.confidence == 0
        assert cut.box() is None
        assert rgba.shape == (120, 90, 4)
        assert not rgba[..., 3].any()


def test_a_subject_that_fills_the_frame_is_the_photo():
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8))
    cut = remove(Picture(pixels), RemoveOptions(), Mapper(np.ones((32, 32))))
    assert (cut.rgba()[..., 3] == 255).all()
    np.testing.assert_array_equal(cut.rgba()[..., :3], pixels)
    assert cut.confidence == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (17, 3)])
@pytest.mark.parametrize("edges", ["none", "auto", "best"])
def test_extreme_shapes(size, edges):
    pixels = frozen(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    mapper = Mapper(averaged(disc_truth(64, 64), (32, 32)))
    options = RemoveOptions(edges=edges, grow=1.5, feather=2, hidden="bleed", sharpen=0.5)
    cut = remove(Picture(pixels), options, mapper)
    assert cut.rgba().shape == (*size, 4)
    assert np.isfinite(cut.alpha).all()
