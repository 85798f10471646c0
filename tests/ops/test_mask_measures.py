"""Masks against the truth: worked cases, and average precision of masks as pycocotools has it."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from helpers import frozen
from nukki.ops.detection_measures import (
    average_precision,
    judged,
    overlap_with_crowds,
    precision_and_recall,
    recall,
)
from nukki.ops.mask_measures import pixels_of, shared_pixels, union_iou
from nukki.ops.runs import to_runs, to_text

HEIGHT, WIDTH = 40, 60


def block(top, bottom, left, right):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return frozen(mask)


LEFT, MIDDLE, RIGHT = block(0, 40, 0, 20), block(0, 40, 10, 30), block(0, 40, 40, 60)


def test_shared_pixels_by_hand():
    np.testing.assert_array_equal(
        shared_pixels([LEFT, RIGHT], [LEFT, MIDDLE, RIGHT]), [[800, 400, 0], [0, 0, 800]]
    )
    np.testing.assert_array_equal(pixels_of([LEFT, block(0, 1, 0, 3)]), [800, 3])
    assert shared_pixels([], [LEFT]).shape == (0, 1)
    assert shared_pixels([LEFT], []).shape == (1, 0)


def test_shared_pixels_of_large_masks_are_exact():
    """16 million pixels are as many as float32 can count, and this is one more."""
    mask = frozen(np.ones((4097, 4097), np.bool_))
    assert shared_pixels([mask], [mask])[0, 0] == 4097 * 4097


def test_the_union_of_everything():
    assert union_iou([LEFT], [LEFT, RIGHT]) == 1 / 2
    assert union_iou([LEFT, MIDDLE], [LEFT]) == pytest.approx(800 / 1200)
    # Told apart otherwise, but the same pixels.
    assert union_iou([LEFT, MIDDLE], [block(0, 40, 0, 5), block(0, 40, 5, 30)]) == 1


def test_the_union_where_nothing_is():
    assert union_iou([], []) is None
    assert union_iou([LEFT], []) == union_iou([], [LEFT]) == 0


def test_crowds_count_for_nothing_in_the_union():
    assert union_iou([LEFT, RIGHT], [LEFT], RIGHT) == 1
    assert union_iou([RIGHT], [], RIGHT) is None
    # A crowd takes nothing from what is drawn one by one.
    assert union_iou([block(0, 40, 0, 10)], [LEFT], MIDDLE) == 1 / 2


def test_recall_and_precision_at_one_half():
    """One found well, one found by less than half, one not at all, one that is nothing."""
    truths = [LEFT, RIGHT, block(0, 10, 20, 40)]
    masks = [block(0, 30, 0, 20), block(0, 19, 40, 60), block(30, 40, 20, 40)]
    table = shared_pixels(masks, truths)
    none = np.zeros(3, np.bool_)
    overlaps = overlap_with_crowds(table, pixels_of(masks), pixels_of(truths), none)
    found = judged(overlaps, np.array([0.9, 0.8, 0.7]), none, (0.5,))
    precision, share = precision_and_recall([found])
    np.testing.assert_allclose([precision[0], share[0]], [1 / 3, 1 / 3])


def random_photo(random):
    """Truths, which are crowds, masks and scores; masks are truths moved a little."""
    truths = []
    for _ in range(random.integers(1, 5)):
        top, left = random.integers(0, 28), random.integers(0, 45)
        truths.append(block(top, top + random.integers(3, 12), left, left + random.integers(3, 15)))
    crowd = random.random(len(truths)) < 0.2
    masks = [
        frozen(np.roll(truths[random.integers(0, len(truths))], random.integers(-2, 3, 2), (0, 1)))
        for _ in range(6)
    ]
    return truths, crowd, masks, (random.permutation(6) + 1) / 8


def test_the_average_precision_of_masks_is_pycocotools():
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    random = np.random.default_rng(4)
    photos = [random_photo(random) for _ in range(8)]
    rows, answers = [], []
    for image, (truths, crowd, masks, scores) in enumerate(photos):
        for mask, marked in zip(truths, crowd, strict=True):
            runs = to_runs(mask)
            shape = {"size": [HEIGHT, WIDTH], "counts": runs if marked else to_text(runs)}
            rows.append(
                {"id": len(rows) + 1, "image_id": image, "category_id": 1, "iscrowd": int(marked),
                 "area": int(mask.sum()), "bbox": [0, 0, 1, 1], "segmentation": shape}
            )  # fmt: skip
        answers += [
            {"image_id": image, "category_id": 1, "score": float(score),
             "segmentation": {"size": [HEIGHT, WIDTH], "counts": to_text(to_runs(mask))}}
            for mask, score in zip(masks, scores, strict=True)
        ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        told = coco.COCO()
        told.dataset = {
            "images": [{"id": i, "width": WIDTH, "height": HEIGHT} for i in range(len(photos))],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": rows,
        }
        told.createIndex()
        run = evaluation.COCOeval(told, told.loadRes(answers), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    ours = []
    for truths, crowd, masks, scores in photos:
        shared = shared_pixels(masks, truths)
        overlaps = overlap_with_crowds(shared, pixels_of(masks), pixels_of(truths), crowd)
        ours.append(judged(overlaps, scores, crowd))
    precision = average_precision(ours)
    assert 0.1 < precision.mean() < 0.9  # the case says something
    np.testing.assert_allclose(
        [precision.mean(), precision[0], precision[5], recall(ours).mean()],
        run.stats[[0, 1, 2, 8]],
        atol=1e-9,
    )
