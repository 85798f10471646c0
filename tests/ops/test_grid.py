"""Pictures to a network's grid and back, against worked values and scikit-image."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from helpers import frozen
from nukki.errors import InputError, ModelOutputError
from nukki.ops import cubic
from nukki.ops.grid import Placement, enlarge, fit, reduction, to_map, unfit
from nukki.ops.sides import shortest_edge
from nukki.types import InputSpec, OutputSpec

sizes = st.integers(1, 90)
grids = st.tuples(st.integers(1, 40), st.integers(1, 40))
specs = st.builds(
    InputSpec,
    size=grids,
    fit=st.sampled_from(["stretch", "letterbox", "pad", "round", "shortest-edge"]),
    pad_after=st.booleans(),
    rounding=st.sampled_from(["nearest", "down", "down-float32"]),
    multiple=st.integers(1, 32),
    antialias=st.booleans(),
)


def picture(height, width, seed=0):
    random = np.random.default_rng(seed)
    return frozen(random.integers(0, 256, (height, width, 3), np.uint8))


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, specs)
def test_any_picture_there_and_back_has_its_own_size(height, width, spec):
    image = picture(height, width)
    tensor, placement = fit(image, spec)
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, *placement.grid)
    assert tensor.flags.c_contiguous
    assert placement.source == (height, width)
    if spec.fit in ("pad", "round"):
        assert all(side % spec.multiple == 0 for side in placement.grid)
        assert all(
            0 <= g - s < spec.multiple for g, s in zip(placement.grid, (height, width), strict=True)
        )
        assert placement.inner == (placement.grid if spec.fit == "round" else (height, width))
    elif spec.fit == "shortest-edge":
        assert all(
            g == -(-i // spec.multiple) * spec.multiple
            for i, g in zip(placement.inner, placement.grid, strict=True)
        )
    else:
        assert placement.grid == spec.size
        assert all(1 <= i <= g for i, g in zip(placement.inner, placement.grid, strict=True))
    alpha = unfit(tensor[:, :1], placement, OutputSpec())
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("how", ["stretch", "letterbox", "pad", "round", "shortest-edge"])
@pytest.mark.parametrize("antialias", [True, False])
def test_extreme_shapes(shape, how, antialias):
    spec = InputSpec(size=(32, 48), fit=how, multiple=32, antialias=antialias)
    tensor, placement = fit(frozen(np.full((*shape, 3), 51, np.uint8)), spec)
    alpha = unfit(tensor[0, 0], placement, OutputSpec())
    assert alpha.shape == shape
    np.testing.assert_allclose(alpha, 0.2, atol=1e-6)


def test_the_grids_own_size_is_taken_as_it_is():
    image = picture(20, 30)
    tensor, placement = fit(image, InputSpec(size=(20, 30)))
    np.testing.assert_array_equal(tensor[0].transpose(1, 2, 0), image / np.float32(255))
    raw = frozen(np.random.default_rng(1).random((1, 1, 20, 30), np.float32))
    np.testing.assert_array_equal(unfit(raw, placement, OutputSpec()), raw[0, 0])


def test_mean_and_std_are_worked_out_per_channel():
    image = frozen(np.full((2, 2, 3), (51, 102, 255), np.uint8))
    spec = InputSpec(size=(2, 2), mean=(0.1, 0.2, 0.5), std=(0.5, 0.25, 2.0))
    tensor, _ = fit(image, spec)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [0.2, 0.8, 0.25], rtol=1e-6)


def test_bgr_turns_the_colours_but_not_mean_and_std():
    image = frozen(np.full((2, 2, 3), (51, 102, 255), np.uint8))
    spec = InputSpec(size=(2, 2), channels="bgr", mean=(0.5, 0.2, 0.1), std=(2.0, 0.25, 0.5))
    tensor, _ = fit(image, spec)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [0.25, 0.8, 0.2], rtol=1e-6)


def test_padding_comes_before_or_after_scale_mean_and_std():
    image = frozen(np.full((2, 3, 3), 51, np.uint8))
    spec = InputSpec(size=(1, 1), fit="pad", multiple=4, mean=(0.1,) * 3, pad_value=255)
    before, placement = fit(image, spec)
    after, _ = fit(image, dataclasses.replace(spec, pad_after=True))
    assert placement.grid == (4, 4)
    np.testing.assert_allclose(before[0, :, 2:], 0.9, rtol=1e-6)
    np.testing.assert_allclose(before[0, :, :2, 3], 0.9, rtol=1e-6)
    np.testing.assert_array_equal(after[0, :, 2:], 0)
    np.testing.assert_array_equal(after[0, :, :2, 3], 0)
    np.testing.assert_array_equal(before[0, :, :2, :3], after[0, :, :2, :3])


def test_letterboxed_halves_go_up():
    # 5 · 0.5 = 2.5; SAM's authors add a half and truncate.
    _, placement = fit(picture(5, 8), InputSpec(size=(4, 4), fit="letterbox"))
    assert placement.inner == (3, 4)


HOUSES = {
    "detectron2_maskrcnn": {
        "channels": "bgr",
        "scale": 1.0,
        "mean": (103.53, 116.28, 123.675),
        "rounding": "nearest",
    },
    "torchvision_maskrcnn": {
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "rounding": "down-float32",
        "antialias": False,
    },
}


@pytest.mark.parametrize("name", HOUSES)
@pytest.mark.parametrize("size", [(256, 480), (800, 1333)])
def test_the_tensor_is_the_one_of_the_networks_authors(shared, name, size):
    folder = shared / "parity" / name
    golden = np.load(folder / "golden_open.npz")
    call = "preprocess" if name.startswith("detectron2") else "transform"
    call += "_800" if size[0] == 800 else ""
    said = json.loads((folder / "manifest.json").read_text())["calls"]
    outputs = next(each["outputs"] for each in said if each["name"] == call)
    stride = tuple(slice(None, None, step) for step in outputs[0]["stored_stride"])
    spec = InputSpec(size=size, fit="shortest-edge", multiple=32, pad_after=True, **HOUSES[name])
    tensor, placement = fit(frozen(golden["in/img0"]), spec)
    assert placement.inner == tuple(golden[f"{call}/image_size"])
    assert list(tensor.shape) == outputs[0]["shape"]
    error = np.abs(tensor[stride] - golden[f"{call}/tensor"]).max()
    assert error <= outputs[0]["tolerance"]["max"]


def test_own_maximum_divides_by_the_brightest_value():
    image = np.zeros((4, 4, 3), np.uint8)
    image[1, 2] = (10, 80, 40)
    tensor, _ = fit(frozen(image), InputSpec(size=(4, 4), scale="own-maximum"))
    np.testing.assert_allclose(tensor[0, :, 1, 2], [0.125, 1.0, 0.5])


def test_own_maximum_of_a_black_picture_is_finite():
    image = frozen(np.zeros((9, 7, 3), np.uint8))
    tensor, _ = fit(image, InputSpec(size=(4, 4), scale="own-maximum", mean=(0.5, 0.5, 0.5)))
    np.testing.assert_array_equal(tensor, -0.5)


def test_letterbox_keeps_the_aspect_ratio_and_fills_the_rest():
    image = frozen(np.full((100, 50, 3), 255, np.uint8))
    tensor, placement = fit(image, InputSpec(size=(64, 64), fit="letterbox", pad_value=102))
    assert placement == Placement((100, 50), (64, 64), (64, 32))
    np.testing.assert_allclose(tensor[..., :32], 1.0)
    np.testing.assert_allclose(tensor[..., 32:], 0.4)
    alpha = unfit(tensor[:, 0], placement, OutputSpec())
    np.testing.assert_array_equal(alpha, np.ones((100, 50), np.float32))  # no padding leaks in


def test_pad_leaves_every_pixel_where_it_is():
    image = picture(33, 65)
    spec = InputSpec(size=(8, 8), fit="pad", multiple=32)
    tensor, placement = fit(image, spec)
    assert tensor.shape == (1, 3, 64, 96)
    np.testing.assert_array_equal(tensor[0, 1, :33, :65], image[..., 1] / np.float32(255))
    assert not tensor[..., 33:, :].any()
    assert not tensor[..., 65:].any()
    np.testing.assert_array_equal(
        unfit(tensor[:, 1], placement, OutputSpec()), image[..., 1] / np.float32(255)
    )


def test_sampling_by_hand():
    # Centres of 3 pixels over 4: (i + ½) · 4/3 - ½ = 1/6, 3/2, 17/6.
    row = np.repeat(np.array([[0], [60], [120], [240]], np.uint8)[None], 3, axis=2)
    spec = InputSpec(size=(1, 3), scale=1.0, antialias=False)
    tensor, _ = fit(frozen(row), spec)
    np.testing.assert_allclose(tensor[0, 0, 0], [10, 90, 220], rtol=1e-6)


@pytest.mark.parametrize("size", [(7, 5), (64, 41), (23, 1)])
def test_sampling_against_scikit_image(size):
    image = picture(40, 31, 3)
    tensor, _ = fit(image, InputSpec(size=size, scale=1.0, antialias=False))
    expected = resize(
        image, size, order=1, mode="edge", anti_aliasing=False, preserve_range=True
    ).transpose(2, 0, 1)
    np.testing.assert_allclose(tensor[0], expected, atol=0.02)


def test_antialias_averages_where_sampling_picks():
    image = np.zeros((64, 64, 3), np.uint8)
    image[::2] = 255  # stripes that sampling at every fourth pixel cannot see
    image = frozen(image)
    smooth, _ = fit(image, InputSpec(size=(16, 16)))
    assert np.abs(smooth[..., 2:-2, :] - 0.5).max() < 0.02
    image = np.zeros((64, 64, 3), np.uint8)
    image[::8] = 255
    sampled, _ = fit(frozen(image), InputSpec(size=(8, 8), antialias=False))
    assert not sampled.any()


def test_cubic_sampling_is_opencvs():
    image = picture(33, 40)
    spec = InputSpec((1, 1), "round", 32, scale=1.0, antialias=False, resample="bicubic")
    tensor, placement = fit(image, spec)
    assert placement.grid == placement.inner == (64, 64)
    np.testing.assert_array_equal(tensor[0], cubic.resized(image.transpose(2, 0, 1), 64, 64))


def test_sampling_with_another_kernel_is_refused():
    spec = InputSpec(size=(8, 8), antialias=False, resample="lanczos")
    with pytest.raises(InputError, match="lanczos") as caught:
        fit(picture(16, 16), spec)
    assert caught.value.hint


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos"])
def test_every_kernel_keeps_a_flat_picture_flat(kernel):
    image = frozen(np.full((31, 17, 3), 102, np.uint8))
    tensor, _ = fit(image, InputSpec(size=(8, 40), resample=kernel))
    np.testing.assert_allclose(tensor, 0.4, atol=1e-6)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_only_rgb8_is_taken(bad):
    with pytest.raises(InputError, match="image") as caught:
        fit(bad, InputSpec(size=(4, 4)))
    assert str(bad.shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1, 8, 9), (1, 2, 8, 8), (8,), (2, 1, 8, 8), (64,), ()])
def test_an_answer_of_another_shape_is_refused(shape):
    placement = Placement((10, 10), (8, 8), (8, 8))
    with pytest.raises(ModelOutputError, match="shape") as caught:
        to_map(np.zeros(shape, np.float32), placement, OutputSpec())
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (1, 1, 8, 8)])
def test_leading_ones_are_no_other_shape(shape):
    placement = Placement((8, 8), (8, 8), (8, 8))
    raw = frozen(np.random.default_rng(0).random(shape, np.float32))
    np.testing.assert_array_equal(to_map(raw, placement, OutputSpec()), raw.reshape(8, 8))


def test_a_flat_answer_under_min_max_is_nothing():
    placement = Placement((5, 5), (4, 4), (4, 4))
    for value in (0.0, 0.7, -3.0, 1.0):
        raw = frozen(np.full((4, 4), value, np.float32))
        alpha = unfit(raw, placement, OutputSpec(range="min-max"))
        np.testing.assert_array_equal(alpha, np.zeros((5, 5), np.float32))


def test_min_max_looks_at_the_picture_and_not_at_the_padding():
    raw = np.full((4, 4), 99, np.float32)
    raw[:2, :3] = [[1, 2, 3], [5, 4, 1]]
    placement = Placement((2, 3), (4, 4), (2, 3))
    alpha = to_map(frozen(raw), placement, OutputSpec(range="min-max"))
    np.testing.assert_allclose(alpha, [[0, 0.25, 0.5], [1, 0.75, 0]])


def test_sigmoid_of_anything_gives_no_warning():
    raw = frozen(np.array([[-1000, 0], [np.log(3), 1000]], np.float32))
    placement = Placement((2, 2), (2, 2), (2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alpha = to_map(raw, placement, OutputSpec(activation="sigmoid"))
    np.testing.assert_allclose(alpha, [[0, 0.5], [0.75, 1]], atol=1e-6)


def test_absolute_values_are_clipped():
    raw = frozen(np.array([[-0.5, 0.25], [1.0, 2.0]], np.float32))
    placement = Placement((2, 2), (2, 2), (2, 2))
    np.testing.assert_array_equal(to_map(raw, placement, OutputSpec()), [[0, 0.25], [1, 1]])


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4000), specs)
def test_reduction_leaves_twice_the_grid(height, width, spec):
    factor = reduction(height, width, spec)
    assert factor >= 1
    if not spec.antialias or spec.fit in ("pad", "round"):
        assert factor == 1
        return
    inner = _inner(height, width, spec)
    if factor > 1:
        assert height // factor >= 2 * inner[0]
        assert width // factor >= 2 * inner[1]
    assert height // (factor + 1) < 2 * inner[0] or width // (factor + 1) < 2 * inner[1]


def _inner(height, width, spec):
    if spec.fit == "stretch":
        return spec.size
    if spec.fit == "shortest-edge":  # tests/ops/test_sides.py holds it to the publishers' rules
        return shortest_edge(height, width, *spec.size, spec.rounding)
    scale = min(spec.size[0] / height, spec.size[1] / width)
    return max(1, math.floor(height * scale + 0.5)), max(1, math.floor(width * scale + 0.5))


def test_reduction_costs_next_to_nothing(astronaut):
    from nukki.io.images import Picture

    big = frozen(astronaut.repeat(4, axis=0).repeat(4, axis=1))
    spec = InputSpec(size=(288, 288))
    factor = reduction(2048, 2048, spec)
    assert factor == 3
    whole, _ = fit(big, spec)
    less, _ = fit(Picture(big).rgb8(reduce=factor), spec)
    assert np.abs(whole - less).mean() < 0.01


def test_a_coarser_grid_is_fitted_from_the_whole_spec():
    spec = dataclasses.replace(InputSpec(size=(320, 320)), antialias=False)
    assert reduction(4000, 6000, spec) == 1
    assert reduction(4000, 6000, InputSpec(size=(320, 320))) == 6


def test_enlarge_gives_an_own_array():
    values = frozen(np.random.default_rng(0).random((6, 4), np.float32))
    same = enlarge(values, 6, 4)
    same[0, 0] = 5
    assert enlarge(values, 12, 8).flags.writeable


def test_enlarge_by_hand():
    values = frozen(np.array([[0, 1]], np.float32))
    np.testing.assert_allclose(enlarge(values, 1, 4), [[0, 0.25, 0.75, 1]], atol=1e-6)
