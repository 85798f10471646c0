"""Masks put into photos: worked values, PyTorch as an oracle, and the two houses' own results."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import frozen
from nukki.ops.grid import Placement
from nukki.ops.paste import aligned, expanded, nearest_in_photo, on_grid, smooth_in_photo
from nukki.types import Box

HOUSES = {"detectron2_maskrcnn": aligned, "torchvision_maskrcnn": expanded}
ways = pytest.mark.parametrize("way", [aligned, expanded])


def corners(*sides):
    return frozen(np.array(sides, np.float32))


def ones(side=28):
    return frozen(np.ones((side, side), np.float32))


def whole(part, box, height, width):
    """A crop laid into an empty photo."""
    full = np.zeros((height, width), part.dtype)
    full[box.slices()] = part
    return full


def test_each_cell_covers_its_part_of_the_box():
    mask = frozen(np.array([[1, 0], [0, 1]], np.float32))
    patch = aligned(mask, corners(1, 2, 5, 6), 8, 9)
    assert patch.box == Box(1, 2, 5, 6)
    # Two pixels a cell: centres of pixels lie a quarter of a cell from those of cells.
    expected = np.array(
        [
            [0.5625, 0.5625, 0.1875, 0.0],
            [0.5625, 0.625, 0.375, 0.1875],
            [0.1875, 0.375, 0.625, 0.5625],
            [0.0, 0.1875, 0.5625, 0.5625],
        ],
        np.float32,
    )
    np.testing.assert_allclose(patch.soft(), expected, atol=1e-6)
    np.testing.assert_array_equal(patch.hard(0.5), expected >= 0.5)


def test_the_ring_grows_the_box_by_a_cell_and_the_cut_is_towards_zero():
    # 28 cells of one pixel: the box grows to -0.5 .. 29.5 and is cut to 0 .. 29.
    patch = expanded(ones(), corners(0.5, 0.5, 28.5, 28.5), 50, 50)
    assert patch.box == Box(0, 0, 30, 30)
    soft = patch.soft()
    np.testing.assert_array_equal(soft[0], 0)
    np.testing.assert_array_equal(soft[1:29, 1:29], 1)


@ways
def test_what_lies_outside_the_photo_is_nowhere(way):
    for sides in ((-30, 5, -10, 9), (100, 5, 120, 9), (5, -30, 9, -10), (5, 60, 9, 70)):
        patch = way(ones(), corners(*sides), 40, 50)
        assert patch.box.width == 0 or patch.box.height == 0
        assert patch.soft().shape == (patch.box.height, patch.box.width)
        assert not patch.hard(0.5).any()
        assert patch.box == patch.box.within(Box(0, 0, 10_000, 10_000))


@ways
@settings(max_examples=40, deadline=None)
@given(
    st.floats(-60, 60), st.floats(-60, 60), st.floats(0.01, 150), st.floats(0.01, 150),
    st.integers(1, 60), st.integers(1, 60), st.integers(0, 99),
)  # fmt: skip
def test_a_patch_lies_in_the_photo_and_hard_is_soft_cut(
    way, left, top, wide, high, height, width, seed
):
    mask = frozen(np.random.default_rng(seed).random((7, 7), np.float32))
    patch = way(mask, corners(left, top, left + wide, top + high), height, width)
    assert 0 <= patch.box.left <= patch.box.right
    assert 0 <= patch.box.top <= patch.box.bottom
    if patch.box.width and patch.box.height:
        assert patch.box.right <= width
        assert patch.box.bottom <= height
    soft = patch.soft()
    assert soft.dtype == np.float32
    assert soft.shape == (patch.box.height, patch.box.width)
    assert ((soft >= 0) & (soft <= mask.max() + 1e-6)).all()
    np.testing.assert_array_equal(patch.hard(0.3), soft >= np.float32(0.3))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_aligned_is_a_grid_sample(torch):
    random = np.random.default_rng(5)
    for sides in ((3.3, 4.7, 30.2, 21.9), (-7.5, -3.2, 60.1, 44.4), (10, 10, 11.5, 39)):
        mask = random.random((28, 28), np.float32)
        left, top, right, bottom = sides
        x = (torch.arange(50) + 0.5 - left) / (right - left) * 2 - 1
        y = (torch.arange(40) + 0.5 - top) / (bottom - top) * 2 - 1
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)[None]
        sampled = torch.nn.functional.grid_sample(
            torch.from_numpy(mask)[None, None], grid, align_corners=False
        )[0, 0].numpy()
        patch = aligned(mask, corners(*sides), 40, 50)
        # Beyond the box the sample fades out and stays below one half.
        inside = patch.box.slices()
        np.testing.assert_allclose(patch.soft(), sampled[inside], atol=1e-5)
        sampled[inside] = 0
        assert sampled.max() < 0.5


def test_maps_over_the_whole_tensor_are_resized_as_pytorch_does(torch):
    random = np.random.default_rng(6)
    logits = frozen(random.normal(size=(3, 24, 24)).astype(np.float32))
    resize = torch.nn.functional.interpolate
    large = resize(torch.from_numpy(logits.copy())[None], size=(96, 96), mode="bilinear")[0]
    for inner, source in (((96, 96), (41, 67)), ((96, 50), (300, 157)), ((30, 96), (10, 32))):
        placement = Placement(source, (96, 96), inner)
        grid = on_grid(logits, placement)
        cut = large[:, : inner[0], : inner[1]]
        np.testing.assert_allclose(grid, cut.numpy(), atol=2e-6)
        smooth = resize(cut[None], size=source, mode="bilinear")[0].numpy()
        nearest = resize((cut > 0).float()[None], size=source, mode="nearest")[0].numpy() > 0
        for plane, here in enumerate(grid):
            mask = smooth_in_photo(here, placement, 0.1)
            doubt = np.abs(smooth[plane] - 0.1) < 1e-5
            np.testing.assert_array_equal(mask[~doubt], smooth[plane][~doubt] > 0.1)
            np.testing.assert_array_equal(nearest_in_photo(here > 0, placement), nearest[plane])


@pytest.mark.parametrize("source", [(1, 1), (1, 77), (997, 3), (4000, 3)])
def test_nearest_takes_the_cells_that_pytorch_takes(torch, source):
    mask = frozen(np.random.default_rng(7).random((384, 384)) > 0.5)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(mask.copy()).float()[None, None], size=source, mode="nearest"
    )
    found = nearest_in_photo(mask, Placement(source, (384, 384), (384, 384)))
    np.testing.assert_array_equal(found, expected[0, 0].numpy() > 0)


@pytest.mark.parametrize("name", HOUSES)
def test_pasted_masks_are_those_of_the_house(shared, name):
    """Probabilities and boxes, some of which stick out of the photo, as their code pasted them."""
    folder = shared / "parity" / name
    golden = np.load(folder / "golden_open.npz")
    calls = json.loads((folder / "manifest.json").read_text())["calls"]
    (said,) = next(each["outputs"] for each in calls if each["name"] == "paste")
    height, width = (int(side) for side in golden["in/size2"])
    patches = [
        HOUSES[name](mask, box, height, width)
        for mask, box in zip(golden["in/probs2"], golden["in/boxes2"], strict=True)
    ]
    if said["packbits"]:
        found = [whole(patch.hard(0.5), patch.box, height, width) for patch in patches]
        shape = (len(patches), height, width)
        expected = np.unpackbits(golden["paste/masks"], count=np.prod(shape)).reshape(shape)
        assert np.count_nonzero(np.stack(found) != expected) <= said["mismatches_allowed"]
        assert expected.any()
    else:
        soft = [whole(patch.soft(), patch.box, height, width) for patch in patches]
        error = np.abs(np.stack(soft)[:, None, ::2, ::2] - golden["paste/masks"])
        assert error.max() <= said["tolerance"]["max"]
